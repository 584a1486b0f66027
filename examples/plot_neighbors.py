"""
===========================
Rows for nearest neighbours
===========================

One nearest neighbour needs the rows at the borders of the classes, and none with wrong labels. Three rules say which
and how many: nothing is asked for.
"""

# %%
# Two classes that interlock, and some wrong labels
# -------------------------------------------------
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons
from sklearn.neighbors import KNeighborsClassifier

from skdc import CondensedNeighbors, DecrementalReduction, EditedNeighbors, KMedoids

X, y = make_moons(1500, noise=0.15, random_state=0)
X_test, y_test = make_moons(5000, noise=0.15, random_state=1)
wrong = np.random.default_rng(0).random(len(y)) < 0.05
y = np.where(wrong, 1 - y, y)

# %%
# What each of them keeps
# -----------------------
# Condensed neighbours keep all wrong labels, since they have to predict them; edited ones leave them out, and little
# else; the decremental reduction leaves out both, and the insides of the classes.
kept = {
    "all rows": (X, y),
    "EditedNeighbors": tuple(EditedNeighbors(random_state=0).fit(X, y)),
    "CondensedNeighbors": tuple(CondensedNeighbors(random_state=0).fit(X, y)),
    "DecrementalReduction": tuple(DecrementalReduction(random_state=0).fit(X, y)),
}
n_few = len(kept["DecrementalReduction"][1])
kept["KMedoids, as many"] = tuple(KMedoids(n_samples=n_few, random_state=0).fit(X, y))

figure, cells = plt.subplots(1, len(kept), figsize=(13, 3), layout="constrained", sharex=True, sharey=True)
for cell, (name, (rows, labels)) in zip(cells, kept.items(), strict=True):
    score = KNeighborsClassifier(1).fit(rows, labels).score(X_test, y_test)
    cell.scatter(*rows.T, c=labels, s=5, cmap="coolwarm")
    cell.set_title(f"{name}\n{len(labels)} rows: {100 * score:.1f}%", fontsize=9)
    print(f"{name}: {len(labels)} rows, 1-NN is right on {100 * score:.1f}%")
plt.show()
