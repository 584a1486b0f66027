"""The duality gap against a kernel machine that is solved on all the data."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.base import clone

from skdc import Condenser
from skdc.discrepancies import DualityGap
from skdc.kernels import Gaussian
from skdc.parameterizations import Points
from skdc.solvers import Descent
from skdc.sources import Batch
from skdc.step import Step

from ..sources import row_source, seeded

RIDGE = 0.1


@pytest.fixture
def source(rng):
    y = np.arange(30) % 3
    X = rng.normal(size=(30, 2)) + 2 * np.column_stack([y == 1, y == 2])
    return row_source(X, y, weight=rng.uniform(0.5, 2, size=30))


def fitted(loss, source, **parameters):
    return DualityGap(loss, Gaussian(bandwidth=1.0), RIDGE, **parameters).fit(source, seeded())


def solved(gap, source, n_steps=20_000):
    """The dual variables of all rows at the solution, by the fixed point of Fenchel and Young."""
    rows = source.rows
    gram = gap.kernel_(*[rows.X.flatten(1) * source.units.scale] * 2)
    dual = torch.zeros_like(rows.y)
    for _ in range(n_steps):
        outputs = gram @ (rows.mass[:, None] * dual) / RIDGE
        dual = dual + 0.02 * (gap._dual(outputs, rows.y) - dual)
    return dual, gram


def machine(source, dual):
    """The set of all rows, with targets that make the machine of some dual variables."""
    rows = source.rows
    return replace(rows, y=rows.mass[:, None] * dual / (RIDGE * rows.weight[:, None]))


@pytest.mark.parametrize("loss", ["cross_entropy", "hinge"])
def test_the_gap_of_the_solution_is_zero(loss, source):
    gap = fitted(loss, source)
    dual, _ = solved(gap, source)
    assert float(gap.loss(Batch(source.rows), machine(source, dual), Step(seeded()))) == pytest.approx(0, abs=1e-10)


@pytest.mark.parametrize("loss", ["cross_entropy", "hinge"])
def test_the_gap_bounds_the_distance_from_the_solution(loss, source, rng):
    gap = fitted(loss, source)
    dual, gram = solved(gap, source)
    for size in (0.01, 0.1, 1.0):
        other = dual + size * torch.as_tensor(rng.normal(size=dual.shape))
        value = float(gap.loss(Batch(source.rows), machine(source, other), Step(seeded())))
        apart = source.rows.mass[:, None] * (other - dual) / RIDGE
        assert 0 < float((apart * (gram @ apart)).sum()) <= 2 * value / RIDGE


def test_the_gap_is_that_of_the_primal_and_the_dual_problem(source, rng):
    gap = fitted("cross_entropy", source)
    rows = source.rows
    points = replace(rows, y=torch.as_tensor(rng.normal(size=rows.y.shape)))
    gram = gap.kernel_(*[rows.X.flatten(1) * source.units.scale] * 2)
    coefficients = rows.weight[:, None] * points.y
    outputs = gram @ coefficients
    square = (coefficients * (gram @ coefficients)).sum()
    primal = -(rows.mass @ (rows.y * outputs.log_softmax(1)).sum(1)) + RIDGE / 2 * square
    p = outputs.softmax(1)
    mean = rows.mass[:, None] * (rows.y - p)
    dual = -(rows.mass @ (p * p.log()).sum(1)) - (mean * (gram @ mean)).sum() / (2 * RIDGE)
    assert float(gap.loss(Batch(rows), points, Step(seeded()))) == pytest.approx(float(primal - dual))


def test_batches_estimate_the_gap_without_bias(source):
    gap = fitted("cross_entropy", source)
    points = source.rows.take(torch.arange(6))
    whole, generator = float(gap.loss(Batch(source.rows), points, Step(seeded()))), torch.Generator().manual_seed(0)
    batches = [float(gap.loss(source.batch(9, generator), points, Step(generator))) for _ in range(4000)]
    error = np.std(batches) / len(batches) ** 0.5
    assert abs(np.mean(batches) - whole) < 4 * error < 0.1 * whole


def test_a_condensed_machine_beats_the_one_of_random_rows(rng):
    y = rng.integers(2, size=400)
    X = rng.normal(size=(400, 2)) * 0.5 + np.column_stack([np.cos(np.pi * y), y])
    condenser = Condenser(DualityGap(), Points(labels="learned"), Descent(n_steps=100), n_per_class=2, random_state=0)
    condenser.fit(X, y)
    first, last = condenser.history_["loss"][[0, -1]]
    assert last < 0.1 * first
    outputs = condenser.learner_.kernel_(
        torch.as_tensor(X - condenser.learner_.shift_), torch.as_tensor(condenser.X_syn_ - condenser.learner_.shift_)
    ).numpy() @ (condenser.sample_weight_[:, None] * condenser.y_learned_)
    np.testing.assert_array_equal(condenser.learner_.predict(X), outputs.argmax(1))
    assert condenser.learner_.score(X, y) > 0.9


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"classification_loss": "l2"}, "cross_entropy"),
        ({"regularization": 0}, "positive"),
        ({"weight": -1}, "positive"),
    ],
    ids=str,
)
def test_settings_that_make_no_sense_are_refused(parameters, message, source):
    with pytest.raises(ValueError, match=message):
        clone(DualityGap(**parameters)).fit(source, seeded())


def test_continuous_targets_are_refused(rng):
    with pytest.raises(ValueError, match="continuous"):
        DualityGap().fit(row_source(rng.normal(size=(9, 2)), rng.normal(size=9), regression=True), seeded())


def test_labels_that_do_not_move_are_refused(rng):
    X, y = rng.normal(size=(40, 2)), np.arange(40) % 2
    with pytest.raises(ValueError, match="learned"):
        Condenser(DualityGap(), n_per_class=2).fit(X, y)
