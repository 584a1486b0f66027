"""Measure how like the whole the sets of splits are, what that takes, and how much scores on them vary.

Columns are standardised, and classes are indicators, for all. The package twinning is compared where it is installed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from time import process_time
from typing import Any

import numpy as np
import pandas as pd
from data import folder
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, ShuffleSplit, StratifiedKFold, StratifiedShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skdc import CondensingSplit

TABLES = {
    "magic": "class",
    "phoneme": "class",
    "segment": "class",
    "mammography": "class",
    "california_housing": "median_house_value",
    "diamonds": "price",
    "abalone": "rings",
}
MOST_ROWS = 14_000
PIECE = 1000


class Table:
    """Rows, targets, and both in the columns by which sets are compared."""

    def __init__(self, name: str, most: int) -> None:
        frame = pd.read_csv(folder() / f"{name}.csv.gz").dropna()
        frame = frame.sample(min(most, len(frame)), random_state=0)
        self.name, self.y = name, frame.pop(TABLES[name]).to_numpy()
        self.X = StandardScaler().fit_transform(frame.select_dtypes("number"))
        self.is_regression = TABLES[name] != "class"
        column = self.y[:, None]
        scaler = StandardScaler() if self.is_regression else OneHotEncoder(sparse_output=False)
        self.task = "regression" if self.is_regression else "classification"
        self.values = np.hstack([self.X, scaler.fit_transform(column)])


def energies(values: np.ndarray, which: np.ndarray) -> float:
    """Return the mean energy distance of the sets to the whole; rows of -1 are in none."""
    n_sets = which.max() + 1
    own = np.column_stack([which == k for k in range(n_sets)]).astype(np.float64)
    sizes = own.sum(axis=0)
    to_sets, squares = np.zeros((len(values), n_sets)), np.square(values).sum(axis=1)
    to_all = np.zeros(len(values))
    for start in range(0, len(values), PIECE):
        rows = slice(start, start + PIECE)
        distances = np.sqrt(np.maximum(squares[rows, None] + squares - 2 * values[rows] @ values.T, 0))
        to_sets[rows], to_all[rows] = distances @ own, distances.mean(axis=1)
    among = np.einsum("ik,ik->k", own, to_sets) / sizes**2
    return float(np.mean(2 * own.T @ to_all / sizes - among - to_all.mean()))


def of_splitter(splitter: Any) -> Callable[[Table], np.ndarray]:
    """Return what gives the set of each row, by a splitter."""

    def sets(table: Table) -> np.ndarray:
        which = np.full(len(table.X), -1)
        for k, (_, test) in enumerate(splitter.split(table.X, table.y)):
            which[test] = k
        return which

    return sets


def by_twinning(n_sets: int) -> Callable[[Table], np.ndarray]:
    """Return what gives the set of each row, by the first strategy of the package, which suits any number of sets."""
    from twinning import multiplet

    def sets(table: Table) -> np.ndarray:
        values = (
            table.values
            if table.is_regression
            else np.column_stack([table.X, np.unique(table.y, return_inverse=True)[1]])
        )
        np.random.seed(0)  # noqa: NPY002  # of where it begins
        return np.asarray(multiplet(np.ascontiguousarray(values), n_sets)).astype(int)

    return sets


def methods(table: Table, n_sets: int) -> Iterator[tuple[str, Callable[[Table], np.ndarray]]]:
    """Yield what makes sets, by name."""
    yield "random", of_splitter(KFold(n_sets, shuffle=True, random_state=0))
    if not table.is_regression:
        yield "stratified", of_splitter(StratifiedKFold(n_sets, shuffle=True, random_state=0))
    if find_spec("twinning"):
        yield "twinning", by_twinning(n_sets)
    yield "CondensingSplit", of_splitter(CondensingSplit(n_sets, task=table.task, random_state=0))


def print_distances(most: int, n_sets: int, n_times: int) -> None:
    """Print the distances, and the median seconds of the processor, side by side."""
    print(f"\n| table | rows | method | energy distance x 10,000, {n_sets} sets | CPU s |\n|---|---|---|---|---|")
    for name in TABLES:
        table = Table(name, most)
        for method, sets in methods(table, n_sets):
            seconds = []
            for _ in range(n_times):
                start = process_time()
                which = sets(table)
                seconds.append(process_time() - start)
            distance = 1e4 * energies(table.values, which)
            print(f"| {name} | {len(table.X)} | {method} | {distance:.2f} | {np.median(seconds):.2f} |", flush=True)


def print_growth() -> None:
    """Print the seconds for ever more rows, of 10 standard normal columns."""
    print("\n| rows | CPU s, 5 sets | CPU s, 50 sets |\n|---|---|---|")
    for n in (1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000):
        X, cells = np.random.default_rng(0).normal(size=(n, 10)), []
        for n_sets in (5, 50):
            start = process_time()
            CondensingSplit(n_sets, random_state=0).sets(X)
            cells.append(f"{process_time() - start:.2f}")
        print(f"| {n} | {' | '.join(cells)} |", flush=True)


def print_spread(n_draws: int, share: float) -> None:
    """Print how much a score on a test set of a share of the rows varies over draws of it."""
    print("\n| table | learner | random | stratified | CondensingSplit |\n|---|---|---|---|---|")
    for name in ("magic", "phoneme", "segment", "california_housing", "abalone"):
        table = Table(name, 4000)
        pair = (
            (Ridge(), HistGradientBoostingRegressor(random_state=0))
            if table.is_regression
            else (LogisticRegression(max_iter=1000), HistGradientBoostingClassifier(random_state=0))
        )
        for learner in pair:
            cells = []
            for kind in ("random", "stratified", "ours"):
                if kind == "stratified" and table.is_regression:
                    cells.append("")
                    continue
                scores = []
                for seed in range(n_draws):
                    splitter = {
                        "random": ShuffleSplit(1, test_size=share, random_state=seed),
                        "stratified": StratifiedShuffleSplit(1, test_size=share, random_state=seed),
                        "ours": CondensingSplit(1, test_size=share, task=table.task, random_state=seed),
                    }[kind]
                    train, test = next(splitter.split(table.X, table.y))
                    model = make_pipeline(StandardScaler(), learner)
                    scores.append(model.fit(table.X[train], table.y[train]).score(table.X[test], table.y[test]))
                cells.append(f"{100 * np.mean(scores):.1f} ± {100 * np.std(scores, ddof=1):.2f}")
            print(f"| {name} | {type(learner).__name__} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Print what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", default=["distances", "growth", "spread"])
    parser.add_argument("--n-splits", type=int, nargs="+", default=[5, 2])
    parser.add_argument("--n-times", type=int, default=5)
    parser.add_argument("--n-draws", type=int, default=20)
    args = parser.parse_args()
    if "distances" in args.what:
        for n_sets in args.n_splits:
            print_distances(MOST_ROWS, n_sets, args.n_times)
    if "growth" in args.what:
        print_growth()
    if "spread" in args.what:
        print_spread(args.n_draws, 0.2)


if __name__ == "__main__":
    main()
