"""Images that are stored at a fraction of their resolution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from skdc.codes import Code, Enlarged
from skdc.images import ImageLayout, image_layout
from skdc.parameterizations.storage.base import Codec, Coder, Kept, Storage
from skdc.parameterizations.storage.free import or_free
from skdc.parameterizations.storage.real import RealRows


class LowResolution(Storage):
    """Multi-formation: images that are stored small, and seen at their full size [1]_.

    Four images of half the side take the room of one, and a learner may gain more from four blurred images than from
    one sharp one: `LowResolution(factor=2)` with `n_per_class=40` is what the literature calls ten images a class,
    each cut into four. They are enlarged bilinearly.

    Parameters
    ----------
    factor : int, default=2
        Each side of a stored image is that many times smaller, rounded up.
    image_shape : tuple of int, default=None
        Shape of an image that comes flattened; None takes the shape of the rows.
    channels : {"first", "last"}, default=None
        Where the channels of (C, H, W) or (H, W, C) rows are, as in `ConvNet`.
    inner : Storage, default=None
        How the small images are kept, as rows of shape (C, H, W); None is `Free()`.

    References
    ----------
    .. [1] Kim et al., "Dataset Condensation via Efficient Synthetic-Data Parameterization", 2022, section 4.

    Examples
    --------
    >>> import numpy as np
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import MMD
    >>> from skdc.parameterizations import Points
    >>> from skdc.parameterizations.storage import LowRank, LowResolution
    >>> images = np.random.default_rng(0).random((300, 8, 8))
    >>> condenser = Condenser(MMD(), Points(LowResolution(factor=2)), n_samples=40, random_state=0).fit(images)
    >>> condenser.X_syn_.shape, condenser.storage_["bytes"], condenser.storage_["bytes_decoded"]
    ((40, 8, 8), 6144, 20480)

    Small images may share a basis:

    >>> points = Points(LowResolution(factor=2, inner=LowRank(rank=2)))
    >>> Condenser(MMD(), points, n_samples=40, random_state=0).fit(images).storage_["bytes"]
    1920
    """

    factor: int = 2
    image_shape: tuple[int, ...] | None = None
    channels: Literal["first", "last"] | None = None
    inner: Storage | None = None

    def build(self, X: Tensor, key: Tensor | None, real: RealRows, generator: torch.Generator) -> EnlargedRows:
        """Return the images, from those that they are to be like."""
        row_shape = tuple(X.shape[1:])
        layout = self._layout(row_shape)

        def reduced(rows: Tensor) -> Tensor:
            return _reduced(layout(rows), self.factor)

        small = or_free(self.inner).build(reduced(X), key, real.seen(reduced), generator)
        return EnlargedRows(small, layout, row_shape, self.factor)

    def shows_images(self) -> bool:
        """Tell that it does."""
        return True

    def row_by_row(self) -> bool:
        """Tell whether the small images are kept so."""
        return or_free(self.inner).row_by_row()

    def numbers(self, n_rows: int, row_shape: tuple[int, ...]) -> list[Kept]:
        """Return those of the small images."""
        return or_free(self.inner).numbers(n_rows, self._small_shape(row_shape))

    def other_bytes(self, n_rows: int, row_shape: tuple[int, ...], n_classes: int) -> int:
        """Return what the small images take beside their numbers."""
        return or_free(self.inner).other_bytes(n_rows, self._small_shape(row_shape), n_classes)

    def _small_shape(self, row_shape: tuple[int, ...]) -> tuple[int, ...]:
        n_channels, *sides = self._layout(row_shape).shape
        return n_channels, *_smaller(sides, self.factor)

    def _layout(self, row_shape: tuple[int, ...]) -> ImageLayout:
        if self.factor < 1:
            raise ValueError(f"LowResolution(factor={self.factor!r}): the factor must be at least 1")
        return image_layout(self, row_shape, self.image_shape, self.channels)


class EnlargedRows(Codec):
    """Small images, seen at their full size.

    Parameters
    ----------
    small : Codec
        Of images of shape (C, H, W).
    layout : ImageLayout
        Where the channels of rows are.
    row_shape : tuple of int
    factor : int
    """

    def __init__(self, small: Codec, layout: ImageLayout, row_shape: tuple[int, ...], factor: int) -> None:
        super().__init__()
        self.small = small
        self._layout, self._row_shape, self._factor = layout, row_shape, factor

    def decode(self, places: Tensor | None = None) -> Tensor:
        """Return the rows."""
        small = self.small.decode(places)
        images = functional.interpolate(small, self._layout.shape[1:], mode="bilinear", align_corners=False)
        return self._layout.rows(images, self._row_shape)

    def encode(self, X: Tensor) -> None:
        """Come as near to other images as averages do."""
        self.small.encode(_reduced(self._layout(X), self._factor))

    def project(self, low: Tensor, high: Tensor) -> None:
        """Cut stored numbers off that are beyond all ends; each of them shows in several numbers of a row."""
        self.small.project(low.min(), high.max())

    def code(self, coder: Coder) -> Code | None:
        """Return the small images."""
        small = self.small.code(coder)
        return None if small is None else Enlarged(self._row_shape, self._layout.shape, self._layout.last, small)


def _reduced(images: Tensor, factor: int) -> Tensor:
    """Return images of shape (n, C, H, W) of sides that many times smaller."""
    return functional.adaptive_avg_pool2d(images, _smaller(images.shape[2:], factor))


def _smaller(sides: Sequence[int], factor: int) -> tuple[int, int]:
    """Return the height and width of images of sides that many times smaller."""
    height, width = (-(-side // factor) for side in sides)
    return height, width
