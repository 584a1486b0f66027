"""How far the data are from the nearest synthetic point: on average, and at most."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor

from skdc.discrepancies.base import Discrepancy
from skdc.kernels import MATRIX_ENTRIES, distance_columns, distances, power, squared_distances
from skdc.sets import Block
from skdc.sources import Source
from skdc.structures import Covering, Quantization


class QuantizationError(Discrepancy, Quantization):
    r"""Mean distance of the data to the nearest synthetic point, to some power.

    Squared it is the objective of k-means [1]_, and the squared 2-Wasserstein distance to the points with the best
    masses; by itself that of k-medoids and of facility location. In the unit of the space to the power of the
    exponent. The weights of the points do not matter: `Lloyd` and `Greedy` give each the mass that is nearest to it.

    Parameters
    ----------
    exponent : float, default=2.0
        Power of the distances; positive.
    space, by, reduce, weight
        As in `Discrepancy`.

    References
    ----------
    .. [1] Lloyd, "Least Squares Quantization in PCM", 1982, eq. 2.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import QuantizationError
    >>> Condenser(discrepancy=QuantizationError(), n_per_class=5)
    Condenser(discrepancy=QuantizationError(), n_per_class=5)
    """

    compares = "clouds"
    sparse = True
    nonnegative = True

    exponent: float = 2.0

    def fit_scale(self, source: Source, generator: torch.Generator) -> Self:
        """Check the exponent."""
        if not self.exponent > 0:
            raise ValueError(f"QuantizationError(exponent={self.exponent!r}): the exponent must be positive")
        return self

    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return the mean cost of the nearest point."""
        return p.mass @ _nearest(self.costs, p.values, q.values)

    def costs(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the distances of rows to the power of the exponent, of shape (len(x), len(y))."""
        if self.exponent == 2:
            return squared_distances(x, y)
        lengths = distances(x, y)
        return lengths if self.exponent == 1 else power(lengths, self.exponent)

    def columns(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        """Return a function of some rows that gives the costs of all rows at them, without a gradient."""
        return distance_columns(x, self.exponent)


class CoveringRadius(Discrepancy, Covering):
    """Distance of the data to the nearest synthetic point, at most: the objective of k-center [1]_.

    In the unit of the space. A share of the mass may be left out as outliers: the radius then covers the rest [2]_.
    The weights of the points do not matter: `Greedy` gives each the mass that is nearest to it.

    Parameters
    ----------
    outliers : float, default=0.0
        Share of the mass of each group that need not be covered; at least 0 and less than 1.
    space, by, reduce, weight
        As in `Discrepancy`.

    References
    ----------
    .. [1] Gonzalez, "Clustering to Minimize the Maximum Intercluster Distance", 1985, section 2.
    .. [2] Charikar et al., "Algorithms for Facility Location Problems with Outliers", 2001, section 3.

    Examples
    --------
    >>> from skdc.discrepancies import CoveringRadius
    >>> CoveringRadius()([[0.0], [1.0], [9.0]], [[0.0], [2.0]])
    7.0
    >>> round(CoveringRadius(outliers=0.4)([[0.0], [1.0], [9.0]], [[0.0], [2.0]]), 6)
    1.0
    """

    compares = "clouds"
    sparse = True
    nonnegative = True

    outliers: float = 0.0

    def fit_scale(self, source: Source, generator: torch.Generator) -> Self:
        """Check the share of outliers."""
        if not 0 <= self.outliers < 1:
            raise ValueError(
                f"CoveringRadius(outliers={self.outliers!r}): the share must be at least 0 and less than 1"
            )
        return self

    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return the radius around the points that covers the rows but for the outliers."""
        return self.radius(_nearest(distances, p.values, q.values), p.mass)

    def witness(self, p: Block, q: Block, at: Tensor) -> Tensor:
        """Refuse: the masses of rows do not matter."""
        raise ValueError(
            "CoveringRadius has no witness, since the masses of rows do not matter; use QuantizationError()"
        )

    def radius(self, nearest: Tensor, mass: Tensor) -> Tensor:
        """Return the largest of some distances, but for the outliers."""
        if not self.outliers:
            return nearest.max()
        ordered, order = nearest.sort(descending=True)
        # With a tolerance: shares that are equal but for rounding are equal.
        beyond = mass[order].double().cumsum(0) > self.outliers + 1e-9
        return ordered[beyond.nonzero()[0, 0]]

    def columns(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        """Return a function of some rows that gives the distances of all rows to them, without a gradient."""
        return distance_columns(x, 1)


def _nearest(costs: Callable[[Tensor, Tensor], Tensor], values: Tensor, points: Tensor) -> Tensor:
    """Return the least cost of each row at some points, without a matrix of all of them."""
    pieces = values.split(max(1, MATRIX_ENTRIES // len(points)))
    return torch.cat([costs(rows, points).min(1).values for rows in pieces])
