"""Orthogonal matching pursuit: rows and weights whose sum is the mean embedding of the data."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from skdc.exceptions import PartsError
from skdc.kernels import MATRIX_ENTRIES
from skdc.solvers.selection.base import Choice, Selection, is_linear
from skdc.solvers.selection.cells import Cell, Quota, SummedKernel
from skdc.sources import Holds
from skdc.structures import Embedding

_TOLERANCE = 1e-12  # of slopes, in units of the largest potential


class Pursuit(Selection):
    r"""Orthogonal matching pursuit of the mean embedding, with weights that are not negative [1]_ [2]_.

    For squared distances of mean embeddings (`MMD`, `MeanDistance`, `RandomFeatureMMD` ...) and sums of them. The next
    row is the one whose kernel function has the largest inner product with what is left of the mean embedding; then
    the weights of all chosen rows are solved for anew,

    .. math:: \min_{w \ge 0} \Big\| \mu - \sum_s w_s k(\cdot, x_s) \Big\|^2 + \lambda \|w\|^2

    The weights need not add up to one while rows are chosen, so that the origin of the space matters; in the end they
    are scaled to the mass of the class. Rows that others have made needless have weight zero in the end.

    Parameters
    ----------
    regularization : float, default=0.01
        Ridge of at least 0, :math:`\lambda` in units of the mean of the kernel's diagonal. More: more even weights.
    reweight : discrepancy, default=None
        As in `Selection`; its weights take the place of those of the pursuit.

    References
    ----------
    .. [1] Pati, Rezaiifar and Krishnaprasad, "Orthogonal Matching Pursuit: Recursive Function Approximation with
       Applications to Wavelet Decomposition", 1993.
    .. [2] Killamsetty et al., "GRAD-MATCH: Gradient Matching based Data Subset Selection for Efficient Deep Model
       Training", 2021.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import MMD
    >>> from skdc.parameterizations import Subset
    >>> from skdc.solvers import Pursuit
    >>> condenser = Condenser(MMD(), parameterization=Subset(), solver=Pursuit(), n_per_class=3)
    """

    sparse = True

    regularization: float = 0.01

    def nested(self) -> bool:
        """Tell that row follows row."""
        return True

    def choose(self, objective: Any, cell: Cell, source: Holds, generator: torch.Generator) -> Choice:
        """Choose row after row; the objective must have a mean embedding that can be pursued."""
        if not self.regularization >= 0:
            raise ValueError(f"Pursuit(regularization={self.regularization!r}): the ridge must not be negative")
        support = _Support(cell, _kernels(objective, cell), self.regularization)
        values: list[float] = []
        while len(values) < cell.size and not (values and cell.progress(len(values), values[-1])):
            values.append(support.grow())
        return Choice(support.rows, support.mass(), values)


def _kernels(objective: Any, cell: Cell) -> list[tuple[float, Any]]:
    """Return the weight and the kernel of each term, once they are seen to be such as can be pursued."""
    leaves = objective.leaves()
    if not all(isinstance(leaf, Embedding) for leaf in leaves):
        raise PartsError(
            f"Pursuit follows the mean embedding of the data, and {objective!r} has none; use MMD() or MeanDistance(), "
            "or Greedy(), which takes any discrepancy"
        )
    if not is_linear(leaves):
        raise PartsError(
            f"Pursuit follows one mean embedding, but {objective!r} has several; use one `by`, or Greedy()"
        )
    kernels = [(leaf.weight, leaf.own_kernel(cell.block(leaf), cell.size)) for leaf in leaves]
    for leaf, (_, kernel) in zip(leaves, kernels, strict=True):
        size = kernel.diagonal.max()
        # A few rounding errors are no embedding; but rows that are all at the origin have nothing to be told.
        is_known = kernel.potential.max() > 8 * torch.finfo(size.dtype).eps * size
        if not is_known and (kernel.potential.any() or size > 0):
            raise ValueError(
                f"Pursuit follows the mean embedding of the data, which is nowhere positive for {leaf!r}: it is zero, "
                "or known up to a constant only; use MMD(), or Greedy()"
            )
    return kernels


# Let mu be the mean embedding of the data, x_s the chosen rows and w their weights. What these leave of it is, at x,
#     mu(x) - sum_s w_s k(x, x_s)                                                                                   (1)
# the inner product of the residual with k(x, .), the largest of which is chosen next. Then w is solved for anew, by
#     min_{w >= 0} w' (K + lambda I) w - 2 mu' w,    lambda = c E k(x, x)                                           (2)
# with K and mu at the chosen rows. It is at its least where, for the free weights F, which are those above zero,
#     mu - (K + lambda I) w = 0 in F, and not above 0 elsewhere                                                     (3)
# Where (3) is above 0 most, a weight becomes free [Lawson and Hanson 1974, chapter 23; of the normal equations, Bro and
# de Jong 1997]; then w goes towards
#     v_F = (K + lambda I)_FF^-1 mu_F,    v = 0 elsewhere                                                           (4)
# as far as no weight falls below zero, those that stop there leave F, and it goes on towards the next v:
#     w := w + (v - w) min_{v_i < 0} w_i / (w_i - v_i)                                                              (5)
class _Support:
    """Chosen rows with their weights, and what these leave of the mean embedding of a cell.

    Parameters
    ----------
    cell : Cell
    kernels : list of (float, OwnKernel)
        Terms that are summed.
    regularization : float
    """

    def __init__(self, cell: Cell, kernels: list[tuple[float, Any]], regularization: float) -> None:
        self.rows: list[int] = []
        self._quota = Quota(cell)
        kernel = SummedKernel(kernels)
        self._potential, self._columns = kernel.potential, kernel.columns
        self._ridge = regularization * float(cell.mass.double() @ kernel.diagonal)
        n, m = len(kernel.potential), cell.size
        self._width = max(1, MATRIX_ENTRIES // n)
        self._kept_columns = self._potential.new_empty(min(m, self._width), n)
        self._gram = self._potential.new_zeros(m, m)
        self._weights = self._potential.new_zeros(m)

    def grow(self) -> float:
        """Choose a row and solve for all weights; return the squared distance less its real-real term."""
        best = int(self._residual().masked_fill(~self._quota.allowed(), -torch.inf).argmax())
        self._quota.take(best)
        self.rows.append(best)
        size = len(self.rows)
        column = self._columns([best])[0].double()
        if size <= len(self._kept_columns):
            self._kept_columns[size - 1] = column
        self._gram[size - 1, :size] = self._gram[:size, size - 1] = column[self.rows]
        gram, potential = self._gram[:size, :size], self._potential[self.rows]
        ridged = gram + self._ridge * torch.eye(size, dtype=gram.dtype, device=gram.device)
        weights = nonnegative_quadrature(ridged, potential, self._weights[:size])  # (2)
        self._weights[:size] = weights
        return float(weights @ gram @ weights - 2 * potential @ weights)

    def mass(self) -> Tensor:
        """Return the weights; equal ones where none is positive."""
        return self._weights if self._weights.any() else torch.ones_like(self._weights)

    def _residual(self) -> Tensor:
        """Return what the chosen rows leave of the mean embedding, at all rows."""
        size, kept = len(self.rows), min(len(self.rows), len(self._kept_columns))
        residual = self._potential - self._weights[:kept] @ self._kept_columns[:kept]  # (1)
        for start in range(kept, size, self._width):
            piece = slice(start, min(start + self._width, size))
            residual -= self._weights[piece] @ self._columns(self.rows[piece]).double()
        return residual


def nonnegative_quadrature(gram: Tensor, potential: Tensor, start: Tensor) -> Tensor:
    """Return the weights of (2), by active sets, for a positive definite matrix, of shape (m,).

    They start from zeros, or from the best weights of the rows of which they are positive.
    """
    weights = start
    for _ in range(3 * len(start)):
        free = weights > 0
        slope = (potential - gram @ weights).masked_fill(free, -torch.inf)  # (3)
        best = slope.argmax()
        if slope[best] <= _TOLERANCE * potential.abs().max():
            break
        free[best] = True
        weights = _feasible(gram, potential, weights, free)
    return weights


def _feasible(gram: Tensor, potential: Tensor, weights: Tensor, free: Tensor) -> Tensor:
    """Return the best weights of the free rows, less those that stop at zero on the way there."""
    while True:
        best = torch.zeros_like(weights)
        best[free] = torch.linalg.solve(gram[free][:, free], potential[free])  # (4)
        negative = best < 0
        if not negative.any():
            return best
        steps = torch.where(negative, weights / (weights - best), torch.inf)
        free = free & (steps > steps.min())
        weights = (weights + steps.min() * (best - weights)).where(free, 0.0)  # (5)
