"""Randomly pivoted Cholesky against its law, the Nystrom error and the bound of its authors."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from scipy.stats import chisquare

from skdc import Condenser
from skdc.discrepancies import MMD, Hybrid
from skdc.discrepancies.nystrom import NystromError
from skdc.kernels import Linear
from skdc.parameterizations import Subset
from skdc.solvers.selection import pivots
from skdc.solvers.selection.cells import Cell
from skdc.solvers.selection.pivots import Pivots

from ...sources import row_source, seeded, squares


def cell_of(source, sizes):
    return Cell(source, np.arange(len(source)), source.rows.weight, np.asarray(sizes))


def chooser(source, sizes, discrepancy=None):
    """Return a function that gives the choice of a seed."""
    objective = (NystromError(bandwidth=1.0) if discrepancy is None else discrepancy).fit(source, seeded())
    cell = cell_of(source, sizes)
    return lambda seed, **settings: Pivots(**settings).choose(objective, cell, source, seeded(seed))


def law_of_pairs(kernel, weight, allowed=lambda first: True):
    """Return the probability of each pair of a first and a second pivot, by the definition."""
    n = len(weight)
    law, first_law = np.zeros((n, n)), weight * kernel.diagonal() / (weight @ kernel.diagonal())
    for first in range(n):
        residual = kernel.diagonal() - kernel[:, first] ** 2 / kernel[first, first]
        chances = weight * residual * allowed(first)
        chances[first] = 0
        law[first] = first_law[first] * chances / chances.sum()
    return law


@pytest.mark.parametrize("case", ["gaussian", "linear", "quotas"])
def test_two_pivots_follow_the_law(case, rng):
    X, weight, y = rng.normal(size=(6, 2)), rng.uniform(0.5, 3, 6), np.array([0, 0, 0, 1, 1, 1])
    source = row_source(X, y, weight=weight) if case == "quotas" else row_source(X, weight=weight)
    centred = source.rows.X.numpy() * source.units.scale
    kernel = centred @ centred.T if case == "linear" else np.exp(-squares(X, X) / 2)
    if case == "quotas":  # one of each class, chosen together
        choose = chooser(source, [1, 1], NystromError(bandwidth=1.0, by=None))
        law = law_of_pairs(kernel, weight, lambda first: y != y[first])
    else:
        choose = chooser(source, [2], NystromError(Linear()) if case == "linear" else None)
        law = law_of_pairs(kernel, weight)
    n_trials = 1500
    counts = np.zeros((6, 6))
    for seed in range(n_trials):
        counts[tuple(choose(seed).rows)] += 1
    possible = law > 0
    assert not counts[~possible].any()
    assert chisquare(counts[possible], n_trials * law[possible]).pvalue > 1e-3


def test_the_loss_is_the_trace_error_after_each_pivot(rng):
    X, weight = rng.normal(size=(400, 3)), rng.uniform(0.5, 2, 400)
    source = row_source(X, weight=weight)
    choice = chooser(source, [200])(0)  # more than one block of proposals
    expected = [NystromError(bandwidth=1.0)(X, X[choice.rows[:m]], sample_weight=weight) for m in (1, 2, 50, 130, 200)]
    np.testing.assert_allclose(np.array(choice.values)[[0, 1, 49, 129, 199]], expected, rtol=1e-3)
    np.testing.assert_allclose(choice.values[:2], expected[:2], rtol=1e-8)
    assert len(set(choice.rows)) == 200


def test_the_trace_error_keeps_to_the_bound(rng):
    # Chen et al., 2025: in the mean over draws at most 1 + eps times the least error of any rank r, where
    # k >= r / eps + r log(1 / (eps eta)) pivots, eta being the share of the trace that rank r leaves.
    X = np.concatenate([rng.normal(size=(300, 2)), 6 + 0.1 * rng.normal(size=(20, 2)), [[-30.0, 0.0], [0.0, 40.0]]])
    kernel = np.exp(-squares(X, X) / 2)
    eigenvalues = np.linalg.eigvalsh(kernel)[::-1]
    choose, rank, eps = chooser(row_source(X), [130]), 8, 0.5
    best = eigenvalues[rank:].sum() / eigenvalues.sum()
    size = int(np.ceil(rank / eps + rank * np.log(1 / (eps * best))))
    assert size < 60
    losses = np.array([choose(seed).values for seed in range(20)])
    assert losses[:, size - 1].mean() <= (1 + eps) * best
    # No set of rows does better than the best projection of their number.
    assert np.all(losses[:, rank - 1] >= best)
    uniform = [NystromError(bandwidth=1.0)(X, X[np.random.default_rng(i).permutation(322)[:30]]) for i in range(20)]
    assert losses[:, 29].mean() < 0.8 * np.mean(uniform)


def test_blocks_of_any_size_follow_the_same_law(rng, monkeypatch):
    X = rng.normal(size=(300, 2))
    choose, means = chooser(row_source(X), [40]), []
    for size in (1, 128):
        monkeypatch.setattr(pivots, "_PROPOSALS", size)
        losses = np.array([choose(seed).values for seed in range(30)])
        means.append((losses.mean(0), losses.std(0) / np.sqrt(30)))
    (one, one_error), (many, many_error) = means
    assert np.all(np.abs(one - many)[[5, 10, 20, 39]] < 4 * np.hypot(one_error, many_error)[[5, 10, 20, 39]])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_each_of_rows_that_coincide_is_chosen_once_before_any_twice(dtype, rng):
    X = np.tile(1000 + rng.normal(size=(5, 3)), (20, 1))
    choose = chooser(row_source(X, dtype=dtype), [8])
    for seed in range(20):
        choice = choose(seed)
        assert len(set(choice.rows)) == 8
        assert set(np.array(choice.rows)[:5] % 5) == set(range(5))
        assert max(choice.values[4:]) < 1e-5 < min(choice.values[:4])


def test_past_the_rank_rows_are_drawn_by_weight():
    X, weight = np.array([[1.0], [2.0], [-3.0], [1.0], [-1.0]]), np.array([1.0, 2.0, 1.0, 4.0, 1.0])
    source = row_source(X, weight=weight)
    choose, counts, expected = chooser(source, [2], NystromError(Linear())), np.zeros((5, 5)), np.zeros((5, 5))
    first_law = weight * (source.rows.X.numpy()[:, 0]) ** 2
    for first in range(5):
        others = np.where(np.arange(5) == first, 0, weight)
        expected[first] = first_law[first] / first_law.sum() * others / others.sum()
    for seed in range(1000):
        counts[tuple(choose(seed).rows)] += 1
    possible = expected > 0
    assert not counts[~possible].any()
    assert chisquare(counts[possible], 1000 * expected[possible]).pvalue > 1e-3


def test_all_rows_can_be_chosen(iris):
    X, y = iris
    condenser = Condenser(NystromError(), parameterization=Subset(), solver=Pivots(), random_state=0)
    condenser.set_params(n_per_class={0: 50, 1: 50, 2: 3}).fit(X, y)
    assert set(range(100)) < set(condenser.indices_)
    np.testing.assert_array_equal(np.bincount(condenser.y_syn_), [50, 50, 3])


@pytest.mark.parametrize("by", ["class", None])
def test_quotas_and_the_mass_of_classes_are_kept(by, iris):
    X, y = iris
    weight = np.repeat([1.0, 2.0, 3.0], 50)
    condenser = Condenser(NystromError(by=by), parameterization=Subset(), solver=Pivots(), random_state=0)
    condenser.set_params(n_per_class={0: 2, 1: 7, 2: 4}).fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(np.bincount(condenser.y_syn_), [2, 7, 4])
    np.testing.assert_array_equal(condenser.y_syn_, y[condenser.indices_])
    shares = np.bincount(condenser.y_syn_, condenser.sample_weight_)
    np.testing.assert_allclose(shares / shares.sum(), [1 / 6, 2 / 6, 3 / 6], rtol=1e-5)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*of the variance:UserWarning")
def test_a_small_group_counts_as_much_as_a_large_one(rng):
    X = np.concatenate([rng.normal(size=(190, 2)), 50 + rng.normal(size=(10, 2))])
    groups, share = np.repeat([0, 1], [190, 10]), {}
    for by, arguments in (("class", {}), ("group", {"sensitive_features": groups})):
        condensers = (
            Condenser(NystromError(by=by), parameterization=Subset(), solver=Pivots(), n_samples=2, random_state=seed)
            for seed in range(40)
        )
        first = [groups[c.fit(X, np.zeros(200, int), **arguments).indices_].mean() for c in condensers]
        share[by] = np.mean(first)
    assert share["class"] < 0.6 * share["group"]


def test_of_more_rows_so_many_are_drawn(rng):
    X = rng.normal(size=(60, 2))
    choose = chooser(row_source(X), [5])
    rows = np.array([choose(seed, max_rows=5).rows for seed in range(200)])
    # All five that are drawn are chosen: any row as often as another.
    counts = np.bincount(rows.ravel(), minlength=60)
    assert chisquare(counts).pvalue > 1e-3


def test_sparse_rows_give_what_dense_rows_give(rng):
    X = rng.normal(size=(80, 6)) * (rng.random((80, 6)) < 0.4)
    condenser = Condenser(NystromError(), parameterization=Subset(), solver=Pivots(), n_samples=12, random_state=0)
    dense = condenser.fit(X).indices_
    np.testing.assert_array_equal(condenser.fit(csr_array(X)).indices_, dense)


def test_reweighted_pivots_are_a_quadrature_rule(rng):
    X = rng.exponential(size=(300, 2))
    condenser = Condenser(NystromError(), parameterization=Subset(), n_samples=10, random_state=0)
    even = condenser.set_params(solver=Pivots()).fit(X)
    loss = MMD()(X, even.X_syn_)
    weighted = condenser.set_params(solver=Pivots(reweight=MMD())).fit(X)
    assert MMD()(X, weighted.X_syn_, sample_weight_y=weighted.sample_weight_) < 0.2 * loss


@pytest.mark.parametrize(
    "discrepancy, solver, words",
    [
        (MMD(), Pivots(), "lowers a NystromError"),
        (NystromError() + NystromError(by=None), Pivots(), "and nothing else"),
        (Hybrid([("error", NystromError()), ("mmd", MMD())]), Pivots(), "and nothing else"),
        (NystromError(), Pivots(max_rows=0), "at least 1"),
        (NystromError(), Pivots(reweight=NystromError()), "no squared distance of mean embeddings"),
    ],
    ids=["mmd", "two", "hybrid", "no rows", "weights"],
)
def test_what_it_cannot_follow_is_refused(discrepancy, solver, words, rng):
    condenser = Condenser(discrepancy, parameterization=Subset(), solver=solver, n_samples=3)
    with pytest.raises(ValueError, match=words):
        condenser.fit(rng.normal(size=(20, 2)))


def test_the_worst_group_is_refused(rng):
    discrepancy = NystromError(by="group", reduce="worst")
    condenser = Condenser(discrepancy, parameterization=Subset(), solver=Pivots(), n_samples=3)
    with pytest.raises(ValueError, match="mean over the groups"):
        condenser.fit(rng.normal(size=(20, 2)), np.zeros(20, int), sensitive_features=np.arange(20) % 2)
