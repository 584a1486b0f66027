"""Optimal transport discrepancies."""

from __future__ import annotations

import warnings
from typing import Literal

import ot
import torch
from torch import Tensor

from skdc.data import Block
from skdc.discrepancies.base import Discrepancy
from skdc.kernels import squared_distances
from skdc.spaces.base import Space


class QuantizationError(Discrepancy):
    r"""Mean squared distance of the data to the nearest synthetic point, the k-means objective [1]_.

    It is the squared 2-Wasserstein distance to the points with the best masses; in the squared unit of the
    space. The weights of the points do not matter: `Lloyd` gives each the mass of its cluster.

    Parameters
    ----------
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

    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return the mean squared distance to the nearest point."""
        return p.mass @ squared_distances(p.values, q.values).min(1).values


class Sinkhorn(Discrepancy):
    r"""Debiased Sinkhorn divergence with the squared Euclidean cost [1]_; in the squared unit of the space.

    .. math:: S(p, q) = \mathrm{OT}_\varepsilon(p, q) - \mathrm{OT}_\varepsilon(q, q) / 2 + \text{const.}

    The real-real term does not depend on the synthetic set and is left out.

    Parameters
    ----------
    blur : float, default=0.1
        The regularization epsilon, in units of the mean squared distance between the two clouds.
    max_iter : int, default=50
        Iterations of the scaling algorithm in the log domain.
    space, by, reduce, weight
        As in `Discrepancy`.

    References
    ----------
    .. [1] Feydy et al., "Interpolating between Optimal Transport and MMD using Sinkhorn Divergences", 2019, eq. 3.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import Sinkhorn
    >>> Condenser(discrepancy=Sinkhorn(blur=0.05), n_per_class=5)
    Condenser(discrepancy=Sinkhorn(blur=0.05), n_per_class=5)
    """

    compares = "clouds"

    def __init__(
        self,
        blur: float = 0.1,
        max_iter: int = 50,
        space: Space | None = None,
        by: Literal["class", "group"] | None = "class",
        reduce: Literal["mean", "worst"] = "mean",
        weight: float = 1.0,
    ) -> None:
        super().__init__(space, by, reduce, weight)
        self.blur = blur
        self.max_iter = max_iter

    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return the divergence less its real-real term."""
        if not self.blur > 0:
            raise ValueError(f"Sinkhorn(blur={self.blur!r}): the blur must be positive")
        across = squared_distances(p.values, q.values)
        epsilon = self.blur * float(across.detach().mean()) or 1.0
        within = self._cost(squared_distances(q.values, q.values), q.mass, q.mass, epsilon)
        return self._cost(across, p.mass, q.mass, epsilon) - within / 2

    def _cost(self, cost: Tensor, p: Tensor, q: Tensor, epsilon: float) -> Tensor:
        # Envelope theorem: the gradient in the cost is the plan itself, no iteration is unrolled.
        with warnings.catch_warnings():
            # An unconverged plan is a plan still; the gradient is that of the dual value reached.
            warnings.filterwarnings("ignore", message=".*did not converge")
            return ot.solve(cost, p, q, reg=epsilon, max_iter=self.max_iter, grad="envelope").value


class SlicedWasserstein(Discrepancy):
    r"""Mean squared 2-Wasserstein distance of random one-dimensional projections [1]_; in the squared unit of the space.

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

    def __init__(
        self,
        n_projections: int = 50,
        space: Space | None = None,
        by: Literal["class", "group"] | None = "class",
        reduce: Literal["mean", "worst"] = "mean",
        weight: float = 1.0,
    ) -> None:
        super().__init__(space, by, reduce, weight)
        self.n_projections = n_projections

    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return the mean over fresh projections."""
        if self.n_projections < 1:
            raise ValueError(f"SlicedWasserstein(n_projections={self.n_projections!r}) needs at least one direction")
        d = p.values.shape[1]
        directions = torch.randn(d, self.n_projections, generator=generator, dtype=p.values.dtype)
        directions = (directions / directions.norm(dim=0)).to(p.values.device)
        masses = (
            p.mass[:, None].expand(-1, self.n_projections),
            q.mass[:, None].expand(-1, self.n_projections),
        )
        return ot.wasserstein_1d(p.values @ directions, q.values @ directions, *masses, p=2).mean()
