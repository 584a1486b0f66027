"""Means of latents of tables beside medoids, means of columns and random rows: regrets, and how like the data they are.

Regrets are those of `regrets.py`, at ten rows a class. Sets are shared out as the classes are common, but for tables of
which nearly all rows are of one class: these have ten rows of each, and are scored by balanced accuracy. Each score is
added to a file as soon as it is there; what is in it is not computed again.
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
from priors import fidelity
from regrets import CLASSES, SCORING, Table, all_rows, random_rows, regrets

from skdc import KMeansCondenser, KMedoids, LatentQuantization, RandomSubset
from skdc.generators import LinearGenerator, VariationalGenerator

PER_CLASS = 10
MEASURES = {"all rows": all_rows, "ten random rows a class": random_rows}


def sets() -> dict[str, Any]:
    """Return the condensers."""
    return {
        "random rows": RandomSubset(),
        "medoids": KMedoids(),
        "k-means": KMeansCondenser(voting="centroid"),
        "k-means, nearest rows": KMeansCondenser(voting="nearest"),
        "LatentQuantization, linear": LatentQuantization(generator=LinearGenerator(4)),
        "LatentQuantization, VAE": LatentQuantization(generator=VariationalGenerator()),
    }


def records(table: Table, known: set[tuple]) -> Iterator[dict[str, Any]]:
    """Yield what is not known of a table: the measures of regret, and each set without weights and with them."""
    key = {"table": table.name, "seed": table.seed}
    for method, measure in MEASURES.items():
        if (table.name, table.seed, method) not in known:
            yield key | {"n": 0, "method": method, "scores": measure(table)}
    size = {"n_per_class": PER_CLASS} if table.name in SCORING else {"n_samples": table.size(PER_CLASS)}
    for method, condenser in sets().items():
        if (table.name, table.seed, method) in known:
            continue
        start = time.perf_counter()
        fitted = condenser.set_params(random_state=table.seed, n_jobs=1, task="classification", **size)
        X, y = fitted.fit(table.X, table.y)
        seconds = time.perf_counter() - start
        # Masses of clusters of a class; how common classes are is in the shares of the rows.
        weight = fitted.sample_weight_ / pd.Series(fitted.sample_weight_).groupby(np.asarray(y)).transform("mean")
        for end, given in {"": None, ", masses as weights": weight.to_numpy()}.items():
            if end and np.ptp(given) < 1e-9:
                continue
            alike = fidelity(table.X, table.y.to_numpy(), X, np.asarray(y), given)
            scores = table.scores(X, y, given)
            yield key | {"n": PER_CLASS, "method": method + end, "scores": scores, "seconds": seconds} | alike


def show(lines: list[dict[str, Any]]) -> None:
    """Print regrets as Markdown: means over the tables that are scored by accuracy, by model; and means by table."""
    tables = list(dict.fromkeys(line["table"] for line in lines))
    found = regrets(lines, tables)
    even = found[~found["table"].isin(SCORING)]
    order = even.groupby("method")["regret"].mean().sort_values()
    by_model = even.groupby(["method", "model"])["regret"].mean().unstack()
    sets = pd.DataFrame([line for line in lines if line["n"]])
    beside = sets.groupby("method").agg({"columns": "mean", "p-value": ["median", "min"], "seconds": "median"})
    print("| set | mean | " + " | ".join(by_model) + " | columns | p-value | least p-value | seconds |")
    print("|---|---|" + "---|" * (len(by_model.columns) + 4))
    for method, mean in order.items():
        models = " | ".join(f"{value:.2f}" for value in by_model.loc[method])
        columns, middle, least, seconds = beside.loc[method]
        print(f"| {method} | {mean:.2f} | {models} | {columns:.2f} | {middle:.2f} | {least:.3f} | {seconds:.1f} |")
    for title, values in {"regret": found, "columns": sets}.items():
        by_table = values.groupby(["method", "table"])[title].mean().unstack()
        present = [name for name in tables if name in by_table]
        print(f"\n| {title} | " + " | ".join(present) + " |\n|---|" + "---|" * len(present))
        for method in order.index:
            print(f"| {method} | " + " | ".join(f"{by_table.loc[method, name]:.2f}" for name in present) + " |")
    pairs = found[found["method"] == order.index[0]].groupby("table").size()
    print(f"\nModels of each table: {pairs.to_dict()}")


def main() -> None:
    """Compute what is missing, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="JSON lines, to which scores are added")
    parser.add_argument("--tables", nargs="+", choices=[*CLASSES], default=[*CLASSES])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--most-rows", type=int, default=5000, help="of a table, to train on")
    args = parser.parse_args()
    warnings.simplefilter("ignore")  # a learner that has not converged on ten rows is no news
    os.environ["PYTHONWARNINGS"] = "ignore"
    lines = [json.loads(line) for line in args.file.read_text().splitlines()] if args.file.exists() else []
    known = {(line["table"], line["seed"], line["method"]) for line in lines}
    for seed in range(args.seeds):
        for name in args.tables:
            for line in records(Table(name, seed, args.most_rows), known):
                lines.append(line)
                with args.file.open("a") as file:
                    file.write(json.dumps(line) + "\n")
                scores = " ".join(f"{model} {score:.3f}" for model, score in line["scores"].items())
                print(f"{name} {seed} {line['method']}: {scores}", flush=True)
    show(lines)


if __name__ == "__main__":
    main()
