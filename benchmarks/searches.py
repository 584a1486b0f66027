"""Whether a search on a condensed set chooses what a search on all rows chooses, and how much sooner.

Forty settings of boosting, support vector machines and perceptrons are trained on all rows and on sets, and scored on
the same rows held out. Each score is added to a file as soon as it is there; what is in it is not computed again.
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
from data import TABLES, folder, table_encoder
from scipy.stats import kendalltau
from sklearn.base import ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import ParameterGrid, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

from skdc import Condenser, KernelThinning, KMeansCondenser, KMedoids, RandomSubset, SoftLabelRandom
from skdc.condensed import CondensedSet
from skdc.discrepancies import QuantizationError
from skdc.parameterizations import Subset
from skdc.solvers import Greedy

MOST_ROWS = 10_000  # to train on, so that the search on all of them ends; as many at most for the test
MOST_HELD_OUT = 5_000
GRIDS: dict[str, dict[str, list[Any]]] = {
    "boosting": {"learning_rate": [0.03, 0.1, 0.3], "max_leaf_nodes": [4, 31], "min_samples_leaf": [5, 50]},
    "SVC": {"C": [0.1, 1, 10, 100], "gamma": [0.01, 0.1, 1, 10]},  # gamma in units of 1 / number of columns
    "MLP": {"hidden_layer_sizes": [[32], [64, 64]], "alpha": [1e-4, 1], "learning_rate_init": [3e-4, 3e-3, 3e-2]},
}
SETTINGS = [(family, setting) for family, grid in GRIDS.items() for setting in ParameterGrid(grid)]

N_FINALISTS = 3  # are trained on all rows, where the best of them is chosen
KEY = ["table", "seed", "method", "share", "scaled"]  # a search


class Place(NamedTuple):
    """Which score: of a setting (the number in `SETTINGS`), or of no setting the seconds of condensing."""

    table: str
    seed: int
    method: str
    share: float
    scaled: bool
    setting: int | None


class Table:
    """A split of a table: rows to train on, rows by whose scores a setting is chosen, and test rows.

    Parameters
    ----------
    name : str
    seed : int
    """

    def __init__(self, name: str, seed: int) -> None:
        frame = pd.read_csv(folder() / f"{name}.csv.gz", na_values="?")
        target, dropped = TABLES[name]
        X, y = frame.drop(columns=[target, *dropped]), frame[target]
        most = MOST_ROWS, MOST_HELD_OUT, MOST_ROWS
        sizes = [min(largest, int(part * len(y))) for largest, part in zip(most, (0.6, 0.2, 0.2), strict=True)]
        self.name, self.seed = name, seed
        self.X, X_other, self.y, y_other = train_test_split(
            X, y, train_size=sizes[0], test_size=sizes[1] + sizes[2], random_state=seed, stratify=y
        )
        X_held_out, X_test, self.y_held_out, self.y_test = train_test_split(
            X_other, y_other, train_size=sizes[1], random_state=seed, stratify=y_other
        )
        self.encoder = table_encoder(X).fit(self.X)
        self.held_out, self.test = self.shown(X_held_out), self.shown(X_test)

    def shown(self, X: pd.DataFrame) -> np.ndarray:
        """Return rows as learners see them: by medians, means and deviations of the training rows."""
        return self.encoder.transform(X).astype(np.float32)

    def score(self, condensed: CondensedSet, place: Place) -> dict[str, Any]:
        """Return accuracies of a setting that is trained on a set, and the seconds of training and choosing."""
        learner = self.learner(place, len(self.y) / len(condensed.y))
        start = time.perf_counter()
        condensed.train(learner)
        held_out = learner.score(self.held_out, self.y_held_out)
        seconds = time.perf_counter() - start
        test = learner.score(self.test, self.y_test)
        return {"held_out": round(held_out, 5), "test": round(test, 5), "seconds": round(seconds, 3)}

    def learner(self, place: Place, smaller: float) -> ClassifierMixin:
        """Return the learner of a setting; scaled, it is regularised as for a set so many times smaller."""
        family, setting = SETTINGS[place.setting]
        if family == "boosting":
            leaf = setting["min_samples_leaf"]
            leaf = max(1, round(leaf / smaller)) if place.scaled else leaf
            return HistGradientBoostingClassifier(**setting | {"min_samples_leaf": leaf}, random_state=self.seed)
        if family == "SVC":
            C = setting["C"] * smaller if place.scaled else setting["C"]
            return SVC(C=C, gamma=setting["gamma"] / self.test.shape[1])
        return MLPClassifier(**setting, random_state=self.seed)


def condensers(share: float, seed: int) -> dict[str, Any]:
    """Return what makes the sets, classes in proportion."""
    size = {"n_samples": share, "task": "classification", "random_state": seed}
    teacher = HistGradientBoostingClassifier()
    labeled = Subset(labels="teacher", teacher=teacher)
    return {
        "random rows": RandomSubset(**size),
        "SoftLabelRandom": SoftLabelRandom(teacher=teacher, **size),
        "KMedoids": KMedoids(**size),
        "KernelThinning": KernelThinning(**size),
        "KMeansCondenser": KMeansCondenser(**size),
        "KMedoids, teacher": Condenser(QuantizationError(exponent=1), labeled, Greedy(n_passes=10), **size),
        "Condenser": Condenser(**size),
    }


def scores(table: Table, method: str, share: float, scaled: bool, known: set[Place]) -> Iterator[dict[str, Any]]:
    """Yield the scores of all settings on a set that are not known yet; a share of 1 is all rows."""
    places = [Place(table.name, table.seed, method, share, False, place) for place in [None, *range(len(SETTINGS))]]
    if scaled and share < 1:  # perceptrons divide their penalty by the rows of a batch, whatever the set
        others = [number for number, (family, _) in enumerate(SETTINGS) if family != "MLP"]
        places += [Place(table.name, table.seed, method, share, True, number) for number in others]
    missing = [place for place in places if place not in known]
    if not missing:
        return
    start = time.perf_counter()
    if share == 1:
        condensed = CondensedSet(table.shown(table.X), table.y.to_numpy())
    else:
        made = condensers(share, table.seed)[method].fit(table.X, table.y).condensed_
        alike = np.ptp(made.sample_weight) < 0.1  # weights say nothing then, and boosting takes longer with any
        weight = None if alike else made.sample_weight
        condensed = replace(made, X=table.shown(made.X), sample_weight=weight)
    seconds = time.perf_counter() - start
    for place in missing:
        found = {"seconds": round(seconds, 3)} if place.setting is None else table.score(condensed, place)
        yield place._asdict() | found


def compared(lines: list[dict[str, Any]]) -> pd.DataFrame:
    """Return, for each set and way to regularise, how its search compares with that on all rows."""
    frame = pd.DataFrame(lines)
    searches = {key: found.set_index("setting") for key, found in frame.groupby(KEY)}
    rows = []
    for (table, seed, method, share, scaled), search in searches.items():
        plain = searches[table, seed, method, share, False]
        found = search.combine_first(plain) if scaled else plain
        everything = searches.get((table, seed, "all rows", 1.0, False), pd.DataFrame())
        if len(found) <= len(SETTINGS) or len(everything) <= len(SETTINGS):
            continue  # not all scores are there yet
        seconds, seconds_all = found["seconds"].sum(), everything["seconds"].sum()
        scores, scores_all = (part.drop(np.nan).sort_index() for part in (found, everything))
        chosen = (-scores["held_out"].to_numpy()).argsort(kind="stable")
        finals = scores_all.iloc[chosen[:N_FINALISTS]]
        tests, best = scores_all["test"].to_numpy(), scores_all["held_out"].to_numpy().argmax()
        rows.append(
            {
                **dict(zip(KEY, (table, seed, method, share, scaled), strict=True)),
                "tau": kendalltau(scores["held_out"], scores_all["held_out"]).statistic,
                "tau, test": kendalltau(scores["held_out"], scores_all["test"]).statistic,
                "loss": 100 * (tests[best] - tests[chosen[0]]),
                "loss of finalists": 100 * (tests[best] - finals["test"][finals["held_out"].idxmax()]),
                "test": 100 * tests[chosen[0]],
                "condensing": found["seconds"][np.nan],
                "seconds": seconds,
                "quicker": seconds_all / seconds,
                "quicker with finalists": seconds_all / (seconds + finals["seconds"].sum()),
            }
        )
    return pd.DataFrame(rows)


def show(lines: list[dict[str, Any]]) -> None:
    """Print the comparison as Markdown: over all tables by share, and what searches take by table."""
    found = compared(lines)
    for name, searched in found[found["method"] == "all rows"].groupby("table"):
        test, seconds, tau = searched[["test", "seconds", "tau, test"]].mean()
        print(
            f"{name}, {len(searched)} seeds: {test:.1f}% on test rows by the choice on all rows, {seconds:.0f} s;",
            end="",
        )
        print(f" tau of the scores on the rows held out and on the test rows {tau:.2f}")
    found = found[found["method"] != "all rows"]
    found["set"] = found["method"] + np.where(found["scaled"], ", scaled", "")
    shares = sorted(found["share"].unique())
    by_share = [f"{title}, {share:.0%}" for title in ("tau", "loss", "loss of three") for share in shares]
    print_header("set", by_share)
    tables = list(found["table"].unique())
    for name, of_set in found.groupby("set"):
        if of_set["table"].nunique() < len(tables):
            continue  # its means would be those of other tables
        by_share = [of_set[of_set["share"] == share] for share in shares]
        measures = [(measure, part) for measure in ("tau", "loss", "loss of finalists") for part in by_share]
        print(f"| {name} | " + " | ".join(with_deviation(part, measure) for measure, part in measures) + " |")
    columns = {"tau": "tau", "loss": "loss", "condensing": "condensing", "seconds": "search", "quicker": "quicker"}
    columns["quicker with finalists"] = "with three"
    print_header("set, share", [f"{table}: {title}" for table in tables for title in columns.values()])
    mean = found.groupby(["set", "share", "table"])[list(columns)].mean().unstack("table").swaplevel(axis=1)
    for (name, share), row in mean.iterrows():
        cells = [_cell(row[table, measure], measure) for table in tables for measure in columns]
        print(f"| {name}, {share:.0%} | " + " | ".join(cells) + " |")


def print_header(label: str, columns: list[str]) -> None:
    """Print the head of a table."""
    print(f"\n| {label} | " + " | ".join(columns) + " |\n|---|" + "---|" * len(columns))


def with_deviation(found: pd.DataFrame, measure: str) -> str:
    """Return the mean over tables and seeds, and the deviation over the seeds of the mean over tables."""
    by_seed = found.groupby("seed")[measure].mean()
    return f"{by_seed.mean():.2f} ± {by_seed.std(ddof=0):.2f}"


def _cell(value: float, measure: str) -> str:
    if np.isnan(value):
        return ""
    return f"{value:.2f}" if measure in ("tau", "loss") else f"{value:.1f}"


def main() -> None:
    """Compute what is missing, and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="JSON lines, to which scores are added")
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=["phoneme", "magic", "adult"])
    parser.add_argument("--methods", nargs="+", default=["all rows", *condensers(0.1, 0)])
    parser.add_argument("--shares", type=float, nargs="+", default=[0.01, 0.05, 0.1])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--scaled", action="store_true", help="also regularise as for the size of the set")
    parser.add_argument("--show", action="store_true", help="compute nothing")
    args = parser.parse_args()
    warnings.simplefilter("ignore")  # a perceptron that has not converged is a setting like others
    lines = [json.loads(line) for line in args.file.read_text().splitlines()] if args.file.exists() else []
    known = {Place(*(line[name] for name in Place._fields)) for line in lines}
    for seed, name in product([] if args.show else args.seeds, args.tables):
        table = Table(name, seed)
        for method in args.methods:
            for share in [1.0] if method == "all rows" else args.shares:
                for line in scores(table, method, share, args.scaled, known):
                    lines.append(line)
                    with args.file.open("a") as file:
                        file.write(json.dumps(line) + "\n")
                print(f"{name} {seed} {method} {share}: there", flush=True)
    shown = [line for line in lines if line["table"] in args.tables and line["seed"] in args.seeds]
    show([line for line in shown if args.scaled or not line["scaled"]])


if __name__ == "__main__":
    main()
