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
    squared = True
    symmetric = True
    nonnegative = True

    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return the value at a local minimum."""
        inside_p, inside_q = distances(p.values, p.values), distances(q.values, q.values)
        plan, of_q = self._solve(p, q, inside_p, inside_q)
        # Envelope theorem: the gradient in the distances has the plan for constant, in the masses it is the potential.
        mass = q.mass.detach()
        alone = p.mass @ inside_p.square() @ p.mass + mass @ inside_q.square() @ mass
        dual = q.mass @ of_q
        return alone - 2 * (plan.T @ inside_p @ plan * inside_q).sum() + dual - dual.detach()

    @torch.no_grad()
    def witness(self, p: Block, q: Block, at: Tensor) -> Tensor:
        """Return the first variation at the local minimum: the slope of the value in mass carried from each point."""
        inside_p, inside_q = distances(p.values, p.values), distances(q.values, q.values)
        plan, of_q = self._solve(p, q, inside_p, inside_q)
        to_p = distances(at, p.values)
        alone = (to_p.square() @ p.mass)[:, None] + inside_q.square() @ q.mass
        return (2 * alone - 4 * to_p @ plan @ inside_q - of_q).amin(1)

    @torch.no_grad()
    def _solve(self, p: Block, q: Block, inside_p: Tensor, inside_q: Tensor) -> tuple[Tensor, Tensor]:
        """Return the plan and the dual potential of q."""
        import ot  # with what it needs it takes half a second to load

        for block in (p, q):
            check_entries(self, len(p), len(block))
        weights = (block.weight.double().cpu() for block in (p, q))
        masses = [(weight / weight.sum()).numpy() for weight in weights]
        unit = max(float(inside_p.max()), float(inside_q.max())) or 1.0  # the tolerances of POT are absolute
        inside = ((matrix.double() / unit).cpu().numpy() for matrix in (inside_p, inside_q))
        plan, log = ot.gromov.gromov_wasserstein(*inside, *masses, "square_loss", symmetric=True, log=True)
        return torch.from_numpy(plan).to(p.values), torch.from_numpy(unit**2 * log["v"]).to(p.values)
