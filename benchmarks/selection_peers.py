"""Selection methods of other libraries; each function returns the call that is to be timed."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from selection_criteria import RIDGE, Data, fitted_score

os.environ.setdefault("JAX_PLATFORMS", "cpu")  # else it looks, and tells, of others

BLOCK = 1000  # rows of coreax's kernel matrices that are held at once; by default it holds all
OVERSAMPLING = 4  # g of Compress++; less where that would compress nothing


@dataclass(frozen=True)
class Task:
    """What is to be chosen: `size` rows of the data, by `n_jobs` threads."""

    data: Data
    size: int
    seed: int
    n_jobs: int

    @property
    def X(self) -> np.ndarray:  # noqa: N802, D102
        return self.data.X

    def shuffled(self, n: int | None = None) -> np.ndarray:
        """Return which rows are the first n of a random order: some methods look at a sequence."""
        return np.random.default_rng(self.seed).permutation(len(self.X))[:n]

    def halvings(self) -> int:
        """Return how often the rows can be halved until `size` are left."""
        return int(math.log2(len(self.X) / self.size))


Call = Callable[[], np.ndarray]  # what is timed; returns the chosen rows, or points


def compiled(reduce: Callable[..., Any], *arrays: np.ndarray) -> Call:
    """Compile a function of coreax for these arrays, and return the call."""
    import jax
    import jax.numpy as jnp

    arrays = tuple(map(jnp.asarray, arrays))
    run = jax.jit(reduce).lower(*arrays).compile()
    return lambda: np.asarray(run(*arrays))


def reduced(solver: Any, X: np.ndarray, n_passes: int = 0) -> Call:
    """Return the call of a solver of coreax, and of as many refinements of what it finds."""
    from coreax import Data as CoreaxData

    def reduce(x: Any) -> Any:
        coreset, state = solver.reduce(CoreaxData(x))
        for _ in range(n_passes):
            coreset, state = solver.refine(coreset, state)
        return coreset.unweighted_indices

    return compiled(reduce, X)


def coreax_kernel(task: Task) -> Any:
    from coreax.kernels import SquaredExponentialKernel

    return SquaredExponentialKernel(length_scale=task.data.bandwidth)


def coreax_herding(task: Task, n_passes: int = 0) -> Call:
    from coreax.solvers import KernelHerding

    return reduced(KernelHerding(task.size, kernel=coreax_kernel(task), block_size=BLOCK), task.X, n_passes)


def coreax_cholesky(task: Task) -> Call:
    import jax
    from coreax.solvers import RPCholesky

    return reduced(RPCholesky(task.size, random_key=jax.random.key(task.seed), kernel=coreax_kernel(task)), task.X)


def coreax_thinning(task: Task, compress: bool = False) -> Call:
    """Prepare thinning of shuffled rows, split by the kernel itself: its square root overflows in many dimensions."""
    import jax
    from coreax.solvers import CompressPlusPlus, KernelThinning

    n, order, kernel = len(task.X), task.shuffled(), coreax_kernel(task)
    thinner = functools.partial(CompressPlusPlus, g=OVERSAMPLING) if compress else KernelThinning
    solver = thinner(
        task.size,
        kernel=kernel,
        sqrt_kernel=kernel,
        random_key=jax.random.key(task.seed),
        delta=1 / (n * math.log(math.log(n))),  # as its documentation recommends
    )
    call = reduced(solver, task.X[order])
    return lambda: order[call()]


def coreax_stein(task: Task, n_passes: int = 0) -> Call:
    import jax.numpy as jnp
    from coreax.kernels import PCIMQKernel, SteinKernel
    from coreax.solvers import SteinThinning

    data = task.data.centered()
    score = fitted_score(data)
    mean, precision = (jnp.asarray(part.numpy(), jnp.float32) for part in (score.mean_, score.precision_))
    base = PCIMQKernel(length_scale=data.bandwidth / math.sqrt(2), output_scale=1 / data.bandwidth)
    kernel = SteinKernel(base, lambda x: (mean - x) @ precision)
    return reduced(SteinThinning(task.size, kernel=kernel, regularise=False, block_size=BLOCK), data.X, n_passes)


def coreax_kernel_points(task: Task) -> Call:
    import jax
    from coreax import SupervisedData
    from coreax.solvers import GreedyKernelPoints

    solver = GreedyKernelPoints(
        task.size,
        random_key=jax.random.key(task.seed),
        feature_kernel=coreax_kernel(task),
        regularisation_parameter=RIDGE,
        candidate_batch_size=64,  # it holds candidates x size x losses numbers at once
        loss_batch_size=BLOCK,
    )
    signs = task.data.signs().astype(np.float32)[:, None]
    return compiled(lambda x, y: solver.reduce(SupervisedData(x, y))[0].unweighted_indices, task.X, signs)


def kernel_matrix(X: np.ndarray, bandwidth: float) -> np.ndarray:
    """Return the Gaussian kernel matrix in float64, which goodpoints wants, by one product and in place."""
    X = X.astype(np.float64)
    norms = np.square(X).sum(1)
    K = X @ X.T
    K *= -2
    K += norms
    K += norms[:, None]
    np.maximum(K, 0, out=K)
    K *= -1 / (2 * bandwidth**2)
    return np.exp(K, out=K)


def goodpoints_thinning(task: Task) -> Call:
    """Prepare kernel thinning of as many shuffled rows as halve to `size`; no row comes twice, as with ours."""
    from goodpoints import kt

    m = task.halvings()
    order = task.shuffled(task.size * 2**m)

    def call() -> np.ndarray:
        K = kernel_matrix(task.X[order], task.data.bandwidth)
        return order[kt.thin_K(K, K, m, seed=task.seed, unique=True)]

    return call


def bins(n: int, size: int) -> tuple[int, int]:
    """Return for how many bins, of 4^k rows, Compress++ uses most of n rows and ends at `size`; and k."""
    odd = size // (size & -size)
    numbers = [odd * 2**i for i in range(int(math.log2(size / odd)) + 1)]
    found = [(number * 4**k, -number, k) for number in numbers for k in range(1, int(math.log(n / number, 4)) + 1)]
    _, number, k = max(found)
    return -number, k


def goodpoints_compression(task: Task) -> Call:
    """Prepare the two steps of `compresspp_kt`, which ends at the root of N only, for any size."""
    from goodpoints import compress, kt

    n_bins, k = bins(len(task.X), task.size)
    order = task.shuffled(n_bins * 4**k)
    X, squares = task.X[order].astype(np.float64), np.array([2 * task.data.bandwidth**2])
    g = min(OVERSAMPLING, k - 1)

    def call() -> np.ndarray:
        some = compress.compress_kt(X, b"gaussian", g=g, num_bins=n_bins, k_params=squares, seed=task.seed)
        K = kernel_matrix(X[some], task.data.bandwidth)
        return order[some[kt.thin_K(K, K, int(math.log2(len(some) // task.size)), seed=task.seed, unique=True)]]

    return call


def apricot_facilities(task: Task) -> Call:
    """Prepare lazy greedy search by plain distances: its "euclidean" is squared."""
    from apricot import FacilityLocationSelection
    from apricot.functions import facilityLocation

    # It compiles anew in each fit; here once, outside of what is timed.
    for name in ("calculate_gains", "calculate_gains_sieve"):
        setattr(facilityLocation, name, functools.cache(getattr(facilityLocation, name)))

    def select(X: np.ndarray, size: int) -> np.ndarray:
        return FacilityLocationSelection(size, metric="l2", optimizer="lazy").fit(X).ranking

    select(task.X[:64], 2)
    return lambda: select(task.X, task.size)


def fasterpam(task: Task) -> Call:
    from kmedoids import fasterpam
    from sklearn.metrics import pairwise_distances

    return lambda: fasterpam(
        pairwise_distances(task.X), task.size, random_state=task.seed, n_cpu=task.n_jobs
    ).medoids.astype(np.intp)


def alternating(task: Task) -> Call:
    from kmedoids import alternating
    from sklearn.metrics import pairwise_distances

    return lambda: alternating(pairwise_distances(task.X), task.size, random_state=task.seed).medoids.astype(np.intp)


def cluster_centroids(task: Task) -> Call:
    """Prepare ClusterCentroids, which wants two classes: all rows are one, and one more row is the other."""
    from imblearn.under_sampling import ClusterCentroids

    X = np.vstack([task.X, task.X[:1]])
    y = np.append(np.zeros(len(task.X), dtype=int), 1)
    sampler = ClusterCentroids(sampling_strategy={0: task.size}, random_state=task.seed)
    return lambda: sampler.fit_resample(X, y)[0][: task.size]
