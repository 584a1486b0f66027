"""Images that are kept as places in a palette."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skdc.codes.base import Code
from skdc.codes.bits import label_bits, unpacked_bits
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
        palette, (_, height, width) = self.palette.decode(), self.image_shape
        index = unpacked_bits(self.packed, label_bits(len(palette)), self.n_images * height * width)
        images = palette[index].reshape(self.n_images, height, width, -1)
        return self._rows(images.transpose(0, 3, 1, 2))
