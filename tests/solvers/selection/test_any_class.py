"""Rows of whatever class against the choice by all pairs."""

from itertools import combinations

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.metrics.pairwise import rbf_kernel

from skdc import Condenser
from skdc.discrepancies import MMD, CoveringRadius, EnergyDistance, QueryMMD
from skdc.exceptions import PartsError
from skdc.kernels import Gaussian
from skdc.parameterizations import Subset
from skdc.parameterizations.storage import LowRank
from skdc.solvers import AnyClass, BestOf, Draw


def chosen(X, y, n_samples, discrepancy, solver=None, **given):
    solver = AnyClass() if solver is None else solver
    return Condenser(discrepancy, Subset(), solver, n_samples=n_samples, random_state=0, **given).fit(X, y).indices_


def herded(X, query, size, width):
    """Return rows that are herded towards other rows, one after the other."""
    potential, kernel, rows = (
        rbf_kernel(X, query, gamma=0.5 / width**2).mean(1),
        rbf_kernel(X, gamma=0.5 / width**2),
        [],
    )
    for t in range(1, size + 1):
        scores = potential - (kernel[:, rows].sum(1) + 0.5) / t
        scores[rows] = -np.inf
        rows.append(int(scores.argmax()))
    return rows


def test_it_is_herding_towards_the_query(rng):
    X, query = rng.normal(size=(1001, 3)), rng.normal(size=(40, 3)) + 1
    rows = chosen(X, rng.integers(3, size=1001), 60, QueryMMD(query, kernel=Gaussian(1.5)))
    assert_array_equal(np.sort(rows), np.sort(herded(X, query, 60, 1.5)))


def test_exchanges_find_the_best_rows_of_few(rng):
    X, query = rng.normal(size=(12, 2)), rng.normal(size=(30, 2))
    distance = QueryMMD(query, kernel=Gaussian(1.0))
    best = min(combinations(range(12), 3), key=lambda rows: distance(X, X[list(rows)]))
    assert_array_equal(np.sort(chosen(X, None, 3, distance, AnyClass(n_passes=20))), best)


def test_it_takes_any_distance_of_mean_embeddings(rng):
    X, y = rng.normal(size=(60, 2)), np.repeat([0, 1], [40, 20])
    for distance in (MMD(by=None, bandwidth=1.0), EnergyDistance(by=None), MMD(by=None) + 0.1 * QueryMMD(X[:3])):
        assert len(np.unique(chosen(X, y, 12, distance))) == 12


def test_a_class_that_is_not_like_the_query_keeps_a_row(rng):
    y = np.repeat(["near", "far", "farther"], 20)
    X = np.repeat([0.0, 100.0, 1000.0], 20)[:, None] + rng.normal(size=(60, 1))
    distance = QueryMMD([[0.0]], kernel=Gaussian(1.0))
    rows = chosen(X, y, 10, distance)
    assert_array_equal(np.unique(y[rows], return_counts=True)[1], [1, 1, 8])
    rows = chosen(
        X, y, 30, QueryMMD([[0.0]], kernel=Gaussian(1.0)), AnyClass(n_passes=2)
    )  # more than there are near ones
    assert len(np.unique(rows)) == 30
    assert np.sum(y[rows] == "near") == 20


def test_the_shares_of_classes_are_found_and_told(rng):
    X = rng.normal(size=(200, 2))
    y = np.where(X[:, 0] > 0, "right", "left")
    fitted = Condenser(QueryMMD(X[X[:, 0] > 1]), Subset(), AnyClass(), n_samples=20, random_state=0).fit(X, y)
    counts = dict(zip(*np.unique(fitted.y_syn_, return_counts=True), strict=True))
    assert counts["right"] >= 18
    assert len(fitted.X_syn_) == 20


def test_weights_of_the_data_do_not_count(rng):
    X, weight = rng.normal(size=(60, 2)), rng.uniform(0.1, 9, 60)
    condenser = Condenser(QueryMMD(X[:9]), Subset(), AnyClass(), n_samples=8, random_state=0)
    plain = condenser.set_params(discrepancy__kernel=Gaussian(1.0)).fit(X).indices_
    assert_array_equal(condenser.fit(X, sample_weight=weight).indices_, plain)


@pytest.mark.parametrize("discrepancy", [MMD(), CoveringRadius(by=None), MMD(by=None) + CoveringRadius(by=None)])
def test_what_is_no_distance_of_whole_sets_is_refused(discrepancy, rng):
    with pytest.raises(PartsError, match="AnyClass chooses for a distance of mean embeddings of the set as a whole"):
        chosen(rng.normal(size=(20, 2)), np.repeat([0, 1], 10), 4, discrepancy)


def test_what_needs_a_number_of_each_class_is_refused(rng):
    X, y, distance = rng.normal(size=(20, 2)), np.repeat([0, 1], 10), QueryMMD([[0.0, 0.0]])
    with pytest.raises(ValueError, match="n_per_class=2 would have no effect; give n_samples"):
        Condenser(distance, Subset(), AnyClass(), n_per_class=2).fit(X, y)
    with pytest.raises(PartsError, match="finds how many rows of a class to keep"):
        chosen(X, y, 4, MMD(), BestOf([(distance, AnyClass()), (None, Draw())]))
    with pytest.raises(PartsError, match="a storage is built for a known number"):
        Condenser(distance, Subset(LowRank(2)), AnyClass(), n_samples=4).fit(X, y)
    with pytest.raises(ValueError, match="n_passes=-1"):
        chosen(X, y, 4, distance, AnyClass(n_passes=-1))
