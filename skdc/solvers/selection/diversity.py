"""Subsets that grow by graph cuts and by determinants."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from skdc.exceptions import PartsError
from skdc.solvers.selection.cells import Cell
from skdc.solvers.selection.division import Most
from skdc.solvers.selection.growth import Growth, Herding


# Herding makes the MMD of the rows chosen so far least, whose total weight T grows. A graph cut has that of all rows
# that are to be chosen from the beginning, and the mean embedding times c:
#     V(S) = W / T^2 - 2 c C / T
# which as a function of the set S is minus a submodular one, for W grows by more the more there are in S.
class Cuts(Herding):
    """Rows of the least graph cut: alike to the data and not to each other.

    Parameters
    ----------
    cell : Cell
    leaf : discrepancy
        A graph cut.
    """

    def __init__(self, cell: Cell, leaf: Any) -> None:
        super().__init__(cell, [leaf])
        self._potential = leaf.representation * self._potential
        quotas = torch.as_tensor(cell.quotas, device=cell.weight.device)
        self._final = float(cell.shares().double() @ quotas.double())

    def value(self) -> float:
        """Return the graph cut, as if the rows still to be chosen were alike to nothing."""
        return float(self._within / self._final**2 - 2 * self._across / self._final)

    def _scores(self) -> Tensor:
        """Return the value with each row added, where it may be."""
        scores = 2 * self._added_weight / self._final**2 * (self._interaction - self._final * self._potential)
        scores += self.value()
        return scores.masked_fill_(~self.quota.allowed(), torch.inf)


# With A = M^(1/2) K M^(1/2) / rho of all rows, for the masses that chosen ones will have, and I + A_S = L L', a row x
# that joins S makes
#     log det (I + A_{S + x}) = log det (I + A_S) + log r(x),    r(x) = 1 + A_xx - |L^-1 A_Sx|^2                    (1)
# Row t of the factor F = L^-1 A_S. follows from the pivot x and the rows before [Chen, Zhang and Zhou 2018, eq. 6]:
#     f_t = (A_x. - F_x' F) / r(x)^(1/2),    r := r - f_t^2                                                         (2)
# No r is less than one: rounding errors stay small, in float32 too.
class Determinants(Growth):
    """Rows of the largest determinant, greedily: the mode of a determinantal point process [1]_.

    The factor is held, of so many numbers as there are rows times chosen ones.

    Parameters
    ----------
    cell : Cell
    leaf : discrepancy
        A log-determinant.

    References
    ----------
    .. [1] Chen, Zhang and Zhou, "Fast Greedy MAP Inference for Determinantal Point Process to Improve Recommendation
       Diversity", 2018, algorithm 1.
    """

    most = Most(whole=1024, chosen=512, rows=8192, spare=16)

    def __init__(self, cell: Cell, leaf: Any) -> None:
        super().__init__(cell)
        block, shares = cell.block(leaf), cell.shares()
        quotas = torch.as_tensor(cell.quotas, device=shares.device)
        final = shares / (shares @ quotas.to(shares)) / leaf.ridge  # M / rho of a row of each class
        self._root = final.sqrt()[self.quota.codes].to(block.values.dtype)
        self._submatrix = leaf.kernel_.among(block.values)
        self._residual = 1 + self._root.square() * leaf.kernel_.diagonal(block.values)
        self._factor = self._root.new_empty(cell.size, len(self._root))
        self._value = 0.0

    def grow(self) -> float:
        """Choose the row that makes the determinant largest."""
        t, residual = len(self.chosen), self._residual.masked_fill(~self.quota.allowed(), -torch.inf)
        best = int(residual.argmax())
        pivot = residual[best].clamp_min(1)
        known = self._factor[:t]
        at = torch.tensor([best], device=self._root.device)
        column = self._root * self._root[best] * self._submatrix(slice(None), at)[:, 0]
        self._factor[t] = (column - known[:, best] @ known) / pivot.sqrt()  # (2)
        self._residual = (self._residual - self._factor[t].square()).clamp_min_(1)
        self._value -= float(pivot.double().log())  # (1)
        self.quota.take(best)
        self.chosen.append(best)
        return self._value

    def improve(self) -> float | None:
        """Refuse: an exchange would make the factor anew."""
        raise PartsError("Greedy(n_passes=...) knows no exchanges that lower a LogDeterminant; use n_passes=0")
