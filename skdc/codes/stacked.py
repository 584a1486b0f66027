"""Rows of one code behind those of another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from skdc.codes.base import Code


@dataclass(frozen=True, eq=False)
class Stacked(Code):
    """Rows of one code, and those of another one behind them.

    Parameters
    ----------
    first, other : Code
        Of rows of one shape.
    n_first : int
        How many rows the first has.
    """

    first: Code
    other: Code
    n_first: int

    def decode(self) -> NDArray[np.floating]:
        """Return the rows."""
        return np.concatenate(list(self.pieces()))

    def pieces(self) -> Iterator[NDArray[np.floating]]:
        """Yield the pieces of both."""
        yield from self.first.pieces()
        yield from self.other.pieces()

    def take(self, places: NDArray[np.intp]) -> Code:
        """Return the code of a part of the rows; that of the one alone, if there are none of the other."""
        of_first = places[places < self.n_first]
        others = places[len(of_first) :] - self.n_first
        if not len(of_first) or not len(others):
            return self.first.take(of_first) if len(of_first) else self.other.take(others)
        return replace(self, first=self.first.take(of_first), other=self.other.take(others), n_first=len(of_first))
