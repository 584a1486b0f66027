"""Halving against a plain loop, closed forms and random rows."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skdc.discrepancies import (
    MMD,
    EnergyDistance,
    KernelStein,
    MeanDistance,
    Moments,
    QuantizationError,
    RandomFeatureMMD,
    SlicedWasserstein,
)
from skdc.kernels import ArcCosine, InverseMultiquadric, Laplace, Linear, NeuralTangent, Polynomial
from skdc.parameterizations import Subset
from skdc.solvers.selection import halving
from skdc.solvers.selection.cells import Cell
from skdc.solvers.selection.halving import Halving
from skdc.solvers.selection.thinning import compressed, halve, thinned

from ...sources import row_source, seeded, squares


def solve(solver, discrepancy, source, sizes, seed=0):
    """Return the chosen rows and the solution."""
    generator = seeded(seed)
    objective = discrepancy.fit(source, generator)
    live = Subset().build(source, np.asarray(sizes), generator)
    solution = solver.solve(objective, live, source, generator, lambda step, n_steps, loss: None)
    return live.indices, solution


def whole(source, quotas):
    return Cell(source, np.arange(len(source)), source.rows.weight, np.asarray(quotas))


def mmd2(X, rows, bandwidth=1.0, weight=None):
    """Return the squared MMD of some rows of X to all of them."""
    gram = np.exp(-squares(X, X) / (2 * bandwidth**2))
    mass = np.ones(len(X)) if weight is None else weight
    difference = mass / mass.sum() - np.bincount(rows, minlength=len(X)) / len(rows)
    return difference @ gram @ difference


# One halving


def walk(gram, mass, uniform, delta_i):
    """Return which row of each pair is kept by a loop over the pairs, as the paper writes it.

    `gram` is the kernel of the rows, which are paired with their neighbours; `mass` is that of each pair.
    """
    kept, coefficients, variance = [], np.zeros(len(gram)), 0.0
    for i, u in enumerate(uniform):
        contrast = np.zeros(len(gram))
        contrast[[2 * i, 2 * i + 1]] = -mass[i], mass[i]
        product, square = coefficients @ gram @ contrast, contrast @ gram @ contrast
        if delta_i is None:
            second = product < 0 or (product == 0 and u > 0.5)
        else:
            a = max(np.sqrt(square * variance * 2 * np.log(2 / delta_i)), square)
            variance += square * max(0.0, 1 + (square - 2 * a) * variance / a**2)
            second = 1 - u < min(1.0, max(0.0, (1 - product / a) / 2))
        coefficients += contrast if second else -contrast
        kept.append(2 * i + second)
    return kept


@pytest.mark.parametrize("delta_i", [None, 0.5, 1e-3])
def test_a_halving_is_the_loop_over_pairs_in_each_bin(delta_i, rng):
    n_bins, n_pairs = 3, 70  # more pairs than are computed together
    X, mass = rng.normal(size=(n_bins, 2 * n_pairs, 2)), rng.uniform(0.5, 2, (n_bins, n_pairs))
    flat = X.reshape(-1, 2)
    gram = torch.as_tensor(np.exp(-squares(flat, flat) / 2))
    pairs = torch.arange(len(flat)).view(n_bins, n_pairs, 2)
    tail = None if delta_i is None else np.sqrt(2 * np.log(2 / delta_i))
    kept = halve(
        lambda rows, others: gram[rows[..., None], others[..., None, :]], pairs, torch.as_tensor(mass), tail, seeded()
    )
    uniform = torch.rand(n_pairs, n_bins, generator=seeded()).double().numpy()
    for b in range(n_bins):
        rows = slice(b * 2 * n_pairs, (b + 1) * 2 * n_pairs)
        expected = walk(gram[rows, rows].numpy(), mass[b], uniform[:, b], delta_i)
        np.testing.assert_array_equal(kept[b].numpy() - rows.start, expected)


@pytest.mark.parametrize("tail", [None, 3.0])
def test_a_half_and_what_it_leaves_have_one_law(tail, rng):
    X = rng.normal(size=(8, 2))
    gram = torch.as_tensor(np.exp(-squares(X, X) / 2))
    pairs = torch.arange(8).view(1, 4, 2).expand(4000, 4, 2)
    kept = halve(
        lambda rows, others: gram[rows[..., None], others[..., None, :]],
        pairs,
        torch.ones(4000, 4).double(),
        tail,
        seeded(),
    )
    halves, counts = np.unique((kept % 2).numpy(), axis=0, return_counts=True)
    share = dict(zip(map(tuple, halves), counts / 4000, strict=True))
    for half, frequency in share.items():
        assert abs(frequency - share.get(tuple(1 - np.array(half)), 0)) < 0.05


@pytest.mark.parametrize("oversampling, delta, gain", [(1, None, 1.8), (3, None, 8), (3, 0.5, 1.4)])
def test_halving_balances_better_than_chance(oversampling, delta, gain, rng):
    X = rng.normal(size=(1024, 2))
    solver, source = Halving(oversampling, delta, n_passes=0), row_source(X)
    halved = np.mean([mmd2(X, solve(solver, MMD(bandwidth=1.0), source, [512], seed)[0]) for seed in range(5)])
    random = np.mean([mmd2(X, rng.permutation(1024)[:512]) for _ in range(20)])
    assert halved < random / gain


@pytest.mark.slow
@pytest.mark.parametrize("delta, fall", [(None, -0.42), pytest.param(0.5, -0.35, marks=pytest.mark.slow)])
def test_the_distance_of_a_root_of_the_rows_falls_faster_than_that_of_random_ones(delta, fall):
    """The MMD of sqrt(n) random rows falls as n^(-1/4), that of kernel thinning almost as n^(-1/2)."""
    b2, numbers, thin = 2.0, [256, 1024, 4096, 16_384, 65_536], []
    for n in numbers:
        distances = []
        for seed in range(8):
            X = np.random.default_rng(seed).normal(size=(n, 2))
            source = row_source(X, dtype=torch.float32)
            rows, _ = solve(Halving(delta=delta, n_passes=0), MMD(bandwidth=b2**0.5), source, [int(n**0.5)], seed)
            Y = X[rows]
            # The squared MMD to the normal distribution itself, in closed form.
            potential = b2 / (b2 + 1) * np.exp(-(Y**2).sum(1) / (2 * (b2 + 1)))
            distances.append(b2 / (b2 + 2) - 2 * potential.mean() + np.exp(-squares(Y, Y) / (2 * b2)).mean())
        thin.append(np.mean(distances))
    # The mean squared MMD of random rows is (k(x, x) - E k(x, x')) / sqrt(n).
    random = (1 - b2 / (b2 + 2)) / np.sqrt(numbers)
    slopes = [np.polyfit(np.log(numbers), np.log(values) / 2, 1)[0] for values in (thin, random)]
    assert slopes[1] == pytest.approx(-0.25)
    assert slopes[0] < fall
    assert np.all(thin < random)


# Rows, classes and weights


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(1, 40), st.floats(0, 1)), min_size=1, max_size=4),
    together=st.booleans(),
    heavy=st.booleans(),
    oversampling=st.integers(0, 1),
    n_passes=st.integers(0, 1),
    seed=st.integers(0, 2**31),
)
def test_quotas_are_met_with_distinct_rows(rows, together, heavy, oversampling, n_passes, seed):
    rng = np.random.default_rng(seed)
    counts = np.array([count for count, _ in rows])
    sizes = np.array([max(1, round(share * count)) for count, share in rows])
    y = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    weight = rng.pareto(0.5, len(y)) + 0.01 if heavy else None
    source = row_source(rng.normal(size=(len(y), 2)), y, weight=weight)
    discrepancy = MMD(bandwidth=1.0, by=None if together else "class")
    chosen, _ = solve(Halving(oversampling, n_passes=n_passes), discrepancy, source, sizes)
    assert len(np.unique(chosen)) == len(chosen)
    np.testing.assert_array_equal(np.bincount(y[chosen], minlength=len(sizes)), sizes)


def test_each_row_stands_there_as_often_as_its_weight_says(rng):
    weight = rng.pareto(1.0, 50) + 0.1
    source = row_source(rng.normal(size=(50, 2)), weight=weight)
    objective = MMD(bandwidth=1.0).fit(source, seeded())
    expected = 50 * weight / weight.sum()
    for seed in range(5):
        rows = thinned(objective.leaves(), whole(source, [1]), np.array([50]), 3, None, seeded(seed))
        counts = np.bincount(rows, minlength=50)
        assert np.all((counts == np.floor(expected)) | (counts == np.ceil(expected)))


@pytest.mark.parametrize("n_passes", [0, 1])
def test_a_weight_is_a_share_of_the_mean(n_passes, rng):
    X, weight = rng.normal(size=(2000, 1)), np.ones(2000)
    weight[X[:, 0] > 0] = 3.0
    chosen, _ = solve(Halving(n_passes=n_passes), MMD(bandwidth=1.0), row_source(X, weight=weight), [64])
    assert abs((X[chosen] > 0).mean() - 0.75) < 0.05


def test_together_classes_balance_each_other(rng):
    y, X = np.repeat(np.arange(8), 128), rng.normal(size=(1024, 1))
    solver, source = Halving(n_passes=0), row_source(X, y)
    errors = {}
    for by in ("class", None):
        runs = [solve(solver, MMD(bandwidth=1.0, by=by), source, [8] * 8, seed)[0] for seed in range(10)]
        errors[by] = np.mean([mmd2(X, rows) for rows in runs])
    assert errors[None] < errors["class"] / 4


def test_classes_weigh_what_their_rows_stand_for(rng):
    """Of a large class as many rows are chosen as of a small one: their weighted mean is that of all."""
    y, X = np.repeat([0, 1], [1600, 400]), rng.normal(size=(2000, 1))
    solver, source, errors = Halving(n_passes=0), row_source(X, y), []
    for seed in range(20):
        chosen, solution = solve(solver, MeanDistance(by=None), source, [25, 25], seed)
        weight = solution.synthetic.weight.numpy()
        np.testing.assert_allclose(weight, np.repeat([1.6, 0.4], 25))
        errors.append(np.average(X[chosen, 0], weights=weight) - X.mean())
    # Random rows would be off by 0.16, halves in which both classes weigh the same by 0.024.
    assert np.sqrt(np.mean(np.square(errors))) < 0.01


def test_groups_count_the_same(rng):
    groups = (rng.random(1000) < 0.1).astype(np.int64)
    X = rng.normal(scale=0.1, size=(1000, 1)) + 2.0 * groups[:, None]
    source = row_source(X, np.zeros(1000, np.int64), groups=groups)
    chosen, _ = solve(Halving(n_passes=0), MMD(bandwidth=1.0, by="group"), source, [50])
    assert abs(groups[chosen].mean() - 0.5) < 0.05


def test_the_seed_decides(rng):
    source = row_source(rng.normal(size=(300, 3)))
    first, again, other = (solve(Halving(), MMD(bandwidth=1.0), source, [20], seed)[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert set(first) != set(other)


# Many rows


def test_many_rows_are_compressed_first(rng, monkeypatch):
    X, y = rng.normal(size=(2000, 2)), np.repeat([0, 1], [1500, 500])
    compared = []

    class Herding(halving.Herding):
        def __init__(self, cell, leaves):
            compared.append(len(cell))
            super().__init__(cell, leaves)

    monkeypatch.setattr(halving, "Herding", Herding)
    chosen, solution = solve(Halving(1, max_rows=300), MMD(bandwidth=1.0, by=None), row_source(X, y), [30, 10])
    assert 150 < compared[0] <= 300
    np.testing.assert_array_equal(np.bincount(y[chosen]), [30, 10])
    random = np.mean([mmd2(X, rng.permutation(2000)[:40]) for _ in range(5)])
    assert mmd2(X, chosen) < random / 10
    assert 1 <= len(solution.history["loss"]) <= 2


def test_rows_that_are_too_many_to_compare_are_halved_only(rng, monkeypatch):
    monkeypatch.setattr(halving, "_MAX_ROWS", 100)
    chosen, solution = solve(Halving(), MMD(bandwidth=1.0), row_source(rng.normal(size=(1000, 2))), [200])
    assert len(np.unique(chosen)) == 200
    assert solution.history == {}


def test_a_smaller_cell_stands_for_the_whole(rng):
    counts, quotas = np.array([3000, 900, 100]), np.array([10, 10, 60])
    y, weight = np.repeat([0, 1, 2], counts), rng.uniform(0.5, 2, 4000)
    X = rng.normal(size=(4000, 1)) + y[:, None]
    source = row_source(X, y, weight=weight)
    objective = MMD(bandwidth=1.0, by=None).fit(source, seeded())
    apart = []
    for seed in range(8):
        rows, some = compressed(objective.leaves(), whole(source, quotas), 400, seeded(seed))
        mass = some.weight.numpy()
        np.testing.assert_array_equal(some.members, rows)
        assert 200 < len(rows) <= 400 + 60
        assert np.all(np.bincount(some.codes) >= quotas)
        assert mass.min() > 0.1
        np.testing.assert_allclose(np.bincount(some.codes, mass), np.bincount(y, source.rows.weight), rtol=1e-12)
        apart.append(np.average(X[rows, 0], weights=mass) - np.average(X[:, 0], weights=weight))
    # The means of so many random rows are 0.06 off.
    assert np.sqrt(np.mean(np.square(apart))) < 0.02


def test_where_few_rows_hold_the_mass_others_fill_the_quota(rng):
    weight = np.full(1000, 1e-6)
    weight[:3] = 1.0
    source = row_source(rng.normal(size=(1000, 2)), weight=weight)
    objective = MMD(bandwidth=1.0).fit(source, seeded())
    rows, some = compressed(objective.leaves(), whole(source, [20]), 100, seeded())
    assert len(rows) == len(np.unique(rows)) == 20
    assert set(rows) >= {0, 1, 2}
    np.testing.assert_allclose(some.weight[np.isin(rows, [0, 1, 2])].sum() / some.weight.sum(), 1, rtol=1e-6)


# Discrepancies


KERNELS = [Laplace(), InverseMultiquadric(), Linear(), Polynomial(), ArcCosine(), NeuralTangent(depth=2)]
OTHERS = [
    MMD(bandwidth=[0.5, 2.0]),
    EnergyDistance(),
    EnergyDistance(exponent=0.5),
    RandomFeatureMMD(),
    MeanDistance(),
    Moments(covariance=True),
    KernelStein(),
]
EMBEDDINGS = [*(MMD(kernel) for kernel in KERNELS), *OTHERS]


@pytest.mark.parametrize("discrepancy", EMBEDDINGS, ids=[f"{i}-{type(d).__name__}" for i, d in enumerate(EMBEDDINGS)])
def test_parts_of_the_kernel_are_those_of_its_columns(discrepancy, rng):
    source = row_source(rng.normal(size=(12, 3)))
    leaf = discrepancy.fit(source, seeded()).leaves()[0]
    p = leaf.space_.block(source.rows)
    rows, others = torch.tensor([[0, 5, 2], [7, 7, 1]]), torch.tensor([[3, 5, 1, 2], [11, 10, 9, 8]])
    columns = leaf.own_kernel(p, 12).columns(torch.arange(12))
    torch.testing.assert_close(leaf.submatrix(p)(rows, others), columns[rows[..., None], others[..., None, :]])


@pytest.mark.parametrize(
    "discrepancy",
    [EnergyDistance(), RandomFeatureMMD(), KernelStein(), 0.5 * MMD() + EnergyDistance()],
    ids=["energy", "features", "stein", "sum"],
)
@pytest.mark.parametrize("n_passes", [0, 1])
def test_any_mean_embedding_is_balanced(discrepancy, n_passes, rng):
    X = rng.normal(size=(512, 2)) * [1.0, 3.0]
    chosen, _ = solve(Halving(n_passes=n_passes), discrepancy, row_source(X), [32])
    random = np.mean([discrepancy(X, X[rng.permutation(512)[:32]]) for _ in range(10)])
    assert discrepancy(X, X[chosen]) < random / 2


def test_passes_bring_the_rows_nearer(rng):
    X = rng.normal(size=(600, 2))
    source = row_source(X)
    found = [solve(Halving(n_passes=n), MMD(bandwidth=1.0), source, [20]) for n in (0, 1, 3)]
    distances = [mmd2(X, chosen) for chosen, _ in found]
    assert distances[0] > 2 * distances[1] > 2 * distances[2]
    assert np.all(np.diff(found[2][1].history["loss"]) <= 0)


@pytest.mark.parametrize(
    "discrepancy, solver, message",
    [
        (QuantizationError(), Halving(), r"QuantizationError is no squared distance of such; use Greedy\(\)"),
        (MMD() + SlicedWasserstein(), Halving(), r"SlicedWasserstein is no squared distance of such; use Greedy\(\)"),
        (MMD() + EnergyDistance(by=None), Halving(), r"terms with one by=, not \['class', None\]; use Greedy\(\)"),
        (MMD(by="group", reduce="worst"), Halving(), r"not another reduce=; use Greedy\(\)"),
        (MMD(), Halving(oversampling=1.5), r"Halving\(oversampling=1.5\): it must be an integer of at least 0"),
        (MMD(), Halving(n_passes=-1), r"Halving\(n_passes=-1\): it must be an integer"),
        (MMD(), Halving(delta=1.0), "delta must be None or between 0 and 1"),
        (MMD(), Halving(max_rows=0), r"Halving\(max_rows=0\): it must be an integer of at least 1"),
        (KernelStein(by="group"), Halving(), "has a density a group"),
    ],
    ids=["costs", "sum", "two by", "worst", "oversampling", "passes", "delta", "max_rows", "densities"],
)
def test_what_does_not_go_together_is_refused(discrepancy, solver, message, rng):
    source = row_source(rng.normal(size=(40, 2)), np.zeros(40, np.int64), groups=np.repeat([0, 1], 20))
    with pytest.raises(ValueError, match=message):
        solve(solver, discrepancy, source, [4])
