"""Discrepancies along lines: between distribution functions, and between quantiles."""

from __future__ import annotations

from abc import abstractmethod
from typing import Self

import torch
from torch import Tensor

from skdc.discrepancies.base import Discrepancy
from skdc.sets import Block
from skdc.sources import Source

_TOLERANCE = 1e-10  # share of the mass: levels this near to a step of a distribution function are at it


def check_projections(owner: Discrepancy, n_projections: int) -> None:
    """Refuse a number of projections below one."""
    if n_projections < 1:
        raise ValueError(f"{type(owner).__name__}(n_projections={n_projections!r}) needs at least one direction")


def random_directions(values: Tensor, n_projections: int, generator: torch.Generator) -> Tensor:
    """Return random unit vectors for rows of values, of shape (d, n_projections)."""
    # Drawn in float64 whatever the rows, so that their dtype does not change the directions.
    directions = torch.randn(values.shape[1], n_projections, generator=generator, dtype=torch.float64)
    return (directions / directions.norm(dim=0)).to(values)


def cumulative_mass(block: Block, order: Tensor) -> Tensor:
    """Return the mass up to and with each row in the order of each line, of shape (n, n_lines), in float64."""
    weight = block.weight.detach().double()
    return (weight / weight.sum())[order].cumsum(0)


def quantiles(ordered: Tensor, cumulative: Tensor, levels: Tensor) -> Tensor:
    """Return the quantiles at some levels, of shape (len(levels), n_lines).

    Where the distribution function stays at a level, it is the middle between the two ends.

    Parameters
    ----------
    ordered, cumulative : Tensor of shape (n, n_lines)
        Values in ascending order with the mass up to each.
    levels : Tensor of shape (n_levels, n_lines)
    """
    steps, wanted = cumulative.T.contiguous(), levels.T.contiguous()
    ends = [
        torch.searchsorted(steps, wanted + tolerance).T.clamp_max(len(ordered) - 1)
        for tolerance in (-_TOLERANCE, _TOLERANCE)
    ]
    low, high = (ordered.gather(0, end) for end in ends)
    return (low + high) / 2


class OnLines(Discrepancy):
    """A mean over coordinates, or over random projections, of a discrepancy on the line.

    Subclasses write `on_lines`.

    Parameters
    ----------
    n_projections : int, default=None
        Fresh random directions each time. None: the coordinates of the space.
    space, by, reduce, weight
        As in `Discrepancy`.
    """

    compares = "clouds"
    nonnegative = True

    n_projections: int | None = None

    @abstractmethod
    def on_lines(self, p: Block, q: Block) -> Tensor:
        """Return the discrepancy of each coordinate of two blocks, of shape (d,)."""

    def fit_scale(self, source: Source, generator: torch.Generator) -> Self:
        """Check the number of projections."""
        if self.n_projections is not None:
            check_projections(self, self.n_projections)
        return self

    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return the mean over the coordinates, or over fresh projections."""
        if self.n_projections is not None:
            directions = random_directions(p.values, self.n_projections, generator)
            p, q = (Block(block.weight, block.key, block.values @ directions) for block in (p, q))
        return self.on_lines(p, q).mean()


class CramerVonMises(OnLines):
    r"""Cramér distance [1]_, the integral of the squared difference of the distribution functions along a line.

    .. math:: \int (F_p(x) - F_q(x))^2 \, dx

    The value is squared, in the unit of the space; it is half of the energy distance on the line, by sorting in
    place of all pairs. The classical Cramér-von Mises statistic integrates over the pooled law :math:`dF(x)`: it
    depends on ranks alone, so that a point moved between its neighbours changes nothing and has no gradient.

    Parameters
    ----------
    n_projections : int, default=None
        The mean is over as many random directions, fresh each time. None: over the coordinates of the space, which
        leaves out how they depend on each other.
    space, by, reduce, weight
        As in `Discrepancy`.

    References
    ----------
    .. [1] Szekely and Rizzo, "Energy Statistics: A Class of Statistics Based on Distances", 2013, section 2.

    Examples
    --------
    >>> from skdc.discrepancies import CramerVonMises
    >>> CramerVonMises()([[0.0], [2.0]], [[1.0], [1.0]])
    0.5
    """

    symmetric = True

    def on_lines(self, p: Block, q: Block) -> Tensor:
        """Return the integral along each coordinate."""
        order = torch.cat([p.values, q.values]).argsort(0)
        ordered = torch.cat([p.values, q.values]).gather(0, order)
        difference = torch.cat([p.mass, -q.mass])[order].cumsum(0)
        return (difference[:-1].square() * ordered.diff(dim=0)).sum(0)


class QuantileMatching(OnLines):
    r"""Mean squared difference between each synthetic point and the quantile of the data at the middle of its mass.

    Latent quantile matching (LQM) [1]_, along a line; the value is squared, in the squared unit of the space:

    .. math:: \sum_j q_j \left(y_j - F_p^{-1}\left(\tfrac12 F_q(y_j^-) + \tfrac12 F_q(y_j)\right)\right)^2

    It is zero where k points are the quantiles of the data at (2j - 1) / 2k, which need not be the data's law: it is
    no distance. Points of equal value count as one, so that a weight is a multiplicity; on a line where they start
    together, they stay together. The gradient in the masses leaves the levels as they are.

    Parameters
    ----------
    n_projections : int, default=None
        The mean is over as many random directions, fresh each time. None: over the coordinates of the space, as
        in [1]_, where the space is a network's.
    space, by, reduce, weight
        As in `Discrepancy`.

    References
    ----------
    .. [1] Wei, De Schepper and Mets, "Dataset Condensation with Latent Quantile Matching", 2024.

    Examples
    --------
    >>> from skdc.discrepancies import QuantileMatching
    >>> round(QuantileMatching()([[0.0], [1.0], [2.0]], [[3.0]]), 3)
    4.0
    """

    def on_lines(self, p: Block, q: Block) -> Tensor:
        """Return the weighted mean along each coordinate."""
        with torch.no_grad():
            rows, row_order = p.values.sort(dim=0)
            points, point_order = q.values.sort(dim=0)
            steps = cumulative_mass(q, point_order)
            # The mass below a point and with it: those of equal value are one.
            ends = [
                torch.searchsorted(points.T.contiguous(), q.values.T.contiguous(), right=right).T
                for right in (False, True)
            ]
            below, with_it = (torch.cat([torch.zeros_like(steps[:1]), steps]).gather(0, end) for end in ends)
            targets = quantiles(rows, cumulative_mass(p, row_order), (below + with_it) / 2)
        return q.mass @ (q.values - targets).square()

    def witness(self, p: Block, q: Block, at: Tensor) -> Tensor:
        """Refuse: a little more mass does not move a quantile of finitely many rows."""
        raise ValueError(
            "QuantileMatching has no witness: a little more mass at a point does not move the quantiles of finitely "
            "many rows; use CramerVonMises or SlicedWasserstein"
        )
