"""Rows and the nearest of some centres, brought up to date as the centres move."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from skdc.sets import Block

_ENTRIES = 1 << 19  # of rows that are looked at together, and of their distances: what stays in the cache
_FEW_ENTRIES = 1 << 15  # of rows of which to keep bounds takes longer than to compute their distances


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
        self._rows, self._weight, self._centers = block.values, block.weight.double(), torch.empty(0)
        self._norms = self._rows.square().sum(1)
        self._most = self._norms.amax() if n else self._norms.new_zeros(())
        self.label = torch.zeros(n, dtype=torch.int64, device=self._rows.device)
        self._upper, self._lower = torch.zeros_like(self._norms), torch.zeros_like(self._norms)
        self._sums, self._counts = self._weight.new_zeros(n_clusters, d), self._weight.new_zeros(n_clusters, 2)
        self._tile = max(1, _ENTRIES // max(d, n_clusters))
        few = n * max(d, n_clusters) <= _FEW_ENTRIES
        self._summands_of_few = torch.cat(self._summands(torch.arange(n, device=self.label.device)), 1) if few else None

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
        if self._summands_of_few is not None:
            self.label = self._squares(self._rows, centers.to(self._rows)).argmin(0)
            sums = self._weight.new_zeros(len(centers), self._summands_of_few.shape[1])
            return sums.index_add_(0, self.label, self._summands_of_few)
        if len(before):
            self._loosen((centers - before).square().sum(1).sqrt())
            active = (self._upper >= self._lower).nonzero()[:, 0]
        else:
            active = torch.arange(len(self._rows), device=self.label.device)
        for rows in active.split(self._tile):
            old = self.label.index_select(0, rows)
            new = self._assign(rows, centers)
            if len(before):
                changed = (new != old).nonzero()[:, 0]
                rows, old, new = (part.index_select(0, changed) for part in (rows, old, new))
            values, counts = self._summands(rows)
            self._add(new, values, counts, 1)  # (3)
            if len(before):
                self._add(old, values, counts, -1)
        return torch.cat([self._sums, self._counts], 1)

    def squares(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield positions of rows, their squared distances from their centres, exact to rounding, and their weights."""
        centers = self._centers.to(self._rows)
        for tile in torch.arange(len(self._rows), device=self.label.device).split(self._tile):
            if not len(tile):  # of no rows there is one, which is empty
                return
            differences = self._rows[tile] - centers[self.label[tile]]
            yield tile, differences.square().sum(1).double(), self._weight[tile]

    def _loosen(self, moved: Tensor) -> None:
        # A little more than centres have moved, for bounds are rounded too.
        moved = moved.to(self._rows) + 4 * torch.finfo(self._rows.dtype).eps * self._most.sqrt()
        self._upper += moved.index_select(0, self.label)  # (1)
        self._lower -= moved.amax()

    def _assign(self, rows: Tensor, centers: Tensor) -> Tensor:
        """Give some rows the nearest centre, and bounds; return the centres."""
        values, norms, centers = (
            self._rows.index_select(0, rows),
            self._norms.index_select(0, rows),
            centers.to(self._rows),
        )
        squares = self._squares(values, centers)
        least, nearest = squares.min(0)
        second = squares.scatter_(0, nearest[None], torch.inf).amin(0)
        rounding = 8 * torch.finfo(norms.dtype).eps * (norms + centers.square().sum(1).amax())
        self.label.index_copy_(0, rows, nearest)
        self._upper.index_copy_(0, rows, (least + norms + rounding).clamp_min_(0).sqrt_())
        self._lower.index_copy_(0, rows, (second + norms - rounding).clamp_min_(0).sqrt_())
        return nearest

    def _squares(self, rows: Tensor, centers: Tensor) -> Tensor:
        """Return the squared distances of rows from centres, of shape (k, n), less the squared norms of the rows."""
        return torch.addmm(centers.square().sum(1)[:, None], centers, rows.T, alpha=-2)  # (2)

    def _summands(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return what some rows add to the sums, and to the masses and counts."""
        weight = self._weight.index_select(0, rows)[:, None]
        values = self._rows.index_select(0, rows).double().mul_(weight)
        return values, torch.cat([weight, torch.ones_like(weight)], 1)

    def _add(self, label: Tensor, values: Tensor, counts: Tensor, sign: int) -> None:
        self._sums.index_add_(0, label, values, alpha=sign)
        self._counts.index_add_(0, label, counts, alpha=sign)
