"""The second pass over rows in pieces: a sample of them that is held, keyed by where each row stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import add
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import _safe_indexing

from skdc.containers import as_array
from skdc.fitting.output import in_package_of
from skdc.fitting.partitioned.survey import Survey, counted
from skdc.hashes import mix
from skdc.partitions import Partitions, RawRows

_SPARE = 4.0  # standard deviations by which more rows are drawn than are kept
_EQUAL_PART = 4  # one of so many rows is shared out equally over the classes, the others in proportion


class Sample(NamedTuple):
    """Rows that stand for all.

    Parameters
    ----------
    X, y
        As in the pieces.
    weight : ndarray of shape (n,)
        Those of a class sum up to its weight in all rows.
    places : ndarray of shape (n,)
        Where the rows stand among those of all pieces, also of weight 0.
    """

    X: Any
    y: Any
    weight: NDArray[np.float64]
    places: NDArray[np.intp]


class _Taken(NamedTuple):
    """Rows of a piece: where they stand, the order in which they are kept, their class, and what they hold."""

    places: NDArray[np.intp]
    order: NDArray[np.float64]
    code: NDArray[np.int64]
    weight: NDArray[np.float64]
    X: Any
    y: Any


@dataclass(frozen=True, eq=False)
class _Sampling:
    """What a piece is asked for: the rows whose number, which follows from where they stand, is low enough.

    Parameters
    ----------
    labels : ndarray or None
    levels : ndarray of shape (n_classes,)
        Below which the numbers of the rows of each class are.
    starts : dict of int to int
        Where the first row of each piece stands.
    marked : dict of int to ndarray
        Rows of each piece that are taken whatever their number.
    like : (X, y)
    """

    labels: NDArray | None
    levels: NDArray[np.float64]
    starts: Mapping[int, int]
    marked: Mapping[int, NDArray[np.intp]]
    like: tuple[Any, Any]

    def __call__(self, i: int, raw: RawRows) -> list[_Taken]:
        X, y, positions, weight = counted(raw)
        if not len(positions):
            return []
        places = self.starts[i] + positions
        code = np.zeros(len(positions), np.int64)
        if self.labels is not None and y is not None:
            code = np.searchsorted(self.labels, y)
        order = _numbers(places)
        order[np.isin(positions, self.marked.get(i, ()))] = -1.0
        low = np.flatnonzero(order < self.levels[code])
        rows, targets = like_template(X, self.like[0]), None if raw.y is None else like_template(raw.y, self.like[1])
        rows, targets = (taken(part, positions[low]) for part in (rows, targets))
        return [_Taken(places[low], order[low], code[low], weight[low], rows, targets)]


def _numbers(places: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return a number in (0, 1) for each place."""
    high_bits = mix(mix(places.astype(np.uint64) + np.uint64(1))) >> np.uint64(11)
    return (high_bits.astype(np.float64) + 0.5) / 2.0**53


def sizes_of_sample(counts: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return how many rows of each class are held: a part is shared out equally, the rest in proportion."""
    if counts.sum() <= most:
        return counts
    sizes = np.minimum(counts, most // (_EQUAL_PART * len(counts)))
    left = counts - sizes
    return sizes + np.floor((most - sizes.sum()) * (left / left.sum())).astype(np.int64)


def sample(
    partitions: Partitions, found: Survey, labels: NDArray | None, counts: NDArray[np.int64], mass: NDArray[np.float64]
) -> Sample:
    """Return a sample of the rows, which depends on where each row stands, and not on how they are cut into pieces.

    It has `max_rows` at most, and beside them those at the ends of columns, and of each level.

    Parameters
    ----------
    partitions : Partitions
    found : Survey
    labels : ndarray of shape (n_classes,) or None
    counts, mass : ndarray of shape (n_classes,)
        Rows of each class, and their weight.
    """
    sizes, marked = sizes_of_sample(counts, partitions.max_rows), dict[int, list[int]]()
    for mark in found.marks.values():
        marked.setdefault(mark.piece, []).append(mark.row)
    wanted = (sizes + _SPARE * np.sqrt(sizes) + 1) / np.maximum(counts, 1)
    levels = np.where(sizes < counts, wanted, 1.0)
    starts = starts_of(found.lengths)
    rows = {piece: np.unique(rows) for piece, rows in marked.items()} if (sizes < counts).any() else {}
    parts = partitions.map_reduce(_Sampling(labels, levels, starts, rows, found.like), add)
    parts.sort(key=lambda part: part.places[0] if len(part.places) else -1)
    places, order, code, weight = (np.concatenate([part[i] for part in parts]) for i in range(4))
    kept = np.sort(np.concatenate([_lowest(order, code, c, size) for c, size in enumerate(sizes)]))
    scale = mass / np.maximum(np.bincount(code[kept], weight[kept], len(mass)), np.finfo(float).tiny)
    X, y = (taken(joined([part[i] for part in parts]), kept) for i in (4, 5))
    weight = np.where(sizes < counts, scale, 1.0)[code[kept]] * weight[kept]
    return Sample(in_package_of(X, found.like[0]), in_package_of(y, found.like[1]), weight, places[kept])


def starts_of(lengths: Mapping[int, int]) -> dict[int, int]:
    """Return where the first row of each piece stands among all, given their lengths."""
    ends = np.cumsum([lengths[i] for i in range(len(lengths))])
    return {i: int(end) - lengths[i] for i, end in enumerate(ends)}


def _lowest(order: NDArray[np.float64], code: NDArray[np.int64], c: int, size: int) -> NDArray[np.intp]:
    """Return the rows of a class of the lowest numbers, and those that are marked."""
    members = np.flatnonzero(code == c)
    members = members[np.argsort(order[members], kind="stable")]
    return members[: size + int((order[members] < 0).sum())]


def taken(values: Any, rows: NDArray[np.intp] | slice) -> Any:
    """Return some rows or targets in their container; None where there are none."""
    return None if values is None else _safe_indexing(values, rows)


def joined(parts: Sequence[Any]) -> Any:
    """Return rows or targets of several parts in one container; None where there are none."""
    if parts[0] is None:
        return None
    if not hasattr(parts[0], "iloc"):
        return np.concatenate(parts)
    import pandas as pd  # there is a frame

    return pd.concat(parts)


def like_template(values: Any, like: Any) -> Any:
    """Return rows or targets of a piece in the dtypes that hold those of all pieces."""
    values, like = as_array(values), as_array(like)
    if not hasattr(values, "iloc"):
        return np.asarray(values, dtype=np.asarray(like).dtype)
    if values.ndim == 1:
        return values if values.dtype == like.dtype else values.astype(like.dtype)
    differ = {j: dtype for j, dtype in enumerate(like.dtypes) if values.dtypes.iloc[j] != dtype}
    if not differ:
        return values
    named = values.set_axis(range(values.shape[1]), axis=1).astype(differ)
    return named.set_axis(values.columns, axis=1)
