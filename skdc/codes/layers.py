"""Rows that a network makes of latents: each layer is a code of what the one before it gives."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod
from typing import Self

import numpy as np
from numpy.typing import NDArray

from skdc.codes.base import Code, rows_times, taken_counts

_NUMBERS = 2**21  # of the largest layer that are computed at a time: 16 MiB


@dataclass(frozen=True, eq=False)
class Inputs(Code):
    """What a network is applied to by the layer that it is a part of: no rows of its own."""

    def decode(self) -> NDArray[np.floating]:
        """Refuse: there are none."""
        raise ValueError("the inputs of a part of a network are no rows")

    def take(self, places: NDArray[np.intp]) -> Self:
        """Return the same."""
        return self


@dataclass(frozen=True, eq=False)
class Layer(Code):
    """A layer of a network.

    It is computed in float64, some rows at a time. Torch computes in float32, and either precision comes as near to
    that, 2e-7 of the spread for convolutions; but what float64 gives is the same on all machines once it is rounded to
    float32, or to whole numbers.

    Parameters
    ----------
    inputs : Code
        What it is applied to.
    """

    inputs: Code

    def decode(self) -> NDArray[np.floating]:
        """Return the outputs."""
        return np.concatenate(list(self.pieces()))

    def pieces(self) -> Iterator[NDArray[np.floating]]:
        """Yield the outputs of as many rows at a time as keep memory in bounds, whatever the number of rows."""
        values = self._layers()[0].inputs.decode()
        self.check_all(len(values))
        size = max(1, _NUMBERS // max(1, self.widest(values[:1])))
        for first in range(0, max(1, len(values)), size):
            yield self.applied(values[first : first + size], first)

    def applied(self, values: NDArray[np.floating], first: int) -> NDArray[np.float64]:
        """Return the outputs where the first layer is applied to some values, those of the rows from a place on."""
        outputs = values.astype(np.float64)
        for layer in self._layers():
            outputs = layer.outputs(outputs, first)
        return outputs

    def widest(self, row: NDArray[np.floating]) -> int:
        """Return how many numbers the largest layer has for the inputs of one row."""
        found, outputs = 0, row.astype(np.float64)
        for layer in self._layers():
            outputs = layer.outputs(outputs, 0)
            found = max(found, layer.largest(outputs))
        return found

    def check_all(self, n_rows: int) -> None:
        """Raise a `ValueError` if it, or a layer before it, is of another number of rows."""
        for layer in self._layers():
            layer.check(n_rows)

    def _layers(self) -> list[Layer]:
        """Return the layers in the order in which they are computed."""
        return [*(self.inputs._layers() if isinstance(self.inputs, Layer) else []), self]

    def check(self, n_rows: int) -> None:
        """Raise a `ValueError` if it is of another number of rows (none is refused by default)."""

    @abstractmethod
    def outputs(self, values: NDArray[np.float64], first: int) -> NDArray[np.float64]:
        """Return the outputs for some inputs, each by itself.

        Parameters
        ----------
        values : ndarray of shape (k, ...)
            The inputs of k rows, one behind the other.
        first : int
            The place of the first of them.
        """

    def largest(self, outputs: NDArray[np.float64]) -> int:
        """Return how many numbers the largest array is of that leads to the outputs of a row (these by default)."""
        return outputs.size

    def redrawn(self, counts: NDArray[np.uint32], seed: int) -> Self | None:
        """Return the layer of other inputs, where these are drawn."""
        inputs = self.inputs.redrawn(counts, seed)
        return None if inputs is None else replace(self, inputs=inputs)

    def take(self, places: NDArray[np.intp]) -> Self:
        """Return the code of a part of the rows."""
        return replace(self, inputs=self.inputs.take(places))


@dataclass(frozen=True, eq=False)
class WithGroups(Layer):
    """Numbers beside those of a group: its indicators, which are one for the group of a row and else zero, or others.

    Parameters
    ----------
    inputs : Code
        Of shape (m, q).
    counts : ndarray of uint32 of shape (n_groups,)
        How many rows, one behind the other, are of each group.
    vectors : float32 ndarray of shape (n_groups, k), default=None
        The numbers of each group; None takes indicators.
    """

    counts: NDArray[np.uint32]
    vectors: NDArray[np.float32] | None = None

    def check(self, n_rows: int) -> None:
        """Refuse groups of other rows."""
        check_counts(self.counts, n_rows)

    def outputs(self, values: NDArray[np.float64], first: int) -> NDArray[np.float64]:
        """Return the numbers of rows and groups."""
        vectors = np.eye(len(self.counts)) if self.vectors is None else self.vectors
        return np.concatenate([values, vectors[group_places(self.counts, first, len(values))]], axis=1)

    def redrawn(self, counts: NDArray[np.uint32], seed: int) -> Self | None:
        """Return the layer of other inputs, where these are drawn."""
        found = super().redrawn(counts, seed)
        return None if found is None else replace(found, counts=counts)

    def take(self, places: NDArray[np.intp]) -> Self:
        """Return the code of a part of the rows."""
        return replace(super().take(places), counts=taken_counts(self.counts, places))


def check_counts(counts: NDArray[np.uint32], n_rows: int) -> None:
    """Raise a `ValueError` if groups are not of so many rows."""
    if counts.sum() != n_rows:
        raise ValueError(f"there are groups of {counts.sum()} rows, but {n_rows} rows")


def group_places(counts: NDArray[np.uint32], first: int, n_rows: int) -> NDArray[np.intp]:
    """Return the groups of some rows, one behind the other, where those of a group are.

    Parameters
    ----------
    counts : ndarray of uint32
        How many rows of each group there are.
    first, n_rows : int
        Which rows.
    """
    return np.searchsorted(np.cumsum(counts), np.arange(first, first + n_rows), side="right")


@dataclass(frozen=True, eq=False)
class Affine(Layer):
    """Sums of inputs by weights, and biases.

    Parameters
    ----------
    inputs : Code
        Of shape (m, q).
    weight : float32 ndarray of shape (d, q)
    bias : float32 ndarray of shape (d,) or None
    """

    weight: NDArray[np.float32]
    bias: NDArray[np.float32] | None

    def outputs(self, values: NDArray[np.float64], first: int) -> NDArray[np.float64]:
        """Return the sums."""
        sums = rows_times(values, self.weight.T.astype(np.float64))
        return (sums if self.bias is None else sums + self.bias).astype(np.float64)


@dataclass(frozen=True, eq=False)
class Rectified(Layer):
    """Inputs, of which those below zero are multiplied by a slope.

    Parameters
    ----------
    inputs : Code
    slope : float
    """

    slope: float

    def outputs(self, values: NDArray[np.float64], first: int) -> NDArray[np.float64]:
        """Return the inputs, or a share of them."""
        return np.where(values > 0, values, self.slope * values)


@dataclass(frozen=True, eq=False)
class Flattened(Layer):
    """Inputs as one line of numbers a row.

    Parameters
    ----------
    inputs : Code
        Of shape (m, ...).
    """

    def outputs(self, values: NDArray[np.float64], first: int) -> NDArray[np.float64]:
        """Return the lines."""
        return values.reshape(len(values), prod(values.shape[1:]))


@dataclass(frozen=True, eq=False)
class Reshaped(Layer):
    """Inputs in another shape.

    Parameters
    ----------
    inputs : Code
    shape : tuple of int
        Of what a row gives.
    """

    shape: tuple[int, ...]

    def outputs(self, values: NDArray[np.float64], first: int) -> NDArray[np.float64]:
        """Return the inputs in their shape."""
        return values.reshape(len(values), *self.shape)


@dataclass(frozen=True, eq=False)
class TransposedConvolution(Layer):
    """Images that small ones paint, by a patch for each pixel; patches that lie on each other are added.

    Parameters
    ----------
    inputs : Code
        Of shape (m, c, h, w).
    weight : float32 ndarray of shape (c, C, k, l)
        The patch of a channel.
    bias : float32 ndarray of shape (C,) or None
    stride, padding : tuple of int
        How far patches are from each other, and how much is cut off at the edges, down and across.
    """

    weight: NDArray[np.float32]
    bias: NDArray[np.float32] | None
    stride: tuple[int, ...]
    padding: tuple[int, ...]

    def outputs(self, values: NDArray[np.float64], first: int) -> NDArray[np.float64]:
        """Return the images, of shape (m, C, (h - 1) * stride + k - 2 * padding, ...)."""
        small, patch, (down, across) = values.shape[2:], self.weight.shape[2:], self.stride
        sides = [(n - 1) * step + size for n, step, size in zip(small, self.stride, patch, strict=True)]
        images = np.zeros((len(values), self.weight.shape[1], *sides))
        pixels = values.reshape(*values.shape[:2], prod(small))
        for i, j in np.ndindex(*patch):
            painted = self.weight[:, :, i, j].T.astype(np.float64) @ pixels
            ends = i + (small[0] - 1) * down + 1, j + (small[1] - 1) * across + 1
            images[:, :, i : ends[0] : down, j : ends[1] : across] += painted.reshape(*painted.shape[:2], *small)
        (above, left), (height, width) = self.padding, sides
        images = images[:, :, above : height - above, left : width - left]
        return images if self.bias is None else images + self.bias[:, None, None]


@dataclass(frozen=True, eq=False)
class Cropped(Layer):
    """Images, cut off at their size, as rows of some shape.

    Parameters
    ----------
    inputs : Code
        Of shape (m, C, h, w).
    row_shape, image_shape, channels_last
        As in all codes of images.
    """

    row_shape: tuple[int, ...]
    image_shape: tuple[int, ...]
    channels_last: bool

    def outputs(self, values: NDArray[np.float64], first: int) -> NDArray[np.float64]:
        """Return the rows."""
        _, height, width = self.image_shape
        images = values[:, :, :height, :width]
        images = images.transpose(0, 2, 3, 1) if self.channels_last else images
        return images.reshape(len(images), *self.row_shape)


@dataclass(frozen=True, eq=False)
class Rescaled(Layer):
    """Inputs in other units.

    Parameters
    ----------
    inputs : Code
        Of shape (m, ...).
    scale : float
        What they are multiplied by.
    offset : float32 ndarray of the shape of a row
        What is added then.
    """

    scale: float
    offset: NDArray[np.float32]

    def outputs(self, values: NDArray[np.float64], first: int) -> NDArray[np.float64]:
        """Return the numbers in their units."""
        return self.scale * values + self.offset
