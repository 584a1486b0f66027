"""Rows of the data as a storage sees those that it starts from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor

from skdc.sets import LabeledSet
from skdc.sources import Draws, Holds, Passes, Source, class_codes, require

Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class RealRows:
    """Rows of the data, in the units of those that a storage is to keep.

    Parameters
    ----------
    source : Source
    unit : float
        What rows in working units are divided by.
    offset : Tensor or float, default=0.0
        What is added then.
    grid : float or None, default=None
        How far whole numbers of the user are from each other; None where rows are no longer theirs.
    alike : bool, default=True
        Whether what is kept is like them, and no basis of them.
    through : tuple of callables, default=()
        Through which storages around it have them seen.
    """

    source: Source
    unit: float
    offset: Tensor | float = 0.0
    grid: float | None = None
    alike: bool = True
    through: tuple[Callable[[Tensor], Tensor], ...] = ()

    def __call__(self, X: Tensor) -> Tensor:
        """Return rows in working units as the storage sees rows."""
        seen = X / self.unit + self.offset
        for function in self.through:
            seen = function(seen)
        return seen

    def seen(self, function: Callable[[Tensor], Tensor]) -> RealRows:
        """Return the same rows as a storage inside of another sees them: through a function."""
        return replace(self, through=(*self.through, function), grid=None)

    def sample(self, part: object, unknown: str, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return about so many rows, drawn, and their class codes.

        Parameters
        ----------
        part : object
            Who asks.
        unknown : str
            What it cannot know without, for an error.
        size : int
        generator : torch.Generator

        Raises
        ------
        ValueError
            If the source cannot draw rows.
        """
        rows = require(part, self.source, Draws, unknown).sample(size, generator)
        return self(rows.X), class_codes(rows, self.source.schema)

    def map_reduce(
        self,
        part: object,
        unknown: str,
        function: Callable[[LabeledSet], Result],
        merge: Callable[[Result, Result], Result],
    ) -> Result:
        """Return what a function gives for each piece of all rows, merged.

        Parameters
        ----------
        part, unknown
            As in `sample`.
        function : callable
            Of rows as the storage sees them, with their weights and class codes.
        merge : callable

        Raises
        ------
        ValueError
            If the source cannot pass over all rows.
        """
        source = require(part, self.source, Passes, unknown)

        def of_piece(piece: Holds) -> Result:
            rows = piece.rows
            return function(replace(rows, X=self(rows.X), key=class_codes(rows, self.source.schema)))

        return source.map_reduce(of_piece, merge)
