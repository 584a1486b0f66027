"""Small machines: what a learner on a set takes (bytes, microseconds a prediction), and what making the set takes.

MNIST, all 60,000 training rows, official test rows, one thread. `--memory` measures the highest memory of each
recommended recipe above that of the process with the libraries, with the data in memory or read in pieces from a file.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from data import images
from scores import apart
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from skdc import (
    Condenser,
    DistributionMatching,
    GeneralCondenser,
    GreedyKernelPoints,
    KernelHerding,
    KernelInducingPoints,
    KernelThinning,
    KMeansCondenser,
    KMedoids,
    RandomSubset,
)
from skdc.condensed import CondensedSet
from skdc.discrepancies import RandomFeatureMMD
from skdc.kernels import Gaussian
from skdc.learners import KernelRidgeClassifier
from skdc.networks import MLP

LEARNERS = {
    "1-NN": partial(KNeighborsClassifier, 1),
    "kernel ridge": partial(KernelRidgeClassifier, Gaussian(factor=0.3), 0.01),
    "logistic": partial(LogisticRegression, max_iter=200),
}
TOO_MANY = 10_000  # rows whose kernel matrix is not held


def microseconds(learner: Any, X: np.ndarray, n_rows: int) -> float:
    """Return the median time of a prediction, of so many rows at once."""
    rows, times = X[:n_rows], []
    for _ in range(20 if n_rows < 100 else 3):
        start = time.perf_counter()
        learner.predict(rows)
        times.append((time.perf_counter() - start) / n_rows)
    return 1e6 * float(np.median(times))


def learner_bytes(name: str, X: np.ndarray) -> int:
    """Return what a learner keeps: the set in bytes, coefficients of each row, or those of each pixel, in float32."""
    numbers = {"1-NN": 0, "kernel ridge": 10 * len(X), "logistic": 10 * (X.shape[1] + 1)}[name]
    return 4 * numbers + (0 if name == "logistic" else X.size)


def predictions(n_sizes: list[int]) -> None:
    """Print what learners on sets take."""
    X, y, X_test, y_test = images("mnist")
    X, X_test = X.reshape(len(X), -1), X_test.reshape(len(X_test), -1)
    sets: dict[str, CondensedSet] = {}
    for n in n_sizes:
        steps = 1000 if n <= 10 else 500
        condensers = {
            "random": RandomSubset(n),
            "k-means": KMeansCondenser(n),
            "inducing points": KernelInducingPoints(n, labels="hard", n_steps=steps),
        }
        for name, condenser in condensers.items():
            sets[f"{name}, {n} a class"] = condenser.set_params(random_state=0).fit(X, y).condensed_
    sets["all rows"] = CondensedSet(X, y)
    print("\n### predictions\n")
    print("| set | learner | bytes | accuracy | microseconds, one by one | microseconds, 1000 at once |")
    print("|---|---|---|---|---|---|")
    for name, condensed in sets.items():
        for kind, learner in LEARNERS.items():
            if kind == "kernel ridge" and len(condensed.X) > TOO_MANY:
                continue
            rows, tests = (part.astype(np.float32) / 255 for part in (condensed.X, X_test))
            fitted = learner().fit(rows, condensed.y)
            n_judged = 1000 if len(rows) > TOO_MANY else len(tests)
            score = 100 * np.mean(fitted.predict(tests[:n_judged]) == y_test[:n_judged])
            times = [f"{microseconds(fitted, tests, n):.0f}" for n in (1, 1000)]
            cells = [name, kind, f"{learner_bytes(kind, condensed.X)}", f"{score:.1f}", *times]
            print(f"| {' | '.join(cells)} |", flush=True)


def from_file(condenser: Any, path: Path, y: np.ndarray, size: int) -> Any:
    """Return a condenser that has seen pieces of a file, each read when it is its turn."""
    rows = np.load(path, mmap_mode="r")
    for start in range(0, len(rows), size):
        piece = np.array(rows[start : start + size])
        condenser.partial_fit(piece, y[start : start + size], classes=np.arange(10))
    return condenser.X_syn_ is not None and condenser


def thinned(condenser: Any, path: Path, y: np.ndarray, size: int) -> Any:
    """Return a condenser that is fitted to rows at even distances of a file."""
    rows = np.load(path, mmap_mode="r")
    every = len(rows) // size
    return condenser.fit(np.array(rows[::every]), y[::every])


def recipes() -> dict[str, tuple[Callable[..., Any], Any, tuple[int, ...]]]:
    """Return what is measured: a function of the condenser, the path or the rows, the labels, and sizes."""
    size = {"n_per_class": 10, "random_state": 0}
    stream = Condenser(RandomFeatureMMD(bandwidth=2500.0, n_features=1000), **size)
    whole = {
        "RandomSubset": RandomSubset(**size),
        "KMeansCondenser": KMeansCondenser(**size),
        "KMedoids": KMedoids(**size),
        "KernelHerding": KernelHerding(**size),
        "KernelThinning": KernelThinning(**size),
        "GreedyKernelPoints": GreedyKernelPoints(**size),
        "KernelInducingPoints": KernelInducingPoints(n_steps=500, **size),
        "GeneralCondenser": GeneralCondenser(**size),
        "DistributionMatching (MLP)": DistributionMatching(network=MLP(), **size),
    }
    found: dict[str, tuple[Callable[..., Any], Any, tuple[int, ...]]] = {
        name: (_fit, condenser, ()) for name, condenser in whole.items()
    }
    found["RandomFeatureMMD, partial_fit"] = from_file, stream, (1000,)
    found["KMeansCondenser, 6,000 rows"] = thinned, KMeansCondenser(**size), (6000,)
    found["GreedyKernelPoints, 6,000 rows"] = thinned, GreedyKernelPoints(**size), (6000,)
    found["GeneralCondenser, 6,000 rows"] = thinned, GeneralCondenser(**size), (6000,)
    return found


def _fit(condenser: Any, path: Path, y: np.ndarray) -> Any:
    return condenser.fit(np.load(path), y)


def memory(names: list[str] | None) -> None:
    """Print what recipes take: the data are read from a file within the measure."""
    X, y, X_test, y_test = images("mnist")
    X, X_test = X.reshape(len(X), -1), X_test.reshape(len(X_test), -1)
    print("\n### memory\n")
    print("| recipe | peak MiB above the process | seconds | logistic | 1-NN |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mnist.npy"
        np.save(path, X)
        for name, (fit, condenser, sizes) in recipes().items():
            if names and not any(part in name for part in names):
                continue
            seconds, mebibytes, fitted = apart(fit, condenser, path, y, *sizes)
            rows, tests = (part.astype(np.float32) / 255 for part in (fitted.condensed_.X, X_test))
            scores = [
                f"{100 * LEARNERS[kind]().fit(rows, fitted.condensed_.y).score(tests, y_test):.1f}"
                for kind in ("logistic", "1-NN")
            ]
            print(f"| {name} | {mebibytes:.0f} | {seconds:.1f} | {' | '.join(scores)} |", flush=True)


def main() -> None:
    """Print one table, or both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--what", choices=["predictions", "memory"], nargs="*", default=["predictions", "memory"])
    parser.add_argument("--sizes", type=int, nargs="*", default=[10, 50])
    parser.add_argument("--recipes", nargs="*", help="parts of names; all by default")
    args = parser.parse_args()
    if "predictions" in args.what:
        predictions(args.sizes)
    if "memory" in args.what:
        memory(args.recipes)


if __name__ == "__main__":
    main()
