"""The families of selection methods: ours, the others that minimise the same, and what that is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import selection_criteria as criteria
import selection_peers as peers
import torch
from selection_peers import Call, Task

TILE = 512  # rows of a matrix product


@dataclass(frozen=True)
class Method:
    """A method: what prepares the call that is timed, whether it draws, and the bytes that it holds at least."""

    name: str
    prepare: Callable[[Task], Call]
    draws: bool = False
    least_bytes: Callable[[Task], float] = lambda task: 0


@dataclass(frozen=True)
class Family:
    """Methods that minimise the same."""

    name: str
    ours: Method
    peers: list[Method]
    criterion: Callable[[criteria.Data, np.ndarray], float] | None = None


def fitted(condenser: Any, task: Task, y: np.ndarray | None = None) -> Call:
    """Return the call that fits one of our condensers."""
    condenser.set_params(n_samples=task.size, random_state=task.seed, n_jobs=task.n_jobs)
    return lambda: condenser.fit(task.X, y).indices_


def our_herding(task: Task, n_passes: int) -> Call:
    from skdc import KernelHerding

    return fitted(KernelHerding(bandwidth=task.data.bandwidth, n_passes=n_passes), task)


def our_thinning(task: Task) -> Call:
    from skdc import KernelThinning

    return fitted(KernelThinning(bandwidth=task.data.bandwidth), task)


def our_compression(task: Task, max_rows: int) -> Call:
    from skdc import KernelThinning

    return fitted(KernelThinning(bandwidth=task.data.bandwidth, max_rows=max_rows), task)


def our_cholesky(task: Task) -> Call:
    from skdc import RandomlyPivotedCholesky

    return fitted(RandomlyPivotedCholesky(bandwidth=task.data.bandwidth), task)


def our_stein(task: Task, n_passes: int) -> Call:
    from skdc import SteinThinning

    data = task.data.centered()
    thinning = SteinThinning(
        density=criteria.Fixed(criteria.fitted_score(data)), bandwidth=data.bandwidth, n_passes=n_passes
    )
    return fitted(thinning, replace(task, data=data))


def our_facilities(task: Task) -> Call:
    from skdc import FacilityLocation

    return fitted(FacilityLocation(), task)


def our_medoids(task: Task) -> Call:
    from skdc import KMedoids

    return fitted(KMedoids(), task)


def our_centers(task: Task) -> Call:
    from skdc import KCenter

    return fitted(KCenter(), task)


def our_kmeans(task: Task) -> Call:
    from skdc import KMeansCondenser

    condenser = KMeansCondenser(n_samples=task.size, random_state=task.seed, n_jobs=task.n_jobs)
    return lambda: condenser.fit(task.X).X_syn_


def our_kernel_points(task: Task) -> Call:
    from skdc import GreedyKernelPoints
    from skdc.kernels import Gaussian

    condenser = GreedyKernelPoints(kernel=Gaussian(task.data.bandwidth), regularization=criteria.RIDGE)
    return fitted(condenser, task, task.data.signs())


def our_hardest(task: Task) -> Call:
    from skdc import UncertaintySubset

    return fitted(UncertaintySubset(), task, task.data.y)


def products(task: Task, at_once: int) -> Call:
    """Multiply the rows with themselves, on and under the diagonal, and with `size` of them: herding needs no less."""
    torch.set_num_threads(task.n_jobs)
    X = torch.as_tensor(task.X)

    def call() -> np.ndarray:
        tiles = X.split(TILE)
        for i, left in enumerate(tiles):
            for right in tiles[: i + 1]:
                left @ right.T
        for some in X[: task.size].split(at_once):
            X @ some.T
        return np.arange(task.size)

    return call


def squares_of(size_of_number: int) -> Callable[[Task], float]:
    """Return how many bytes a matrix of all pairs of rows has."""
    return lambda task: size_of_number * len(task.X) ** 2


COMPRESSIONS = [
    Method("goodpoints Compress++", peers.goodpoints_compression, draws=True),
    Method("coreax CompressPlusPlus", partial(peers.coreax_thinning, compress=True), draws=True),
]
FAMILIES = [
    Family(
        "herding",
        Method("KernelHerding(n_passes=0)", partial(our_herding, n_passes=0)),
        [Method("coreax KernelHerding", peers.coreax_herding)],
    ),
    Family(
        "herding-exchanges",
        Method("KernelHerding", partial(our_herding, n_passes=2)),
        [Method("coreax KernelHerding, refined once", partial(peers.coreax_herding, n_passes=1))],
    ),
    Family(
        "thinning",
        Method("KernelThinning", our_thinning, draws=True),
        [
            Method(
                "goodpoints kernel thinning",
                peers.goodpoints_thinning,
                draws=True,
                least_bytes=lambda task: 8 * (task.size * 2 ** task.halvings()) ** 2,
            ),
            Method("coreax KernelThinning", peers.coreax_thinning, draws=True, least_bytes=squares_of(8)),
        ],
    ),
    Family(
        "compress",
        Method("KernelThinning(max_rows=16384)", partial(our_compression, max_rows=16_384), draws=True),
        COMPRESSIONS,
    ),
    Family(
        "compress-more",
        Method("KernelThinning(max_rows=4096)", partial(our_compression, max_rows=4096), draws=True),
        COMPRESSIONS,
    ),
    Family(
        "rpcholesky",
        Method("RandomlyPivotedCholesky", our_cholesky, draws=True),
        [Method("coreax RPCholesky", peers.coreax_cholesky, draws=True)],
        criteria.trace_error,
    ),
    Family(
        "stein",
        Method("SteinThinning(n_passes=0)", partial(our_stein, n_passes=0)),
        [Method("coreax SteinThinning", peers.coreax_stein)],
        criteria.stein_discrepancy,
    ),
    Family(
        "stein-exchanges",
        Method("SteinThinning", partial(our_stein, n_passes=2)),
        [Method("coreax SteinThinning, refined once", partial(peers.coreax_stein, n_passes=1))],
        criteria.stein_discrepancy,
    ),
    Family(
        "facility-location",
        Method("FacilityLocation", our_facilities),
        [Method("apricot FacilityLocationSelection", peers.apricot_facilities, least_bytes=squares_of(12))],
        criteria.mean_distance,
    ),
    Family(
        "k-medoids",
        Method("KMedoids", our_medoids),
        [
            Method("kmedoids fasterpam", peers.fasterpam, draws=True, least_bytes=squares_of(4)),
            Method("kmedoids alternating", peers.alternating, draws=True, least_bytes=squares_of(4)),
        ],
        criteria.mean_distance,
    ),
    Family(
        "k-means",
        Method("KMeansCondenser", our_kmeans, draws=True),
        [Method("imbalanced-learn ClusterCentroids", peers.cluster_centroids, draws=True)],
        criteria.mean_square,
    ),
    Family("k-center", Method("KCenter", our_centers), [], criteria.radius),
    Family(
        "kernel-points",
        Method("GreedyKernelPoints", our_kernel_points, draws=True),
        [Method("coreax GreedyKernelPoints", peers.coreax_kernel_points, draws=True, least_bytes=squares_of(8))],
        criteria.ridge_error,
    ),
    Family("uncertainty", Method("UncertaintySubset", our_hardest, draws=True), [], criteria.confidence),
]
FLOORS = [
    Method("the products it needs, one column at a time", partial(products, at_once=1)),
    Method("the same, as if all columns were known beforehand", partial(products, at_once=64)),
]
