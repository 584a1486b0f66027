"""The cost of learning vector quantization, and its metric."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.neighbors import KNeighborsClassifier
from torch.special import expit

from skdc import Condenser, LearningVectorQuantization, RandomSubset
from skdc.discrepancies import PrototypeMargin
from skdc.exceptions import PartsError
from skdc.parameterizations import Points
from skdc.sets import LabeledSet
from skdc.sources import Batch
from skdc.spaces import LearnedMetric
from skdc.step import Step

from ..sources import row_source, seeded


@pytest.fixture
def noisy(rng):
    """Two columns tell three classes apart; ten louder ones say nothing."""
    y = rng.choice(["a", "b", "c"], 1001, p=[0.5, 0.3, 0.2])
    signal = np.stack([y == "a", y == "b"], axis=1) + 0.3 * rng.normal(size=(1001, 2))
    return np.column_stack([signal, 2 * rng.normal(size=(1001, 10))]), y


def test_the_cost_is_that_of_its_formula(rng):
    X, y, weight = rng.normal(size=(50, 3)), rng.integers(3, size=50), rng.uniform(0.5, 2, 50)
    source = row_source(X, y, weight=weight, dtype=torch.float32)
    fitted = PrototypeMargin(slope=4.0).fit(source, seeded())
    points, key = torch.randn(6, 3, generator=seeded(1)), torch.tensor([0, 0, 1, 1, 2, 2])
    synthetic = LabeledSet(torch.ones(6), key, points, torch.eye(3)[key])
    value = float(fitted.loss(Batch(source.rows), synthetic, Step(seeded())))
    rows, total = source.rows, 0.0
    for x, k, w in zip(rows.X, rows.key, rows.weight, strict=True):
        squares = (points - x).square().sum(1)
        own, other = squares[key == k].min(), squares[key != k].min()
        total += float(w * expit(4 * (own - other) / (own + other)))
    assert value == pytest.approx(total / float(rows.weight.sum()), rel=1e-5)


def test_the_metric_finds_the_columns_that_tell_classes_apart(noisy):
    X, y = noisy
    fitted = LearningVectorQuantization(2, random_state=0, encoder=None).fit(X, y)
    assert fitted.metric_.trace() == pytest.approx(1)
    assert fitted.metric_.diagonal()[:2].sum() > 0.8
    assert fitted.learner_.score(X, y) > 0.93
    assert KNeighborsClassifier(1).fit(*RandomSubset(2, random_state=0, encoder=None).fit(X, y)).score(X, y) < 0.6
    # The learner takes rows in the user's units, whatever these are.
    other = LearningVectorQuantization(2, random_state=0, encoder=None).fit(1e4 * X + 7, y)
    assert_allclose(other.metric_, fitted.metric_, atol=0.02)
    assert other.learner_.score(1e4 * X + 7, y) == pytest.approx(fitted.learner_.score(X, y), abs=0.01)


def test_a_metric_of_low_rank(noisy):
    X, y = noisy
    fitted = LearningVectorQuantization(2, rank=2, random_state=0, encoder=None).fit(X, y)
    assert np.linalg.matrix_rank(fitted.metric_, tol=1e-6) == 2
    assert fitted.learner_.score(X, y) > 0.9
    for rank in (0, 13):
        with pytest.raises(ValueError, match=f"rank={rank}"):
            LearningVectorQuantization(2, rank=rank, encoder=None).fit(X, y)


def test_points_alone_can_be_learned_for_the_given_distance(rng):
    y = rng.integers(2, size=600)
    X = rng.normal(size=(600, 2)) + 2.5 * y[:, None]
    fitted = Condenser(PrototypeMargin(), Points(), n_per_class=2, encoder=None, random_state=0).fit(X, y)
    start = RandomSubset(2, random_state=0, encoder=None).fit(X, y)
    scores = [KNeighborsClassifier(1).fit(*set_).score(X, y) for set_ in (fitted, start)]
    assert scores[0] > 0.94
    assert not hasattr(fitted, "learner_")


@pytest.mark.parametrize("y", [np.zeros(30, dtype=int), np.linspace(0, 1, 30), None])
def test_there_must_be_two_classes(rng, y):
    with pytest.raises(PartsError):
        Condenser(PrototypeMargin(), n_samples=4).fit(rng.normal(size=(30, 2)), y)


def test_settings_that_make_no_sense(noisy):
    X, y = noisy
    for space, words in ((None, "slope=0"), (LearnedMetric(step_size=0.0), "step_size=0.0")):
        with pytest.raises(ValueError, match=words):
            slope = 0 if space is None else 5.0
            Condenser(PrototypeMargin(slope=slope, space=space), n_per_class=2).fit(X, y)
