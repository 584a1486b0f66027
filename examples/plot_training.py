"""
==================================
Sets that train as all the data do
==================================

The gradients of a network on the set are to be those on the data, or the path of its training is to lead where the data
lead it: ten digits a class, and what each method sees of training.
"""

# %%
# Gradients
# ---------
# One step: the gradient of the loss on the set and on the data. The four differ in which networks are asked, what
# changes the images first, and whether means of gradients are compared or also their variances. On these images a
# hundred steps give no more than random rows, and four images in the place of one, of half the side, far less: they are
# made for larger images and longer training.
import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skdc import (
    CurvatureMatching,
    EfficientCondensation,
    GradientMatching,
    RandomSubset,
    SiameseGradientMatching,
    SoftLabelPruning,
    SoftLabelRandom,
    TrajectoryMatching,
)
from skdc.augmentation import Crop
from skdc.learners import NetworkClassifier
from skdc.networks import MLP

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X.reshape(-1, 8, 8) / 16, y, stratify=y, random_state=0)
SMALL = MLP(width=64, depth=1)


def compared(condensers):
    """Fit each condenser, and print how well a network does on its set; return the sets."""
    sets = {}
    for name, condenser in condensers.items():
        start = time.perf_counter()
        condensed = condenser.set_params(n_per_class=10, random_state=0).fit(X_train, y_train)
        seconds = time.perf_counter() - start
        soft = getattr(condensed, "y_soft_", None)
        targets = condensed.y_syn_ if soft is None else soft
        score = NetworkClassifier(MLP(), random_state=0).fit(condensed.X_syn_, targets).score(X_test, y_test)
        print(f"{name:28} {'hard' if soft is None else 'soft'} labels  MLP {score:.3f}  {seconds:5.1f} s")
        sets[name] = condensed.X_syn_
    return sets


images = compared(
    {
        "RandomSubset": RandomSubset(),
        "GradientMatching (DC)": GradientMatching(n_steps=100),
        "SiameseGradientMatching (DSA)": SiameseGradientMatching(augmentation=Crop(0.125), n_steps=100),
        "CurvatureMatching (LCMat)": CurvatureMatching(n_steps=100),
        "EfficientCondensation (IDC)": EfficientCondensation(n_steps=100),
    }
)

# %%
# Trajectories
# ------------
# Many steps: experts are trained on the data, and a student that starts on their path and trains on the set is to
# catch up with them. The exact gradient goes back through all steps of the student; the held one takes as much memory
# as a single step.
path = {"network": SMALL, "n_experts": 3, "n_student_steps": 8, "n_steps": 150}
images |= compared(
    {
        "TrajectoryMatching (MTT)": TrajectoryMatching(**path),
        "held gradient (TESLA)": TrajectoryMatching(gradient="held", **path),
        "flat experts (FTD)": TrajectoryMatching(sharpness=0.01, average=0.99, **path),
        "learned labels (DATM)": TrajectoryMatching(labels="probabilities", window=(0, 5), growth=(2, 0.5), **path),
    }
)

# %%
# Labels of few bytes
# -------------------
# A teacher labels the set, and of its labels those of two classes are kept in eight bits each. Random rows with such
# labels stand beside, since the labels do much of the work.
images |= compared(
    {
        "SoftLabelRandom": SoftLabelRandom(label_bits=8, top_labels=2),
        "SoftLabelPruning (LPLD)": SoftLabelPruning(n_train_steps=100, n_steps=100),
    }
)

# %%
# The first image of each class, set by set
# -----------------------------------------
chosen = list(images)[:7]
figure, axes = plt.subplots(len(chosen), 1, figsize=(7, 6), layout="constrained")
for axis, name in zip(axes, chosen, strict=True):
    axis.imshow(np.hstack(images[name][::10]), cmap="gray_r", vmin=0, vmax=1)
    axis.set_axis_off()
    axis.set_title(name, fontsize=8, loc="left")
plt.show()
