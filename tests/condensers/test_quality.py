"""Named condensers beat random rows on the digits, for two learners, with 95% confidence."""

import numpy as np
import pytest
from scipy.stats import ttest_rel
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import skdc
from skdc import Condenser, RandomlyPivotedCholesky, RandomSubset, UncertaintySubset
from skdc.condensers import NamedCondenser

SEEDS = range(5)
# Hard rows are no small training set, easy ones neither; pivots are landmarks for kernels. The docstrings say so.
WORSE = (RandomSubset, UncertaintySubset, RandomlyPivotedCholesky)
CONDENSERS = [
    cls
    for cls in (getattr(skdc, name) for name in skdc.__all__)
    if isinstance(cls, type) and issubclass(cls, NamedCondenser | Condenser) and cls not in WORSE
]


def accuracies(cls, seed):
    """Return the test accuracy of logistic regression and of an MLP trained on ten rows a class with hard labels."""
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X / 16, y, test_size=0.5, stratify=y, random_state=seed)
    X_syn, y_syn = cls(n_per_class=10, random_state=seed).fit(X_train, y_train)
    learners = [LogisticRegression(max_iter=1000), MLPClassifier(max_iter=2000, random_state=seed)]
    return [learner.fit(X_syn, y_syn).score(X_test, y_test) for learner in learners]


@pytest.fixture(scope="module")
def random_rows():
    return np.array([accuracies(RandomSubset, seed) for seed in SEEDS])


@pytest.mark.parametrize("cls", CONDENSERS, ids=lambda cls: cls.__name__)
def test_beats_random_rows(cls, random_rows):
    condensed = np.array([accuracies(cls, seed) for seed in SEEDS])
    test = ttest_rel(condensed, random_rows, alternative="greater")
    assert np.all(test.pvalue < 0.05), f"{condensed.mean(0)} against {random_rows.mean(0)}, p = {test.pvalue}"
