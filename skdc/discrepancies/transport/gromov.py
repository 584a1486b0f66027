"""Optimal transport between sets of which only inner distances are compared."""

from __future__ import annotations

import torch
from torch import Tensor

from skdc.discrepancies.base import Discrepancy
from skdc.discrepancies.transport.exact import check_entries
from skdc.kernels import distances
from skdc.sets import Block


class GromovWasserstein(Discrepancy):
    r"""Gromov-Wasserstein distance between the Euclidean distances inside each set, with the square loss [1]_ [2]_.

    .. math:: \min_{\pi \in \Pi(p, q)} \iint (\|x - x'\| - \|y - y'\|)^2 \, d\pi(x, y) \, d\pi(x', y')

    The value is squared, in the squared unit of the space. The problem is not convex: the value is that of a local
    minimum, found by conditional gradients from the independent plan, and is an upper bound. It does not change
    where a set is moved, turned or mirrored, so alone it does not tell where the data are: add it to another
    discrepancy, such as `MMD() + GromovWasserstein()`.

    Parameters
    ----------
    space, by, reduce, weight
        As in `Discrepancy`.

    References
    ----------
    .. [1] Mémoli, "Gromov-Wasserstein Distances and the Metric Approach to Object Matching", 2011, section 5.
    .. [2] Peyré, Cuturi and Solomon, "Gromov-Wasserstein Averaging of Kernel and Distance Matrices", 2016,
       proposition 1.

    Examples
    --------
    >>> from skdc.discrepancies import GromovWasserstein
    >>> round(GromovWasserstein()([[0.0, 0.0], [2.0, 0.0]], [[5.0, 5.0], [5.0, 8.0]]), 3)
    0.5
    """

    compares = "clouds"
    symmetric = nonnegative = True

    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return the value at a local minimum."""
        p_distances, q_distances = distances(p.values, p.values), distances(q.values, q.values)
        plan, v = self._solve(p, q, p_distances, q_distances)
        # Envelope theorem: the gradient in the distances has the plan for constant, in the masses it is the potential.
        mass = q.mass.detach()
        constant = p.mass @ p_distances.square() @ p.mass + mass @ q_distances.square() @ mass
        dual = q.mass @ v
        return constant - 2 * (plan.T @ p_distances @ plan * q_distances).sum() + dual - dual.detach()

    @torch.no_grad()
    def witness(self, p: Block, q: Block, at: Tensor) -> Tensor:
        """Return the first variation at the local minimum: the slope of the value in mass carried from each point."""
        p_distances, q_distances = distances(p.values, p.values), distances(q.values, q.values)
        plan, v = self._solve(p, q, p_distances, q_distances)
        to_p = distances(at, p.values)
        constant = (to_p.square() @ p.mass)[:, None] + q_distances.square() @ q.mass
        return (2 * constant - 4 * to_p @ plan @ q_distances - v).amin(1)

    @torch.no_grad()
    def _solve(self, p: Block, q: Block, p_distances: Tensor, q_distances: Tensor) -> tuple[Tensor, Tensor]:
        """Return the plan and the dual potential of q."""
        import ot  # with what it needs it takes half a second to load

        for block in (p, q):
            check_entries(self, len(p), len(block))
        weights = (block.weight.double().cpu() for block in (p, q))
        masses = [(weight / weight.sum()).numpy() for weight in weights]
        unit = max(float(p_distances.max()), float(q_distances.max())) or 1.0  # the tolerances of POT are absolute
        matrices = ((matrix.double() / unit).cpu().numpy() for matrix in (p_distances, q_distances))
        plan, log = ot.gromov.gromov_wasserstein(*matrices, *masses, "square_loss", symmetric=True, log=True)
        return torch.from_numpy(plan).to(p.values), torch.from_numpy(unit**2 * log["v"]).to(p.values)
