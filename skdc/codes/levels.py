"""Numbers of few bits: levels between two ends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Self

import numpy as np
from numpy.typing import NDArray

from skdc.codes.base import ElementwiseCode
from skdc.codes.bits import taken_bits, unpacked_bits


@dataclass(frozen=True, eq=False)
class UniformLevels(ElementwiseCode):
    """Rows of which each number is one of 2**n_bits levels, evenly between two ends of its feature.

    Parameters
    ----------
    packed : ndarray of uint8
        The levels, counted from the low end, as `packed_bits` gives them.
    n_bits : int
        From 1 to 16.
    shape : tuple of int
        (m, ...), of the rows.
    low, step : float32 ndarray, or number of numpy
        The low end and the distance of levels; they broadcast to a row.
    """

    packed: NDArray[np.uint8]
    n_bits: int
    shape: tuple[int, ...]
    low: NDArray[np.float32] | np.float32
    step: NDArray[np.float32] | np.float32

    def decode(self) -> NDArray[np.floating]:
        """Return the rows."""
        levels = unpacked_bits(self.packed, self.n_bits, prod(self.shape)).reshape(self.shape)
        return self.low.astype(np.float64) + self.step.astype(np.float64) * levels

    def take(self, places: NDArray[np.intp]) -> Self:
        """Return the code of a part of the rows."""
        packed = taken_bits(self.packed, self.n_bits, self.shape, places)
        return replace(self, packed=packed, shape=(len(places), *self.shape[1:]))

    def scaled(self, factor: NDArray[np.floating]) -> UniformLevels:
        """Return the code of scaled rows."""
        low, step = (np.asarray(part * factor, dtype=np.float32) for part in (self.low, self.step))
        return replace(self, low=low, step=step)
