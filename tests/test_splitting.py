"""Splits of which each set is like the whole."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from scipy.spatial.distance import cdist
from scipy.stats import energy_distance
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score

from skdc import CondensingSplit
from skdc.splitting import in_own_units


def energy(rows, some):
    """Return the energy distance of some rows to all."""
    among, between = cdist(rows[some], rows[some]).mean(), cdist(rows[some], rows).mean()
    return 2 * between - among - cdist(rows, rows).mean()


def mean_energy(rows, which):
    return np.mean([energy(rows, which == k) for k in range(which.max() + 1)])


@pytest.fixture
def blobs(rng):
    y = rng.choice(3, 1001, p=[0.7, 0.25, 0.05])
    return rng.normal(size=(1001, 4)) + 2 * np.eye(3, 4)[y], np.array(["a", "b", "c"])[y]


def test_of_two_rows_that_are_the_same_each_set_gets_one(rng):
    pairs = np.repeat(rng.normal(size=(300, 3)), 2, axis=0)[rng.permutation(600)]
    which = CondensingSplit(2, random_state=0).sets(pairs)
    assert_array_equal(*(np.unique(pairs[which == k], axis=0) for k in (0, 1)))
    assert mean_energy(pairs, which) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("n_splits", [2, 5, 7])
def test_each_set_is_nearer_to_the_whole_than_stratified_ones(blobs, n_splits):
    X, y = blobs
    which = CondensingSplit(n_splits, random_state=0).sets(X, y)
    stratified = np.empty(len(X), int)
    for k, (_, test) in enumerate(StratifiedKFold(n_splits, shuffle=True, random_state=0).split(X, y)):
        stratified[test] = k
    assert mean_energy(X, which) < 0.5 * mean_energy(X, stratified)


@pytest.mark.parametrize("n_classes", [1, 3, 101])
def test_sets_are_disjoint_and_share_classes_evenly(rng, n_classes):
    X, y = rng.normal(size=(1001, 2)), rng.integers(n_classes, size=1001) ** 2 // n_classes
    which = CondensingSplit(4, random_state=0, task="classification").sets(X, y)
    sizes = np.bincount(which, minlength=4)
    assert sizes.sum() == 1001
    assert np.ptp(sizes) <= 1
    for label in np.unique(y):
        assert np.ptp(np.bincount(which[y == label], minlength=4)) <= 2
    for train, test in CondensingSplit(4, random_state=0, task="classification").split(X, y):
        assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(1001))


@pytest.mark.parametrize(("n_splits", "share"), [(1, 0.3), (1, 0.5), (3, 0.1), (2, 0.01), (1, 0.001)])
def test_sets_of_a_share_are_like_the_whole_too(rng, n_splits, share):
    X = rng.normal(size=(1001, 3))
    which = CondensingSplit(n_splits, test_size=share, random_state=0).sets(X)
    assert_array_equal(np.bincount(which + 1)[1:], round(share * 1001))
    if share > 0.01:
        of_chance = [energy(X, rng.permutation(1001)[: round(share * 1001)]) for _ in range(10)]
        assert mean_energy(X, which) < 0.5 * np.mean(of_chance)


def test_more_rows_than_have_all_their_distances_computed(rng):
    X = rng.normal(size=(30_001, 1))
    which = CondensingSplit(30, random_state=0).sets(X)
    ours, chance = ([energy_distance(X[w == k, 0], X[:, 0]) for k in range(5)] for w in (which, rng.permutation(which)))
    assert np.mean(ours) < 0.2 * np.mean(chance)


def test_numbers_to_be_predicted_are_shared_out_with_the_rows(rng):
    X, y = rng.normal(size=(801, 2)), rng.exponential(size=801)
    which = CondensingSplit(4, random_state=0).sets(X, y)
    assert mean_energy(y[:, None], which) < 0.3 * mean_energy(y[:, None], rng.permutation(which))
    both = CondensingSplit(4, random_state=0).sets(X, np.column_stack([y, y]))
    assert mean_energy(y[:, None], both) < 0.3 * mean_energy(y[:, None], rng.permutation(which))


def test_frames_of_mixed_columns_and_images(rng):
    frame = pd.DataFrame({"a": rng.normal(size=600), "city": rng.choice(["Oslo", "Rome"], 600, p=[0.9, 0.1])})
    frame.loc[::7, "a"] = np.nan
    which = CondensingSplit(3, random_state=0).sets(frame)
    counts = pd.crosstab(which, frame["city"])
    assert np.ptp(counts["Rome"]) <= 4
    assert np.ptp(np.bincount(which[frame["a"].isna()])) <= 6
    images = rng.integers(0, 255, (60, 5, 5), dtype=np.uint8)
    assert_array_equal(np.bincount(CondensingSplit(3, random_state=0).sets(images)), [20, 20, 20])


def test_units_and_absurd_values_do_not_matter(blobs):
    X, y = blobs
    split = CondensingSplit(5, random_state=0)
    in_units = split.sets(X * [1e9, 1e-9, 1, 1e100] + [1e10, 0, 5, 0], y)
    assert mean_energy(X, in_units) == pytest.approx(mean_energy(X, split.sets(X, y)), rel=0.1)
    absurd = X.copy()
    absurd[5, 1] = 1e30
    assert mean_energy(X, split.sets(absurd, y)) == pytest.approx(mean_energy(X, split.sets(X, y)), rel=0.25)
    assert np.isfinite(in_own_units(absurd)).all()


def test_it_goes_where_splitters_of_scikit_learn_go(blobs):
    X, y = blobs
    split = CondensingSplit(3, random_state=0)
    assert len(cross_val_score(LogisticRegression(), X, y, cv=split)) == 3
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=split).fit(X, y)
    assert clone(search).cv.get_params() == split.get_params()
    assert repr(split) == "CondensingSplit(n_splits=3, random_state=0)"
    assert_array_equal(split.sets(X, y), clone(split).sets(X, y))
    assert not np.array_equal(split.sets(X, y), CondensingSplit(3, random_state=1).sets(X, y))


@pytest.mark.parametrize(
    ("settings", "given", "words"),
    [
        ({}, {"groups": np.zeros(30)}, "GroupKFold"),
        ({"n_splits": 1}, {}, "n_splits=1"),
        ({"n_splits": 40}, {}, "none for each of 40"),
        ({"n_splits": 3, "test_size": 0.4}, {}, "no more than 0.333"),
        ({"n_splits": 1, "test_size": 10}, {}, "must be a share"),
        ({"n_splits": 1, "test_size": 0.01}, {}, "none for each"),
        ({}, {"X": csr_array(np.eye(30))}, "Sparse"),
        ({}, {"X": np.full((30, 2), np.nan)}, "NaN"),
        ({}, {"y": np.zeros(7)}, "inconsistent"),
    ],
)
def test_what_cannot_be_split_is_refused(settings, given, words):
    given = {"X": np.arange(60.0).reshape(30, 2), "y": None, "groups": None} | given
    with pytest.raises((ValueError, TypeError), match=words):
        list(CondensingSplit(**settings).split(given["X"], given["y"], given["groups"]))
