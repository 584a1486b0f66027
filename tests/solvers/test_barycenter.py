"""Barycenters against quantile bins, POT and Lloyd's algorithm."""

import re

import numpy as np
import ot
import pytest

from skdc import Condenser
from skdc.discrepancies import MMD, LabeledTransport, Sinkhorn, Wasserstein
from skdc.networks import MLP
from skdc.parameterizations import Points, Subset
from skdc.solvers.barycenter import Barycenter
from skdc.spaces import Identity, Joint, RandomNetwork, Standardized

from ..sources import row_source, seeded, squares


def solve(solver, source, sizes, discrepancy=None, start="rows", seed=0):
    """Return the points where they start and where they end, the live set and the solution."""
    objective, generator = (discrepancy or Wasserstein()).fit(source, seeded(seed)), seeded(seed)
    live = Points(start=start).build(source, np.asarray(sizes), generator)
    before = source.decode(live().X)
    solution = solver.solve(objective, live, source, generator, lambda step, n_steps, loss: False)
    return before, source.decode(live().X), live, solution


def plan(points, rows, weight):
    """Return the exact plan from rows to points of equal mass, by POT, and its cost."""
    cost = squares(rows, points)
    found = ot.emd(weight / weight.sum(), np.full(len(points), 1 / len(points)), cost)
    return found, (found * cost).sum()


@pytest.fixture
def classes(rng):
    """Return weighted rows of two classes."""
    y = np.repeat([0, 1], [36, 25])
    return 5 + rng.normal(size=(61, 3)) * [1.0, 5.0, 0.2] + 4 * y[:, None], y, rng.uniform(0.5, 2, 61)


# Where points end


@pytest.mark.parametrize("start", ["rows", "spread", "noise"])
@pytest.mark.parametrize("size", [1, 3, 4, 7])
def test_on_a_line_points_are_the_means_of_bins_of_equal_mass(size, start, rng):
    rows, weight = rng.normal(size=10), rng.integers(1, 5, 10)
    # Each row as often as its weight and the number of bins say, so that no bin cuts a row.
    bins = np.sort(np.repeat(rows, weight * size)).reshape(size, -1)
    _, points, _, _ = solve(Barycenter(tol=0), row_source(rows[:, None], weight=weight), [size], start=start)
    np.testing.assert_allclose(np.sort(points[:, 0]), bins.mean(axis=1), rtol=1e-9)


def test_points_and_costs_are_those_of_pot(classes):
    X, y, weight = classes
    start, points, _, solution = solve(Barycenter(tol=0), row_source(X, y, weight=weight), [6, 4])
    costs = []
    for c, own in ((0, slice(0, 6)), (1, slice(6, 10))):
        rows, mass = X[y == c], weight[y == c]
        expected = ot.lp.free_support_barycenter([rows], [mass / mass.sum()], start[own], numItermax=500, stopThr=1e-20)
        np.testing.assert_allclose(points[own], expected, rtol=1e-7)
        costs.append((plan(start[own], rows, mass)[1], plan(points[own], rows, mass)[1]))
    np.testing.assert_allclose(solution.history["loss"][[0, -1]], np.mean(costs, axis=0), rtol=1e-7)
    assert (np.diff(solution.history["loss"]) < 1e-12).all()
    assert len(solution.history["loss"]) == solution.n_iter > 2


@pytest.mark.parametrize("space", [None, Standardized()], ids=["rows", "standardised"])
def test_each_point_is_the_mean_of_what_it_gets(space, classes):
    X, y, weight = classes
    source = row_source(X, y, weight=weight)
    _, points, live, _ = solve(Barycenter(tol=0), source, [5, 3], Wasserstein(space=space))
    scale = 1.0 if space is None else np.sqrt(np.cov(X.T, aweights=weight, bias=True).diagonal())
    for c in (0, 1):
        rows, own = X[y == c], points[live.key == c]
        carried, _ = plan(own / scale, rows / scale, weight[y == c])
        np.testing.assert_allclose(own, carried.T @ rows * len(own), rtol=1e-8)


def test_points_share_the_mass_of_their_class(classes):
    X, y, weight = classes
    _, _, live, solution = solve(Barycenter(), row_source(X, y, weight=weight), [5, 3])
    mass = np.repeat([weight[y == 0].sum() / 5, weight[y == 1].sum() / 3], [5, 3])
    np.testing.assert_allclose(live.weight, mass / mass.mean(), rtol=1e-9)
    np.testing.assert_array_equal(solution.synthetic.weight, live.weight)


def test_a_weight_is_a_multiplicity(classes, rng):
    X, y, _ = classes
    weight = rng.integers(1, 4, len(X))
    heavy = row_source(X, y, weight=weight)
    repeated = row_source(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    found, expected = (solve(Barycenter(tol=0), source, [5, 3]) for source in (heavy, repeated))
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-8)
    assert np.abs(found[1] - solve(Barycenter(tol=0), row_source(X, y), [5, 3])[1]).max() > 1e-3


def test_one_point_is_the_mean(classes):
    X, y, weight = classes
    _, points, _, _ = solve(Barycenter(), row_source(X, y, weight=weight), [1, 1])
    np.testing.assert_allclose(points, [np.average(X[y == c], 0, weight[y == c]) for c in (0, 1)], rtol=1e-9)


def test_as_many_points_as_rows_stay_rows(rng):
    X = rng.normal(size=(9, 2))
    start, points, _, solution = solve(Barycenter(), row_source(X), [9], start="spread")
    np.testing.assert_allclose(points, start, rtol=1e-9)
    assert solution.history["loss"][-1] < 1e-12


def test_in_the_joint_space_targets_move(rng):
    X, y = rng.normal(size=(40, 2)), rng.normal(size=40)
    condenser = Condenser(Wasserstein(), solver=Barycenter(), n_samples=1, random_state=0).fit(X, y)
    np.testing.assert_allclose(condenser.X_syn_[0], X.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(condenser.y_syn_[0], y.mean(), atol=1e-6)


# When it ends


def test_one_plan_is_one_step(classes):
    X, y, weight = classes
    start, points, _, solution = solve(Barycenter(max_iter=1), row_source(X, y, weight=weight), [5, 0])
    carried, _ = plan(start, X[y == 0], weight[y == 0])
    np.testing.assert_allclose(points, carried.T @ X[y == 0] * 5, rtol=1e-9)
    assert solution.n_iter == 1


def test_tolerance_is_a_part_of_the_cost(classes):
    X, y, _ = classes
    source = row_source(X, y)
    full = solve(Barycenter(tol=0), source, [10, 0])[3].history["loss"]
    first, second = (full[:2] - full[1:3]) / full[1:3]
    assert first > second > 0
    loss = solve(Barycenter(tol=(first * second) ** 0.5), source, [10, 0])[3].history["loss"]
    np.testing.assert_array_equal(loss, full[:3])


@pytest.mark.parametrize("unit", [1e-3, 1e6])
def test_the_unit_of_the_data_does_not_matter(unit, classes):
    X, y, weight = classes
    plain, scaled = (
        solve(Barycenter(), row_source(u * X, y, weight=weight), [6, 4], start="spread") for u in (1.0, unit)
    )
    np.testing.assert_allclose(scaled[1], unit * plain[1], rtol=1e-5)


# How many rows enter


def test_of_many_rows_some_are_drawn_in_proportion_to_weight(rng):
    weight, counts = rng.uniform(0.5, 2, 30), []
    source, solver = row_source(np.eye(30), weight=weight), Barycenter(max_rows=8)
    for seed in range(100):
        _, (point,), _, _ = solve(solver, source, [1], seed=seed)
        counts.append(8 * point)  # the mean of eight rows
    np.testing.assert_allclose(counts, np.rint(counts), atol=1e-9)
    expected = 8 * weight / weight.sum()
    assert (np.abs(np.mean(counts, axis=0) - expected) < 4 * np.sqrt(expected / 100)).all()
    assert np.corrcoef(np.mean(counts, axis=0), weight)[0, 1] > 0.7


def test_the_same_seed_draws_the_same_rows(rng):
    source = row_source(rng.normal(size=(50, 2)))
    first, again, other = (solve(Barycenter(max_rows=20), source, [3], seed=seed)[1] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


# What does not go together


@pytest.mark.parametrize(
    "discrepancy, parameterization, solver, message",
    [
        (MMD(), None, Barycenter(), "minimises squared distances to where the rows are carried, not MMD()"),
        (Sinkhorn(), None, Barycenter(), "not Sinkhorn(); use Wasserstein(order=2), or the solver Descent()"),
        (LabeledTransport(), None, Barycenter(), "not LabeledTransport(); use Wasserstein(order=2)"),
        (Wasserstein(order=1), None, Barycenter(), "not Wasserstein(order=1); use Wasserstein(order=2)"),
        (
            Wasserstein(space=RandomNetwork(MLP(width=4, depth=1))),
            None,
            Barycenter(),
            "RandomNetwork cannot map means back",
        ),
        (Wasserstein(by=None), None, Barycenter(), "goes class by class, not by=None; use Wasserstein(by='class')"),
        (Wasserstein(), Points(labels="learned"), Barycenter(), "Points(labels='hard') for classes"),
        (Wasserstein(), Subset(), Barycenter(), "Barycenter moves values, but Subset has indices"),
        (Wasserstein(), None, Barycenter(max_iter=0), "max_iter and max_rows must be at least 1"),
        (Wasserstein(), None, Barycenter(max_rows=0), "max_iter and max_rows must be at least 1"),
        (Wasserstein(), None, Barycenter(tol=-1.0), "tol must not be negative"),
        (Wasserstein(), None, Barycenter(tol=np.nan), "tol must not be negative"),
    ],
    ids=lambda part: part if isinstance(part, str) else None,
)
def test_what_does_not_go_together_is_refused(discrepancy, parameterization, solver, message, iris):
    with pytest.raises(ValueError, match=re.escape(message)):
        Condenser(discrepancy, parameterization, solver, n_per_class=2).fit(*iris)


def test_targets_of_regression_need_a_space_that_shows_them(rng):
    condenser = Condenser(Wasserstein(space=Identity()), solver=Barycenter(), n_samples=3)
    with pytest.raises(ValueError, match=r"use Wasserstein\(space=Joint\(\)\) for continuous targets"):
        condenser.fit(rng.normal(size=(20, 2)), rng.normal(size=20))
    condenser.set_params(discrepancy__space=Joint()).fit(rng.normal(size=(20, 2)), rng.normal(size=20))
