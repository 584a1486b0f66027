"""The best targets of rows that stay, against least squares of numpy on kernel ridge regression written out."""

import re

import numpy as np
import pytest
import torch

from skdc import Condenser
from skdc.discrepancies import MMD, CrossEntropy, Hybrid, LabelMargin, SquaredL2
from skdc.kernels import Gaussian, Linear
from skdc.learners import RandomNetworks
from skdc.networks import MLP
from skdc.parameterizations import Points
from skdc.parameterizations.storage import Fixed
from skdc.solvers import LeastSquares
from skdc.sources import Batch, Sketch, SketchSource
from skdc.spaces import KernelRidgePredictions, NetworkRidgePredictions
from skdc.step import Step

from ..sources import CPU, row_source, seeded, squares

SIZES = [2, 2, 3]


def predictions(bandwidth=3.0, regularization=1e-2):
    return KernelRidgePredictions(Gaussian(bandwidth), regularization)


def loss_of(space, weight=1.0):
    return SquaredL2(space=space, by=None, weight=weight)


@pytest.fixture
def source(rng):
    y = np.repeat([0, 1, 2], [14, 9, 7])
    return row_source(3 + 2 * rng.normal(size=(30, 4)) + y[:, None], y, weight=rng.uniform(0.5, 2, 30))


@pytest.fixture
def regression(rng):
    X = 3 + 2 * rng.normal(size=(30, 4))
    y = 100 + 7 * np.column_stack([np.sin(X[:, 0]), rng.normal(size=30)])
    return row_source(X, y, regression=True, weight=rng.uniform(0.5, 2, 30))


@pytest.fixture(params=["classification", "regression"])
def problem(request, source, regression):
    """Return a source, how many points, and what is taken from its targets."""
    return (source, SIZES, 1 / 3) if request.param == "classification" else (regression, [7], 0.0)


def solve(objective, source, sizes, solver=None):
    """Return the live set, what it was before, and the solution."""
    generator, ticks = seeded(), []
    objective = objective.fit(source, generator)
    live = Points(Fixed(), labels="learned").build(source, np.array(sizes), seeded())
    before = live()
    solver = LeastSquares() if solver is None else solver
    solution = solver.solve(objective, live, source, generator, lambda *tick: ticks.append(tick[:2]))
    return live, before, solution, ticks


def response(source, points, bandwidth=3.0, regularization=1e-2):
    """Return the matrix that makes predictions of targets: kernel ridge regression by its normal equations."""
    S, weight = source.decode(points.X), points.weight.numpy()
    gram, across = (np.exp(-squares(X, S) / (2 * bandwidth**2)) for X in (S, source.X))
    # Minimise sum_i w_i (f(x_i) - y_i)^2 + ridge |f|^2; the diagonal of the kernel is one.
    return across @ np.linalg.solve(np.diag(weight) @ gram + regularization * np.eye(len(S)), np.diag(weight))


def best_targets(parts, source, offset):
    """Return the targets of least squared error, by numpy, of (response, weight) of the terms."""
    scales = [np.sqrt(weight * source.weight)[:, None] for _, weight in parts]
    rows = np.vstack([scale * matrix for scale, (matrix, _) in zip(scales, parts, strict=True)])
    wanted = np.vstack([scale * (source.rows.y.numpy() - offset) for scale in scales])
    return np.linalg.lstsq(rows, wanted)[0] + offset


def test_targets_are_those_of_least_squares(problem):
    source, sizes, offset = problem
    live, before, solution, _ = solve(loss_of(predictions()), source, sizes)
    matrix = response(source, before)
    expected = best_targets([(matrix, 1.0)], source, offset)
    # Normal equations square the condition number of the matrix, here of some hundreds.
    np.testing.assert_allclose(live().y.detach(), expected, rtol=1e-7, atol=1e-9)
    residual = matrix @ (expected - offset) - (source.rows.y.numpy() - offset)
    loss = np.average((residual**2).sum(axis=1), weights=source.weight)
    np.testing.assert_allclose(solution.history["loss"], [loss], rtol=1e-9)
    assert solution.n_iter == 1


def test_the_points_stay(problem):
    source, sizes, _ = problem
    live, before, solution, _ = solve(loss_of(predictions()), source, sizes)
    torch.testing.assert_close(live().X, before.X, rtol=0, atol=0)
    for name in ("X", "weight", "key"):
        torch.testing.assert_close(getattr(solution.synthetic, name), getattr(before, name), rtol=0, atol=0)
    torch.testing.assert_close(solution.synthetic.y, live().y.detach(), rtol=0, atol=0)


@pytest.mark.parametrize("batch_size", [1, 7, 29, 30])
def test_the_result_does_not_depend_on_the_batches(batch_size, source):
    expected = solve(loss_of(predictions()), source, SIZES)[0]().y
    live, _, _, ticks = solve(loss_of(predictions()), source, SIZES, LeastSquares(batch_size))
    torch.testing.assert_close(live().y, expected, rtol=1e-9, atol=1e-11)
    n_batches = -(-30 // batch_size)
    assert ticks == [(step, n_batches) for step in range(1, n_batches + 1)]


def test_no_other_targets_have_a_smaller_loss(problem):
    source, sizes, _ = problem
    objective = loss_of(predictions())
    live, before, _, _ = solve(objective, source, sizes)
    best = objective.loss(Batch(source.rows), live(), Step(seeded()))
    (gradient,) = torch.autograd.grad(best, live.targets.values)
    (at_the_start,) = torch.autograd.grad(objective.loss(Batch(source.rows), before, Step(seeded())), before.y)
    assert gradient.norm() < 1e-9 * at_the_start.norm()
    for seed in range(20):
        for size in (1e-3, 1.0):
            change = size * torch.randn(live.targets.values.shape, generator=seeded(seed), dtype=torch.float64)
            with torch.no_grad():
                live.targets.values.add_(change)
                assert objective.loss(Batch(source.rows), live(), Step(seeded())) > best
                live.targets.values.sub_(change)


def test_a_row_of_weight_two_is_the_row_twice(rng):
    X, y, weight = 3 + 2 * rng.normal(size=(20, 3)), np.arange(20) % 2, rng.integers(1, 4, 20)
    twice = np.repeat(np.arange(20), weight)
    sources = row_source(X, y, weight=weight), row_source(X[twice], y[twice])
    weighted, repeated = (solve(loss_of(predictions()), source, [3, 3])[0]() for source in sources)
    torch.testing.assert_close(weighted.X, repeated.X, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(weighted.y, repeated.y, rtol=1e-7, atol=1e-9)
    unweighted = solve(loss_of(predictions()), row_source(X, y), [3, 3])[0]()
    assert not torch.allclose(weighted.y, unweighted.y, rtol=1e-2)


def test_terms_add_up_by_their_weights(problem):
    source, sizes, offset = problem
    one, other = predictions(), predictions(bandwidth=1.0, regularization=0.5)
    live, before, solution, _ = solve(loss_of(one) + loss_of(other, 3.0), source, sizes)
    parts = [(response(source, before), 1.0), (response(source, before, 1.0, 0.5), 3.0)]
    expected = best_targets(parts, source, offset)
    np.testing.assert_allclose(live().y.detach(), expected, rtol=1e-7, atol=1e-9)
    assert not np.allclose(expected, best_targets(parts[:1], source, offset), rtol=1e-2)
    losses = [loss_of(one), loss_of(other, 3.0)]
    total = sum(
        loss.fit(source, seeded()).loss(Batch(source.rows), solution.synthetic, Step(seeded())) for loss in losses
    )
    np.testing.assert_allclose(solution.history["loss"], [total.detach()], rtol=1e-9)


def test_of_many_best_targets_the_shortest_is_found(rng):
    # Predictions of a linear kernel on two columns see two directions of the seven targets.
    X = rng.normal(size=(30, 2))
    source = row_source(X, rng.normal(size=(30, 1)), regression=True)
    live, before, _, _ = solve(loss_of(KernelRidgePredictions(Linear(), 0.1)), source, [7])
    S, shift = source.decode(before.X), X.mean(axis=0)
    gram, across = (S - shift) @ (S - shift).T, (X - shift) @ (S - shift).T
    matrix = across @ np.linalg.inv(gram + 0.1 * np.trace(gram) / 7 * np.eye(7))
    expected = np.linalg.lstsq(matrix, source.rows.y.numpy(), rcond=1e-10)[0]
    np.testing.assert_allclose(live().y.detach(), expected, rtol=1e-7, atol=1e-10)


def test_the_learner_of_the_solution_predicts_what_is_best(regression):
    _, before, solution, _ = solve(loss_of(predictions()), regression, [7])
    matrix = response(regression, before)
    expected = torch.as_tensor(matrix @ best_targets([(matrix, 1.0)], regression, 0.0))
    found = solution.attributes["learner_"].predict(regression.X)
    np.testing.assert_allclose(found, regression.decode_targets(expected), rtol=1e-7)


def test_a_condenser_shows_rows_of_the_data_and_learned_targets(iris):
    X, y = iris
    settings = {"n_per_class": 3, "random_state": 0}
    condenser = Condenser(loss_of(predictions()), Points(Fixed(), labels="learned"), LeastSquares(), **settings).fit(
        X, y
    )
    np.testing.assert_allclose(squares(condenser.X_syn_, X).min(axis=1), 0, atol=1e-9)
    weight = condenser.sample_weight_
    gram, across = (np.exp(-squares(rows, condenser.X_syn_) / 18) for rows in (condenser.X_syn_, X))
    matrix = across @ np.linalg.solve(np.diag(weight) @ gram + 1e-2 * np.eye(9), np.diag(weight))

    def error(targets):
        return np.square(matrix @ (targets - 1 / 3) - np.eye(3)[y] + 1 / 3).sum()

    least = error(best_targets([(matrix, 1.0)], row_source(X, y), 1 / 3))
    # The rounding of float32 in the targets counts squared where the error is least.
    assert error(condenser.y_learned_) == pytest.approx(least, rel=1e-5)
    assert least < 0.9 * error(np.eye(3)[np.repeat([0, 1, 2], 3)])


# What cannot be solved for


@pytest.mark.parametrize(
    "objective",
    [
        MMD(),
        CrossEntropy(space=predictions(), by=None),
        SquaredL2(space=NetworkRidgePredictions(RandomNetworks(MLP(4, 1))), by=None),
        loss_of(predictions()) + LabelMargin(),
        loss_of(predictions()) + 2 * MMD(),
    ],
    ids=repr,
)
def test_other_losses_are_refused(objective, source):
    with pytest.raises(ValueError, match="LeastSquares solves for the least squared error of predictions that are"):
        solve(objective, source, SIZES)


def test_targets_that_stay_are_refused(iris):
    with pytest.raises(
        ValueError, match=re.escape("for nothing else that moves; use Points(Fixed(), labels='learned')")
    ):
        Condenser(loss_of(predictions()), Points(), LeastSquares(), n_per_class=2).fit(*iris)


def test_batches_have_rows(source):
    with pytest.raises(ValueError, match=r"LeastSquares\(batch_size=0\): it must be at least 1"):
        solve(loss_of(predictions()), source, SIZES, LeastSquares(batch_size=0))


def test_a_stream_is_refused(source):
    objective = loss_of(predictions()).fit(source, seeded())
    live = Points(Fixed(), labels="learned").build(source, np.array(SIZES), seeded())
    stream = SketchSource(Sketch(3, 0, seed=0), source.schema, CPU)
    with pytest.raises(ValueError, match="LeastSquares cannot learn targets from a stream"):
        LeastSquares().solve(objective, live, stream, seeded(), lambda *tick: None)


def test_normalised_terms_are_refused(source):
    objective = Hybrid([("a", loss_of(predictions()))], normalize=True).fit(source, seeded())
    synthetic = Points(Fixed(), labels="learned").build(source, np.array(SIZES), seeded())
    with pytest.raises(ValueError, match="use normalize=False"):
        LeastSquares().solve(objective, synthetic, source, seeded(), lambda *_: False)
