"""Rows and the nearest of some centres, brought up to date as the centres move."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from skdc.sets import Block

_ENTRIES = 1 << 19  # of rows that are looked at together, and of their distances: what stays in the cache
_FEW_PRODUCTS = 1 << 8  # of a row with all centres, fewer of which take less time than bounds that save some


# Let a row x belong to the centre c_a, with bounds u >= |x - c_a| and l <= |x - c_j| of all others. After each centre
# has moved by s_j, the bounds
#     u + s_a    and    l - max_j s_j                                                                               (1)
# hold again, and while u < l the row need not be looked at [Hamerly 2010, algorithm 1]. Of other rows
#     |x - c_j|^2 = |x|^2 - 2 <x, c_j> + |c_j|^2                                                                    (2)
# is computed, but for a rounding error of eps (|x|^2 + |c_j|^2), and gives bounds anew. The sums over clusters change
#     by w x for rows that have come, and by -w x for those that have gone.                                         (3)
class Assignment:
    """The nearest centre of each row of a block, and the sums over clusters.

    The first time all distances are computed; then those of rows of which bounds do not tell that they stay. What it
    finds is the same either way.

    Parameters
    ----------
    block : Block
        Near the origin, or squares lose their digits.
    n_clusters : int

    Attributes
    ----------
    label : int64 Tensor of shape (n,)
        The nearest centre; of equally near ones the first.
    """

    def __init__(self, block: Block, n_clusters: int) -> None:
        n, d = block.values.shape
        self._rows, self._weight = block.values, block.weight.double()
        self._centers = torch.empty(0)
        self._norms = self._rows.square().sum(1)
        self._most = self._norms.amax() if n else self._norms.new_zeros(())
        self.label = torch.zeros(n, dtype=torch.int64, device=self._rows.device)
        self._bounded = n_clusters * d > _FEW_PRODUCTS
        self._upper, self._lower = torch.zeros_like(self._norms), torch.zeros_like(self._norms)
        self._sums, self._counts = self._weight.new_zeros(n_clusters, d), self._weight.new_zeros(n_clusters, 2)
        self._tile = max(1, _ENTRIES // max(d, n_clusters))

    def update(self, centers: Tensor) -> Tensor:
        """Give each row the nearest of some centres, and return the sums over clusters.

        Parameters
        ----------
        centers : Tensor of shape (k, d), float64

        Returns
        -------
        Tensor of shape (k, d + 2), float64
            The sum of the weighted rows of each cluster, then its mass, then how many rows it has. Those of pieces add
            up to those of all, whatever the pieces.
        """
        before, self._centers = self._centers, centers
        if not len(before):
            for rows in self._tiles():
                self.label[rows] = self._settle(rows, self._squares(rows, centers.to(self._rows)))
                self._add(self.label[rows], *self._summands(rows), 1)
        else:
            for rows in self._active(centers - before):
                self._move(rows, self._squares(rows, centers.to(self._rows)))
        return torch.cat([self._sums, self._counts], 1)

    def squares(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield positions of rows, their squared distances from their centres, exact to rounding, and their weights."""
        centers = self._centers.to(self._rows)
        for tile in self._tiles():
            differences = self._rows[tile] - centers[self.label[tile]]
            places = torch.arange(tile.start, tile.start + len(differences), device=self.label.device)
            yield places, differences.square().sum(1).double(), self._weight[tile]

    def _tiles(self) -> list[slice]:
        """Return all rows, by places."""
        return [slice(start, start + self._tile) for start in range(0, len(self._rows), self._tile)]

    def _active(self, steps: Tensor) -> Sequence[Tensor | slice]:
        """Return the rows that may have come nearer to another centre, after steps of the centres."""
        if not self._bounded:
            return self._tiles()
        # A little more than centres have moved, for bounds are rounded too.
        moved = steps.square().sum(1).sqrt().to(self._rows)
        moved += 4 * torch.finfo(self._rows.dtype).eps * self._most.sqrt()
        self._upper += moved.index_select(0, self.label)  # (1)
        self._lower -= moved.amax()
        return (self._upper >= self._lower).nonzero()[:, 0].split(self._tile)

    def _squares(self, rows: Tensor | slice, centers: Tensor) -> Tensor:
        """Return the squared distances of rows from centres, of shape (k, n), less the squared norms of the rows."""
        lengths = centers.square().sum(1)
        self._most = torch.maximum(self._most, lengths.amax())
        return torch.addmm(lengths[:, None], centers, _at(self._rows, rows).T, alpha=-2)  # (2)

    def _move(self, rows: Tensor | slice, squares: Tensor) -> None:
        """Give some rows the nearest centre, and keep the sums."""
        label = _at(self.label, rows)[None]
        own = squares.gather(0, label)
        others = squares.scatter_(0, label, torch.inf).amin(0)
        if self._bounded:
            self._bound(rows, own[0], others)
        # The few that have another centre as near. Of all, the index of the least takes ten times as long as the least.
        doubtful = (own[0] >= others).nonzero()[:, 0]
        if len(doubtful):
            places = doubtful + rows.start if isinstance(rows, slice) else rows.index_select(0, doubtful)
            label, own = label.index_select(1, doubtful), own.index_select(1, doubtful)
            nearest = self._settle(places, squares.index_select(1, doubtful).scatter_(0, label, own))
            summands = self._summands(places)
            self._add(nearest, *summands, 1)  # (3)
            self._add(label[0], *summands, -1)
            self.label.index_copy_(0, places, nearest)

    def _settle(self, rows: Tensor | slice, squares: Tensor) -> Tensor:
        """Return the nearest centre of each of some rows, and keep bounds."""
        least, nearest = squares.min(0)
        if self._bounded:
            self._bound(rows, least, squares.scatter_(0, nearest[None], torch.inf).amin(0))
        return nearest

    def _bound(self, rows: Tensor | slice, own: Tensor, others: Tensor) -> None:
        """Keep bounds of some rows, of their squared distances from their centre and the nearest other one."""
        norms = _at(self._norms, rows)
        rounding = 8 * torch.finfo(norms.dtype).eps * (norms + self._most)
        for kept, bound in ((self._upper, own + norms + rounding), (self._lower, others + norms - rounding)):
            bound.clamp_min_(0).sqrt_()
            if isinstance(rows, slice):
                kept[rows] = bound
            else:
                kept.index_copy_(0, rows, bound)

    def _summands(self, rows: Tensor | slice) -> tuple[Tensor, Tensor]:
        """Return what some rows add to the sums, and to the masses and counts."""
        weight = _at(self._weight, rows)[:, None]
        values = _at(self._rows, rows).to(torch.float64, copy=True)
        return values.mul_(weight), torch.cat([weight, torch.ones_like(weight)], 1)

    def _add(self, label: Tensor, values: Tensor, counts: Tensor, sign: int) -> None:
        self._sums.index_add_(0, label, values, alpha=sign)
        self._counts.index_add_(0, label, counts, alpha=sign)


def _at(values: Tensor, rows: Tensor | slice) -> Tensor:
    """Return the values of some rows: brackets take three times as long where these are a tensor."""
    return values[rows] if isinstance(rows, slice) else values.index_select(0, rows)
