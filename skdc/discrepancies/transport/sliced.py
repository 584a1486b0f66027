"""Optimal transport along lines."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import normalize

from skdc.discrepancies.base import Discrepancy
from skdc.discrepancies.quantiles import check_projections, cumulative_mass, quantiles, random_directions
from skdc.sets import Block
from skdc.sources import Source

_GRID = 1000  # steps from zero to the largest entry of a direction that is sought


# On a line, for a direction theta, the squared 2-Wasserstein distance is that of the quantiles F^-1:
#     W(theta) = int_0^1 (F_p^-1(t) - F_q^-1(t))^2 dt,    p and q projected on theta                                (1)
# The mean of it over directions is the sliced distance [Bonneel et al. 2015, eq. 9], the maximum the max-sliced one.
# The points y_1 <= y_2 <= ... of q divide the line by the mass that they take, at b_j = F_p^-1(F_q(y_j)). There the
# costs of two neighbours less their dual potentials v_j are equal, which gives all v_j from the first, and u by them:
#     v_{j+1} - v_j = (b_j - y_{j+1})^2 - (b_j - y_j)^2,    v_1 = 0                                                 (2)
#     u(x) = (x - y_j)^2 - v_j,    b_{j-1} < x <= b_j                                                               (3)
# The first variation of (1) in the mass of p is u, up to a constant.
class SlicedWasserstein(Discrepancy):
    r"""Mean squared 2-Wasserstein distance of random projections [1]_; in the squared unit of the space.

    Parameters
    ----------
    n_projections : int, default=50
        Fresh directions each time.
    space, by, reduce, weight
        As in `Discrepancy`.

    References
    ----------
    .. [1] Bonneel et al., "Sliced and Radon Wasserstein Barycenters of Measures", 2015, eq. 9.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import SlicedWasserstein
    >>> Condenser(discrepancy=SlicedWasserstein(n_projections=100), n_per_class=5)
    Condenser(discrepancy=SlicedWasserstein(n_projections=100), n_per_class=5)
    """

    compares = "clouds"
    symmetric = nonnegative = True

    n_projections: int = 50

    def fit_scale(self, source: Source, generator: torch.Generator) -> Self:
        """Check the number of projections."""
        check_projections(self, self.n_projections)
        return self

    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return the mean over fresh projections."""
        return squared_distances_along(random_directions(p.values, self.n_projections, generator), p, q).mean()

    def witness(self, p: Block, q: Block, at: Tensor) -> Tensor:
        """Return the mean over projections of the dual potentials, from directions of a fixed seed."""
        directions = random_directions(p.values, self.n_projections, torch.Generator().manual_seed(0))
        return potentials_along(directions, p, q, at).mean(1)


class MaxSlicedWasserstein(Discrepancy):
    r"""Squared 2-Wasserstein distance of the projection where it is largest [1]_; in the squared unit of the space.

    .. math:: \max_{\|\theta\| = 1} W_2^2(\theta_\# p, \theta_\# q)

    The direction is sought by gradient ascent from the best of random ones each time, on a grid of three digits, so
    the value is a lower bound of the maximum. It moves the points along one direction only: `SlicedWasserstein` uses
    many.

    Parameters
    ----------
    n_projections : int, default=20
        Fresh random directions, from the best of which the ascent starts.
    n_ascent_steps : int, default=3
        Steps of the ascent.
    space, by, reduce, weight
        As in `Discrepancy`.

    References
    ----------
    .. [1] Deshpande et al., "Max-Sliced Wasserstein Distance and its Use for GANs", 2019, section 3.2.

    Examples
    --------
    >>> from skdc.discrepancies import MaxSlicedWasserstein
    >>> round(MaxSlicedWasserstein()([[0.0, 0.0], [1.0, 0.0]], [[3.0, 4.0], [4.0, 4.0]]), 2)
    25.0
    """

    compares = "clouds"
    symmetric = nonnegative = True

    n_projections: int = 20
    n_ascent_steps: int = 3

    def fit_scale(self, source: Source, generator: torch.Generator) -> Self:
        """Check the numbers of projections and of steps."""
        check_projections(self, self.n_projections)
        if self.n_ascent_steps < 0:
            raise ValueError(f"MaxSlicedWasserstein(n_ascent_steps={self.n_ascent_steps!r}) must not be negative")
        return self

    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return the value at the best direction; its gradient is that of the direction found (envelope theorem)."""
        return squared_distances_along(self._best_direction(p, q, generator), p, q)[0]

    def witness(self, p: Block, q: Block, at: Tensor) -> Tensor:
        """Return the dual potential at the best direction."""
        direction = self._best_direction(p, q, torch.Generator().manual_seed(0))
        return potentials_along(direction, p, q, at)[:, 0]

    def _best_direction(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        p, q = (Block(block.weight.detach(), block.key, block.values.detach()) for block in (p, q))
        directions = random_directions(p.values, self.n_projections, generator)
        direction = directions[:, squared_distances_along(directions, p, q).argmax()[None]]
        candidates, values = [direction], []
        for _ in range(self.n_ascent_steps):
            with torch.enable_grad():
                value = squared_distances_along(direction.requires_grad_(), p, q)
                (slope,) = torch.autograd.grad(value, direction)
            values.append(value.detach())
            # A step as long as the direction has no unit, and stays where the slope is radial.
            slope = slope / slope.abs().max().clamp_min(torch.finfo(slope.dtype).tiny)  # in any unit
            direction = normalize(direction.detach() + normalize(slope, dim=0), dim=0)
            candidates.append(direction)
        values.append(squared_distances_along(direction, p, q))
        best = torch.cat(candidates, 1)[:, torch.cat(values).argmax()[None]][:, 0].detach()
        # From a grid, since the maximum is often where two orders of the points meet: there the gradient has no
        # value, while that of a maximum over finitely many directions is the gradient at the best.
        return normalize((best * (_GRID / best.abs().max())).round(), dim=0)[:, None]


def squared_distances_along(directions: Tensor, p: Block, q: Block) -> Tensor:
    """Return the squared 2-Wasserstein distance of each projection, of shape (n_projections,)."""
    import ot  # with what it needs it takes half a second to load

    masses = (block.mass[:, None].expand(-1, directions.shape[1]) for block in (p, q))
    return ot.wasserstein_1d(p.values @ directions, q.values @ directions, *masses, p=2)  # (1)


def potentials_along(directions: Tensor, p: Block, q: Block, at: Tensor) -> Tensor:
    """Return the dual potentials of p at some points, of shape (len(at), n_projections), up to constants.

    By automatic differentiation a row without mass would never be a quantile, and have no potential.
    """
    rows, row_order = (p.values @ directions).sort(dim=0)
    points, point_order = (q.values @ directions).sort(dim=0)
    boundaries = quantiles(rows, cumulative_mass(p, row_order), cumulative_mass(q, point_order)[:-1])
    steps = (boundaries - points[1:]).square() - (boundaries - points[:-1]).square()
    offsets = torch.cat([torch.zeros_like(points[:1]), steps.cumsum(0)])  # (2)
    projections = at @ directions
    cell = torch.searchsorted(boundaries.T.contiguous(), projections.T.contiguous()).T
    return (projections - points.gather(0, cell)).square() - offsets.gather(0, cell)  # (3)
