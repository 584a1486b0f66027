"""Choose the default scale of the columns of tables, and say how it does against random rows, k-means and k-medoids.

Each candidate is measured on each table; for each table that one is chosen that did best on the others, and judged on
that table. Scores are added to a file as soon as they are there; what is in it is not computed again.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from data import folder, table_encoder
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, average_precision_score, balanced_accuracy_score, r2_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

from skdc import Condenser, KMeansCondenser, KMedoids, RandomSubset, TabularCondenser
from skdc.condensed import CondensedSet
from skdc.discrepancies import SquaredL2
from skdc.kernels import Gaussian
from skdc.parameterizations import Subset
from skdc.preprocessing import NormalScores, TabularEncoder
from skdc.solvers import Greedy
from skdc.spaces import KernelRidgePredictions

CLASSES = {
    "adult": ("income", ["split"]),
    "bank_full": ("y", ["duration"]),
    "magic": ("class", []),
    "phoneme": ("class", []),
    "credit_g": ("class", []),
    "titanic": ("survived", ["alive"]),
    "segment": ("class", []),
    "hypothyroid": ("Class", []),
    "soybean": ("class", []),
    "mammography": ("class", []),
}
VALUES = {
    "california_housing": ("median_house_value", []),
    "diamonds": ("price", []),
    "abalone": ("rings", []),
    "wage": ("wage", []),
    "life_expectancy": ("life_expectancy", []),
}
UNEVEN = "hypothyroid", "mammography"  # scored by balanced accuracy
MOST = 10_000, 4_000  # training and test rows


class SmoothClip(TransformerMixin, BaseEstimator):
    """Robust scale and smooth clipping at 3 (Holzmuller et al., "Better by Default", 2024, section 3)."""

    def fit(self, X: Any, y: object = None) -> Any:
        """Find the median and the scale of each column."""
        low, self.center_, high = np.quantile(X, [0.25, 0.5, 0.75], axis=0)
        half = np.ptp(X, axis=0) / 2
        self.scale_ = np.where(high > low, (high - low) / 1.349, np.where(half > 0, half, 1))
        return self

    def transform(self, X: Any) -> Any:
        """Return codes between -3 and 3."""
        z = (X - self.center_) / self.scale_
        return z / np.hypot(1, z / 3)

    def inverse_transform(self, X: Any) -> Any:
        """Return what codes stand for."""
        share = np.clip(X / 3, -1 + 1e-16, 1 - 1e-16)
        return self.center_ + self.scale_ * 3 * share / np.sqrt((1 - share) * (1 + share))


SCALES = {"normal scores": NormalScores(), "smooth clip": SmoothClip(), "standard": StandardScaler()}
PARTS = 0.6, 0.0, 0.3, 1.0, 2.0  # of the loss by class, beside that of all rows


class Table:
    """A split of a table; models see what is fitted on all training rows.

    Parameters
    ----------
    name : str
    seed : int
    """

    def __init__(self, name: str, seed: int) -> None:
        frame = pd.read_csv(folder() / f"{name}.csv.gz", na_values="?")
        target, dropped = (CLASSES | VALUES)[name]
        if name == "hypothyroid":  # a class of two rows cannot be in both parts
            frame = frame[frame.groupby(target)[target].transform("size") > 2].reset_index(drop=True)
        X, y = frame.drop(columns=[target, *dropped]), frame[target]
        self.name, self.seed, self.has_classes = name, seed, name in CLASSES
        stratify = y if self.has_classes else None
        y = y if self.has_classes else y.astype(float)
        sizes = min(MOST[0], int(0.7 * len(y))), min(MOST[1], int(0.3 * len(y)))
        parts = train_test_split(X, y, train_size=sizes[0], test_size=sizes[1], random_state=seed, stratify=stratify)
        self.X, X_test, self.y, self.y_test = parts
        self.encoder = table_encoder(X).fit(self.X)
        self.tested = self.encoder.transform(X_test).astype(np.float32)

    def learners(self) -> list[Any]:
        """Return five learners, at quick settings."""
        seed = self.seed
        if self.has_classes:
            return [
                LogisticRegression(max_iter=300),
                HistGradientBoostingClassifier(min_samples_leaf=1, max_iter=30, random_state=seed),
                RandomForestClassifier(50, random_state=seed),
                KNeighborsClassifier(),
                MLPClassifier(max_iter=150, random_state=seed),
            ]
        return [
            Ridge(),
            HistGradientBoostingRegressor(min_samples_leaf=1, max_iter=30, random_state=seed),
            RandomForestRegressor(50, random_state=seed),
            KNeighborsRegressor(),
            MLPRegressor(max_iter=300, learning_rate_init=0.01, random_state=seed),
        ]

    def score(
        self, X: Any, y: Any, weight: Any = None, soft: Any = None, classes: Any = None
    ) -> dict[str, list[float]]:
        """Return the test scores of each learner trained on rows, by measure."""
        shown, y = self.encoder.transform(X).astype(np.float32), np.asarray(y)
        if not self.has_classes:
            shift, scale = y.mean(), y.std() or 1.0  # for the network's sake
            condensed = CondensedSet(shown, (y - shift) / scale, weight)
            models = [condensed.train(clone(model)) for model in self.learners()]
            return {"R2": [float(r2_score(self.y_test, scale * m.predict(self.tested) + shift)) for m in models]}
        condensed = CondensedSet(shown, y, weight, soft, classes)
        models = [condensed.train(clone(model)) for model in self.learners()]
        if self.name not in UNEVEN:
            return {"accuracy": [float(accuracy_score(self.y_test, m.predict(self.tested))) for m in models]}
        found = {
            "balanced accuracy": [float(balanced_accuracy_score(self.y_test, m.predict(self.tested))) for m in models]
        }
        if len(np.unique(self.y_test)) == 2:
            told = [
                m.predict_proba(self.tested)[:, 1] if len(m.classes_) == 2 else np.zeros(len(self.y_test))
                for m in models
            ]
            found["average precision"] = [float(average_precision_score(self.y_test == 1, one)) for one in told]
        return found


def methods(n: int, table: Table) -> dict[str, Any]:
    """Return the candidates and what they are measured against."""
    n_classes = table.y.nunique()
    common = {"random_state": table.seed, "task": "classification" if table.has_classes else "regression"}
    share = {"n_samples": n * (n_classes if table.has_classes else 2), **common}
    equal = share
    if table.has_classes:
        there = table.y.value_counts()
        equal = {"n_per_class": {label: min(n, size) for label, size in there.items()}, **common}
        share["n_samples"] = min(sum(equal["n_per_class"].values()), len(table.y))
    scaled = {"encoder": TabularEncoder(StandardScaler())}
    found = {name: TabularCondenser(**part, **equal) for name, part in candidates(table.has_classes).items()}
    return found | {
        "random rows": RandomSubset(**share),
        "random rows, again": RandomSubset(**{**share, "random_state": 1000 + table.seed}),
        "k-means": KMeansCondenser(voting="centroid", **scaled, **equal),
        "k-medoids": KMedoids(**scaled, **equal),
        "k-medoids in proportion": KMedoids(**scaled, **share),
    }


def candidates(has_classes: bool) -> dict[str, dict[str, Any]]:
    """Return what may be the default: scales of numbers and, for classes, what the loss by class counts."""
    krr = KernelRidgePredictions(kernel=Gaussian(factor=0.5), regularization=0.01, kernel_rate=0.0)
    found: dict[str, dict[str, Any]] = {}
    for name, scale in SCALES.items():
        encoder = TabularEncoder(scale)
        if not has_classes:
            found[name] = {"encoder": encoder}
            continue
        for part in PARTS if name == "normal scores" else PARTS[:1]:
            loss = SquaredL2(space=krr, by=None)
            loss = loss + part * SquaredL2(space=krr, by="class") if part else loss
            found[f"{name}, {part:g}"] = {"encoder": encoder, "rows": Condenser(loss, Subset(), Greedy(n_passes=1))}
    return found


def measured(table: Table, n: int, known: set[tuple], wanted: list[str]) -> list[dict[str, Any]]:
    """Return the scores that are not known yet: with all that a learner can use of a set, and of rows and labels."""
    lines = []
    for method, condenser in methods(n, table).items():
        key = table.name, table.seed, n, method
        if key in known or not any(part in method for part in wanted):
            continue
        start = time.perf_counter()
        X, y = fitted = condenser.fit(table.X, table.y)
        seconds = time.perf_counter() - start
        measures = table.score(X, y, fitted.sample_weight_, fitted.y_soft_, getattr(fitted, "classes_", None))
        line = dict(zip(("table", "seed", "n", "method"), key, strict=True), shown=measures, bare=table.score(X, y))
        means = [f"{np.mean(scores):.3f}" for how in ("shown", "bare") for scores in line[how].values()]
        print(*key, *means, f"({seconds:.1f} s)", flush=True)
        lines.append(line | {"seconds": round(seconds, 2)})
    return lines


def flat(lines: list[dict[str, Any]], n: int, how: str) -> pd.DataFrame:
    """Return the mean score of the learners, a row for each set; a table that is scored twice is two."""
    kept = [line for line in lines if line["n"] == n]
    found = [
        {
            "method": line["method"].removesuffix(", again"),
            "table": f"{line['table']}, {measure}",
            "score": np.mean(one),
        }
        for line in kept
        for measure, one in line[how].items()
    ]
    frame = pd.DataFrame(found)
    frame["table"] = frame["table"].str.replace(r", (accuracy|R2)$", "", regex=True)
    return frame.groupby(["table", "method"])["score"].agg(["mean", "std", "count"])


def show(lines: list[dict[str, Any]], n: int) -> None:
    """Print the scores, the candidate chosen on the other tables, and how it does against the best of the others."""
    against = ["random rows", "k-means", "k-medoids"]
    shown = {how: flat(lines, n, how)["mean"].unstack() for how in ("shown", "bare")}
    # The promise is not to lose to any of these: what counts is by how much a candidate does.
    short = sum(mean.sub(mean[against].max(axis=1), axis=0).clip(upper=0) for mean in shown.values())
    for how, mean in shown.items():
        found = flat(lines, n, how)
        error = (found["std"] / np.sqrt(found["count"])).unstack()
        tried = [name for name in mean if name not in (*against, "k-medoids in proportion")]
        names = [*against, "k-medoids in proportion", *tried]
        print(f"\n### {n} a class, {how}\n")
        print(
            "| table | " + " | ".join(names) + " | chosen on the others | less the best | the default, less the best |"
        )
        print("|---|" + "---|" * (len(names) + 3))
        for has_classes in (True, False):
            tables = [name for name in mean.index if (name.split(",")[0] in CLASSES) == has_classes]
            known = short.loc[tables, tried].dropna(axis=1, how="all")
            for name in tables:
                others = [other for other in tables if other.split(",")[0] != name.split(",")[0]]
                best, rival = known.loc[others].mean().idxmax(), mean.loc[name, against].idxmax()
                default = f"normal scores, {PARTS[0]:g}" if has_classes else "normal scores"
                cells = ["" if np.isnan(mean.loc[name, one]) else f"{100 * mean.loc[name, one]:.1f}" for one in names]
                cells.append(best)
                for one in (best, default):
                    loss = mean.loc[name, one] - mean.loc[name, rival]
                    bound = 2 * np.hypot(error.loc[name, one], error.loc[name, rival])
                    cells.append(f"{100 * loss:+.1f} (two errors: {100 * bound:.1f})")
                print(f"| {name} | " + " | ".join(cells) + " |")


def main() -> None:
    """Compute what is missing, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="JSON lines, to which scores are added")
    parser.add_argument("--tables", nargs="+", default=[*CLASSES, *VALUES])
    parser.add_argument("--n", type=int, nargs="+", default=[10], help="rows a class; half as many in all for values")
    parser.add_argument("--methods", nargs="+", default=[""], help="parts of names")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--show", action="store_true", help="compute nothing")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    lines = [json.loads(line) for line in args.file.read_text().splitlines()] if args.file.exists() else []
    known = {(line["table"], line["seed"], line["n"], line["method"]) for line in lines}
    for seed in range(0 if args.show else args.seeds):
        for n in args.n:
            for name in args.tables:
                with args.file.open("a") as file:
                    for line in measured(Table(name, seed), n, known, args.methods):
                        file.write(json.dumps(line) + "\n")
                        lines.append(line)
    for n in args.n:
        show(lines, n)


if __name__ == "__main__":
    main()
