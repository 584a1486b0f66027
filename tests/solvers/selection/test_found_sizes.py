"""Solvers that find how many rows to keep."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from skdc import Condenser, Partitions
from skdc.discrepancies import MMD
from skdc.exceptions import PartsError, StoppedWarning
from skdc.fitting.deadlines import time_limit
from skdc.parameterizations import Subset
from skdc.parameterizations.storage import LowRank
from skdc.solvers import BestOf
from skdc.solvers.selection.base import Choice, Selection


class Positive(Selection):
    """Keeps the rows whose first number is positive, in working units."""

    minimizes = False

    def finds_size(self):
        return True

    def choose(self, objective, cell, source, generator):
        return Choice(torch.nonzero(cell.rows().X[:, 0] > 0)[:, 0].tolist())


class Nothing(Selection):
    minimizes = False

    def finds_size(self):
        return True

    def choose(self, objective, cell, source, generator):
        return Choice([])


@pytest.fixture
def data():
    draws = np.random.default_rng(0)
    X, y = draws.normal(size=(1001, 3)), np.repeat([7, 3, 5], [500, 400, 101])
    return X - X.mean(axis=0), y  # so that working units have the same origin


def condenser(solver, **settings):
    return Condenser(parameterization=Subset(), solver=solver, encoder=None, random_state=0, **settings)


def test_as_many_rows_are_kept_as_the_solver_says(data):
    X, y = data
    fitted = condenser(Positive()).fit(X, y)
    assert_array_equal(fitted.indices_, np.concatenate([np.flatnonzero((y == c) & (X[:, 0] > 0)) for c in (3, 5, 7)]))
    X_syn, y_syn = fitted
    assert_array_equal(X_syn, X[fitted.indices_])
    assert_array_equal(y_syn, y[fitted.indices_])
    # The rows of a class stand for all of it, whatever part of it is kept.
    for c in (3, 5, 7):
        share = fitted.sample_weight_[y_syn == c].sum() / fitted.sample_weight_.sum()
        assert_allclose(share, np.mean(y == c))
    assert fitted.storage_["points"] == len(y_syn) == len(fitted.condensed_.X)


@pytest.mark.parametrize("size", [{"n_per_class": 3}, {"n_samples": 0.5}, {"n_bytes": "1 kB"}])
def test_a_number_that_would_have_no_effect_is_refused(data, size):
    with pytest.raises(ValueError, match=f"{next(iter(size))}=.*would have no effect"):
        condenser(Positive(), **size).fit(*data)


def test_a_storage_for_a_known_number_is_refused(data):
    stored = Condenser(parameterization=Subset(LowRank(2)), solver=Positive(), random_state=0)
    with pytest.raises(PartsError, match="finds how many rows"):
        stored.fit(*data)


def test_sets_of_unknown_sizes_are_not_compared(data):
    best = BestOf([(None, Positive())])
    with pytest.raises(PartsError, match="finds how many rows"):
        Condenser(MMD(), Subset(), best, n_per_class=2).fit(*data)


def test_a_class_keeps_a_row_where_there_is_no_time_to_choose(data):
    with pytest.warns(StoppedWarning, match="3 of 3 rows are drawn"), time_limit(1e-9):
        fitted = condenser(Nothing()).fit(*data)
    assert_array_equal(fitted.y_syn_, [3, 5, 7])


def test_of_rows_in_pieces_those_of_the_sample_are_looked_at(data):
    X, y = data
    pieces = Partitions.from_arrays(X, y, chunk=100, max_rows=300)
    fitted = condenser(Positive()).fit(pieces)
    assert 300 <= fitted.history_["n_seen"] < 320  # with the ends of each column
    assert 100 < len(fitted.y_syn_) < 200
    assert set(fitted.y_syn_) == {3, 5, 7}
