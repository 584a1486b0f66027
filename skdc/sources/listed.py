"""Rows that are not in memory, with what it takes to choose some of them."""

from __future__ import annotations

from collections.abc import Callable
from operator import add
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skdc.sets import LabeledSet
from skdc.sources.base import Ability, Draws, Holds, Lists, Passes, Result
from skdc.sources.batch import Batch


class ListedSource(Draws, Lists):
    """A source that can pass, with the weights and keys of its rows, which one pass reads; the rows stay there.

    Parameters
    ----------
    source : Passes
    """

    def __init__(self, source: Passes) -> None:
        self._source = source
        for name in ("schema", "units", "target_units", "spread", "target_spread", "dtype", "device"):
            setattr(self, name, getattr(source, name))

        def of_piece(piece: Holds) -> list[tuple[int, NDArray, NDArray]]:
            return [(piece.first, piece.weight, piece.key)]

        found = sorted(source.map_reduce(of_piece, add), key=lambda part: part[0])
        self.weight, self.key = (np.concatenate([part[i] for part in found]) for i in (1, 2))

    def map_reduce(
        self, function: Callable[[Holds], Result], merge: Callable[[Result, Result], Result], width: int = 1
    ) -> Result:
        """Return what a function gives for each piece of the rows, merged."""
        return self._source.map_reduce(function, merge, width)

    def granted(self, ability: type[Ability]) -> Ability | None:
        """Return itself if it has an ability: the list is its own, others are those of the source."""
        has = ability is Lists or self._source.granted(ability) is not None
        return super().granted(ability) if has else None

    def position(self) -> Any:
        """Return where the draws of the source have come to."""
        return self._source.position()

    def restore(self, position: Any) -> None:
        """Go on with these draws."""
        self._source.restore(position)

    def cannot_tell(self, unknown: str) -> str:
        """Return what the source says."""
        return self._source.cannot_tell(unknown)

    def sample(self, size: int, generator: torch.Generator) -> LabeledSet:
        """Return rows that the source draws, if it does."""
        return cast(Draws, self._source).sample(size, generator)

    def batch(self, size: int, generator: torch.Generator) -> Batch:
        """Return what the source shows in one step."""
        return self._source.batch(size, generator)

    def starting_rows(self, sizes: NDArray[np.int64], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return those of the source."""
        return self._source.starting_rows(sizes, generator)

    def feature_range(self) -> tuple[NDArray, NDArray]:
        """Return that of the source."""
        return self._source.feature_range()

    def target_range(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return that of the source."""
        return self._source.target_range()

    def class_mass(self) -> NDArray[np.float64]:
        """Return that of the source."""
        return self._source.class_mass()


def listed(source: Passes) -> Passes:
    """Return a source whose rows can be chosen: the same, if it is one, or if rows in memory stand for its own."""
    return source if source.granted(Lists) is not None or source.stand_in() is not None else ListedSource(source)
