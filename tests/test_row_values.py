"""What rows are worth, against sums over all subsets and learners that are trained anew."""

from itertools import combinations
from math import comb

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_array
from sklearn.datasets import load_digits
from sklearn.kernel_ridge import KernelRidge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from skdc.weighting import row_values


def shapley(n, utility):
    """Return the Shapley values of n players by their definition."""
    values = np.zeros(n)
    for i in range(n):
        others = [j for j in range(n) if j != i]
        for size in range(n):
            for some in combinations(others, size):
                values[i] += (utility([*some, i]) - utility(list(some))) / comb(n - 1, size) / n
    return values


def votes(X, y, x, label, k):
    """Return the utility of rows for a row that is predicted from them."""

    def utility(some):
        nearest = sorted(some, key=lambda j: np.linalg.norm(X[j] - x))[:k]
        return sum(y[j] == label for j in nearest) / k

    return utility


def error(X, y, x, target, k):
    def utility(some):
        nearest = sorted(some, key=lambda j: np.linalg.norm(X[j] - x))[:k]
        return -((sum(y[j] for j in nearest) / k - target) ** 2)

    return utility


@pytest.mark.parametrize("k", [1, 2, 3, 7])
def test_neighbours_of_labels_by_definition(rng, k):
    X, y, V, w = rng.normal(size=(7, 2)), np.array(list("abacbca")), rng.normal(size=(5, 2)), np.array(list("abcab"))
    by_hand = np.mean([shapley(7, votes(X, y, x, label, k)) for x, label in zip(V, w, strict=True)], axis=0)
    found = row_values(X, y, KNeighborsClassifier(k), X_valid=V, y_valid=w)
    assert_allclose(found, by_hand, atol=1e-12)
    # They share out what all rows are worth together.
    everything = np.mean([votes(X, y, x, label, k)(range(7)) for x, label in zip(V, w, strict=True)])
    assert found.sum() == pytest.approx(everything)


@pytest.mark.parametrize("k", [1, 2, 3, 7])
def test_neighbours_of_numbers_by_definition(rng, k):
    X, y, V, w = rng.normal(size=(7, 2)), rng.normal(size=7) + 5, rng.normal(size=(5, 2)), rng.normal(size=5) + 5
    about, wanted = y - y.mean(), w - y.mean()
    by_hand = np.mean([shapley(7, error(X, about, x, t, k)) for x, t in zip(V, wanted, strict=True)], axis=0)
    assert_allclose(row_values(X, y, KNeighborsRegressor(k), X_valid=V, y_valid=w), by_hand, atol=1e-12)
    assert_allclose(row_values(X, y, KNeighborsRegressor(k), X_valid=V, y_valid=w), by_hand, atol=1e-12)


def test_rows_predict_each_other_where_none_are_held_out(rng):
    X, y = rng.normal(size=(7, 2)), np.array([0, 1, 0, 1, 1, 0, 0])
    total = np.zeros(7)
    for v in range(7):
        others = np.delete(np.arange(7), v)
        total[others] += shapley(6, votes(X[others], y[others], X[v], y[v], 2))
    assert_allclose(row_values(X, y, KNeighborsClassifier(2)), total / 6, atol=1e-12)


@pytest.mark.parametrize(
    "learner", [KernelRidge(0.1, kernel="rbf", gamma=0.3), KernelRidge(1.0, kernel="poly", degree=2)]
)
def test_influence_is_that_of_learners_trained_anew(rng, learner):
    X, y = rng.normal(size=(30, 3)), rng.choice(["a", "b", "c"], 30)
    V, w = rng.normal(size=(11, 3)), rng.choice(["a", "b", "c"], 11)
    one_hot, wanted = y[:, None] == np.array(["a", "b", "c"]), w[:, None] == np.array(["a", "b", "c"])

    def loss(rows, at, targets):
        return np.square(learner.fit(X[rows], one_hot[rows].astype(float)).predict(at) - targets).sum(axis=1)

    everything = np.arange(30)
    by_hand = [loss(np.delete(everything, i), V, wanted).mean() - loss(everything, V, wanted).mean() for i in range(30)]
    assert_allclose(row_values(X, y, learner, X_valid=V, y_valid=w), by_hand, rtol=1e-6, atol=1e-10)
    for i in (0, 17):
        gained = [
            loss(np.delete(everything, [i, j]), X[[j]], one_hot[[j]])
            - loss(np.delete(everything, j), X[[j]], one_hot[[j]])
            for j in range(30)
            if j != i
        ]
        assert row_values(X, y, learner)[i] == pytest.approx(np.mean(gained), rel=1e-6)
    numbers = rng.normal(size=30)
    assert row_values(X, numbers, learner).shape == (30,)


def test_wrong_labels_have_the_lowest_values(rng):
    X, y = load_digits(return_X_y=True)
    X, y = X[:1001], y[:1001]
    wrong = rng.random(1001) < 0.2
    y = np.where(wrong, (y + rng.integers(1, 10, 1001)) % 10, y)
    for learner in (None, KernelRidge(1.0, kernel="rbf", gamma=1e-3)):
        lowest = np.argsort(row_values(X, y, learner))[: wrong.sum()]
        assert wrong[lowest].mean() > 0.8


def test_rows_of_other_kinds(rng):
    X, y = rng.normal(size=(60, 4)) * (rng.random((60, 4)) < 0.5), rng.integers(3, size=60)
    assert_allclose(row_values(csr_array(X), y), row_values(X, y))
    assert_allclose(row_values(X.reshape(60, 2, 2), y), row_values(X, y))
    frame = pd.DataFrame({"a": rng.normal(size=60), "city": rng.choice(["Oslo", "Rome"], 60)})
    of_frame = row_values(frame, y, X_valid=frame[:7], y_valid=y[:7])
    assert of_frame.shape == (60,)
    assert_allclose(
        row_values(X, y, KNeighborsClassifier(p=1)), row_values(X, y, KNeighborsClassifier(metric="manhattan"))
    )


def test_memory_does_not_grow_with_the_square_of_the_rows(rng):
    X, y = rng.normal(size=(6001, 2)), rng.integers(2, size=6001)  # 288 MB of distances, in two pieces or more
    half = row_values(X, y, KNeighborsClassifier(1), X_valid=X[:3], y_valid=y[:3])
    assert_allclose(half.sum(), 1.0)
    found = row_values(X, y, KNeighborsClassifier(1))
    nearest = KNeighborsClassifier(1).fit(X, y).kneighbors(n_neighbors=1, return_distance=False)[:, 0]
    assert_allclose(found.sum() * 6000 / 6001, np.mean(y == y[nearest]), rtol=1e-9)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"learner": KNeighborsClassifier(weights="distance")}, "count the same"),
        ({"learner": object()}, "closed form"),
        ({"learner": KNeighborsClassifier(50)}, "lower n_neighbors"),
        ({"learner": KernelRidge(alpha=0)}, "one positive number"),
        ({"X_valid": np.zeros((3, 2))}, "go together"),
        ({"X_valid": np.zeros((3, 5)), "y_valid": np.zeros(3)}, "5 features"),
        ({"y": np.zeros((30, 2))}, "one label or number"),
        ({"y": np.arange(7)}, "inconsistent"),
        ({"task": "clustering"}, "task='clustering'"),
    ],
)
def test_what_has_no_values_is_refused(rng, given, words):
    given = {"X": rng.normal(size=(30, 2)), "y": np.arange(30) % 3} | given
    with pytest.raises(ValueError, match=words):
        row_values(given.pop("X"), given.pop("y"), given.pop("learner", None), **given)


def test_many_distinct_numbers_are_told_apart_from_labels(rng):
    X, y = rng.normal(size=(300, 2)), rng.integers(0, 200, 300)
    with pytest.raises(ValueError, match="task='regression'"):
        row_values(X, y)
    assert row_values(X, y, task="regression").shape == (300,)
    with pytest.raises(ValueError, match="2 to 10000"):
        row_values(rng.normal(size=(10_001, 1)), np.arange(10_001) % 2, KernelRidge())
