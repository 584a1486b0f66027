"""Time k-means against scikit-learn's, and herding against the matrix products that it cannot do without."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from data import images
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from skdc import KernelHerding, KMeansCondenser

TILE = 1024  # rows of a product: bounded memory


def seconds(run: Callable[[], object]) -> float:
    """Return the wall time of a call."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def sklearn_kmeans(X: np.ndarray, y: np.ndarray, n_per_class: int, seed: int) -> None:
    """Cluster each class with scikit-learn alone."""
    for label in np.unique(y):
        KMeans(n_per_class, n_init=1, random_state=seed).fit(X[y == label])


def products(X: np.ndarray, y: np.ndarray) -> None:
    """Multiply each class with itself, tile by tile, and do nothing else."""
    for label in np.unique(y):
        rows = torch.as_tensor(X[y == label])
        for tile in rows.split(TILE):
            tile @ rows.T


def compare(name: str, ours: Callable[[int], object], theirs: Callable[[int], object], repeats: int) -> None:
    """Print the medians of alternating runs and their ratio."""
    times = np.array([[seconds(lambda s=s: ours(s)), seconds(lambda s=s: theirs(s))] for s in range(repeats)])
    mine, other = np.median(times, axis=0)
    print(f"| {name} | {mine:.2f} | {other:.2f} | {np.median(times[:, 0] / times[:, 1]):.2f} |", flush=True)


def main() -> None:
    """Print both comparisons for one and two threads."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n-jobs", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--n-per-class", type=int, default=10)
    args = parser.parse_args()
    X, y, _, _ = images("mnist")
    X, n = X.reshape(len(X), -1).astype(np.float32), args.n_per_class
    KMeansCondenser(n_per_class=n).fit(X[:200], y[:200])  # libraries load
    print("| what | seconds | scikit-learn / floor | ratio |\n|---|---|---|---|")
    for n_jobs in args.n_jobs:
        torch.set_num_threads(n_jobs)
        with threadpool_limits(n_jobs):
            size = {"n_per_class": n, "n_jobs": n_jobs}
            compare(
                f"KMeansCondenser against KMeans per class, {n_jobs} thread(s)",
                lambda seed, size=size: KMeansCondenser(random_state=seed, **size).fit(X, y),
                lambda seed: sklearn_kmeans(X, y, n, seed),
                args.repeats,
            )
            compare(
                f"KernelHerding against its matrix products, {n_jobs} thread(s)",
                lambda seed, size=size: KernelHerding(random_state=seed, **size).fit(X, y),
                lambda seed: products(X, y),
                args.repeats,
            )


if __name__ == "__main__":
    main()
