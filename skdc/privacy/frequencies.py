"""A basis of few directions that is known without looking at rows."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn, idctn

_IMAGE_SIDE = 8  # axes of fewer numbers are no sides of images
_MAX_FREQUENCIES = 150  # of images: finer ones are left to noise


class LowFrequencies:
    """Rows by their low frequencies, an orthonormal basis; rows that are no images as they are.

    Parameters
    ----------
    shape : tuple of int
        Of a row.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        sides = [axis for axis, size in enumerate(shape) if len(shape) > 1 and size >= _IMAGE_SIDE]
        self.axes = [axis + 1 for axis in sides]
        others = math.prod(size for axis, size in enumerate(shape) if axis not in sides)
        kept = max(1, int((_MAX_FREQUENCIES / others) ** (1 / max(1, len(sides)))))
        self.kept = tuple(min(kept, size) if axis in sides else size for axis, size in enumerate(shape))

    def transform(self, X: NDArray) -> NDArray[np.float64]:
        """Return the low frequencies of rows, of shape (n, d)."""
        X = X.astype(np.float64)
        if not self.axes:
            return X.reshape(len(X), -1)
        coefficients = dctn(X, axes=self.axes, norm="ortho")
        return coefficients[(slice(None), *map(slice, self.kept))].reshape(len(X), -1)

    def inverse_transform(self, Z: NDArray) -> NDArray[np.float64]:
        """Return the rows that have these low frequencies and no others."""
        if not self.axes:
            return Z.reshape(-1, *self.shape)
        coefficients = np.zeros((len(Z), *self.shape))
        coefficients[(slice(None), *map(slice, self.kept))] = Z.reshape(-1, *self.kept)
        return idctn(coefficients, axes=self.axes, norm="ortho")

    @property
    def width(self) -> int:
        """How many numbers a row has in it."""
        return math.prod(self.kept)
