"""Rows and the nearest of some centres, brought up to date as the centres move."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from skdc.sets import Block

_ENTRIES = 1 << 19  # of rows that are looked at together, and of their distances: what stays in the cache


class Clusters(NamedTuple):
    """Sums over clusters of rows, in float64: those of pieces add up to those of all, whatever the pieces.

    Parameters
    ----------
    sums : Tensor of shape (k, d)
    mass : Tensor of shape (k,)
    n_rows : int64 Tensor of shape (k,)
        Which alone tells for certain that there is none.
    """

    sums: Tensor
    mass: Tensor
    n_rows: Tensor

    def merged(self, other: Clusters) -> Clusters:
        """Return those of both."""
        return Clusters(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


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
        self._norms = self._rows.square().sum(1)
        self._most = self._norms.amax() if n else self._norms.new_zeros(())
        self._centers: Tensor | None = None
        self.label = torch.zeros(n, dtype=torch.int64, device=self._rows.device)
        self._upper, self._lower = torch.zeros_like(self._norms), torch.zeros_like(self._norms)
        count = torch.zeros(n_clusters, dtype=torch.int64, device=self._rows.device)
        self._clusters = Clusters(self._weight.new_zeros(n_clusters, d), self._weight.new_zeros(n_clusters), count)
        self._tile = max(1, _ENTRIES // max(d, n_clusters))

    def update(self, centers: Tensor) -> Clusters:
        """Give each row the nearest of some centres, of shape (k, d) and in float64; return the sums over clusters."""
        if self._centers is None:
            rows = torch.arange(len(self._rows), device=self.label.device)
            self._assign(rows, centers)
            self._move(rows, None, self.label)
        else:
            self._loosen((centers - self._centers).square().sum(1).sqrt())
            rows = (self._upper >= self._lower).nonzero()[:, 0]
            before = self.label.index_select(0, rows)
            self._assign(rows, centers)
            after = self.label.index_select(0, rows)
            changed = (after != before).nonzero()[:, 0]
            self._move(*(part.index_select(0, changed) for part in (rows, before, after)))
        self._centers = centers
        return Clusters(*(part.clone() for part in self._clusters))

    def squares(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield positions of rows, their squared distances from their centres, exact to rounding, and their weights."""
        assert self._centers is not None  # there was an update
        centers = self._centers.to(self._rows)
        for tile in torch.arange(len(self._rows), device=self.label.device).split(self._tile):
            differences = self._rows[tile] - centers[self.label[tile]]
            yield tile, differences.square().sum(1).double(), self._weight[tile]

    def _loosen(self, moved: Tensor) -> None:
        # A little more than centres have moved, for bounds are rounded too.
        moved = moved.to(self._rows) + 4 * torch.finfo(self._rows.dtype).eps * self._most.sqrt()
        self._upper += moved.index_select(0, self.label)  # (1)
        self._lower -= moved.amax()

    def _assign(self, rows: Tensor, centers: Tensor) -> None:
        centers = centers.to(self._rows)
        squared, eps = centers.square().sum(1), torch.finfo(self._rows.dtype).eps
        for tile in rows.split(self._tile):
            norms = self._norms.index_select(0, tile)
            squares = torch.addmm(squared[:, None], centers, self._rows.index_select(0, tile).T, alpha=-2)  # (2)
            least, nearest = squares.min(0)
            second = squares.scatter_(0, nearest[None], torch.inf).amin(0)
            rounding = 8 * eps * (norms + squared.amax())
            self.label.index_copy_(0, tile, nearest)
            self._upper.index_copy_(0, tile, (least + norms + rounding).clamp_min_(0).sqrt_())
            self._lower.index_copy_(0, tile, (second + norms - rounding).clamp_min_(0).sqrt_())

    def _move(self, rows: Tensor, before: Tensor | None, after: Tensor) -> None:
        """Carry rows from their clusters, where they have some, to others."""
        sums, mass, count = self._clusters
        for places in torch.arange(len(rows), device=rows.device).split(self._tile):
            tile = rows[places]
            weight, one = self._weight.index_select(0, tile), torch.ones_like(tile)
            values = self._rows.index_select(0, tile).double().mul_(weight[:, None])
            for label, sign in ((after, 1),) if before is None else ((after, 1), (before, -1)):
                for total, part in ((sums, values), (mass, weight), (count, one)):
                    total.index_add_(0, label[places], part, alpha=sign)  # (3)
