"""`skdc schema`: a draft of what rows may hold."""

from __future__ import annotations

import argparse
import sys

from skdc.cli.reading import read_data
from skdc.cli.schemas import drafted, long_columns
from skdc.cli.writing import write_bytes


def run(options: argparse.Namespace) -> None:
    """Draft a schema from data, and say that it is not private."""
    data = read_data(options, options.data)
    write_bytes(drafted(data).encode(), options.out)
    for name in long_columns(data):
        print(
            f"skdc: note: column {name!r} has {data.X[name].nunique()} different words; list its levels, or leave it "
            "out by --drop",
            file=sys.stderr,
        )
    print(f"wrote {options.out}, a draft. It was made by looking at {len(data.X)} rows: its ranges, levels and classes")
    print('are not private. Change each to what is public, and delete its line "draft"; then --privacy takes it.')
