"""
===========================
Features and predictions
===========================

Condensers that look through networks, or train learners on the set, side by side: ten digits a class.
"""

# %%
# What networks see
# -----------------
# These make the hidden layers of networks look alike on both sets: means of features, their distributions, where
# attention goes. Ten rows a class are condensed by each; two hidden layers of 128 are trained on them.
import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skdc import (
    CAFE,
    M3D,
    NCFM,
    RCIG,
    RFAD,
    WMDD,
    Condenser,
    DataDAM,
    DistributionMatching,
    FRePo,
    ImprovedDistributionMatching,
    KernelInducingPoints,
    LabelDistillation,
    LabelSolve,
    OptimalTransportMatching,
    RandomSubset,
    SoftLabelRandom,
    UnrolledTraining,
)
from skdc.discrepancies import SquaredL2
from skdc.evaluation import transfer_table
from skdc.kernels import RandomNetworkKernel
from skdc.learners import KernelRidgeClassifier, NetworkClassifier
from skdc.networks import MLP, ConvNet
from skdc.parameterizations import Points
from skdc.plotting import ImagesDisplay
from skdc.solvers import Descent
from skdc.spaces import FeatureRidgePredictions

X, y = load_digits(return_X_y=True)
X = X.reshape(-1, 8, 8)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
LEARNERS = {"MLP": NetworkClassifier(MLP(), random_state=0), "kernel ridge": KernelRidgeClassifier(regularization=0.01)}


def compared(condensers):
    """Fit each condenser; print its accuracies, by what the learners were given, and its seconds; return the sets."""
    sets = {}
    for condenser in condensers:
        start = time.perf_counter()
        condenser.set_params(n_per_class=10, random_state=0).fit(X_train, y_train)
        seconds = time.perf_counter() - start
        scores = transfer_table(condenser, X_test, y_test, learners=LEARNERS).scores
        best = [max(found.values()) for found in scores.values()]
        name = type(condenser).__name__
        print(f"{name:28}  MLP {best[0]:.3f}  kernel ridge {best[1]:.3f}  {seconds:5.1f} s")
        sets[name] = condenser.X_syn_
    return sets


images = compared(
    [
        RandomSubset(),
        DistributionMatching(),
        ImprovedDistributionMatching(),
        CAFE(),
        M3D(),
        NCFM(n_steps=100),
        WMDD(),
        OptimalTransportMatching(n_steps=100),
        DataDAM(network=ConvNet(width=16, depth=2), n_steps=100),
    ]
)

# %%
# What learners predict
# ---------------------
# These train a learner on the set as it changes, and make it predict the data: kernel ridge regression (KIP), ridge
# regression on features of networks (FRePo, RFAD), linearised networks (RCIG), and networks trained step by step.
images |= compared([KernelInducingPoints(), FRePo(), RFAD(), RCIG(n_steps=50), UnrolledTraining(n_steps=100)])

# %%
# All rows in each step
# ---------------------
# What kernel ridge regression in fixed features makes of the data, such as those of a convolutional network as it is
# drawn, depends on the moments of the features alone. With those in place of the rows a step sees all data, without
# noise. `learner_` is the regression that the set is made for.
kernel = RandomNetworkKernel(ConvNet(width=64, depth=1, image_shape=(8, 8)), n_networks=1)
moments = Condenser(
    SquaredL2(space=FeatureRidgePredictions(kernel), by=None), Points(labels="learned"), Descent(n_steps=100)
)
for name, condenser in {"rows, Gaussian": KernelInducingPoints(), "moments, random ConvNet": moments}.items():
    condenser.set_params(n_per_class=10, random_state=0).fit(X_train, y_train)
    print(f"{name:28}  its own learner {condenser.learner_.score(X_test, y_test):.3f}")

# %%
# New targets for real rows
# -------------------------
# Rows stay as they are, and get targets: those that are best for kernel ridge regression, in closed form; learned ones;
# or what a teacher says. Soft labels go to learners that can use them.
compared([LabelSolve(), LabelDistillation(), SoftLabelRandom()])

# %%
# The sets
# --------
# One row of each class. Those that are matched in networks stay near to digits; those that learners are trained on
# need not, since only what is learned from them counts.
one_each = np.concatenate([rows[::10] for rows in images.values()])
ImagesDisplay(one_each, np.repeat(list(images), 10), value_range=(0, 16)).plot()
plt.show()
