"""Coded rows as a user gets them: in the units, the range and the dtype of the data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from skdc.codes.base import Code
from skdc.codes.bounds import bounded


@dataclass(frozen=True, eq=False)
class CodedRows(Code):
    """Rows of an array that are kept as a code.

    Parameters
    ----------
    code : Code
        Of rows that are shifted and scaled.
    shift : float or ndarray of the shape of a row
        What is added, once they are multiplied by the scale.
    scale : float
    low, high : number or ndarray of the shape of a row, or None
        Between which the numbers lie; None where they may be any.
    dtype : str
        Of the rows that come out, such as "<f4".
    """

    code: Code
    shift: float | NDArray[np.floating]
    scale: float
    low: float | NDArray | None
    high: float | NDArray | None
    dtype: str

    def decode(self) -> NDArray:
        """Return the rows as the user gets them."""
        pieces = list(self.pieces())
        return np.concatenate(pieces, dtype=pieces[0].dtype)  # or the order of bytes would be that of the machine

    def pieces(self) -> Iterator[NDArray]:
        """Yield them as the pieces of the code come."""
        dtype = np.dtype(self.dtype)
        if dtype.kind not in "biuf":
            raise ValueError(f"codes are of numbers, and not of dtype {dtype}")
        for rows in self.code.pieces():
            values = (rows * self.scale + self.shift).astype(dtype if dtype.kind == "f" else np.float64)
            yield bounded(values, dtype, self.low, self.high)

    def redrawn(self, counts: NDArray[np.uint32], seed: int) -> Self | None:
        """Return other rows of the code, where that draws them."""
        code = self.code.redrawn(counts, seed)
        return None if code is None else replace(self, code=code)

    def take(self, places: NDArray[np.intp]) -> Self:
        """Return the code of a part of the rows."""
        return replace(self, code=self.code.take(places))
