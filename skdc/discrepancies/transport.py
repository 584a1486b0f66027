"""Optimal transport discrepancies."""

from __future__ import annotations

from typing import Literal, Self

import ot
import torch
from torch import Tensor

from skdc.data import Block
from skdc.discrepancies.base import Discrepancy
from skdc.kernels import MEDIAN_ROWS, squared_distances
from skdc.source import Source, require_rows
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
        return p.mass @ self.nearest(p.values, q.values)

    def nearest(self, values: Tensor, points: Tensor) -> Tensor:
        """Return the squared distance of each row to the nearest point, of shape (n,)."""
        return squared_distances(values, points).min(1).values


class Sinkhorn(Discrepancy):
    r"""Debiased Sinkhorn divergence with the squared Euclidean cost [1]_; in the squared unit of the space.

    .. math:: S(p, q) = \mathrm{OT}_\varepsilon(p, q) - \mathrm{OT}_\varepsilon(q, q) / 2 + \text{const.}

    The real-real term does not depend on the synthetic set and is left out.

    Parameters
    ----------
    blur : float, default=0.1
        The regularization epsilon, in units of the mean squared distance between rows of the data.
    max_iter : int, default=100
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
        max_iter: int = 100,
        space: Space | None = None,
        by: Literal["class", "group"] | None = "class",
        reduce: Literal["mean", "worst"] = "mean",
        weight: float = 1.0,
    ) -> None:
        super().__init__(space, by, reduce, weight)
        self.blur = blur
        self.max_iter = max_iter

    def fit_scale(self, source: Source, generator: torch.Generator) -> Self:
        """Resolve the regularization on a sample of the data.

        Raises
        ------
        ValueError
            If the blur is not positive.
        """
        if not self.blur > 0:
            raise ValueError(f"Sinkhorn(blur={self.blur!r}): the blur must be positive")
        with torch.no_grad():
            rows = self.space_.block(require_rows(self, source, "the scale of the blur").sample(MEDIAN_ROWS, generator))
            mean_square = rows.mass @ squared_distances(rows.values, rows.values) @ rows.mass
        self.epsilon_ = self.blur * float(mean_square) or 1.0
        return self

    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return the divergence less its real-real term."""
        across = self._cost(squared_distances(p.values, q.values), p.mass, q.mass)
        return across - self._cost(squared_distances(q.values, q.values), q.mass, q.mass) / 2

    def _cost(self, cost: Tensor, p: Tensor, q: Tensor) -> Tensor:
        # Written out, since POT starts from counts instead of masses: there an unconverged plan tells a row of weight
        # 2 from the row twice.
        epsilon = self.epsilon_
        with torch.no_grad():
            log_p, log_q = p.log(), q.log()
            f, g = torch.zeros_like(p), torch.zeros_like(q)
            for _ in range(self.max_iter):
                last = f
                f = -epsilon * ((g - cost) / epsilon + log_q).logsumexp(1)
                g = -epsilon * ((f[:, None] - cost) / epsilon + log_p[:, None]).logsumexp(0)
                if (f - last).abs().max() < 1e-6 * epsilon:
                    break
            plan = ((f[:, None] + g - cost) / epsilon + log_p[:, None] + log_q).exp()
            transported = (plan * cost).sum()
        # Envelope theorem: the gradient in the cost is the plan, in the masses the potentials; nothing is unrolled.
        return p @ f + q @ g + (plan * cost).sum() - transported


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
