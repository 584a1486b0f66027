"""Rows for a model that is used on others than the data: accuracy under covariate shift, and time.

`accuracy FILE` and `time FILE` add what they measure to a file, and do not measure again what is in it; `print FILE`
prints the tables. Rows of the data tend to one end of their first principal component, those of the query and the test
to the other; labels are those of the table. The peer is the package submodlib-py; where it is not installed the table
says so.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from data import TABLES, mixture, table
from diversity import models, print_differences
from scipy.spatial.distance import cdist, pdist
from scores import apart_within
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler, quantile_transform

from skdc import KernelHerding, QuerySelection, RandomSubset
from skdc.discrepancies import QueryMMD

DATA = "adult", "magic", "phoneme", "digits"
SIZES = 50, 200
MOST = {"data": 5000, "query": 500, "test": 2500}
STEEPNESS = 2.0  # of the logistic curve by which rows are drawn, in standard deviations of the component
RANDOM, WEIGHTED = "random rows", "random rows, weighted"
KEY = "data", "seed", "size", "way"
TIMES = (1000, 100), (4000, 100), (14_000, 100), (14_000, 400), (100_000, 100)
N_QUERY, N_COLUMNS = 500, 64
MINUTES, GIBIBYTES = 200 / 60, 8.0


class Shifted(NamedTuple):
    """Rows with labels, and those on which a model will be used, of which some are known."""

    X: np.ndarray
    y: np.ndarray
    query: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray


def shifted(name: str, seed: int) -> Shifted:
    """Return rows of a table whose first component is small for the data and large for the others."""
    if name in TABLES:
        X, y, others, y_others = table(name, seed)
        X, y = np.concatenate([X, others]), np.concatenate([y, y_others])
    else:
        X, y = load_digits(return_X_y=True)
        X = X / 16
    rng = np.random.default_rng(seed)
    component = PCA(1, random_state=0).fit_transform(X)
    scores = quantile_transform(component, output_distribution="normal", copy=True)[:, 0]
    is_other = rng.uniform(size=len(X)) < 1 / (1 + np.exp(-STEEPNESS * scores))
    sides = rng.permutation(np.flatnonzero(~is_other)), rng.permutation(np.flatnonzero(is_other))
    data = sides[0][: MOST["data"]]
    n_query = min(MOST["query"], len(sides[1]) // 2)
    query, test = sides[1][:n_query], sides[1][n_query:][: MOST["test"]]
    scaler = StandardScaler().fit(X[data])
    of_data, of_query, of_test = (scaler.transform(X[rows]) for rows in (data, query, test))
    return Shifted(of_data, y[data], of_query, of_test, y[test])


def importance(data: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Return the ratio of the densities of query and data at the rows of the data, by a classifier of the two."""
    both = np.concatenate([data, query])
    model = LogisticRegression(max_iter=1000, class_weight="balanced").fit(both, np.arange(len(both)) >= len(data))
    ratio = np.exp(model.decision_function(data))
    return ratio / ratio.mean()


def submodlib_rows(kind: str, data: np.ndarray, query: np.ndarray, size: int) -> np.ndarray:
    """Return rows by a mutual information with the query, of submodlib: greedy, of a Gaussian kernel."""
    import submodlib

    function = {
        "facility location": submodlib.FacilityLocationVariantMutualInformationFunction,
        "graph cut": submodlib.GraphCutMutualInformationFunction,
    }[kind]
    width = np.median(pdist(data[:1000]))
    kernel = np.exp(-0.5 * (cdist(data, query) / width) ** 2)
    chosen = function(len(data), len(query), query_sijs=kernel).maximize(
        budget=size, optimizer="NaiveGreedy", stopIfZeroGain=False, stopIfNegativeGain=False, show_progress=False
    )
    return np.array([row for row, _ in chosen])


def nearest(data: np.ndarray, query: np.ndarray, size: int) -> np.ndarray:
    """Return the rows that are the nearest to the query: next ones of each of its rows, until there are enough."""
    places = NearestNeighbors(n_neighbors=min(size, len(data))).fit(data).kneighbors(query, return_distance=False)
    return np.array(list(dict.fromkeys(places.T.ravel().tolist()))[:size])


Way = Callable[[Shifted, int, int], tuple[Any, np.ndarray | None]]


def _of(condenser: Callable[[Shifted], Any]) -> Way:
    """Return a way that fits a condenser, whose weights are the learner's if they differ."""

    def way(data: Shifted, size: int, seed: int) -> tuple[Any, np.ndarray | None]:
        fitted = condenser(data).set_params(n_samples=size, random_state=seed).fit(data.X, data.y)
        weight = fitted.sample_weight_ if getattr(fitted, "reweight", None) is not None else None
        return fitted.indices_, weight

    return way


def random_weighted(data: Shifted, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return random rows with the weights of importance, those of all rows."""
    rows, _ = _of(lambda data: RandomSubset())(data, size, seed)
    return rows, importance(data.X, data.query)[rows]


def drawn(data: Shifted, size: int, seed: int) -> tuple[np.ndarray, None]:
    """Return rows drawn in proportion to importance."""
    weight = importance(data.X, data.query)
    return np.random.default_rng(seed).choice(len(weight), size, replace=False, p=weight / weight.sum()), None


WAYS: dict[str, Way] = {
    RANDOM: _of(lambda data: RandomSubset()),
    WEIGHTED: random_weighted,
    "drawn by importance": drawn,
    "KernelHerding": _of(lambda data: KernelHerding(by=None)),
    "nearest rows": lambda data, size, seed: (nearest(data.X, data.query, size), None),
    "submodlib, facility location": lambda data, size, seed: (
        submodlib_rows("facility location", data.X, data.query, size),
        None,
    ),
    "submodlib, graph cut": lambda data, size, seed: (submodlib_rows("graph cut", data.X, data.query, size), None),
    "QuerySelection": _of(lambda data: QuerySelection(query=data.query)),
    "QuerySelection, reweight": _of(lambda data: QuerySelection(query=data.query, reweight=QueryMMD(data.query))),
    "all rows": lambda data, size, seed: (slice(None), None),
    "all rows, weighted": lambda data, size, seed: (slice(None), importance(data.X, data.query)),
}


def accuracies(names: list[str], seeds: list[int], done: set[tuple[Any, ...]]) -> Iterator[dict[str, Any]]:
    """Yield test accuracies of learners on each set."""
    for seed in seeds:
        for name in names:
            data = shifted(name, seed)
            for size in SIZES:
                for way, choose in WAYS.items():
                    key = name, seed, size, way
                    if key in done or (way.startswith("all rows") and size != SIZES[0]):
                        continue
                    rows, weight = choose(data, size, seed)
                    X, y, scores = data.X[rows], data.y[rows], {}
                    for what, model in models(seed).items():
                        with warnings.catch_warnings():
                            warnings.simplefilter("ignore")  # two hundred passes are enough
                            model.fit(X, y, sample_weight=weight)
                        scores[what] = 100 * model.score(data.X_test, data.y_test)
                    yield dict(zip(KEY, key, strict=True)) | {"scores": scores}


def prepared(way: str, n_rows: int, size: int) -> Callable[[], Any]:
    """Return a call that returns the seconds of the processor."""
    X = mixture(n_rows + N_QUERY, N_COLUMNS).astype(np.float32)
    y = np.zeros(n_rows, dtype=int)
    data = Shifted(X[:n_rows], y, X[n_rows:], X[:0], y[:0])
    if way.startswith("submodlib"):
        import submodlib  # noqa: F401

    def call() -> float:
        start = time.process_time()
        WAYS[way](data, size, 0)
        return time.process_time() - start

    return call


def times(done: set[tuple[Any, ...]]) -> Iterator[dict[str, Any]]:
    """Yield what each choice takes."""
    failed: set[str] = set()
    for n_rows, size in TIMES:
        for way in ("QuerySelection", "submodlib, facility location", "submodlib, graph cut"):
            if (n_rows, size, way) in done or way in failed:
                continue
            found = apart_within(MINUTES, GIBIBYTES, 1, prepared, way, n_rows, size)
            line = {"n": n_rows, "m": size, "by": way}
            if isinstance(found, str):
                failed.add(way)
                yield line | {"why": found}
            else:
                yield line | {"s": found[2], "MiB": found[1]}


def print_times(lines: list[dict[str, Any]]) -> None:
    """Print what is chosen by whom in what time."""
    print("| rows | chosen | by | CPU s | MiB |\n" + "|---" * 5 + "|")
    for line in sorted(lines, key=lambda line: (line["n"], line["m"])):
        end = f"{line['why']} | |" if "why" in line else f"{line['s']:.2f} | {line['MiB']:.0f} |"
        print(f"| {line['n']:,} | {line['m']:,} | {line['by']} | {end}")


def print_accuracies(lines: list[dict[str, Any]]) -> None:
    """Print the difference from random rows, in points; what needs no size stands beside each."""
    found = {(line["data"], line["size"], line["way"], line["seed"]): line["scores"] for line in lines}
    found |= {(key[0], SIZES[1], *key[2:]): scores for key, scores in found.items() if key[2].startswith("all rows")}
    print_differences(found, "rows")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["accuracy", "time", "print"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--data", nargs="+", default=list(DATA))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    given = parser.parse_args()
    lines = [json.loads(line) for line in given.file.read_text().splitlines()] if given.file.exists() else []
    timed, scored = [line for line in lines if "by" in line], [line for line in lines if "way" in line]
    if given.what == "print":
        print_times(timed)
        print()
        print_accuracies(scored)
        return
    if given.what == "time":
        records = times({(line["n"], line["m"], line["by"]) for line in timed})
    else:
        records = accuracies(given.data, given.seeds, {tuple(line[name] for name in KEY) for line in scored})
    for record in records:
        with given.file.open("a") as file:
            print(json.dumps(record), file=file, flush=True)


if __name__ == "__main__":
    main()
