"""How much of what is lost by taking random rows is lost by taking condensed ones: over tables, sizes and models.

Regret = (score on all rows - score on the set) / (score on all rows - score on ten random rows a class): 0 is as good
as all rows, 1 no better than random ones. Each score is added to a file as soon as it is there; what is in it is not
computed again.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from data import TABLES, folder, table_encoder
from scores import apart
from sklearn.base import clone, is_classifier
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

from skdc import (
    AutoCondenser,
    Condenser,
    GeneralCondenser,
    GreedyKernelPoints,
    KernelInducingPoints,
    KMeansCondenser,
    KMedoids,
    RandomSubset,
    SoftLabelRandom,
    TabularCondenser,
    WassersteinCoreset,
    at_most,
)
from skdc.condensed import CondensedSet
from skdc.evaluation.protocol import score_of
from skdc.preprocessing import PiecewiseLinearEncoder, TabularEncoder

CLASSES = {
    "titanic": ("survived", ["alive"]),
    **TABLES,
    "segment": ("class", []),
    "soybean": ("class", []),
    "hypothyroid": ("Class", []),
    "mammography": ("class", []),
}
VALUES = {
    "california_housing": ("median_house_value", []),
    "diamonds": ("price", []),
    "abalone": ("rings", []),
    "wage": ("wage", []),
    "life_expectancy": ("life_expectancy", []),
}
SCORING = {"hypothyroid": "balanced_accuracy", "mammography": "average_precision"}  # accuracy hides rare classes
N_DRAWS = 5  # random sets of each split, for the denominator
_COSTS = ("seconds", 1), ("mebibytes", 0)
BUDGET = 15  # seconds that AutoCondenser has, told the model


class Table:
    """A split of a table, 30% of it for the test; and what models see of its rows.

    Models see what is fitted on all training rows: standardised numbers, medians where they are missing, indicators of
    categories.

    Parameters
    ----------
    name : str
    seed : int
    most_rows : int, default=None
        Rows to train on, at most; None takes all of them.
    """

    def __init__(self, name: str, seed: int, most_rows: int | None = None) -> None:
        X, y = table_rows(name)
        self.has_classes, self.name, self.seed = name not in VALUES, name, seed
        y = y if self.has_classes else y.astype(float)
        stratify = y if self.has_classes else None
        parts = train_test_split(X, y, test_size=0.3, random_state=seed, stratify=stratify)
        self.X, self.X_test, self.y, self.y_test = parts
        if most_rows is not None and most_rows < len(self.X):
            stratify = self.y if self.has_classes else None
            parts = train_test_split(self.X, self.y, train_size=most_rows, random_state=seed, stratify=stratify)
            self.X, self.y = parts[0], parts[2]
        self.encoder = table_encoder(X).fit(self.X)

    def size(self, n: int) -> int:
        """Return the rows of a set of n a class; without classes, those of two classes."""
        return n * (self.y.nunique() if self.has_classes else 2)

    def models(self) -> dict[str, Any]:
        """Return the models, with scikit-learn's defaults but for leaves of one row or more in boosting."""
        seed = self.seed
        if self.has_classes:
            return {
                "boosting": HistGradientBoostingClassifier(min_samples_leaf=1, random_state=seed),
                "forest": RandomForestClassifier(random_state=seed),
                "logistic": LogisticRegression(max_iter=1000),
                "naive Bayes": GaussianNB(),
                "MLP": MLPClassifier(max_iter=500, random_state=seed),
                "5-NN": KNeighborsClassifier(),
            }
        network = MLPRegressor(max_iter=500, random_state=seed)
        return {
            "boosting": HistGradientBoostingRegressor(min_samples_leaf=1, random_state=seed),
            "forest": RandomForestRegressor(random_state=seed),
            "ridge": Ridge(),
            "MLP": TransformedTargetRegressor(network, transformer=StandardScaler()),
            "5-NN": KNeighborsRegressor(),
        }

    def scores(self, X: Any, y: Any, weight: Any = None, soft: Any = None, classes: Any = None) -> dict[str, float]:
        """Return the test score of each model trained on rows: accuracy, balanced where it says more, or R squared."""
        shown, tested = (self.encoder.transform(rows).astype(np.float32) for rows in (X, self.X_test))
        condensed = CondensedSet(shown, np.asarray(y), weight, soft, classes)
        trained = {name: condensed.train(clone(model)) for name, model in self.models().items()}
        scoring = SCORING.get(self.name)
        return {name: score_of(model, tested, self.y_test, scoring) for name, model in trained.items()}

    def measured(
        self, n: float, condensers: dict[str, Any], known: set[tuple], wanted: list[str]
    ) -> Iterator[dict[str, Any]]:
        """Yield, of condensers whose names hold a wanted part, the scores on their sets that are not known yet."""
        for method, condenser in condensers.items():
            key = self.name, self.seed, n, method
            if key in known or not any(part in method for part in wanted):
                continue
            start = time.perf_counter()
            fitted = condenser.fit(self.X, self.y)
            seconds = time.perf_counter() - start
            scores = self.scores(*fitted, fitted.sample_weight_, fitted.y_soft_, getattr(fitted, "classes_", None))
            print(*key, f"{np.mean(list(scores.values())):.4f} ({seconds:.1f} s)", flush=True)
            line = dict(zip(("table", "seed", "n", "method"), key, strict=True), scores=scores)
            yield line | {"seconds": round(seconds, 2), "mebibytes": 0}


def table_rows(name: str) -> tuple[pd.DataFrame, pd.Series]:
    """Return the rows of a table and their targets; without a class of two rows, which no split can share out."""
    frame = pd.read_csv(folder() / f"{name}.csv.gz", na_values="?")
    target, dropped = (CLASSES | VALUES)[name]
    if name == "hypothyroid":
        frame = frame[frame.groupby(target)[target].transform("size") > 2].reset_index(drop=True)
    return frame.drop(columns=[target, *dropped]), frame[target]


def methods(size: int, n: int, has_classes: bool, seed: int) -> dict[str, Any]:
    """Return the condensers: with equal shares of the classes, or in proportion."""
    share = {"n_samples": size, "random_state": seed, "task": "classification" if has_classes else "regression"}
    piecewise = TabularEncoder(PiecewiseLinearEncoder())
    found = {
        "RandomSubset": RandomSubset(**share),
        "KMedoids": KMedoids(**share),
        "GreedyKernelPoints": GreedyKernelPoints(**share),
        "WassersteinCoreset": WassersteinCoreset(**share),
        "KernelInducingPoints": KernelInducingPoints(**share),
        "KernelInducingPoints, piecewise-linear": KernelInducingPoints(encoder=piecewise, **share),
        "TabularCondenser": TabularCondenser(**share),
        "AutoCondenser": AutoCondenser(time_budget=60, **share),
    }
    if has_classes:
        equal = {"n_per_class": n, "random_state": seed}
        found |= {
            "SoftLabelRandom": SoftLabelRandom(teacher=HistGradientBoostingClassifier(), **share),
            "KMeansCondenser": KMeansCondenser(**share),
            "GeneralCondenser": GeneralCondenser(**share),
            "RandomSubset, equal shares": RandomSubset(**equal),
            "KMedoids, equal shares": KMedoids(**equal),
            "GreedyKernelPoints, equal shares": GreedyKernelPoints(**equal),
            "TabularCondenser, equal shares": TabularCondenser(**equal),
        }
    return found


def records(table: Table, n: int, wanted: list[str], known: set[tuple]) -> Iterator[dict[str, Any]]:
    """Yield the scores for sets of n rows a class that are wanted and not known yet; for n = 0 the two measures."""

    def line(method: str, scores: dict[str, float], seconds: float = 0.0, mebibytes: float = 0.0) -> dict[str, Any]:
        key = {"table": table.name, "seed": table.seed, "n": n, "method": method}
        return key | {"scores": scores, "seconds": round(seconds, 2), "mebibytes": round(mebibytes)}

    def missing(found: dict[str, Any], chosen: list[str]) -> Iterator[tuple[str, Any]]:
        for method, value in found.items():
            named = not chosen or any(part.lower() in method.lower() for part in chosen)
            if named and (table.name, table.seed, n, method) not in known:
                yield method, value

    if n == 0:
        measures = {"all rows": all_rows, "ten random rows a class": random_rows}
        yield from (line(method, measure(table)) for method, measure in missing(measures, []))
        return
    for method, condenser in missing(methods(table.size(n), n, table.has_classes, table.seed), wanted):
        seconds, mebibytes, fitted = apart(condenser.fit, table.X, table.y)
        given = *fitted, fitted.sample_weight_, fitted.y_soft_, getattr(fitted, "classes_", None)
        yield line(method, table.scores(*given), seconds, mebibytes)
        if method.endswith("equal shares"):
            yield line(f"{method}, no weights", table.scores(*given[:2], None, *given[3:]))
    told = {f"AutoCondenser for {name}": (name, model) for name, model in table.models().items()}
    for method, (name, model) in missing(told, wanted):
        yield line(method, *_told(table, name, model, n))


def all_rows(table: Table) -> dict[str, float]:
    """Return the scores of models that are trained on all rows."""
    return table.scores(table.X, table.y)


def random_rows(table: Table) -> dict[str, float]:
    """Return the scores of models that are trained on ten random rows a class, means over draws."""
    drawn = []
    for draw in range(N_DRAWS):
        size = (
            {"n_per_class": at_most(10)} if table.has_classes else {"n_samples": table.size(10), "task": "regression"}
        )
        X, y = RandomSubset(random_state=1000 * table.seed + draw, **size).fit(table.X, table.y)
        drawn.append(table.scores(X, y))
    return {name: float(np.mean([scores[name] for scores in drawn])) for name in drawn[0]}


def _told(table: Table, name: str, model: Any, n: int) -> tuple[dict[str, float], float]:
    """Return the score of the model on a set that is chosen for it, and the seconds that the choice took."""
    rows = pd.DataFrame(table.encoder.transform(table.X).astype(np.float32), index=table.X.index)
    scoring = SCORING.get(table.name)
    auto = AutoCondenser(model, scoring, time_budget=BUDGET, n_samples=table.size(n), random_state=table.seed)
    auto.set_params(task="classification" if is_classifier(model) else "regression")
    start = time.perf_counter()
    auto.fit(rows, table.y)
    seconds = time.perf_counter() - start
    tested = pd.DataFrame(table.encoder.transform(table.X_test).astype(np.float32))
    trained = auto.condensed_.train(clone(model))
    return {name: score_of(trained, tested, table.y_test, scoring)}, seconds


def regrets(lines: list[dict[str, Any]], tables: list[str]) -> pd.DataFrame:
    """Return the regret by method, size, table and model: of scores averaged over the seeds, from -1 to 3."""
    kept = [line for line in lines if line["table"] in tables]
    flat = pd.DataFrame(
        [{**line, "model": name, "score": score} for line in kept for name, score in line["scores"].items()]
    )
    flat["method"] = flat["method"].str.replace(r"AutoCondenser for .*", "AutoCondenser, told the model", regex=True)
    mean = flat.groupby(["method", "n", "table", "model"])["score"].mean()
    full, random = mean["all rows", 0], mean["ten random rows a class", 0]
    gap = full - random
    found = mean.reset_index()
    found = found[found["n"] > 0]
    key = pd.MultiIndex.from_frame(found[["table", "model"]])
    found["gap"], found["full"] = gap.reindex(key).to_numpy(), full.reindex(key).to_numpy()
    found = found[found["gap"] >= 0.01]
    found["regret"] = ((found["full"] - found["score"]) / found["gap"]).clip(-1, 3)
    return found


def show(lines: list[dict[str, Any]], tables: list[str], title: str) -> None:
    """Print mean regrets as Markdown: by size and, for ten a class, by model; and the costs."""
    found = regrets(lines, tables)
    cost = pd.DataFrame([line for line in lines if line["table"] in tables and line["n"] == 10])
    cost = cost.groupby("method")[["seconds", "mebibytes"]].median()
    measured = cost.index[cost["seconds"] > 0]
    sizes = sorted(found["n"].unique())
    by_model = found[found["n"] == 10].groupby(["method", "model"])["regret"].mean().unstack()
    by_size = found.groupby(["method", "n"])["regret"].mean().unstack().sort_values(10)
    print(f"\n### {title}\n")
    print("| method | " + " | ".join(f"{n} a class" for n in sizes) + " | ", end="")
    print(" | ".join(f"10: {name}" for name in by_model) + " | seconds | MiB |")
    print("|---|" + "---|" * (len(sizes) + len(by_model.columns) + 2))
    for method, row in by_size.iterrows():
        cells = [f"{row[n]:.2f}" if n in row and np.isfinite(row[n]) else "" for n in sizes]
        cells += [f"{by_model.loc[method, name]:.2f}" if method in by_model.index else "" for name in by_model]
        cells += [f"{cost[what][method]:.{digits}f}" if method in measured else "" for what, digits in _COSTS]
        print(f"| {method} | " + " | ".join(cells) + " |")


def promises(lines: list[dict[str, Any]], tables: list[str]) -> None:
    """Print whether AutoCondenser keeps what it promises: its time, and to be no worse than random rows."""
    told = [line for line in lines if line["table"] in tables and line["method"].startswith("AutoCondenser for")]
    if not told:
        return
    used = np.array([line["seconds"] / BUDGET for line in told])
    print(
        f"\nAutoCondenser, told the model, used {np.median(used):.2f} of its budget (median), {used.max():.2f} at most."
    )
    flat = pd.DataFrame([{**line, "model": name, "score": s} for line in lines for name, s in line["scores"].items()])
    key = ["table", "model", "n", "seed"]
    mine = flat[flat["method"].str.startswith("AutoCondenser for")].set_index(key)["score"]
    random = flat[flat["method"].isin(["RandomSubset", "RandomSubset, equal shares"])].groupby(key)["score"].max()
    gain = (mine - random.reindex(mine.index)).dropna().groupby(["table", "model", "n"])
    worse = gain.mean()[gain.mean() + 2 * gain.std() / np.sqrt(gain.size()) < 0].to_dict()
    print(
        f"Of {gain.ngroups} pairs of a table and a model at some size, {len(worse)} are worse than the better of "
        f"random rows in proportion and in equal shares, by more than two standard errors over the seeds: {worse}"
    )


def default_fits(tables: list[str]) -> None:
    """Print what `Condenser()` takes for all rows of each table."""
    for name in tables:
        X, y = table_rows(name)
        task = "classification" if name in CLASSES else "regression"
        seconds, mebibytes, _ = apart(Condenser(task=task, random_state=0).fit, X, y)
        print(f"{name}: Condenser() takes {seconds:.1f} s and {mebibytes:.0f} MiB for {len(X)} rows", flush=True)


def main() -> None:
    """Compute what is missing, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="JSON lines, to which scores are added")
    parser.add_argument("--tables", nargs="+", choices=[*CLASSES, *VALUES], default=[*CLASSES, *VALUES])
    parser.add_argument("--n-per-class", type=int, nargs="+", default=[10, 50, 100])
    parser.add_argument("--methods", nargs="+", default=[], help="parts of names; all by default")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--show", action="store_true", help="compute nothing")
    parser.add_argument("--time", action="store_true", help="time Condenser() on all rows of the tables, and no more")
    args = parser.parse_args()
    warnings.simplefilter("ignore")  # a learner that has not converged on ten rows is no news
    os.environ["PYTHONWARNINGS"] = "ignore"
    if args.time:
        default_fits(args.tables)
        return
    lines = [json.loads(line) for line in args.file.read_text().splitlines()] if args.file.exists() else []
    known = {(line["table"], line["seed"], line["n"], line["method"]) for line in lines}
    for seed in range(0 if args.show else args.seeds):
        for name in args.tables:
            table = Table(name, seed)
            for n in [0, *args.n_per_class]:
                for line in records(table, n, args.methods, known):
                    lines.append(line)
                    with args.file.open("a") as file:
                        file.write(json.dumps(line) + "\n")
                    scores = " ".join(f"{model} {score:.3f}" for model, score in line["scores"].items())
                    print(f"{name} {seed} {n} {line['method']}: {scores} ({line['seconds']} s)", flush=True)
    for title, tables in (("Classes", CLASSES), ("Continuous targets", VALUES)):
        present = [name for name in tables if any(line["table"] == name for line in lines)]
        if present:
            show(lines, present, f"{title}: {', '.join(present)}")
            promises(lines, present)


if __name__ == "__main__":
    main()
