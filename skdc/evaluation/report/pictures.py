"""The pictures of a report, as SVG in a page."""

from __future__ import annotations

import re
import warnings
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from math import ceil
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse

from skdc.condensed.pictures import image_rows
from skdc.evaluation.report.distances import missed_rows
from skdc.evaluation.report.learning import ALL, RANDOM, SET
from skdc.evaluation.report.look import Look
from skdc.evaluation.report.sections import Section
from skdc.plotting import ImagesDisplay, MarginalsDisplay, SetDisplay, WitnessDisplay
from skdc.plotting.figures import CONDENSED, REAL, short

WITHOUT = "Pictures are drawn with matplotlib: pip install 'skdc[plot]'."
_WIDTH = 5.2  # inches: its words can still be read on a phone
_NARROW = 3.8  # has room for two columns
_ROWS = 2000  # that are drawn
_MOST_COLUMNS = 500  # of rows that are drawn in a plane
_CLIPS = re.compile(r'(?:(?<=id=")|(?<=url\(#))p[0-9a-f]{10}\b')


class Picture(NamedTuple):
    """A picture: the section that it belongs to, what it shows, and where a page finds it."""

    section: str
    alt: str
    source: str


def can_draw() -> bool:
    """Tell whether matplotlib is installed."""
    try:
        import matplotlib.figure  # noqa: F401  # only to know
    except ImportError:
        return False
    return True


def pictures_of(look: Look, sections: list[Section]) -> Iterator[Picture]:
    """Yield the pictures that can be drawn of a set."""
    by_name = {section.name: section for section in sections}
    shown = image_rows(np.asarray(look.condensed.X)) if look.has_shape else None
    if shown is not None:
        yield _drawn("sizes", "The images of the set", 3.6, _images, look)
    if look.real is None:
        return
    if not issparse(look.flat) and look.flat.shape[1] > 1:
        place = "likeness" if look.has_shape else "sizes"
        yield _drawn(place, "The points of the set over real rows, in a plane", 3.6, _plane, look)
        if not look.has_shape:  # of images, those that are missed are shown
            yield _drawn("likeness", "Where the set misses mass of the data", 3.6, _witness, look)
    if not look.has_shape and look.real.X.shape[1] <= _MOST_COLUMNS:
        yield _drawn("marginals", "Columns of the set beside those of the data", 3.6, _marginals, look)
    if shown is not None and len(missed_rows(look, by_name["likeness"])):
        yield _drawn(
            "likeness", "Real images at which the set lacks most mass", 1.8, _missed, look, by_name["likeness"]
        )
    if "scores" in by_name and by_name["scores"].figures["scores"]:
        found = by_name["scores"].figures
        yield _drawn("scores", "Scores of learners", 1.3 + 0.4 * len(found["scores"]), _scores, found)


def _drawn(section: str, alt: str, height: float, draw: Callable[..., Any], *given: Any) -> Picture:
    from matplotlib.figure import Figure

    with _own_style():
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        draw(figure, *given)
        file = BytesIO()
        figure.savefig(file, format="svg", dpi=120, metadata={"Date": None, "Creator": None})
    drawing = _with_plain_names(file.getvalue().decode())
    return Picture(section, alt, f"data:image/svg+xml;base64,{b64encode(drawing.encode()).decode()}")


def _with_plain_names(drawing: str) -> str:
    """Return a drawing whose parts to be clipped are numbered: matplotlib calls them by bounds with all their noise."""
    names: dict[str, str] = {}
    return _CLIPS.sub(lambda found: names.setdefault(found[0], f"clip{len(names)}"), drawing)


@contextmanager
def _own_style() -> Iterator[None]:
    """Draw in one style, whatever the user's is; names of columns are no formulas."""
    from matplotlib import rc_context
    from matplotlib.style import context

    own: Any = {"svg.hashsalt": "skdc", "text.parse_math": False, "text.usetex": False, "svg.fonttype": "path"}
    with context("default"), rc_context(own), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # of words in letters that the font has not
        yield


def _images(figure: Any, look: Look) -> None:
    ImagesDisplay.from_condenser(look.condensed, ax=figure.subplots())


def _marginals(figure: Any, look: Look) -> None:
    assert look.real is not None
    y = look.real.y if look.kind in ("regression", "multilabel") else None  # classes have a table
    both = {"y": y, "y_syn": look.condensed.y} if y is not None else {}
    rows = look.real.X, look.condensed.X, look.real.weight, look.weight
    display = MarginalsDisplay(*rows, **both, n_rows=look.real.n_rows)
    n = min(8, len(display.differences))
    figure.set_size_inches(_NARROW, 0.7 + 1.3 * ceil(n / 2))
    display.plot(figure.subplots(), n_columns=n)


def _plane(figure: Any, look: Look) -> None:
    assert look.real is not None
    y = None if look.kind in ("none", "multilabel") else look.real.y
    SetDisplay.from_condenser(
        look.condensed, look.real.X, y, max_rows=_ROWS, random_state=look.random_state, ax=figure.subplots()
    )


def _witness(figure: Any, look: Look) -> None:
    assert look.real is not None
    WitnessDisplay.from_condenser(
        look.condensed, look.real.X, max_rows=_ROWS, random_state=look.random_state, ax=figure.subplots()
    )


def _missed(figure: Any, look: Look, section: Section) -> None:
    assert look.real is not None
    places = missed_rows(look, section)
    images = np.asarray(look.real.X)
    low, high = (0.0, 255.0) if images.dtype == np.uint8 else (float(images.min()), float(images.max()))
    ImagesDisplay(images[places], value_range=(low, high)).plot(figure.subplots())
    figure.suptitle("real images at which the set lacks most mass", fontsize=8)


def _scores(figure: Any, found: dict[str, Any]) -> None:
    """Draw what learners score: of random rows all draws, as a line."""
    axis, names = figure.subplots(), list(found["scores"])
    place = np.arange(len(names))
    values = {side: _numbers(found, side) for side in (SET, RANDOM, "random_low", "random_high", ALL)}
    axis.hlines(place, values["random_low"], values["random_high"], color="#777777", linewidth=3)
    axis.plot(values[RANDOM], place, "s", color="#777777", markersize=6, label="as many random rows")
    whole = f"{found['all_rows']:,} real rows"
    axis.plot(values[ALL], place, "|", color="black", markersize=16, markeredgewidth=2, label=whole)
    axis.plot(values[SET], place, "o", color=CONDENSED, markersize=8, label="the set")
    axis.set_yticks(place, [short(name, 24) for name in names])
    axis.set(ylim=(len(names) - 0.5, -0.5), xlabel=found["measure"])
    axis.grid(axis="x", color=REAL, linewidth=0.5)
    axis.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper left", ncols=3, frameon=False, fontsize=8)


def _numbers(found: dict[str, Any], side: str) -> list[float]:
    return [np.nan if score[side] is None else score[side] for score in found["scores"].values()]
