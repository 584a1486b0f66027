"""
======================================
A stream, seen once, chunk after chunk
======================================

A discrepancy that sees the data through mean features only needs no rows after their features have been summed.
``partial_fit`` adds a chunk to the sums, whatever the memory can hold; the synthetic set is found from the sums, and
is that of ``fit`` on all rows at once.
"""

# %%
# A stream of chunks
# ------------------
# Two classes, thirty thousand rows. The chunks differ in length, and the first of them hold one class only.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons
from sklearn.svm import SVC

from skdc import Condenser
from skdc.discrepancies import RandomFeatureMMD
from skdc.plotting import SetDisplay

X, y = make_moons(30_000, noise=0.15, random_state=0)
order = np.argsort(y, kind="stable")
X, y = X[order], y[order]
chunks = np.split(np.arange(len(X)), [100, 6_000, 20_000])

# %%
# What has to be said beforehand
# ------------------------------
# The first chunk cannot show the labels that will come, nor the scale of the data: ``classes`` and ``bandwidth`` are
# given. The bandwidth is the distance, in the units of X, below which two rows count as alike.
discrepancy = RandomFeatureMMD(bandwidth=0.3, n_features=200)
stream = Condenser(discrepancy=discrepancy, n_per_class=15, random_state=0)
for chunk in chunks:
    stream.partial_fit(X[chunk], y[chunk], classes=[0, 1])
X_syn, y_syn = stream  # the set is found when it is first read

# %%
# The same set as that of one fit
# -------------------------------
# Chunks in another order, or of other lengths, give the same sums.
at_once = Condenser(discrepancy=discrepancy, n_per_class=15, random_state=0).fit(X, y)
difference = np.abs(at_once.X_syn_ - X_syn).max()
print(f"largest difference between the two sets: {difference:.1e}")

# %%
# Thirty rows, in the shape of thirty thousand
# --------------------------------------------
SetDisplay.from_condenser(stream, X, y, max_rows=3000)

# %%
# More rows, no more memory
# -------------------------
# The stream goes on with the next chunk at any time; reading the set again solves again, from the new sums.
X_new, y_new = make_moons(1_000, noise=0.15, random_state=1)
X_syn, y_syn = stream.partial_fit(X_new, y_new)
model = SVC().fit(X_syn, y_syn)
print(f"accuracy of a support vector machine trained on {len(X_syn)} rows: {model.score(X_new, y_new):.3f}")

plt.show()
