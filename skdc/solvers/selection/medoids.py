"""Rows to which the others are near: facility location and k-medoids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from skdc.kernels import MATRIX_ENTRIES
from skdc.solvers.selection.cells import Cell, sums
from skdc.solvers.selection.division import Most
from skdc.solvers.selection.growth import Growth
from skdc.sources import TILE, relative

_BLOCK = 512  # rows whose costs are computed together where all have to be
_LAZY_BLOCK = 32  # and where a few of them are likely to do
_STRIPES = 8  # of a symmetric matrix: more take less arithmetic and more preparation
_TOLERANCE = 1e-6  # of the mean cost: smaller gains are rounding errors
_KEPT_ENTRIES = 1 << 26  # costs that are held: those of all pairs of 8192 rows, a quarter of a gibibyte


class _Nearest(NamedTuple):
    """The two chosen rows nearest to each row of a cell: their costs and places, of shape (2, n)."""

    costs: Tensor
    places: Tensor


# Let o be a row of mass m_o, and d_1(o) <= d_2(o) its costs to the nearest two of the chosen rows. The objective is
#     TD = sum_o m_o d_1(o)                                                                                         (1)
# A row x that joins lowers it by less and less as others are chosen, so that gains computed earlier bound later ones:
#     gain(x) = sum_o m_o max(d_1(o) - d(o, x), 0)                                                                  (2)
# x in the place of the chosen row i changes TD by what i leaves to its second, less (2), and less what both count
# twice, of the rows o of i with d(o, x) < d_2(o):
#     loss(i) = sum_{o of i} m_o (d_2(o) - d_1(o))                                                                  (3)
#     twice(i, x) = sum_{o of i} m_o (d_2(o) - max(d(o, x), d_1(o)))                                                (4)
#     delta(i, x) = loss(i) - gain(x) - twice(i, x)                                                                 (5)
# (5) of all i costs no more than that of one: (2) is shared, and (3) is known [Schubert and Rousseeuw 2021].
class Medoids(Growth):
    """Rows for which the mean cost of the nearest one is least: greedily [1]_, then by exchanges [2]_.

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

    most = Most(whole=256, chosen=128, rows=8192, spare=32)

    def __init__(self, cell: Cell, leaf: Any) -> None:
        super().__init__(cell)
        self._block = cell.block(leaf)
        self._mass = self._block.mass
        values, n_rows = relative(self._block.values), len(self._mass)
        if n_rows**2 <= _KEPT_ENTRIES:
            self._costs: HeldColumns | KeptColumns = HeldColumns(leaf.columns, values, self._mass)
        else:
            self._costs = KeptColumns(leaf.columns(values), self._mass)
        self._nearest = torch.full_like(self._mass, torch.inf)
        self._medoids = torch.empty(0, dtype=torch.int64, device=self._mass.device)  # the chosen rows, for exchanges
        self._assigned = torch.zeros(len(self._mass), dtype=torch.int64, device=self._mass.device)
        self._bounds = torch.full_like(self._mass, torch.inf)  # no row lowers the mean cost by more
        self._pieces = _pieces(0, n_rows, max(1, min(_BLOCK, MATRIX_ENTRIES // n_rows)))

    def grow(self) -> float:
        """Choose the row that lowers the mean cost most."""
        allowed = self.quota.allowed()
        if self.chosen:
            best = self._best(allowed)
        else:
            total = torch.cat([self._costs(rows) @ self._mass for rows in self._pieces])
            best = int(total.masked_fill(~allowed, torch.inf).argmin())
        cost = self._costs(torch.tensor([best], device=allowed.device))[0]
        self._assigned[cost < self._nearest] = len(self.chosen)
        self._nearest = torch.minimum(cost, self._nearest)
        self.quota.take(best)
        self.chosen.append(best)
        return float(self._mass @ self._nearest)  # (1)

    def _best(self, allowed: Tensor) -> int:
        bounds = self._bounds.masked_fill(~allowed, -torch.inf)
        width = self._pieces[0].stop if bounds.max() == torch.inf else _LAZY_BLOCK
        best, largest = -1, -torch.inf
        while True:
            rows = bounds.topk(min(width, len(bounds))).indices
            rows = rows[bounds[rows] > largest]
            if not len(rows):
                return best
            gains = self._gain(rows)
            self._bounds[rows] = gains
            bounds[rows] = -torch.inf
            if gains.max() > largest:
                best, largest = int(rows[gains.argmax()]), float(gains.max())

    def _gain(self, rows: Tensor) -> Tensor:
        """Return by how much each of some rows lowers the mean cost."""
        costs = self._costs(rows)
        tiles = zip(self._nearest.split(TILE), costs.split(TILE, 1), self._mass.split(TILE), strict=True)
        return sum((nearest - cost).clamp_min_(0) @ mass for nearest, cost, mass in tiles)  # (2)

    def improve(self) -> float | None:
        """Try each row once in the place of the chosen one for which it serves best."""
        if len(self.chosen) == 1:
            return None  # that was chosen among all
        before = list(self.chosen)
        self._medoids = torch.tensor(self.chosen, device=self._mass.device)
        nearest = self._nearest_two(torch.arange(len(self._mass), device=self._mass.device))
        for rows in self._pieces:
            if self.stopped():
                break
            costs = self._costs(rows)
            deltas = self._deltas(costs, rows, nearest).amin(1)
            for i in (deltas < self._threshold(nearest)).nonzero()[:, 0].tolist():
                # An exchange before this one may have changed what it is worth.
                row = rows.start + i
                delta, place = self._deltas(costs[i : i + 1], slice(row, row + 1), nearest)[0].min(0)
                if delta < self._threshold(nearest):
                    nearest = self._exchange(int(place), row, costs[i], nearest)
        self._nearest, self._assigned = nearest.costs[0], nearest.places[0]
        return float(self._mass @ self._nearest) if self.chosen != before else None

    def _threshold(self, nearest: _Nearest) -> float:
        return -_TOLERANCE * float(self._mass @ nearest.costs[0])

    def _deltas(self, costs: Tensor, rows: slice, nearest: _Nearest) -> Tensor:
        """Return how the mean cost changes if a row comes in the place of a chosen one, of shape (len(costs), m)."""
        (first, second), assigned = nearest.costs, nearest.places[0]
        n_places = len(self.chosen)
        loss = sums(self._mass * (second - first), assigned, n_places)  # (3)
        # A new row matters to few: to those to which it is nearer than their second.
        new, row = _below(costs, second)
        cost, mass = costs[new, row], self._mass[row]
        gain = mass * (cost - first[row]).clamp_max(0)  # minus (2)
        twice = mass * (cost.maximum(first[row]) - second[row])  # minus (4)
        deltas = loss.repeat(len(costs), 1)
        deltas.view(-1).index_add_(0, new * n_places + assigned[row], twice)
        deltas += sums(gain, new, len(costs))[:, None]  # (5)
        codes = self.quota.codes
        same_class = codes[self._medoids] == codes[rows][:, None]
        return deltas.masked_fill_(~same_class, torch.inf)

    def _exchange(self, place: int, row: int, cost: Tensor, nearest: _Nearest) -> _Nearest:
        self.quota.release(self.chosen[place])
        self.quota.take(row)
        self.chosen[place] = self._medoids[place] = row
        affected = (nearest.places == place).any(0).nonzero()[:, 0]
        (first, second), (assigned, other) = nearest
        is_first, is_second = cost < first, cost < second
        second = torch.where(is_first, first, torch.where(is_second, cost, second))
        other = torch.where(is_first, assigned, other.masked_fill(is_second, place))
        costs = torch.stack([torch.minimum(first, cost), second])
        places = torch.stack([assigned.masked_fill(is_first, place), other])
        # Rows that had the old one for a neighbour look for their neighbours again.
        costs[:, affected], places[:, affected] = self._nearest_two(affected)
        return _Nearest(costs, places)

    def _nearest_two(self, rows: Tensor) -> _Nearest:
        """Return the two chosen rows nearest to some rows."""
        tiles = rows.split(max(1, MATRIX_ENTRIES // len(self._medoids)))
        found = [self._costs.at(tile, self._medoids).topk(2, largest=False) for tile in tiles]
        parts = torch.cat([two.values for two in found]), torch.cat([two.indices for two in found])
        return _Nearest(*(part.T.contiguous() for part in parts))

    def mass(self) -> Tensor:
        """Return the mass nearest to each chosen row."""
        return sums(self._block.weight, self._assigned, len(self.chosen))


def _below(costs: Tensor, limits: Tensor) -> tuple[Tensor, Tensor]:
    """Return the rows and columns of the costs under the limits of their columns."""
    if costs.device.type == "cpu":  # NumPy takes a fifth of the time
        found = torch.from_numpy(np.flatnonzero(costs.numpy() < limits.numpy()))
        return found // len(limits), found % len(limits)
    return tuple((costs < limits).nonzero().T)


def _pieces(start: int, stop: int, width: int) -> list[slice]:
    """Cut a range into slices of at most a given width."""
    return [slice(first, min(first + width, stop)) for first in range(start, stop, width)]


class HeldColumns:
    """The columns of a symmetric matrix, all of which are held.

    Parameters
    ----------
    columns_of : callable
        `columns_of(values)` returns a function of some rows, as `KeptColumns` takes.
    values : Tensor or SparseRows of shape (n, ...)
    like : Tensor of shape (n,)
        Of the same type.
    """

    def __init__(self, columns_of: Callable[[Any], Callable[[Tensor], Tensor]], values: Any, like: Tensor) -> None:
        n_rows = len(like)
        self._matrix = like.new_empty(n_rows, n_rows)
        # Of each stripe what is right of the diagonal: a little more than half of all.
        for stripe in _pieces(0, n_rows, -(-n_rows // _STRIPES)):
            columns, rest = columns_of(values[stripe.start :]), slice(stripe.start, None)
            for rows in _pieces(stripe.start, stripe.stop, max(1, MATRIX_ENTRIES // n_rows)):
                costs = columns(torch.arange(rows.start, rows.stop, device=like.device) - stripe.start)
                self._matrix[rows, rest], self._matrix[rest, rows] = costs.T, costs.contiguous()

    def __call__(self, rows: Tensor | slice) -> Tensor:
        """Return some columns, one a row of the result, of shape (len(rows), n)."""
        return self._matrix[rows] if isinstance(rows, slice) else self._matrix.index_select(0, rows)

    def at(self, rows: Tensor, others: Tensor) -> Tensor:
        """Return some columns at some rows, of shape (len(rows), len(others))."""
        # The matrix is symmetric, and its rows are read in less time than its columns.
        if len(rows) < len(others):
            return self._matrix.index_select(0, rows).index_select(1, others)
        return self._matrix[others[:, None], rows].T


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
        self._rows = torch.arange(n_rows, device=like.device)
        n_kept = max(1, min(n_rows, _KEPT_ENTRIES // n_rows))
        self._kept = torch.empty(n_kept, n_rows, dtype=like.dtype, device=like.device)
        self._slot = torch.full((n_rows,), -1, device=like.device)  # where each column is kept
        self._owner = torch.full((n_kept,), -1, device=like.device)
        self._used = torch.zeros(n_kept, dtype=torch.int64, device=like.device)
        self._clock = 0

    def __call__(self, rows: Tensor | slice) -> Tensor:
        """Return some columns, one a row of the result, of shape (len(rows), n)."""
        rows = self._rows[rows]
        if len(rows) > len(self._kept):
            return self._columns(rows).T
        return self._kept.index_select(0, self._slots(rows))

    def at(self, rows: Tensor, others: Tensor) -> Tensor:
        """Return some columns at some rows, of shape (len(rows), len(others))."""
        if len(others) > len(self._kept):
            return torch.cat([self(some)[:, rows] for some in others.split(len(self._kept))]).T
        return self._kept[self._slots(others)[:, None], rows].T

    def _slots(self, rows: Tensor) -> Tensor:
        """Return where columns are kept, once they are."""
        self._clock += 1
        slots = self._slot[rows]
        self._used[slots[slots >= 0]] = self._clock
        missing = rows[slots < 0]
        if len(missing):
            free = self._used.topk(len(missing), largest=False).indices
            evicted = self._owner[free]
            self._slot[evicted[evicted >= 0]] = -1
            self._kept[free] = self._columns(missing).T
            self._slot[missing], self._owner[free], self._used[free] = free, missing, self._clock
        return self._slot[rows]
