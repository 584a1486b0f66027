"""Rows from which kernel ridge regression learns the others, chosen one by one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from skdc.solvers.cells import Cell, sums
from skdc.solvers.growth import Growth
from skdc.spaces.functions import KernelRidgePredictions

MOST_ROWS = 4096  # of which the kernel matrix is held
_TOLERANCE = 1e-9  # of the loss: smaller gains are rounding errors
_FALLEN = 1e-8  # of its height: a difference that has come down so far keeps half of its digits
_ROWS_AT_ONCE = 1024  # of G that are held


def is_ridge_loss(objective: Any) -> bool:
    """Tell whether an objective is the squared error of one kernel ridge regression, on all rows or class by class."""
    leaves = objective.leaves()
    one_space = len({id(leaf.space_) for leaf in leaves}) == 1 and not getattr(objective, "normalize", False)
    return one_space and all(
        isinstance(leaf.space_, KernelRidgePredictions)
        and getattr(leaf, "squared", False)  # a penalty is no distance
        and (leaf.by is None or (leaf.by == "class" and leaf.reduce == "mean"))
        for leaf in leaves
    )


class RidgeGrowth(Growth):
    r"""Rows such that kernel ridge regression on them has the least squared error on all rows of a cell.

    Let A be the inverse of the ridged kernel matrix of the chosen rows, and zero elsewhere. A row x that is added
    changes A by :math:`w w^\top / d`, and so the predictions by :math:`g e^\top / d`: w is 1 at x and :math:`-A K_x`
    at the chosen rows, :math:`g = K w`, e the error at x, and d the ridge of x plus :math:`(K - K A K)_{xx}`. The loss
    after that follows, for all x at once, from :math:`R^\top M G` and :math:`\mathrm{diag}(G M G)`, with R the errors,
    M what the error of each row counts and :math:`G = K - K A K`. Both are kept up to date by rank-one changes, at the
    cost of one product of K and a vector. A row that is left out changes A in the same way, with another w and a
    negative d. Where the chosen rows explain nearly all of K, both are what large differences leave: they are computed
    anew when half of their digits are gone, as pivoted QR factorizations do with the norms of columns (Drmač and
    Bujanović, 2008).

    A row counts its mass; where the mean error of each class is asked for, its mass over that of its class.

    The ridge of a row is in units of the mean diagonal of the kernel on all rows, over the weight that it has at last.

    Parameters
    ----------
    cell : Cell
        Rows of which the kernel matrix can be held.
    objective : discrepancy or sum of them
        Squared distances of the predictions of one kernel ridge regression.
    """

    def __init__(self, cell: Cell, objective: Any) -> None:
        super().__init__(cell)
        leaves, rows = objective.leaves(), cell.rows()
        space = leaves[0].space_
        values = rows.X.flatten(1).double() * space.scale_
        mass, self._kernel = rows.mass.double(), space.kernel_(values, values)
        of_class = sums(mass, self.quota.codes, len(cell.quotas))
        evenly = mass / of_class[self.quota.codes] / (of_class > 0).sum()
        self._mass = sum(leaf.weight * (mass if leaf.by is None else evenly) for leaf in leaves)
        shares = cell.shares().double()
        mean_share = shares @ torch.as_tensor(cell.quotas).to(shares) / cell.size
        unit = space.regularization * (mass @ self._kernel.diagonal())
        self._ridge = unit * mean_share / shares[self.quota.codes]
        self._targets = rows.y.double() - space.offset_
        self._errors = self._targets.clone()
        self._pulls = self._kernel @ (self._mass[:, None] * self._targets)  # the transpose of R'MG
        self._norms = self._kernel.square() @ self._mass  # the diagonal of GMG
        self._heights = self._norms.clone()  # the largest that each norm has been since it was computed
        self._pivots = self._kernel.diagonal() + self._ridge

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
        return float(self._mass @ self._errors.square().sum(1))

    def _gains(self) -> Tensor:
        """Return what each row adds to the loss, of shape (n,): less than nothing, where it helps."""
        self._renew()
        steps = self._errors / self._pivots[:, None]
        gains = steps.square().sum(1) * self._norms - 2 * (steps * self._pulls).sum(1)
        return gains.masked_fill(~self.quota.allowed(), torch.inf)

    def _add(self, row: int) -> None:
        columns, root = self._kernel[self.chosen], self._root()
        g = self._kernel[row] - _solved(root, columns[:, row]) @ columns
        self._change(g, self._pivots[row].clone(), self._errors[row].clone(), columns, root)
        self.quota.take(row)
        self.chosen.append(row)

    def _remove_first(self) -> None:
        columns, root = self._kernel[self.chosen], self._root()
        direction = _solved(root, torch.eye(1, len(root), dtype=root.dtype, device=root.device)[0])
        self._change(direction @ columns, -direction[0], direction @ self._targets[self.chosen], columns, root)
        self.quota.release(self.chosen.pop(0))

    def _root(self) -> Tensor:
        """Return the Cholesky factor of the ridged kernel matrix of the chosen rows."""
        # Anew each time: errors of an inverse that is kept up to date grow where the kernel is nearly singular.
        gram = self._kernel[self.chosen][:, self.chosen]
        return torch.linalg.cholesky(gram + self._ridge[self.chosen].diag())

    def _change(self, g: Tensor, pivot: Tensor, error: Tensor, columns: Tensor, root: Tensor) -> None:
        """Add `outer(g, error) / pivot` to the predictions, and take `outer(g, g) / pivot` from G."""
        weighted, step = self._mass * g, error / pivot
        gMG = self._kernel @ weighted - _solved(root, columns @ weighted) @ columns
        share = g * (g @ weighted / pivot)
        self._pulls -= torch.outer(g, weighted @ self._errors / pivot) + torch.outer(gMG - share, step)
        self._norms -= g * (2 * gMG - share) / pivot
        self._errors -= torch.outer(g, step)
        self._pivots -= g.square() / pivot
        self._heights = torch.maximum(self._heights, self._norms)

    def _renew(self) -> None:
        """Compute anew what differences have left without digits."""
        fallen = (self._norms < _FALLEN * self._heights).nonzero()[:, 0]
        if not len(fallen):
            return
        columns, root = self._kernel[self.chosen], self._root()
        weighted = self._mass[:, None] * self._errors
        for rows in fallen.split(_ROWS_AT_ONCE):
            G = self._kernel[rows] - torch.cholesky_solve(columns[:, rows], root).T @ columns
            self._norms[rows] = self._heights[rows] = G.square() @ self._mass
            self._pulls[rows] = G @ weighted
            self._pivots[rows] = self._ridge[rows] + G.gather(1, rows[:, None])[:, 0]


def _solved(root: Tensor, values: Tensor) -> Tensor:
    return torch.cholesky_solve(values[:, None], root)[:, 0]
