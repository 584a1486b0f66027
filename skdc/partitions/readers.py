"""Pieces of arrays, also of those that stay on the disk, and of Parquet files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from mmap import mmap
from os import PathLike, fspath
from typing import Any

import numpy as np
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples

from skdc.partitions.pieces import Partition

_PIECE_BYTES = 1 << 26  # of a piece, where no length is given


def array_pieces(X: Any, y: Any, sample_weight: Any, chunk: int | None) -> list[Partition]:
    """Return pieces of `chunk` rows of arrays, or of as many as 64 MiB hold."""
    n = _num_samples(X)
    for name, values in (("y", y), ("sample_weight", sample_weight)):
        if values is not None and _num_samples(values) != n:
            raise ValueError(f"X has {n} rows, {name} has {_num_samples(values)}: there must be as many")
    if not n:
        raise ValueError("X has no rows; give one at least")
    if chunk is None:
        n_bytes = X.memory_usage().sum() if hasattr(X, "iloc") else np.asarray(X).nbytes
        chunk = max(1, int(_PIECE_BYTES // max(1, n_bytes // n)))
    cuts = [(start, min(start + chunk, n)) for start in range(0, n, chunk)]
    return [Partition(f"rows {start} to {stop - 1}", _Cut(start, stop, X, y, sample_weight)) for start, stop in cuts]


class _Cut:
    """Rows of arrays that follow each other; sent elsewhere, it takes these rows alone, or the name of the file."""

    def __init__(self, start: int, stop: int, *arrays: Any) -> None:
        self._start, self._stop, self._arrays = start, stop, arrays

    def __call__(self) -> tuple[Any, ...]:
        return tuple(None if values is None else self._cut(values) for values in self._arrays)

    def _cut(self, values: Any) -> Any:
        # A piece of a memory map is read here, once.
        return (
            _safe_indexing(values, slice(self._start, self._stop))
            if hasattr(values, "iloc")
            else np.array(values[self._start : self._stop])
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (self._stop - self._start, *(self._sent(values) for values in self._arrays))

    def _sent(self, values: Any) -> Any:
        """Return the rows alone; of a memory map where they are in its file."""
        if values is None:
            return None
        if not isinstance(values, np.memmap) or not isinstance(values.base, mmap) or not values.flags.c_contiguous:
            return self._cut(values)
        row_bytes = values.dtype.itemsize * prod(values.shape[1:])
        shape = (self._stop - self._start, *values.shape[1:])
        return _InFile(str(values.filename), values.dtype, values.offset + self._start * row_bytes, shape)


@dataclass(frozen=True)
class _InFile:
    """Where an array is in a file."""

    path: str
    dtype: np.dtype
    offset: int
    shape: tuple[int, ...]


def _rebuilt(n: int, *arrays: Any) -> _Cut:
    found = (
        np.memmap(values.path, values.dtype, "r", values.offset, values.shape)
        if isinstance(values, _InFile)
        else values
        for values in arrays
    )
    return _Cut(0, n, *found)


def parquet_pieces(
    path: str | PathLike[str] | Sequence[str],
    target: str | None,
    columns: Sequence[str] | None,
    sample_weight: str | None,
) -> list[Partition]:
    """Return the row groups of files of Parquet as pieces, of which the columns that are asked for are read."""
    from pyarrow.dataset import dataset  # an extra

    files = path if isinstance(path, list | tuple) else fspath(path)  # type: ignore[arg-type]
    try:
        found = dataset(files, format="parquet")
    except (OSError, ValueError) as error:
        raise type(error)(f"path={files!r} is no Parquet file or folder of such: {error}") from error
    names = found.schema.names
    for what, asked in (("target", [target]), ("columns", columns or []), ("sample_weight", [sample_weight])):
        unknown = [name for name in asked if name is not None and name not in names]
        if unknown:
            raise ValueError(f"{what}={unknown[0]!r} is no column of {files!r}, which has {names}")
    beside = [name for name in (target, sample_weight) if name is not None]
    taken = [name for name in names if name not in beside] if columns is None else list(columns)
    for name in set(taken) & set(beside):
        raise ValueError(f"columns={list(columns or [])!r} names {name!r}, which is the target or the weight")
    groups = [group for fragment in found.get_fragments() for group in fragment.split_by_row_group()]
    if not groups:
        raise ValueError(f"path={files!r} holds no rows")
    return [
        Partition(f"row group {group.row_groups[0].id} of {group.path}", _RowGroup(group, taken, target, sample_weight))
        for group in groups
    ]


@dataclass(frozen=True)
class _RowGroup:
    """A row group of a file of Parquet."""

    fragment: Any
    columns: list[str]
    target: str | None
    sample_weight: str | None

    def __call__(self) -> tuple[Any, ...]:
        beside = [name for name in (self.target, self.sample_weight) if name is not None]
        frame = self.fragment.to_table(columns=[*self.columns, *beside]).to_pandas()
        y, weight = (None if name is None else frame[name] for name in (self.target, self.sample_weight))
        return frame[self.columns], y, weight
