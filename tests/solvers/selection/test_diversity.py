"""Rows that are unlike each other: greedy choices against naive ones, and guarantees against all sets."""

from itertools import combinations

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from sklearn.metrics.pairwise import rbf_kernel

from skdc import Condenser, DeterminantalSelection, GraphCutSelection, MaxMinDiversification
from skdc.discrepancies import MMD, Dispersion, GraphCut, LogDeterminant
from skdc.exceptions import PartsError
from skdc.learners import Difficulty
from skdc.parameterizations import Subset
from skdc.solvers import Greedy, IndependentSets


class Given(Difficulty):
    """The first column is how hard a row is."""

    def score(self, epochs, rows):
        """Return nothing: networks are not asked."""

    def scores(self, rows, schema, generator):
        """Return the first column."""
        return rows.X[:, 0]


def naive(value, n_rows, size):
    """Return the greedy choice of rows by a function of sets that is to be large."""
    chosen = []
    for _ in range(size):
        others = [row for row in range(n_rows) if row not in chosen]
        chosen.append(max(others, key=lambda row: value([*chosen, row])))
    return chosen


def graph_cut(K, weight, size, representation):
    potential = K @ weight / weight.sum()
    return lambda rows: 2 * representation * size * potential[rows].sum() - K[np.ix_(rows, rows)].sum()


def log_determinant(K, size, ridge):
    return lambda rows: np.linalg.slogdet(np.eye(len(rows)) + K[np.ix_(rows, rows)] / (size * ridge))[1]


@pytest.mark.parametrize("representation", [0.3, 1.0, 4.0])
def test_graph_cuts_are_greedy(representation, rng):
    X, weight = rng.normal(size=(60, 3)), rng.uniform(0.5, 2, 60)
    fitted = GraphCutSelection(n_samples=12, representation=representation, bandwidth=1.3).fit(X, sample_weight=weight)
    value = graph_cut(rbf_kernel(X, gamma=0.5 / 1.3**2), weight, 12, representation)
    np.testing.assert_array_equal(fitted.indices_, naive(value, 60, 12))
    assert fitted.history_["loss"][-1] == pytest.approx(-value(fitted.indices_) / 12**2, rel=1e-4)


def test_determinants_are_greedy(rng):
    X = rng.normal(size=(60, 3))
    fitted = DeterminantalSelection(n_samples=12, bandwidth=1.3, ridge=0.02).fit(X)
    value = log_determinant(rbf_kernel(X, gamma=0.5 / 1.3**2), 12, 0.02)
    # The first row may be any: all have the same determinant alone.
    expected = naive(lambda rows: value(rows) if len(rows) > 1 else float(rows[0] == fitted.indices_[0]), 60, 12)
    np.testing.assert_array_equal(fitted.indices_, expected)
    assert fitted.history_["loss"][-1] == pytest.approx(-value(fitted.indices_), rel=1e-4)


@pytest.mark.parametrize("condenser", [GraphCutSelection(), DeterminantalSelection()], ids=lambda c: type(c).__name__)
def test_sets_are_within_the_greedy_bound_of_the_best(condenser, rng):
    K_of = {"gamma": 0.5}
    for _ in range(5):
        X = rng.normal(size=(14, 2))
        K = rbf_kernel(X, **K_of)
        cut = graph_cut(K, np.ones(14), 4, 3.0)  # monotone: likeness to the data counts for much
        value = cut if isinstance(condenser, GraphCutSelection) else log_determinant(K, 4, 0.1)
        if isinstance(condenser, GraphCutSelection):
            condenser.set_params(representation=3.0)
        rows = condenser.set_params(n_samples=4, bandwidth=1.0).fit(X).indices_
        best = max(value(list(some)) for some in combinations(range(14), 4))
        assert value(rows) >= (1 - 1 / np.e) * best


def test_exchanges_lower_a_graph_cut(rng):
    X = rng.normal(size=(200, 2))
    plain, better = (GraphCutSelection(n_samples=8, representation=0.5, n_passes=n).fit(X) for n in (0, 5))
    values = [GraphCut(representation=0.5)(X, fitted.X_syn_) for fitted in (plain, better)]
    assert values[1] < values[0] - 1e-6


def test_the_set_of_a_graph_cut_is_near_the_data_as_a_whole(rng):
    X = rng.normal(size=(1001, 2))
    random = np.mean([MMD()(X, X[rng.permutation(1001)[:20]]) for _ in range(5)])
    assert MMD()(X, GraphCutSelection(n_samples=20, representation=1.0).fit(X).X_syn_) < random / 2


@pytest.mark.slow
def test_determinants_in_pieces_are_nearly_as_large(rng):
    X = rng.normal(size=(9000, 2)).astype(np.float32)
    whole, pieces = (DeterminantalSelection(n_samples=n, ridge=1e-4, random_state=0).fit(X) for n in (1024, 1025))
    values = [LogDeterminant(ridge=1e-4)(X, fitted.X_syn_) for fitted in (whole, pieces)]
    assert len(set(pieces.indices_)) == 1025
    assert values[1] < 0.95 * values[0] < 0


def value_of(X, utility, size, rows, diversity):
    """Return the objective with utilities in units of the best rows', and distances in units of the farthest rows'."""
    start = int(utility.argmax())
    farthest = [start]
    while len(farthest) < size:
        farthest.append(int(np.min([np.linalg.norm(X - X[row], axis=1) for row in farthest], axis=0).argmax()))
    worth = utility[rows].sum() / np.sort(utility)[-size:].sum()
    return worth + diversity * pdist(X[rows]).min() / pdist(X[farthest]).min()


@pytest.mark.parametrize("diversity", [0.1, 1.0, 10.0])
def test_independent_sets_keep_their_guarantee(diversity, rng):
    for _ in range(8):
        X, y = rng.exponential(size=(13, 2)), np.arange(13) % 2
        solver = IndependentSets(Given(), epsilon=0.05)
        fitted = Condenser(Dispersion(weight=diversity), Subset(), solver, n_per_class=3, encoder=None).fit(X, y)
        for c in (0, 1):
            some = X[y == c]
            utility = some[:, 0] - some[:, 0].min()
            rows = [int(np.flatnonzero((some == row).all(1))[0]) for row in fitted.X_syn_[fitted.y_syn_ == c]]
            sets = [list(rows) for rows in combinations(range(len(some)), 3)]
            best = max(sets, key=lambda rows: value_of(some, utility, 3, rows, diversity))
            found, most = (value_of(some, utility, 3, rows, diversity) for rows in (rows, best))
            assert found >= 0.475 * most
            assert found >= value_of(some, utility, 3, best, 0) + 0.475 * (most - value_of(some, utility, 3, best, 0))


def test_diversity_trades_utility_for_distance(rng):
    X, y = rng.exponential(size=(1002, 2)), np.arange(1002) % 2
    some, worth, distance = X[y == 0], [], []
    for diversity in (1e-6, 0.5, 1e6):
        condenser = MaxMinDiversification(10, utility=Given(), diversity=diversity, encoder=None).fit(X, y)
        rows = condenser.X_syn_[condenser.y_syn_ == 0]
        worth.append(rows[:, 0].sum())
        distance.append(pdist(rows).min())
    assert worth[0] == pytest.approx(np.sort(some[:, 0])[-10:].sum(), rel=1e-5)
    assert worth[0] > worth[1] > worth[2] and distance[0] < distance[1] < distance[2]


def test_the_density_is_the_utility_by_default(rng):
    X = np.concatenate([rng.normal(size=(500, 2)), rng.uniform(-30, 30, size=(20, 2))])
    chosen = MaxMinDiversification(n_samples=5, diversity=0.01, random_state=0).fit(X).X_syn_
    assert np.linalg.norm(chosen, axis=1).max() < 2


def test_all_classes_together_have_their_rows(rng):
    X, y = rng.normal(size=(303, 2)), np.arange(303) % 101
    condenser = MaxMinDiversification(n_per_class=1, by=None, task="classification")
    far = condenser.fit(X, y).X_syn_
    assert sorted(condenser.y_syn_) == list(range(101))
    near = condenser.set_params(diversity=1e-9).fit(X, y).X_syn_
    assert pdist(far).min() > pdist(near).min()


@pytest.mark.parametrize("discrepancy", [GraphCut(), LogDeterminant()], ids=repr)
def test_sets_of_a_size_are_not_nested(discrepancy, rng):
    with pytest.raises(PartsError, match="that of a set of the size asked for"):
        Condenser(discrepancy, Subset(), Greedy(), nested=True, n_samples=4).fit(rng.normal(size=(20, 2)))


@pytest.mark.parametrize("discrepancy", [Dispersion(), LogDeterminant()], ids=repr)
def test_points_are_not_moved_by_what_does_not_look_at_the_data(discrepancy, rng):
    with pytest.raises(PartsError, match="no gradient by which points could move"):
        Condenser(discrepancy, n_samples=4).fit(rng.normal(size=(20, 2)))


def test_rows_that_coincide_are_chosen_when_there_are_no_others():
    X = np.repeat([[0.0], [1.0]], 5, axis=0)
    fitted = MaxMinDiversification(n_samples=4, random_state=0).fit(X)
    assert len(set(fitted.indices_)) == 4


@pytest.mark.parametrize(
    "solver, discrepancy, message",
    [
        (IndependentSets(epsilon=0.0), Dispersion(), "between 0 and 1"),
        (IndependentSets(max_rows=0), Dispersion(), "at least 1"),
        (IndependentSets(), MMD(), "knows the objective"),
        (IndependentSets(), Dispersion() + MMD(), "knows the objective"),
        (IndependentSets(utility=3), Dispersion(), "utility=3"),
        (Greedy(n_passes=1), LogDeterminant(), "n_passes=0"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(solver, discrepancy, message, rng):
    with pytest.raises((ValueError, TypeError, PartsError), match=message):
        Condenser(discrepancy, Subset(), solver, n_samples=4).fit(rng.normal(size=(20, 2)))
