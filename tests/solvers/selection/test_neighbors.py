"""Rows by what their neighbours predict, against the rules as they are written down."""

import numpy as np
import pandas as pd
import pytest
from imblearn.under_sampling import EditedNearestNeighbours
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from scipy.spatial.distance import cdist
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from skdc import CondensedNeighbors, DecrementalReduction, EditedNeighbors
from skdc.exceptions import PartsError
from skdc.solvers import CondensedNeighborhood
from skdc.solvers.selection.cells import ChoiceProgress
from skdc.solvers.selection.decremental import _Lists
from skdc.solvers.selection.neighbors import Neighborhood

ALL = [CondensedNeighbors, DecrementalReduction, EditedNeighbors]


@pytest.fixture
def overlapping(rng):
    y = rng.choice(3, 1001, p=[0.6, 0.3, 0.1])
    return rng.normal(size=(1001, 3)) + 2 * np.eye(3)[y], np.array(["a", "b", "c"])[y]


def make(condenser, **settings):
    return condenser(encoder=None, random_state=0, **settings)


def test_edited_rows_are_those_of_another_library(overlapping):
    X, y = overlapping[0], np.unique(overlapping[1], return_inverse=True)[1]
    sampler = EditedNearestNeighbours(n_neighbors=3, kind_sel="mode", sampling_strategy="all")
    sampler.fit_resample(X, y)
    ours = set(make(EditedNeighbors).fit(X, y).indices_)
    # Where three neighbours are of three classes, the first of these wins there, and a tie is no doubt here.
    neighbors = np.argsort(cdist(X, X), axis=1)[:, 1:4]
    tied = {i for i in range(len(X)) if len(set(y[neighbors[i]])) == 3}
    assert ours - tied == set(sampler.sample_indices_) - tied


def test_condensed_rows_predict_all_rows_right_and_each_was_needed(overlapping):
    X, y = overlapping
    fitted = make(CondensedNeighbors).fit(X, y)
    assert KNeighborsClassifier(1).fit(X[fitted.indices_], y[fitted.indices_]).score(X, y) == 1
    assert len(fitted.indices_) < 0.5 * len(X)
    apart = X + 100 * (y[:, None] == ["a", "b", "c"])
    assert_array_equal(make(CondensedNeighbors).fit(apart, y).y_syn_, ["a", "b", "c"])


def drop3(X, y, k):
    """Return the rows that stay, as in the paper, with no list kept from one step to the next."""
    distance = cdist(X, X)
    np.fill_diagonal(distance, np.inf)

    def votes(row, among):
        nearest = sorted(among, key=lambda j: distance[row, j])[:k]
        counts = np.bincount(y[nearest], minlength=y.max() + 1)
        return counts.argmax() == y[row]

    def doubted(row):
        counts = np.bincount(y[np.argsort(distance[row], kind="stable")[:k]], minlength=y.max() + 1)
        own = counts[y[row]]
        counts[y[row]] = -1
        return counts.max() > own

    clean = [i for i in range(len(X)) if not doubted(i)]
    enemy = {i: min(distance[i, j] for j in clean if y[j] != y[i]) for i in clean}
    stays = list(clean)
    for row in sorted(clean, key=lambda i: -enemy[i]):
        associates = [
            i
            for i in clean
            if i != row and row in sorted((j for j in stays if j != i), key=lambda j: distance[i, j])[: k + 1]
        ]
        others = [j for j in stays if j != row]
        with_it = sum(votes(i, [j for j in stays if j != i]) for i in associates)
        without = sum(votes(i, [j for j in others if j != i]) for i in associates)
        if without >= with_it and sum(y[j] == y[row] for j in stays) > 1:
            stays = others
    return sorted(stays)


@pytest.mark.parametrize("k", [1, 3])
def test_reduction_is_that_of_the_paper(rng, k):
    y = rng.integers(2, size=60)
    X = rng.normal(size=(60, 2)) + 1.5 * y[:, None]
    fitted = make(DecrementalReduction, n_neighbors=k).fit(X, y)
    assert sorted(fitted.indices_) == drop3(X, y, k)


def test_reduction_looks_beyond_the_neighbors_that_it_knows(rng):
    X, y = rng.normal(size=(1001, 2)), rng.integers(2, size=1001)
    X[:, 0] += 6 * y  # nearly all rows are left out
    fitted = make(DecrementalReduction).fit(X, y)
    assert 2 <= len(fitted.indices_) < 60
    assert KNeighborsClassifier(1).fit(*fitted).score(X, y) > 0.98


@pytest.mark.parametrize("condenser", ALL)
def test_sizes_that_are_asked_for(overlapping, condenser):
    X, y = overlapping
    fitted = make(condenser, n_per_class={"a": 400, "b": 3, "c": 1}).fit(X, y)
    assert_array_equal(np.unique(fitted.y_syn_, return_counts=True)[1], [400, 3, 1])
    assert len(set(fitted.indices_)) == 404
    found, fewer = make(condenser).fit(X, y), make(condenser, n_per_class=2).fit(X, y)
    assert set(fewer.indices_) <= set(found.indices_)


@pytest.mark.parametrize("condenser", ALL)
def test_every_class_keeps_a_row(rng, condenser):
    X, y = rng.normal(size=(1001, 2)), rng.integers(101, size=1001)  # pure noise
    y[:2] = 200
    fitted = make(condenser, task="classification").fit(X, y)
    assert set(fitted.y_syn_) == set(y)


@pytest.mark.parametrize("condenser", ALL)
def test_numbers_to_be_predicted(rng, condenser):
    X = rng.uniform(-3, 3, size=(801, 1))
    y = np.sin(X[:, 0]) + rng.normal(scale=0.05, size=801)
    wrong = rng.choice(801, 20, replace=False)
    y[wrong] += 5
    fitted = make(condenser).fit(X, y)
    grid = np.linspace(-2.9, 2.9, 100)[:, None]
    if condenser is not CondensedNeighbors:  # which keeps what is wrong
        assert len(set(fitted.indices_) & set(wrong)) <= 5  # those near to each other
        missed = KNeighborsRegressor(3).fit(*fitted).predict(grid) - np.sin(grid[:, 0])
        assert np.median(np.abs(missed)) < 0.05
    assert len(fitted.indices_) < (800 if condenser is EditedNeighbors else 700)
    shifted = make(condenser).fit(1e6 * X + 3, 100 * y - 7)
    assert set(shifted.indices_) == set(fitted.indices_)


@pytest.mark.parametrize("condenser", ALL)
def test_weights_are_votes(rng, condenser):
    X = np.concatenate([np.zeros((4, 1)) + [[0.0], [0.1], [0.2], [0.3]], 10 + np.arange(4.0)[:, None]])
    y = np.array([1, 0, 0, 1, 2, 2, 2, 2])
    even = make(EditedNeighbors).fit(X, y).indices_
    heavy = make(EditedNeighbors).fit(X, y, sample_weight=[1, 1, 1, 100, 1, 1, 1, 1]).indices_
    assert not {0, 3} <= set(even)
    assert 0 in heavy
    assert np.isfinite(make(condenser).fit(X, y, sample_weight=np.arange(1.0, 9)).X_syn_).all()


@pytest.mark.parametrize("condenser", ALL)
def test_rows_of_other_kinds(overlapping, condenser):
    X, y = overlapping
    dense, sparse = make(condenser).fit(X, y), make(condenser).fit(csr_array(X), y)
    assert set(dense.indices_) == set(sparse.indices_)
    frame = pd.DataFrame({"a": X[:, 0], "city": np.where(X[:, 1] > 0, "Oslo", "Rome")})
    fitted = condenser(random_state=0).fit(frame, y)
    pd.testing.assert_frame_equal(
        fitted.X_syn_.reset_index(drop=True), frame.iloc[fitted.indices_].reset_index(drop=True)
    )


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"tolerance": -1.0}, ValueError, "tolerance=-1.0"),
        ({"n_neighbors": 0}, ValueError, "n_neighbors=0"),
        ({"n_neighbors": 30}, ValueError, "there are 30 sample"),
    ],
)
def test_settings_that_make_no_sense(rng, settings, error, words):
    with pytest.raises(error, match=words):
        make(EditedNeighbors, **settings).fit(rng.normal(size=(30, 2)), np.arange(30) % 2)


@pytest.mark.parametrize("condenser", ALL)
def test_without_targets_there_is_nothing_to_predict(rng, condenser):
    with pytest.raises(PartsError, match="y is None"):
        make(condenser).fit(rng.normal(size=(30, 2)))


def test_of_rows_that_no_neighbor_doubts_the_order_of_the_data_says_nothing(rng):
    X, y = np.concatenate([rng.normal(size=(500, 2)), 50 + rng.normal(size=(501, 2))]), np.repeat([0, 1], [500, 501])
    chosen = make(EditedNeighbors, n_per_class=50).fit(X, y).indices_
    first = chosen[y[chosen] == 0]
    assert 150 < first.mean() < 350, "not the first of the data"


def test_reduction_of_weighted_rows_of_three_classes(rng):
    """Against the rule written out; ties leave a row its class, and errors count by weight."""
    X, y, weight, k = rng.normal(size=(60, 2)), rng.integers(3, size=60), rng.uniform(0.5, 2, size=60), 3
    rows = Neighborhood(X, y, weight, 3)
    stays = np.ones(60, dtype=bool)
    lists = _Lists(rows, rows.nearest(k + 2), stays, k + 1)
    distance, alive = cdist(X, X), list(range(60))

    def near(i, among, size):
        return sorted((j for j in among if j != i), key=lambda j: distance[i, j])[:size]

    def wrong(i, among):
        votes = np.bincount(y[near(i, among, k)], weight[near(i, among, k)], minlength=3)
        return float(votes[y[i]] < votes.max())

    for row in rng.permutation(60)[:58].tolist():
        without = [j for j in alive if j != row]
        associates = [i for i in range(60) if row in near(i, alive, k + 1)]
        change = sum(weight[i] * (wrong(i, without) - wrong(i, alive)) for i in associates)
        assert lists.gain(row) == pytest.approx(change)
        if len(alive) > 5:
            lists.leave_out(row)
            alive = without


def test_condensing_ends_where_it_is_asked_to(overlapping):
    rows = Neighborhood(overlapping[0], np.unique(overlapping[1], return_inverse=True)[1], np.ones(1001), 3)
    progress = ChoiceProgress(1001)
    progress.tell = lambda n_chosen, total, value: n_chosen >= 10
    order, n_kept = CondensedNeighborhood().ranked(rows, np.random.default_rng(0), progress)
    assert n_kept == 10
    assert_array_equal(np.sort(order), np.arange(1001))
