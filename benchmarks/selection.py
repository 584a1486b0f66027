"""Compare selection methods with those of other libraries: quality, time, and how that grows with the rows."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from data import mixture, rows, some
from scipy import stats
from scores import apart_within
from selection_criteria import Data, mmd
from selection_families import FAMILIES, FLOORS, Family, Method, Task

GIBIBYTE = 2**30
GROWING = ["herding", "thinning", "rpcholesky", "facility-location", "k-center"]
HOW = """
Each run in a fresh process that sees as many cores as it has threads, libraries loaded and, for JAX and numba, compiled
before the clock starts: wall seconds, and the highest resident memory above what the process held with the data. All
methods of a family are handed the same rows, and the same bandwidth: the median distance of 1000 rows. Labels are
ignored but by greedy kernel points (the sign of the class) and uncertainty.

coreax computes in float32, in blocks of 1000 rows where it has a choice, and its thinning sees the rows shuffled.
goodpoints' kernel thinning looks at the first size x 2^m of shuffled rows, by a float64 matrix that one product made;
Compress++ is its two steps `compress_kt` and `thin_K`, with as many bins as lead to the size, and g=4 (less where that
would compress nothing). In all families but k-means rows are chosen, and none comes twice.
apricot is given plain distances ("l2"). ClusterCentroids sees all rows as one class, and one row more as another.
`kmedoids` stands for scikit-learn-extra 0.3.0, which does not load with NumPy 2.
"""


@dataclass
class Runs:
    """What runs of a method gave, one entry a run, and why there are not more."""

    seconds: list[float] = field(default_factory=list)
    mebibytes: list[float] = field(default_factory=list)
    chosen: list[np.ndarray] = field(default_factory=list)
    trouble: str = ""

    def add(self, result: tuple[float, float, Any] | str) -> None:
        """Add a run."""
        if isinstance(result, str):
            self.trouble = result
            return
        for values, value in zip((self.seconds, self.mebibytes, self.chosen), result, strict=True):
            values.append(value)

    def cells(self) -> str:
        """Return median seconds and memory, and what went wrong."""
        if not self.seconds:
            return f"{self.trouble} | "
        trouble = f" ({self.trouble} in run {len(self.seconds) + 1})" if self.trouble else ""
        return f"{np.median(self.seconds):.2f}{trouble} | {np.median(self.mebibytes):.0f}"


def measured(method: Method, task: Task, args: argparse.Namespace) -> tuple[float, float, Any] | str:
    """Run a method once, if it can fit into memory."""
    least = method.least_bytes(task)
    if least > args.memory * GIBIBYTE:
        return f"needs {least / GIBIBYTE:.0f} GiB"
    task = replace(task, data=replace(task.data))  # without what was computed of the data here
    return apart_within(args.minutes, args.memory, task.n_jobs, method.prepare, task)


def alternating(methods: list[Method], tasks: list[Task], args: argparse.Namespace) -> list[Runs]:
    """Run methods by turns, task after task; one that fails is not run again."""
    found = [Runs() for _ in methods]
    for task in tasks:
        for method, entry in zip(methods, found, strict=True):
            if not entry.trouble:
                entry.add(measured(method, task, args))
    return found


def loaded(name: str, n: int | None) -> Data:
    """Return a data set, or n rows of it."""
    return Data.of(*some(*rows(name), n))


def families(args: argparse.Namespace) -> list[Family]:
    """Return the families that are asked for."""
    return [family for family in FAMILIES if family.name in args.families]


def judged(measure: Callable[[Data, np.ndarray], float], data: Data, found: list[Runs], n_seeds: int) -> list[str]:
    """Return three cells a method: the mean value, its ratio to the best peer's, how much less it is than at random.

    The last is a mean over pairs of seeds, in percent, with a 95% confidence interval.
    """
    values = [[measure(data, chosen) for chosen in entry.chosen] for entry in found]
    draws = [np.random.default_rng(seed).permutation(len(data.X)) for seed in range(n_seeds)]
    size = max((len(chosen) for entry in found for chosen in entry.chosen), default=1)
    random = np.array([measure(data, order[:size]) for order in draws])
    best = min((np.mean(of_peer) for of_peer in values[1:] if of_peer), default=np.nan)
    cells = []
    for of_method in values:
        if not of_method:
            cells.append(" | | ")
            continue
        share = 100 * (1 - np.resize(of_method, n_seeds) / random)
        half = stats.t.ppf(0.975, n_seeds - 1) * share.std(ddof=1) / n_seeds**0.5
        against = "" if np.isnan(best) else f"{np.mean(of_method) / best:.3f}"
        cells.append(f"{np.mean(of_method):.5f} | {against} | {share.mean():.1f} ± {half:.1f}")
    return cells


def quality(args: argparse.Namespace) -> None:
    """Print a table for each data set and size."""
    for name in args.datasets:
        data = loaded(name, args.n_rows)
        for size in args.sizes:
            print(f"\n### {name}, {size} of {len(data.X)} rows\n")
            print("| family | method | seconds | MiB | MMD | ÷ best peer | % below random ", end="")
            print("| criterion | value | ÷ best peer | % below random |\n" + "|---" * 11 + "|")
            for family in families(args):
                methods = [family.ours, *family.peers]
                found = []
                for method in methods:
                    n_seeds = args.seeds if method is family.ours else min(args.seeds, args.peer_seeds)
                    tasks = [Task(data, size, seed, args.n_jobs) for seed in range(n_seeds if method.draws else 1)]
                    found += alternating([method], tasks, args)
                lines = [judged(mmd, data, found, args.seeds)]
                if family.criterion:
                    label = family.criterion.__name__.replace("_", " ")
                    lines.append([f"{label} | {cell}" for cell in judged(family.criterion, data, found, args.seeds)])
                else:
                    lines.append([" | | | "] * len(found))
                for method, entry, *cells in zip(methods, found, *lines, strict=True):
                    print(f"| {family.name} | {method.name} | {entry.cells()} | {' | '.join(cells)} |", flush=True)
    print(
        f"{HOW}\nMMD: the root, to all rows, exact in float64. Means over {args.seeds} seeds ({args.peer_seeds} for\n"
        "other libraries), one run where a method draws nothing; the intervals are of 95% confidence."
    )


def time(args: argparse.Namespace) -> None:
    """Print a table of our times beside those of each peer, and of herding's beside those of its products."""
    print("| rows | size | threads | ours | seconds | MiB | against | seconds | MiB | ratio of seconds |")
    print("|---" * 10 + "|")
    for n in args.n_rows:
        data = loaded(args.dataset, n)
        for size in args.sizes:
            for n_jobs in args.n_jobs:
                for family in families(args):
                    floors = FLOORS if family.name.startswith("herding") else []
                    for peer in [*family.peers, *floors]:
                        tasks = [Task(data, size, seed, n_jobs) for seed in range(args.repeats)]
                        mine, theirs = alternating([family.ours, peer], tasks, args)
                        pairs = list(zip(mine.seconds, theirs.seconds, strict=False))
                        ratio = f"{np.median([a / b for a, b in pairs]):.2f}" if pairs else ""
                        cells = [family.ours.name, mine.cells(), peer.name, theirs.cells(), ratio]
                        print(f"| {len(data.X)} | {size} | {n_jobs} | {' | '.join(cells)} |", flush=True)
    print(HOW + f"\n{args.dataset}. Medians of {args.repeats} runs by turns; ratio: the median of their ratios.")


def growth(args: argparse.Namespace) -> None:
    """Print a table of our times and memory for more and more rows, and the exponent of each."""
    heads = " | ".join(f"{n:,} rows: s | MiB" for n in args.n_rows)
    print(f"| family | method | size | {heads} | exponent of time | of memory |")
    print("|---" * (5 + 2 * len(args.n_rows)) + "|")
    for family in families(args):
        for size in args.sizes:
            found = []
            for n in args.n_rows:
                X = mixture(n)
                data = Data.of(X, np.zeros(n, dtype=int))
                tasks = [Task(data, size, seed, args.n_jobs) for seed in range(args.repeats)]
                found += alternating([family.ours], tasks, args)
            done = [(n, entry) for n, entry in zip(args.n_rows, found, strict=True) if entry.seconds]
            exponents = ["", ""]
            if len(done) > 1:
                logs = np.log([(n, np.median(entry.seconds), max(np.median(entry.mebibytes), 1)) for n, entry in done])
                exponents = [f"{np.polyfit(logs[:, 0], values, 1)[0]:.2f}" for values in logs[:, 1:].T]
            cells = " | ".join([*(entry.cells() for entry in found), *exponents])
            print(f"| {family.name} | {family.ours.name} | {size} | {cells} |", flush=True)
    print("\nA mixture of 20 Gaussians with 50 features, float32. Exponents: least squares of logarithms." + HOW)


def main() -> None:
    """Print the tables that are asked for."""
    names = [family.name for family in FAMILIES]
    parser = argparse.ArgumentParser(description=__doc__)
    tables = parser.add_subparsers(required=True)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--minutes", type=float, default=10, help="of a run, then of its preparation, at most")
    shared.add_argument("--memory", type=float, default=16, help="of a run in GiB, at most")

    table = tables.add_parser("quality", parents=[shared], help=quality.__doc__)
    table.set_defaults(run=quality)
    table.add_argument("--families", nargs="+", choices=names, default=names)
    table.add_argument("--datasets", nargs="+", default=["mnist", "adult", "magic"])
    table.add_argument("--sizes", type=int, nargs="+", default=[10, 100, 1000])
    table.add_argument("--seeds", type=int, default=10)
    table.add_argument("--peer-seeds", type=int, default=3, help="for other libraries' methods, at most")
    table.add_argument("--n-rows", type=int, help="use only so many rows, for a quick look")
    table.add_argument("--n-jobs", type=int, default=2)

    table = tables.add_parser("time", parents=[shared], help=time.__doc__)
    table.set_defaults(run=time)
    table.add_argument("--families", nargs="+", choices=names, default=names)
    table.add_argument("--dataset", default="mnist")
    table.add_argument("--sizes", type=int, nargs="+", default=[100, 1000])
    table.add_argument("--repeats", type=int, default=3)
    table.add_argument("--n-rows", type=int, nargs="+", default=[10_000, 60_000])
    table.add_argument("--n-jobs", type=int, nargs="+", default=[1, 2])

    table = tables.add_parser("growth", parents=[shared], help=growth.__doc__)
    table.set_defaults(run=growth)
    table.add_argument("--families", nargs="+", choices=names, default=GROWING)
    table.add_argument("--sizes", type=int, nargs="+", default=[1000])
    table.add_argument("--repeats", type=int, default=1)
    table.add_argument("--n-rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    table.add_argument("--n-jobs", type=int, default=2)

    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
