"""Where points start: rows of the data, drawn, far apart or chosen by a condenser, or noise."""

from __future__ import annotations

from inspect import isclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils import check_random_state
from torch import Tensor

from skdc.exceptions import PartsError
from skdc.parameterizations.seeding import far_apart
from skdc.parameterizations.subset import Subset
from skdc.sets import Block, LabeledSet
from skdc.sources import (
    PLACED_TOGETHER,
    Holds,
    Passes,
    Pieces,
    Source,
    draw_seed,
    near_pieces,
    require,
    shared_out,
    takes_pieces,
)


def starting_set(
    part: object, start: Any, source: Source, sizes: NDArray[np.int64], generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return (X, y) in working units where points start, class after class.

    Parameters
    ----------
    part : Parameterization
        Whose points they are, for messages.
    start : {"rows", "spread", "noise"} or condenser
        As in `Points`.
    source : Source
    sizes : ndarray of shape (n_classes,)
    generator : torch.Generator
    """
    if not isinstance(start, str):
        rows = require(part, source, Holds, "which rows to choose")
        return _chosen_rows(part, start, rows, sizes, generator)
    if start == "rows":
        return source.starting_rows(sizes, generator)
    if start == "spread":
        return _spread_rows(require(part, source, Passes, "far-apart rows"), sizes, generator)
    if start == "noise":
        return source.noisy_rows(sizes, generator)
    raise ValueError(f"{type(part).__name__}(start={start!r}): start must be 'rows', 'spread', 'noise' or a condenser")


def _chosen_rows(
    part: object, condenser: Any, source: Holds, sizes: NDArray[np.int64], generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return (X, y) of the rows that the recipe of a condenser chooses, as many of each class as asked for.

    Where a class has fewer, they are repeated in turn.
    """
    if isclass(condenser) or not hasattr(condenser, "chooser"):
        raise TypeError(f"{part!r}: start must be 'rows', 'spread', 'noise' or a condenser, such as KMedoids()")
    place = f"{part!r}: start"
    recipe, members = condenser.chooser(place, source.schema.task), [source.class_members(c) for c in range(len(sizes))]
    if recipe.solver.own_objective() is not None:
        raise PartsError(f"{place}: weights of the rows that points start from would have no effect; use reweight=None")
    seed = draw_seed(generator)
    if condenser.random_state is not None:
        seed = int(check_random_state(condenser.random_state).randint(2**31 - 1))
    draws = torch.Generator().manual_seed(seed)
    there = np.minimum(sizes, [len(rows) for rows in members])
    objective = None if recipe.discrepancy is None else clone(recipe.discrepancy).fit(source, draws)
    subset = Subset().build(source, there, draws)
    draws = torch.Generator().manual_seed(draw_seed(draws))  # as in a fit of the condenser itself
    recipe.solver.solve(objective, subset, source, draws)
    chosen = np.split(subset.indices, np.cumsum(there)[:-1])
    start = source.take(np.concatenate([np.resize(rows, n) for rows, n in zip(chosen, sizes, strict=True)]))
    return start.X, start.y


def _spread_rows(source: Passes, sizes: NDArray[np.int64], generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return k-means++ seeds of each class and their targets; of a sample, where one stands for the rows."""
    source = source.stand_in() or source

    def show(rows: LabeledSet) -> Block:
        return Block(rows.weight, rows.key, rows.X.flatten(1))

    sized = [(c, int(size)) for c, size in enumerate(sizes) if size]
    chosen = [_far_apart(Pieces(source, show, c), size, generator) for c, size in sized]
    start = source.take(np.concatenate(chosen))
    return start.X, start.y


def _far_apart(rows: Pieces, size: int, generator: torch.Generator) -> NDArray[np.intp]:
    """Return the places of k-means++ seeds; of many, seeds of each piece of near rows, if they are held.

    Of a piece as many as is its part in the sum of squares within pieces, as k-means++ has them in expectation.
    """
    if rows.held is None or not takes_pieces(len(rows.held.block), size):
        return far_apart(rows, size, generator)
    block = rows.held.block
    pieces = near_pieces(block.values, block.weight.double(), len(block), PLACED_TOGETHER / size, generator)
    parts = [rows.part(piece.rows) for piece in pieces]
    squares = np.array([_sum_of_squares(part.held.block) for part in parts if part.held is not None])
    sizes = shared_out(size, squares, np.array([len(piece.rows) for piece in pieces]))
    return np.concatenate([far_apart(part, n, generator) for part, n in zip(parts, sizes.tolist(), strict=True) if n])


def _sum_of_squares(block: Block) -> float:
    """Return the weighted sum of squared distances of rows from their mean."""
    return float(block.weight.double() @ (block.values - block.mean()).square().sum(1).double())
