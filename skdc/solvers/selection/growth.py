"""Subsets that grow and improve, row by row, each kind with the sums that make it quick."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from operator import add
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from skdc.exceptions import PartsError
from skdc.kernels import MATRIX_ENTRIES
from skdc.seeds import EpochSampler
from skdc.solvers.selection.cells import Cell, Quota, SummedKernel, part_of, sums
from skdc.solvers.selection.division import Most
from skdc.sources import Batch, Piece, relative, squared_norms
from skdc.step import Step

_COLUMNS = 64  # of a kernel matrix that are computed together
_TOLERANCE = 1e-9  # smaller gains are rounding errors
_MAX_MEANS = 20  # that are tried for one about which its own inliers lie


class Growth(ABC):
    """A subset of a cell in the making.

    Parameters
    ----------
    cell : Cell

    Attributes
    ----------
    most : Most or None
        How large a cell may be; a larger one is divided. None: as large as you like.
    """

    most: ClassVar[Most | None] = None

    def __init__(self, cell: Cell) -> None:
        self.quota = Quota(cell)
        self.chosen: list[int] = []
        self._size, self._progress = cell.size, cell.progress

    def fill(self) -> list[float]:
        """Choose all rows, or as many as there is time for; return the value after each."""
        values: list[float] = []
        while len(self.chosen) < self._size and not (values and self._progress(len(self.chosen), values[-1])):
            values.append(self.grow())
        return values

    def stopped(self) -> bool:
        """Tell whether to leave the rows as they are, between two exchanges."""
        return self._progress(len(self.chosen))

    @abstractmethod
    def grow(self) -> float:
        """Choose one more row; return the value then, up to a constant."""

    @abstractmethod
    def improve(self) -> float | None:
        """Try to exchange each chosen row once; return the value then, or None where none was."""

    def passes(self, n_passes: int) -> list[float]:
        """Exchange rows in at most so many passes; return the value after each that helped."""
        values: list[float] = []
        while len(values) < n_passes and not self.stopped() and (value := self.improve()) is not None:
            values.append(value)
        return values

    def mass(self) -> Tensor | None:
        """Return the mass that each chosen row stands for, or None where all stand for the same."""
        return None


# Let S be the chosen rows, of weights a_s with the sum T, and mu the mean embedding of the data. Up to ||mu||^2 the
# squared MMD of S is
#     V(S) = W / T^2 - 2 C / T,    W = sum_{s,t} a_s a_t k(x_s, x_t),    C = sum_s a_s mu(x_s)                      (1)
# A row x that joins adds a_x to T and a_x mu(x) to C; with r(x) = sum_s a_s k(x_s, x) + a_x k(x, x) / 2 it makes
#     W(S + x) = W + 2 a_x r(x)                                                                                     (2)
#     V(S + x) = 2 a_x (r(x) - T' mu(x)) / T'^2 + (W - 2 T' C) / T'^2,    T' = T + a_x                              (3)
# for all x at once. With t rows of equal weights the least (3) is the largest mu(x) - (sum_s k(x_s, x) + k(x, x) / 2)
# / (t + 1): where k(x, x) is constant, herding [Chen, Welling and Smola 2010, eq. 8].
class Herding(Growth):
    r"""Rows whose mean embedding nears that of the cell.

    The next row is always the one that makes the MMD of the chosen rows least. Rows of a class share its mass, so that
    they may weigh differently where classes are chosen from together.

    Parameters
    ----------
    cell : Cell
    leaves : list of discrepancy
        Distances of mean embeddings, which are summed.
    """

    def __init__(self, cell: Cell, leaves: list[Any]) -> None:
        super().__init__(cell)
        kernel = SummedKernel([(leaf.weight, cell.own_kernel(leaf)) for leaf in leaves])
        # Sums in float64: rows come and go, and rounding errors would stay.
        self._potential, self._columns = kernel.potential, kernel.columns
        self._weight = cell.shares().double()[self.quota.codes]
        even = bool((self._weight == self._weight[0]).all())
        self._added_weight = float(self._weight[0]) if even else self._weight  # a number takes less time
        # r, W, C and T
        self._interaction = self._weight * kernel.diagonal / 2
        self._within = self._across = self._total = 0.0
        self._width = max(1, min(_COLUMNS, MATRIX_ENTRIES // len(self._potential)))

    def grow(self) -> float:
        """Choose the row that makes the MMD least."""
        best = int(self._scores().argmin())
        self._add(best, self._columns([best])[0])
        self.chosen.append(best)
        return self.value()

    def start(self, rows: list[int]) -> None:
        """Choose some rows at once."""
        for row, column in self._with_columns(rows):
            self._add(row, column)
        self.chosen.extend(rows)

    def improve(self) -> float | None:
        """Exchange each row for the one that makes the MMD least in its place."""
        before = list(self.chosen)
        for place, (row, column) in enumerate(self._with_columns(before)):
            if self.stopped():
                break
            self._remove(row, column)
            scores = self._scores()
            best, now = int(scores.argmin()), float(scores[row])
            # A row as good as the old one is no improvement: rounding must not send the search in circles.
            if float(scores[best]) < now - _TOLERANCE * abs(now):
                self.chosen[place], column = best, self._columns([best])[0]
            self._add(self.chosen[place], column)
        return self.value() if self.chosen != before else None

    def _with_columns(self, rows: list[int]) -> Iterator[tuple[int, Tensor]]:
        """Yield rows with their columns of the kernel, of which some are computed together."""
        for first in range(0, len(rows), self._width):
            some = rows[first : first + self._width]
            yield from zip(some, self._columns(some), strict=True)

    def value(self) -> float:
        """Return the squared MMD of the chosen rows less its real-real term."""
        return float(self._within / self._total**2 - 2 * self._across / self._total)  # (1)

    def _scores(self) -> Tensor:
        """Return the value with each row added, where it may be."""
        total = self._total + self._added_weight
        scores = 2 * self._added_weight / total**2 * (self._interaction - total * self._potential)  # (3)
        scores += (self._within - 2 * total * self._across) / total**2
        return scores.masked_fill_(~self.quota.allowed(), torch.inf)

    def _add(self, row: int, column: Tensor) -> None:
        self._count(row, 1)
        self._interaction.add_(column, alpha=float(self._weight[row]))
        self.quota.take(row)

    def _remove(self, row: int, column: Tensor) -> None:
        self._interaction.add_(column, alpha=-float(self._weight[row]))
        self._count(row, -1)
        self.quota.release(row)

    def _count(self, row: int, sign: int) -> None:
        """Add a row to the sums over the chosen rows, or take it away."""
        weight = float(self._weight[row])
        self._within += sign * 2 * weight * float(self._interaction[row])  # (2)
        self._across += sign * weight * float(self._potential[row])
        self._total += sign * weight


class FarthestFirst(Growth):
    """Each next row is the farthest from those chosen, the greedy k-center of Gonzalez (1985).

    With a share of outliers it is the farthest row of the others, in each group. The first row is the nearest to the
    mean; with outliers, to a mean of which the farthest rows are left out. Each choice looks at all rows: once more at
    rows in memory, which are held as the space shows them; in two passes, of which one fetches the row last chosen, at
    others, of which a distance, a weight and a cluster each are held.

    Parameters
    ----------
    cell : Cell
    leaf : discrepancy
        A covering radius.
    """

    def __init__(self, cell: Cell, leaf: Any) -> None:
        super().__init__(cell)
        self._cell, self._leaf, self._radius, self._rows = cell, leaf, leaf.radius, cell.shown(leaf)
        self._weight = cell.weights(leaf)
        self._mass = self._weight / self._weight.sum()
        held = self._rows.held
        self._columns = None if held is None else leaf.columns(relative(held.block.values))
        self._nearest = torch.full_like(self._mass, torch.inf)
        self._assigned = torch.zeros(len(self._nearest), dtype=torch.int64, device=self._nearest.device)
        group = leaf.group_of_key_[cell.key] if leaf.by == "group" else self._assigned
        groups = group.unique()
        members = [(group == g).nonzero()[:, 0] for g in groups] if len(groups) > 1 else [slice(None)]
        self._groups = [(rows, self._mass[rows] / self._mass[rows].sum()) for rows in members]

    def grow(self) -> float:
        """Choose the farthest row that is no outlier."""
        nearest = self._nearest
        # Rows at the radius come first, then those within, then the outliers.
        score = torch.where(nearest <= self._radii(nearest), nearest, -nearest) if self.chosen else -self._from_center()
        best = int(score.masked_fill(~self.quota.allowed(), -torch.inf).argmax())
        distances = self._distances(best)
        self._assigned[distances < self._nearest] = len(self.chosen)
        self._nearest = torch.minimum(distances, self._nearest)
        self.quota.take(best)
        self.chosen.append(best)
        return float(self._radii(self._nearest).max())

    def _distances(self, row: int) -> Tensor:
        """Return the distance of each row from one of them."""
        if self._columns is not None:
            return self._columns(torch.tensor([row]))[:, 0]
        point = self._leaf.space_.block(self._cell.source.take(self._cell.members[[row]])).values

        def of_piece(piece: Piece) -> Tensor:
            values = torch.cat([torch.zeros_like(point), piece.block.values - point])
            return self._leaf.columns(values)(torch.tensor([0]))[1:, 0]

        return self._rows.column(of_piece)

    def _radii(self, nearest: Tensor) -> Tensor:
        """Return the radius of the group of each row, of shape (n,)."""
        radii = torch.empty_like(nearest)
        for rows, mass in self._groups:
            radii[rows] = self._radius(nearest[rows], mass)
        return radii

    def _from_center(self) -> Tensor:
        """Return the squared distance of each row from a mean of its own inliers, up to a constant."""
        inliers, members = self._mass, self._cell.members
        for _ in range(_MAX_MEANS):
            total = self._rows.map_reduce(lambda piece: part_of(inliers, members, piece) @ piece.block.values, add)  # noqa: B023
            center = total / inliers.sum()
            squares = self._rows.column(lambda piece: _squares(piece, center))  # noqa: B023
            last, inliers = inliers, self._mass * (squares <= self._radii(squares))
            if inliers.equal(last):
                break
        return squares

    def improve(self) -> float | None:
        """Refuse: the exchange of one row seldom lowers a radius."""
        raise PartsError("Greedy(n_passes=...) knows no exchanges that lower a CoveringRadius; use n_passes=0")

    def mass(self) -> Tensor:
        """Return the mass nearest to each chosen row."""
        return sums(self._weight, self._assigned, len(self.chosen))


def _squares(piece: Piece, center: Tensor) -> Tensor:
    """Return the squared distance of each row from a point, up to a constant."""
    return squared_norms(piece.block.values) - 2 * (piece.block.values @ center)


class StochasticGreedy(Growth):
    """Rows that are tried by the value of the objective itself, a few drawn for each place.

    It takes any objective; greedy search on drawn candidates is the stochastic greedy of Mirzasoleiman et al. (2015).

    Parameters
    ----------
    cell : Cell
    objective : objective
    n_trials : int
        Rows that are tried for a place.
    batch_size : int
        Real rows with which the subset is compared; all of them where the cell has no more.
    generator : torch.Generator
    """

    most = Most(whole=256, chosen=64, rows=4096, spare=16)

    def __init__(self, cell: Cell, objective: Any, n_trials: int, batch_size: int, generator: torch.Generator) -> None:
        super().__init__(cell)
        self._objective, self._n_trials, self._generator = objective, n_trials, generator
        drawn, weight = EpochSampler(torch.arange(len(cell)), cell.weight.cpu()).draw(batch_size, generator)
        batch = cell if len(cell) <= batch_size else replace(cell.take(drawn.numpy()), weight=weight.to(cell.weight))
        self._real, self._cell = Batch(batch.rows()), replace(cell, weight=cell.shares()[self.quota.codes])
        self._state = generator.get_state()

    def grow(self) -> float:
        """Choose the best of some rows."""
        values = {row: self._value([*self.chosen, row]) for row in self._drawn()}
        best = min(values, key=values.__getitem__)
        self.quota.take(best)
        self.chosen.append(best)
        return values[best]

    def improve(self) -> float | None:
        """Exchange each row for the best of some others, if that is better."""
        improved = False
        value = self._value(self.chosen)
        for place, row in enumerate(self.chosen):
            if self.stopped():
                break
            self.quota.release(row)
            others = [other for other in self._drawn() if other != row]
            values = {other: self._value([*self.chosen[:place], other, *self.chosen[place + 1 :]]) for other in others}
            best = min(values, key=values.__getitem__, default=row)
            if values and values[best] < value:
                self.chosen[place], value, improved = best, values[best], True
            self.quota.take(self.chosen[place])
        return value if improved else None

    def _drawn(self) -> list[int]:
        allowed = self.quota.allowed().nonzero()[:, 0].cpu()
        return allowed[torch.randperm(len(allowed), generator=self._generator)[: self._n_trials]].tolist()

    def _value(self, rows: list[int]) -> float:
        # The same draws each time, so that sets are compared and not draws.
        draws = torch.Generator()
        draws.set_state(self._state)
        some = self._cell.take(np.array(rows))
        # As the set will have them: synthetic rows carry class codes for keys, and share the mass of their class.
        codes = torch.as_tensor(some.codes, device=some.weight.device)
        chosen = replace(some.rows(), key=codes, weight=some.weight / some.weight.mean())
        with torch.enable_grad():  # spaces of gradients take them
            return float(self._objective.loss(self._real, chosen, Step(draws)).detach())
