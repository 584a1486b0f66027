"""Rows like those of a query: which are chosen, and what is said of a query that is not like the data."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skdc import CondensingPipeline, QuerySelection, RandomSubset
from skdc.discrepancies import QueryMMD
from skdc.kernels import Gaussian, Laplace
from skdc.preprocessing import TabularEncoder


def shifted(n=1001, seed=0):
    """Return rows of three bands, which are the classes, and a query of the right half of the plane."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, size=(n, 2))
    query = X[rng.uniform(size=n) < np.exp(4 * (X[:, 0] - 1))] + rng.normal(scale=0.01, size=(1, 2))
    y = np.array(["low", "middle", "high"])[np.digitize(X[:, 1] + X[:, 0] / 2, [-0.4, 0.4])]
    return X, y, query


def squared_mmd(X, query, width):
    """Return the squared discrepancy from all pairs."""

    def mean(a, b):
        return np.exp(-0.5 * np.square((a[:, None] - b[None]) / width).sum(2)).mean()

    return mean(X, X) - 2 * mean(X, query) + mean(query, query)


def test_is_nearer_to_the_query_than_rows_that_are_drawn_by_their_likeness():
    X, y, query = shifted()
    fitted = QuerySelection(query=query, kernel=Gaussian(0.5), n_samples=40, random_state=0).fit(X, y)
    near = np.exp(4 * (X[:, 0] - 1))
    drawn = [np.random.default_rng(seed).choice(len(X), 40, replace=False, p=near / near.sum()) for seed in range(20)]
    assert squared_mmd(fitted.X_syn_, query, 0.5) < min(squared_mmd(X[rows], query, 0.5) for rows in drawn) / 4
    assert_array_equal(fitted.X_syn_, X[fitted.indices_])
    assert_array_equal(fitted.y_syn_, y[fitted.indices_])
    assert len(np.unique(fitted.indices_)) == 40


def test_classes_have_the_shares_of_like_rows():
    X, y, query = shifted(4000)
    labels, counts = np.unique(QuerySelection(query=query, n_samples=100).fit(X, y).y_syn_, return_counts=True)
    near = np.exp(4 * (X[:, 0] - 1))
    wanted = [near[y == label].sum() / near.sum() for label in labels]
    np.testing.assert_allclose(counts / 100, wanted, atol=0.06)
    assert np.abs(wanted - np.array([np.mean(y == label) for label in labels])).max() > 0.15  # those of all rows


def test_each_of_many_classes_keeps_a_row_where_the_query_is_like_one():
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(101), 10)
    X = y[:, None] + rng.normal(scale=0.1, size=(1010, 3))
    condenser = QuerySelection(query=X[y == 50], n_samples=110, task="classification", random_state=0)
    y_syn = condenser.fit(X, y).y_syn_
    assert_array_equal(np.unique(y_syn), np.arange(101))
    assert np.sum(y_syn == 50) == 10


def test_numbers_and_no_targets():
    X, _, query = shifted()
    target = 3 * X[:, 0]
    fitted = QuerySelection(query=query, n_samples=30, random_state=0).fit(X, target)
    assert_array_equal(fitted.y_syn_, target[fitted.indices_])
    assert fitted.y_syn_.mean() == pytest.approx(3 * query[:, 0].mean(), abs=0.2)
    assert_array_equal(QuerySelection(query=query, n_samples=30, random_state=0).fit(X).indices_, fitted.indices_)


def test_weights_make_the_discrepancy_less():
    X, y, query = shifted()
    plain = QuerySelection(query=query, kernel=Gaussian(0.5), n_samples=12).fit(X, y)
    weighted = clone(plain).set_params(reweight=QueryMMD(query, kernel=Gaussian(0.5))).fit(X, y)
    assert_array_equal(weighted.indices_, plain.indices_)
    assert np.ptp(plain.sample_weight_) == 0
    distance = QueryMMD(query, kernel=Gaussian(0.5))
    distances = [distance(X, fitted.X_syn_, sample_weight_y=fitted.sample_weight_) for fitted in (weighted, plain)]
    assert distances[0] < 0.9 * distances[1]


def test_the_query_goes_through_the_encoder():
    X, y, query = shifted()
    frame = pd.DataFrame({"a": 1000 * X[:, 0], "b": X[:, 1], "side": np.where(X[:, 0] > 0, "right", "left")})
    asked = pd.DataFrame(
        {"a": 1000 * query[:, 0], "b": query[:, 1], "side": np.where(query[:, 0] > 0, "right", "left")}
    )
    fitted = QuerySelection(query=asked, n_samples=20, encoder=TabularEncoder(), random_state=0).fit(frame, y)
    pd.testing.assert_frame_equal(fitted.condensed_.X, frame.iloc[fitted.indices_])
    assert fitted.condensed_.X["a"].mean() == pytest.approx(asked["a"].mean(), abs=100)
    scaled = QuerySelection(query=1000 * query, n_samples=20, encoder=StandardScaler(), random_state=0).fit(1000 * X, y)
    by_hand = StandardScaler().fit(X)
    plain = QuerySelection(query=by_hand.transform(query), n_samples=20, random_state=0).fit(by_hand.transform(X), y)
    assert_array_equal(scaled.indices_, plain.indices_)


def test_sparse_rows_are_as_dense_ones():
    X, y, query = shifted()
    dense = QuerySelection(query=query, n_samples=20, random_state=0).fit(X, y)
    for asked in (query, csr_array(query)):
        sparse = QuerySelection(query=asked, n_samples=20, random_state=0).fit(csr_array(X), y)
        assert_array_equal(sparse.indices_, dense.indices_)
        assert sparse.X_syn_.format == "csr"


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8])
def test_dtypes_stay_and_nothing_is_changed(dtype):
    X, y, query = shifted()
    X, query = (100 * X).astype(dtype), (100 * query).astype(dtype)
    before = X.copy(), query.copy()
    fitted = QuerySelection(query=query, n_samples=20, random_state=0).fit(X, y)
    assert fitted.X_syn_.dtype == dtype
    for mine, kept in zip((X, query), before, strict=True):
        assert_array_equal(mine, kept)


def test_pickles_clones_and_searches():
    X, y, query = shifted(300)
    condenser = QuerySelection(query=query, n_samples=20, random_state=0).fit(X, y)
    assert_array_equal(pickle.loads(pickle.dumps(condenser)).indices_, condenser.indices_)
    assert_array_equal(clone(condenser).fit(X, y).indices_, condenser.indices_)
    pipeline = CondensingPipeline([("condense", clone(condenser)), ("learn", LogisticRegression())])
    search = GridSearchCV(
        pipeline, {"condense__kernel": [Gaussian(), Laplace(0.1)], "condense__n_samples": [10, 20]}, cv=2
    )
    assert isinstance(search.fit(X, y).best_estimator_, Pipeline)


def test_a_model_for_the_query_is_better():
    # Which class is up changes from left to right: only on one side is a line enough.
    scores = []
    for seed in range(5):
        X, _, query = shifted(2000, seed)
        for condenser in (QuerySelection(query=query), RandomSubset()):
            chosen = condenser.set_params(n_samples=20, random_state=seed).fit(X, X[:, 0] * X[:, 1] > 0)
            scores.append(LogisticRegression(C=100).fit(*chosen).score(query, query[:, 0] * query[:, 1] > 0))
    near, random = np.reshape(scores, (5, 2)).T
    assert near.min() > 0.8 > random.mean() + 0.1


@pytest.mark.parametrize(
    "query, message",
    [
        (None, "query is None: give rows"),
        (np.zeros((5, 3)), r"query of shape \(5, 3\) must hold one row or more like those of X, of 2 numbers"),
        (np.zeros((0, 2)), r"query of shape \(0, 2\)"),
        (np.zeros(2), r"query of shape \(2,\)"),
        ([["a", "b"]], "query holds values of dtype <U1, and X numbers"),
        ([[np.nan, 0.0]], "query contains NaN"),
        ([[np.inf, 0.0]], "query contains .*inf"),
    ],
)
def test_queries_that_are_not_like_the_data_are_refused(query, message):
    X, y, _ = shifted(50)
    with pytest.raises(ValueError, match=message):
        QuerySelection(query=query, n_samples=5).fit(X, y)


def test_columns_of_frames_are_compared():
    X, y, query = shifted(50)
    frame, asked = pd.DataFrame(X, columns=["a", "b"]), pd.DataFrame(query, columns=["a", "b"])
    names = QuerySelection(query=asked.rename(columns={"a": "c"}), n_samples=5)
    with pytest.raises(ValueError, match=r"query lacks .'a'. and has .'c'., which X has not"):
        names.fit(frame, y)
    with pytest.raises(ValueError, match="in another order"):
        QuerySelection(query=asked[["b", "a"]], n_samples=5).fit(frame, y)
    kinds = frame.assign(kind=np.where(X[:, 0] > 0, "x", "y"))
    with pytest.raises(ValueError, match="query is no frame, but X is one with the columns"):
        QuerySelection(query=query, n_samples=5, encoder=TabularEncoder()).fit(kinds, y)


def test_sizes_of_classes_are_refused():
    X, y, query = shifted(50)
    with pytest.raises(ValueError, match="n_per_class=3 would have no effect; give n_samples"):
        QuerySelection(3, query=query).fit(X, y)
    with pytest.raises(ValueError, match="cannot give each of 3 classes a row"):
        QuerySelection(query=query, n_samples=2).fit(X, y)
    assert len(QuerySelection(query=query, n_bytes=2**10).fit(X, y).y_syn_) > 5
