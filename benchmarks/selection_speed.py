"""Time k-means against scikit-learn's, and herding against the matrix products that it cannot do without."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from data import images, some
from scores import apart
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from skdc import KernelHerding, KMeansCondenser

TILE = 512  # rows of a product: bounded memory, and no other size is quicker
Run = Callable[[np.ndarray, np.ndarray, int, int, int], object]  # of X, y, n_per_class, seed, n_jobs


@contextmanager
def threads(n_jobs: int) -> Iterator[None]:
    """Give torch, BLAS and OpenMP as many threads as a condenser has inside fit."""
    before = torch.get_num_threads()
    with threadpool_limits(n_jobs):
        torch.set_num_threads(n_jobs)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def our_kmeans(X: np.ndarray, y: np.ndarray, n_per_class: int, seed: int, n_jobs: int) -> None:
    KMeansCondenser(n_per_class=n_per_class, random_state=seed, n_jobs=n_jobs).fit(X, y)


def sklearn_kmeans(X: np.ndarray, y: np.ndarray, n_per_class: int, seed: int, n_jobs: int) -> None:
    with threads(n_jobs):
        for label in np.unique(y):
            KMeans(n_per_class, n_init=1, random_state=seed).fit(X[y == label])


def herding(X: np.ndarray, y: np.ndarray, n_per_class: int, seed: int, n_jobs: int) -> None:
    KernelHerding(n_per_class=n_per_class, random_state=seed, n_jobs=n_jobs).fit(X, y)


def all_products(X: np.ndarray, y: np.ndarray, n_per_class: int, seed: int, n_jobs: int) -> None:
    """Multiply each class with itself, tile by tile, and do nothing else."""
    with threads(n_jobs):
        for label in np.unique(y):
            tiles = torch.as_tensor(X[y == label]).split(TILE)
            for left in tiles:
                for right in tiles:
                    left @ right.T


def half_products(X: np.ndarray, y: np.ndarray, n_per_class: int, seed: int, n_jobs: int) -> None:
    """Multiply only the tiles on and under the diagonal: the matrix is symmetric."""
    with threads(n_jobs):
        for label in np.unique(y):
            tiles = torch.as_tensor(X[y == label]).split(TILE)
            for i, left in enumerate(tiles):
                for right in tiles[: i + 1]:
                    left @ right.T


COMPARISONS: list[tuple[str, Run, str, Run]] = [
    ("KMeansCondenser", our_kmeans, "KMeans per class", sklearn_kmeans),
    ("KernelHerding", herding, "its products", all_products),
    ("KernelHerding", herding, "half of them (symmetry)", half_products),
]


def seconds(run: Run, X: np.ndarray, y: np.ndarray, n_per_class: int, seed: int, n_jobs: int) -> float:
    """Return the wall time of a call."""
    start = time.perf_counter()
    run(X, y, n_per_class, seed, n_jobs)
    return time.perf_counter() - start


def main() -> None:
    """Print all comparisons for each number of threads."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n-jobs", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--n-per-class", type=int, default=10)
    parser.add_argument("--n-train", type=int, help="use only so many training rows, for a quick look")
    args = parser.parse_args()
    X, y, _, _ = images("mnist")
    X, y = some(X.reshape(len(X), -1).astype(np.float32), y, args.n_train)
    our_kmeans(X[:500], y[:500], 1, 0, 1)  # libraries load
    print("| threads | what | seconds | MiB | against | seconds | MiB | ratio of seconds |")
    print("|---|---|---|---|---|---|---|---|")
    for n_jobs in args.n_jobs:
        for ours, run_ours, theirs, run_theirs in COMPARISONS:
            runs = run_ours, run_theirs
            times = [
                [seconds(run, X, y, args.n_per_class, seed, n_jobs) for run in runs] for seed in range(args.repeats)
            ]
            mine, other = np.median(times, axis=0)
            memory = [apart(run, X, y, args.n_per_class, 0, n_jobs)[1] for run in runs]
            ratio = np.median([a / b for a, b in times])
            print(
                f"| {n_jobs} | {ours} | {mine:.2f} | {memory[0]:.0f} | {theirs} | {other:.2f} | {memory[1]:.0f} | "
                f"{ratio:.2f} |",
                flush=True,
            )
    print(
        f"\nMNIST, {len(X)} rows of float32, {args.n_per_class} per class. Seconds: medians of {args.repeats} "
        "alternating runs in one process (ratio: the median of their ratios). Memory: the highest resident size of one "
        "run in a fresh process, above what it held with the data."
    )


if __name__ == "__main__":
    main()
