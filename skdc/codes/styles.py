"""Images that styles make, by convolutions whose inputs they scale."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Self

import numpy as np
from numpy.typing import NDArray

from skdc.codes.base import Record, rows_times, taken_counts
from skdc.codes.images import enlarging
from skdc.codes.layers import Layer, check_counts, group_places

_SLOPE = 0.2  # of what is below zero in feature maps


@dataclass(frozen=True, eq=False)
class Normalized(Layer):
    """Inputs divided by the root of their mean square.

    Parameters
    ----------
    inputs : Code
        Of shape (m, q).
    """

    def outputs(self, values: NDArray[np.float64], first: int) -> NDArray[np.float64]:
        """Return the quotients."""
        return values / np.sqrt((values**2).mean(axis=1, keepdims=True) + 1e-8)


@dataclass(frozen=True, eq=False)
class ModulatedConvolution(Record):
    """A convolution whose inputs a style scales; images keep their size.

    Parameters
    ----------
    scale_weight : float32 ndarray of shape (c, q)
    scale_bias : float32 ndarray of shape (c,)
        Of the scales of c channels, as sums of the numbers of a style.
    weight : float32 ndarray of shape (C, c, k, k)
    bias : float32 ndarray of shape (C,)
        Of the outputs.
    demodulates : bool
        Whether outputs are divided by the root of the sum of the squares of their scaled weights.
    """

    scale_weight: NDArray[np.float32]
    scale_bias: NDArray[np.float32]
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    demodulates: bool

    def of(self, maps: NDArray[np.float64], styles: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the outputs.

        Parameters
        ----------
        maps : ndarray of shape (m, c, h, w)
        styles : ndarray of shape (m, q)
        """
        scales, weight = rows_times(styles, self.scale_weight.T.astype(np.float64)) + self.scale_bias, self.weight
        outputs = _convolved(maps * scales[:, :, None, None], weight.astype(np.float64))
        if self.demodulates:
            squares = rows_times(scales**2, (weight.astype(np.float64) ** 2).sum(axis=(2, 3)).T)
            outputs /= np.sqrt(squares + 1e-8)[:, :, None, None]
        return outputs + self.bias[:, None, None]


@dataclass(frozen=True, eq=False)
class StyledImages(Layer):
    """Images that three styled convolutions make of a constant one, which is doubled before the second and the third.

    Negative numbers are multiplied by 0.2 after each; a fourth one makes channels of feature maps.

    Parameters
    ----------
    inputs : Code
        How far styles are from the mean of their group, of shape (m, 4, q): for each convolution one; or (m, q), one
        for all; or of shape (m, 4 q + c h w), with what is added to the feature maps of the first one.
    counts : ndarray of uint32 of shape (n_groups,)
        How many rows, one behind the other, are of each group.
    means : float32 ndarray of shape (n_groups, q)
    spread : float32 ndarray of shape (q,)
        What offsets are multiplied by.
    start : float32 ndarray of shape (c, h, w)
        The constant image.
    unit : float32 ndarray of shape (1,), or None
        What is added to feature maps is multiplied by it; None where nothing is.
    first, second, third, last : ModulatedConvolution
    """

    counts: NDArray[np.uint32]
    means: NDArray[np.float32]
    spread: NDArray[np.float32]
    start: NDArray[np.float32]
    unit: NDArray[np.float32] | None
    first: ModulatedConvolution
    second: ModulatedConvolution
    third: ModulatedConvolution
    last: ModulatedConvolution

    def check(self, n_rows: int) -> None:
        """Refuse groups of other rows."""
        check_counts(self.counts, n_rows)

    def outputs(self, values: NDArray[np.float64], first: int) -> NDArray[np.float64]:
        """Return the images, of shape (m, C, 4 h, 4 w)."""
        n_rows, q = len(values), len(self.spread)
        values, moved = values.reshape(n_rows, -1), np.zeros(1)
        if self.unit is not None:
            moved = self.unit * values[:, 4 * q :].reshape(n_rows, *self.start.shape)
        offsets = values[:, : 4 * q].reshape(n_rows, -1, q)
        means = self.means[group_places(self.counts, first, n_rows)]
        styles = np.broadcast_to(means[:, None] + self.spread * offsets, (n_rows, 4, q))
        start = np.broadcast_to(self.start.astype(np.float64), (n_rows, *self.start.shape))
        maps = _rectified(self.first.of(start, styles[:, 0])) + moved
        for place, convolution in enumerate((self.second, self.third), start=1):
            maps = _rectified(convolution.of(_doubled(maps), styles[:, place]))
        return self.last.of(maps, styles[:, 3])

    def largest(self, outputs: NDArray[np.float64]) -> int:
        """Return the size of the feature maps that are doubled last."""
        return int(self.third.weight.shape[1]) * prod(outputs.shape[2:])

    def take(self, places: NDArray[np.intp]) -> Self:
        """Return the code of a part of the rows."""
        return replace(super().take(places), counts=taken_counts(self.counts, places))


def _rectified(maps: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(maps > 0, maps, _SLOPE * maps)


def _doubled(maps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return feature maps of twice the height and width, bilinearly."""
    down, across = (enlarging(n, 2 * n) for n in maps.shape[2:])
    return down @ maps @ across.T


def _convolved(maps: NDArray[np.float64], kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sums of pixels around each one by a kernel of shape (C, c, k, k), for an odd k."""
    n_rows, _, height, width = maps.shape
    edge = kernel.shape[2] // 2
    padded = np.pad(maps, ((0, 0), (0, 0), (edge, edge), (edge, edge)))
    sums = np.zeros((n_rows, len(kernel), height * width))
    for i, j in np.ndindex(*kernel.shape[2:]):
        shifted = padded[:, :, i : i + height, j : j + width].reshape(n_rows, kernel.shape[1], height * width)
        sums += np.ascontiguousarray(kernel[:, :, i, j]) @ shifted
    return sums.reshape(n_rows, len(kernel), height, width)
