"""Measure how the time and the memory of selections grow, with the rows and with how many of them are chosen."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from scores import apart_within
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from skdc import (
    Condenser,
    FacilityLocation,
    GreedyKernelPoints,
    KCenter,
    KernelHerding,
    KernelThinning,
    KMeansCondenser,
    KMedoids,
    RandomlyPivotedCholesky,
    RandomSubset,
    SteinThinning,
    WassersteinCoreset,
)
from skdc.fitting.base import BaseCondenser

N_FEATURES, N_CLUSTERS, RANK = 50, 20, 8
MEASURED_ROWS, N_WAVES = 5000, 1000  # rows whose nearest chosen one is looked for, and features of the kernel

METHODS: dict[str, BaseCondenser] = {
    "RandomSubset": RandomSubset(),
    "KMeansCondenser": KMeansCondenser(),
    "KMeansCondenser (nearest rows)": KMeansCondenser(voting="nearest"),
    "KMedoids": KMedoids(),
    "FacilityLocation": FacilityLocation(),
    "KernelHerding": KernelHerding(),
    "KernelThinning": KernelThinning(),
    "KCenter": KCenter(),
    "GreedyKernelPoints": GreedyKernelPoints(),
    "RandomlyPivotedCholesky": RandomlyPivotedCholesky(),
    "SteinThinning": SteinThinning(),
    "WassersteinCoreset": WassersteinCoreset(),
    "Condenser": Condenser(),
}


_SHAPE = np.random.default_rng(0)
MASS, SPREAD = _SHAPE.dirichlet(np.full(N_CLUSTERS, 2.0)), _SHAPE.uniform(0.4, 1.6, N_CLUSTERS)
CENTERS = 1.5 * _SHAPE.normal(size=(N_CLUSTERS, N_FEATURES))
BASES = _SHAPE.normal(size=(N_CLUSTERS, RANK, N_FEATURES)) / RANK**0.5


def mixture(n_rows: int, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of clusters of uneven masses and spreads, most of whose variance is in few directions; and classes.

    Several clusters make a class, and a tenth of the rows is of a class drawn at random.
    """
    draws = np.random.default_rng(1)
    cluster = draws.choice(N_CLUSTERS, n_rows, p=MASS)
    X = 0.3 * draws.standard_normal((n_rows, N_FEATURES), dtype=np.float32)
    for c in range(N_CLUSTERS):
        rows = np.flatnonzero(cluster == c)
        X[rows] += draws.standard_normal((len(rows), RANK), dtype=np.float32) @ BASES[c].astype(np.float32)
        X[rows] = CENTERS[c] + SPREAD[c] * X[rows]
    noisy = draws.random(n_rows) < 0.1
    return X, np.where(noisy, draws.integers(n_classes, size=n_rows), cluster % n_classes)


def prepared(condenser: BaseCondenser, n_rows: int, size: int, n_classes: int) -> Callable[[], Any]:
    """Return the fit of a condenser, with the data in memory."""
    X, y = mixture(n_rows, n_classes)
    fitting = clone(condenser).set_params(n_samples=size, random_state=0, n_jobs=1)
    return partial(chosen, fitting, X, y)


def chosen(condenser: BaseCondenser, X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of a set, and their weights."""
    fitted = condenser.fit(X, y)
    return fitted.X_syn_, fitted.sample_weight_


class Measures:
    """How near a set is to the rows: mean distance to the nearest row of it, and the MMD by random features."""

    def __init__(self, X: np.ndarray) -> None:
        rng = np.random.default_rng(2)
        self.rows = X[rng.choice(len(X), min(MEASURED_ROWS, len(X)), replace=False)]
        pairs = rng.integers(len(self.rows), size=(2, 2000))
        bandwidth = np.median(np.linalg.norm(self.rows[pairs[0]] - self.rows[pairs[1]], axis=1))
        self.waves = (rng.standard_normal((X.shape[1], N_WAVES)) / bandwidth).astype(np.float32)
        self.mean = self.mean_feature(X, np.ones(len(X)))

    def mean_feature(self, X: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Return the mean feature of rows."""
        total, mass = np.zeros(2 * N_WAVES), (weight / weight.sum()).astype(np.float32)
        for rows in (slice(start, start + 10_000) for start in range(0, len(X), 10_000)):
            phases = X[rows] @ self.waves
            total += np.concatenate([mass[rows] @ np.cos(phases), mass[rows] @ np.sin(phases)])
        return total / N_WAVES**0.5

    def of(self, X_syn: np.ndarray, weight: np.ndarray) -> dict[str, float]:
        """Return both; the weights of the set count for the MMD alone."""
        X_syn = X_syn.astype(np.float32)
        norms, nearest = (X_syn**2).sum(1), []
        for rows in np.array_split(self.rows, max(1, len(self.rows) * len(X_syn) // 10**8)):
            squares = (norms - 2 * rows @ X_syn.T).min(1) + (rows**2).sum(1)
            nearest.append(np.sqrt(np.maximum(squares, 0)))
        mmd = np.linalg.norm(self.mean_feature(X_syn, weight) - self.mean)
        return {"distance": float(np.concatenate(nearest).mean()), "mmd": float(mmd)}


def measure(name: str, n_rows: int, size: int, args: argparse.Namespace) -> dict[str, Any]:
    """Return what a fit takes and what its set is worth; or why there is none."""
    entry: dict[str, Any] = {"method": name, "rows": n_rows, "size": size, "classes": args.classes}
    task = METHODS[name], n_rows, size, args.classes
    found = apart_within(args.minutes, args.memory, 1, prepared, *task)
    if isinstance(found, str):
        return entry | {"failed": found}
    seconds, mebibytes, condensed = found
    entry |= {"seconds": round(seconds, 2), "mebibytes": round(mebibytes)}
    return entry if args.costs else entry | measures(n_rows, args.classes).of(*condensed)


@lru_cache(maxsize=1)
def measures(n_rows: int, n_classes: int) -> Measures:
    """Return the measures of generated rows."""
    return Measures(mixture(n_rows, n_classes)[0])


def exponent(sizes: list[int], values: list[float]) -> str:
    """Return the slope of logarithms over the upper half of sizes, by least squares: two sizes at least."""
    if len(sizes) < 2:
        return ""
    half = slice(-max(2, -(-len(sizes) // 2)), None)
    logs = np.log(np.maximum([sizes[half], values[half]], 1e-2))
    return f"{np.polyfit(*logs, 1)[0]:.2f}"


def read(path: Path) -> dict[tuple[str, int, int, int], dict[str, Any]]:
    """Return what was measured, the last of each kind."""
    lines = path.read_text().splitlines() if path.exists() else []
    entries = map(json.loads, lines)
    return {(e["method"], e["rows"], e["size"], e["classes"]): e for e in entries}


def table(entries: list[dict[str, Any]], along: str, columns: list[int]) -> Iterator[str]:
    """Yield the lines of a table of seconds and MiB, with the exponents along rows or sizes."""
    yield "| method | " + " | ".join(f"{n:,}: s, MiB" for n in columns) + " | exponent of time | of memory |"
    yield "|---" * (len(columns) + 3) + "|"
    for name in METHODS:
        found = {e[along]: e for e in entries if e["method"] == name}
        cells = [cell(found.get(n)) for n in columns]
        done = [n for n in columns if "seconds" in found.get(n, {})]
        exponents = [exponent(done, [found[n][what] for n in done]) for what in ("seconds", "mebibytes")]
        if any(cells):
            yield f"| {name} | " + " | ".join([*cells, *exponents]) + " |"


def cell(entry: dict[str, Any] | None) -> str:
    """Return the seconds and MiB of a fit, or why there are none."""
    if entry is None:
        return ""
    return entry["failed"] if "failed" in entry else f"{entry['seconds']:.1f}, {entry['mebibytes']}"


def quality(entries: list[dict[str, Any]], columns: list[int]) -> Iterator[str]:
    """Yield the lines of a table of what sets are worth, over what as many random rows are."""
    yield "| method | " + " | ".join(f"{n:,}: distance, MMD" for n in columns) + " |"
    yield "|---" * (len(columns) + 1) + "|"
    random = {e["size"]: e for e in entries if e["method"] == "RandomSubset" and "mmd" in e}
    for name in METHODS:
        found = {e["size"]: e for e in entries if e["method"] == name and "mmd" in e}
        both = {n: [found[n][what] / random[n][what] for what in ("distance", "mmd")] for n in found if n in random}
        if both and name != "RandomSubset":
            cells = [f"{both[n][0]:.3f}, {both[n][1]:.2f}" if n in both else "" for n in columns]
            yield f"| {name} | " + " | ".join(cells) + " |"


def show(args: argparse.Namespace) -> None:
    """Print the tables of what was measured."""
    entries = [e for e in read(args.results).values() if e["classes"] == args.classes]
    of_size = [e for e in entries if e["size"] == args.size]
    of_rows = [e for e in entries if e["rows"] == args.rows]
    tables = [
        (f"{args.size:,} rows out of more and more", table(of_size, "rows", sorted({e["rows"] for e in of_size}))),
        (f"More and more rows out of {args.rows:,}", table(of_rows, "size", sorted({e["size"] for e in of_rows}))),
        ("Over random rows", quality(of_rows, sorted({e["size"] for e in of_rows}))),
    ]
    for title, lines in tables:
        print(f"\n## {title}\n\n" + "\n".join(lines))


def main() -> None:
    """Measure what is asked for, or print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--methods", nargs="*", choices=list(METHODS), default=list(METHODS), metavar="METHOD")
    parser.add_argument("--n-rows", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--sizes", type=int, nargs="*", default=[100, 1000, 10_000, 100_000])
    parser.add_argument("--classes", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=10, help="of a fit, at most")
    parser.add_argument("--memory", type=float, default=8, help="of a fit in GiB, at most")
    parser.add_argument("--costs", action="store_true", help="time and memory alone")
    parser.add_argument("--results", type=Path, default=Path("growth.jsonl"), help="what is there is not done again")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the table along sizes")
    parser.add_argument("--size", type=int, default=1000, help="of the table along rows")
    args = parser.parse_args()
    done = read(args.results)
    with threadpool_limits(1):
        for n_rows in args.n_rows:
            for size in (n for n in args.sizes if n <= n_rows // 2):
                for name in (name for name in args.methods if (name, n_rows, size, args.classes) not in done):
                    entry = measure(name, n_rows, size, args)
                    with args.results.open("a") as file:
                        print(json.dumps(entry), file=file)
                    print(entry, flush=True)
    show(args)


if __name__ == "__main__":
    main()
