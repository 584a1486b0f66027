"""Images that are kept as places in a palette."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from skdc.codes.base import Code
from skdc.codes.bits import label_bits, packed_bits, unpacked_bits
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
        images = palette[self._colors(label_bits(len(palette)))]
        return self._rows(images.transpose(0, 3, 1, 2))

    def _colors(self, n_bits: int) -> NDArray[np.uint16]:
        """Return the place in the palette of each pixel, of shape (m, H, W)."""
        _, height, width = self.image_shape
        return unpacked_bits(self.packed, n_bits, self.n_images * height * width).reshape(-1, height, width)

    def take(self, places: NDArray[np.intp]) -> Self:
        """Return the code of a part of the rows."""
        n_bits = label_bits(len(self.palette.decode()))
        return replace(self, n_images=len(places), packed=packed_bits(self._colors(n_bits)[places].ravel(), n_bits))
