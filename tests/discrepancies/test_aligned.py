"""Discrepancies of rows that correspond against torch and scipy."""

import numpy as np
import pytest
import torch
from scipy import special, stats
from torch.nn import functional

from skdc import Condenser
from skdc.discrepancies.aligned import L1, CrossEntropy, KLDivergence
from skdc.parameterizations import Points
from skdc.sets import Block
from skdc.spaces import KernelRidgePredictions

from ..sources import block, finite_differences

CLASSES = 4


@pytest.fixture
def rows(rng):
    """Return probabilities, scores and weights."""
    return rng.dirichlet(np.ones(CLASSES), 6), rng.normal(size=(6, CLASSES)), rng.uniform(0.5, 2, 6)


def test_l1_is_the_weighted_mean_of_absolute_differences(rng):
    x, y = rng.normal(size=(2, 5, 3))
    weight = rng.uniform(0.5, 2, 5)
    expected = np.average(np.abs(x - y).sum(axis=1), weights=weight)
    assert L1()(x, y, sample_weight=weight) == pytest.approx(expected)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 5.0])
def test_cross_entropy_is_that_of_torch(temperature, rows):
    p, q, weight = rows
    losses = functional.cross_entropy(torch.as_tensor(q / temperature), torch.as_tensor(p), reduction="none")
    expected = np.average(losses, weights=weight)
    assert CrossEntropy(temperature)(p, q, sample_weight=weight) == pytest.approx(expected)


@pytest.mark.parametrize("temperature", [0.3, 1.0])
def test_kl_divergence_is_that_of_torch(temperature, rows):
    p, q, weight = rows
    logits = torch.as_tensor(q / temperature).log_softmax(1)
    losses = functional.kl_div(logits, torch.as_tensor(p), reduction="none").sum(1)
    assert KLDivergence(temperature)(p, q, sample_weight=weight) == pytest.approx(np.average(losses, weights=weight))


def test_on_itself_cross_entropy_is_the_entropy_and_the_divergence_is_zero(rows):
    p, _, weight = rows
    entropy = np.average(stats.entropy(p, axis=1), weights=weight)
    assert CrossEntropy()(p, np.log(p), sample_weight=weight) == pytest.approx(entropy)
    assert KLDivergence()(p, np.log(p), sample_weight=weight) == pytest.approx(0, abs=1e-12)


def test_hard_targets_have_no_entropy(rng):
    p, q = np.eye(CLASSES), rng.normal(size=(CLASSES, CLASSES))
    expected = -special.log_softmax(q, axis=1).diagonal().mean()
    assert CrossEntropy()(p, q) == pytest.approx(expected)
    assert KLDivergence()(p, q) == pytest.approx(expected)


@pytest.mark.parametrize("discrepancy", [CrossEntropy(0.5), KLDivergence(0.5)], ids=repr)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_targets_less_their_mean_are_probabilities(discrepancy, dtype, rows):
    p, q, weight = (torch.as_tensor(part, dtype=dtype) for part in rows)
    key = torch.zeros(6, dtype=torch.int64)
    shifted = Block(weight, key, p - 1 / CLASSES), Block(weight, key, q - 1 / CLASSES)
    plain = Block(weight, key, p), Block(weight, key, q)
    found, expected = (discrepancy.distance(*pair, None) for pair in (shifted, plain))
    assert found.dtype == dtype
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("discrepancy", [L1(), CrossEntropy(0.7), KLDivergence(0.7)], ids=repr)
def test_gradient_is_that_of_the_value(discrepancy, rows):
    p, q, weight = rows
    moving = torch.as_tensor(q).requires_grad_()
    left = block(p, weight)
    discrepancy.between(left, Block(left.weight, left.key, moving), None).backward()
    expected = finite_differences(lambda v: float(discrepancy.distance(left, block(v, weight), None)), q)
    np.testing.assert_allclose(moving.grad, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("wrong", [[0.5, 0.9], [1.5, -0.5], [0.9, -0.9], [3.0, -1.0]], ids=repr)
def test_what_is_no_probability_is_refused(wrong):
    with pytest.raises(ValueError, match=r"CrossEntropy compares .* class probabilities, but a row of the data is \["):
        CrossEntropy()([[0.5, 0.5], wrong], [[1.0, 2.0], [1.0, 2.0]])


def test_continuous_targets_are_refused(iris):
    with pytest.raises(ValueError, match="for continuous targets use SquaredL2"):
        Condenser(KLDivergence(space=KernelRidgePredictions(), by=None), task="regression").fit(iris[0], iris[0][:, :2])


@pytest.mark.parametrize("temperature", [0, -1.0, np.nan])
def test_temperatures_are_positive(temperature):
    with pytest.raises(ValueError, match=rf"KLDivergence\(temperature={temperature}\): it must be positive"):
        KLDivergence(temperature)([[0.5, 0.5]], [[1.0, 2.0]])


@pytest.mark.parametrize("discrepancy", [L1, CrossEntropy, KLDivergence])
def test_a_kernel_ridge_learns_digits_by_it(discrepancy, digits):
    X, y = digits
    temperature = {} if discrepancy is L1 else {"temperature": 0.1}
    condenser = Condenser(
        discrepancy(space=KernelRidgePredictions(), by=None, **temperature),
        Points(labels="learned"),
        n_per_class=2,
        random_state=0,
    )
    fitted = condenser.fit(X[::2], y[::2])
    assert fitted.history_["loss"][-1] < 0.5 * fitted.history_["loss"][0]
    assert fitted.learner_.score(X[1::2], y[1::2]) > 0.9
