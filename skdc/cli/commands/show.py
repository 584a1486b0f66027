"""`skdc show`: what a set is."""

from __future__ import annotations

import argparse
import shutil

import numpy as np
from numpy.typing import NDArray

from skdc.cli.errors import UsageError
from skdc.cli.packages import pandas
from skdc.cli.reading import read_set
from skdc.cli.writing import write_bytes
from skdc.condensed import CondensedSet
from skdc.condensed.html import facts_of, groups_of
from skdc.condensed.pictures import MOST_A_CLASS, MOST_CLASSES, image_rows, picture, png

_ROWS, _COLUMNS = 5, 8  # of a table, that are printed
_TILE = 64  # pixels of an image, at least


def run(options: argparse.Namespace) -> None:
    """Print what a set says of itself, and its first rows; write a picture of its images."""
    condensed = read_set(options.set)
    for fact in facts_of(condensed):
        print(fact)
    images = image_rows(condensed.X)
    if options.out is not None:
        if images is None:
            raise UsageError(f"{options.set!r} holds no images; 'skdc show' without --out prints its first rows")
        write_bytes(png(_page(condensed, images)), options.out)
        found = [str(label) for label, places in groups_of(condensed) if len(places)][:MOST_CLASSES]
        print(f"wrote {options.out}" + (f": {', '.join(found)} from top to bottom" if len(found) > 1 else ""))
    elif images is not None:
        print("its rows are images: --out picture.png draws them")
    else:
        print(f"\n{_first_rows(condensed)}")


def _first_rows(condensed: CondensedSet) -> str:
    frame = condensed.to_frame()
    if not hasattr(frame, "iloc"):
        return str(frame.head(_ROWS))
    width = shutil.get_terminal_size((100, 20)).columns
    settings = ("display.width", width, "display.max_columns", _COLUMNS, "display.max_colwidth", 24)
    with pandas().option_context(*settings, "display.precision", 4):
        return str(frame.head(_ROWS)).partition(f"\n\n[{min(len(frame), _ROWS)} rows x")[0]


def _page(condensed: CondensedSet, images: NDArray) -> NDArray[np.uint8]:
    """Return images by class, each large enough to be seen."""
    found = [places for _, places in groups_of(condensed) if len(places)]
    if len(found) == 1:
        found = [found[0][i : i + MOST_A_CLASS] for i in range(0, len(found[0]), MOST_A_CLASS)]
    page = picture(images, found)
    factor = -(-_TILE // max(images.shape[1:3]))
    return page.repeat(factor, axis=0).repeat(factor, axis=1)
