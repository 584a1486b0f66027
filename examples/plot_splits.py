"""
=========================
Test sets like the whole
=========================

A random test set is like the data by chance, and a score on it varies by how it was drawn. `CondensingSplit` makes
disjoint sets that are each like the whole.
"""

# %%
# Twenty test sets of each kind
# -----------------------------
# A fifth of the rows is the test set, drawn twenty times at random, and twenty times so that it is like the whole.
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.model_selection import ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdc import CondensingSplit

X, y = load_diabetes(return_X_y=True, scaled=False)
model = make_pipeline(StandardScaler(), Ridge())
# The targets are whole numbers, which may be labels: it is told that they are not.
drawn = {"random": partial(ShuffleSplit, 1), "like the whole": partial(CondensingSplit, 1, task="regression")}
scores: dict[str, list[float]] = {name: [] for name in drawn}
for seed in range(20):
    for name, kind in drawn.items():
        train, test = next(kind(test_size=0.2, random_state=seed).split(X, y))
        scores[name].append(model.fit(X[train], y[train]).score(X[test], y[test]))
for name, found in scores.items():
    print(f"{name}: {np.mean(found):.2f} ± {np.std(found, ddof=1):.2f}")

# %%
# The scores
# ----------
figure, axes = plt.subplots(figsize=(6, 2), layout="constrained")
for place, found in enumerate(scores.values()):
    axes.plot(found, np.full(20, place) + np.linspace(-0.2, 0.2, 20), "o", alpha=0.6)
axes.set(yticks=range(2), yticklabels=list(scores), xlabel="explained variance of the test set, $R^2$")
plt.show()

# %%
# Five sets at once
# -----------------
# The test sets of a cross-validation are disjoint, and every row is in one of them.
which = CondensingSplit(5, task="regression", random_state=0).sets(X, y)
for k in range(5):
    of_set = which == k
    print(f"set {k}: {of_set.sum()} rows, body mass {X[of_set, 2].mean():.2f}, progression {y[of_set].mean():.1f}")
