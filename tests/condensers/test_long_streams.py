"""Streams of many rows: a fit on all of them and any partitioning give one set, whatever is minimised."""

import inspect

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skdc import Condenser, discrepancies
from skdc.discrepancies import LatentPrior, MeanDistance, RandomFeatureMMD
from skdc.discrepancies.objective import Regularizer
from skdc.parameterizations import Points
from skdc.solvers import Descent
from skdc.spaces import Joint

NUMBERS = {"bandwidth": 2.0, "center": 0.5, "scale": 2.0, "image_shape": (2, 2)}


def on_numbers(objective):
    """Return an objective that has numbers for whatever it would learn from rows."""
    own = objective.get_params(deep=False)
    return objective.set_params(**{name: number for name, number in NUMBERS.items() if name in own})


def sketchable():
    """Return each discrepancy and penalty of the namespace that works from a sketch, by name."""
    found = {}
    for name in discrepancies.__all__:
        part = getattr(discrepancies, name)
        if part is LatentPrior:  # no sums of a stream tell a generator
            continue
        if inspect.isclass(part) and not inspect.isabstract(part) and getattr(part, "compares", None) == "means":
            objective = on_numbers(part())
            found[name] = MeanDistance() + objective if isinstance(objective, Regularizer) else objective
    features = RandomFeatureMMD(bandwidth=2.0, n_features=20)
    found["two terms"] = features + 0.5 * RandomFeatureMMD(bandwidth=6.0, n_features=10, by=None)
    found["normalised"] = (features + 0.5 * MeanDistance()).set_params(normalize=True)
    return found


OBJECTIVES = sketchable()


def data(n_rows, seed=0):
    """Return rows of three classes and continuous targets; the first rows are not like the last."""
    rng = np.random.default_rng(seed)
    y = rng.integers(3, size=n_rows)
    X = 2 * y[:, None] + rng.normal(size=(n_rows, 4)) * np.linspace(0.5, 2, n_rows)[:, None]
    return X, y, X[:, 0] + rng.normal(size=n_rows)


def streaming(objective, **parameters):
    points = Points(labels="learned" if "LabelMargin" in repr(objective) else "hard")
    return Condenser(objective, points, Descent(n_steps=15), n_samples=6, random_state=0, **parameters)


def feed(condenser, X, y, size, read=False, **first):
    """Pass data to partial_fit in chunks of a size; read the set between two of them, if wanted."""
    for start in range(0, len(X), size):
        condenser.partial_fit(X[start : start + size], y[start : start + size], **first)
        first = {}
        if read:
            assert condenser.X_syn_ is not None
    return condenser


def assert_same(one, other):
    assert_allclose(one.X_syn_, other.X_syn_, rtol=0, atol=1e-6)
    assert_allclose(one.y_syn_, other.y_syn_, rtol=0, atol=1e-6)
    for mine, theirs in zip(one._stream.sketch.sums, other._stream.sketch.sums, strict=True):
        assert_allclose(mine, theirs, rtol=1e-12, atol=1e-12 * np.abs(theirs).max(initial=0))


def test_some_are_found():
    assert {"RandomFeatureMMD", "CharacteristicFunction", "Moments", "MeanDistance", "L2Norm"} <= OBJECTIVES.keys()


@pytest.mark.slow
@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("n_rows, size", [(1001, 300), (1001, 1001), pytest.param(20000, 7000, marks=pytest.mark.slow)])
def test_any_number_of_rows(name, n_rows, size):
    X, y, _ = data(n_rows)
    fitted = streaming(OBJECTIVES[name]).fit(X, y)
    assert_same(feed(streaming(OBJECTIVES[name]), X, y, size, classes=[0, 1, 2]), fitted)
    assert_same(feed(streaming(OBJECTIVES[name]), X[::-1], y[::-1], 997, classes=[0, 1, 2]), fitted)


def test_many_rows_at_once():
    X, y, _ = data(20000)
    fitted = streaming(OBJECTIVES["RandomFeatureMMD"]).fit(X, y)
    assert_same(feed(streaming(OBJECTIVES["RandomFeatureMMD"]), X, y, 20000, classes=[0, 1, 2]), fitted)


@pytest.mark.parametrize(
    "size", [pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow), 400]
)
def test_continuous_targets(size):
    X, _, target = data(1001)
    space = Joint(target_weight=0.5)
    joint = streaming(RandomFeatureMMD(bandwidth=2.0, n_features=20, space=space), task="regression")
    streamed = feed(joint, X[-400 if size == 1 else 0 :], target[-400 if size == 1 else 0 :], size)
    fresh = streaming(RandomFeatureMMD(bandwidth=2.0, n_features=20, space=space), task="regression")
    assert_same(streamed, fresh.fit(X[-400 if size == 1 else 0 :], target[-400 if size == 1 else 0 :]))


@pytest.mark.parametrize("name", OBJECTIVES)
def test_reading_changes_nothing(name):
    X, y, _ = data(1200)
    unread = feed(streaming(OBJECTIVES[name]), X, y, 400, classes=[0, 1, 2])
    read = feed(streaming(OBJECTIVES[name]), X, y, 400, read=True, classes=[0, 1, 2])
    np.testing.assert_array_equal(read.X_syn_, unread.X_syn_)
    assert_same(read, streaming(OBJECTIVES[name]).fit(X, y))
