"""Greedy search and its exchanges against searches by brute force."""

from itertools import combinations

import numpy as np
import pytest
import torch

from skdc.discrepancies import (
    MMD,
    CoveringRadius,
    EnergyDistance,
    QuantizationError,
    RandomFeatureMMD,
    SquaredL2,
    Wasserstein,
)
from skdc.exceptions import PartsError
from skdc.parameterizations import Subset
from skdc.solvers import Draw, Greedy
from skdc.solvers.selection.medoids import HeldColumns, KeptColumns
from skdc.sources import listed
from skdc.spaces import KernelRidgePredictions, Standardized

from ...sources import CountedOver, PassedOver, row_source, seeded, squares


def solve(solver, discrepancy, source, sizes):
    """Return the chosen rows, and the live set."""
    generator = seeded()
    objective = discrepancy.fit(source, generator)
    live = Subset().build(source, np.asarray(sizes), generator)
    solver.solve(objective, live, source, generator, lambda step, n_steps, loss: None)
    return live.indices, live


def gaussian(x, y):
    return np.exp(-squares(x, y) / 2)


def mmd(X, mass, rows, share=None):
    gram = gaussian(X, X)
    own = np.ones(len(rows)) if share is None else share[rows]
    own = own / own.sum()
    return mass @ gram @ mass - 2 * mass @ gram[:, rows] @ own + own @ gram[np.ix_(rows, rows)] @ own


def quantization(X, mass, rows, share=None):
    return mass @ np.sqrt(squares(X, X[rows])).min(1)


def greedily(value, candidates, quotas, codes):
    """Return rows chosen one at a time so that a value is least, of each class no more than its quota."""
    chosen, left = [], np.array(quotas)
    for _ in range(left.sum()):
        allowed = [row for row in candidates if row not in chosen and left[codes[row]]]
        best = min(allowed, key=lambda row: value([*chosen, row]))
        chosen.append(best)
        left[codes[best]] -= 1
    return chosen


@pytest.fixture
def classes(rng):
    y = np.repeat([0, 1, 2], [14, 10, 6])
    X = rng.normal(size=(30, 2)) + 2 * y[:, None]
    X[3] = [9.0, -9.0]
    return X, y, rng.uniform(0.5, 2, 30)


VALUES = pytest.mark.parametrize(
    "discrepancy, value",
    [(MMD(bandwidth=1.0, by=None), mmd), (QuantizationError(exponent=1, by=None), quantization)],
    ids=["mean embedding", "quantization"],
)


@VALUES
def test_rows_of_all_classes_are_chosen_together(discrepancy, value, classes):
    X, y, weight = classes
    mass, quotas = weight / weight.sum(), [3, 4, 1]
    chosen, live = solve(Greedy(), discrepancy, row_source(X, y, weight=weight), quotas)
    # The rows of a class share its mass, whatever their number.
    share = (np.bincount(y, weight) / quotas)[y]
    expected = greedily(lambda rows: value(X, mass, rows, share), range(30), quotas, y)
    assert set(chosen) == set(expected)
    np.testing.assert_array_equal(y[chosen], np.repeat([0, 1, 2], quotas))
    assert live.key.tolist() == y[chosen].tolist()


@VALUES
@pytest.mark.parametrize("by", ["class", None])
def test_after_the_last_pass_no_exchange_helps(discrepancy, value, by, classes):
    X, y, weight = classes
    mass = weight / weight.sum()
    discrepancy = type(discrepancy)(**{**discrepancy.get_params(deep=False), "by": by})
    source, quotas = row_source(X, y, weight=weight), [4, 3, 2]
    chosen = solve(Greedy(n_passes=50), discrepancy, source, quotas)[0]
    cells = [np.arange(30)] if by is None else [np.flatnonzero(y == c) for c in range(3)]
    for cell in cells:
        own = [int(row) for row in chosen if row in cell]

        share = (np.bincount(y, weight, 3) / quotas)[y[cell]]

        def cost(rows, cell=cell, share=share):
            positions = [int(np.flatnonzero(cell == row)[0]) for row in rows]
            return value(X[cell], mass[cell] / mass[cell].sum(), positions, share)

        least = cost(own)
        for place, row in enumerate(own):
            others = [r for r in cell if r not in own and y[r] == y[row]]
            assert all(cost([*own[:place], other, *own[place + 1 :]]) >= least - 1e-6 for other in others)


@VALUES
def test_passes_help(discrepancy, value, rng):
    X = rng.normal(size=(200, 2)) * [3, 1]
    mass = np.full(200, 1 / 200)
    values = [
        value(X, mass, solve(Greedy(n_passes=n), discrepancy, row_source(X), [7])[0].tolist()) for n in (0, 1, 20)
    ]
    assert values[0] > values[1] >= values[2]


def test_groups_count_the_same(rng):
    X, groups = rng.normal(size=(40, 2)), np.repeat([0, 1], [34, 6])
    X[groups == 1] += [4, 0]
    source = row_source(X, np.zeros(40, int), groups=groups)
    chosen = solve(Greedy(), MMD(bandwidth=1.0, by="group"), source, [6])[0]
    masses = [(groups == g) / (groups == g).sum() for g in (0, 1)]
    expected = greedily(
        lambda rows: np.mean([mmd(X, mass, rows) for mass in masses]), range(40), [6], np.zeros(40, int)
    )
    assert chosen.tolist() == expected
    together = solve(Greedy(), MMD(bandwidth=1.0, by="class"), source, [6])[0]
    assert (groups[chosen] == 1).sum() > (groups[together] == 1).sum()


def test_the_worst_group_is_looked_at_by_trials(rng):
    X, groups = rng.normal(size=(40, 2)), np.repeat([0, 1], 20)
    X[groups == 1] += [4, 0]
    source = row_source(X, np.zeros(40, int), groups=groups)
    discrepancy = MMD(bandwidth=1.0, by="group", reduce="worst")
    chosen = solve(Greedy(n_trials=40), discrepancy, source, [3])[0]
    masses = [(groups == g) / (groups == g).sum() for g in (0, 1)]
    expected = greedily(lambda rows: max(mmd(X, mass, rows) for mass in masses), range(40), [3], np.zeros(40, int))
    assert chosen.tolist() == expected


def test_any_objective_is_tried_row_by_row(rng):
    X = rng.normal(size=(25, 2))
    source = row_source(X)
    discrepancy = Wasserstein()
    chosen = solve(Greedy(n_trials=25), discrepancy, source, [4])[0]
    expected = greedily(lambda rows: Wasserstein()(X, X[rows]), range(25), [4], np.zeros(25, int))
    assert chosen.tolist() == expected


def test_trials_keep_the_priors_of_the_classes(rng):
    y = np.repeat([0, 1], [30, 10])
    X = rng.normal(size=(40, 2)) + 2 * y[:, None]
    weights = []

    class Watched(EnergyDistance):
        def loss(self, real, synthetic, state):
            weights.append((synthetic.key.tolist(), synthetic.weight.tolist()))
            return super().loss(real, synthetic, state)

    discrepancy = Watched(by=None) + SquaredL2(space=KernelRidgePredictions(), by=None)
    solve(Greedy(n_trials=3), discrepancy, row_source(X, y), [2, 2])
    shares = [(np.array([15.0, 5.0])[key], weight) for key, weight in weights]
    assert all(weight == pytest.approx(share / share.mean()) for share, weight in shares)


def test_exchanges_on_trial_never_raise_the_value(rng):
    X = rng.normal(size=(60, 2)) * [3, 1]
    values = [Wasserstein()(X, X[solve(Greedy(n_passes=n), Wasserstein(), row_source(X), [5])[0]]) for n in (0, 1, 3)]
    assert values[0] > values[1] >= values[2]


# Rows that are not in memory


@pytest.mark.parametrize(
    "discrepancy, n_passes",
    [
        (CoveringRadius(), 0),
        (CoveringRadius(outliers=0.1, space=Standardized()), 0),
        (CoveringRadius(by=None), 0),
        (MMD(), 2),
        (EnergyDistance(), 0),
        (RandomFeatureMMD(n_features=50), 1),
        (MMD(bandwidth=1.0, by=None) + 0.3 * RandomFeatureMMD(n_features=50, by=None), 0),
    ],
    ids=repr,
)
@pytest.mark.parametrize("n_per_piece", [pytest.param(7, marks=pytest.mark.slow), 60])
def test_passes_over_the_rows_are_all_that_a_choice_asks_for(discrepancy, n_passes, n_per_piece, rng):
    X, y = rng.normal(size=(90, 3)), rng.integers(2, size=90)
    rows = row_source(X, y, weight=rng.uniform(0.5, 2, 90))
    (expected, held), (chosen, passed) = (
        solve(Greedy(n_passes=n_passes), discrepancy, source, [4, 3])
        for source in (rows, listed(PassedOver(rows, n_per_piece)))
    )
    np.testing.assert_array_equal(chosen, expected)
    torch.testing.assert_close(passed().X, held().X)
    torch.testing.assert_close(passed().weight, held().weight)


@pytest.mark.parametrize("discrepancy", [CoveringRadius(), RandomFeatureMMD(n_features=50)], ids=repr)
def test_a_choice_in_passes_never_holds_the_rows(discrepancy, rng):
    rows = row_source(rng.normal(size=(2000, 17)), rng.integers(2, size=2000))
    source = CountedOver(rows, 100)
    solve(Greedy(), discrepancy, listed(source), [8, 8])
    assert 0 < source.most_alive <= 5 * 100 + 2 * 17  # a few tensors of a piece


def test_what_needs_the_rows_in_memory_says_so(rng):
    source = listed(PassedOver(row_source(rng.normal(size=(30, 2))), 8))
    with pytest.raises(PartsError, match=r"QuantizationError.* from 30 rows that are not in memory; use a CoveringRad"):
        solve(Greedy(), QuantizationError(), source, [3])
    with pytest.raises(PartsError, match=r"max_rows=30 or more"):
        solve(Greedy(max_rows=20), MMD(), source, [3])
    for solver in (Draw(), Greedy(reweight=MMD())):
        with pytest.raises(PartsError, match="cannot learn which rows to choose"):
            solve(solver, MMD(), source, [3])


# Farthest-first


def test_each_next_row_is_the_farthest(classes):
    X, _, weight = classes
    chosen = solve(Greedy(), CoveringRadius(), row_source(X, weight=weight), [6])[0].tolist()
    apart = np.sqrt(squares(X, X))
    mean = weight @ X / weight.sum()
    assert chosen[0] == ((X - mean) ** 2).sum(1).argmin()
    for t in range(1, 6):
        assert chosen[t] == apart[:, chosen[:t]].min(1).argmax()
    assert chosen[1] == 3  # the outlier


def test_the_radius_is_at_most_twice_the_least(rng):
    X = rng.normal(size=(14, 2))
    apart = np.sqrt(squares(X, X))
    least = min(apart[:, list(rows)].min(1).max() for rows in combinations(range(14), 3))
    chosen = solve(Greedy(), CoveringRadius(), row_source(X), [3])[0]
    assert apart[:, chosen].min(1).max() <= 2 * least


def test_outliers_are_passed_over(rng):
    X = np.concatenate([rng.normal(size=(95, 2)), 50 + 20 * rng.normal(size=(5, 2))])
    source = row_source(X)
    assert solve(Greedy(), CoveringRadius(), source, [8])[0].max() >= 95
    chosen = solve(Greedy(), CoveringRadius(outliers=0.05), source, [8])[0]
    assert chosen.max() < 95
    bulk = np.sqrt(squares(X[:95], X[chosen])).min(1).max()
    by_chance = np.mean([np.sqrt(squares(X[:95], X[rng.permutation(95)[:8]])).min(1).max() for _ in range(20)])
    assert bulk < by_chance


@pytest.mark.parametrize("size, radius", [(1, 1.0), (2, 0.8)])
def test_the_first_row_is_no_outlier_either(size, radius):
    # The mean of all is at 55, nearer to the outliers at 100 than to the rows about 0.
    X = np.concatenate([np.linspace(-1, 1, 91), np.full(5, 100.0), np.full(5, 1000.0)])[:, None]
    chosen = solve(Greedy(), CoveringRadius(outliers=0.1), row_source(X), [size])[0]
    assert np.abs(X[:91] - X[chosen].T).min(1).max() <= 2 * radius
    assert chosen.max() < 91


def test_outliers_are_a_share_of_each_group(rng):
    # A twentieth of all rows, but half of a small group: the rest of it is covered.
    X = np.concatenate([rng.normal(size=(90, 1)), np.full((5, 1), 20.0), np.full((5, 1), 60.0)])
    groups = np.repeat([0, 1], [90, 10])
    source = row_source(X, np.zeros(100, np.int64), groups=groups)
    chosen = solve(Greedy(), CoveringRadius(outliers=0.5, by="group"), source, [2])[0]
    assert set(X[chosen, 0] > 10) == {False, True} and X[chosen].max() == 20
    chosen = solve(Greedy(), CoveringRadius(outliers=0.5), source, [2])[0]
    assert X[chosen].max() < 10


def test_rows_beyond_the_radius_come_last(rng):
    # More rows than there are within the radius: the outliers are all that is left.
    X = np.array([[0.0], [1.0], [2.0], [100.0]])
    assert set(solve(Greedy(), CoveringRadius(outliers=0.25), row_source(X), [4])[0]) == {0, 1, 2, 3}


@pytest.mark.parametrize(
    "discrepancy, n_passes",
    [(CoveringRadius(), 0), (QuantizationError(exponent=1), 0), (QuantizationError(exponent=1), 3)],
    ids=["radius", "greedy mean", "exchanged mean"],
)
def test_rows_stand_for_the_mass_nearest_to_them(discrepancy, n_passes, classes):
    X, _, weight = classes
    chosen, live = solve(Greedy(n_passes=n_passes), discrepancy, row_source(X, weight=weight), [5])
    mass = np.bincount(squares(X, X[chosen]).argmin(1), weight, 5)
    np.testing.assert_allclose(live.weight, mass / mass.mean())


# Large cells


@pytest.mark.parametrize("discrepancy", [MMD(bandwidth=1.0), QuantizationError()], ids=["mmd", "quantization"])
@pytest.mark.parametrize("by", ["class", None])
def test_of_many_rows_some_are_chosen_from(discrepancy, by, rng):
    y = np.repeat([0, 1, 2], [300, 60, 3])
    X = rng.normal(size=(363, 2)) + y[:, None]
    discrepancy.set_params(by=by)
    chosen = solve(Greedy(max_rows=50), discrepancy, row_source(X, y), [4, 4, 3])[0]
    assert len(set(chosen)) == 11
    np.testing.assert_array_equal(y[chosen], np.repeat([0, 1, 2], [4, 4, 3]))


def test_columns_that_are_thrown_away_come_back(monkeypatch, classes):
    X, y, weight = classes
    source = row_source(X, y, weight=weight)
    solver, discrepancy = Greedy(n_passes=5), QuantizationError(exponent=1, by=None)
    expected = solve(solver, discrepancy, source, [4, 3, 2])[0]
    monkeypatch.setattr("skdc.solvers.selection.medoids._KEPT_ENTRIES", 30 * 5)
    monkeypatch.setattr("skdc.solvers.selection.medoids._BLOCK", 4)
    monkeypatch.setattr("skdc.solvers.selection.medoids._LAZY_BLOCK", 3)
    np.testing.assert_array_equal(np.sort(solve(solver, discrepancy, source, [4, 3, 2])[0]), np.sort(expected))


def test_kept_columns_are_the_columns(rng):
    matrix = torch.tensor(rng.normal(size=(20, 20)))
    matrix = matrix + matrix.T
    asked = []

    def columns(rows):
        asked.extend(rows.tolist())
        return matrix[:, rows]

    kept = KeptColumns(columns, matrix[0])
    for _ in range(30):
        rows, others = torch.randperm(20)[:6], torch.randperm(20)[:4]
        torch.testing.assert_close(kept(rows), matrix[rows])
        torch.testing.assert_close(kept.at(others, rows), matrix[others][:, rows])
    assert len(asked) == 20


@pytest.mark.parametrize("n_rows", [1, 5, 20])
def test_held_columns_are_the_columns(n_rows, rng, monkeypatch):
    monkeypatch.setattr("skdc.solvers.selection.medoids.MATRIX_ENTRIES", 40)  # two columns of twenty rows
    values = torch.tensor(rng.normal(size=(n_rows, 3)))
    matrix = torch.cdist(values, values)
    held = HeldColumns(lambda some: lambda rows: torch.cdist(some, some[rows]), values, values[:, 0])
    torch.testing.assert_close(held(slice(0, n_rows)), matrix)
    for n_others in {1, n_rows // 2 + 1, n_rows}:
        rows, others = (torch.tensor(rng.permutation(n_rows)[:n]) for n in (n_rows // 2 + 1, n_others))
        torch.testing.assert_close(held(rows), matrix[rows])
        torch.testing.assert_close(held.at(rows, others), matrix[rows][:, others])


@pytest.mark.parametrize("group", [0, 1], ids=["class", "group"])
def test_a_sample_keeps_rare_rows_and_their_mass(group, rng):
    X = np.concatenate([rng.normal(size=(3000, 2)), rng.normal(size=(6, 2)) + 20])
    rare = np.repeat([0, 1], [3000, 6])
    if group:
        source = row_source(X, np.zeros(3006, np.int64), groups=rare)
        chosen, live = solve(Greedy(max_rows=100), QuantizationError(exponent=1, by="group"), source, [6])
        assert 2 <= rare[chosen].sum() <= 4
    else:
        source = row_source(X, rare)
        chosen, live = solve(Greedy(max_rows=100), QuantizationError(exponent=1, by=None), source, [6, 6])
        weight = live.weight.numpy()
        assert weight[rare[chosen] == 1].sum() / weight.sum() == pytest.approx(6 / 3006, rel=1e-4)


def test_exchanges_are_in_the_history(rng):
    X, generator = rng.normal(size=(60, 2)), seeded()
    source = row_source(X)
    objective = QuantizationError(exponent=1).fit(source, generator)
    live = Subset().build(source, np.array([6]), generator)
    history = Greedy(n_passes=5).solve(objective, live, source, generator, lambda step, n_steps, loss: None).history
    assert len(history["loss"]) > 6 and (np.diff(history["loss"]) < 0).all()
    assert history["loss"][-1] == pytest.approx(np.sqrt(squares(X, X[live.indices])).min(1).mean(), rel=1e-5)


def test_one_absurd_row_hides_no_distance(rng):
    X = np.concatenate([rng.normal(size=(300, 2)), [[1e7, 0.0]]])
    rows = [
        solve(Greedy(n_passes=9), QuantizationError(exponent=1), row_source(X[:n], dtype=torch.float32), [size])[0]
        for n, size in ((301, 6), (300, 5))
    ]
    near, near_without = (np.sqrt(squares(X[:-1], X[chosen])).min(1).mean() for chosen in rows)
    assert near <= 1.02 * near_without


@pytest.mark.parametrize(
    "discrepancy, value",
    [(MMD(bandwidth=1.0), mmd), (QuantizationError(exponent=1), quantization)],
    ids=["mean embedding", "quantization"],
)
def test_classes_may_lie_far_apart(discrepancy, value, rng):
    X, y, mass = rng.normal(size=(200, 2)).round(2), np.repeat([0, 1], 100), np.full(100, 1 / 100)
    here, far = (
        solve(Greedy(), discrepancy, row_source(X + offset * y[:, None], y, dtype=torch.float32), [6, 6])[0]
        for offset in (0, 16384)
    )
    for c in (0, 1):
        values = [value(X[y == c], mass, rows[y[rows] == c] - 100 * c) for rows in (far, here)]
        assert values[0] <= 1.05 * values[1]
