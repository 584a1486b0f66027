"""One nearest neighbour on rows that are kept: its accuracy, their share, and what choosing them takes.

The package imbalanced-learn is compared where it is installed; kondo-ml 0.0.10 fails with NumPy 2.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from importlib.util import find_spec
from time import process_time
from typing import Any

import numpy as np
import pandas as pd
from data import folder
from sklearn.datasets import load_digits
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.preprocessing import StandardScaler

import skdc
from skdc import Condenser
from skdc.discrepancies import QuantizationError
from skdc.parameterizations import Subset
from skdc.solvers import Greedy

CLASSES = {"phoneme": "class", "magic": "class", "segment": "class", "digits": ""}
NUMBERS = {"california_housing": "median_house_value", "abalone": "rings"}
MOST_FOR_CNN = 5000
SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3)
Split = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def split(name: str, target: str, seed: int) -> Split:
    """Return rows and targets, three quarters of them to choose from; columns and numbers are standardised."""
    if name == "digits":
        X, y = load_digits(return_X_y=True)
    else:
        frame = pd.read_csv(folder() / f"{name}.csv.gz").dropna()
        y = frame.pop(target).to_numpy()
        X = frame.select_dtypes("number").to_numpy(float)
    is_class = name in CLASSES
    y = np.unique(y, return_inverse=True)[1] if is_class else y
    given = train_test_split(X, y, random_state=seed, stratify=y if is_class else None)
    scaler = StandardScaler().fit(given[0])
    targets = given[2:] if is_class else ((part - given[2].mean()) / given[2].std() for part in given[2:])
    train, test = targets
    return scaler.transform(given[0]), train, scaler.transform(given[1]), test


def taught() -> Subset:
    """Return real rows, of those whose class a teacher of the others expects."""
    return Subset(labels="teacher", teacher=HistGradientBoostingClassifier(max_iter=50), taught="all")


def found(is_class: bool, n_rows: int) -> Iterator[tuple[str, Any]]:
    """Yield what finds how many rows to keep, by name."""
    task = "classification" if is_class else "regression"
    for name in ("EditedNeighbors", "CondensedNeighbors", "DecrementalReduction"):
        yield f"`{name}`", getattr(skdc, name)(encoder=None, task=task)
    if is_class and find_spec("imblearn"):
        from imblearn.under_sampling import AllKNN, CondensedNearestNeighbour, EditedNearestNeighbours

        everything = {"sampling_strategy": "all"}
        yield "imbalanced-learn, EditedNearestNeighbours", EditedNearestNeighbours(kind_sel="mode", **everything)
        yield "imbalanced-learn, AllKNN", AllKNN(kind_sel="mode", **everything)
        if n_rows <= MOST_FOR_CNN:  # it took more than five minutes for three times as many
            yield "imbalanced-learn, CondensedNearestNeighbour", CondensedNearestNeighbour(random_state=0, **everything)


def given(share: float, is_class: bool) -> Iterator[tuple[str, Any]]:
    """Yield what keeps a share of the rows, by name."""
    size = {"n_samples": share, "encoder": None, "task": "classification" if is_class else "regression"}
    for name in ("RandomSubset", "KMedoids", "DecrementalReduction"):
        yield f"`{name}`", getattr(skdc, name)(**size)
    if is_class:
        yield "`TabularCondenser`", skdc.TabularCondenser(**size)
        medoids = Greedy(n_passes=10)
        yield "`LearningVectorQuantization`", skdc.LearningVectorQuantization(**size)
        yield "`KMedoids` of taught rows", Condenser(QuantizationError(exponent=1), taught(), medoids, **size)


def kept(method: Any, X: np.ndarray, y: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the set, and the seconds that it took."""
    start = process_time()
    if hasattr(method, "fit_resample"):
        rows = method.fit_resample(X, y)
    else:
        rows = tuple(method.set_params(random_state=seed).fit(X, y))
    return (*rows, process_time() - start)


def print_line(name: str, label: str, methods: list[Any], splits: list[Split], is_class: bool) -> None:
    """Print the share that is kept, the score of one and of five neighbours, and the median seconds."""
    learner, cells = KNeighborsClassifier if is_class else KNeighborsRegressor, []
    for seed, (method, (X, y, X_test, y_test)) in enumerate(zip(methods, splits, strict=True)):
        rows, targets, seconds = (X, y, 0.0) if method is None else kept(method, X, y, seed)
        scores = [learner(min(k, len(rows))).fit(rows, targets).score(X_test, y_test) for k in (1, 5)]
        if hasattr(method, "learner_"):  # one nearest neighbour by the metric that is learned
            scores[0] = method.learner_.score(X_test, y_test)
        cells.append([100 * len(rows) / len(X), *(100 * score for score in scores), seconds])
    share, one, five, _ = np.mean(cells, axis=0)
    seconds = np.median([cell[3] for cell in cells])
    print(f"| {name} | {label} | {share:.1f} | {one:.1f} | {five:.1f} | {seconds:.2f} |", flush=True)


def main() -> None:
    """Print a table of what finds its size, and one of shares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", default=["found", "given", "growth"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tables", nargs="+", default=[*CLASSES, *NUMBERS])
    args = parser.parse_args()
    for what in (part for part in args.what if part != "growth"):
        print(f"\n### {what}\n\n| table | method | % kept | 1-NN | 5-NN | CPU s |\n|---|---|---|---|---|---|")
        for name in args.tables:
            is_class, target = name in CLASSES, {**CLASSES, **NUMBERS}[name]
            splits = [split(name, target, seed) for seed in range(args.seeds)]
            if what == "found":
                print_line(name, "all rows", [None] * args.seeds, splits, is_class)
                for label, method in found(is_class, len(splits[0][0])):
                    print_line(name, label, [method] * args.seeds, splits, is_class)
            else:
                for share in SHARES:
                    for label, method in given(share, is_class):
                        print_line(name, label, [method] * args.seeds, splits, is_class)
    if "growth" in args.what:
        print("\n| rows | EditedNeighbors | CondensedNeighbors | DecrementalReduction |\n|---|---|---|---|")
        for n in (3000, 10_000, 30_000, 100_000):
            draws, cells = np.random.default_rng(0), []
            y = draws.integers(5, size=n)
            X = draws.normal(size=(n, 10)) + 3 * np.eye(5, 10)[y]
            for name in ("EditedNeighbors", "CondensedNeighbors", "DecrementalReduction"):
                start = process_time()
                size = len(getattr(skdc, name)(encoder=None, random_state=0).fit(X, y).indices_)
                cells.append(f"{process_time() - start:.1f} s, {100 * size / n:.0f}%")
            print(f"| {n} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
