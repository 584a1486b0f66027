"""Rows from which kernel ridge regression learns the others, chosen one by one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from skdc.solvers.selection.cells import Cell, sums
from skdc.solvers.selection.division import Most
from skdc.solvers.selection.growth import Growth
from skdc.spaces.functions import KernelRidgePredictions

MAX_ROWS = 4096  # of which the kernel matrix is held
_TOLERANCE = 1e-9  # of the loss: smaller gains are rounding errors
_CANCELLED = 1e-8  # of its peak: a difference that has come down so far keeps half of its digits
_ROWS_AT_ONCE = 1024  # of G that are held


def is_ridge_loss(objective: Any) -> bool:
    """Tell whether an objective is the squared error of one kernel ridge regression, on all rows or class by class."""
    leaves = objective.leaves()
    one_space = len({id(leaf.space_) for leaf in leaves}) == 1 and not objective.normalizes()
    return one_space and all(
        isinstance(leaf.space_, KernelRidgePredictions)
        and leaf.quadratic
        and (leaf.by is None or (leaf.by == "class" and leaf.reduce == "mean"))
        for leaf in leaves
    )


# Let S be the chosen rows, L the diagonal of the ridges, M that of what the error of each row counts, Y the targets and
# A = (K_SS + L_S)^-1, with zeros beside it. The predictions are K A Y, the errors R = Y - K A Y, and the loss
#     tr(R' M R)                                                                                                    (1)
# With G = K - K A K, a row x that is added borders the matrix, and so changes its inverse by rank one:
#     A := A + w w' / d,    w = 1 at x, -A K_x at S,    d = L_x + G_xx                                              (2)
#     g = K w = K_x - K A K_x = G_x,    w' Y = R_x = e                                                              (3)
#     R := R - g e' / d                                                                                             (4)
#     G := G - g g' / d                                                                                             (5)
# The loss falls, for all x at once, by products P = G M R and norms q = diag(G M G) that are kept up to date:
#     2 (e / d)' P_x - |e / d|^2 q_x                                                                                (6)
#     P := P - g (g' M R) / d - (G M g - g (g' M g) / d) e' / d                                                     (7)
#     q := q - g * (2 G M g - g (g' M g) / d) / d                                                                   (8)
# by (4) and (5), at the cost of one product of K and a vector. A row s that is left out changes A in the same way, by
#     w = A_s,    d = -A_ss                                                                                         (9)
# Where S explains nearly all of K, P, q and d are what large differences leave: they are computed anew when half of
# their digits are gone, as pivoted QR factorizations do with the norms of columns [Drmac and Bujanovic 2008].
class RidgeGrowth(Growth):
    """Rows such that kernel ridge regression on them has the least squared error on all rows of a cell.

    A row counts its mass; where the mean error of each class is asked for, its mass over that of its class. The ridge
    of a row is in units of the mean diagonal of the kernel on all rows, over the weight that it has at last.

    Parameters
    ----------
    cell : Cell
        Rows of which the kernel matrix can be held.
    objective : discrepancy or sum of them
        Squared distances of the predictions of one kernel ridge regression.
    """

    most = Most(whole=512, chosen=64, rows=2048, spare=32)

    def __init__(self, cell: Cell, objective: Any) -> None:
        super().__init__(cell)
        leaves, rows = objective.leaves(), cell.rows()
        space = leaves[0].space_
        values = rows.X.flatten(1).double() * space.scale_
        mass, self._kernel = rows.mass.double(), space.kernel_(values, values)
        of_class = sums(mass, self.quota.codes, len(cell.quotas))
        balanced = mass / of_class[self.quota.codes] / (of_class > 0).sum()
        self._mass = sum(leaf.weight * (mass if leaf.by is None else balanced) for leaf in leaves)
        shares = cell.shares().double()
        mean_share = shares @ torch.as_tensor(cell.quotas).to(shares) / cell.size
        unit = space.regularization * (mass @ self._kernel.diagonal())
        self._ridge = unit * mean_share / shares[self.quota.codes]
        self._targets = rows.y.double() - space.offset_
        self._errors = self._targets.clone()
        self._products = self._kernel @ (self._mass[:, None] * self._targets)  # P
        self._norms = self._kernel.square() @ self._mass  # q
        self._peaks = self._norms.clone()  # of the norms since they were computed
        self._pivots = self._kernel.diagonal() + self._ridge  # d
        self._factor = self._kernel.new_zeros(cell.size, cell.size)
        self._n_factored = 0  # of the chosen rows

    def grow(self) -> float:
        """Choose the row that makes the loss least."""
        self._add(int(self._gains().argmin()))
        return self._loss()

    def improve(self) -> float | None:
        """Exchange each row for the one that makes the loss least in its place."""
        before = list(self.chosen)
        for row in before:
            if self.stopped():
                break
            self._remove_first()
            gains = self._gains()
            best = int(gains.argmin())
            # A row as good as the old one is no improvement: rounding must not send the search in circles.
            self._add(best if gains[best] < gains[row] - _TOLERANCE * self._loss() else row)
        return self._loss() if self.chosen != before else None

    def _loss(self) -> float:
        return float(self._mass @ self._errors.square().sum(1))  # (1)

    def _gains(self) -> Tensor:
        """Return what each row adds to the loss, of shape (n,): less than nothing, where it helps."""
        self._recompute()
        steps = self._errors / self._pivots[:, None]
        gains = steps.square().sum(1) * self._norms - 2 * (steps * self._products).sum(1)  # (6)
        return gains.masked_fill(~self.quota.allowed(), torch.inf)

    def _add(self, row: int) -> None:
        columns, root = self._kernel[self.chosen], self._root()
        g = self._kernel[row] - _solved(root, columns[:, row]) @ columns  # (3)
        self._change(g, self._pivots[row].clone(), self._errors[row].clone(), columns, root)
        self.quota.take(row)
        self.chosen.append(row)

    def _remove_first(self) -> None:
        columns, root = self._kernel[self.chosen], self._root()
        w = _solved(root, torch.eye(1, len(root), dtype=root.dtype, device=root.device)[0])  # (9)
        self._change(w @ columns, -w[0], w @ self._targets[self.chosen], columns, root)
        self.quota.release(self.chosen.pop(0))
        self._n_factored = 0

    def _root(self) -> Tensor:
        """Return the Cholesky factor of the ridged kernel matrix of the chosen rows."""
        # Bordered by a row that is added, as the factorization itself goes on, but anew when one has left: errors of an
        # inverse that is kept up to date grow where the kernel is nearly singular.
        n, known = len(self.chosen), self._n_factored
        factor = self._factor[:n, :n]
        if known == n - 1 and known:
            last = self.chosen[-1]
            row = torch.linalg.solve_triangular(
                factor[:-1, :-1], self._kernel[last, self.chosen[:-1]][:, None], upper=False
            )
            rest = self._kernel[last, last] + self._ridge[last] - row.square().sum()
            factor[-1, :-1], factor[-1, -1] = row[:, 0], rest.sqrt()
            known = n if rest > 0 else 0
        if known != n:
            gram = self._kernel[self.chosen][:, self.chosen]
            factor.copy_(torch.linalg.cholesky(gram + self._ridge[self.chosen].diag()))
        self._n_factored = n
        return factor

    def _change(self, g: Tensor, pivot: Tensor, error: Tensor, columns: Tensor, root: Tensor) -> None:
        """Add `outer(g, error) / pivot` to the predictions, and take `outer(g, g) / pivot` from G."""
        weighted, step = self._mass * g, error / pivot
        image = self._kernel @ weighted - _solved(root, columns @ weighted) @ columns  # G M g
        share = g * (g @ weighted / pivot)
        self._products -= torch.outer(g, weighted @ self._errors / pivot) + torch.outer(image - share, step)  # (7)
        self._norms -= g * (2 * image - share) / pivot  # (8)
        self._errors -= torch.outer(g, step)  # (4)
        self._pivots -= g.square() / pivot  # (2), by (5)
        self._peaks = torch.maximum(self._peaks, self._norms)

    def _recompute(self) -> None:
        """Compute anew what differences have left without digits."""
        cancelled = (self._norms < _CANCELLED * self._peaks).nonzero()[:, 0]
        if not len(cancelled):
            return
        columns, root = self._kernel[self.chosen], self._root()
        weighted = self._mass[:, None] * self._errors
        for rows in cancelled.split(_ROWS_AT_ONCE):
            G = self._kernel[rows] - torch.cholesky_solve(columns[:, rows], root).T @ columns
            self._norms[rows] = self._peaks[rows] = G.square() @ self._mass
            self._products[rows] = G @ weighted
            self._pivots[rows] = self._ridge[rows] + G.gather(1, rows[:, None])[:, 0]


def _solved(root: Tensor, values: Tensor) -> Tensor:
    return torch.cholesky_solve(values[:, None], root)[:, 0]
