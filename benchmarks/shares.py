"""What is lost by taking a share of a table: 1, 5 and 10% of its rows, chosen in some ways, for several models.

Loss = (score on all rows - score on the set), as a part of that of random rows of the same number. Each score is added
to a file as soon as it is there; what is in it is not computed again.
"""

from __future__ import annotations

import argparse
import json
import os
import warnings
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from growth import mixture
from regrets import Table, records
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.preprocessing import StandardScaler

from skdc import KernelThinning, KMeansCondenser, KMedoids, RandomSubset, SoftLabelRandom, TabularCondenser

TABLES = "magic", "bank_full", "adult", "california_housing", "diamonds", "generated"
SHARES = 0.01, 0.05, 0.1
RANDOM = "RandomSubset"


class Generated(Table):
    """A million rows of 50 columns, in clusters that make two classes; a tenth of the labels are drawn at random.

    Learners are those that take a million rows.

    Parameters
    ----------
    seed : int
    """

    def __init__(self, seed: int) -> None:
        X, y = mixture(1_100_000, 2)
        self.name, self.seed, self.has_classes = "generated", seed, True
        order = np.random.default_rng(seed).permutation(len(X))
        train, test = order[:1_000_000], order[1_000_000:]
        self.X, self.X_test, self.y, self.y_test = X[train], X[test], pd.Series(y[train]), y[test]
        self.encoder = StandardScaler().fit(self.X)

    def models(self) -> dict[str, Any]:
        """Return the models."""
        return {name: model for name, model in super().models().items() if name in ("boosting", "logistic")}


def methods(table: Table, share: float) -> dict[str, Any]:
    """Return the condensers."""
    task = "classification" if table.has_classes else "regression"
    common = {"n_samples": share, "random_state": table.seed, "task": task}
    found = {
        RANDOM: RandomSubset(**common),
        "KMedoids": KMedoids(**common),
        "KernelThinning": KernelThinning(**common),
        "KMeansCondenser": KMeansCondenser(**common),
        "TabularCondenser": TabularCondenser(**common),
        "TabularCondenser, random rows": TabularCondenser(rows=RandomSubset(), **common),
        "TabularCondenser, k-medoids": TabularCondenser(rows=KMedoids(), **common),
    }
    if table.has_classes:
        teacher = HistGradientBoostingClassifier(early_stopping=False)
        found["SoftLabelRandom"] = SoftLabelRandom(teacher=teacher, **common)
    return found


def show(lines: list[dict[str, Any]]) -> None:
    """Print, by table and share, what all and random rows score, and what is lost as a part of what these lose."""
    flat = pd.DataFrame([{**line, "model": name, "score": s} for line in lines for name, s in line["scores"].items()])
    flat = flat[flat["model"] != "naive Bayes"]  # it is better on fewer rows of some tables
    mean = flat.groupby(["table", "n", "method", "seed"])["score"].mean()
    others = [name for name in flat["method"].unique() if name not in ("all rows", RANDOM)]
    print(f"\n| table | share | all rows | random rows | {' | '.join(others)} |")
    print("|---|---|---|---|" + "---|" * len(others))
    for table in (name for name in TABLES if name in mean.index):
        full = mean[table, 0, "all rows"].mean()
        for share in SHARES:
            if (table, share) not in mean.index.droplevel([2, 3]):
                continue
            at = mean[table, share].unstack("seed").mean(axis=1)
            lost = [(full - at[name]) / (full - at[RANDOM]) if name in at.index else np.nan for name in others]
            cells = " | ".join("" if np.isnan(value) else f"{value:.2f}" for value in lost)
            print(f"| {table} | {100 * share:g}% | {100 * full:.1f} | {100 * at[RANDOM]:.1f} | {cells} |")
    _worse(flat)


def _worse(flat: pd.DataFrame) -> None:
    """Print the pairs of a table and a model for which the default is worse than random rows."""
    key = ["table", "model", "n", "seed"]
    by_method = {name: rows.set_index(key)["score"] for name, rows in flat.groupby("method")}
    gain = (by_method["TabularCondenser"] - by_method[RANDOM]).dropna().groupby(["table", "model", "n"])
    bound = gain.mean() + 2 * gain.std() / np.sqrt(gain.size())
    worse = (100 * gain.mean()[bound < 0]).round(2).to_dict()
    print(f"\nOf {gain.ngroups} sets and models, TabularCondenser is worse than random rows for {len(worse)}: {worse}")


def main() -> None:
    """Compute what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="JSON lines, to which scores are added; regrets.py adds to the same")
    parser.add_argument("--tables", nargs="+", default=list(TABLES))
    parser.add_argument("--shares", type=float, nargs="+", default=list(SHARES))
    parser.add_argument("--methods", nargs="+", default=[""], help="parts of names")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--show", action="store_true", help="compute nothing")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    os.environ["PYTHONWARNINGS"] = "ignore"
    lines = [json.loads(line) for line in args.file.read_text().splitlines()] if args.file.exists() else []
    known = {(line["table"], line["seed"], line["n"], line["method"]) for line in lines}
    for seed in [] if args.show else args.seeds:
        for name in args.tables:
            table = Generated(seed) if name == "generated" else Table(name, seed)
            for share in args.shares:
                full = (line for line in records(table, 0, [], known) if line["method"] == "all rows")
                sets = table.measured(share, methods(table, share), known, args.methods)
                for line in chain(full, sets):
                    known.add((line["table"], line["seed"], line["n"], line["method"]))
                    lines.append(line)
                    with args.file.open("a") as file:
                        file.write(json.dumps(line) + "\n")
    show(lines)


if __name__ == "__main__":
    main()
