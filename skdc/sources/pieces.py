"""Rows that are passed over again and again, piece by piece, as a space shows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field
from operator import add
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skdc.sets import Block, LabeledSet
from skdc.sources.base import Holds, Passes, Result
from skdc.sources.products import joined, joined_block


@dataclass(frozen=True, eq=False)
class Piece:
    """Some rows, as a space shows them.

    Parameters
    ----------
    block : Block
        Maybe of no rows.
    places : ndarray of shape (n,)
        Where the rows stand in a pass over the source.
    notes : dict
        What earlier passes have left here. They can save a pass time, and nothing else: where rows are not held it
        finds none.
    """

    block: Block
    places: NDArray[np.intp]
    notes: dict[Any, Any] = field(default_factory=dict)


class Pieces:
    """Rows of a source as a space shows them: an algorithm on these sees no difference between rows held and others.

    Rows in memory are cast and shown once, and kept as one piece. Of a source that can only pass, every pass reads,
    casts and shows them anew, and one piece is there at a time.

    Parameters
    ----------
    source : Passes
    show : callable
        Returns the block of some rows.
    c : int or None
        The class whose rows they are; None: all rows.

    Attributes
    ----------
    held : Piece or None
        All of them, if they are held.
    """

    def __init__(self, source: Passes, show: Callable[[LabeledSet], Block], c: int | None) -> None:
        self._source, self._show, self._class = source, show, c
        self.held: Piece | None = None
        if (holds := source.granted(Holds)) is not None:
            members = self._members(holds)
            self.held = Piece(joined_block([show(rows) for rows in holds.pieces(members)]), members)

    def part(self, rows: NDArray[np.intp]) -> Pieces:
        """Return some of the rows, by their places among these, which are held."""
        if self.held is None:
            raise RuntimeError("rows that are passed over have no part")
        part, block = copy(self), self.held.block
        part.held = Piece(block.take(torch.as_tensor(rows, device=block.weight.device)), self.held.places[rows])
        return part

    def map_reduce(self, function: Callable[[Piece], Result], merge: Callable[[Result, Result], Result]) -> Result:
        """Return what a function gives for each piece, merged: `merge` is of two results, in any order."""
        return self._over(function, merge) if self.held is None else function(self.held)

    @staticmethod
    def passed_together(
        rows: Sequence[Pieces], asked: Sequence[tuple[Callable[[Piece], Any], Callable[[Any, Any], Any]]]
    ) -> list[Any]:
        """Return what a function gives for the pieces of each of some rows of one source, merged: in one pass.

        Parameters
        ----------
        rows : list of Pieces
        asked : list of (function, merge)
            One for each.
        """
        if len(rows) == 1 or any(some.held is not None for some in rows):
            return [some.map_reduce(*one) for some, one in zip(rows, asked, strict=True)]

        def of_piece(piece: Holds) -> list[Any]:
            return [function(some._shown(piece)) for some, (function, _) in zip(rows, asked, strict=True)]

        def merged(one: list[Any], other: list[Any]) -> list[Any]:
            return [merge(*both) for (_, merge), *both in zip(asked, one, other, strict=True)]

        source = rows[0]._source
        return source.map_reduce(of_piece, merged, source.schema.n_outputs)

    def column(self, function: Callable[[Piece], Tensor]) -> Tensor:
        """Return what a function gives for each row of each piece, in the order of a pass, of shape (n, ...)."""
        found = self.map_reduce(
            lambda piece: [(int(piece.places[0]), function(piece))] if len(piece.places) else [], add
        )
        return joined([values for _, values in sorted(found, key=lambda pair: pair[0])])

    def _over(self, function: Callable[[Piece], Result], merge: Callable[[Result, Result], Result]) -> Result:
        return self._source.map_reduce(lambda rows: function(self._shown(rows)), merge, self._source.schema.n_outputs)

    def _shown(self, rows: Holds) -> Piece:
        members = self._members(rows)
        return Piece(self._show(rows.take(members)), rows.first + members)

    def _members(self, rows: Holds) -> NDArray[np.intp]:
        return np.arange(len(rows)) if self._class is None else rows.class_members(self._class)
