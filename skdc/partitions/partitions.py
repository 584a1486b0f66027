"""Rows in pieces, and passes over them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from numbers import Integral
from os import PathLike
from typing import Any, NoReturn, Self, TypeVar

from skdc.isolation import limited_threads
from skdc.partitions.pieces import Partition, PieceError, RawRows
from skdc.partitions.readers import array_pieces, parquet_pieces
from skdc.partitions.running import Merge, by_dask, by_joblib, has_dask_client

Result = TypeVar("Result")

MOST_ROWS = 200_000  # in memory at once


class Partitions:
    """Rows in pieces, each of which is read when it is asked for: the data of a fit that do not fit in memory.

    `fit` takes them as X. What a condenser does with them its documentation says: it passes over them again and again,
    merges small sets of the pieces, or looks at a sample of the rows. Pieces are read by as many threads as `n_jobs`
    of the condenser says; by the workers of Dask, where a `distributed.Client` is current.

    Parameters
    ----------
    pieces : sequence
        Of each piece (X, y), (X, y, sample_weight) or X alone; or a callable that returns one of them, the same at
        each call. X is an array or a frame. For processes, callables must be such as `cloudpickle` takes.
    max_rows : int, default=200_000
        Most rows that are held in memory as a sample of all, drawn class by class.

    Attributes
    ----------
    pieces : list of Partition

    See Also
    --------
    skdc.KMeansCondenser : It passes over all rows.

    Examples
    --------
    >>> import numpy as np
    >>> from skdc import KMeansCondenser, Partitions
    >>> def read(i):
    ...     rng = np.random.default_rng(i)
    ...     y = rng.integers(2, size=1000)
    ...     return rng.normal(size=(1000, 3)) + 4 * y[:, None], y
    >>> partitions = Partitions([lambda i=i: read(i) for i in range(5)])
    >>> X_syn, y_syn = KMeansCondenser(2, random_state=0).fit(partitions)
    >>> X_syn.shape, y_syn.tolist()
    ((4, 3), [0, 0, 1, 1])
    """

    def __init__(self, pieces: Iterable[Any], *, max_rows: int = MOST_ROWS) -> None:
        if isinstance(pieces, str) or not isinstance(pieces, Sequence):
            raise TypeError(
                f"pieces must be a list of (X, y), or of callables that return such, got {type(pieces).__name__}; "
                "Partitions.from_arrays cuts arrays, and Partitions.from_iterable takes what is read in order"
            )
        self.pieces = [
            piece if isinstance(piece, Partition) else Partition(f"piece {i}", piece) for i, piece in enumerate(pieces)
        ]
        if not self.pieces:
            raise ValueError("there are no pieces; give one at least")
        self.max_rows = checked_size("max_rows", max_rows)

    @classmethod
    def from_arrays(
        cls, X: Any, y: Any = None, sample_weight: Any = None, *, chunk: int | None = None, max_rows: int = MOST_ROWS
    ) -> Self:
        """Cut arrays into pieces; of memory maps nothing is read until it is asked for.

        Parameters
        ----------
        X : array or memory map of shape (n, ...), or frame
        y : array of shape (n,), default=None
        sample_weight : array of shape (n,), default=None
        chunk : int, default=None
            Rows of a piece; None takes as many as 64 MiB hold.
        max_rows : int, default=200_000
            As in the class.

        Examples
        --------
        >>> import numpy as np
        >>> from skdc import Partitions
        >>> Partitions.from_arrays(np.zeros((10, 2)), np.arange(10) % 2, chunk=4)
        Partitions(3 pieces)
        """
        chunk = None if chunk is None else checked_size("chunk", chunk)
        return cls(array_pieces(X, y, sample_weight, chunk), max_rows=max_rows)

    @classmethod
    def from_parquet(
        cls,
        path: str | PathLike[str] | Sequence[str],
        target: str | None = None,
        *,
        columns: Sequence[str] | None = None,
        sample_weight: str | None = None,
        max_rows: int = MOST_ROWS,
    ) -> Self:
        """Read a Parquet file, a folder of them, or a list; each row group is a piece.

        Parameters
        ----------
        path : str, path or list of str
        target : str, default=None
            The column that is the target.
        columns : list of str, default=None
            Columns of X; None takes all others. No other one is read.
        sample_weight : str, default=None
            The column of weights.
        max_rows : int, default=200_000
            As in the class.

        Raises
        ------
        ValueError
            For a column that is not there.
        """
        return cls(parquet_pieces(path, target, columns, sample_weight), max_rows=max_rows)

    @classmethod
    def from_iterable(cls, factory: Callable[[], Iterable[Any]], *, max_rows: int = MOST_ROWS) -> Partitions:
        """Take pieces as they come from an iterator, in order; each pass makes a new one.

        Parameters
        ----------
        factory : callable
            Returns an iterator of pieces as the class takes them, the same ones each time.
        max_rows : int, default=200_000
            As in the class.

        Examples
        --------
        >>> import numpy as np
        >>> from skdc import Partitions
        >>> chunks = Partitions.from_iterable(lambda: ((np.full((3, 2), i), np.arange(3)) for i in range(4)))
        >>> [rows.X[0, 0].item() for rows in chunks]
        [0, 1, 2, 3]
        """
        if not callable(factory):
            raise TypeError(
                f"factory must be a function that returns an iterator, got {type(factory).__name__}: an iterator "
                "can be read once only, and pieces are read again and again"
            )
        return _Iterated(factory, max_rows)

    def __len__(self) -> int:
        return len(self.pieces)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} pieces)"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NoReturn:
        raise TypeError(f"{self!r} holds rows that are not in memory; pass it to the fit of a condenser, not to others")

    def names(self) -> list[str]:
        """Return what messages call the pieces; none, where they are not known before."""
        return [piece.name for piece in self.pieces]

    def with_target(self, target: Any) -> Partitions:
        """Return the same pieces, of whose frames a column is the target.

        Parameters
        ----------
        target : str
        """
        other = object.__new__(type(self))
        vars(other).update(vars(self), pieces=[replace(piece, target=target) for piece in self.pieces])
        return other

    def map_reduce(
        self, function: Callable[[int, RawRows], Result], merge: Merge[Result], n_jobs: int | None = None
    ) -> Result:
        """Return what a function gives for each piece, merged; it does not depend on workers and their order.

        Parameters
        ----------
        function : callable
            Of the number of a piece, and its rows.
        merge : callable
            Of two results, the first of earlier pieces; it changes neither.
        n_jobs : int, default=None
            Threads, where there is no cluster; None is one, -1 all.

        Raises
        ------
        PieceError
            If a piece cannot be read.
        """
        of_piece = partial(_of_piece, function)
        if has_dask_client() or any(piece.of_dask for piece in self.pieces):
            return self._by_dask(of_piece, merge)
        return by_joblib((partial(of_piece, i, piece) for i, piece in enumerate(self.pieces)), merge, n_jobs)

    def position(self) -> Any:
        """Return where passes have come to, from which `restore` goes on (nothing, where none is kept)."""
        return None

    def restore(self, position: Any) -> None:
        """Go on with the passes from a position."""

    def _by_dask(self, of_piece: Callable[[int, Any], Result], merge: Merge[Result]) -> Result:
        try:
            return by_dask([piece.delayed() for piece in self.pieces], of_piece, merge)
        except PieceError:
            raise
        except Exception:
            for piece in self.pieces:
                if piece.of_dask:  # which does not name what it could not read
                    piece.read()
            raise

    def __iter__(self) -> Iterator[RawRows]:
        return (piece.read() for piece in self.pieces)


class _Iterated(Partitions):
    """Pieces that come in order, of which the number is not known before."""

    def __init__(self, factory: Callable[[], Iterable[Any]], max_rows: int, target: Any = None) -> None:
        self._factory, self._target, self.max_rows = factory, target, checked_size("max_rows", max_rows)

    def __len__(self) -> int:
        raise TypeError("how many pieces come from an iterator is known at its end only")

    def __repr__(self) -> str:
        return "Partitions.from_iterable()"

    def names(self) -> list[str]:
        """Return none."""
        return []

    def with_target(self, target: Any) -> Partitions:
        """Return the same pieces, of whose frames a column is the target."""
        return _Iterated(self._factory, self.max_rows, target)

    def map_reduce(
        self, function: Callable[[int, RawRows], Result], merge: Merge[Result], n_jobs: int | None = None
    ) -> Result:
        """Return what a function gives for each piece, merged; they are read in this process."""
        tasks = (partial(_of_piece, function, i, piece) for i, piece in enumerate(self._read()))
        return by_joblib(tasks, merge, n_jobs)

    def __iter__(self) -> Iterator[RawRows]:
        return (piece.read() for piece in self._read())

    def _read(self) -> Iterator[Partition]:
        i, rows = -1, iter(self._factory())
        while True:
            try:
                piece = next(rows, None)
            except Exception as error:  # of the user's own reader
                raise PieceError(f"piece {i + 1} cannot be read: {type(error).__name__}: {error}") from error
            if piece is None:
                break
            i += 1
            yield Partition(f"piece {i}", piece, self._target)
        if i < 0:
            raise PieceError("the iterator gives no piece; its function must return a new iterator at each call")


def _of_piece(function: Callable[[int, RawRows], Result], i: int, piece: Partition) -> Result:
    with limited_threads("openmp", 1):  # or sums would be rounded otherwise in another thread
        return function(i, piece.read())


def checked_size(name: str, value: Any) -> int:
    """Return a number of rows; refuse other things."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name}={value!r} must be an integer of at least 1")
    return int(value)
