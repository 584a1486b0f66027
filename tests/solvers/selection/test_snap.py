"""Rows taken for points, against brute force and the solvers that move the points."""

import re
from itertools import permutations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from skdc import Condenser
from skdc.discrepancies import MMD, Cosine, QuantizationError, Sinkhorn, Wasserstein
from skdc.learners import AlternatingNetworks
from skdc.networks import MLP
from skdc.parameterizations import Points, Subset
from skdc.solvers import Descent, Draw, Greedy, Lloyd
from skdc.solvers.barycenter import Barycenter
from skdc.solvers.selection import snap
from skdc.solvers.selection.snap import Snap, matched
from skdc.spaces import NetworkGradients, Standardized

from ...sources import row_source, seeded, squares

SMALL = MLP(width=4, depth=1)


def least(points, rows):
    """Return the least sum of squared distances over all choices of distinct rows."""
    apart, columns = squares(points, rows), np.arange(len(points))
    return min(apart[columns, list(choice)].sum() for choice in permutations(range(len(rows)), len(points)))


def total(points, rows):
    return np.square(points - rows).sum()


@pytest.fixture
def classes(rng):
    """Return weighted rows of two classes, one feature much wider than the others."""
    y = np.repeat([0, 1], [18, 12])
    return 5 + rng.normal(size=(30, 3)) * [1.0, 9.0, 1.0] + 4 * y[:, None], y, rng.uniform(0.5, 2, 30)


# The matching


@pytest.mark.parametrize("unit", [1.0, 1e-9, 1e9])
@pytest.mark.parametrize("spread", [0.0, 0.2, 2.0])
@pytest.mark.parametrize("seed", range(3))
def test_rows_are_matched_at_least_cost(seed, spread, unit):
    rng = np.random.default_rng(seed)
    points, rows = unit * spread * rng.normal(size=(4, 2)), unit * rng.normal(size=(8, 2))
    chosen = matched(torch.as_tensor(points), torch.as_tensor(rows))
    assert len(set(chosen.tolist())) == 4
    np.testing.assert_allclose(total(points, rows[chosen]), least(points, rows), rtol=1e-9)


def test_where_all_lie_does_not_matter(rng):
    rows, points = (rng.normal(size=(n, 2)).round(2) for n in (60, 8))
    near, far = (
        matched(*(torch.as_tensor(values + offset, dtype=torch.float32) for values in (points, rows)))
        for offset in (0, 8192)
    )
    costs = [squares(points, rows[found]).trace() for found in (near, far)]
    assert costs[1] <= 1.05 * costs[0]


def test_equal_points_take_the_nearest_rows(rng):
    rows = rng.normal(size=(50, 2))
    chosen = matched(torch.zeros(6, 2, dtype=torch.float64), torch.as_tensor(rows))
    np.testing.assert_array_equal(np.sort(chosen), np.sort(np.square(rows).sum(1).argsort()[:6]))


@pytest.mark.parametrize("copies", [1, 3])
def test_points_that_are_rows_take_those(copies, rng):
    rows = np.repeat(rng.normal(size=(10, 2)), copies, axis=0)
    order = rng.permutation(len(rows))
    chosen = matched(torch.as_tensor(rows[order]), torch.as_tensor(rows))
    np.testing.assert_array_equal(rows[chosen], rows[order])
    np.testing.assert_array_equal(np.sort(chosen), np.arange(len(rows)))


def test_distances_are_held_piece_by_piece(rng, monkeypatch):
    points, rows = torch.as_tensor(rng.normal(size=(20, 3))), torch.as_tensor(rng.normal(size=(60, 3)))
    whole, sizes, compute = matched(points, rows), [], snap.squared_distances
    monkeypatch.setattr(snap, "MATRIX_ENTRIES", 200)
    monkeypatch.setattr(snap, "squared_distances", lambda x, y: sizes.append(len(x) * len(y)) or compute(x, y))
    np.testing.assert_array_equal(matched(points, rows), whole)
    assert max(sizes) <= 200


# The points of a solver


@pytest.mark.parametrize(
    "discrepancy, solver",
    [
        (QuantizationError(), Lloyd()),
        (QuantizationError(space=Standardized()), Lloyd()),
        (Wasserstein(), Barycenter()),
        (MMD(), Descent(n_steps=40)),
        (MMD(by=None), Descent(n_steps=40)),
        (0.5 * MMD(space=Standardized()) + Sinkhorn(), Descent(n_steps=10)),
        (Cosine(space=NetworkGradients(AlternatingNetworks(SMALL))), Descent(n_steps=2)),
    ],
    ids=["lloyd", "standardised", "barycenter", "descent", "whole", "hybrid", "no pointwise space"],
)
def test_rows_are_those_nearest_to_the_points(discrepancy, solver, classes):
    X, y, weight = classes
    free = Condenser(discrepancy, Points(start="spread"), solver, n_per_class={0: 4, 1: 3}, random_state=0)
    snapped = Condenser(discrepancy, Subset(), Snap(solver), n_per_class={0: 4, 1: 3}, random_state=0)
    free.fit(X, y, sample_weight=weight), snapped.fit(X, y, sample_weight=weight)
    standardised = "Standardized" in repr(discrepancy)
    scale = np.sqrt(np.cov(X.T, aweights=weight, bias=True).diagonal()) if standardised else 1.0
    assert len(set(snapped.indices_)) == 7
    np.testing.assert_array_equal(snapped.X_syn_, X[snapped.indices_])
    np.testing.assert_array_equal(y[snapped.indices_], free.y_syn_)
    for c in (0, 1):
        points, rows = free.X_syn_[free.y_syn_ == c] / scale, X[y == c] / scale
        found = snapped.X_syn_[snapped.y_syn_ == c] / scale
        np.testing.assert_allclose(total(points, found), least(points, nearest_rows(points, rows)), rtol=1e-5)
    np.testing.assert_allclose(snapped.sample_weight_, free.sample_weight_, rtol=1e-5)
    np.testing.assert_array_equal(snapped.history_["loss"], free.history_["loss"])
    assert snapped.n_iter_ == free.n_iter_


def nearest_rows(points, rows):
    """Return the rows among which the best choice is: few enough for brute force."""
    apart = cdist(points, rows)
    return rows[np.unique(apart.argsort(axis=1)[:, : len(points)])]


def test_the_default_is_lloyd_from_far_apart_rows(classes):
    X, y, _ = classes
    chosen = [
        Condenser(QuantizationError(), Subset(), solver, n_per_class=4, random_state=0).fit(X, y).indices_
        for solver in (Snap(), Snap(Lloyd(), Points(start="spread")), Snap(Lloyd(max_iter=1), Points(start="rows")))
    ]
    np.testing.assert_array_equal(chosen[0], chosen[1])
    assert set(chosen[0]) != set(chosen[2])


def test_all_rows_of_a_class_can_be_taken(classes):
    X, y, _ = classes
    condenser = Condenser(MMD(), Subset(), Snap(Descent(n_steps=5)), n_per_class={0: 1, 1: 12}, random_state=0)
    np.testing.assert_array_equal(np.sort(condenser.fit(X, y).indices_[1:]), np.arange(18, 30))


def test_rows_near_points_of_small_mmd_have_a_small_mmd(digits):
    X, y = digits[0][:600], digits[1][:600]

    def mmd(condenser):
        rows = condenser.set_params(n_per_class=5).fit(X, y)
        return np.mean([MMD()(X[y == c], rows.X_syn_[rows.y_syn_ == c]) for c in range(10)])

    near = mmd(Condenser(MMD(), Subset(), Snap(Descent(n_steps=100)), random_state=0))
    drawn = [mmd(Condenser(None, Subset(), Draw(), random_state=seed)) for seed in range(5)]
    assert near < 0.8 * min(drawn)


def test_weights_can_be_solved_for(classes):
    X, y, _ = classes
    plain, weighed = (
        Condenser(QuantizationError(), Subset(), Snap(reweight=other), n_per_class=5, random_state=0).fit(X, y)
        for other in (None, MMD())
    )
    np.testing.assert_array_equal(plain.indices_, weighed.indices_)
    for c in (0, 1):
        values = [
            MMD()(X[y == c], X_syn, sample_weight_y=weight)
            for X_syn, weight in (
                (set_.X_syn_[set_.y_syn_ == c], set_.sample_weight_[set_.y_syn_ == c]) for set_ in (plain, weighed)
            )
        ]
        assert values[1] < values[0]
        np.testing.assert_allclose(weighed.sample_weight_[weighed.y_syn_ == c].sum(), (y == c).mean() * 10, rtol=1e-5)


def test_in_the_joint_space_rows_are_near_in_their_targets_too(rng):
    X, y = np.zeros((40, 1)), rng.normal(size=40)
    condenser = Condenser(QuantizationError(), Subset(), Snap(), n_samples=1, random_state=0).fit(X, y)
    assert condenser.indices_[0] == np.abs(y - y.mean()).argmin()
    assert condenser.y_syn_[0] == y[condenser.indices_[0]]


def test_the_solver_tells_of_its_steps(classes):
    X, y, _ = classes
    source, steps = row_source(X, y), []
    live = Subset().build(source, np.array([3, 3]), seeded())
    objective = MMD().fit(source, seeded())
    Snap(Descent(n_steps=7)).solve(
        objective, live, source, seeded(), lambda step, n_steps, loss: steps.append((step, n_steps))
    )
    assert steps == [(step, 7) for step in range(1, 8)]


def test_the_same_seed_takes_the_same_rows(classes):
    X, y, _ = classes
    condenser = Condenser(MMD(), Subset(), Snap(Descent(n_steps=5, batch_size=8)), n_per_class=4)
    first, again, other = (condenser.set_params(random_state=seed).fit(X, y).indices_ for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert set(first) != set(other)


# What does not go together


@pytest.mark.parametrize(
    "discrepancy, solver, message",
    [
        (MMD(), Snap(Greedy()), "Snap(solver=Greedy()) moves no points for which rows could be taken"),
        (MMD(), Snap(Draw()), "Snap(solver=Draw()) moves no points"),
        (MMD(), Snap(Snap(Descent())), "Snap(solver=Snap(solver=Descent())) moves no points"),
        (MMD(), Snap(Descent(), Subset()), "Snap(start=Subset()) moves no points"),
        (MMD(), Snap(Descent(), Points(labels="learned")), "real rows keep their classes; use Points(labels='hard')"),
        (MMD(), Snap(), "Lloyd minimises the quantization error, not MMD()"),
        (QuantizationError(), Snap(reweight=Sinkhorn()), "reweight=Sinkhorn() is no squared distance of mean embed"),
    ],
    ids=lambda part: part if isinstance(part, str) else None,
)
def test_what_does_not_go_together_is_refused(discrepancy, solver, message, iris):
    with pytest.raises(ValueError, match=re.escape(message)):
        Condenser(discrepancy, Subset(), solver, n_per_class=2).fit(*iris)


def test_too_many_rows_are_refused(classes):
    X, y, _ = classes
    with pytest.raises(ValueError, match="cannot take 13 rows of class 1 out of 12"):
        Condenser(QuantizationError(), Subset(), Snap(), n_per_class=13).fit(X, y)
