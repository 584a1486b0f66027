"""What codes have in common, and rows that are kept as they are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray


class Code(ABC):
    """Rows as few numbers; subclasses are dataclasses of arrays, other codes, and values of JSON.

    A file holds their fields by name, and so names and meaning of fields are those of the file's format.
    """

    @abstractmethod
    def decode(self) -> NDArray[np.floating]:
        """Return the rows, of shape (m, ...)."""

    def arrays(self) -> Iterator[NDArray]:
        """Yield the arrays that it is made of."""
        for field in fields(self):  # type: ignore[arg-type]  # subclasses are dataclasses
            value = getattr(self, field.name)
            if isinstance(value, Code):
                yield from value.arrays()
            elif isinstance(value, np.ndarray):
                yield value

    @property
    def nbytes(self) -> int:
        """How many bytes the arrays take."""
        return sum(array.nbytes for array in self.arrays())


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

    def scaled(self, factor: NDArray[np.floating]) -> PlainNumbers:
        """Return the code of scaled rows."""
        return PlainNumbers((self.values * factor).astype(self.values.dtype))
