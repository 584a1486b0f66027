"""Images whose pixels are colours of a palette that all share."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral
from typing import Literal

import torch
from torch import Tensor

from skdc.codes import Code, Indexed, label_bits, packed_bits, packed_bytes
from skdc.images import ImageLayout, image_layout
from skdc.parameterizations.storage.base import Codec, Coder, Kept, Storage, Unkept, at
from skdc.parameterizations.storage.centers import centers_of
from skdc.parameterizations.storage.free import or_free
from skdc.parameterizations.storage.real import RealRows
from skdc.sources import draw_seed

# A pixel p that moves is seen as q(p) = c_i, where i is the place of the nearest colour, with dq/dp = 1 (the
# straight-through estimator) and dq/dc_i = 1: pixels move as if they were free, and colours with those that have them.

_PALETTE_ROWS = 256  # of the data, out of whose pixels a palette is made
_DISTANCES = 2**22  # held at a time


class Palette(Storage):
    """Palettes: each pixel has one of a few colours that all images share, as in AutoPalette [1]_, without its network.

    What is kept is which colour a pixel has, in as many bits as tell them apart, and the palette; a colour of grey
    images is a level. Pixels move as if they were free, and are seen in the nearest colour; gradients pass as if they
    were not, to the pixels and to the colours. The palette starts as the k-means of pixels of the data: images that
    have no more colours are kept exactly.

    Parameters
    ----------
    n_colors : int, default=16
        From 2 to 65536.
    image_shape : tuple of int, default=None
        Shape of an image that comes flattened; None takes the shape of the rows.
    channels : {"first", "last"}, default=None
        Where the channels of (C, H, W) or (H, W, C) rows are, as in `ConvNet`.
    inner : Storage, default=None
        How the palette is kept, as rows of C numbers; None is `Free()`. With `Fixed()` the colours stay.

    References
    ----------
    .. [1] Yuan, Wang, Baktashmotlagh, Luo and Huang, "Color-Oriented Redundancy Reduction in Dataset
       Distillation", 2024.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import MMD
    >>> from skdc.parameterizations import Points
    >>> from skdc.parameterizations.storage import Palette
    >>> images = load_digits().images.astype("uint8")
    >>> fitted = Condenser(MMD(), Points(Palette(n_colors=4)), n_samples=20, random_state=0).fit(images)
    >>> len(set(fitted.X_syn_.flat)), fitted.storage_["bytes"], fitted.storage_["bytes_decoded"]
    (4, 352, 1280)
    """

    n_colors: int = 16
    image_shape: tuple[int, ...] | None = None
    channels: Literal["first", "last"] | None = None
    inner: Storage | None = None

    def shows_images(self) -> bool:
        """Tell that it does."""
        return True

    def row_by_row(self) -> bool:
        """Tell that the palette is of all rows."""
        return False

    def build(self, X: Tensor, key: Tensor | None, real: RealRows, generator: torch.Generator) -> PaletteRows:
        """Return the images, and the palette of images like them."""
        row_shape = tuple(X.shape[1:])
        layout = self._layout(row_shape)
        rows = real.sample(self, "the colours of images", _PALETTE_ROWS, generator)[0] if real.alike else X
        start = centers_of(_pixels(layout(rows)), self.n_colors, draw_seed(generator)).to(X)
        palette = or_free(self.inner).build(start.clone(), None, replace(real, alike=False), generator)
        return PaletteRows(X, palette, start, layout)

    def few_bits(self) -> bool:
        """Tell that they do."""
        return True

    def numbers(self, n_rows: int, row_shape: tuple[int, ...]) -> list[Kept]:
        """Return the numbers of the palette."""
        palette = or_free(self.inner).numbers(self.n_colors, self._color_shape(row_shape))
        return [replace(kept, by_feature=False) for kept in palette]

    def other_bytes(self, n_rows: int, row_shape: tuple[int, ...], n_classes: int) -> int:
        """Count which colours pixels have, and what the palette takes beside its numbers."""
        _, height, width = self._layout(row_shape).shape
        of_pixels = packed_bytes(n_rows * height * width, label_bits(self.n_colors))
        return of_pixels + or_free(self.inner).other_bytes(self.n_colors, self._color_shape(row_shape), n_classes)

    def _color_shape(self, row_shape: tuple[int, ...]) -> tuple[int, ...]:
        return self._layout(row_shape).shape[:1]

    def _layout(self, row_shape: tuple[int, ...]) -> ImageLayout:
        if not isinstance(self.n_colors, Integral) or not 2 <= self.n_colors <= 2**16:
            raise ValueError(f"Palette(n_colors={self.n_colors!r}): a palette has 2 to 65536 colours, a whole number")
        return image_layout(self, row_shape, self.image_shape, self.channels)


class PaletteRows(Codec):
    """Images whose pixels are colours of a palette.

    Parameters
    ----------
    X : Tensor of shape (m, *input_shape)
    palette : Codec
        Of rows of C numbers.
    start : Tensor of shape (n_colors, C)
        The palette with which encoding begins.
    layout : ImageLayout
        Where the channels of rows are.
    """

    start: Tensor

    def __init__(self, X: Tensor, palette: Codec, start: Tensor, layout: ImageLayout) -> None:
        super().__init__()
        self.palette, self.pixels, self._layout = palette, Unkept(X), layout
        self.register_buffer("start", start)

    def decode(self, places: Tensor | None = None) -> Tensor:
        """Return the rows."""
        free, palette = at(self.pixels.values, places), self.palette.decode()
        pixels = _pixels(self._layout(free))
        index = _nearest(pixels.detach(), palette.detach())
        seen = palette[index] + (pixels - pixels.detach())
        n_channels, height, width = self._layout.shape
        images = seen.reshape(len(free), height, width, n_channels).permute(0, 3, 1, 2)
        return self._layout.rows(images, tuple(free.shape[1:]))

    def encode(self, X: Tensor) -> None:
        """Come as near to other images as the colours do that there were at the start."""
        self.pixels.values.copy_(X)
        self.palette.encode(self.start)

    def project(self, low: Tensor, high: Tensor) -> None:
        """Cut pixels and colours off."""
        self.pixels.values.clamp_(low, high)
        self.palette.project(low.min(), high.max())

    def code(self, coder: Coder) -> Code | None:
        """Return the colour of each pixel, and the palette."""
        palette, free = self.palette.code(coder), self.pixels.values.detach()
        if palette is None:
            return None
        colors = torch.as_tensor(palette.decode()).to(free)
        index = _nearest(_pixels(self._layout(free)), colors).cpu().numpy()
        packed = packed_bits(index, label_bits(len(colors)))
        return Indexed(tuple(free.shape[1:]), self._layout.shape, self._layout.last, len(free), packed, palette)


def _pixels(images: Tensor) -> Tensor:
    """Return the pixels of images of shape (n, C, H, W), of shape (n * H * W, C)."""
    return images.permute(0, 2, 3, 1).reshape(-1, images.shape[1])


def _nearest(pixels: Tensor, palette: Tensor) -> Tensor:
    """Return the place of the nearest colour of each pixel; whatever others there are, it is the same."""
    found = []
    for part in pixels.split(max(1, _DISTANCES // len(palette))):
        squares = part.new_zeros(len(part), len(palette))
        for channel in range(part.shape[1]):
            squares = squares + (part[:, channel, None] - palette[:, channel]).square()
        found.append(squares.argmin(1))
    return torch.cat(found)
