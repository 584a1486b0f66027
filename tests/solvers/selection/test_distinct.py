"""Near-duplicates are left out: against comparisons of all pairs."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array

from skdc import Condenser, Partitions, SemanticDeduplication
from skdc.discrepancies import QuantizationError, QueryMMD
from skdc.exceptions import PartsError, StoppedWarning
from skdc.fitting.deadlines import time_limit
from skdc.parameterizations import Subset
from skdc.solvers import AnyClass, Distinct, Draw, Greedy


def cosines(X, Z):
    X, Z = (part.astype(np.float64) / np.linalg.norm(part.astype(np.float64), axis=1, keepdims=True) for part in (X, Z))
    return X @ Z.T


def planted(n, n_planted, d, draws, noise=0.15):
    """Return rows of clusters, and near-duplicates of the first of them behind."""
    centers = draws.normal(size=(n // 50, d))
    rows = centers[draws.integers(len(centers), size=n)] + draws.normal(size=(n, d))
    near = rows[:n_planted] + noise * draws.normal(size=(n_planted, d))
    return np.concatenate([rows, near])


def greedy(X, order, bound):
    """Return the rows that are kept, gone through one by one."""
    alike, kept = cosines(X, X) > bound, []
    for i in order:
        if not alike[i, kept].any():
            kept.append(i)
    return np.sort(kept)


@pytest.mark.parametrize("keep", ["farthest", "nearest"])
@pytest.mark.parametrize("bound", [0.95, 0.3])
def test_rows_are_kept_as_one_by_one(keep, bound, rng):
    X = planted(1001, 200, 8, rng) + 0.1
    near = cosines(X, (X / np.linalg.norm(X, axis=1, keepdims=True)).mean(axis=0)[None])[:, 0]
    order = np.argsort(near if keep == "farthest" else -near)
    fitted = SemanticDeduplication(max_similarity=bound, keep=keep).fit(X)
    assert_array_equal(np.sort(fitted.indices_), greedy(X, order, bound))
    # Each row that is left out is like one that is kept, whose mass it adds to.
    alike = cosines(X, X[fitted.indices_])
    assert (alike.max(axis=1) > bound).all()
    assert_allclose(fitted.sample_weight_.sum() * len(X) / len(fitted.indices_), len(X))
    if bound == 0.95:
        alone = (alike > bound).sum(axis=0) == 1
        assert_allclose((fitted.sample_weight_ / fitted.sample_weight_.sum() * len(X))[alone], 1, rtol=1e-5)


@pytest.mark.parametrize("overlap, missed", [(1.0, 0), (0.1, 2)])
def test_across_borders_near_duplicates_are_found(overlap, missed):
    draws = np.random.default_rng(1)
    X = planted(5001, 1001, 24, draws).astype(np.float16)
    fitted = SemanticDeduplication(overlap=overlap, random_state=0).fit(X)
    kept = fitted.X_syn_
    assert kept.dtype == np.float16
    pairs = np.tril(cosines(kept, kept) > 0.95 + 1e-5, -1).sum()
    assert pairs <= missed
    assert (cosines(X, kept).max(axis=1) > 0.95).all()
    assert_array_equal(kept, X[fitted.indices_])


def test_rows_across_borders_are_missed_where_none_are_compared():
    X = planted(5001, 1001, 24, np.random.default_rng(1))
    within, across = (len(SemanticDeduplication(overlap=part, random_state=0).fit(X).indices_) for part in (0, 1))
    assert within > across + 5


def test_of_each_class_rows_are_compared_with_their_own():
    X, y = np.tile([[1.0, 0.0], [1.0, 0.01], [0.0, 1.0]], (101, 1)), np.repeat(np.arange(101), 3)
    fitted = SemanticDeduplication(task="classification").fit(X, y)
    assert_array_equal(np.bincount(fitted.y_syn_), 2)
    assert_allclose(np.sort(fitted.sample_weight_.reshape(101, 2)), np.tile([2 / 3, 4 / 3], (101, 1)))


def test_weights_are_masses_that_the_kept_rows_take_over():
    X, weight = np.array([[1.0, 0.0], [1.0, 0.01], [0.0, 1.0], [0.0, 2.0]]), np.array([1.0, 2.0, 3.0, 4.0])
    fitted = SemanticDeduplication().fit(X, sample_weight=weight)
    assert_allclose(sorted(fitted.sample_weight_), [0.6, 1.4])


def test_rows_of_zeros_are_duplicates_of_each_other(rng):
    X = np.concatenate([rng.normal(size=(20, 30)), np.zeros((5, 30))])
    for rows in (X, csr_array(X), X.astype(np.float16)):
        fitted = SemanticDeduplication(max_similarity=0.9).fit(rows)
        assert len(fitted.indices_) == 21
        assert_allclose(np.sort(fitted.sample_weight_)[-1] / np.sort(fitted.sample_weight_)[0], 5)


@pytest.mark.parametrize("scale", [1e-140, 1e-30, 1e30, 1e140])
def test_lengths_do_not_count(scale, rng):
    X = planted(200, 40, 8, rng)
    lengths = np.exp(rng.normal(size=(len(X), 1)))
    assert_array_equal(
        SemanticDeduplication().fit(scale * lengths * X).indices_, SemanticDeduplication().fit(X).indices_
    )


@pytest.mark.parametrize("n", [1001, 5001])
def test_sparse_rows_give_what_dense_rows_give(n):
    draws = np.random.default_rng(2)
    X = draws.exponential(size=(n, 60)) * (draws.uniform(size=(n, 60)) < 0.2)
    X = np.concatenate([X, X[:101] * draws.uniform(0.95, 1.05, size=(101, 60)), np.zeros((3, 60))])
    dense, sparse = (SemanticDeduplication(overlap=1.0, random_state=0).fit(rows) for rows in (X, csr_array(X)))
    assert_array_equal(dense.indices_, sparse.indices_)
    assert_allclose(dense.sample_weight_, sparse.sample_weight_)
    assert_allclose(sparse.X_syn_.toarray(), X[sparse.indices_])


def test_a_size_is_chosen_among_the_rows_that_are_left(rng):
    X = planted(500, 400, 8, rng)
    left = SemanticDeduplication().fit(X)
    for named in (
        SemanticDeduplication(n_samples=50, random_state=0),
        Condenser(None, Subset(), Distinct(solver=Draw()), n_samples=50, random_state=0),
    ):
        fitted = named.fit(X)
        assert len(fitted.indices_) == 50
        assert set(fitted.indices_) <= set(left.indices_)
    assert_allclose(fitted.sample_weight_, 1)
    # They are near to the rows that are left, weighted by what these stand for.
    covering = SemanticDeduplication(n_samples=50, random_state=0).fit(X)
    distance = QuantizationError(exponent=1)
    assert distance(X, covering.X_syn_) < 0.9 * distance(X, fitted.X_syn_)


def test_rows_come_back_with_a_warning_where_too_few_are_left(rng):
    X = np.concatenate([rng.normal(size=(5, 30)), np.tile(rng.normal(size=30), (20, 1))])
    X[-1] += 0.1 * rng.normal(size=30)  # of those that are left out, it is the least like any
    with pytest.warns(UserWarning, match="7 rows are asked for, and 6 are no near-duplicates"):
        fitted = SemanticDeduplication(n_samples=7).fit(X)
    assert len(set(fitted.indices_)) == 7
    assert {0, 1, 2, 3, 4, 24} <= set(fitted.indices_)


def test_pieces_are_gone_through_one_by_one(rng):
    X = rng.permutation(planted(2001, 500, 16, rng, noise=0.05))
    y = np.arange(len(X)) % 2
    whole = SemanticDeduplication().fit(X, y)
    fitted = SemanticDeduplication().fit(Partitions.from_arrays(X, y, chunk=300, max_rows=100))
    for c in (0, 1):
        of_class = fitted.indices_[fitted.y_syn_ == c]
        assert_array_equal(y[of_class], c)
        assert np.tril(cosines(X[of_class], X[of_class]) > 0.95, -1).sum() == 0
        assert (cosines(X[y == c], X[of_class]).max(axis=1) > 0.95).all()
    assert abs(len(fitted.indices_) - len(whole.indices_)) < 20
    # What the kept rows stand for is handed on from piece to piece.
    masses = fitted.sample_weight_ / fitted.sample_weight_.sum() * len(X)
    assert_allclose(masses, np.round(masses), atol=1e-4)
    assert masses.max() > 1.5


def test_a_choice_that_is_stopped_says_how_many_rows_it_left_out(rng):
    with pytest.warns(StoppedWarning), time_limit(1e-9):
        fitted = SemanticDeduplication().fit(rng.normal(size=(200, 5)), np.repeat([0, 1], 100))
    assert set(fitted.y_syn_) == {0, 1}


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"max_similarity": 1.0}, "less than 1"),
        ({"max_similarity": -0.1}, "from 0"),
        ({"keep": "first"}, "'farthest' or 'nearest'"),
        ({"overlap": 1.5}, "between 0 and 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        SemanticDeduplication(**settings).fit([[1.0, 0.0], [0.0, 1.0]])


def test_solvers_that_choose_no_number_of_rows_are_refused():
    X = [[1.0, 0.0], [0.0, 1.0]]
    with pytest.raises(PartsError, match="as many rows as are asked for"):
        Condenser(None, Subset(), Distinct(solver=Distinct()), n_samples=1).fit(X)
    with pytest.raises(PartsError, match="as many rows as are asked for"):
        Condenser(QueryMMD(X), Subset(), Distinct(solver=AnyClass()), n_samples=1).fit(X)
    with pytest.raises(PartsError, match="give reweight= to Distinct"):
        settings = {"solver": Distinct(solver=Greedy(reweight=QuantizationError())), "n_samples": 1}
        Condenser(QuantizationError(), Subset(), **settings).fit(X)
