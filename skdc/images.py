"""Where the pixels and channels of rows are that are images."""

from __future__ import annotations

from math import prod
from typing import Literal

from torch import Tensor, nn

Channels = Literal["first", "last"] | None


def image_layout(
    asker: object, input_shape: tuple[int, ...], image_shape: tuple[int, ...] | None, channels: Channels
) -> ImageLayout:
    """Return where the pixels of rows are, which must be images, for someone with parameters of these names."""
    shape = tuple(input_shape if image_shape is None else image_shape)
    if len(shape) not in (2, 3):
        raise ValueError(
            f"{type(asker).__name__} needs images, but rows of shape {shape} are none; for flattened images give "
            "image_shape=, such as (28, 28); a table has no pixels"
        )
    if prod(shape) != prod(input_shape):
        raise ValueError(f"image_shape={shape} has {prod(shape)} values, but a row has {prod(input_shape)}")
    return ImageLayout(shape, channels)


class ImageLayout(nn.Module):
    """Bring rows of any listed layout to (n, C, H, W).

    Parameters
    ----------
    image_shape : tuple of int
        (H, W), (C, H, W) or (H, W, C).
    channels : {"first", "last"} or None
        As in `ConvNet`.
    """

    def __init__(self, image_shape: tuple[int, ...], channels: Channels) -> None:
        super().__init__()
        if len(image_shape) not in (2, 3):
            raise ValueError(f"rows of shape {tuple(image_shape)} are no images: (H, W), (C, H, W) or (H, W, C)")
        self.image_shape = image_shape
        self.last = len(image_shape) == 3 and _channels_of(image_shape, channels) == "last"

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the images."""
        if len(self.image_shape) == 2:
            return (1, *self.image_shape)
        first, middle, last = self.image_shape
        return (last, first, middle) if self.last else (first, middle, last)

    def forward(self, x: Tensor) -> Tensor:
        """Return images of shape (n, C, H, W)."""
        if self.last:
            return x.reshape(x.shape[0], *self.image_shape).permute(0, 3, 1, 2)
        return x.reshape(x.shape[0], *self.shape)

    def rows(self, images: Tensor, row_shape: tuple[int, ...]) -> Tensor:
        """Return images of shape (n, C, H, W) as rows of the layout that they came in."""
        return (images.permute(0, 2, 3, 1) if self.last else images).reshape(images.shape[0], *row_shape)


def _channels_of(image_shape: tuple[int, ...], channels: Channels) -> str:
    if channels in ("first", "last"):
        return channels
    if channels is not None:
        raise ValueError(f"channels={channels!r} must be 'first', 'last' or None")
    first, last = image_shape[0] in (1, 3, 4), image_shape[-1] in (1, 3, 4)
    if first == last:
        raise ValueError(
            f"cannot tell the channels of images of shape {image_shape}; give channels='first' "
            "for (C, H, W) or channels='last' for (H, W, C)"
        )
    return "first" if first else "last"
