"""`skdc compare`: methods by what learners score that are trained on their sets."""

from __future__ import annotations

import argparse
from typing import Any

from skdc.cli.errors import UsageError
from skdc.cli.fitting import condenser_of, per_class
from skdc.cli.packages import pandas
from skdc.cli.reading import read_data
from skdc.cli.writing import check_packages, write_frame
from skdc.evaluation import compare

_SHOWN = ("condenser", "size", "score", "spread", "kept", "p_value", "seconds", "bytes")


def run(options: argparse.Namespace) -> None:
    """Print the mean scores of methods, and write the whole table."""
    pandas()
    if options.weights is not None:
        raise UsageError("compare takes no --weights; leave them out, or --drop their column")
    if options.out is not None:
        check_packages(options.out)
    condensers = _condensers(options)
    sizes = [*(per_class(options, n) for n in options.per_class), *options.bytes]
    data = read_data(options, options.data)
    given: dict[str, Any] = {}
    if options.test is not None:
        test = read_data(options, options.test)
        given = {"X_test": test.X, "y_test": test.y}
    frame = compare(
        condensers,
        data.X,
        data.y,
        learners=options.learners,
        sizes=None if options.rows else sizes or None,
        seeds=options.repeats,
        random_state=options.seed,
        verbose=int(not options.quiet),
        **given,
    )
    _answer(frame)
    if options.out is not None:
        write_frame(frame, options.out)
        print(f"\nwrote {options.out}, with the scores of each learner")


def _condensers(options: argparse.Namespace) -> dict[str, Any]:
    """Return condensers by name; those of so many rows in all have a name for each number."""
    if options.rows and (options.per_class or options.bytes):
        raise UsageError("--rows goes without --per-class and --bytes; compare them in two tables")
    quiet = argparse.Namespace(**{**vars(options), "quiet": True})  # the comparison says how far it is
    if not options.rows:
        return {name: condenser_of(quiet, name) for name in options.methods}
    return {
        f"{name}, {rows} rows" if isinstance(rows, int) else f"{name}, {rows:.3g} of the rows": condenser_of(
            quiet, name, n_samples=rows
        )
        for name in options.methods
        for rows in options.rows
    }


def _answer(frame: Any) -> None:
    means = frame[frame["learner"] == "mean"]
    shown = means[[name for name in _SHOWN if name in means.columns]]
    print(shown.to_string(index=False, float_format=lambda number: f"{number:.4g}", na_rep="-"))
    for _, line in means.iterrows():
        if line.get("error"):
            print(f"{line['condenser']}: {line['error']}")
