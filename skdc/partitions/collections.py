"""Collections of Dask as pieces: arrays, frames, and bags of pairs."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdc.partitions.partitions import MOST_ROWS, Partitions
from skdc.partitions.pieces import Partition, PieceError, RawRows


def is_dask(values: Any) -> bool:
    """Tell whether something is a collection of Dask."""
    return hasattr(values, "__dask_graph__")


def from_dask(X: Any, y: Any = None, sample_weight: Any = None, *, max_rows: int = MOST_ROWS) -> Partitions:
    """Return the partitions of collections of Dask, which its workers read.

    Parameters
    ----------
    X : dask array, dask frame or dask bag
        An array is cut along its rows; a bag holds pairs (x, y).
    y : dask array, dask series or str, default=None
        As many rows; or the name of a column of a frame.
    sample_weight : dask array or dask series, default=None
    max_rows : int, default=200_000
        As in `Partitions`.

    Returns
    -------
    Partitions

    Raises
    ------
    TypeError
        For other things than collections of Dask.
    ValueError
        If X, y and weights are not cut alike, and cannot be.
    """
    if not is_dask(X):
        raise TypeError(f"X must be a collection of Dask, got {type(X).__name__}; pass Partitions, or an array")
    name = y if isinstance(y, str) else None
    given = {"y": None if name is not None else y, "sample_weight": sample_weight}
    others = {what: values for what, values in given.items() if values is not None}
    for what, values in others.items():
        if not is_dask(values):
            raise TypeError(
                f"X is a collection of Dask, but {what} is a {type(values).__name__}, which is in memory; pass one of "
                "Dask, cut as X is" + (", or the name of a column of X" if what == "y" else "")
            )
    blocks = _blocks(X)
    parts = {what: _alike(values, X, what, len(blocks)) for what, values in others.items()}
    rows = [(block, *(parts[what][i] if what in parts else None for what in given)) for i, block in enumerate(blocks)]
    return Partitions([DaskPartition(f"partition {i}", part, name) for i, part in enumerate(rows)], max_rows=max_rows)


class DaskPartition(Partition):
    """A piece that Dask holds, or makes: rows, targets and weights are delayed."""

    of_dask = True

    def delayed(self) -> Any:
        """Return a piece whose rows are there when the task that is given it runs."""
        import dask

        return dask.delayed(_held, pure=False)(self.name, self.target, *self.rows)

    def read(self) -> RawRows:
        """Return the rows; Dask reads them."""
        try:
            piece = self.delayed().compute()
        except Exception as error:  # of the user's own reader, or of a file
            raise PieceError(f"{self.name} cannot be read: {type(error).__name__}: {error}") from error
        return piece.read()


def _held(name: str, target: Any, X: Any, y: Any, sample_weight: Any) -> Partition:
    """Return a piece of what is in memory; of pairs, their arrays."""
    if isinstance(X, list):
        if not all(isinstance(pair, tuple) and len(pair) == 2 for pair in X):
            raise PieceError(f"{name}: a bag must hold pairs (x, y), each of a row and its target")
        X, y = (np.asarray(part) for part in zip(*X, strict=True)) if X else (np.empty((0, 0)), np.empty(0))
    return Partition(name, (X, y, sample_weight), target)


def _blocks(X: Any) -> list[Any]:
    """Return the delayed parts of a collection, each of whole rows."""
    if hasattr(X, "rechunk"):
        return list(_whole_rows(X).to_delayed().ravel())
    if hasattr(X, "to_delayed"):
        return list(X.to_delayed())
    raise TypeError(f"X is a {type(X).__module__.partition('.')[0]} {type(X).__name__}, which has no parts to read")


def _whole_rows(X: Any) -> Any:
    return X if all(n == 1 for n in X.numblocks[1:]) else X.rechunk({axis: -1 for axis in range(1, X.ndim)})


def _alike(values: Any, X: Any, what: str, n_blocks: int) -> list[Any]:
    """Return the parts of targets or weights that belong to those of X."""
    lengths = [None if not hasattr(part, "chunks") else part.chunks[0] for part in (X, values)]
    known = all(part is not None and not np.isnan(part).any() for part in lengths)
    if known and sum(lengths[0]) != sum(lengths[1]):  # type: ignore[arg-type]
        raise ValueError(f"X has {sum(lengths[0])} rows, {what} has {sum(lengths[1])}: there must be as many")  # type: ignore[arg-type]
    if known and lengths[0] != lengths[1]:
        values = values.rechunk({0: lengths[0]})
    blocks = _blocks(values)
    if len(blocks) != n_blocks:
        raise ValueError(
            f"X has {n_blocks} partitions, {what} has {len(blocks)}, and it is not known which rows belong "
            f"together; cut both alike, such as by X.repartition, or pass {what} as a column of X"
        )
    return blocks


def partitions_of(X: Any, y: Any, sample_weight: Any, sensitive_features: Any) -> Partitions | None:
    """Return what is passed to `fit` as partitions; None for rows that are in memory.

    Raises
    ------
    TypeError
        If y or weights are passed beside partitions, which have their own.
    """
    if not isinstance(X, Partitions):
        if not is_dask(X):
            return None
        partitions = from_dask(X, y, sample_weight)
    elif sample_weight is not None or not (y is None or isinstance(y, str)):
        what = "y" if sample_weight is None else "sample_weight"
        raise TypeError(
            f"X is {X!r}, whose pieces hold their own targets and weights, but {what} is given, too; give them in the "
            "pieces, as (X, y, sample_weight)"
        )
    else:
        partitions = X if y is None else X.with_target(y)
    if sensitive_features is not None:
        raise TypeError("sensitive_features cannot be given for rows in pieces; call fit on rows in memory")
    return partitions
