"""What sets are worth to learners that are too slow for all rows: accuracy against the time of everything.

The time is that of condensing, training and predicting the test rows. Each score is added to a file as soon as it is
there; what is in it is not computed again.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from regrets import Table
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.kernel_ridge import KernelRidge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.svm import SVC, SVR

from skdc import Condenser, KMeansCondenser, KMedoids, RandomSubset
from skdc.condensed import CondensedSet
from skdc.learners import KernelRidgeClassifier

ALL = 0  # the size that stands for all rows
CUBIC = {"Gaussian process": 3000, "kernel ridge": 15_000}  # most rows: a matrix of them is factored, some dozen times

METHODS = ["random rows", "KMedoids", "KMeansCondenser", "Condenser"]


class Place(NamedTuple):
    """Which score."""

    table: str
    seed: int
    method: str
    size: int
    learner: str


def learners(table: Table, n_columns: int) -> dict[str, Any]:
    """Return the learners: with scikit-learn's defaults, but for Gaussian kernels as wide as there are columns."""
    kernel = 1.0 * RBF(np.sqrt(n_columns))
    if table.has_classes:
        return {
            "Gaussian process": GaussianProcessClassifier(kernel, random_state=table.seed),
            "SVM": SVC(),
            "kernel ridge": KernelRidgeClassifier(regularization=0.01),
            "5-NN": KNeighborsClassifier(),
        }
    return {
        "Gaussian process": GaussianProcessRegressor(kernel + WhiteKernel(), random_state=table.seed),
        "SVM": SVR(),
        "kernel ridge": KernelRidge(kernel="rbf"),
        "5-NN": KNeighborsRegressor(),
    }


def condensers(table: Table, size: int) -> dict[str, Any]:
    """Return what makes the sets, classes in proportion."""
    task = "classification" if table.has_classes else "regression"
    parameters = {"n_samples": size, "task": task, "random_state": table.seed}
    found = {
        "random rows": RandomSubset(**parameters),
        "KMedoids": KMedoids(**parameters),
        "Condenser": Condenser(**parameters),
    }
    return found | ({"KMeansCondenser": KMeansCondenser(**parameters)} if table.has_classes else {})


def sets(table: Table, size: int, wanted: set[str]) -> Iterator[tuple[str, CondensedSet, float]]:
    """Yield the sets of a size that are wanted, as learners see them, and the seconds that each took."""
    if size == ALL:
        yield "all rows", shown(table, CondensedSet(table.X, table.y)), 0.0
        return
    for method, condenser in condensers(table, size).items():
        if method not in wanted:
            continue
        start = time.perf_counter()
        condensed = condenser.fit(table.X, table.y).condensed_
        seconds = time.perf_counter() - start
        yield method, shown(table, condensed), seconds


def shown(table: Table, condensed: CondensedSet) -> CondensedSet:
    """Return a set as learners see it: columns by what all training rows say, and targets of deviation 1."""
    X, y = table.encoder.transform(condensed.X).astype(np.float32), np.asarray(condensed.y)
    return replace(condensed, X=X, y=y if table.has_classes else y / table.y.std())


def scores(table: Table, size: int, methods: list[str], names: list[str], known: set[Place]) -> Iterator[dict]:
    """Yield the scores of learners on the sets of a size that are not known yet."""
    n_rows = len(table.y) if size == ALL else size
    names = [name for name in names if n_rows <= CUBIC.get(name, np.inf)]
    methods = ["all rows"] if size == ALL else methods
    places = [Place(table.name, table.seed, method, size, name) for method, name in product(methods, names)]
    missing = [place for place in places if place not in known]
    tested = table.encoder.transform(table.X_test).astype(np.float32)
    truth = table.y_test if table.has_classes else table.y_test / table.y.std()
    for method, condensed, seconds in sets(table, size, {place.method for place in missing}):
        for place in (place for place in missing if place.method == method):
            learner = learners(table, tested.shape[1])[place.learner]
            start = time.perf_counter()
            condensed.train(learner)
            trained = time.perf_counter()
            score = learner.score(tested, truth)
            times = {"condensing": seconds, "training": trained - start, "predicting": time.perf_counter() - trained}
            yield place._asdict() | {"score": score} | {name: round(value, 3) for name, value in times.items()}


def show(lines: list[dict[str, Any]]) -> None:
    """Print, for each table, scores in percent by learner, set and size, and the median seconds, as Markdown."""
    frame = pd.DataFrame(lines)
    frame["seconds"] = frame[["condensing", "training", "predicting"]].sum(axis=1)
    sizes = sorted(frame["size"].unique(), key=lambda size: (size == ALL, size))
    names = ["all rows" if size == ALL else f"{size}" for size in sizes]
    for table, of_table in frame.groupby("table", sort=False):
        print(f"\n### {table}, {len(Table(table, 0).y)} rows\n")
        print("| learner | set | " + " | ".join([*names, *(f"{name}: seconds" for name in names)]) + " |")
        print("|---|---|" + "---|" * 2 * len(names))
        for (learner, method), found in of_table.groupby(["learner", "method"]):
            by_size = dict(list(found.groupby("size")))
            cells = [percent(by_size[size]["score"]) if size in by_size else "" for size in sizes]
            cells += [f"{by_size[size]['seconds'].median():.3g}" if size in by_size else "" for size in sizes]
            print(f"| {learner} | {method} | " + " | ".join(cells) + " |")
        print()
        for learner, found in of_table[of_table["learner"].isin(CUBIC)].groupby("learner"):
            if ALL not in set(found["size"]):
                print(extrapolated(learner, found, len(Table(table, 0).y)))


def extrapolated(learner: str, found: pd.DataFrame, n_rows: int) -> str:
    """Return how long training on all rows would take, by the cube of the rows from the largest sets."""
    largest = found["size"].max()
    seconds = found[found["size"] == largest]["training"].median()
    hours = seconds * (n_rows / largest) ** 3 / 3600
    return f"{learner}: {seconds:.1f} s of training for {largest} rows, so {hours:.1f} hours for all"


def percent(scores: pd.Series) -> str:
    """Return the mean and the deviation over seeds."""
    spread = f" ± {100 * scores.std(ddof=0):.1f}" if len(scores) > 1 else ""
    return f"{100 * scores.mean():.1f}{spread}"


def main() -> None:
    """Compute what is missing, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="JSON lines, to which scores are added")
    parser.add_argument("--tables", nargs="+", default=["magic", "adult", "california_housing"])
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--learners", nargs="+", default=["Gaussian process", "SVM", "kernel ridge", "5-NN"])
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 300, 1000, 3000, ALL])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--show", action="store_true", help="compute nothing")
    args = parser.parse_args()
    warnings.simplefilter("ignore")  # of a bound that a kernel's width has come to
    lines = [json.loads(line) for line in args.file.read_text().splitlines()] if args.file.exists() else []
    known = {Place(*(line[name] for name in Place._fields)) for line in lines}
    for seed, name in product([] if args.show else args.seeds, args.tables):
        table = Table(name, seed)
        for size in args.sizes:
            for line in scores(table, size, args.methods, args.learners, known):
                lines.append(line)
                with args.file.open("a") as file:
                    file.write(json.dumps(line) + "\n")
                print(" ".join(str(value) for value in line.values()), flush=True)
    show(lines)


if __name__ == "__main__":
    main()
