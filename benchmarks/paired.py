"""Time fits by the code of two source trees, in turn, to see whether a change has made something slower."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
from data import images
from scores import methods

N_ROWS = 10_000  # of MNIST
# What is timed is of the tree, and how is of this file, which an older tree may not have.
FIT = """
import importlib.util, sys
sys.path.insert(0, {benchmarks!r})
spec = importlib.util.spec_from_file_location("paired", {here!r})
paired = importlib.util.module_from_spec(spec)
spec.loader.exec_module(paired)
paired.{timed}({names!r})
"""
SIZE = 100  # rows that a selection chooses


def time_fits(names: list[str]) -> None:
    """Print the CPU seconds of a fit of each method, in the tree that is imported, after a small one to warm up."""
    X, y, _, _ = images("mnist")
    rows = np.random.default_rng(0).choice(len(X), N_ROWS, replace=False)
    X, y = X[rows], y[rows]
    for name, condenser in methods(n_per_class=10).items():
        if name in names:
            condenser.set_params(random_state=0).fit(X[:500], y[:500])
            start = time.process_time()
            condenser.fit(X, y)
            print(json.dumps([name, time.process_time() - start]), flush=True)


def time_selections(names: list[str]) -> None:
    """Print the CPU seconds of our selection of each family, as `selection.py time` calls it, after one to warm up."""
    from selection import loaded
    from selection_families import FAMILIES
    from selection_peers import Task

    few, data = loaded("mnist", 500), loaded("mnist", N_ROWS)
    for family in FAMILIES:
        if family.name in names:
            family.ours.prepare(Task(few, SIZE, 0, 1))()
            select = family.ours.prepare(Task(data, SIZE, 0, 1))
            start = time.process_time()
            select()
            print(json.dumps([family.name, time.process_time() - start]), flush=True)


def main() -> None:
    """Print a table of medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path, help="a source tree, such as a worktree of an older commit")
    parser.add_argument("after", type=Path)
    parser.add_argument("--methods", nargs="+", help="parts of names, as in images.py; all by default")
    parser.add_argument("--selections", action="store_true", help="time the families of selection.py instead")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    timed, known = time_fits.__name__, list(methods(1))
    if args.selections:
        from selection_families import FAMILIES

        timed, known = time_selections.__name__, [family.name for family in FAMILIES]
    names = [name for name in known if not args.methods or any(part in name for part in args.methods)]
    seconds: dict[str, dict[Path, list[float]]] = {name: {args.before: [], args.after: []} for name in names}
    for _ in range(args.repeats):
        for tree in (args.before, args.after):
            code = FIT.format(benchmarks=str(tree.resolve() / "benchmarks"), here=__file__, timed=timed, names=names)
            environment = {**os.environ, "PYTHONPATH": str(tree.resolve()), "OMP_NUM_THREADS": "1"}
            command = [sys.executable, "-P", "-c", code]
            run = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
            for line in run.stdout.splitlines():
                name, taken = json.loads(line)
                seconds[name][tree].append(taken)
    print("| method | before | after | ratio |\n|---|---|---|---|")
    for name, taken in seconds.items():
        before, after = (median(taken[tree]) for tree in (args.before, args.after))
        print(f"| {name} | {before:.2f} | {after:.2f} | {after / before:.2f} |")


if __name__ == "__main__":
    main()
