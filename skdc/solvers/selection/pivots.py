"""Random pivots of a kernel matrix: rows that span the others."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from skdc.exceptions import PartsError
from skdc.solvers.selection.base import Choice, Selection, check_integers, is_linear
from skdc.solvers.selection.cells import Cell, Quota
from skdc.solvers.selection.division import Most, in_pieces
from skdc.sources import Holds
from skdc.structures import SpanDistance

_MOST = Most(whole=1024, chosen=512, rows=8192, spare=16)
_PROPOSALS = 128  # rows that are drawn together; those that are accepted are factored together
_ROUNDING = 100  # rounding errors: a residual of so many of them, in units of the diagonal, is none


class Pivots(Selection):
    r"""Randomly pivoted Cholesky (RPCholesky) [1]_: rows that span the others in the space of a kernel.

    It lowers a `NystromError`. Each next row is drawn in proportion to its weight times its squared distance to the
    span of those chosen, the diagonal of what is left of the kernel matrix: neither the farthest row, which may be an
    outlier, nor any row. Rows are proposed in blocks and accepted one by one by rejection sampling [2]_, which keeps
    that law and makes the cost little more than that of the columns of the kernel matrix. The factor, of so many
    numbers as there are rows times chosen rows, is held: more than 1024 rows of more than 8192 are chosen in pieces of
    near rows, of each as many as is its part in the mass of each class, for a memory that does not grow, and a time
    that grows with the rows that are chosen. The history then has the mean over the pieces.

    Once no row has a residual that is more than rounding errors (there are no more distinct rows, or the kernel is of
    smaller rank), the rest is drawn in proportion to weight alone.

    Parameters
    ----------
    max_rows : int, default=65536
        Where a class (or all rows, with `by=None`) has more rows, as many are drawn at random and chosen from; in
        pieces 16 for each that is chosen, whatever this is.
    reweight : discrepancy, default=None
        As in `Selection`; `MMD()` with the same kernel makes the set a quadrature rule [3]_.

    References
    ----------
    .. [1] Chen, Epperly, Tropp and Webber, "Randomly Pivoted Cholesky: Practical Approximation of a Kernel Matrix with
       Few Entry Evaluations", 2025.
    .. [2] Epperly, Tropp and Webber, "Embrace Rejection: Kernel Matrix Approximation by Accelerated Randomly Pivoted
       Cholesky", 2025.
    .. [3] Epperly and Moreno, "Kernel Quadrature with Randomly Pivoted Cholesky", 2023.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import NystromError
    >>> from skdc.parameterizations import Subset
    >>> from skdc.solvers import Pivots
    >>> condenser = Condenser(NystromError(), parameterization=Subset(), solver=Pivots(), n_per_class=3)
    """

    sparse = True

    max_rows: int = 65_536

    def nested(self) -> bool:
        """Tell that row follows row."""
        return True

    def choose(self, objective: Any, cell: Cell, source: Holds, generator: torch.Generator) -> Choice:
        """Draw the pivots; the objective must be a `NystromError`."""
        check_integers(self, {"max_rows": 1})
        leaf, *others = objective.leaves()
        if others or not isinstance(leaf, SpanDistance):
            raise PartsError(f"Pivots lowers a NystromError, and nothing else, but got {objective!r}; use Greedy()")
        if not is_linear([leaf]):
            raise PartsError(
                f"Pivots lowers the mean over the groups, but got {leaf!r}; use reduce='mean', or Greedy()"
            )

        def chosen(some: Cell) -> Choice:
            rows, some = some.drawn(self.max_rows, generator)
            factor = _Factor(some, leaf, generator)
            while len(factor.chosen) < some.size and not (factor.chosen and some.progress(len(factor.chosen))):
                factor.grow()
            return Choice(rows[factor.chosen].tolist(), None, factor.values)

        return in_pieces(cell, _MOST, objective, chosen, generator)


# Let S be the chosen rows and F F' the Nystrom approximation K_S K_SS^-1 K_S' of the kernel matrix. Its residual is
# K - F F', and the objective the trace error
#     sum_i m_i r_i,    r = diag(K - F F')                                                                          (1)
# The next row is drawn with a chance proportional to m_i r_i [Chen et al. 2025], and the factor grows by
# its residual column. Rows T are proposed together, with chances that are right for the first of them:
#     P(i) = m_i r_i / sum_j m_j r_j                                                                                (2)
# One after the other is accepted with the probability r_i' / r_i, where r' is the residual after those before it, and
# so has the chance m_i r_i' that it is to have [Epperly, Tropp and Webber 2025]: in the Schur complement of T,
#     C_TT := C_TT - c c',    c = C_Ti / C_ii^(1/2),    C_TT = K_TT - F_T F_T'                                      (3)
# The columns c of the accepted rows A make the root L of their C_AA, and the factor is extended by
#     (K_A - F F_A') L^-T                                                                                           (4)
class _Factor:
    """A partial Cholesky factor of the kernel matrix of a cell, of which pivots are chosen at random."""

    def __init__(self, cell: Cell, leaf: Any, generator: torch.Generator) -> None:
        block = cell.block(leaf)
        self.chosen: list[int] = []
        self.values: list[float] = []
        self._quota, self._size, self._generator = Quota(cell), cell.size, generator
        self._submatrix = leaf.kernel_.among(block.values)
        self._mass = block.mass.double()
        self._factor = torch.zeros(len(block), cell.size, dtype=block.values.dtype, device=block.values.device)
        self._residual = leaf.kernel_.diagonal(block.values).double()
        self._rounding_error = _ROUNDING * torch.finfo(block.values.dtype).eps * self._residual

    def grow(self) -> None:
        """Choose some more rows."""
        weight = self._mass * self._quota.allowed()
        probabilities = weight * self._residual * (self._residual > self._rounding_error)  # (2)
        if probabilities.sum() > 0:
            size = min(_PROPOSALS, self._size - len(self.chosen))
            self._factorize(probabilities.cpu().multinomial(size, replacement=True, generator=self._generator))
        else:
            self._take(int(weight.cpu().multinomial(1, generator=self._generator)))
            self.values.append(self._trace_error())

    def _factorize(self, proposed: Tensor) -> None:
        """Accept some of the proposed rows, and extend the factor by them."""
        known = self._factor[:, : len(self.chosen)]
        places, root = self._accepted(proposed, known[proposed])
        pivots = proposed[places]
        columns = self._submatrix(slice(None), pivots.to(known.device)) - known @ known[pivots].T
        added = torch.linalg.solve_triangular(root.to(columns), columns.T, upper=False)  # (4)
        self._factor[:, known.shape[1] : known.shape[1] + len(pivots)] = added.T
        explained = added.double().square()
        self.values.extend((self._trace_error() - (explained @ self._mass).cumsum(0)).clamp_min(0).tolist())
        self._residual = (self._residual - explained.sum(0)).clamp_min(0)

    def _accepted(self, proposed: Tensor, known: Tensor) -> tuple[list[int], Tensor]:
        """Return which proposed rows are accepted, and the Cholesky factor of their residual kernel matrix."""
        residuals = (self._submatrix(proposed, proposed) - known @ known.T).double().cpu()
        proposal = self._residual[proposed].cpu()
        residuals.diagonal().copy_(proposal)
        thresholds = torch.rand(len(proposed), generator=self._generator, dtype=residuals.dtype) * proposal
        places: list[int] = []
        factor: list[Tensor] = []
        for place, row in enumerate(proposed.tolist()):
            residual = residuals[place, place]
            if residual > thresholds[place] and self._quota.allowed()[row]:
                column = residuals[:, place] / residual.sqrt()
                residuals -= torch.outer(column, column)  # (3)
                places.append(place)
                factor.append(column)
                self._take(row)
        return places, torch.stack(factor, 1)[places]

    def _take(self, row: int) -> None:
        self._quota.take(row)
        self.chosen.append(row)

    def _trace_error(self) -> float:
        """Return the trace error of the rows that were chosen."""
        return float(self._mass @ self._residual)  # (1)
