"""Condensers that choose rows for a kernel: what they choose is better for it than what others do."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import train_test_split

from skdc import KernelHerding, RandomSubset
from skdc.condensers.selection.kernels import GreedyKernelPoints, RandomlyPivotedCholesky
from skdc.discrepancies import MMD
from skdc.discrepancies.nystrom import NystromError
from skdc.kernels import Laplace
from skdc.learners import KernelRidgeClassifier, KernelRidgeRegressor
from skdc.spaces import Standardized
from skdc.utils.estimator_checks import check_condenser

CONDENSERS = [RandomlyPivotedCholesky(random_state=0), GreedyKernelPoints(random_state=0)]


@pytest.mark.parametrize("condenser", CONDENSERS, ids=lambda condenser: type(condenser).__name__)
def test_they_are_condensers(condenser):
    check_condenser(condenser)


@pytest.mark.parametrize("condenser", CONDENSERS, ids=lambda condenser: type(condenser).__name__)
def test_they_choose_rows(condenser, iris):
    X, y = iris
    condenser = clone(condenser).set_params(n_per_class={0: 1, 1: 2, 2: 5}).fit(X, y)
    np.testing.assert_array_equal(X[condenser.indices_], condenser.X_syn_)
    np.testing.assert_array_equal(np.bincount(condenser.y_syn_), [1, 2, 5])
    assert len(set(condenser.indices_)) == 8


def test_pivots_span_small_clusters_that_herding_and_random_rows_miss(rng):
    small = [20 * np.array([np.cos(i), np.sin(i)]) + 0.3 * rng.normal(size=(4, 2)) for i in range(5)]
    X = np.concatenate([rng.normal(size=(480, 2)), *small])
    error = NystromError(bandwidth=2.0)
    pivots = [
        error(X, RandomlyPivotedCholesky(bandwidth=2.0, n_samples=20, random_state=s).fit(X).X_syn_) for s in range(5)
    ]
    random = [error(X, RandomSubset(n_samples=20, random_state=s).fit(X).X_syn_) for s in range(5)]
    assert np.mean(pivots) < 0.3 * np.mean(random)
    assert np.mean(pivots) < 0.3 * error(X, KernelHerding(bandwidth=2.0, n_samples=20).fit(X).X_syn_)


def test_kernel_ridge_regression_learns_digits_better_from_kernel_points(digits):
    train, test, y_train, y_test = train_test_split(*digits, test_size=0.3, random_state=0, stratify=digits[1])
    points = GreedyKernelPoints(n_per_class=5, random_state=0).fit(train, y_train)
    scores = {"points": points.learner_.score(test, y_test)}
    for other in (RandomSubset(n_per_class=5, random_state=0), KernelHerding(n_per_class=5, random_state=0)):
        learner = KernelRidgeClassifier(points.learner_.kernel, points.regularization, points.learner_.shift)
        X, y = other.fit(train, y_train)
        scores[type(other).__name__] = learner.fit(X, y, sample_weight=other.sample_weight_).score(test, y_test)
    assert scores["points"] > scores["KernelHerding"] > scores["RandomSubset"]


def test_kernel_points_of_a_regression(rng):
    X = rng.uniform(-3, 3, size=(300, 1))
    y = np.sin(2 * X[:, 0])
    points = GreedyKernelPoints(n_samples=12, task="regression", random_state=0).fit(X, y)
    assert isinstance(points.learner_, KernelRidgeRegressor)
    subsets = [RandomSubset(n_samples=12, task="regression", random_state=seed).fit(X, y) for seed in range(5)]
    assert points.learner_.score(X, y) > 0.995 > max(clone(points.learner_).fit(*rows).score(X, y) for rows in subsets)


def test_exchanges_lower_the_squared_error(digits):
    X, y = digits
    losses = []
    for n_passes in (0, 1):
        condenser = GreedyKernelPoints(n_passes=n_passes, n_per_class=3, random_state=0).fit(X, y)
        errors = condenser.learner_.decision_function(X) - np.eye(10)[y] + 0.1
        losses.append((errors**2).sum(1).mean())
    assert losses[1] < losses[0]


@pytest.mark.parametrize(
    "condenser, changed",
    [
        (RandomlyPivotedCholesky(), {"bandwidth": 0.3}),
        (RandomlyPivotedCholesky(), {"space": Standardized()}),
        (RandomlyPivotedCholesky(), {"by": None}),
        (GreedyKernelPoints(), {"kernel": Laplace()}),
        (GreedyKernelPoints(), {"regularization": 10.0}),
        (GreedyKernelPoints(), {"n_passes": 0}),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, dict) else next(iter(value)),
)
def test_each_parameter_changes_what_is_chosen(condenser, changed, iris):
    X, y = iris
    condenser = clone(condenser).set_params(n_per_class=4, random_state=0)
    before = condenser.fit(X, y).indices_
    assert set(before) != set(condenser.set_params(**changed).fit(X, y).indices_)


@pytest.mark.parametrize("condenser", CONDENSERS, ids=lambda condenser: type(condenser).__name__)
def test_weights_make_another_discrepancy_less(condenser, rng):
    X = rng.exponential(size=(300, 2))
    y = (X[:, 0] > 1).astype(int)
    even = clone(condenser).set_params(n_per_class=6).fit(X, y)
    weighted = clone(condenser).set_params(n_per_class=6, reweight=MMD(by=None)).fit(X, y)
    np.testing.assert_array_equal(weighted.indices_, even.indices_)
    values = [MMD()(X, c.X_syn_, sample_weight_y=c.sample_weight_) for c in (even, weighted)]
    assert values[1] < 0.7 * values[0]


@pytest.mark.parametrize("condenser", CONDENSERS, ids=lambda condenser: type(condenser).__name__)
def test_a_row_of_weight_two_is_the_row_twice_to_the_objective(condenser, iris):
    X, y = iris
    twice = np.concatenate([np.arange(150), np.arange(0, 150, 3)])
    weight = np.where(np.arange(150) % 3 == 0, 2.0, 1.0)
    weighted = clone(condenser).set_params(n_per_class=4).fit(X, y, sample_weight=weight)
    repeated = clone(condenser).set_params(n_per_class=4).fit(X[twice], y[twice])
    if isinstance(condenser, GreedyKernelPoints):
        np.testing.assert_array_equal(weighted.X_syn_, repeated.X_syn_)
    np.testing.assert_allclose(weighted.sample_weight_, repeated.sample_weight_)


@pytest.mark.parametrize(
    "condenser, words",
    [
        (RandomlyPivotedCholesky(bandwidth=-1.0), "positive"),
        (GreedyKernelPoints(regularization=0.0), "must be positive"),
        (GreedyKernelPoints(n_passes=-1), r"Greedy\(n_passes=-1\): it must be an integer of at least 0"),
    ],
    ids=["bandwidth", "regularization", "passes"],
)
def test_settings_that_make_no_sense_are_refused(condenser, words, iris):
    with pytest.raises(ValueError, match=words):
        condenser.fit(*iris)


def test_kernel_points_need_targets(iris):
    with pytest.raises(ValueError, match="y is None"):
        GreedyKernelPoints().fit(iris[0])
