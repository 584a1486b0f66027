"""Predictions of estimators that learn from a set, against estimators that are fitted by hand."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC

from skdc import Condenser
from skdc.discrepancies import SquaredL2, ZeroOne
from skdc.exceptions import PartsError
from skdc.parameterizations import Subset
from skdc.solvers import Descent, Greedy
from skdc.sources import Batch
from skdc.spaces import EstimatorPredictions
from skdc.step import Step

from ..sources import row_source, seeded, synthetic


@pytest.fixture
def problem(rng):
    X, y = rng.normal(size=(1001, 3)), np.arange(1001) % 3
    X[:, 0] += y
    rows, weight = np.r_[rng.choice(1001, 24, replace=False)], rng.uniform(0.2, 3, 24)
    return row_source(X, y), X, y, rows, weight


def predicted(space, source, points):
    real, found = space.represent(source.rows, points, Step(seeded()))
    assert all(np.array_equal(block.values, source.rows.y) for block in real)
    return [block.values.numpy() for block in found]


def test_classifiers_are_trained_with_weights_on_standardised_rows(problem):
    source, X, y, rows, weight = problem
    space = EstimatorPredictions([LogisticRegression(), KNeighborsClassifier(3)]).fit(source, seeded())
    found = predicted(space, source, synthetic(source, X[rows], y[rows], weight))
    scaled = (X - X.mean(0)) / np.sqrt(X.var(0).mean())  # one scale for all columns
    linear = LogisticRegression().fit(scaled[rows], y[rows], weight).predict_proba(scaled)
    nearest = KNeighborsClassifier(3).fit(scaled[rows], y[rows]).predict_proba(scaled)
    np.testing.assert_allclose(found[0], linear, atol=1e-4)
    np.testing.assert_allclose(found[1], nearest, atol=1e-12)


def test_the_share_of_wrong_rows_is_that_of_scikit_learn(problem):
    source, X, y, rows, weight = problem
    wrong = ZeroOne(space=EstimatorPredictions([LogisticRegression()]), by=None).fit(source, seeded())
    value = float(wrong.loss(Batch(source.rows), synthetic(source, X[rows], y[rows], weight), Step(seeded())))
    scaled = (X - X.mean(0)) / np.sqrt(X.var(0).mean())
    expected = 1 - LogisticRegression().fit(scaled[rows], y[rows], weight).score(scaled, y)
    assert value == pytest.approx(expected, abs=2e-3)


def test_a_set_of_one_class_predicts_it_and_fewer_points_than_neighbours_do(problem):
    source, X, y, _, _ = problem
    rows = np.flatnonzero(y == 2)[:2]
    space = EstimatorPredictions().fit(source, seeded())
    for found in predicted(space, source, synthetic(source, X[rows], y[rows])):
        np.testing.assert_array_equal(found, np.eye(3)[np.full(1001, 2)])
    both = np.r_[rows, np.flatnonzero(y == 0)[:1]]  # three points for five neighbours, one of a class
    for found in predicted(space, source, synthetic(source, X[both], y[both])):
        assert np.isfinite(found).all() and not found[:, 1].any()


def test_continuous_targets_are_predicted_in_working_units(rng):
    X = rng.normal(size=(300, 2))
    y = 1000 + 50 * X[:, 0] + rng.normal(size=300)
    source = row_source(X, y, regression=True)
    space = EstimatorPredictions([LinearRegression()]).fit(source, seeded())
    points = source.take(np.arange(10))
    (found,) = predicted(space, source, points)
    expected = LinearRegression().fit(X[:10], y[:10]).predict(X)
    np.testing.assert_allclose(source.target_units.to_user(found)[:, 0], expected, rtol=1e-6)


def test_seeds_are_drawn_once_so_that_sets_are_compared_and_not_draws(problem):
    source, X, y, rows, _ = problem
    space = EstimatorPredictions([RandomForestClassifier(5)]).fit(source, seeded())
    points = synthetic(source, X[rows], y[rows])
    np.testing.assert_array_equal(*[predicted(space, source, points)[0] for _ in range(2)])


def test_greedy_choice_for_an_estimator_is_better_for_it_than_what_it_started_from(rng):
    X = rng.normal(size=(400, 4))
    y = (X[:, 0] + X[:, 1] > 0).astype(int)
    wrong = SquaredL2(space=EstimatorPredictions([LogisticRegression()]), by=None)
    chosen = Condenser(wrong, Subset(), Greedy(n_passes=1, n_trials=8), n_per_class=3, random_state=0).fit(X, y)
    first = chosen.history_["loss"][5]  # when all six are chosen, before exchanges
    assert chosen.history_["loss"][-1] <= first
    assert LogisticRegression().fit(*chosen).score(X, y) > 0.9


@pytest.mark.parametrize(
    "estimators, regression, message",
    [([LinearSVC()], False, "LinearSVC() must have predict_proba"), ([object()], True, "must have predict")],
)
def test_what_cannot_predict_is_refused(estimators, regression, message, rng):
    X = rng.normal(size=(20, 2))
    source = row_source(X, X[:, 0] if regression else np.arange(20) % 2, regression=regression)
    with pytest.raises(PartsError, match=message.replace("(", r"\(").replace(")", r"\)")):
        EstimatorPredictions(estimators).fit(source, seeded())


def test_points_cannot_be_moved_by_what_has_no_gradient(rng):
    X = rng.normal(size=(30, 2))
    with pytest.raises((PartsError, ValueError, RuntimeError), match="gradient"):
        Condenser(
            SquaredL2(space=EstimatorPredictions([Ridge()]), by=None),
            solver=Descent(n_steps=2),
            n_samples=4,
            task="regression",
        ).fit(X, X[:, 0])
    with pytest.raises(NotFittedError):
        iter(Condenser())
