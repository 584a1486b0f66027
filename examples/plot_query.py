"""
==========================
Rows like those of a query
==========================

A model is to be used on other rows than those it learns from. Some of these are known, without labels. Which rows of
the data should it learn from?
"""

# %%
# Data of one kind, and a query of another
# ----------------------------------------
# The data are few on the right, where the model will be used; and there the border of the classes is another one.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression

from skdc import KernelHerding, QuerySelection, RandomSubset
from skdc.discrepancies import QueryMMD

rng = np.random.default_rng(0)


def rows(n, center):
    """Return rows about a centre, and which side of a bent border they are on."""
    X = rng.normal(size=(n, 2)) * [1.2, 1] + [center, 0]
    return X, (X[:, 1] > 0.6 * np.square(X[:, 0]) - 1).astype(int)


X, y = rows(2000, -1)
query, _ = rows(100, 1.5)
X_test, y_test = rows(2000, 1.5)

# %%
# Forty rows
# ----------
# Random rows and herded ones are like the data; the others are like the query, as far as the data have such rows.
CONDENSERS = [
    RandomSubset(n_samples=40, random_state=0),
    KernelHerding(by=None, n_samples=40, random_state=0),
    QuerySelection(query=query, n_samples=40, random_state=0),
]
figure, axes = plt.subplots(1, 3, figsize=(12, 3.8), sharex=True, sharey=True, layout="constrained")
for axis, condenser in zip(axes, CONDENSERS, strict=True):
    X_syn, y_syn = condenser.fit(X, y)
    score = LogisticRegression().fit(X_syn, y_syn).score(X_test, y_test)
    distance = QueryMMD(query)(X, X_syn)
    name = type(condenser).__name__
    print(f"{name}: squared MMD to the query {distance:.3f}, accuracy where the query is {score:.2f}")
    axis.scatter(*X.T, s=2, color="lightgray", label="data")
    axis.scatter(*query.T, s=12, marker="x", linewidth=0.7, color="black", label="query")
    axis.scatter(*X_syn.T, s=18, c=np.where(y_syn, "tab:blue", "tab:orange"))
    axis.set_title(f"{name}\naccuracy {score:.2f}")
axes[0].legend(loc="upper left")
plt.show()

# %%
# How many rows of each class there are, the query says.
for condenser in CONDENSERS:
    print(type(condenser).__name__, np.bincount(condenser.y_syn_), "of two classes")
