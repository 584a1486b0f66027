"""Subsets that grow and improve, row by row, each kind with the sums that make it quick."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from skdc.exceptions import PartsError
from skdc.kernels import MATRIX_ENTRIES
from skdc.seeds import Deck
from skdc.solvers.cells import Cell, Quota, SummedKernel, sums
from skdc.sources import Batch, relative, squared_norms
from skdc.step import Step

_COLUMNS = 64  # of a kernel matrix that are computed together
_TOLERANCE = 1e-9  # smaller gains are rounding errors
_MOST_MEANS = 20  # that are tried for one within whose rim its own rows lie


@runtime_checkable
class Covering(Protocol):
    """What farthest-first selection asks of a discrepancy: to be a radius around the nearest points."""

    def columns(self, x: Tensor) -> Callable[[Tensor], Tensor]: ...  # noqa: D102

    def rim(self, near: Tensor, mass: Tensor) -> Tensor: ...  # noqa: D102


class Growth(ABC):
    """A subset of a cell in the making.

    Parameters
    ----------
    cell : Cell
    """

    def __init__(self, cell: Cell) -> None:
        self.quota = Quota(cell)
        self.chosen: list[int] = []
        self._size, self._watch = cell.size, cell.watch

    def fill(self) -> list[float]:
        """Choose all rows, or as many as there is time for; return the value after each."""
        values: list[float] = []
        while len(self.chosen) < self._size and not (values and self._watch(len(self.chosen), values[-1])):
            values.append(self.grow())
        return values

    def stopped(self) -> bool:
        """Tell whether to leave the rows as they are, between two exchanges."""
        return self._watch(len(self.chosen))

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


class Herd(Growth):
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
        kernel = SummedKernel([(leaf.weight, leaf.own_kernel(cell.block(leaf), cell.size)) for leaf in leaves])
        # Sums in float64: rows come and go, and rounding errors would stay.
        self._potential, self._columns = kernel.potential, kernel.columns
        self._weight = cell.shares().double()[self.quota.codes]
        even = bool((self._weight == self._weight[0]).all())
        self._rate = float(self._weight[0]) if even else self._weight  # a number takes less time
        # How the chosen rows, and half of itself, repel each row; and the sums of kernels, potentials and weights.
        self._repelled = self._weight * kernel.diagonal / 2
        self._energy = self._attraction = self._total = 0.0
        self._width = max(1, min(_COLUMNS, MATRIX_ENTRIES // len(self._potential)))

    def grow(self) -> float:
        """Choose the row that makes the MMD least."""
        best = int(self._scores().argmin())
        self._add(best, self._columns([best])[0])
        self.chosen.append(best)
        return self.value()

    def start(self, rows: list[int]) -> None:
        """Choose some rows at once."""
        for first in range(0, len(rows), self._width):
            some = rows[first : first + self._width]
            for row, column in zip(some, self._columns(some), strict=True):
                self._add(row, column)
        self.chosen.extend(rows)

    def improve(self) -> float | None:
        """Exchange each row for the one that makes the MMD least in its place."""
        before = list(self.chosen)
        for first in range(0, len(before), self._width):
            some = before[first : first + self._width]
            for place, (row, column) in enumerate(zip(some, self._columns(some), strict=True), first):
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

    def value(self) -> float:
        """Return the squared MMD of the chosen rows less its real-real term."""
        return float(self._energy / self._total**2 - 2 * self._attraction / self._total)

    def _scores(self) -> Tensor:
        """Return the value with each row added, where it may be."""
        # (energy + 2 rate repelled) / total^2 - 2 (attraction + rate potential) / total
        total = self._total + self._rate
        forces = self._repelled - total * self._potential
        scores = 2 * self._rate / total**2 * forces + (self._energy - 2 * total * self._attraction) / total**2
        return scores.masked_fill_(~self.quota.allowed(), torch.inf)

    def _add(self, row: int, column: Tensor) -> None:
        self._count(row, 1)
        self._repelled.add_(column, alpha=float(self._weight[row]))
        self.quota.take(row)

    def _remove(self, row: int, column: Tensor) -> None:
        self._repelled.add_(column, alpha=-float(self._weight[row]))
        self._count(row, -1)
        self.quota.release(row)

    def _count(self, row: int, sign: int) -> None:
        """Add a row to the sums over the chosen rows, or take it away, as the others repel it."""
        weight, repelled, potential = (float(values[row]) for values in (self._weight, self._repelled, self._potential))
        self._energy += sign * 2 * weight * repelled
        self._attraction += sign * weight * potential
        self._total += sign * weight


class Farthest(Growth):
    """Each next row is the farthest from those chosen, the greedy k-center of Gonzalez (1985).

    With a share of outliers it is the farthest row of the others, in each group. The first row is the nearest to the
    mean; with outliers, to a mean of which the farthest rows are left out. Each choice looks at all rows, which are
    held as the space shows them: to show them anew each time would take longer than their distances do.

    Parameters
    ----------
    cell : Cell
    leaf : discrepancy
        A covering radius.
    """

    def __init__(self, cell: Cell, leaf: Any) -> None:
        super().__init__(cell)
        self._block = cell.block(leaf)
        self._mass, self._rim = self._block.mass, leaf.rim
        self._columns = leaf.columns(relative(self._block.values))
        self._near = torch.full_like(self._mass, torch.inf)
        self._who = torch.zeros(len(self._near), dtype=torch.int64, device=self._near.device)
        group = leaf.group_of_key_[self._block.key] if leaf.by == "group" else self._who
        groups = group.unique()
        members = [(group == g).nonzero()[:, 0] for g in groups] if len(groups) > 1 else [slice(None)]
        self._groups = [(rows, self._mass[rows] / self._mass[rows].sum()) for rows in members]

    def grow(self) -> float:
        """Choose the farthest row that is no outlier."""
        near = self._near
        # Rows at the rim come first, then those inside, then the outliers.
        score = torch.where(near <= self._rims(near), near, -near) if self.chosen else -self._off()
        best = int(score.masked_fill(~self.quota.allowed(), -torch.inf).argmax())
        apart = self._columns(torch.tensor([best]))[:, 0]
        self._who[apart < self._near] = len(self.chosen)
        self._near = torch.minimum(apart, self._near)
        self.quota.take(best)
        self.chosen.append(best)
        return float(self._rims(self._near).max())

    def _rims(self, near: Tensor) -> Tensor:
        """Return the rim of the group of each row, of shape (n,)."""
        rims = torch.empty_like(near)
        for rows, mass in self._groups:
            rims[rows] = self._rim(near[rows], mass)
        return rims

    def _off(self) -> Tensor:
        """Return how far each row is from the mean of those within the rim around it, up to a constant."""
        values, inside = self._block.values, self._mass
        squares = squared_norms(values)
        for _ in range(_MOST_MEANS):
            off = squares - 2 * (values @ (inside @ values / inside.sum()))
            last, inside = inside, self._mass * (off <= self._rims(off))
            if inside.equal(last):
                break
        return off

    def improve(self) -> float | None:
        """Refuse: the exchange of one row seldom lowers a radius.

        Raises
        ------
        ValueError
            Always.
        """
        raise PartsError("Greedy(n_passes=...) knows no exchanges that lower a CoveringRadius; use n_passes=0")

    def mass(self) -> Tensor:
        """Return the mass nearest to each chosen row."""
        return sums(self._block.weight, self._who, len(self.chosen))


class Trials(Growth):
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

    def __init__(self, cell: Cell, objective: Any, n_trials: int, batch_size: int, generator: torch.Generator) -> None:
        super().__init__(cell)
        self._objective, self._n_trials, self._generator = objective, n_trials, generator
        drawn, weight = Deck(torch.arange(len(cell)), cell.weight.cpu()).deal(batch_size, generator)
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
