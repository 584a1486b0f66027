"""
==========================
Ten digits instead of 1300
==========================

Condense the training set of the handwritten digits to one and to ten images of each class, train three models from
scratch on each condensed set, and compare with training on all images, on random images and on class-wise k-means.
All numbers are accuracies on test images that no condenser has seen: mean and standard deviation over splits.
"""

# %%
# The data
# --------
# 1797 images of 8 x 8 pixels; a condenser takes them as they are. Every seed makes another split.
import os
import sys
import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from skdc import (
    DistributionMatching,
    GradientMatching,
    KernelHerding,
    KernelInducingPoints,
    KMeansCondenser,
    RandomSubset,
    TrajectoryMatching,
)
from skdc.learners import KernelRidgeClassifier

N_SEEDS = int(os.environ.get("SKDC_DEMO_SEEDS", "3"))

X, y = load_digits(return_X_y=True)
X = X / 16  # grey values between 0 and 1


def split(seed):
    """Return X_train, X_test, y_train, y_test."""
    return train_test_split(X, y, test_size=0.25, stratify=y, random_state=seed)


# %%
# Condense, train, compare
# ------------------------
# A fitted condenser unpacks into the rows and the labels of its set. Kernel ridge regression is the model that
# ``KernelInducingPoints`` condenses for, and can use the targets that it learned: the condenser brings it along,
# fitted, as ``learner_``. The two other models get the plain labels. The three slowest methods take fewer steps here
# than they do by default, so that everything ends in a minute.
CONDENSERS = {
    "random rows": RandomSubset(),
    "k-means": KMeansCondenser(),
    "kernel herding": KernelHerding(),
    "distribution matching (DM)": DistributionMatching(),
    "gradient matching (DC)": GradientMatching(n_steps=100),
    "trajectory matching (MTT)": TrajectoryMatching(n_steps=100),
    "kernel inducing points (KIP)": KernelInducingPoints(n_steps=500),
}


def train_and_test(X_train, y_train, X_test, y_test, kernel_ridge=None):
    """Return the test accuracy of each model."""
    if kernel_ridge is None:
        kernel_ridge = KernelRidgeClassifier(regularization=1e-3).fit(X_train, y_train)
    linear = LogisticRegression(C=10, max_iter=1000).fit(X_train, y_train)
    nearest = KNeighborsClassifier(n_neighbors=1).fit(X_train, y_train)
    return [model.score(X_test, y_test) for model in (linear, nearest, kernel_ridge)]


def condense_and_test(condenser, seed):
    """Return the test accuracy of each model trained on the condensed set, and the seconds of condensing."""
    X_train, X_test, y_train, y_test = split(seed)
    start = time.perf_counter()
    X_syn, y_syn = condenser.fit(X_train, y_train)
    seconds = time.perf_counter() - start
    accuracies = train_and_test(X_syn, y_syn, X_test, y_test, getattr(condenser, "learner_", None))
    return [*accuracies, seconds]


def all_rows(seed):
    """Return the test accuracy of each model trained on all rows; that takes no condensing."""
    X_train, X_test, y_train, y_test = split(seed)
    return [*train_and_test(X_train, y_train, X_test, y_test), 0.0]


def report(name, n_rows, runs):
    """Print a line of the table: mean and standard deviation over the seeds."""
    mean, deviation = np.mean(runs, axis=0), np.std(runs, axis=0)
    cells = [f"{100 * m:.1f} ± {100 * d:.1f}" for m, d in zip(mean[:3], deviation[:3], strict=True)]
    print(f"{name:30}{n_rows:>6}" + "".join(f"{cell:>16}" for cell in cells) + f"{mean[3]:>9.1f}", flush=True)


print(f"{'trained on':30}{'rows':>6}{'logistic regr.':>16}{'1-neighbour':>16}{'kernel ridge':>16}{'seconds':>9}")
report("all rows", len(split(0)[0]), [all_rows(seed) for seed in range(N_SEEDS)])
images = {}  # one image a class from each condenser, for the picture
for n_per_class in (1, 10):
    print()
    for name, condenser in CONDENSERS.items():
        condensers = [clone(condenser).set_params(n_per_class=n_per_class, random_state=s) for s in range(N_SEEDS)]
        report(name, 10 * n_per_class, [condense_and_test(c, seed) for seed, c in enumerate(condensers)])
        images.setdefault(name, condensers[0].X_syn_)

# %%
# How to read the table
# ---------------------
# *Random rows* are what any method has to beat, and *k-means* is the cheap one that is hard to beat: it costs
# nothing, and nearest neighbours like its centroids. With one image a class the choice of the method matters most.
# A method made for one kind of model (KIP for kernel ridge, MTT and DC for networks) need not help another.

# %%
# The images
# ----------
# One image a class. Random rows are images of the data. k-means gives the mean image of each class; the other
# synthetic images are not meant to look like digits, but to train like many of them. Grey values outside of those of
# the data are shown as black and white.
X_train, _, y_train, _ = split(0)
rows = {"the data": np.stack([X_train[y_train == digit][0] for digit in range(10)])} | images

figure, axes = plt.subplots(len(rows), 10, figsize=(7.5, 0.6 * len(rows) + 0.3), layout="constrained")
figure.suptitle(f"One image a class, in place of {len(X_train)} images")
for (name, digits), line in zip(rows.items(), axes, strict=True):
    for image, ax in zip(digits, line, strict=True):
        ax.imshow(image.reshape(8, 8), cmap="gray", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
    line[0].set_ylabel(name, rotation=0, ha="right", va="center")

if len(sys.argv) > 1:  # where to write the picture
    figure.savefig(sys.argv[1], dpi=120)
    print(f"\nThe images are in {sys.argv[1]}")
else:
    plt.show()
