"""
===========================================
Learners that are too slow for all the rows
===========================================

The time of a Gaussian process grows with the cube of the rows: a thousand take seconds, ten thousand hours. It is
trained on a set instead. What is that worth against as many random rows?
"""

# %%
# A regression with noise
# -----------------------
# Friedman's first function of five of ten columns, which scikit-learn makes; the noise is a fifth of the deviation of
# the targets.
from time import perf_counter

import matplotlib.pyplot as plt
from sklearn.datasets import make_friedman1
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.model_selection import train_test_split

from skdc import Condenser, KMedoids, RandomSubset

X, y = make_friedman1(3000, noise=1.0, random_state=0)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=1000, random_state=0)
learner = GaussianProcessRegressor(1.0 * RBF(1.0) + WhiteKernel(), normalize_y=True, random_state=0)


def measured(condenser):
    """Return the seconds of condensing, training and predicting, and the test score."""
    start = perf_counter()
    condensed = condenser.fit(X_train, y_train).condensed_
    score = condensed.train(learner).score(X_test, y_test)
    return perf_counter() - start, score


# %%
# By size
# -------
# Rows are drawn at random, are medoids of clusters, or are those that ``Condenser()`` chooses, with targets that a
# teacher says, which has seen all rows.
SIZES = [50, 100, 200, 400]
found = {}
for condenser in (RandomSubset, KMedoids, Condenser):
    sets = [condenser(n_samples=size, task="regression", random_state=0) for size in SIZES]
    found[condenser.__name__] = [measured(part) for part in sets]
    for size, (seconds, score) in zip(SIZES, found[condenser.__name__], strict=True):
        print(f"{condenser.__name__}, {size} rows: R squared {score:.3f} in {seconds:.2f} s")

# %%
# Twice the rows take the learner eight times as long; the teacher and the choice of rows take what they take, whatever
# the learner. Where random rows are as good for the same time, they are the better set.
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for (name, points), style in zip(found.items(), ("o-", "s--", "d:"), strict=True):
    ax.plot(*zip(*points, strict=True), style, label=name)
ax.set(xscale="log", xlabel="seconds for condensing, training and predicting", ylabel="test R squared")
ax.set_title("A Gaussian process on 50 to 400 of 2000 rows")
ax.legend()
plt.show()
