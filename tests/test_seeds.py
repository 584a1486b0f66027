"""Rows that are drawn in proportion to their weights, wherever some stand for all."""

from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from skdc.discrepancies import MMD
from skdc.learners import Experts
from skdc.networks import training_epochs
from skdc.seeds import epoch, epoch_order, proportional
from skdc.solvers.selection.cells import ChoiceProgress, cell_of
from skdc.solvers.selection.growth import StochasticGreedy

from .sources import row_source, seeded

WEIGHT = np.where(np.arange(120) % 3 == 0, 30.0, 1.0)
X = np.linspace(-1, 1, 120)[:, None] + (WEIGHT[:, None] > 1)
MEAN = np.average(X[:, 0], weights=WEIGHT)


def assert_mean(means):
    """Assert that the draws have the mean of the data, within four standard errors."""
    assert abs(np.mean(means) - MEAN) < 4 * np.std(means, ddof=1) / len(means) ** 0.5


def test_rows_come_as_often_as_their_share_up_or_down_by_one():
    counts = np.array(
        [np.bincount(proportional(torch.as_tensor(WEIGHT), 50, seeded(s)), minlength=120) for s in range(200)]
    )
    assert (np.abs(counts - 50 * WEIGHT / WEIGHT.sum()) < 1).all()
    assert_mean(counts @ X[:, 0] / 50)


def test_rows_of_even_weight_come_once_each():
    assert sorted(epoch_order(torch.full((9,), 0.1), seeded()).tolist()) == list(range(9))


@pytest.mark.parametrize("size", [8, 40])
def test_batches_of_an_epoch_have_the_mean_of_the_data(size):
    means = []
    for seed in range(100):
        batches = list(epoch(torch.as_tensor(WEIGHT), [size] * (120 // size), seeded(seed)))
        assert all(len(mass) == size and mass.std() == 0 for _, mass in batches)
        means.append(np.mean([mass.numpy() @ X[rows, 0] for rows, mass in batches]))
    assert_mean(means)


def test_a_batch_of_all_has_the_weights_as_they_are():
    ((rows, mass),) = epoch(torch.as_tensor(WEIGHT), [120], seeded())
    assert rows.tolist() == list(range(120))
    np.testing.assert_allclose(mass, WEIGHT / WEIGHT.sum())


class Noting(nn.Linear):
    """A linear network that keeps the mean of each batch, all rows of which count alike."""

    seen: ClassVar[list[float]] = []

    def __init__(self, input_shape, n_outputs):
        super().__init__(input_shape[0], n_outputs)

    def forward(self, rows):
        self.seen.append(float(rows[:, 0].mean()))
        return super().forward(rows)


def experts():
    # More rows than a batch has.
    rows, weight = np.repeat(X, 3, axis=0), np.repeat(WEIGHT, 3)
    source = row_source(rows, rows[:, 0], regression=True, weight=weight)
    Experts(Noting, n_experts=1, n_segments=50, n_expert_steps=3, expert_step_size=1e-6).fit(source, seeded())
    Noting.seen[:] = (np.array(Noting.seen) * source.units.scale + source.units.shift).tolist()


def networks():
    source = row_source(X, X[:, 0], regression=True, weight=WEIGHT)
    how = SimpleNamespace(network=Noting, n_epochs=50, batch_size=20, step_size=1e-3)
    list(training_epochs(how, source.rows, source.schema, seeded()))
    Noting.seen[:] = (np.array(Noting.seen) * source.units.scale + source.units.shift).tolist()


def trials():
    for seed in range(200):
        cell = cell_of(row_source(X, weight=WEIGHT), np.array([1]), None, ChoiceProgress())
        real = StochasticGreedy(cell, MMD(), 1, 16, seeded(seed))._real.rows
        assert len(real) == 16
        Noting.seen.append(float(real.mass @ real.X[:, 0]))
    source = row_source(X, weight=WEIGHT)
    Noting.seen[:] = (np.array(Noting.seen) * source.units.scale + source.units.shift).tolist()


def cells():
    source = row_source(X, weight=WEIGHT)
    cell = cell_of(source, np.array([2]), None, ChoiceProgress())
    for seed in range(200):
        rows, some = cell.drawn(16, seeded(seed))
        assert len(np.unique(rows)) == len(rows) <= 16
        torch.testing.assert_close(some.weight.sum(), cell.weight.sum())
        Noting.seen.append(float(some.mass @ torch.as_tensor(X[rows, 0])))


@pytest.mark.parametrize("drawn", [experts, networks, trials, cells])
def test_whoever_sees_some_of_the_rows_sees_them_in_proportion_to_weight(drawn):
    Noting.seen.clear()
    drawn()
    assert_mean(Noting.seen)


def test_a_cell_of_some_rows_has_as_many_as_are_to_be_chosen():
    weight = np.r_[1e6, np.ones(39)]
    cell = cell_of(row_source(X[:40], weight=weight), np.array([10]), None, ChoiceProgress())
    rows, some = cell.drawn(12, seeded())
    assert len(rows) >= 10 and 0 in rows
    assert some.mass[list(rows).index(0)] > 0.99
