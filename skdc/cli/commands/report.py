"""`skdc report`: a page on a set beside its data."""

from __future__ import annotations

import argparse
from typing import Any

from skdc.cli.reading import ReadRows, read_data, read_set
from skdc.condensed import CondensedSet
from skdc.evaluation import condensation_report


def run(options: argparse.Namespace) -> None:
    """Write the report on a set."""
    condensed = read_set(options.set)
    data = read_data(options, options.data)
    test = None if options.test is None else read_data(options, options.test)
    write_report(options, condensed, data, test, options.out)


def write_report(
    options: argparse.Namespace, condensed: CondensedSet, data: ReadRows, test: ReadRows | None, path: str
) -> None:
    """Write a report as a page."""
    given: dict[str, Any] = {} if test is None else {"X_test": test.X, "y_test": test.y}
    report = condensation_report(
        condensed, data.X, data.y, **given, sample_weight=data.sample_weight, random_state=options.seed
    )
    report.to_html(path)
    print(f"report    {path}")
