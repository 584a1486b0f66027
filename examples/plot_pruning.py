"""
=====================================
Half of the rows, and ten of the rows
=====================================

Which half of the rows may go if a fifth of the labels are wrong? And which ten rows are unlike each other, and still
worth having? Two pictures in two dimensions.
"""

# %%
# Two moons, and labels of which some are wrong
# ---------------------------------------------
import matplotlib.pyplot as plt
import numpy as np
from scipy.spatial.distance import pdist
from sklearn.datasets import make_moons
from sklearn.tree import DecisionTreeClassifier

from skdc import (
    CoverageCentricSelection,
    DeterminantalSelection,
    GraphCutSelection,
    MaxMinDiversification,
    RandomSubset,
    UncertaintySubset,
)
from skdc.learners import AreaUnderMargin
from skdc.networks import MLP

rng = np.random.default_rng(0)
X, truth = make_moons(600, noise=0.15, random_state=0)
X_test, y_test = make_moons(2000, noise=0.15, random_state=1)
wrong = rng.uniform(size=600) < 0.2
y = np.where(wrong, 1 - truth, truth)

# %%
# Half of the rows
# ----------------
# How hard a row is, is the area under its margin while small networks are trained. The hardest half has all the wrong
# labels; coverage-centric selection leaves out what held-out rows are better without, and takes of all other degrees of
# difficulty as many rows.
difficulty = AreaUnderMargin(MLP(width=64, depth=1))
half = {"n_samples": 0.5, "random_state": 0}
PRUNED = [
    RandomSubset(**half),
    UncertaintySubset(difficulty=difficulty, **half),
    CoverageCentricSelection(difficulty=difficulty, **half),
]
figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), sharex=True, sharey=True, layout="constrained")
for axis, condenser in zip(axes, PRUNED, strict=True):
    rows = condenser.fit(X, y).indices_
    score = DecisionTreeClassifier(random_state=0).fit(X[rows], y[rows]).score(X_test, y_test)
    print(f"{type(condenser).__name__}: {wrong[rows].mean():.0%} wrong labels, accuracy of a tree {score:.2f}")
    axis.scatter(*X.T, s=2, color="lightgray")
    axis.scatter(*X[rows].T, s=9, c=np.where(y[rows], "tab:blue", "tab:orange"))
    axis.set_title(f"{type(condenser).__name__}\n{wrong[rows].mean():.0%} wrong, tree {score:.2f}")
plt.show()

# %%
# The errors on held-out rows are those of random rows, and of cut-offs of 0 to 50%.
print(np.round(PRUNED[-1].history_["loss"], 2))

# %%
# Ten rows
# --------
# Max-min diversification trades the density at the rows for their distance from each other; a graph cut keeps the mean
# of the data, and a determinant takes the rim first.
ten = {"n_samples": 10, "random_state": 0}
DIVERSE = [
    MaxMinDiversification(diversity=0.01, **ten),
    MaxMinDiversification(diversity=1.0, **ten),
    GraphCutSelection(**ten),
    DeterminantalSelection(**ten),
]
figure, axes = plt.subplots(1, 4, figsize=(14, 3.6), sharex=True, sharey=True, layout="constrained")
for axis, condenser in zip(axes, DIVERSE, strict=True):
    chosen = X[condenser.fit(X).indices_]
    name = type(condenser).__name__ + (f", {condenser.diversity:g}" if hasattr(condenser, "diversity") else "")
    print(f"{name}: least distance {pdist(chosen).min():.2f}")
    axis.scatter(*X.T, s=2, color="lightgray")
    axis.scatter(*chosen.T, s=30, color="tab:red")
    axis.set_title(f"{name}\nleast distance {pdist(chosen).min():.2f}")
plt.show()
