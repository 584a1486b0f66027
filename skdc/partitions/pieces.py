"""A piece of the rows, and what it holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple


class PieceError(ValueError):
    """A piece of the data cannot be read, or is not like the others.

    The message names the piece, and says what is wrong with it.
    """


@contextmanager
def naming(piece: str) -> Iterator[None]:
    """Name a piece in what is said of its rows."""
    try:
        yield
    except PieceError:
        raise
    except (TypeError, ValueError) as error:
        raise PieceError(f"{piece}: {error}") from error


class RawRows(NamedTuple):
    """Rows of a piece as they were read.

    Parameters
    ----------
    X : array or frame of shape (n, ...)
    y : array or series of shape (n,), default=None
    sample_weight : array of shape (n,), default=None
    name : str, default=""
        Of the piece.
    """

    X: Any
    y: Any = None
    sample_weight: Any = None
    name: str = ""


@dataclass(frozen=True)
class Partition:
    """A piece that is read when it is asked for; it is sent to where it is read.

    Parameters
    ----------
    name : str
        What a message calls it.
    rows : tuple, array, frame or callable
        (X, y), (X, y, sample_weight) or X alone, or what returns one of them.
    target : str, default=None
        The column of X that is the target.

    Attributes
    ----------
    of_dask : bool
        Whether Dask holds the rows, or makes them.
    """

    of_dask: ClassVar[bool] = False

    name: str
    rows: Any
    target: Any = None

    def delayed(self) -> Any:
        """Return what a task of Dask is given: itself, or what becomes a piece before the task is done."""
        return self

    def read(self) -> RawRows:
        """Return the rows.

        Raises
        ------
        PieceError
            If that fails, or gives no rows.
        """
        try:
            rows = self.rows() if callable(self.rows) else self.rows
        except Exception as error:  # of the user's own reader, or of a file
            raise PieceError(f"{self.name} cannot be read: {type(error).__name__}: {error}") from error
        raw = RawRows(*rows) if isinstance(rows, tuple) and 1 <= len(rows) <= 3 else RawRows(rows)
        if raw.X is None or isinstance(raw.X, str | tuple):
            raise PieceError(
                f"{self.name} holds {type(rows).__name__} {rows!r:.60}; it must hold X, (X, y) or (X, y, sample_weight)"
            )
        raw = raw._replace(name=self.name)
        return raw if self.target is None else _parted(raw, self.target)


def _parted(raw: RawRows, target: Any) -> RawRows:
    """Return rows of which a column is the target."""
    name = raw.name
    if raw.y is not None:
        raise PieceError(f"{name} holds targets, and y={target!r} names a column for them, too; give one of the two")
    if not hasattr(raw.X, "columns"):
        raise PieceError(f"y={target!r} names a column, but {name} is no frame: it is a {type(raw.X).__name__}")
    columns = list(raw.X.columns)
    if target not in columns:
        raise PieceError(f"{name} has no column {target!r}, which y= names; it has {columns}")
    if hasattr(raw.X, "iloc"):
        return raw._replace(X=raw.X.drop(columns=target), y=raw.X[target])
    return raw._replace(X=raw.X.drop(target), y=raw.X[target])  # of polars
