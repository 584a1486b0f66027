"""Choose the default for tables by leaving one table out, and say how it does against rows that are chosen simply.

Each candidate is measured on each table; for each table that one is chosen which loses least on the others, and judged
on that table. Scores are added to a file as soon as they are there; what is in it is not computed again.
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
from regrets import CLASSES, VALUES, Table, records, regrets

from skdc import Condenser, KMeansCondenser, KMedoids, RandomSubset, TabularCondenser, at_most
from skdc.discrepancies import QuantizationError, SquaredL2, ZeroOne
from skdc.parameterizations import Subset
from skdc.solvers import BestOf
from skdc.spaces import EstimatorPredictions

DEFAULT = "the default"
RIVALS = "random rows", "random rows, equal shares", "k-means", "k-medoids", "k-medoids, equal shares"


def methods(table: Table, n: int) -> dict[str, Any]:
    """Return the candidates, and what they are measured against."""
    task = "classification" if table.has_classes else "regression"
    seed = {"random_state": table.seed, "task": task}
    share = {"n_samples": min(table.size(n), len(table.X)), **seed}
    equal = {"n_per_class": at_most(n), **seed} if table.has_classes else share
    found = {
        "random rows": RandomSubset(**share),
        "k-means": KMeansCondenser(**equal),
        "k-medoids": KMedoids(max_rows=8192, **share),
    }
    if table.has_classes:
        found["random rows, equal shares"] = RandomSubset(**equal)
        found["k-medoids, equal shares"] = KMedoids(max_rows=8192, **equal)
    return found | {name: TabularCondenser(rows=rows, **equal) for name, rows in candidates(table.has_classes).items()}


def candidates(has_classes: bool) -> dict[str, Condenser | None]:
    """Return what may choose the rows by default; None is what does."""
    recipe = TabularCondenser(task="classification" if has_classes else "regression").recipe()
    ways = recipe.solver.choices

    def best(wrong: Any, some: list[Any]) -> Condenser:
        return Condenser(wrong, Subset(), BestOf(some))

    medoids = next(way for way in ways if isinstance(way[0], QuantizationError))
    found = {DEFAULT: None, "taught k-medoids": Condenser(medoids[0], Subset(), medoids[1])}
    if has_classes:
        points, space = ways[-2], EstimatorPredictions()
        wrong, squared, rare, rare_squared = (
            kind(space=space, by=by) for by in (None, "class") for kind in (ZeroOne, SquaredL2)
        )
        found |= {
            "taught kernel points": Condenser(points[0], Subset(), points[1]),
            "the best by squared errors": best(squared, ways),
            "the best by errors of classes too": best(wrong + rare, ways),
            "the best by squared errors of classes too": best(squared + rare_squared, ways),
        }
    return found


def show(lines: list[dict[str, Any]], tables: list[str], title: str) -> None:
    """Print the regrets, of each table that of the candidate which is best on the others, and what they are less."""
    found = regrets(lines, tables).groupby(["method", "n", "table"])["regret"].mean().unstack("table")
    measured = set(found.index.get_level_values("method"))
    kinds = [DEFAULT, *sorted(measured - {*RIVALS, "all rows", "ten random rows a class", DEFAULT})]
    names = [name for name in (*RIVALS, *kinds) if name in found.index]
    print(f"\n### {title}\n")
    heads = ["size", "table", *names, "chosen on the other tables", "the default, less the best rival"]
    print(f"| {' | '.join(heads)} |\n|" + "---|" * len(heads))
    for n in sorted(found.index.unique("n")):
        at = found.xs(n, level="n")
        chosen = {name: _chosen(found.loc[[kind for kind in kinds if kind in at.index]], name) for name in at}
        for name in at:
            cells = [f"{at.loc[one, name]:.2f}" if one in at.index else "" for one in names]
            cells.append(f"{chosen[name]}: {at.loc[chosen[name], name]:.2f}")
            print(f"| {n} | {name} | " + " | ".join(cells) + f" | {_against(lines, name, n)} |")
        mean = [at.loc[one].mean() if one in at.index else np.nan for one in names]
        left_out = np.mean([at.loc[chosen[name], name] for name in at])
        print(f"| {n} | mean | " + " | ".join(f"{value:.2f}" for value in mean) + f" | {left_out:.2f} | |")


def _chosen(found: pd.DataFrame, table: str) -> str:
    """Return the candidate whose regret on the other tables is least, over all sizes."""
    return str(found.drop(columns=table).groupby("method").mean().mean(axis=1).idxmin())


def _against(lines: list[dict[str, Any]], table: str, n: int) -> str:
    """Return the mean score of the default less that of the best rival, and two standard errors over the seeds."""
    scores = {
        (line["method"], line["seed"]): np.mean(list(line["scores"].values()))
        for line in lines
        if line["table"] == table and line["n"] == n
    }
    by_seed = pd.Series(scores).unstack()
    rival = by_seed.loc[[name for name in RIVALS if name in by_seed.index]].mean(axis=1).idxmax()
    gain = (100 * (by_seed.loc[DEFAULT] - by_seed.loc[rival])).dropna()
    return f"{rival}: {gain.mean():+.1f} ({2 * gain.std() / np.sqrt(len(gain)):.1f})"


def main() -> None:
    """Compute what is missing, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="JSON lines, to which scores are added; regrets.py adds to the same")
    parser.add_argument("--tables", nargs="+", default=[*CLASSES, *VALUES])
    parser.add_argument("--n", type=int, nargs="+", default=[10, 50, 100], help="rows a class; for values half as many")
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
            table = Table(name, seed)
            for n in args.n:
                with args.file.open("a") as file:
                    sets = table.measured(n, methods(table, n), known, args.methods)
                    for line in chain(records(table, 0, [], known), sets):
                        known.add((line["table"], line["seed"], line["n"], line["method"]))
                        file.write(json.dumps(line) + "\n")
                        lines.append(line)
    lines = [line for line in lines if line["n"] in (0, *args.n)]
    for title, tables in (("Classes", CLASSES), ("Continuous targets", VALUES)):
        there = {line["table"] for line in lines if line["method"] == DEFAULT}
        present = [name for name in tables if name in there]
        if len(present) > 1:  # one is left out
            show(lines, present, title)


if __name__ == "__main__":
    main()
