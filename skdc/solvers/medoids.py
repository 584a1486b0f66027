"""Rows to which the others are near: facility location and k-medoids."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from skdc.kernels import MATRIX_ENTRIES
from skdc.solvers.growth import Growth, mass_of_nearest
from skdc.solvers.selection import Cell

_TILE = 512  # rows whose costs are computed together where all have to be
_FEW = 16  # and where a few of them are likely to do
_TOLERANCE = 1e-6  # of the mean cost: smaller gains are rounding errors


class _Nearest(NamedTuple):
    """The two chosen rows nearest to each row of a cell: their costs and places, of shape (n, 2)."""

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
        self._block, self._pair_costs = cell.block(leaf), leaf.costs
        self._mass = self._block.mass
        self._near = torch.full_like(self._mass, torch.inf)
        self._who = torch.zeros(len(self._mass), dtype=torch.int64, device=self._mass.device)
        self._gains = torch.full_like(self._mass, torch.inf)  # no row lowers the mean cost by more
        self._width = max(1, min(_TILE, MATRIX_ENTRIES // len(self._mass)))

    def grow(self) -> float:
        """Choose the row that lowers the mean cost most."""
        allowed = self.quota.allowed()
        if self.chosen:
            best = self._most_gain(allowed)
        else:
            total = torch.cat([self._mass @ self._costs_of(rows) for rows in self._pieces()])
            best = int(total.masked_fill(~allowed, torch.inf).argmin())
        cost = self._costs_of(torch.tensor([best]))[:, 0]
        closer = cost < self._near
        self._who[closer] = len(self.chosen)
        self._near = torch.where(closer, cost, self._near)
        self.quota.take(best)
        self.chosen.append(best)
        return float(self._mass @ self._near)

    def _most_gain(self, allowed: Tensor) -> int:
        bounds = self._gains.masked_fill(~allowed, -torch.inf)
        width = self._width if bounds.max() == torch.inf else _FEW
        best, most = -1, -torch.inf
        while True:
            rows = bounds.topk(min(width, len(bounds))).indices
            rows = rows[bounds[rows] > most]
            if not len(rows):
                return best
            gains = self._mass @ (self._near[:, None] - self._costs_of(rows)).clamp_min_(0)
            self._gains[rows] = gains
            bounds[rows] = -torch.inf
            if gains.max() > most:
                best, most = int(rows[gains.argmax()]), float(gains.max())

    def improve(self) -> bool:
        """Try each row once in the place of the chosen one for which it serves best."""
        nearest, improved = self._nearest_two(torch.arange(len(self._mass))), False
        for rows in self._pieces():
            costs = self._costs_of(rows)
            changes = self._changes(costs, rows, nearest)
            for column in changes.amin(0).argsort().tolist():
                if changes[:, column].min() >= -_TOLERANCE * self._value(nearest):
                    break
                # An exchange before this one may have changed what this one is worth.
                one = slice(column, column + 1)
                change, place = self._changes(costs[:, one], rows[one], nearest)[:, 0].min(0)
                if change < -_TOLERANCE * self._value(nearest):
                    nearest = self._exchange(int(place), int(rows[column]), costs[:, column], nearest)
                    improved = True
        self._near, self._who = nearest.costs[:, 0], nearest.places[:, 0]
        return improved

    def _changes(self, costs: Tensor, rows: Tensor, nearest: _Nearest) -> Tensor:
        """Return what the mean cost gains if a row comes in the place of a chosen one, of shape (m, len(rows))."""
        near, second = nearest.costs.T[:, :, None]
        nearer = torch.minimum(costs, near)
        added = self._mass @ (nearer - near)
        without = self._mass[:, None] * (torch.minimum(costs, second) - nearer)
        removed = torch.zeros(len(self.chosen), costs.shape[1], dtype=costs.dtype, device=costs.device)
        changes = removed.index_add_(0, nearest.places[:, 0], without) + added
        fits = self.quota.codes[torch.tensor(self.chosen)][:, None] == self.quota.codes[rows]
        return changes.masked_fill(~fits | ~self.quota.fresh[rows], torch.inf)

    def _exchange(self, place: int, row: int, cost: Tensor, nearest: _Nearest) -> _Nearest:
        self.quota.release(self.chosen[place])
        self.quota.take(row)
        self.chosen[place] = row
        costs, places = nearest.costs.clone(), nearest.places.clone()
        closer, between = cost < costs[:, 0], (cost >= costs[:, 0]) & (cost < costs[:, 1])
        costs[closer, 1], places[closer, 1] = costs[closer, 0], places[closer, 0]
        costs[closer, 0], places[closer, 0] = cost[closer], place
        costs[between, 1], places[between, 1] = cost[between], place
        # Rows that had the old one for a neighbour look for their neighbours again.
        orphans = (nearest.places == place).any(1).nonzero()[:, 0]
        found = self._nearest_two(orphans)
        costs[orphans], places[orphans] = found.costs, found.places
        return _Nearest(costs, places)

    def _nearest_two(self, rows: Tensor) -> _Nearest:
        """Return the two chosen rows nearest to some rows."""
        values, points = self._block.values[rows], self._block.values[torch.tensor(self.chosen)]
        tiles = values.split(max(1, MATRIX_ENTRIES // len(points)))
        found = [self._pair_costs(tile, points).topk(min(2, len(points)), largest=False) for tile in tiles]
        costs, places = (torch.cat([getattr(two, name) for two in found]) for name in ("values", "indices"))
        if len(points) > 1:
            return _Nearest(costs, places)
        return _Nearest(torch.cat([costs, torch.full_like(costs, torch.inf)], 1), torch.cat([places, places], 1))

    def mass(self) -> Tensor:
        """Return the mass nearest to each chosen row."""
        return mass_of_nearest(self._who, self._block, len(self.chosen))

    def _value(self, nearest: _Nearest) -> float:
        return float(self._mass @ nearest.costs[:, 0])

    def _pieces(self) -> tuple[Tensor, ...]:
        return torch.arange(len(self._mass), device=self._mass.device).split(self._width)

    def _costs_of(self, rows: Tensor) -> Tensor:
        """Return the cost of each row of the cell at some rows, of shape (n, len(rows))."""
        return self._pair_costs(self._block.values, self._block.values[rows])
