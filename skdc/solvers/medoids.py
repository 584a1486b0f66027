"""Rows to which the others are near: facility location and k-medoids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from skdc.kernels import KEPT_ENTRIES, MATRIX_ENTRIES, TILE
from skdc.solvers.growth import Growth
from skdc.solvers.selection import Cell, sums

_MANY = 512  # rows whose costs are computed together where all have to be
_FEW = 32  # and where a few of them are likely to do
_TOLERANCE = 1e-6  # of the mean cost: smaller gains are rounding errors


class _Nearest(NamedTuple):
    """The two chosen rows nearest to each row of a cell: their costs and places, of shape (2, n)."""

    costs: Tensor
    places: Tensor


class Medoids(Growth):
    """Rows for which the mean cost of the nearest one is least: greedily [1]_, then by exchanges [2]_.

    The gain of a row only falls as others are chosen, so that gains computed earlier are upper bounds: few are
    computed anew for each choice.

    Parameters
    ----------
    cell : Cell
    leaf : discrepancy
        A quantization error.

    References
    ----------
    .. [1] Minoux, "Accelerated Greedy Algorithms for Maximizing Submodular Set Functions", 1978.
    .. [2] Schubert and Rousseeuw, "Fast and Eager k-Medoids Clustering", 2021, algorithm 3 (FasterPAM).
    """

    def __init__(self, cell: Cell, leaf: Any) -> None:
        super().__init__(cell)
        self._block = cell.block(leaf)
        self._mass = self._block.mass
        self._costs = KeptColumns(leaf.columns(self._block.values), self._mass)
        self._near = torch.full_like(self._mass, torch.inf)
        self._who = torch.zeros(len(self._mass), dtype=torch.int64, device=self._mass.device)
        self._gains = torch.full_like(self._mass, torch.inf)  # no row lowers the mean cost by more
        width = max(1, min(_MANY, MATRIX_ENTRIES // len(self._mass)))
        self._pieces = torch.arange(len(self._mass), device=self._mass.device).split(width)

    def grow(self) -> float:
        """Choose the row that lowers the mean cost most."""
        allowed = self.quota.allowed()
        if self.chosen:
            best = self._most_gain(allowed)
        else:
            total = torch.cat([self._costs(rows) @ self._mass for rows in self._pieces])
            best = int(total.masked_fill(~allowed, torch.inf).argmin())
        cost = self._costs(torch.tensor([best], device=allowed.device))[0]
        self._who[cost < self._near] = len(self.chosen)
        self._near = torch.minimum(cost, self._near)
        self.quota.take(best)
        self.chosen.append(best)
        return float(self._mass @ self._near)

    def _most_gain(self, allowed: Tensor) -> int:
        bounds = self._gains.masked_fill(~allowed, -torch.inf)
        width = len(self._pieces[0]) if bounds.max() == torch.inf else _FEW
        best, most = -1, -torch.inf
        while True:
            rows = bounds.topk(min(width, len(bounds))).indices
            rows = rows[bounds[rows] > most]
            if not len(rows):
                return best
            gains = self._gained(rows)
            self._gains[rows] = gains
            bounds[rows] = -torch.inf
            if gains.max() > most:
                best, most = int(rows[gains.argmax()]), float(gains.max())

    def _gained(self, rows: Tensor) -> Tensor:
        """Return by how much each of some rows lowers the mean cost."""
        costs = self._costs(rows)
        tiles = zip(self._near.split(TILE), costs.split(TILE, 1), self._mass.split(TILE), strict=True)
        return sum((near - cost).clamp_min_(0) @ mass for near, cost, mass in tiles)

    def improve(self) -> float | None:
        """Try each row once in the place of the chosen one for which it serves best."""
        if len(self.chosen) == 1:
            return None  # that was chosen among all
        before = list(self.chosen)
        nearest = self._nearest_two(torch.arange(len(self._mass), device=self._mass.device))
        for rows in self._pieces:
            costs = self._costs(rows)
            changes = self._changes(costs, rows, nearest).amin(1)
            for i in (changes < self._threshold(nearest)).nonzero()[:, 0].tolist():
                # An exchange before this one may have changed what it is worth.
                change, place = self._changes(costs[i : i + 1], rows[i : i + 1], nearest)[0].min(0)
                if change < self._threshold(nearest):
                    nearest = self._exchange(int(place), int(rows[i]), costs[i], nearest)
        self._near, self._who = nearest.costs[0], nearest.places[0]
        return float(self._mass @ self._near) if self.chosen != before else None

    def _threshold(self, nearest: _Nearest) -> float:
        return -_TOLERANCE * float(self._mass @ nearest.costs[0])

    def _changes(self, costs: Tensor, rows: Tensor, nearest: _Nearest) -> Tensor:
        """Return how the mean cost changes if a row comes in the place of a chosen one, of shape (len(rows), m)."""
        (near, second), who = nearest.costs, nearest.places[0]
        n_places = len(self.chosen)
        lost = sums(self._mass * (second - near), who, n_places)  # if its rows fall to their second
        # A new row matters to few: to those to which it is nearer than their second.
        new, row = (costs < second).nonzero().T
        cost, mass = costs[new, row], self._mass[row]
        gained = mass * (cost - near[row]).clamp_max(0)
        kept = mass * (cost.maximum(near[row]) - second[row])
        changes = lost.repeat(len(rows), 1)
        changes.view(-1).index_add_(0, new * n_places + who[row], kept)
        changes += sums(gained, new, len(rows))[:, None]
        codes = self.quota.codes
        fits = codes[torch.tensor(self.chosen, device=codes.device)] == codes[rows][:, None]
        return changes.masked_fill_(~fits, torch.inf)

    def _exchange(self, place: int, row: int, cost: Tensor, nearest: _Nearest) -> _Nearest:
        self.quota.release(self.chosen[place])
        self.quota.take(row)
        self.chosen[place] = row
        orphans = (nearest.places == place).any(0).nonzero()[:, 0]
        (near, second), (who, other) = nearest
        closer, between = cost < near, cost < second
        second = torch.where(closer, near, torch.where(between, cost, second))
        other = torch.where(closer, who, other.masked_fill(between, place))
        costs = torch.stack([torch.minimum(near, cost), second])
        places = torch.stack([who.masked_fill(closer, place), other])
        # Rows that had the old one for a neighbour look for their neighbours again.
        costs[:, orphans], places[:, orphans] = self._nearest_two(orphans)
        return _Nearest(costs, places)

    def _nearest_two(self, rows: Tensor) -> _Nearest:
        """Return the two chosen rows nearest to some rows."""
        chosen = torch.tensor(self.chosen, device=rows.device)
        tiles = rows.split(max(1, MATRIX_ENTRIES // len(chosen)))
        found = [self._costs.at(chosen, tile).topk(2, 0, largest=False) for tile in tiles]
        return _Nearest(torch.cat([two.values for two in found], 1), torch.cat([two.indices for two in found], 1))

    def mass(self) -> Tensor:
        """Return the mass nearest to each chosen row."""
        return sums(self._block.weight, self._who, len(self.chosen))


class KeptColumns:
    """The columns of a symmetric matrix, of which those asked for last are kept.

    Parameters
    ----------
    columns : callable
        `columns(rows)` computes some, of shape (n, len(rows)).
    like : Tensor of shape (n,)
        Of the same type.
    """

    def __init__(self, columns: Callable[[Tensor], Tensor], like: Tensor) -> None:
        self._columns, n_rows = columns, len(like)
        n_kept = max(1, min(n_rows, KEPT_ENTRIES // n_rows))
        self._kept = torch.empty(n_kept, n_rows, dtype=like.dtype, device=like.device)
        self._slot = torch.full((n_rows,), -1, device=like.device)  # where each column is kept
        self._owner = torch.full((n_kept,), -1, device=like.device)
        self._used = torch.zeros(n_kept, dtype=torch.int64, device=like.device)
        self._clock = 0

    def __call__(self, rows: Tensor) -> Tensor:
        """Return some columns, one a row of the result, of shape (len(rows), n)."""
        if len(rows) > len(self._kept):
            return self._columns(rows).T
        return self._kept[self._slots(rows)]

    def at(self, rows: Tensor, others: Tensor) -> Tensor:
        """Return some columns at some rows, of shape (len(rows), len(others))."""
        if len(rows) > len(self._kept):
            return torch.cat([self(some)[:, others] for some in rows.split(len(self._kept))])
        return self._kept[self._slots(rows)[:, None], others]

    def _slots(self, rows: Tensor) -> Tensor:
        """Return where columns are kept, once they are."""
        self._clock += 1
        slots = self._slot[rows]
        self._used[slots[slots >= 0]] = self._clock
        missing = rows[slots < 0]
        if len(missing):
            free = self._used.topk(len(missing), largest=False).indices
            lost = self._owner[free]
            self._slot[lost[lost >= 0]] = -1
            self._kept[free] = self._columns(missing).T
            self._slot[missing], self._owner[free], self._used[free] = free, missing, self._clock
        return self._slot[rows]
