"""
==================================
Search on a set, train on all rows
==================================

A search for hyper-parameters trains a model once for each setting. On a set of a tenth of the rows that takes a
fraction of the time, and what is best there is trained on all rows at the end.
"""

# %%
# Forty settings
# --------------
# Digits, as they come with scikit-learn. A third of the rows is held out for the choice, and another for the test:
# a set is no sample of the data, so that cross-validation inside of it would say little.
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import kendalltau
from sklearn.datasets import load_digits
from sklearn.model_selection import ParameterGrid, train_test_split
from sklearn.svm import SVC

from skdc import KMedoids, RandomSubset

X, y = load_digits(return_X_y=True)
X_train, X_other, y_train, y_other = train_test_split(X / 16, y, test_size=0.4, stratify=y, random_state=0)
X_held_out, X_test, y_held_out, y_test = train_test_split(X_other, y_other, test_size=0.5, random_state=0)
SETTINGS = list(ParameterGrid({"C": np.logspace(-1, 2, 5), "gamma": np.logspace(-3, 1, 8)}))
print(len(SETTINGS), "settings,", len(X_train), "rows")

# %%
# On all rows, and on sets
# ------------------------
# ``C`` is a weight of the errors, which are summed over rows: a set of a tenth of the rows needs ten times the ``C``
# for the same balance. ``CondensedSet.train`` gives the learner what it can use of the set, its weights here.
on_all = []
start = perf_counter()
for setting in SETTINGS:
    on_all.append(SVC(**setting).fit(X_train, y_train).score(X_held_out, y_held_out))
print(f"all rows: {perf_counter() - start:.1f} s")


def on_set(condenser):
    """Return the score of each setting that is trained on a set."""
    condensed = condenser.fit(X_train, y_train).condensed_
    fewer = len(X_train) / len(condensed.y)
    learners = [SVC(C=setting["C"] * fewer, gamma=setting["gamma"]) for setting in SETTINGS]
    return [condensed.train(learner).score(X_held_out, y_held_out) for learner in learners]


found = {}
for condenser in (RandomSubset(n_samples=0.1, random_state=0), KMedoids(n_samples=0.1, random_state=0)):
    start = perf_counter()
    found[type(condenser).__name__] = on_set(condenser)
    print(f"{type(condenser).__name__}: {perf_counter() - start:.1f} s, condensing included")

# %%
# Do they choose alike?
# ---------------------
# Kendall's tau tells how far the orders agree: 1 is the same order, 0 is none. What counts in the end is the accuracy
# of the setting that is chosen, trained on all rows. `~skdc.evaluation.search_agreement` asks the same of a
# ``GridSearchCV``.
test = [SVC(**setting).fit(X_train, y_train).score(X_test, y_test) for setting in SETTINGS]
print(f"chosen on all rows: {test[np.argmax(on_all)]:.3f} on the test rows")
for name, scores in found.items():
    tau = kendalltau(scores, on_all).statistic
    print(f"chosen on {name}: {test[np.argmax(scores)]:.3f}, tau {tau:.2f}")

# %%
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for (name, scores), marker in zip(found.items(), "os", strict=True):
    ax.plot(on_all, scores, marker, label=name, alpha=0.7)
ax.set(xlabel="accuracy, trained on all rows", ylabel="accuracy, trained on a tenth", title="Forty settings of an SVC")
ax.legend()
plt.show()
