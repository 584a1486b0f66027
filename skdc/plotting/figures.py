"""What displays share: where they draw, colours and markers, legends beside the data, labels that do not overlap."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, product
from math import ceil
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

# Okabe and Ito, "Color Universal Design", 2008: told apart by nearly all who see few colours. Their yellow, which pale
# points of show nothing on white, is the wine red of Tol, "Colour schemes", 2021.
COLORS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000", "#882255")
MARKERS = "os^DvPX*"
REAL, CONDENSED = "#BBBBBB", "#D55E00"  # rows of the data, and of the set, where classes have no colours

_LABEL = "skdc point label"
_RADII = 7.0, 13.0, 22.0, 36.0, 54.0  # points between a label and what it names
_CROWDED = 0.12  # share of axes that names of points may take
_STRIP = 0.45  # inches that a legend along the top takes
_NEAR = 7.0  # such a label needs no line to its point
_DIRECTIONS = (1, 1), (1, 0), (1, -1), (-1, 1), (-1, 0), (-1, -1), (0, 1), (0, -1)


def pyplot(display: object) -> Any:
    """Return matplotlib.pyplot, which is imported where a display needs it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(f"{type(display).__name__} draws with matplotlib: pip install 'skdc[plot]'") from error
    return plt


def axes_of(display: object, ax: Any, figsize: tuple[float, float] | None = None) -> Any:
    """Return the axes that were given, or those of a new figure."""
    return pyplot(display).subplots(figsize=figsize, layout="constrained")[1] if ax is None else ax


class Panels(NamedTuple):
    """How many panels stand below and beside each other."""

    rows: int
    columns: int


def panels_for(n: int, size: tuple[float, float], least: tuple[float, float]) -> Panels:
    """Return how up to n panels are laid out in a place of some inches; fewer of them, if each would be too small."""
    columns, rows = (max(1, int(inches / smallest)) for inches, smallest in zip(size, least, strict=True))
    columns = min(columns, ceil(n**0.5) if n <= columns * rows else n)
    return Panels(min(rows, ceil(n / columns)), columns)


def divided(ax: Any, panels: Panels) -> tuple[Any, list[Any]]:
    """Return axes in the place of one, which is no longer shown: a strip along the top for a legend, and panels."""
    spec = ax.get_subplotspec()
    if spec is None:
        raise ValueError("ax has no place in a grid that can be divided; make it by plt.subplots, or leave ax=None")
    strip = min(0.4, _STRIP / inches_of(ax)[1])
    heights = [strip, *[(1 - strip) / panels.rows] * panels.rows]
    ax.set_axis_off()
    grid = spec.subgridspec(panels.rows + 1, panels.columns, height_ratios=heights)
    top = ax.figure.add_subplot(grid[0, :])
    top.set_axis_off()
    places = product(range(1, panels.rows + 1), range(panels.columns))
    return top, [ax.figure.add_subplot(grid[place]) for place in places]


def inches_of(ax: Any) -> tuple[float, float]:
    """Return the width and the height of axes, as far as they are known before the figure is laid out."""
    place = ax.get_window_extent()
    return place.width / ax.figure.dpi, place.height / ax.figure.dpi


def styles(n_classes: int) -> list[dict[str, str]]:
    """Return a colour and a marker for each class, no pair of them twice among the first 64."""
    return [
        {"color": COLORS[i % len(COLORS)], "marker": MARKERS[(i + i // len(COLORS)) % len(MARKERS)]}
        for i in range(n_classes)
    ]


def legend_beside(ax: Any, handles: Sequence[Any] | None = None, title: str | None = None) -> Any:
    """Put a legend to the right of axes, or above them and below their title, whichever leaves the data more room."""
    handles = ax.get_legend_handles_labels()[0] if handles is None else handles
    width, height = (72 * inches for inches in inches_of(ax))
    size = 8.0 if width > 216 else 7.0
    line, extra = 1.6 * size, title is not None
    entry = 28 + 0.55 * size * max(len(str(handle.get_label())) for handle in handles)
    columns = ceil(len(handles) / max(1, int(height / line) - extra))
    place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.02, 1.0)}
    side_by_side = min(len(handles), max(1, int(1.15 * width / entry)))
    high = line * (ceil(len(handles) / side_by_side) + extra)
    if columns * entry / width > max(high / height, 0.4):
        columns, place = side_by_side, {"loc": "lower right", "bbox_to_anchor": (1.0, 1.02)}
        ax.set_title(ax.get_title(), fontsize=ax.title.get_fontsize(), pad=high + 8)
    return ax.legend(
        handles=handles,
        title=title,
        borderaxespad=0.0,
        ncols=columns,
        fontsize=size,
        title_fontsize=size,
        frameon=False,
        handlelength=1.2,
        handletextpad=0.5,
        columnspacing=1.0,
        **place,
    )


def short(word: Any, most: int = 16) -> str:
    """Return a word, cut off where it is long."""
    word = str(word)
    return word if len(word) <= most else f"{word[: most - 1]}…"


def front_of(gains: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which points no other is better than: not worse by all measures, and better by one.

    Parameters
    ----------
    gains : ndarray of shape (n_points, n_measures)
        Larger is better.
    """
    as_good = np.all(gains[:, None] <= gains, axis=2)
    better = np.any(gains[:, None] < gains, axis=2)
    return ~np.any(as_good & better, axis=1)


def label_points(ax: Any, x: NDArray, y: NDArray, names: Sequence[str]) -> list[Any]:
    """Write names beside points so that none covers another, with a line to the point where it stands apart.

    Labels that axes have from an earlier call are placed again, as the limits may have changed.
    """
    from matplotlib.text import Text

    line = {"arrowstyle": "-", "color": "0.6", "linewidth": 0.6, "shrinkA": 0, "shrinkB": 3}
    beside = {"xytext": (0, 0), "textcoords": "offset points", "ha": "center", "va": "center", "arrowprops": line}
    labels = [
        ax.annotate(name, place, fontsize=8, gid=_LABEL, **beside) for name, place in zip(names, zip(x, y, strict=True))
    ]
    ax.figure.canvas.figure.draw_without_rendering()  # extents are known once the figure is laid out
    all_labels = [text for text in ax.texts if text.get_gid() == _LABEL]
    points = ax.transData.transform([text.xy for text in all_labels])
    lines = [
        _along(line.get_transform().transform(line.get_xydata())) for line in ax.lines if len(line.get_xydata()) > 1
    ]
    along = np.concatenate(lines) if lines else np.empty((0, 2))
    inside = ax.get_window_extent().extents
    pixels = ax.figure.dpi / 72
    others = [Text.get_window_extent(text).extents for text in ax.texts if text.get_gid() != _LABEL]
    placed = np.array(others).reshape(-1, 4)
    for text, point in zip(all_labels, points, strict=True):
        box = Text.get_window_extent(text)  # without the line
        half = np.array([box.width, box.height]) / 2
        offsets = [(radius, np.array(way) * (half + radius * pixels)) for radius in _RADII for way in _DIRECTIONS]
        boxes = np.array([[*(point + offset - half), *(point + offset + half)] for _, offset in offsets])
        margin = 4 * pixels * np.array([-1, -1, 1, 1])  # half a marker
        hidden = 100 * (_overlaps(boxes, placed) + _outside(boxes, inside)) + 10 * _covered(boxes + margin, points)
        far = 0.02 * np.array([radius for radius, _ in offsets])
        best = int(np.argmin(hidden + _covered(boxes, along) + far))
        radius, offset = offsets[best]
        text.set_position(tuple(offset / pixels))
        text.arrow_patch.set_visible(radius > _NEAR)
        placed = np.vstack([placed, boxes[best]])
    return labels


def have_room(ax: Any, names: Sequence[str]) -> bool:
    """Tell whether names can stand beside their points, so that each is told from the next."""
    width, height = inches_of(ax)
    return sum(4.5 * len(name) * 10 for name in names) < _CROWDED * width * height * 72**2


def _along(corners: NDArray[np.float64], n: int = 20) -> NDArray[np.float64]:
    """Return points on a line through some corners."""
    shares = np.linspace(0, 1, n)[:, None]
    return np.concatenate([start + shares * (end - start) for start, end in pairwise(corners)])


def _overlaps(boxes: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return with how many others each box overlaps."""
    low, high = boxes[:, None, :2], boxes[:, None, 2:]
    return np.all((low < others[:, 2:]) & (high > others[:, :2]), axis=2).sum(axis=1)


def _outside(boxes: NDArray[np.float64], within: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.any(boxes[:, :2] < within[:2], axis=1) | np.any(boxes[:, 2:] > within[2:], axis=1)


def _covered(boxes: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return how many points each box covers."""
    return np.all((boxes[:, None, :2] < points) & (points < boxes[:, None, 2:]), axis=2).sum(axis=1)
