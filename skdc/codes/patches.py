"""Images whose patches are combinations of a few of many."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from skdc.codes.base import Code
from skdc.codes.bits import label_bits, taken_bits, unpacked_bits
from skdc.codes.images import ImageCode


@dataclass(frozen=True, eq=False)
class SparsePatches(ImageCode):
    """Images whose patches, side by side, are sums of few atoms of a dictionary, with a coefficient and a sign each.

    Parameters
    ----------
    row_shape, image_shape, channels_last
        As in all codes of images.
    patch : tuple of int
        (height, width) of a patch; what the last ones have beyond the image is not seen.
    packed : ndarray of uint8
        Of each coefficient twice the place of its atom in the dictionary, and one more for the sign minus, as
        `packed_bits` gives them, of as many bits as tell these apart.
    coefficients : Code
        Of shape (m, n_patches, n_kept): image by image, patches row by row.
    dictionary : Code
        Of shape (n_atoms, C * height * width).
    """

    patch: tuple[int, ...]
    packed: NDArray[np.uint8]
    coefficients: Code
    dictionary: Code

    def decode(self) -> NDArray[np.floating]:
        """Return the rows."""
        values, atoms = self.coefficients.decode(), self.dictionary.decode()
        signed = unpacked_bits(self.packed, label_bits(2 * len(atoms)), values.size).reshape(values.shape)
        values = np.where(signed % 2 == 1, -values, values)
        codes = np.zeros((*values.shape[:2], len(atoms)))
        np.put_along_axis(codes, (signed // 2).astype(np.intp), values, axis=2)
        n_channels, *sides = self.image_shape
        (down, across), (height, width) = (-(-n // p) for n, p in zip(sides, self.patch, strict=True)), self.patch
        patches = (codes @ atoms).reshape(-1, down, across, n_channels, height, width)
        images = patches.transpose(0, 3, 1, 4, 2, 5).reshape(-1, n_channels, down * height, across * width)
        return self._rows(images[:, :, : sides[0], : sides[1]])

    def take(self, places: NDArray[np.intp]) -> Self:
        """Return the code of a part of the rows."""
        n_bits = label_bits(2 * len(self.dictionary.decode()))
        packed = taken_bits(self.packed, n_bits, self.coefficients.decode().shape, places)
        return replace(self, packed=packed, coefficients=self.coefficients.take(places))
