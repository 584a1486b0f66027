"""Sums of bounded rows in whole numbers, of which one row changes no more than is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skdc.privacy.noise import Noise

_UNITS = 2.0**24  # whole numbers in the largest norm of a row: a finer grid than float32 has
_ROOT_UNITS = 2.0**14  # the same where rows are multiplied: a million of them stay below 2**53
_MARGIN = 1 - 2.0**-40  # keeps a norm that rounding has made too large below its bound


class BoundedSums:
    """The sum of the rows of each key, each cut off at norm 1 and rounded towards zero.

    A row adds to one key alone, so adding or removing it changes all sums together by a vector of norm 1 at most.
    Whole numbers add up to the same sum in any order and any partitioning.

    Parameters
    ----------
    n_keys : int
    width : int
        Numbers in a row.
    """

    def __init__(self, n_keys: int, width: int) -> None:
        self.width = width
        self._sums = np.zeros((n_keys, width), np.int64)

    def add(self, rows: NDArray[np.float64], key: NDArray[np.int64]) -> None:
        """Add rows of shape (n, width), and the keys of each."""
        units = _quantized(rows, _UNITS).astype(np.int64)
        for k in np.unique(key):
            self._sums[k] += units[key == k].sum(axis=0)

    def merged(self, other: BoundedSums) -> BoundedSums:
        """Return the sums of these and of other rows."""
        both = BoundedSums(*self._sums.shape)
        both._sums = self._sums + other._sums
        return both

    def released(self, noise_multiplier: float, noise: Noise) -> NDArray[np.float64]:
        """Return the sums with Gaussian noise of standard deviation `noise_multiplier`, of shape (n_keys, width)."""
        return (self._sums + noise.gaussian(noise_multiplier * _UNITS, self._sums.shape)) / _UNITS


class BoundedProducts:
    """The sum of the products of rows with themselves, each row cut off at norm 1 and rounded towards zero.

    The product of a row of norm 1 has norm 1.

    Parameters
    ----------
    width : int
        Numbers in a row.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self._sums = np.zeros((width, width))

    def add(self, rows: NDArray[np.float64]) -> None:
        """Add rows of shape (n, width)."""
        units = _quantized(rows, _ROOT_UNITS)
        # Whole numbers below 2**53, which float64 multiplies and adds without error.
        self._sums += units.T @ units

    def merged(self, other: BoundedProducts) -> BoundedProducts:
        """Return the sums of these and of other rows."""
        both = BoundedProducts(self.width)
        both._sums = self._sums + other._sums
        return both

    def released(self, noise_multiplier: float, noise: Noise) -> NDArray[np.float64]:
        """Return the sums with Gaussian noise of standard deviation `noise_multiplier`, of shape (width, width)."""
        unit = _ROOT_UNITS**2
        # A product changes pairs of columns beside the diagonal twice: the half of the noise's variance will do there.
        upper = np.triu(noise.gaussian(noise_multiplier * unit / 2**0.5, self._sums.shape), 1)
        diagonal = noise.gaussian(noise_multiplier * unit, (self.width,))
        return (self._sums + upper + upper.T + np.diag(diagonal)) / unit


def _quantized(rows: NDArray[np.float64], units: float) -> NDArray[np.float64]:
    """Return rows cut off at norm 1 as whole numbers of a unit, rounded towards zero; what is not finite is no row."""
    rows = np.where(np.isfinite(rows).all(axis=1, keepdims=True), rows, 0.0)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.trunc(rows * (units * _MARGIN / np.maximum(norms, 1.0)))
