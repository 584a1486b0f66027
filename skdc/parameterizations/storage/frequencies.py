"""Images of which some frequencies are kept."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral
from typing import Any, Literal
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn

from skdc.codes import Code, Cosines, ElementwiseCode
from skdc.codes.images import cosines
from skdc.images import ImageLayout, image_layout
from skdc.parameterizations.storage.base import Codec, Coder, Kept, Storage, at
from skdc.parameterizations.storage.free import or_free
from skdc.parameterizations.storage.real import RealRows
from skdc.sets import LabeledSet
from skdc.sources import Passes, Sums

# With C the orthonormal matrix of the discrete cosine transform, an image is X = C_h' F C_w and its spectrum is
# F = C_h X C_w'. Frequencies are kept where E F^2 over the rows of the data is largest, which makes the mean squared
# error of X least among all masks (the transform keeps lengths). Numbers that move are F / sqrt(E F^2): one step size
# suits all.


_COUNT_BYTES = 4  # how many images have a mask
_SIZE_BYTES = 4  # of a coefficient, where its levels do not take it with them


class Frequencies(Storage):
    """Images of which some frequencies are kept: those of the discrete cosine transform that carry most [1]_.

    Which these are is told by the second moments of all rows, in all channels together. A stream keeps them, as the
    products of all pixels.

    Parameters
    ----------
    n_kept : int, default=64
        Of each channel.
    masks : {"one", "class"}, default="one"
        Whether all images keep the same frequencies, or those of each class its own. Each mask takes a bit a pixel.
    image_shape : tuple of int, default=None
        Shape of an image that comes flattened; None takes the shape of the rows.
    channels : {"first", "last"}, default=None
        Where the channels of (C, H, W) or (H, W, C) rows are, as in `ConvNet`.
    inner : Storage, default=None
        How the coefficients are kept, as rows; None is `Free()`.

    References
    ----------
    .. [1] Shin, Shin and Moon, "Frequency Domain-based Dataset Distillation", 2023, section 3.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import MMD
    >>> from skdc.parameterizations import Points
    >>> from skdc.parameterizations.storage import Frequencies, Quantized
    >>> digits = load_digits(n_class=3)
    >>> points = Points(Quantized(4, Frequencies(16)))
    >>> condenser = Condenser(MMD(), points, n_per_class=10, random_state=0).fit(digits.images, digits.target)
    >>> condenser.X_syn_.shape, condenser.storage_["bytes"], condenser.storage_["bytes_decoded"]
    ((30, 8, 8), 412, 15392)
    """

    n_kept: int = 64
    masks: Literal["one", "class"] = "one"
    image_shape: tuple[int, ...] | None = None
    channels: Literal["first", "last"] | None = None
    inner: Storage | None = None

    def needs_products(self) -> bool:
        """Tell that it does: they tell the second moments of frequencies."""
        return True

    def shows_images(self) -> bool:
        """Tell that it does."""
        return True

    def row_by_row(self) -> bool:
        """Tell whether the coefficients are kept so, and by one mask."""
        return self.masks == "one" and or_free(self.inner).row_by_row()

    def build(self, X: Tensor, key: Tensor | None, real: RealRows, generator: torch.Generator) -> CosineRows:
        """Return the coefficients, of images that they are to be like."""
        row_shape = tuple(X.shape[1:])
        layout = self._layout(row_shape)
        by_class = self.masks == "class" and key is not None
        moments = _second_moments(self, layout, real, by_class)
        places = moments.mean(1).argsort(dim=1, descending=True, stable=True)[:, : self.n_kept].sort(1).values
        groups = key if by_class and key is not None else torch.zeros(len(X), dtype=torch.int64, device=X.device)
        used, group = groups.unique_consecutive(return_inverse=True)
        spectrum = Spectrum(layout, row_shape, places[used], moments[used])

        def coefficients(rows: Tensor) -> Tensor:
            return spectrum.of(rows, torch.zeros(len(rows), dtype=torch.int64, device=rows.device))

        inner = or_free(self.inner).build(spectrum.of(X, group), None, real.seen(coefficients), generator)
        return CosineRows(spectrum, group, inner)

    def numbers(self, n_rows: int, row_shape: tuple[int, ...]) -> list[Kept]:
        """Return those of the coefficients."""
        return or_free(self.inner).numbers(n_rows, self._kept_shape(row_shape))

    def other_bytes(self, n_rows: int, row_shape: tuple[int, ...], n_classes: int) -> int:
        """Count the masks, and what the coefficients take beside their numbers."""
        _, height, width = self._layout(row_shape).shape
        masks = (n_classes if self.masks == "class" else 1) * (-(-height * width // 8) + _COUNT_BYTES)
        inner, shape = or_free(self.inner), self._kept_shape(row_shape)
        sizes = 0 if inner.elementwise() else _SIZE_BYTES * shape[0]
        return masks + sizes + inner.other_bytes(n_rows, shape, n_classes)

    def _kept_shape(self, row_shape: tuple[int, ...]) -> tuple[int, ...]:
        return (self._layout(row_shape).shape[0] * self.n_kept,)

    def _layout(self, row_shape: tuple[int, ...]) -> ImageLayout:
        layout = image_layout(self, row_shape, self.image_shape, self.channels)
        _, height, width = layout.shape
        if not isinstance(self.n_kept, Integral) or not 1 <= self.n_kept <= height * width:
            raise ValueError(
                f"Frequencies(n_kept={self.n_kept!r}): images of {height} by {width} pixels have 1 to {height * width} "
                "frequencies"
            )
        if self.masks not in ("one", "class"):
            raise ValueError(f"Frequencies(masks={self.masks!r}): masks must be 'one' or 'class'")
        return layout


class Spectrum(nn.Module):
    """The cosine transform of images, of which some frequencies are kept.

    Parameters
    ----------
    layout : ImageLayout
    row_shape : tuple of int
    places : int64 Tensor of shape (n_masks, n_kept)
        Which frequencies, in each mask.
    moments : Tensor of shape (n_masks, C, H * W)
        The mean squares of the coefficients over the data.
    """

    places: Tensor
    size: Tensor
    down: Tensor
    across: Tensor

    def __init__(self, layout: ImageLayout, row_shape: tuple[int, ...], places: Tensor, moments: Tensor) -> None:
        super().__init__()
        self.layout, self.row_shape = layout, row_shape
        # All masks have one size for a coefficient, which its levels, where it has such, take with them.
        size = moments.take_along_dim(places[:, None, :], 2).mean(0).sqrt()
        self.register_buffer("places", places)
        size = torch.where(size > 0, size, torch.ones_like(size))
        self.register_buffer("size", size.float().to(moments))  # as a file keeps it
        down, across = (torch.as_tensor(cosines(n)).to(moments) for n in layout.shape[1:])
        self.register_buffer("down", down)
        self.register_buffer("across", across)

    def of(self, X: Tensor, group: Tensor) -> Tensor:
        """Return the coefficients of rows by the mask of each, of shape (m, C * n_kept), of size 1 over the data."""
        spectra = (self.down @ self.layout(X) @ self.across.T).flatten(2)
        return (spectra.take_along_dim(self.places[group][:, None, :], 2) / self.size).flatten(1)

    def images(self, coefficients: Tensor, group: Tensor) -> Tensor:
        """Return the rows that have such coefficients, and no others."""
        n_channels, height, width = self.layout.shape
        kept = coefficients.unflatten(1, (n_channels, -1)) * self.size
        spectra = kept.new_zeros(len(kept), n_channels, height * width)
        spectra = spectra.scatter(2, self.places[group][:, None, :].expand_as(kept), kept)
        images = self.down.T @ spectra.unflatten(2, (height, width)) @ self.across
        return self.layout.rows(images, self.row_shape)


class CosineRows(Codec):
    """Images of which some frequencies are kept.

    Parameters
    ----------
    spectrum : Spectrum
    group : int64 Tensor of shape (m,)
        The mask of each, in order.
    inner : Codec
        Of their coefficients.
    """

    group: Tensor

    def __init__(self, spectrum: Spectrum, group: Tensor, inner: Codec) -> None:
        super().__init__()
        self.inner, self.spectrum = inner, spectrum
        self.register_buffer("group", group)

    def decode(self, places: Tensor | None = None) -> Tensor:
        """Return the rows."""
        return self.spectrum.images(self.inner.decode(places), at(self.group, places))

    def encode(self, X: Tensor) -> None:
        """Come as near to other images as their frequencies do."""
        self.inner.encode(self.spectrum.of(X, self.group))

    def project(self, low: Tensor, high: Tensor) -> None:
        """Do nothing: no frequencies are nearest to pixels between two ends."""

    def groups(self) -> list[dict[str, Any]]:
        """Return those of the coefficients."""
        return self.inner.groups()

    def code(self, coder: Coder) -> Code | None:
        """Return the coefficients and their masks."""
        inner, layout = self.inner.code(coder), self.spectrum.layout
        if inner is None:
            return None
        places = self.spectrum.places.cpu().numpy()
        bits = np.zeros((len(places), layout.shape[1] * layout.shape[2]), np.uint8)
        np.put_along_axis(bits, places, 1, axis=1)
        counts = np.bincount(self.group.cpu().numpy(), minlength=len(places)).astype(np.uint32)
        size = self.spectrum.size.flatten().cpu().numpy()
        if isinstance(inner, ElementwiseCode):  # such numbers take the size of their coefficient with them
            inner, sizes = inner.scaled(size), None
        else:
            sizes = size.astype(np.float32)
        given = self.spectrum.row_shape, layout.shape, layout.last
        return Cosines(*given, inner, np.packbits(bits, axis=1), counts, sizes)


_MOMENTS: WeakKeyDictionary[RealRows, dict[tuple[tuple[int, ...], bool, bool], Tensor]] = WeakKeyDictionary()


def _second_moments(part: Any, layout: ImageLayout, real: RealRows, by_class: bool) -> Tensor:
    """Return the mean squares of the coefficients of all frequencies, by class or not, of shape (n, C, H * W).

    They take a pass over all rows, which is made once where rows are built twice, as `Quantized` does.
    """
    known, name = _MOMENTS.setdefault(real, {}), (layout.shape, layout.last, by_class)
    if name not in known:
        known[name] = _learned_moments(part, layout, real, by_class)
    return known[name]


def _learned_moments(part: Any, layout: ImageLayout, real: RealRows, by_class: bool) -> Tensor:
    n_classes = real.source.schema.n_classes if by_class else 1

    def sums(rows: LabeledSet) -> tuple[Tensor, Tensor]:
        down, across = (torch.as_tensor(cosines(n)).to(rows.X) for n in layout.shape[1:])
        squares = (down @ layout(rows.X) @ across.T).square().flatten(1).double()
        key = rows.key if by_class else torch.zeros_like(rows.key)
        weight = rows.weight.double()
        found = squares.new_zeros(n_classes, squares.shape[1]).index_add(0, key, squares * weight[:, None])
        return found, weight.new_zeros(n_classes).index_add(0, key, weight)

    def added(first: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        return first[0] + other[0], first[1] + other[1]

    told = None if real.through or real.source.granted(Passes) is not None else real.source.granted(Sums)
    if told is not None:
        return _told_moments(layout, real, told, range(n_classes) if by_class else [None])
    squares, mass = real.map_reduce(part, "which frequencies to keep", sums, added)
    mean = squares / torch.where(mass > 0, mass, torch.ones_like(mass))[:, None]
    return mean.reshape(n_classes, layout.shape[0], -1).to(real.source.dtype)


def _told_moments(layout: ImageLayout, real: RealRows, source: Sums, groups: Iterable[int | None]) -> Tensor:
    """Return the same out of the products of pixels, of which a row of frequencies is a linear function."""
    found, shift = [], torch.as_tensor(real.offset).flatten().double()
    for group in groups:
        products = source.class_moments(group).scaled(1 / real.unit, shift).second
        down, across = (torch.as_tensor(cosines(n)).to(products) for n in layout.shape[1:])

        def spectra(rows: Tensor, down: Tensor = down, across: Tensor = across) -> Tensor:
            return (down @ layout(rows) @ across.T).flatten(1)

        found.append(spectra(spectra(products).T).diagonal().reshape(layout.shape[0], -1))
    return torch.stack(found).to(source.dtype)
