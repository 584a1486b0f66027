"""k-means in passes: bounds against brute force, clusters against scikit-learn, seeds against those of rows held."""

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs

from skdc.parameterizations.seeding import far_apart
from skdc.sets import Block
from skdc.solvers.assignment import Assignment
from skdc.solvers.k_means import k_means
from skdc.sources import Pieces

from ..sources import PassedOver, row_source, seeded, squares


def pieces_of(source):
    return Pieces(source, lambda rows: Block(rows.weight, rows.key, rows.X), 0)


@pytest.mark.parametrize("k", [1, 2, 9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n", [500, 20_000])  # distances of few rows are computed each time
def test_each_row_stays_with_its_nearest_centre(k, dtype, n, rng):
    X, weight = torch.tensor(rng.normal(size=(n, 3))).to(dtype), torch.tensor(rng.uniform(0.5, 2, n))
    assignment = Assignment(Block(weight, torch.zeros(n, dtype=torch.int64), X), k)
    centers = torch.tensor(rng.normal(size=(k, 3)))
    for size in (1, 0.3, 0.1, 0.03, 0.0, 2.0, 1e-3):
        centers = centers + size * torch.tensor(rng.normal(size=(k, 3)))
        clusters = assignment.update(centers)
        label = squares(X.double().numpy(), centers.numpy()).argmin(1)
        np.testing.assert_array_equal(assignment.label, label)
        indicators = np.eye(k)[label].T
        np.testing.assert_allclose(clusters[:, :-2], indicators * weight.numpy() @ X.double().numpy(), atol=1e-10)
        np.testing.assert_allclose(clusters[:, -2], indicators @ weight.numpy(), atol=1e-11)
        np.testing.assert_array_equal(clusters[:, -1], indicators.sum(1))


def test_clusters_are_those_of_scikit_learn():
    X, _ = make_blobs(1000, 5, centers=20, random_state=0)
    source = row_source(X, weight=np.linspace(0.5, 2, 1000))
    rows, weight, start = source.rows.X, source.weight, source.rows.X[::100]
    found = k_means(pieces_of(source), start, 300, 1e-4)
    expected = KMeans(10, init=start.numpy(), n_init=1).fit(rows.numpy(), sample_weight=weight)
    np.testing.assert_allclose(found.centers, expected.cluster_centers_, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.mass, np.bincount(expected.labels_, weight))
    np.testing.assert_allclose(found.inertia, expected.inertia_)
    assert found.n_iter == expected.n_iter_


@pytest.mark.parametrize("n_per_piece", [1, 3, 5])
def test_an_empty_cluster_gets_the_farthest_row(n_per_piece):
    source = row_source(np.array([[0.0], [1.0], [2.0], [30.0], [1.0]]))
    rows = source.rows.X[:, 0]
    start = torch.stack([rows[0], rows[0] + 1e3, rows[0] + 2e3])[:, None]
    found = k_means(pieces_of(PassedOver(source, n_per_piece)), start, 1, 0.0)
    # The farthest row and the next one from the mean of all that start with the first centre.
    expected = torch.stack([rows[[0, 1, 4]].mean(), rows[3], rows[2]])
    torch.testing.assert_close(found.centers[:, 0], expected)
    np.testing.assert_allclose(found.mass, source.weight[:1] * [3, 1, 1])


def test_there_are_no_more_clusters_than_distinct_rows():
    source = row_source(np.repeat([[0.0], [4.0]], [5, 3], axis=0))
    found = k_means(pieces_of(source), source.rows.X[[0, 5, 1, 2]], 10, 0.0)
    np.testing.assert_allclose(source.decode(found.centers), [[0.0], [4.0]], atol=1e-12)
    np.testing.assert_allclose(found.mass, [5, 3])


@pytest.mark.parametrize("n_per_piece", [1, 7, 80])
def test_seeds_are_the_same_whatever_the_pieces(n_per_piece, rng):
    X = np.concatenate([rng.normal(size=(60, 2)), np.full((20, 2), 9.0)])
    source = row_source(X, weight=rng.uniform(0.5, 2, 80))
    held, passed = (far_apart(pieces_of(some), 8, seeded()) for some in (source, PassedOver(source, n_per_piece)))
    np.testing.assert_array_equal(passed, held)
    assert len(set(held)) == 8


def test_seeds_beyond_the_distinct_rows_are_rows_too():
    source = row_source(np.zeros((6, 2)))
    for some in (source, PassedOver(source, 4)):
        assert set(far_apart(pieces_of(some), 9, seeded())) <= set(range(6))


def test_rows_are_taken_by_their_places_in_a_pass(rng):
    source, places = row_source(rng.normal(size=(20, 2)), np.arange(20) % 3), np.array([13, 2, 2, 19, 7])
    taken, expected = PassedOver(source, 6).take(places), source.take(places)
    for name in ("weight", "key", "X", "y"):
        assert getattr(taken, name).equal(getattr(expected, name))
