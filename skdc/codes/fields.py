"""Images that are kept as small networks, which say the colour at each place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from skdc.codes.base import Code
from skdc.codes.images import ImageCode


def pixel_places(height: int, width: int) -> NDArray[np.float64]:
    """Return the middles of pixels, row by row, on axes of which each goes from -1 to 1, of shape (2, H * W).

    Examples
    --------
    >>> from skdc.codes.fields import pixel_places
    >>> pixel_places(1, 4)
    array([[ 0.  ,  0.  ,  0.  ,  0.  ],
           [-0.75, -0.25,  0.25,  0.75]])
    """
    down, across = ((2 * np.arange(n) + 1) / n - 1 for n in (height, width))
    return np.stack([np.repeat(down, width), np.tile(across, height)])


@dataclass(frozen=True, eq=False)
class SineFields(ImageCode):
    """Images of which each is a network of sines: of sums of its inputs and 1, divided by how many these are.

    Parameters
    ----------
    row_shape, image_shape, channels_last
        As in all codes of images.
    first : Code
        Of shape (m, width, 3): the weights of the place of a pixel, down and across, and of 1.
    hidden : Code or None
        Of shape (m, depth - 1, width, width + 1): those of the layers that follow; None where there are none.
    last : Code
        Of shape (m, C, width + 1): those of the last sum, of which no sine is taken.
    """

    first: Code
    hidden: Code | None
    last: Code

    def decode(self) -> NDArray[np.floating]:
        """Return the rows."""
        values = np.sin(_means(self.first.decode(), pixel_places(*self.image_shape[1:])))
        for weights in () if self.hidden is None else np.moveaxis(self.hidden.decode(), 1, 0):
            values = np.sin(_means(weights, values))
        images = _means(self.last.decode(), values)
        return self._rows(images.reshape(-1, *self.image_shape))

    def take(self, places: NDArray[np.intp]) -> Self:
        """Return the code of a part of the rows."""
        hidden = None if self.hidden is None else self.hidden.take(places)
        return replace(self, first=self.first.take(places), hidden=hidden, last=self.last.take(places))


def _means(weights: NDArray, values: NDArray) -> NDArray:
    """Return weighted sums of values and 1, divided by how many there are."""
    return (weights[..., :-1] @ values + weights[..., -1:]) / weights.shape[-1]
