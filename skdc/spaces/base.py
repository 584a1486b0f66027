"""The contract of a space: what a discrepancy sees of the real and the synthetic set."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor

from skdc.exceptions import PartsError
from skdc.fields import SharedParts
from skdc.sets import Block, LabeledSet
from skdc.sources import Asks, Holds, Source
from skdc.step import Step

Yields = Literal["clouds", "aligned", "mixtures", "moments"]
Splits = Literal["before", "after", "rows", "never"]

_SEEN: ContextVar[set[int] | None] = ContextVar("_SEEN", default=None)


@contextmanager
def each_once() -> Iterator[None]:
    """Begin a round in which each live part is fitted, or changed, once, however many others look through it."""
    token = _SEEN.set(set())
    try:
        yield
    finally:
        _SEEN.reset(token)


def is_first(part: Any) -> bool:
    """Tell whether a live part is met for the first time in the round under way; always, where there is none."""
    seen = _SEEN.get()
    if seen is None:
        return True
    if id(part) in seen:
        return False
    seen.add(id(part))
    return True


class Space(SharedParts, ABC):
    """A representation of both sets, possibly random, possibly of one given the other.

    A space is a parameter object: the condenser fits a clone.

    Attributes
    ----------
    yields : {"clouds", "aligned", "mixtures", "moments"}
        Two clouds of points; two lists of blocks whose rows correspond one to one; or such blocks whose rows are
        mixtures of those of the data, of which only the sum of squares has a meaning; or clouds, of which that of the
        data has its means and variances, and nothing else.
    splits : {"before", "after", "rows", "never"}
        Whether the sets are split by group key before the space, after it, or not at all; or the sets are taken as a
        whole and the rows that are shown are the real ones on both sides, so that they can be split by their keys.
    asks : {None, "once", "each step"}
        When it asks a private source for means of bounded functions of rows; None where it would look at rows.
    """

    yields: ClassVar[Yields]
    splits: ClassVar[Splits]
    asks: ClassVar[Literal["once", "each step"] | None] = None

    @abstractmethod
    def represent(self, real: LabeledSet, synthetic: LabeledSet, state: Step) -> tuple[list[Block], list[Block]]:
        """Return the blocks of the real and of the synthetic set, in the same order."""

    def ask(self, release: Asks, synthetic: LabeledSet, state: Step) -> tuple[list[Block], list[Block]]:
        """Return the blocks, those of the data by what private rows answer: for spaces that ask in each step."""
        raise PartsError(f"{type(self).__name__} looks at rows, which are private")

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Learn from the data what the representation needs; the default needs nothing.

        Raises
        ------
        ValueError
            If a setting makes no sense, or the data lack what is needed: targets of which there are two classes, say.
        """
        return self

    def after_step(self, synthetic: LabeledSet, source: Holds, state: Step) -> None:
        """Change between two steps of the solver (train or redraw a network); the default is frozen."""

    def frozen(self) -> bool:
        """Tell whether the space stays as it is between two steps."""
        return type(self).after_step is Space.after_step

    def parameters(self) -> list[dict[str, Any]]:
        """Return the torch parameter groups that are optimised with the synthetic set (none by default)."""
        return []

    def attributes(self, synthetic: LabeledSet, source: Source) -> dict[str, Any]:
        """Return fitted attributes that the condenser shows, by name (none by default)."""
        return {}


class SpaceWrapper(Space):
    """Another space, `space`, that is shown sets changed anew each time that they are seen.

    Subclasses write `represent`, and call `fit_space`.
    """

    space: Space

    def fit_space(self, source: Source, generator: torch.Generator) -> None:
        """Fit the other space, if nothing else that looks through it has done so."""
        if is_first(self.space):
            self.space.fit(source, generator)

    @property
    def yields(self) -> Yields:  # type: ignore[override]  # the other space tells
        """What the other space yields."""
        return self.space.yields

    @property
    def splits(self) -> Splits:  # type: ignore[override]  # the other space tells
        """Where the other space splits."""
        return self.space.splits

    def after_step(self, synthetic: LabeledSet, source: Holds, state: Step) -> None:
        """Change the other space."""
        if is_first(self.space):
            self.space.after_step(synthetic, source, state)

    def parameters(self) -> list[dict[str, Any]]:
        """Return those of the other space."""
        return self.space.parameters()

    def attributes(self, synthetic: LabeledSet, source: Source) -> dict[str, Any]:
        """Return those of the other space."""
        return self.space.attributes(synthetic, source)


class PointwiseSpace(Space):
    """A space that maps each row by itself, so that one set alone can be embedded."""

    yields = "clouds"
    splits = "after"

    @abstractmethod
    def embed(self, rows: LabeledSet) -> Tensor:
        """Return the embedding of each row, of shape (n, d)."""

    def represent(self, real: LabeledSet, synthetic: LabeledSet, state: Step) -> tuple[list[Block], list[Block]]:
        """Embed both sets row by row."""
        return [self.block(real)], [self.block(synthetic)]

    def block(self, rows: LabeledSet) -> Block:
        """Return the embedding of a set as a block that keeps mass and keys."""
        return Block(rows.weight, rows.key, self.embed(rows))
