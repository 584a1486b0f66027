"""
==============================
Embeddings without near copies
==============================

Embeddings of texts or images hold many rows that say nearly the same. They are left out, and of the others those are
chosen that the rest is near to.
"""

# %%
# Embeddings of topics, of which some are told many times
# -------------------------------------------------------
# Rows of float16 on a sphere. Twenty of the rows are told again and again, with small changes.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA

from skdc import RandomSubset, SemanticDeduplication

rng = np.random.default_rng(0)
topics = rng.normal(size=(12, 64))
first = topics[rng.integers(12, size=600)] + 0.8 * rng.normal(size=(600, 64))
told = rng.choice(20, 600)  # of which row each copy is one
copies = first[told] + 0.1 * rng.normal(size=(600, 64))
X = np.concatenate([first, copies]).astype(np.float16)
origin = np.concatenate([np.arange(600), told])

# %%
# As many as there are
# --------------------
# No size is asked for: of rows whose cosine is above 0.95 one is kept. The weights say for how many each stands.
fitted = SemanticDeduplication(max_similarity=0.95, random_state=0).fit(X)
kept = fitted.indices_
weight = fitted.sample_weight_ / fitted.sample_weight_.min()
n_origins = len(np.unique(origin[kept]))
print(f"{len(kept)} of {len(X)} rows are kept, of {n_origins} origins; one stands for {weight.max():.0f}")

# %%
# Sixty of them
# -------------
# Random rows hold the same thing several times. Without near copies, those are chosen to which all others are near.
unit = X / np.linalg.norm(X.astype(np.float32), axis=1, keepdims=True)
plane = PCA(2).fit(unit)
figure, axes = plt.subplots(1, 2, figsize=(9, 4), sharex=True, sharey=True, layout="constrained")
for axis, condenser in zip(axes, [RandomSubset(), SemanticDeduplication()], strict=True):
    rows = condenser.set_params(n_samples=60, random_state=0).fit(X).indices_
    n_again = len(rows) - len(np.unique(origin[rows]))
    nearest = (unit @ unit[rows].T).max(axis=1).mean()
    name = type(condenser).__name__
    print(f"{name}: {n_again} rows say what another one says; the mean cosine to the nearest is {nearest:.2f}")
    axis.scatter(*plane.transform(unit).T, s=3, color="lightgray")
    axis.scatter(*plane.transform(unit[rows]).T, s=16, color="tab:red")
    axis.set_title(f"{name}: {n_again} said again")
plt.show()

# %%
# Rows in a file that is mapped to memory (``np.load(..., mmap_mode="r")``), sparse counts of words, and ``Partitions``
# are looked at piece by piece.
