"""Images that are kept as places in a palette."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Self

import numpy as np
from numpy.typing import NDArray

from skdc.codes.base import Code
from skdc.codes.bits import label_bits, taken_bits, unpacked_bits
from skdc.codes.images import ImageCode


@dataclass(frozen=True, eq=False)
class Indexed(ImageCode):
    """Images whose pixels are colours of a palette.

    Parameters
    ----------
    row_shape, image_shape, channels_last
        As in all codes of images.
    n_images : int
    packed : ndarray of uint8
        The place in the palette of each pixel, image by image, row by row, as `packed_bits` gives them, of as many bits
        as tell the colours apart.
    palette : Code
        Of shape (n_colors, C).
    """

    n_images: int
    packed: NDArray[np.uint8]
    palette: Code

    def decode(self) -> NDArray[np.floating]:
        """Return the rows."""
        palette = self.palette.decode()
        colors = unpacked_bits(self.packed, label_bits(len(palette)), prod(self._shape)).reshape(self._shape)
        return self._rows(palette[colors].transpose(0, 3, 1, 2))

    @property
    def _shape(self) -> tuple[int, ...]:
        """(m, H, W), of the places in the palette."""
        return self.n_images, *self.image_shape[1:]

    def take(self, places: NDArray[np.intp]) -> Self:
        """Return the code of a part of the rows."""
        packed = taken_bits(self.packed, label_bits(len(self.palette.decode())), self._shape, places)
        return replace(self, n_images=len(places), packed=packed)
