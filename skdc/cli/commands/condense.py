"""`skdc condense`: data in, a small set out."""

from __future__ import annotations

import argparse
import sys
from time import monotonic
from typing import Any

import numpy as np

from skdc.cli.errors import UsageError
from skdc.cli.fitting import condense
from skdc.cli.reading import ReadRows, read_data
from skdc.cli.writing import check_packages, n_bytes, write_set
from skdc.condensed import CondensedSet
from skdc.containers import plain_labels


def run(options: argparse.Namespace) -> None:
    """Condense data, write the set, and say what came of it."""
    check_packages(options.out)
    test = None if options.test is None or options.report is None else read_data(options, options.test)
    if options.test is not None and options.report is None:
        print("skdc: note: --test is for the scores in --report, and is not read", file=sys.stderr)
    began = monotonic()
    try:
        condensed, condenser, data = condense(options)
    except TypeError as error:
        if not options.set:
            raise
        raise UsageError(str(error)) from error  # of values that the user has given
    seconds = monotonic() - began
    write_set(condensed, options.out)
    _answer(options, condensed, condenser, data, seconds)
    if options.report is not None:
        from skdc.cli.commands.report import write_report  # of evaluation, which takes time to load

        if data is None or options.privacy is not None:  # chunks are gone, and private rows were read as text
            data = read_data(options, options.data)
        write_report(options, condensed, data, test, options.report)


def _answer(
    options: argparse.Namespace, condensed: CondensedSet, condenser: Any, data: ReadRows | None, seconds: float
) -> None:
    """Print a few lines: rows in and out, bytes, seconds, the file."""
    origin, m = condensed.provenance, condensed.X.shape[0]
    privacy = None if origin is None else origin.privacy
    n_rows = data.n_rows if data is not None else None if origin is None else origin.n_rows
    if privacy is not None:
        print(f"private   epsilon {privacy['epsilon']:g}, delta {privacy['delta']:g}")
    elif n_rows is not None:
        print(
            f"rows in   {n_rows}"
            + (f", of which {len(data.X)} were taken" if data is not None and data.is_sample else "")
        )
    print(f"rows out  {m}{_by_class(condensed)}")
    print(
        f"bytes     {n_bytes(options.out)} in the file"
        + ("" if origin is None else f", {origin.storage['bytes']} as kept")
    )
    print(f"seconds   {seconds:.1f}")
    print(f"file      {options.out}")
    if hasattr(condenser, "reason_"):
        print(f"method    {condenser.reason_}")
    weight = condensed.sample_weight
    if weight is not None and np.ptp(weight) > 0 and options.out.endswith((".csv", ".parquet", ".feather")):
        print("weights   rows count differently: train with the column sample_weight as weights, and not as a feature")


def _by_class(condensed: CondensedSet) -> str:
    if condensed.y is None or condensed.classes is None:
        return ""
    _, counts = np.unique(np.asarray(plain_labels(condensed.y)), return_counts=True)
    low, high = counts.min(), counts.max()
    return f", {low} of each of {len(counts)} classes" if low == high else f", {low} to {high} of {len(counts)} classes"
