"""Votes of near points against numpy, and against scikit-learn's nearest neighbour."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import softmax
from sklearn.neighbors import KNeighborsClassifier

from skdc.discrepancies import CrossEntropy
from skdc.spaces import NeighborPredictions
from skdc.step import Step

from ..sources import row_source, seeded, squares, synthetic


def predicted(space, source, points):
    """Return the values of the synthetic side, once the real side is seen to be the targets."""
    (real,), (predictions,) = space.represent(source.rows, points, Step(seeded()))
    torch.testing.assert_close(real.values, source.rows.y, rtol=0, atol=0)
    return predictions.values.detach().numpy()


@pytest.fixture
def problem(rng):
    X, y = rng.normal(size=(40, 3)), np.arange(40) % 3
    source = row_source(X, y)
    S, codes = rng.normal(size=(7, 3)), np.arange(7) % 3
    weight = rng.uniform(0.5, 2, 7)
    return source, X, S, codes, weight


def test_shares_of_the_votes_are_those_of_nadaraya_and_watson(problem):
    source, X, S, codes, weight = problem
    space = NeighborPredictions(bandwidth=1.4, factor=0.5).fit(source, seeded())
    votes = weight * np.exp(-squares(X, S) / (2 * 0.7**2))
    expected = votes @ np.eye(3)[codes] / votes.sum(1, keepdims=True)
    points = synthetic(source, S, codes, weight)
    np.testing.assert_allclose(softmax(predicted(space, source, points), axis=1), expected, rtol=1e-10)


def test_soft_labels_share_their_votes(problem, rng):
    source, X, S, codes, weight = problem
    labels = rng.dirichlet(np.ones(3), size=7)
    space = NeighborPredictions(bandwidth=0.7, factor=1).fit(source, seeded())
    votes = weight * np.exp(-squares(X, S) / (2 * 0.7**2))
    points = synthetic(source, S, codes, weight, y=labels)
    shares = softmax(predicted(space, source, points), axis=1)
    np.testing.assert_allclose(shares, votes @ labels / votes.sum(1, keepdims=True), rtol=1e-10)


def test_continuous_targets_are_averaged(rng):
    X, y, S, t = (
        rng.normal(size=(30, 2)),
        rng.normal(size=(30, 2)),
        rng.normal(size=(6, 2)),
        5 + rng.normal(size=(6, 2)),
    )
    source = row_source(X, y, regression=True)
    space = NeighborPredictions(bandwidth=0.5, factor=1).fit(source, seeded())
    points = synthetic(source, S, y=t)
    votes = np.exp(-squares(X, S) / (2 * 0.5**2))
    expected = source.encode_targets(votes @ t / votes.sum(1, keepdims=True))
    np.testing.assert_allclose(predicted(space, source, points), expected, rtol=1e-9, atol=1e-9)


def test_a_small_bandwidth_is_the_nearest_neighbour(problem):
    source, X, S, codes, _ = problem
    space = NeighborPredictions(factor=1e-3).fit(source, seeded())
    found = predicted(space, source, synthetic(source, S, codes)).argmax(1)
    np.testing.assert_array_equal(found, KNeighborsClassifier(1).fit(S, codes).predict(X))


def test_the_median_distance_is_the_unit_of_the_bandwidth(problem):
    source, X, *_ = problem
    median = np.quantile(np.sqrt(squares(X, X)), 0.5, method="inverted_cdf")
    assert NeighborPredictions(factor=0.2).fit(source, seeded()).bandwidth_ == pytest.approx(0.2 * median, rel=1e-6)


def test_a_far_point_is_still_pulled(problem):
    source, _, S, codes, _ = problem
    points = synthetic(source, S + 100, codes)
    points = replace(points, X=points.X.requires_grad_())
    objective = CrossEntropy(space=NeighborPredictions(), by=None)
    objective.space_ = objective.space.fit(source, seeded())
    (real,), (predictions,) = objective.space_.represent(source.rows, points, Step(seeded()))
    value = objective.between(real, predictions, seeded())
    value.backward()
    assert value.isfinite() and points.X.grad.isfinite().all() and (points.X.grad != 0).any()


def test_a_class_without_points_has_next_to_no_chance(problem):
    source, _, S, codes, _ = problem
    some = codes < 2
    space = NeighborPredictions().fit(source, seeded())
    scores = predicted(space, source, synthetic(source, S[some], codes[some]))
    assert np.isfinite(scores).all()
    assert softmax(scores, axis=1)[:, 2].max() < 1e-30


@pytest.mark.parametrize(
    "space, message",
    [
        (NeighborPredictions(factor=0), "factor=0 must be positive"),
        (NeighborPredictions(bandwidth=-1.0), "bandwidth=-1.0 must be"),
        (NeighborPredictions(bandwidth="mean"), "use 'median'"),
        (NeighborPredictions(bandwidth=[1.0, 2.0]), "must be one number or 'median'"),
    ],
)
def test_settings_that_make_no_sense_are_named(space, message, problem):
    with pytest.raises(ValueError, match=message):
        space.fit(problem[0], seeded())


def test_votes_need_targets(rng):
    X = rng.normal(size=(6, 2))
    with pytest.raises(ValueError, match="NeighborPredictions"):
        NeighborPredictions().fit(row_source(X), seeded())
    with pytest.raises(ValueError, match="NeighborPredictions needs at least two classes"):
        NeighborPredictions().fit(row_source(X, np.zeros(6)), seeded())
