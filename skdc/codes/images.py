"""Images that are kept as frequencies, or small."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from skdc.codes.base import Code, taken_counts


def cosines(n: int) -> NDArray[np.float64]:
    r"""Return the orthonormal basis of the discrete cosine transform (DCT-II) of n numbers, a frequency a row.

    Row k at i is :math:`\sqrt{c_k / n} \cos(\pi k (i + 1/2) / n)`, where c is 1 for k = 0 and else 2.

    Examples
    --------
    >>> from skdc.codes.images import cosines
    >>> cosines(2).round(3)
    array([[ 0.707,  0.707],
           [ 0.707, -0.707]])
    """
    k, i = np.arange(n)[:, None], np.arange(n)[None, :]
    return np.sqrt(np.where(k == 0, 1, 2) / n) * np.cos(np.pi * k * (i + 0.5) / n)


def enlarging(n: int, size: int) -> NDArray[np.float64]:
    """Return the matrix of shape (size, n) that enlarges n pixels in a line bilinearly, between the pixels' middles."""
    middles = np.clip((np.arange(size) + 0.5) * n / size - 0.5, 0, n - 1)
    lower = np.minimum(middles.astype(int), max(n - 2, 0))
    share = middles - lower
    matrix = np.zeros((size, n))
    matrix[np.arange(size), lower] += 1 - share
    matrix[np.arange(size), np.minimum(lower + 1, n - 1)] += share
    return matrix


@dataclass(frozen=True, eq=False)
class ImageCode(Code):
    """Images of shape (C, H, W) that come out as rows of some shape.

    Parameters
    ----------
    row_shape : tuple of int
        Of a row as it comes out.
    image_shape : tuple of int
        (C, H, W).
    channels_last : bool
        Whether a row has its channels behind its pixels.
    """

    row_shape: tuple[int, ...]
    image_shape: tuple[int, ...]
    channels_last: bool

    def _rows(self, images: NDArray) -> NDArray:
        return (images.transpose(0, 2, 3, 1) if self.channels_last else images).reshape(-1, *self.row_shape)


@dataclass(frozen=True, eq=False)
class Cosines(ImageCode):
    """Images of which some frequencies are kept: coefficients of the orthonormal discrete cosine transform.

    Parameters
    ----------
    row_shape, image_shape, channels_last
        As in all codes of images.
    coefficients : Code
        Of shape (m, C * n_kept): those of each channel in the order of the mask.
    masks : ndarray of uint8 of shape (n_masks, ceil(H * W / 8))
        Bits that say which frequencies are kept, row by row.
    counts : ndarray of uint32 of shape (n_masks,)
        How many images, one behind the other, have each mask.
    sizes : float32 ndarray of shape (C * n_kept,), default=None
        What the coefficients are multiplied by.
    """

    coefficients: Code
    masks: NDArray[np.uint8]
    counts: NDArray[np.uint32]
    sizes: NDArray[np.float32] | None = None

    def decode(self) -> NDArray[np.floating]:
        """Return the rows."""
        n_channels, height, width = self.image_shape
        kept = self.coefficients.decode()
        kept = kept if self.sizes is None else kept * self.sizes
        if self.counts.sum() != len(kept):
            raise ValueError(f"there are masks for {self.counts.sum()} images of {len(kept)}")
        spectra = np.zeros((len(kept), n_channels, height * width))
        ends = np.cumsum(self.counts)
        for mask, end, count in zip(self.masks, ends, self.counts, strict=True):
            places, images = np.flatnonzero(np.unpackbits(mask, count=height * width)), slice(end - count, end)
            spectra[images, :, places] = kept[images].reshape(int(count), n_channels, len(places))
        spectra = spectra.reshape(-1, n_channels, height, width)
        return self._rows(cosines(height).T @ spectra @ cosines(width))

    def take(self, places: NDArray[np.intp]) -> Self:
        """Return the code of a part of the rows."""
        return replace(self, coefficients=self.coefficients.take(places), counts=taken_counts(self.counts, places))


@dataclass(frozen=True, eq=False)
class Enlarged(ImageCode):
    """Small images, seen bilinearly at their full size.

    Parameters
    ----------
    row_shape, image_shape, channels_last
        As in all codes of images.
    small : Code
        Of shape (m, C, h, w).
    """

    small: Code

    def decode(self) -> NDArray[np.floating]:
        """Return the rows."""
        small = self.small.decode()
        down, across = (enlarging(n, size) for n, size in zip(small.shape[2:], self.image_shape[1:], strict=True))
        return self._rows(down @ small @ across.T)

    def take(self, places: NDArray[np.intp]) -> Self:
        """Return the code of a part of the rows."""
        return replace(self, small=self.small.take(places))
