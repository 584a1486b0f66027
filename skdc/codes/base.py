"""What codes have in common, and rows that are kept as they are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray


class Record:
    """What a file holds; subclasses are dataclasses of arrays, others of this kind, and values of JSON.

    A file holds their fields by name, and so names and meaning of fields are those of the file's format.
    """

    def arrays(self) -> Iterator[NDArray]:
        """Yield the arrays that it is made of."""
        for field in fields(self):  # type: ignore[arg-type]  # subclasses are dataclasses
            value = getattr(self, field.name)
            if isinstance(value, Record):
                yield from value.arrays()
            elif isinstance(value, np.ndarray):
                yield value

    @property
    def nbytes(self) -> int:
        """How many bytes the arrays take."""
        return sum(array.nbytes for array in self.arrays())


class Code(Record, ABC):
    """Rows as few numbers."""

    @abstractmethod
    def decode(self) -> NDArray[np.floating]:
        """Return the rows, of shape (m, ...).

        A row is the same, bit by bit, whatever others there are.
        """

    def pieces(self) -> Iterator[NDArray[np.floating]]:
        """Yield the rows, some at a time where they take much memory on the way; at least one piece, if of no rows."""
        yield self.decode()

    def redrawn(self, counts: NDArray[np.uint32], seed: int) -> Code | None:
        """Return the code of other rows, where rows are drawn at random; None where they are not (the default).

        Parameters
        ----------
        counts : ndarray of uint32 of shape (n_groups,)
            How many rows, one behind the other, are of each group.
        seed : int
        """
        return None

    @abstractmethod
    def take(self, places: NDArray[np.intp]) -> Code:
        """Return the code of a part of the rows; what all rows share is kept whole.

        Parameters
        ----------
        places : ndarray of int
            Which rows, in increasing order.
        """


class ElementwiseCode(Code):
    """Rows of which each number is kept for itself."""

    @abstractmethod
    def scaled(self, factor: NDArray[np.floating]) -> ElementwiseCode:
        """Return the code of rows of which each number is multiplied by a factor that broadcasts to a row."""


@dataclass(frozen=True, eq=False)
class PlainNumbers(ElementwiseCode):
    """Rows as they are.

    Parameters
    ----------
    values : ndarray of shape (m, ...)
    """

    values: NDArray[np.floating]

    def decode(self) -> NDArray[np.floating]:
        """Return the rows."""
        return self.values

    def take(self, places: NDArray[np.intp]) -> Self:
        """Return the code of a part of the rows."""
        return replace(self, values=self.values[places])

    def scaled(self, factor: NDArray[np.floating]) -> PlainNumbers:
        """Return the code of scaled rows."""
        return PlainNumbers((self.values * factor).astype(self.values.dtype))


def rows_times(rows: NDArray[np.floating], matrix: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the product of each row with a matrix, computed row by row.

    The product of all rows at once differs in its last digits with how many there are, and so does that of arrays which
    lie in memory in another order, as those of a file may.

    Parameters
    ----------
    rows : ndarray of shape (m, q)
    matrix : ndarray of shape (q, d)
    """
    products: NDArray[np.floating] = np.ascontiguousarray(rows)[:, None] @ np.ascontiguousarray(matrix)
    return products[:, 0]


def taken_counts(counts: NDArray[np.uint32], places: NDArray[np.intp]) -> NDArray[np.uint32]:
    """Return how many rows of each group are at some places, where those of a group are one behind the other.

    Parameters
    ----------
    counts : ndarray of uint32
        How many rows of each group there are.
    places : ndarray of int
        In increasing order.
    """
    groups = np.repeat(np.arange(len(counts)), counts)
    return np.bincount(groups[places], minlength=len(counts)).astype(np.uint32)
