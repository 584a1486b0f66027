"""
========================
Ten rows of two thousand
========================

Selections choose real rows. What they choose depends on what is minimised, and a picture in two dimensions shows it
best: a dense cluster, a thin ring around it, and a few far outliers.
"""

# %%
# The data
# --------
import matplotlib.pyplot as plt
import numpy as np

from skdc import (
    FacilityLocation,
    KCenter,
    KernelHerding,
    KernelThinning,
    KMeansCondenser,
    KMedoids,
    RandomlyPivotedCholesky,
    RandomSubset,
    SteinThinning,
    WassersteinCoreset,
)
from skdc.discrepancies import MMD, CoveringRadius, QuantizationError

rng = np.random.default_rng(0)
angle = rng.uniform(0, 2 * np.pi, 700)
cluster = rng.normal(scale=0.4, size=(1290, 2))
ring = 3 * np.stack([np.cos(angle), np.sin(angle)], axis=1) + rng.normal(scale=0.15, size=(700, 2))
outliers = rng.uniform(5, 7, size=(10, 2)) * rng.choice([-1, 1], size=(10, 2))
X = np.concatenate([cluster, ring, outliers])

# %%
# Ten ways to choose
# ------------------
# They follow the mean embedding (herding, thinning), keep every row near (k-center) or the rows on average near
# (facility location, k-medoids, k-means), carry the data to points of equal mass (Wasserstein), or span the rows of the
# kernel matrix (Cholesky).
size = {"n_samples": 10, "random_state": 0}
CONDENSERS = [
    RandomSubset(**size),
    KernelHerding(**size),
    KernelThinning(**size),
    SteinThinning(**size),
    KCenter(**size),
    KCenter(outliers=0.01, **size),
    FacilityLocation(**size),
    KMedoids(**size),
    KMeansCondenser(voting="nearest", **size),
    WassersteinCoreset(snap=True, **size),
    RandomlyPivotedCholesky(**size),
    RandomlyPivotedCholesky(reweight=MMD(), **size),
]
for condenser in CONDENSERS:
    condenser.fit(X)

# %%
# What each of them is good at
# ----------------------------
# The first column counts the weights of the rows, the others do not. Herding and thinning make the MMD small with equal
# weights; those who weigh their rows may do better by it, and random pivots need solved weights to do well at all.
# K-medoids has the least mean distance, k-center the least radius. Random rows, once more, are the measure.
MEASURES = {"MMD": MMD(), "mean distance": QuantizationError(exponent=1), "radius": CoveringRadius()}


def title(condenser):
    """Return the name of a condenser, with what sets it apart."""
    extras = {"outliers": "outliers=", "voting": "", "reweight": ""}
    shown = [prefix + str(value) for name, prefix in extras.items() if (value := getattr(condenser, name, None))]
    return " ".join([type(condenser).__name__, *shown])


print(f"{'':42}" + "".join(f"{name:>15}" for name in MEASURES))
for condenser in CONDENSERS:
    values = [d(X, condenser.X_syn_, sample_weight_y=condenser.sample_weight_) for d in MEASURES.values()]
    print(f"{title(condenser):42}" + "".join(f"{value:15.4f}" for value in values))

# %%
# The picture
# -----------
# The area of a point is the mass that its row stands for. K-center takes the outliers first, unless it is told to pass
# over a share of the rows.
figure, axes = plt.subplots(3, 4, figsize=(12, 9.5), sharex=True, sharey=True, layout="constrained")
for axis, condenser in zip(axes.flat, CONDENSERS):
    axis.scatter(*X.T, s=2, color="lightgray")
    chosen = X[condenser.indices_]
    axis.scatter(*chosen.T, s=60 * condenser.sample_weight_, color="tab:red", edgecolor="black", linewidth=0.5)
    axis.set_title(title(condenser), fontsize=9)
    axis.set_aspect("equal")
plt.show()
