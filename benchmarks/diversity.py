"""Rows that are unlike each other: time and objectives beside submodlib, and test accuracy beside random rows.

`time FILE` and `accuracy FILE` add what they measure to a file, and do not measure again what is in it; `print FILE`
prints the tables. The peer is the package submodlib-py; where it is not installed the table says so.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from data import mixture
from pruning import split_of
from scipy.spatial.distance import pdist, squareform
from scores import apart_within
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from skdc import DeterminantalSelection, GraphCutSelection, KCenter, KMedoids, MaxMinDiversification, RandomSubset
from skdc.discrepancies import GraphCut, LogDeterminant
from skdc.kernels import Gaussian
from skdc.learners import Margin

SIZES = (1000, 260), (2000, 260), (4000, 260), (14_000, 260), (100_000, 260), (14_000, 65), (14_000, 1000)
MINUTES, GIBIBYTES = 200 / 60, 8.0
RIDGE, N_COLUMNS = 0.01, 64
RANDOM = "random rows"


def bandwidth(X: np.ndarray) -> float:
    """Return the median distance of a thousand rows, which all kernels get."""
    return float(np.median(pdist(X[:1000])))


def ours(name: str, X: np.ndarray, size: int) -> np.ndarray:
    """Return rows that a condenser chooses."""
    width = {"bandwidth": bandwidth(X)}
    condenser = {
        "graph cut": GraphCutSelection(representation=1.0, **width),
        "log-determinant": DeterminantalSelection(ridge=RIDGE, **width),
        "max-min": MaxMinDiversification(),
        RANDOM: RandomSubset(),
        "k-center": KCenter(),
    }[name]
    return condenser.set_params(n_samples=size, random_state=0).fit(X).indices_


def theirs(name: str, X: np.ndarray, size: int) -> np.ndarray:
    """Return rows that submodlib chooses for the same objective: from a matrix of all pairs, which it wants."""
    from submodlib import DisparityMinFunction, GraphCutFunction, LogDeterminantFunction

    D = squareform(pdist(X))
    K = np.exp(-0.5 * (D / bandwidth(X)) ** 2)
    n, how = len(X), {"stopIfZeroGain": False, "stopIfNegativeGain": False, "show_progress": False}
    if name == "graph cut":
        function, optimizer = GraphCutFunction(n, "dense", n / (2 * size), ggsijs=K), "NaiveGreedy"
    elif name == "log-determinant":
        function, optimizer = LogDeterminantFunction(n, "dense", RIDGE * size, sijs=K), "LazyGreedy"
    else:
        function, optimizer = DisparityMinFunction(n, "dense", sijs=1 - D / D.max()), "NaiveGreedy"
    return np.array([row for row, _ in function.maximize(budget=size, optimizer=optimizer, **how)])


def prepared(choose: Callable[..., np.ndarray], name: str, n_rows: int, size: int) -> Callable[[], Any]:
    """Return a call that returns the seconds of the processor and the rows."""
    X = mixture(n_rows, N_COLUMNS).astype(np.float32)
    if choose is theirs:
        import submodlib  # noqa: F401

    def call() -> tuple[float, np.ndarray]:
        start = time.process_time()
        rows = choose(name, X, size)
        return time.process_time() - start, rows

    return call


def objectives(X: np.ndarray, rows: np.ndarray) -> dict[str, float]:
    """Return the values of a set: graph cut and minus the log-determinant, to be small, and the least distance."""
    kernel = Gaussian(bandwidth(X))
    return {
        "graph cut": GraphCut(kernel)(X, X[rows]),
        "log-determinant": LogDeterminant(kernel, ridge=RIDGE)(X, X[rows]),
        "least distance": float(pdist(X[rows]).min()),
    }


def times(done: set[tuple[Any, ...]]) -> Iterator[dict[str, Any]]:
    """Yield what each choice takes, and the values of the set."""
    ways = [(ours, name) for name in (RANDOM, "k-center", "max-min", "graph cut", "log-determinant")]
    ways += [(theirs, name) for name in ("max-min", "graph cut", "log-determinant")]
    failed: set[tuple[str, str]] = set()
    for n_rows, size in SIZES:
        for choose, name in ways:
            by = "skdc" if choose is ours else "submodlib"
            if (n_rows, size, by, name) in done or (by, name) in failed:
                continue
            found = apart_within(MINUTES, GIBIBYTES, 1, prepared, choose, name, n_rows, size)
            line = {"n": n_rows, "m": size, "by": by, "name": name}
            if isinstance(found, str):
                failed.add((by, name))
                yield line | {"why": found}
            else:
                _, mebibytes, (seconds, rows) = found
                yield line | {"s": seconds, "MiB": mebibytes} | objectives(mixture(n_rows, N_COLUMNS), rows)


def condensers(seed: int, n_per_class: int) -> dict[str, Any]:
    """Return what chooses rows of each class."""
    given = {"n_per_class": n_per_class, "random_state": seed}
    return {
        RANDOM: RandomSubset(**given),
        "KMedoids": KMedoids(**given),
        "KCenter": KCenter(**given),
        "MaxMinDiversification": MaxMinDiversification(**given),
        "MaxMinDiversification, margins": MaxMinDiversification(utility=Margin(), **given),
        "GraphCutSelection": GraphCutSelection(**given),
        "GraphCutSelection, 2": GraphCutSelection(representation=2.0, **given),
        "DeterminantalSelection": DeterminantalSelection(**given),
    }


def models(seed: int) -> dict[str, Any]:
    """Return the learners."""
    return {
        "logistic": LogisticRegression(max_iter=500),
        "MLP": MLPClassifier(max_iter=200, random_state=seed),
        "boosting": HistGradientBoostingClassifier(max_iter=50, min_samples_leaf=5, random_state=seed),
    }


def accuracies(done: set[tuple[Any, ...]], seeds: list[int]) -> Iterator[dict[str, Any]]:
    """Yield test accuracies of learners on each set."""
    for seed in seeds:
        for name in ("adult", "magic", "digits", "mnist"):
            X, y, X_test, y_test = split_of(name, 0.0, seed)
            for n_per_class in (10, 50):
                for way, condenser in condensers(seed, n_per_class).items():
                    key = name, seed, n_per_class, way
                    if key in done:
                        continue
                    rows = condenser.fit(X, y).indices_
                    scores = {}
                    for what, model in models(seed).items():
                        with warnings.catch_warnings():
                            warnings.simplefilter("ignore")
                            scores[what] = 100 * model.fit(X[rows], y[rows]).score(X_test, y_test)
                    yield dict(zip(("data", "seed", "n_per_class", "way"), key, strict=True)) | {"scores": scores}


def print_times(lines: list[dict[str, Any]]) -> None:
    """Print what is chosen by whom in what time."""
    columns = "graph cut", "log-determinant", "least distance"
    print("| rows | chosen | objective | by | CPU s | MiB |", " | ".join(columns), "|\n" + "|---" * 9 + "|")
    for line in sorted(lines, key=lambda line: (line["n"], line["m"])):
        head = f"| {line['n']:,} | {line['m']:,} | {line['name']} | {line['by']} |"
        if "why" in line:
            print(head, f"{line['why']} | | | | |")
        else:
            print(head, f"{line['s']:.2f} | {line['MiB']:.0f} |", " | ".join(f"{line[c]:.3f}" for c in columns), "|")


def print_differences(found: dict[tuple[str, int, str, int], dict[str, float]], size: str) -> None:
    """Print the difference from random rows, in points, by data, size, way and seed; `size` says what sizes are."""
    ways = list(dict.fromkeys(way for _, _, way, _ in found if way != RANDOM))
    print(f"| data | {size} | learner | {RANDOM} |", " | ".join(ways), "|\n" + "|---" * (4 + len(ways)) + "|")
    means: dict[str, list[float]] = {way: [] for way in ways}
    seeds = sorted({seed for *_, seed in found})
    for data, n in dict.fromkeys((data, n) for data, n, _, _ in found):
        for learner in models(0):
            random = np.array([found[data, n, RANDOM, seed][learner] for seed in seeds])
            cells = []
            for way, values in means.items():
                difference = np.array([found[data, n, way, seed][learner] for seed in seeds]) - random
                values.append(float(difference.mean()))
                cells.append(f"{difference.mean():+.1f} ± {difference.std(ddof=1) / len(seeds) ** 0.5:.1f}")
            print(f"| {data} | {n} | {learner} | {random.mean():.1f} |", " | ".join(cells), "|")
    print("| mean | | | |", " | ".join(f"{np.mean(values):+.2f}" for values in means.values()), "|")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["time", "accuracy", "print"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    given = parser.parse_args()
    lines = [json.loads(line) for line in given.file.read_text().splitlines()] if given.file.exists() else []
    timed, scored = [line for line in lines if "by" in line], [line for line in lines if "way" in line]
    if given.what == "print":
        print_times(timed)
        print()
        scores = {(line["data"], line["n_per_class"], line["way"], line["seed"]): line["scores"] for line in scored}
        print_differences(scores, "rows a class")
        return
    if given.what == "time":
        new = times({(line["n"], line["m"], line["by"], line["name"]) for line in timed})
    else:
        new = accuracies(
            {(line["data"], line["seed"], line["n_per_class"], line["way"]) for line in scored}, given.seeds
        )
    for record in new:
        with given.file.open("a") as file:
            print(json.dumps(record), file=file, flush=True)


if __name__ == "__main__":
    main()
