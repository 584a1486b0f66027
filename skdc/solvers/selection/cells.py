"""Rows of which some are to be chosen: cells, quotas, and who is told of the choice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from operator import add
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skdc.seeds import epoch_order
from skdc.sets import Block, LabeledSet
from skdc.solvers.base import Progress, untold
from skdc.sources import Holds, Lists, Piece, Pieces, joined_block
from skdc.structures import MeanFeatures, OwnKernel


class ChoiceProgress:
    """Tell of rows as they are chosen, and remember whether a stop was asked for.

    Parameters
    ----------
    total : int, default=0
        How many rows are to be chosen in all.

    Attributes
    ----------
    tell : Progress
        Who is told.
    """

    tell: Progress = staticmethod(untold)

    def __init__(self, total: int = 0) -> None:
        self._total, self._done, self.stopped = total, 0, False

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "tell"}

    def __call__(self, n_chosen: int, value: float = float("nan")) -> bool:
        """Tell how many rows of a cell are chosen; return whether to stop with those."""
        if not self.stopped:
            # The last step is told when the cell is left.
            self.stopped = self.tell(min(self._done + n_chosen, self._total - 1), self._total, value)
        return self.stopped

    def leave(self, n_chosen: int, value: float) -> None:
        """Tell that all rows of a cell are chosen."""
        self._done += n_chosen
        if not self.stopped:
            self.stopped = self.tell(self._done, self._total, value)

    def after(self, n_chosen: int) -> ChoiceProgress:
        """Return the progress of a part of the cell, of which so many rows are chosen."""
        part = ChoiceProgress(self._total)
        part.tell = lambda step, n_steps, value: self(n_chosen + step, value)
        return part


def sums(values: Tensor, places: Tensor, size: int) -> Tensor:
    """Return the sum of the values at each of `size` places."""
    return values.new_zeros(size).index_add_(0, places, values)


@dataclass(frozen=True, eq=False)
class Cell:
    """Rows of which some are to be chosen: a class, or all.

    Parameters
    ----------
    source : Lists
        Who has the rows: a choice names them.
    members : ndarray of shape (n,)
        Where each row stands in the source.
    weight : Tensor of shape (n,)
        The mass of each row.
    quotas : ndarray of shape (n_classes,)
        How many rows of each class are to be chosen.
    progress : ChoiceProgress
        Is told how many rows are chosen, and says when to stop.
    c : int, default=None
        The class, if it is one.
    total : int, default=None
        How many rows are to be chosen in all, where quotas are no more than bounds; None: as many as these.
    """

    source: Lists
    members: NDArray[np.intp]
    weight: Tensor
    quotas: NDArray[np.int64]
    progress: ChoiceProgress = field(default_factory=ChoiceProgress)
    c: int | None = None
    total: int | None = None

    def __len__(self) -> int:
        return len(self.members)

    @cached_property
    def codes(self) -> NDArray[np.int64]:
        """The class of each row."""
        return self.source.schema.class_of_key[self.source.key[self.members]]

    @cached_property
    def key(self) -> Tensor:
        """The group of each row."""
        return torch.as_tensor(self.source.key[self.members], device=self.weight.device)

    @property
    def mass(self) -> Tensor:
        """The weights, normalised to sum to one."""
        return self.weight / self.weight.sum()

    def rows(self) -> LabeledSet:
        """Return the rows with their targets, which are as many numbers for each as there are classes."""
        return replace(self.source.take(self.members), weight=self.weight)

    @property
    def size(self) -> int:
        """How many rows are to be chosen in all."""
        return int(self.quotas.sum()) if self.total is None else self.total

    def shares(self) -> Tensor:
        """Return the mass of each class over the rows to be chosen of it, of shape (n_classes,)."""
        codes, quotas = (torch.as_tensor(values, device=self.weight.device) for values in (self.codes, self.quotas))
        return sums(self.weight, codes, len(quotas)) / quotas.clamp_min(1)

    def take(self, rows: NDArray[np.intp]) -> Cell:
        """Return a cell of some of the rows, with the same quotas."""
        weight = self.weight[torch.as_tensor(rows, device=self.weight.device)]
        return replace(self, members=self.members[rows], weight=weight)

    def random(self, rows: NDArray[np.intp], size: int, generator: torch.Generator) -> NDArray[np.intp]:
        """Return so many distinct ones of some rows, drawn in proportion to weight."""
        weight = self.weight[torch.as_tensor(rows, device=self.weight.device)].double().cpu()
        return rows[weight.multinomial(size, replacement=False, generator=generator).numpy()]

    def drawn(self, size: int, generator: torch.Generator) -> tuple[NDArray[np.intp], Cell]:
        """Return the positions of random rows and a cell of them; of all, if there are no more than `size`.

        They are drawn in proportion to weight: a heavy row may stand for several of the `size`. Of each class, and of
        each group of one, there are at least as many as are to be chosen of the class. Together the rows of a group
        weigh what all of it do.
        """
        if len(self) <= size:
            return np.arange(len(self)), self
        n, key, weight = len(self), self.key, self.weight
        drawn = epoch_order(weight.cpu(), generator).numpy()
        # Rows that are not drawn come last: they only fill a quota, and stand for next to nothing.
        order = np.concatenate([drawn, np.setdiff1d(np.arange(n), drawn)])
        is_first, selected, ordered = np.zeros(len(order), bool), np.zeros(len(order), bool), key.cpu().numpy()[order]
        is_first[np.unique(order, return_index=True)[1]] = True
        for places in (np.flatnonzero(ordered == k) for k in np.unique(ordered)):
            selected[places] = is_first[places].cumsum() <= max(1, self.quotas[self.codes[order[places[0]]]])
        selected[np.flatnonzero(~selected[:n])[: max(0, size - selected.sum())]] = True
        rows, copies = np.unique(order[selected]), np.bincount(drawn[selected[:n]], minlength=n)
        some, n_keys = self.take(rows), int(key.max()) + 1
        stand_for = torch.as_tensor(copies[rows]).to(weight).clamp_min(torch.finfo(weight.dtype).eps)
        growth = sums(weight, key, n_keys) / sums(stand_for, some.key, n_keys)
        return rows, replace(some, weight=stand_for * growth[some.key])

    def weights(self, leaf: Any) -> Tensor:
        """Return the weights as a discrepancy sees them: where it compares groups, each is as heavy as the others."""
        if leaf.by != "group":
            return self.weight
        group = leaf.group_of_key_[self.key]
        return self.weight / sums(self.weight, group, leaf.n_groups)[group]

    def shown(self, leaf: Any) -> Pieces:
        """Return all rows of the class, or of the source, as a discrepancy sees them; weights are those of the rows."""
        return Pieces(self.source, leaf.space_.block, self.c)

    def own_kernel(self, leaf: Any) -> OwnKernel:
        """Return the kernel of the rows with each other; of rows that are not held, every column is a pass."""
        if self.source.granted(Holds) is not None:
            return leaf.own_kernel(self.block(leaf), self.size)
        rows, weight = self.shown(leaf), self.weights(leaf)
        at = mean_embedding(leaf, rows, weight / weight.sum(), self.members)

        def columns(chosen: Tensor) -> Tensor:
            points = leaf.space_.block(self.source.take(self.members[chosen.cpu().numpy()]))
            return rows.column(lambda piece: _kernel_at(leaf, piece.block, points))

        potential = rows.column(lambda piece: at(piece.block.values))
        return OwnKernel(potential, rows.column(lambda piece: _diagonal(leaf, piece.block)), columns)

    def pieces(self, leaf: Any) -> Iterator[Block]:
        """Return the rows as a discrepancy sees them, piece by piece: their targets are never all there."""
        weight, start = self.weights(leaf), 0
        for rows in cast(Holds, self.source).pieces(self.members):
            yield replace(leaf.space_.block(rows), weight=weight[start : start + len(rows)])
            start += len(rows)

    def block(self, leaf: Any) -> Block:
        """Return all rows as a discrepancy sees them."""
        return joined_block(list(self.pieces(leaf)))


def part_of(values: Tensor, members: NDArray[np.intp], piece: Piece) -> Tensor:
    """Return the part of the numbers of rows that is of a piece, which has some of the rows in a row."""
    start = int(np.searchsorted(members, piece.places[0])) if len(piece.places) else 0
    return values[start : start + len(piece.places)]


def mean_embedding(leaf: Any, rows: Pieces, mass: Tensor, members: NDArray[np.intp]) -> Callable[[Tensor], Tensor]:
    """Return the mean embedding of rows as a function of points: by features it takes one pass, else one each time."""
    if isinstance(leaf, MeanFeatures):
        mean = rows.map_reduce(lambda piece: part_of(mass, members, piece) @ leaf.features(piece.block.values), add)
        return lambda at: leaf.features(at) @ mean

    def potential(at: Tensor) -> Tensor:
        def of_piece(piece: Piece) -> Tensor:
            own = part_of(mass, members, piece)
            return (
                own.sum() * leaf.potential(replace(piece.block, weight=own), at)
                if len(own)
                else torch.zeros_like(at[:, 0])
            )

        return rows.map_reduce(of_piece, add)

    return potential


def _kernel_at(leaf: Any, block: Block, points: Block) -> Tensor:
    """Return the kernel of rows with some points, of shape (n, len(points))."""
    places = torch.arange(len(points) + len(block), device=block.weight.device)
    return leaf.submatrix(joined_block([points, block]))(places[len(points) :], places[: len(points)])


def _diagonal(leaf: Any, block: Block) -> Tensor:
    """Return the kernel of each row with itself, of shape (n,)."""
    places = torch.arange(len(block), device=block.weight.device)[:, None]
    return leaf.submatrix(block)(places, places)[:, 0, 0]


class SummedKernel:
    """The kernel of the rows of a cell with each other, summed over the terms of an objective.

    Parameters
    ----------
    terms : list of (float, OwnKernel)
        Weights and kernels.

    Attributes
    ----------
    potential, diagonal : Tensor of shape (n,), float64
        As in `OwnKernel`.
    """

    def __init__(self, terms: list[tuple[float, Any]]) -> None:
        self._terms = [(weight, kernel.columns) for weight, kernel in terms]
        self.potential = sum(weight * kernel.potential for weight, kernel in terms).double()
        self.diagonal = sum(weight * kernel.diagonal for weight, kernel in terms).double()

    def columns(self, rows: list[int]) -> Tensor:
        """Return the kernel of some rows with all, of shape (len(rows), n)."""
        at = torch.tensor(rows, device=self.potential.device)
        return sum(weight * columns(at) for weight, columns in self._terms).T.contiguous()


class Quota:
    """Which rows of a cell may still be chosen.

    Parameters
    ----------
    cell : Cell

    Attributes
    ----------
    codes : Tensor of shape (n,)
        The class of each row.
    unchosen : Tensor of shape (n,)
        Whether a row is not chosen.
    """

    def __init__(self, cell: Cell) -> None:
        self.codes = torch.as_tensor(cell.codes, device=cell.weight.device)
        self.unchosen = torch.ones(len(self.codes), dtype=torch.bool, device=self.codes.device)
        self._remaining = torch.as_tensor(cell.quotas.copy(), device=self.codes.device)

    def allowed(self) -> Tensor:
        """Return a mask of the rows that are not taken and whose class is not full, of shape (n,)."""
        return self.unchosen & (self._remaining > 0)[self.codes]

    def take(self, row: int) -> None:
        """Note that a row is chosen."""
        self.unchosen[row] = False
        self._remaining[self.codes[row]] -= 1

    def release(self, row: int) -> None:
        """Note that a row is no longer chosen."""
        self.unchosen[row] = True
        self._remaining[self.codes[row]] += 1


def completed(
    cell: Cell, rows: NDArray[np.intp], generator: torch.Generator, least: NDArray[np.int64] | None = None
) -> NDArray[np.intp]:
    """Return distinct rows of a cell, and random others of the classes of which there are too few.

    There are too few of class c where they are less than `least[c]`; None: than are to be chosen.
    """
    rows, least = np.unique(rows), cell.quotas if least is None else least
    missing = least - np.bincount(cell.codes[rows], minlength=len(least))
    for c in np.flatnonzero(missing > 0):
        others = np.setdiff1d(np.flatnonzero(cell.codes == c), rows)
        rows = np.append(rows, others[torch.randperm(len(others), generator=generator)[: missing[c]].numpy()])
    return rows


def cells_of(sizes: NDArray[np.int64], splits: bool) -> Sequence[int | None]:
    """Return what is chosen from by itself: the classes of which there are rows to be chosen, or all rows (None)."""
    return np.flatnonzero(sizes).tolist() if splits else [None]


def cell_of(source: Lists, sizes: NDArray[np.int64], c: int | None, progress: ChoiceProgress) -> Cell:
    """Return the rows of a class; all, for None."""
    members = np.arange(len(source)) if c is None else source.class_members(c)
    quotas = sizes if c is None else np.where(np.arange(len(sizes)) == c, sizes, 0)
    return Cell(source, members, source.tensor(source.weight[members]), quotas, progress, c)
