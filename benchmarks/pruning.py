"""A tenth to nine tenths of the rows, chosen by how hard they are: test accuracy of an MLP and of boosting.

Scores are added to a file as soon as they are there; what is in it is not computed again. `--print` prints the tables
of a file. Some labels of the training rows may be drawn anew (`--noise`); those of the test rows are as they were.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from data import TABLES, images, table
from sklearn.datasets import load_digits
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from skdc import CoverageCentricSelection, MessagePassingSelection, RandomSubset, UncertaintySubset
from skdc.learners import AreaUnderMargin

SHARES = 0.1, 0.3, 0.5, 0.7, 0.9
ROWS = 2500  # of training, and of test
RANDOM = "random rows"
KEY = "data", "noise", "seed", "share", "way"


class Once(AreaUnderMargin):
    """Scores that are computed once for a split, whatever is chosen by them."""

    split: str = ""

    def scores(self, rows: Any, schema: Any, generator: torch.Generator) -> torch.Tensor:
        """Return the scores, which are kept."""
        if self.split not in KEPT:
            KEPT[self.split] = super().scores(rows, schema, torch.Generator().manual_seed(0))
        return KEPT[self.split]


KEPT: dict[str, torch.Tensor] = {}


def split_of(name: str, noise: float, seed: int) -> tuple[np.ndarray, ...]:
    """Return training rows, of which some labels are drawn anew, and test rows."""
    if name == "digits":
        X, y = load_digits(return_X_y=True)
        X, X_test, y, y_test = train_test_split(X / 16, y, test_size=0.3, random_state=seed, stratify=y)
    elif name in TABLES:
        X, y, X_test, y_test = table(name, seed)
    else:
        X, y, X_test, y_test = images(name)
        X, X_test = (  # means of two by two pixels: boosting would take minutes
            part.reshape(-1, 14, 2, 14, 2).mean((2, 4)).reshape(-1, 196) / 255 for part in (X, X_test)
        )
    rng = np.random.default_rng(seed)
    some, others = rng.permutation(len(X))[:ROWS], rng.permutation(len(X_test))[:ROWS]
    classes, codes = np.unique(y[some], return_inverse=True)
    drawn = rng.uniform(size=len(codes)) < noise
    codes = np.where(drawn, rng.integers(len(classes), size=len(codes)), codes)
    return X[some].astype(np.float32), classes[codes], X_test[others].astype(np.float32), y_test[others]


def condensers(split: str, share: float, seed: int) -> dict[str, Any]:
    """Return what chooses a share of the rows."""
    common = {"n_samples": share, "random_state": seed}
    difficulty = Once(split=split)
    return {
        RANDOM: RandomSubset(**common),
        "hardest": UncertaintySubset(difficulty=difficulty, **common),
        "easiest": UncertaintySubset(difficulty=difficulty, keep="easiest", **common),
        "CCS, no cut-off": CoverageCentricSelection(difficulty=difficulty, cutoff=0.0, **common),
        "CCS, cut-off 0.3": CoverageCentricSelection(difficulty=difficulty, cutoff=0.3, **common),
        "CoverageCentricSelection": CoverageCentricSelection(difficulty=difficulty, **common),
        "D2, no cut-off": MessagePassingSelection(difficulty=difficulty, cutoff=0.0, **common),
        "D2, cut-off 0.3": MessagePassingSelection(difficulty=difficulty, cutoff=0.3, **common),
        "MessagePassingSelection": MessagePassingSelection(difficulty=difficulty, **common),
    }


def models(seed: int) -> dict[str, Any]:
    """Return the learners."""
    return {
        "MLP": MLPClassifier(max_iter=60, random_state=seed),
        "boosting": HistGradientBoostingClassifier(max_iter=50, random_state=seed),
    }


def records(
    name: str, noise: float, seed: int, wanted: list[str] | None, done: set[tuple[Any, ...]]
) -> Iterator[dict[str, Any]]:
    """Yield the scores of all shares and ways, but for those that are there."""
    X, y, X_test, y_test = split_of(name, noise, seed)
    for share in SHARES:
        ways = condensers(f"{name}, {noise}, {seed}", share, seed) | ({"all rows": None} if share == SHARES[0] else {})
        for way, condenser in ways.items():
            key = name, noise, seed, share, way
            if key in done or (wanted is not None and way not in wanted):
                continue
            start = time.process_time()
            rows = slice(None) if condenser is None else condenser.fit(X, y).indices_
            seconds = time.process_time() - start
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # sixty passes are enough
                fitted = {what: model.fit(X[rows], y[rows]) for what, model in models(seed).items()}
            scores = {what: model.score(X_test, y_test) for what, model in fitted.items()}
            yield dict(zip(KEY, key, strict=True)) | {"s": seconds, "scores": scores}


def print_tables(path: Path) -> None:
    """Print the difference from random rows, a table for each share of labels that are drawn anew."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    found = {line["way"] for line in lines}
    ways = [way for way in condensers("", 0.5, 0) if way != RANDOM and way in found]
    print_means(lines, ways)
    for noise in sorted({line["noise"] for line in lines}):
        seeds = len({line["seed"] for line in lines if line["noise"] == noise})
        print(f"\n## {noise:.0%} of the labels drawn anew, {seeds} seeds\n")
        print(
            f"| data | learner | share | all rows | {RANDOM} |",
            " | ".join(ways),
            "|\n" + "|---" * (5 + len(ways)) + "|",
        )
        differences: dict[str, list[float]] = {way: [] for way in ways}
        for name in dict.fromkeys(line["data"] for line in lines):
            for learner in models(0):
                for share in SHARES:
                    _print_line(lines, (name, noise, share, learner), differences)
        for what, reduce in (("mean", np.mean), ("least", np.min)):
            print(f"| {what} | | | | |", " | ".join(f"{reduce(values):+.2f}" for values in differences.values()), "|")


def print_means(lines: list[dict[str, Any]], ways: list[str]) -> None:
    """Print the mean difference from random rows over the data sets, seeds and learners, for each share."""
    found = {tuple(line[name] for name in KEY): 100 * np.mean(list(line["scores"].values())) for line in lines}
    print("| labels drawn anew | share |", " | ".join(ways), "|\n" + "|---" * (2 + len(ways)) + "|")
    for noise in sorted({line["noise"] for line in lines}):
        for share in SHARES:
            cells = []
            for way in ways:
                cell = [key for key in found if key[1] == noise and key[3:] == (share, way)]
                differences = [found[key] - found[*key[:4], RANDOM] for key in cell]
                error = np.std(differences, ddof=1) / len(differences) ** 0.5
                cells.append(f"{np.mean(differences):+.1f} ± {error:.1f}")
            print(f"| {noise:.0%} | {share:.0%} |", " | ".join(cells), "|")


def _print_line(
    lines: list[dict[str, Any]], cell: tuple[str, float, float, str], differences: dict[str, list[float]]
) -> None:
    name, noise, share, learner = cell

    def scores(way: str, of: float) -> np.ndarray:
        found = {
            line["seed"]: line["scores"][learner]
            for line in lines
            if (line["data"], line["noise"], line["share"], line["way"]) == (name, noise, of, way)
        }
        return 100 * np.array([found[seed] for seed in sorted(found)])

    random = scores(RANDOM, share)
    if not len(random):
        return
    cells = []
    for way, values in differences.items():
        difference = scores(way, share) - random
        values.append(float(difference.mean()))
        error = difference.std(ddof=1) / len(difference) ** 0.5 if len(difference) > 1 else np.nan
        cells.append(f"{difference.mean():+.1f} ± {error:.1f}")
    every = scores("all rows", SHARES[0]).mean()
    print(f"| {name} | {learner} | {share:.0%} | {every:.1f} | {random.mean():.1f} |", " | ".join(cells), "|")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--data", nargs="+", default=["adult", "magic", "digits"])
    parser.add_argument("--noise", nargs="+", type=float, default=[0.0, 0.2])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--ways", nargs="+", help="what chooses rows, by the names of the table; all by default")
    parser.add_argument("--print", action="store_true", help="print the tables of the file, and compute nothing")
    given = parser.parse_args()
    if given.print:
        print_tables(given.file)
        return
    found = [json.loads(line) for line in given.file.read_text().splitlines()] if given.file.exists() else []
    done = {tuple(line[name] for name in KEY) for line in found}
    for seed in given.seeds:
        for name in given.data:
            for noise in given.noise:
                for record in records(name, noise, seed, given.ways, done):
                    with given.file.open("a") as file:
                        print(json.dumps(record), file=file, flush=True)


if __name__ == "__main__":
    main()
