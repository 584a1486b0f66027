"""What rows have beside the Gaussian of their class, by the clusters of space that they are in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from skdc.isolation import limited_threads
from skdc.privacy.noise import Noise
from skdc.privacy.sums import BoundedSums

_MOST = 30  # clusters of a class
_POOL = 200  # rows drawn for each cluster, which say where it is
_SURE = 20.0  # a cluster is to have so many times the noise of a sum in rows
_OF_COUNT = 0.2  # the share of a row's budget that its number has
_LEAST = 0.1  # a cluster has this share of what the Gaussian says, however few rows


@dataclass(frozen=True, eq=False)
class Clusters:
    """Where rows of a class are, cluster by cluster.

    Parameters
    ----------
    centers : ndarray of shape (n, d)
        Each row is in the cluster of the nearest.
    shares : ndarray of shape (n,)
        Of the rows.
    shifts : ndarray of shape (n, d)
        By how much the mean row of a cluster is beside what the Gaussian says.
    """

    centers: NDArray[np.float64]
    shares: NDArray[np.float64]
    shifts: NDArray[np.float64]

    def chosen(self, pool: NDArray[np.float64], size: int, generator: np.random.Generator) -> NDArray[np.float64]:
        """Return rows of a pool, drawn from the Gaussian, such that each cluster has its share; and shifted."""
        sizes = np.diff(np.rint(size * np.cumsum([0.0, *self.shares])).astype(int))
        clusters, rows = nearest(pool, self.centers), []
        for cluster, n in enumerate(sizes):
            members = pool[clusters == cluster]
            members = members if len(members) else self.centers[[cluster]]
            taken = (
                generator.permutation(len(members)) if n <= len(members) else generator.integers(len(members), size=n)
            )
            rows.append(members[taken[:n]] + self.shifts[cluster])
        return np.concatenate(rows)


# Clusters are told by rows that are drawn from what was released before, so they are public. Of the rows x of a class
# that are in the cluster of a center m, sums of vectors of norm 1 at most are released,
#     ((1 - a)^(1/2) z, a^(1/2)),    z = (x - m) / max(r, |x - m|)                                                  (1)
# with r the root mean squared distance of the rows that were drawn. So one row changes the sums of one cluster. They
# give the number n of rows and their mean offset, of which that of the rows drawn is taken off. What is left, d, has
# noise of variance v = (s r / n)^2 / (1 - a) in each direction. Its own variance t in one is estimated from all
# clusters,
#     t = max(0, sum_j w_j (d_j^2 - v_j) / sum_j w_j),    w_j = 1 / v_j                                             (2)
# and the shift is what is expected of it, d t / (t + v).                                                           (3)
def released_clusters(
    rows: list[NDArray[np.float64]],
    pools: list[NDArray[np.float64]],
    mass: NDArray[np.float64],
    noise_multiplier: float,
    noise: Noise,
    seed: int,
) -> list[Clusters]:
    """Release how many rows each cluster has, and their mean.

    Parameters
    ----------
    rows : list of ndarray of shape (n, d)
        Those of each class.
    pools : list of ndarray of shape (m, d)
        Rows of each class that were drawn.
    mass : ndarray of shape (n_classes,)
        Released numbers of rows.
    noise_multiplier : float
    noise : Noise
    seed : int
        Of the clusters.
    """
    numbers = np.clip(mass / (_SURE * noise_multiplier), 1, _MOST).astype(int)
    centers = [_centers(pool, n, seed) for pool, n in zip(pools, numbers, strict=True)]
    squares = [np.mean(_offsets(*given)[0] ** 2) for given in zip(pools, centers, strict=True)]
    radius = float(np.sqrt(np.mean(squares) * pools[0].shape[1])) or 1.0
    expected = cluster_sums(pools, centers, radius).released(0.0, Noise(0))
    released = cluster_sums(rows, centers, radius).released(noise_multiplier, noise)
    of_rows, of_counts = radius / (1 - _OF_COUNT) ** 0.5, _OF_COUNT**-0.5
    counts, drawn = np.maximum(released[:, -1] * of_counts, 1.0), np.maximum(expected[:, -1] * of_counts, 1.0)
    shifts = released[:, :-1] * of_rows / counts[:, None] - expected[:, :-1] * of_rows / drawn[:, None]
    shifts = _without_noise(shifts, (noise_multiplier * of_rows / counts[:, None]) ** 2)
    # No means of rows that are cut off are further apart, however large noise is.
    shifts *= np.minimum(1.0, 2 * radius / np.maximum(np.linalg.norm(shifts, axis=1, keepdims=True), 1e-300))
    clusters, last = [], np.cumsum(numbers)
    for center, start, stop, size in zip(centers, last - numbers, last, mass, strict=True):
        of_pool = drawn[start:stop]
        count = np.maximum(counts[start:stop], _LEAST * size * of_pool / of_pool.sum())
        clusters.append(Clusters(center, count / count.sum(), shifts[start:stop]))
    return clusters


def cluster_sums(rows: list[NDArray[np.float64]], centers: list[NDArray[np.float64]], radius: float) -> BoundedSums:
    """Return the sums (1) over each cluster of each class."""
    first, sums = 0, BoundedSums(sum(map(len, centers)), centers[0].shape[1] + 1)
    for some, center in zip(rows, centers, strict=True):
        offsets, cluster = _offsets(some, center)
        offsets *= (1 - _OF_COUNT) ** 0.5 / np.maximum(radius, np.linalg.norm(offsets, axis=1, keepdims=True))
        sums.add(np.hstack([offsets, np.full((len(some), 1), _OF_COUNT**0.5)]), first + cluster)  # (1)
        first += len(center)
    return sums


def nearest(rows: NDArray[np.float64], centers: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the cluster of each row."""
    return ((centers**2).sum(axis=1) - 2 * rows @ centers.T).argmin(axis=1)


def _offsets(rows: NDArray[np.float64], centers: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return rows as seen from the center of their cluster, and the clusters."""
    cluster = nearest(rows, centers)
    return rows - centers[cluster], cluster


def _centers(pool: NDArray[np.float64], n: int, seed: int) -> NDArray[np.float64]:
    """Return the centers of clusters that hold about as many rows each."""
    kmeans = KMeans(n, n_init=1, max_iter=15, random_state=seed % 2**32)
    with limited_threads("openmp", 1):  # which add up sums in any order
        centers: NDArray[np.float64] = kmeans.fit(pool[: _POOL * n]).cluster_centers_
    return centers


def _without_noise(values: NDArray[np.float64], variance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what is expected of values that have noise of known variance, column by column."""
    weight = 1 / np.maximum(variance, 1e-300)
    own = np.maximum(((values**2 - variance) * weight).sum(axis=0) / weight.sum(axis=0), 0)  # (2)
    return values * (own / np.maximum(own + variance, 1e-300))  # (3)
