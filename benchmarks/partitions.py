"""Measure fits to rows in pieces that are made when they are read, with workers and without.

Each fit is a process of its own; a line is added to a file as soon as it is there. The rows are in the clusters of
`growth.mixture` and five classes, 500,000 in a piece (100 MB of float32); they are never stored.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
from growth import BASES, CENTERS, MASS, N_CLUSTERS, N_FEATURES, RANK, SPREAD
from sklearn.cluster import MiniBatchKMeans
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from skdc import Condenser, KernelThinning, KMeansCondenser, KMedoids, Partitions, RandomSubset, TabularCondenser
from skdc.discrepancies import MMD, QuantizationError, RandomFeatureMMD
from skdc.solvers import Descent

PIECE, N_CLASSES = 500_000, 5
METHODS: dict[str, Any] = {
    "RandomSubset": RandomSubset(10),
    "sketch": Condenser(RandomFeatureMMD(bandwidth=8.0, n_features=500), solver=Descent(n_steps=200), n_per_class=10),
    "KMeansCondenser": KMeansCondenser(10),
    "KernelThinning": KernelThinning(100),
    "KMedoids": KMedoids(10),
    "TabularCondenser": TabularCondenser(10),
}
MOST_IN_MEMORY = 1_000_000


@dataclass(frozen=True)
class Made:
    """Makes the rows of a piece, the same at each call."""

    piece: int
    n_rows: int

    def __call__(self) -> tuple[np.ndarray, np.ndarray]:
        """Return rows and classes."""
        draws = np.random.default_rng([7, self.piece])
        cluster = np.sort(draws.choice(N_CLUSTERS, self.n_rows, p=MASS))
        X = draws.standard_normal((self.n_rows, N_FEATURES), dtype=np.float32)
        X *= np.float32(0.3)
        ends = np.searchsorted(cluster, np.arange(N_CLUSTERS + 1))
        for c in range(N_CLUSTERS):
            rows = X[ends[c] : ends[c + 1]]
            rows += draws.standard_normal((len(rows), RANK), dtype=np.float32) @ BASES[c].astype(np.float32)
            rows *= np.float32(SPREAD[c])
            rows += CENTERS[c].astype(np.float32)
        noisy = draws.random(self.n_rows) < 0.1
        return X, np.where(noisy, draws.integers(N_CLASSES, size=self.n_rows), cluster % N_CLASSES)


def pieces(n_rows: int) -> list[Made]:
    """Return what makes the rows."""
    starts = range(0, n_rows, PIECE)
    return [Made(i, min(PIECE, n_rows - start)) for i, start in enumerate(starts)]


class Counted(Partitions):
    """Partitions that count passes, and the bytes that the client sends for them and gets back."""

    n_passes = n_bytes = 0

    def map_reduce(self, function: Callable, merge: Callable, n_jobs: int | None = None) -> Any:
        """Return what a function gives for each piece, merged."""
        found = super().map_reduce(function, merge, n_jobs)
        self.n_passes += 1
        self.n_bytes += len(cloudpickle.dumps((function, merge))) + len(cloudpickle.dumps(found))
        return found


def measured(method: str, n_rows: int, n_workers: int) -> dict[str, Any]:
    """Return what a fit takes: seconds, of the processor too, mebibytes, bytes that are moved, and the set."""
    partitions = Counted(pieces(n_rows))
    with cluster(n_workers) as client:
        began, cpu = perf_counter(), process_time() + workers_cpu(client)
        fitted = METHODS[method].set_params(random_state=0).fit(partitions)
        seconds, cpu = perf_counter() - began, process_time() + workers_cpu(client) - cpu
        of_workers = [] if client is None else list(client.run(peak).values())
    told = {"method": method, "rows": n_rows, "workers": n_workers, "seconds": seconds, "cpu": cpu}
    told |= {"passes": partitions.n_passes, "bytes": partitions.n_bytes, "client": peak()}
    return told | {"worker": max(of_workers, default=0), **shown(fitted.X_syn_, fitted.y_syn_)}


def shown(X: Any, y: Any) -> dict[str, Any]:
    """Return a set as a line of the file holds it."""
    return {"X": np.asarray(X).tolist(), "y": np.asarray(y).tolist()}


def cluster(n_workers: int) -> Any:
    """Return a context of a client with so many workers of one thread each; of none, without a client."""
    if not n_workers:
        return nullcontext()
    import dask
    from distributed import Client, LocalCluster

    name = "distributed.nanny.pre-spawn-environ"
    kept = {variable: value for variable, value in dask.config.get(name).items() if not variable.startswith("MALLOC")}
    with dask.config.set({name: kept}):  # see the page on rows in pieces
        workers = LocalCluster(n_workers=n_workers, threads_per_worker=1, dashboard_address=None, memory_limit=None)
    return Client(workers)


def peak() -> float:
    """Return the most mebibytes that the process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def workers_cpu(client: Any) -> float:
    """Return the seconds that the processor has spent for the workers."""
    return 0.0 if client is None else sum(client.run(process_time).values())


def in_memory(method: str, n_rows: int) -> dict[str, Any]:
    """Return the same for all rows in memory at once."""
    X, y = (np.concatenate(parts) for parts in zip(*(made() for made in pieces(n_rows)), strict=True))
    began, cpu = perf_counter(), process_time()
    fitted = METHODS[method].set_params(random_state=0).fit(X, y)
    told = {"method": method, "rows": n_rows, "workers": -1, "seconds": perf_counter() - began}
    return told | {"cpu": process_time() - cpu, "client": peak(), **shown(fitted.X_syn_, fitted.y_syn_)}


def mini_batches(n_rows: int) -> dict[str, Any]:
    """Return the same for scikit-learn's `MiniBatchKMeans`, fed once, class by class."""
    began, cpu = perf_counter(), process_time()
    models = [MiniBatchKMeans(10, random_state=0, batch_size=10_000) for _ in range(N_CLASSES)]
    for made in pieces(n_rows):
        X, y = made()
        for c, model in enumerate(models):
            model.partial_fit(X[y == c])
    told = {"method": "MiniBatchKMeans", "rows": n_rows, "workers": 0, "seconds": perf_counter() - began}
    X, y = np.concatenate([model.cluster_centers_ for model in models]), np.repeat(np.arange(N_CLASSES), 10)
    return told | {"cpu": process_time() - cpu, "client": peak(), **shown(X, y)}


def dask_ml(n_rows: int) -> dict[str, Any]:
    """Return the same for the `KMeans` of dask-ml, class by class, on the scheduler of threads, one of them."""
    import dask
    import dask.array as da
    from dask_ml.cluster import KMeans

    began, cpu = perf_counter(), process_time()
    found = []
    with dask.config.set(scheduler="synchronous"):
        for c in range(N_CLASSES):
            rows = [dask.delayed(partial(_of_class, made, c))() for made in pieces(n_rows)]
            counts = dask.compute(*[dask.delayed(len)(part) for part in rows])
            parts = zip(rows, counts, strict=True)
            lazy = da.concatenate([da.from_delayed(part, (n, N_FEATURES), np.float32) for part, n in parts])
            found.append(KMeans(10, random_state=0).fit(lazy).cluster_centers_)
    told = {"method": "dask-ml KMeans", "rows": n_rows, "workers": 0, "seconds": perf_counter() - began}
    X, y = np.concatenate(found), np.repeat(np.arange(N_CLASSES), 10)
    return told | {"cpu": process_time() - cpu, "client": peak(), **shown(X, y)}


def _of_class(made: Made, c: int) -> np.ndarray:
    X, y = made()
    return X[y == c]


MODELS = LogisticRegression(max_iter=1000), KNeighborsClassifier(5), RandomForestClassifier(random_state=0)
PEERS = {"MiniBatchKMeans": mini_batches, "dask-ml KMeans": dask_ml}


def costs(lines: list[dict[str, Any]]) -> pd.DataFrame:
    """Return what sets are worth to 200,000 other rows.

    That is the mean squared distance from the nearest point of their class, the MMD, and the mean accuracy of models.
    """
    X, y = Made(10**6, 200_000)()
    found = []
    for line in lines:
        points, labels = np.array(line["X"], np.float32), np.array(line["y"])
        pairs = [(X[y == c], points[labels == c]) for c in range(N_CLASSES)]
        of_classes = [(QuantizationError()(rows, own), MMD(bandwidth=8.0)(rows[::5], own)) for rows, own in pairs]
        inertia, mmd = np.mean(of_classes, axis=0)
        accuracy = np.mean([model.fit(points, labels).score(X[::10], y[::10]) for model in MODELS])
        told = {"inertia": inertia, "MMD": mmd, "accuracy": accuracy}
        found.append({k: v for k, v in line.items() if k not in "Xy"} | told)
    return pd.DataFrame(found)


def main() -> None:
    """Measure what is asked for, each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--rows", type=lambda text: int(float(text)), nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2], help="0: one thread; -1: all rows in memory")
    parser.add_argument("--methods", nargs="+", default=[*METHODS, *PEERS])
    parser.add_argument("--one", action="store_true", help="measure in this process")
    parser.add_argument("--show", action="store_true", help="compute nothing")
    asked = parser.parse_args()
    lines = [json.loads(line) for line in asked.file.read_text().splitlines()] if asked.file.exists() else []
    known = {(line["method"], line["rows"], line["workers"]) for line in lines}
    for n_rows in asked.rows:
        for method in asked.methods:
            for n_workers in [0] if method in PEERS else asked.workers:
                if asked.show or (method, n_rows, n_workers) in known or (n_workers < 0 and n_rows > MOST_IN_MEMORY):
                    continue
                if not asked.one:
                    what = ["--rows", str(n_rows), "--methods", method, "--workers", str(n_workers), "--one"]
                    threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")}
                    subprocess.run([sys.executable, __file__, asked.file, *what], check=True, env=os.environ | threads)
                    continue
                ways = {name: partial(peer, n_rows) for name, peer in PEERS.items()}
                if n_workers < 0:
                    ways = {method: partial(in_memory, method, n_rows)}
                line = ways.get(method, partial(measured, method, n_rows, n_workers))()
                with asked.file.open("a") as file:
                    file.write(json.dumps(line) + "\n")
    if not asked.one:
        lines = [json.loads(line) for line in asked.file.read_text().splitlines()]
        table = costs(lines)
        print("| " + " | ".join(table.columns) + " |\n|" + "---|" * len(table.columns))
        for row in table.itertuples(index=False):
            print("| " + " | ".join(f"{value:.4g}" if isinstance(value, float) else str(value) for value in row) + " |")


if __name__ == "__main__":
    main()
