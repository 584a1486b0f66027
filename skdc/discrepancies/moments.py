"""Discrepancies between moments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

import numpy as np
import torch
from torch import Tensor

from skdc.discrepancies.embeddings import MeanDiscrepancy, MeanEmbedding
from skdc.kernels import MEDIAN_ROWS
from skdc.sets import Block
from skdc.sources import Draws, Source, require


class MeanDistance(MeanEmbedding):
    r"""Squared distance between the mean rows [1]_, an MMD with the linear kernel.

    The value is squared, in the squared unit of the space. In the data regime it says little (it is zero for any
    set with the right mean); in a `RandomNetwork` it is distribution matching.

    Parameters
    ----------
    space, by, reduce, weight
        As in `Discrepancy`.

    References
    ----------
    .. [1] Zhao and Bilen, "Dataset Condensation with Distribution Matching", 2023, eq. 4.

    Examples
    --------
    >>> from skdc.discrepancies import MeanDistance
    >>> from skdc.spaces import RandomNetwork
    >>> MeanDistance(space=RandomNetwork())
    MeanDistance(space=RandomNetwork())
    """

    def features(self, values: Tensor) -> Tensor:
        """Return the rows of the space themselves."""
        return values


class Moments(MeanEmbedding):
    r"""Squared distance between moments: means, variances and higher powers [1]_, or whole covariances [2]_.

    The value is squared and has no unit: the moments are those of :math:`z = (x - c) / s`, with one centre c and one
    scale s for both sets.

    .. math:: \sum_{k=1}^{\text{order}} \frac{1}{d} \| E_p z^k - E_q z^k \|^2

    Each order counts by the mean over its d entries, so that the value does not grow with the number of coordinates.
    With `covariance=True` the entries of the second order are those of the whole matrix
    :math:`E z z^\top`, of which each pair of different coordinates counts twice, as in the Frobenius norm; their mean
    is over :math:`d^2` entries. It is zero where all these moments agree, which for the defaults means equal means and
    variances, and says nothing beyond. It works from a sketch if `center` and `scale` are numbers.

    Parameters
    ----------
    order : int, default=2
        Highest power of a coordinate.
    covariance : bool, default=False
        Whether products of different coordinates count; a row then has about :math:`d^2 / 2` features.
    center : "mean", float or sequence of float of shape (d,), default="mean"
        c, in the units of the space. "mean" is that of the rows. A number is counted from the origin of the space:
        that of the rows in a sketch, their mean otherwise.
    scale : "rms" or float, default="rms"
        s, in the units of the space. "rms" is the root mean square deviation from the centre, over all entries.
    space, by, reduce, weight
        As in `Discrepancy`.

    Attributes
    ----------
    center_ : Tensor of shape (d,)
    scale_ : float

    References
    ----------
    .. [1] Zellinger et al., "Central Moment Discrepancy (CMD) for Domain-Invariant Representation Learning", 2017,
       definition 1 (there norms are added, and each set has its own centre).
    .. [2] Sun and Saenko, "Deep CORAL: Correlation Alignment for Deep Domain Adaptation", 2016, eq. 1.

    Examples
    --------
    >>> from skdc.discrepancies import Moments
    >>> round(Moments()([[-1.0], [1.0]], [[-2.0], [2.0]]), 6)
    9.0
    >>> Moments(order=1)([[-1.0], [1.0]], [[-2.0], [2.0]])
    0.0
    """

    order: int = 2
    covariance: bool = False
    center: Literal["mean"] | float | Sequence[float] = "mean"
    scale: Literal["rms"] | float = "rms"

    def fit_scale(self, source: Source, generator: torch.Generator) -> Self:
        """Learn centre and scale from a sample of the data, where they are not given.

        Raises
        ------
        ValueError
            If a parameter makes no sense, or has to be learned from a stream.
        """
        self._check_parameters()
        given = not isinstance(self.center, str), not isinstance(self.scale, str)
        rows = source.no_rows()
        if not all(given):
            unknown = "center" if not given[0] else "scale"
            rows = require(self, source, Draws, unknown).sample(MEDIAN_ROWS, generator)
        with torch.no_grad():
            block = self.space_.block(rows)
        values, mass = block.values.double(), block.weight.double() / block.weight.double().sum()
        self.center_ = self._given_center(values) if given[0] else mass @ values
        self.scale_ = float(self.scale) if given[1] else mean_variance(values, mass, self.center_) ** 0.5
        return self

    def _check_parameters(self) -> None:
        if self.order < 1 or self.order != int(self.order):
            raise ValueError(f"Moments(order={self.order!r}): the order must be a whole number of at least 1")
        if self.covariance and self.order < 2:
            raise ValueError(
                f"Moments(order={self.order!r}, covariance=True): covariances are moments of order 2; use order=2"
            )
        if isinstance(self.center, str) and self.center != "mean":
            raise ValueError(f"Moments(center={self.center!r}): the center must be 'mean', a number or one a column")
        if self.scale != "rms" and (isinstance(self.scale, str) or not self.scale > 0):
            raise ValueError(f"Moments(scale={self.scale!r}): the scale must be 'rms' or a positive number")

    def _given_center(self, values: Tensor) -> Tensor:
        center, d = np.asarray(self.center, dtype=np.float64), values.shape[1]
        if center.shape not in ((), (d,)) or not np.isfinite(center).all():
            raise ValueError(
                f"Moments(center={self.center!r}): rows have {d} columns in the space; give a number, or {d} of them"
            )
        return torch.as_tensor(np.broadcast_to(center, (d,)).copy(), device=values.device)

    def features(self, values: Tensor) -> Tensor:
        """Return the powers of each row, and its products, of shape (n, n_moments)."""
        z = (values - self.center_.to(values.dtype)) / self.scale_
        d = z.shape[1]
        moments = [z**k / d**0.5 for k in range(1, self.order + 1)]
        if self.covariance:
            i, j = torch.triu_indices(d, d, offset=1, device=z.device)
            moments[1] = torch.cat([z**2, 2**0.5 * z[:, i] * z[:, j]], dim=1) / d
        return torch.cat(moments, dim=1)


class StatisticsDistance(MeanDiscrepancy):
    r"""Distances between means and between variances, as of the statistics that batch norms store [1]_.

    .. math:: \frac{1}{\sqrt d} \big( \| \mu_p - \mu_q \| + \| \sigma_p^2 - \sigma_q^2 \| \big)

    with a mean and a variance of each of d columns, about its own mean. The first has the unit of the space and the
    second that unit squared, so that the space is to have none, as `LayerStatistics` has; there the values of all
    layers are summed. `Moments` compares the same moments by their squares.

    Parameters
    ----------
    space, by, reduce, weight
        As in `Discrepancy`.

    References
    ----------
    .. [1] Yin, Xing and Shen, "Squeeze, Recover and Relabel: Dataset Condensation at ImageNet Scale From A New
       Perspective", 2023, eq. 6, where the first layer counts ten times.

    Examples
    --------
    >>> from skdc.discrepancies import StatisticsDistance
    >>> round(StatisticsDistance()([[-1.0], [1.0]], [[-2.0], [2.0]]), 6)
    3.0
    """

    symmetric = nonnegative = second_order = True

    def features(self, values: Tensor) -> Tensor:
        """Return each row beside its squares, of shape (n, 2 d)."""
        return torch.cat([values, values.square()], dim=1)

    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return the distance of two lifted blocks."""
        (mean, variance), (other, other_variance) = map(_mean_and_variance, (p, q))
        return _root_mean_square(mean - other) + _root_mean_square(variance - other_variance)


def _mean_and_variance(lifted: Block) -> tuple[Tensor, Tensor]:
    mean, square = lifted.mean().chunk(2)
    return mean, square - mean.square()


def _root_mean_square(values: Tensor) -> Tensor:
    """Return the root of the mean square, whose gradient is finite, zero, at zero."""
    square = values.square().mean()
    return torch.where(square > 0, torch.where(square > 0, square, 1.0).sqrt(), 0.0)


def shrunk_covariance(values: Tensor, mass: Tensor, center: Tensor, variance: float, shrinkage: float) -> Tensor:
    """Return `(1 - shrinkage)` times the covariance of rows, plus `shrinkage * variance` in every direction."""
    centered = values - center
    identity = torch.eye(values.shape[1], dtype=values.dtype, device=values.device)
    return (1 - shrinkage) * (mass[:, None] * centered).T @ centered + shrinkage * variance * identity


def mean_variance(values: Tensor, mass: Tensor, center: Tensor) -> float:
    """Return the mean squared deviation of the entries of rows from a centre, or 1 where it is no more than rounding.

    Parameters
    ----------
    values : Tensor of shape (n, d)
    mass : Tensor of shape (n,)
        Sums to one.
    center : Tensor of shape (d,)
    """
    variance = float(mass @ (values - center).square().mean(1))
    return variance if variance > 8 * torch.finfo(values.dtype).eps * float(values.square().max()) else 1.0
