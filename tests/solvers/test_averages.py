"""Averages of the set over the steps of a descent, and steps that are skipped, against the recursions written out."""

import numpy as np
import pytest
import torch

from skdc import Condenser
from skdc.discrepancies import MeanDistance, SquaredL2
from skdc.parameterizations import Points
from skdc.parameterizations.storage import LowRank
from skdc.solvers import Descent, DivergenceError
from skdc.spaces import KernelRidgePredictions

from ..sources import row_source, seeded

GRADIENT_DESCENT = torch.optim.SGD


def begun(solver, source, sizes, points=None, discrepancy=None):
    """Return the state in which a solve begins."""
    generator = seeded()
    objective = (discrepancy or MeanDistance()).fit(source, generator)
    live = (points or Points()).build(source, np.asarray(sizes), generator)
    return solver.begin(objective, live, source, generator)


def numbers(state):
    return [parameter.detach().clone() for parameter in state.synthetic.parameters()]


@pytest.mark.parametrize("n_steps", [1, 7])
def test_the_set_that_is_kept_is_the_average_written_out(n_steps, rng):
    source, step_size, average = row_source(rng.normal(size=(20, 2))), 0.3, 0.8
    solver = Descent(step_size, n_steps, optimizer=GRADIENT_DESCENT, average=average)
    state = begun(solver, source, [4])
    points = state.synthetic().X.detach().numpy().copy()
    mean = points.copy()  # not at zero
    for t in range(n_steps):
        decay = 0.5 * (1 + np.cos(np.pi * t / n_steps))
        points = points - step_size * decay * source.units.scale**2 * 2 * points.mean(axis=0) / 4
        mean = average * mean + (1 - average) * points
    solution = solver.go_on(state)
    np.testing.assert_allclose(solution.synthetic.X, mean, rtol=1e-10)


def test_an_average_begins_at_the_start(rng):
    X = 100 + rng.normal(size=(30, 3))
    kept = Condenser(MeanDistance(), solver=Descent(n_steps=3, average=0.999999), n_samples=2, random_state=0).fit(X)
    distances = np.abs(kept.X_syn_[:, None] - X).max(axis=2).min(axis=1)
    np.testing.assert_allclose(distances, 0, atol=1e-3)


def test_numbers_of_storages_and_labels_are_averaged(rng):
    source = row_source(rng.normal(size=(40, 6)), np.arange(40) % 2)
    solver = Descent(n_steps=5, average=0.6)
    ridge = SquaredL2(space=KernelRidgePredictions(), by=None)
    state = begun(solver, source, [3, 4], Points(LowRank(2), labels="learned"), ridge)
    means = numbers(state)
    while state.step < state.n_steps:
        solver.advance(state)
        means = [0.6 * mean + 0.4 * value for mean, value in zip(means, numbers(state), strict=True)]
    last = numbers(state)
    solver.finish(state)
    for found, mean, moved in zip(numbers(state), means, last, strict=True):
        torch.testing.assert_close(found, mean, rtol=1e-10, atol=1e-12)
        assert mean.equal(moved) or not torch.allclose(found, moved)


def test_an_interrupt_keeps_the_average_of_the_steps_that_were_done(rng):
    solver = Descent(n_steps=9, average=0.7)
    state = begun(solver, row_source(rng.normal(size=(20, 2))), [4])
    (mean,) = numbers(state)
    for _ in range(3):
        solver.advance(state)
        mean = 0.7 * mean + 0.3 * numbers(state)[0]
    with torch.no_grad():
        next(state.synthetic.parameters()).fill_(77.0)  # a step that is half done
    state.interrupted = True
    solver.finish(state)
    torch.testing.assert_close(numbers(state)[0], mean, rtol=1e-10, atol=1e-12)


class Bursting(MeanDistance):
    """A discrepancy that is large in every other step, and no number from some step on."""

    def __init__(self, size, end=100, space=None, by="class", reduce="mean", weight=1.0):
        super().__init__(space=space, by=by, reduce=reduce, weight=weight)
        self.size, self.end = size, end

    def loss(self, real, synthetic, state):
        factor = float("nan") if state.step >= self.end else self.size ** (state.step % 2)
        return factor * super().loss(real, synthetic, state)


def test_divergence_keeps_the_average_before_it(rng):
    solver = Descent(n_steps=9, average=0.7)
    state = begun(solver, row_source(rng.normal(size=(20, 2))), [4], discrepancy=Bursting(1.0, end=3))
    (mean,), means = numbers(state), []
    for _ in range(3):
        means.append(mean)
        solver.advance(state)
        mean = 0.7 * mean + 0.3 * numbers(state)[0]
    with pytest.raises(DivergenceError):
        solver.go_on(state)
    # Of the set after the third step the loss is no number.
    torch.testing.assert_close(numbers(state)[0], means[-1], rtol=1e-10, atol=1e-12)


def test_steps_of_a_large_loss_are_skipped(rng):
    source, n_steps = row_source(rng.normal(size=(20, 2))), 6
    solver = Descent(0.1, n_steps, optimizer=GRADIENT_DESCENT, max_loss=1e4)
    state = begun(solver, source, [4], discrepancy=Bursting(1e9))
    points = state.synthetic().X.detach().numpy().copy()
    for t in range(0, n_steps, 2):
        decay = 0.5 * (1 + np.cos(np.pi * t / n_steps))
        points = points - 0.1 * decay * source.units.scale**2 * 2 * points.mean(axis=0) / 4
    solution = solver.go_on(state)
    np.testing.assert_allclose(solution.synthetic.X, points, rtol=1e-10)
    np.testing.assert_array_equal(solution.history["skipped"], [0, 1, 0, 1, 0, 1])
    assert len(solution.history["loss"]) == n_steps


def test_it_is_told_that_most_steps_were_skipped(rng):
    X = rng.normal(size=(20, 2))
    condenser = Condenser(MeanDistance(), solver=Descent(n_steps=4, max_loss=1e-12), n_samples=2, random_state=0)
    with pytest.warns(UserWarning, match=r"4 of 4 steps were skipped: their loss is above max_loss=1e-12"):
        condenser.fit(X)
    np.testing.assert_allclose(np.abs(condenser.X_syn_[:, None] - X).max(axis=2).min(axis=1), 0, atol=1e-6)


@pytest.mark.parametrize("given", [{"average": 0.0}, {"average": 1}, {"average": np.nan}, {"max_loss": 0}])
def test_what_makes_no_average_or_bound_is_refused(given, iris):
    (name,) = given
    with pytest.raises(ValueError, match=rf"Descent\({name}=.*must be"):
        Condenser(MeanDistance(), solver=Descent(**given)).fit(*iris)
