"""What solvers that move points to means of rows ask for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor

from skdc.exceptions import PartsError
from skdc.parameterizations.points import PointsSet
from skdc.sets import Block, LabeledSet
from skdc.solvers.base import Solver, State, detached
from skdc.sources import Passes, Pieces
from skdc.spaces.invertible import InvertibleSpace, Joint


@dataclass(eq=False, kw_only=True)
class MeansState(State[PointsSet]):
    """Points that are moved class after class.

    Parameters
    ----------
    laid : LabeledSet
        The points as they start.
    start : Block
        The same, as the space shows them.
    classes : list of int
        Those that have points.
    points : Tensor
        Where they are; those of classes that there is no time for, where they start.
    """

    laid: LabeledSet
    start: Block
    classes: list[int]
    points: Tensor

    @classmethod
    def begin(cls, leaf: Any, synthetic: PointsSet, source: Passes, generator: torch.Generator) -> Self:
        """Return the points where they start, a step for each class."""
        laid = detached(synthetic())
        start = leaf.space_.block(laid)
        classes = start.key.unique().tolist()
        laid_out = {"laid": laid, "start": start, "classes": classes, "points": start.values.clone()}
        return cls(generator, leaf, synthetic, source, n_steps=len(classes), **laid_out)

    def move(self) -> None:
        """Move the live set to the points."""
        self.synthetic.load(self.objective.space_.unembed(self.points, self.laid))


def class_pieces(source: Passes, space: InvertibleSpace, c: int, origin: Tensor) -> Pieces:
    """Return the rows of a class as a space shows them, about an origin near them."""

    def show(rows: LabeledSet) -> Block:
        block = space.block(rows)
        return replace(block, values=block.values - origin)

    return Pieces(source, show, c)


def check_class_means(solver: Solver, verb: str, leaf: Any, synthetic: PointsSet) -> None:
    """Refuse a discrepancy whose space has no means of rows, or shows no targets that move, or is not by class."""
    name, discrepancy = type(solver).__name__, type(leaf).__name__
    if not isinstance(leaf.space_, InvertibleSpace):
        raise PartsError(
            f"{name} averages in the space, and {type(leaf.space_).__name__} cannot map means back to rows; use "
            "Identity(), Standardized() or Joint(), or the solver Descent()"
        )
    if leaf.by != "class":
        raise PartsError(f"{name} {verb} class by class, not by={leaf.by!r}; use {discrepancy}(by='class')")
    if synthetic.learned and not isinstance(leaf.space_, Joint):
        raise PartsError(
            f"{name} moves targets only where the space shows them; use {discrepancy}(space=Joint()) for continuous "
            "targets, Points(labels='hard') for classes"
        )
