"""What a set says of itself, in a line and in a notebook."""

from __future__ import annotations

from base64 import b64encode
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skdc.condensed.exporting import beside_rows, row_names
from skdc.condensed.pictures import MOST_A_CLASS, MOST_CLASSES, image_rows, picture, png
from skdc.containers import plain_labels

if TYPE_CHECKING:
    from skdc.condensed.set import CondensedSet

_ROWS, _COLUMNS, _LETTERS = 5, 12, 32  # that a table shows
_MADE_BY = 80  # letters of a condenser in a line
_WIDE, _TILE = 720, 64  # of a picture, and of an image in it, at most


def in_a_line(condensed: CondensedSet) -> str:
    """Return what a set is, in one line."""
    facts = [_size(condensed)]
    if condensed.classes is not None:
        facts.append(_count(len(condensed.classes), "class", "classes"))
    if _weighs(condensed):
        facts.append("weights")
    if condensed.y_soft is not None:
        facts.append("soft labels")
    if condensed.provenance is not None:
        facts.append(f"by {_shortened(condensed.provenance.condenser, _MADE_BY)}")
    return f"CondensedSet({', '.join(facts)})"


def as_html(condensed: CondensedSet) -> str:
    """Return what a set is, above a picture of its images or a table of its first rows."""
    facts = "".join(f"<div>{escape(fact)}</div>" for fact in facts_of(condensed))
    images = image_rows(condensed.X)
    shown = _table(condensed) if images is None else _picture(condensed, images)
    return f"<div><strong>CondensedSet</strong>{facts}{shown}</div>"


def facts_of(condensed: CondensedSet) -> list[str]:
    """Return what a set says of itself, in a few lines."""
    facts, weight, origin = [_size(condensed)], condensed.sample_weight, condensed.provenance
    if condensed.classes is not None:
        counts = np.array([len(group) for _, group in groups_of(condensed)])
        each = (
            f"{counts.min()} of each" if counts.min() == counts.max() else f"{counts.min()} to {counts.max()} of each"
        )
        facts.append(f"{_count(len(condensed.classes), 'class', 'classes')}, {each}")
    if weight is not None and _weighs(condensed):
        facts.append(f"weights from {weight.min():.3g} to {weight.max():.3g}")
    if condensed.y_soft is not None:
        facts.append("soft labels")
    if origin is not None:
        of = "" if origin.n_rows is None else f", of {_count(origin.n_rows, 'row')}"
        of += "" if origin.n_seen is None else f" (a sample of {origin.n_seen:,} was looked at)"
        facts.append(
            f"made by {' '.join(origin.condenser.split())}{of}, in {origin.seconds:.3g} s, with skdc {origin.version}"
        )
        if origin.privacy is not None:
            facts.append(
                "private: " + ", ".join(f"{name} {value}" for name, value in origin.privacy.items() if name != "public")
            )
    return facts


def _size(condensed: CondensedSet) -> str:
    m, *shape = np.shape(condensed.X) if not hasattr(condensed.X, "shape") else condensed.X.shape
    what = _count(shape[0], "column") if len(shape) == 1 else f"shape {tuple(shape)}"
    return f"{_count(m, 'point')} of {what}"


def _count(n: int, one: str, many: str = "") -> str:
    return f"{n} {one if n == 1 else many or one + 's'}"


def _shortened(text: Any, letters: int) -> str:
    words = " ".join(str(text).split())
    return words if len(words) <= letters else words[: letters - 1] + "…"


def _weighs(condensed: CondensedSet) -> bool:
    weight = condensed.sample_weight
    return weight is not None and len(weight) > 0 and bool(np.ptp(weight) > 1e-9 * np.abs(weight).max())


def groups_of(condensed: CondensedSet) -> list[tuple[Any, NDArray[np.intp]]]:
    """Return the labels of a set and the rows of each; or nothing and all rows."""
    if condensed.classes is None or condensed.y is None:
        return [(None, np.arange(condensed.X.shape[0]))]
    labels = np.asarray(plain_labels(condensed.y))
    return [(label, np.flatnonzero(labels == label)) for label in condensed.classes]


def _picture(condensed: CondensedSet, images: NDArray) -> str:
    groups = groups_of(condensed)
    if groups[0][0] is None:  # in lines, as if of classes
        places = groups[0][1][: MOST_A_CLASS * MOST_CLASSES]
        lines = [places[start : start + MOST_A_CLASS] for start in range(0, len(places), MOST_A_CLASS)]
        names, hidden = "", len(images) - len(places)
    else:
        shown = [(label, group) for label, group in groups if len(group)][:MOST_CLASSES]
        lines = [group for _, group in shown]
        names = ", ".join(_shortened(label, _LETTERS) for label, _ in shown)
        hidden = len(images) - sum(min(len(group), MOST_A_CLASS) for group in lines)
    page = picture(images, lines)
    across = max(min(len(line), MOST_A_CLASS) for line in lines)
    width = page.shape[1] * max(1, min(_WIDE, across * _TILE) // page.shape[1])  # whole pixels look sharp
    told = ([f"classes from top to bottom: {names}"] if names else []) + ([f"{hidden} more"] if hidden else [])
    source = b64encode(png(page)).decode()
    return (
        f'<img alt="the images of the set" src="data:image/png;base64,{source}" '
        f'style="width: {width}px; max-width: 100%; image-rendering: pixelated; margin: 0.5em 0; display: block">'
        f"<div>{escape('; '.join(told))}</div>"
    )


def _table(condensed: CondensedSet) -> str:
    beside, names = beside_rows(condensed), row_names(condensed.X)
    kept = names if len(names) <= _COLUMNS else names[:_COLUMNS]
    cells = _first_rows(condensed.X, len(kept))
    cut = ["…"] if len(kept) < len(names) else []
    head = [*map(str, kept), *cut, *(str(name) for name, _ in beside[:_COLUMNS])]
    others = [np.asarray(values[:_ROWS]) for _, values in beside[:_COLUMNS]]
    lines = [[*map(_cell, row), *cut, *(_cell(column[i]) for column in others)] for i, row in enumerate(cells)]
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in line)}</tr>" for line in lines)
    more = condensed.X.shape[0] - len(lines)
    left = f"<div>{more} more</div>" if more else ""
    titles = "".join(f"<th>{escape(_shortened(title, _LETTERS))}</th>" for title in head)
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>{left}"


def _first_rows(X: Any, n_columns: int) -> list[list[Any]]:
    """Return the first values of the first rows."""
    if hasattr(X, "iloc"):
        columns = [X.iloc[:_ROWS, j].tolist() for j in range(n_columns)]
    elif hasattr(X, "columns"):
        columns = [X[:_ROWS, j].to_list() for j in range(n_columns)]
    else:
        head = X[:_ROWS].toarray() if hasattr(X, "toarray") else np.asarray(X[:_ROWS])
        columns = list(head.reshape(len(head), -1)[:, :n_columns].T) if head.size else []
    return [list(row) for row in zip(*columns)]


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float | np.floating) else _shortened(value, _LETTERS)
