"""Division: rows of which many are to be chosen are cut into pieces of near ones, and some are chosen of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skdc.solvers.selection.base import Choice
from skdc.solvers.selection.cells import Cell
from skdc.sources import Holds, joined, near_pieces, shared_out
from skdc.spaces.base import PointwiseSpace


@dataclass(frozen=True)
class Most:
    """How much is chosen in one piece.

    Parameters
    ----------
    whole : int
        Rows that are chosen of a cell as a whole; where there are to be more, it is divided.
    chosen : int
        Rows that are chosen of a piece.
    rows : int
        Rows of a piece.
    spare : int
        For each row that is to be chosen of a cell that is divided so many are looked at, if there are.
    """

    whole: int
    chosen: int
    rows: int
    spare: int


def in_pieces(
    cell: Cell,
    most: Most | None,
    objective: Any,
    choose: Callable[[Cell], Choice],
    generator: torch.Generator,
) -> Choice:
    """Choose rows of a cell as a whole, or piece by piece where many are to be chosen of many.

    A cell is divided where more than `most.whole` rows are to be chosen of more than `most.rows`, or more than half of
    all; if groups count the same it is not, for they have to be seen together. Of each class as many rows are chosen of
    a piece as is its part in the mass of the class. They come in the order of choice, of all pieces in turn: the first
    of them are spread as all are. What is recorded is one value, the mean over the pieces.

    Parameters
    ----------
    cell : Cell
    most : Most or None
        None: it is not divided.
    objective : objective
        Its first space tells what rows are near.
    choose : callable
        Returns the choice of a cell.
    generator : torch.Generator
    """
    leaves = objective.leaves()
    is_large = most is not None and cell.size > most.whole and not 2 * cell.size <= len(cell) <= most.rows
    if most is None or not is_large or any(leaf.by == "group" for leaf in leaves):
        return choose(cell)
    rows, some = cell.drawn(most.spare * cell.size, generator)
    part = most.chosen / cell.size
    pieces = near_pieces(_shown(some, leaves[0].space_), some.weight.double(), most.rows, part, generator)
    choice = _in_turn(some, _choices(some, [piece.rows for piece in pieces], choose))
    return replace(choice, rows=rows[choice.rows].tolist())


def _choices(
    cell: Cell, pieces: list[NDArray[np.intp]], choose: Callable[[Cell], Choice]
) -> list[tuple[NDArray[np.intp], Choice]]:
    """Return what is chosen of each piece; of some, if there is time for no more."""
    choices: list[tuple[NDArray[np.intp], Choice]] = []
    n_chosen = 0
    for rows, quotas in zip(pieces, _quotas(cell, pieces), strict=True):
        if quotas.any():
            piece = replace(cell.take(rows), quotas=quotas, progress=cell.progress.after(n_chosen))
            choices.append((rows, choose(piece)))
            n_chosen += len(choices[-1][1].rows)
            if n_chosen < cell.size and cell.progress(n_chosen):
                break
    return choices


def _shown(cell: Cell, space: Any) -> Tensor:
    """Return the rows of a cell as a space shows them; as they are, if it does not show each by itself."""
    embed = space.embed if isinstance(space, PointwiseSpace) else lambda rows: rows.X.flatten(1)
    return joined([embed(rows) for rows in cast(Holds, cell.source).pieces(cell.members)])


def _quotas(cell: Cell, pieces: list[NDArray[np.intp]]) -> NDArray[np.int64]:
    """Return how many rows of each class are to be chosen of each piece, of shape (n_pieces, n_classes)."""
    codes, weight, n_classes = cell.codes, cell.weight.double().cpu().numpy(), len(cell.quotas)
    counts = np.array([np.bincount(codes[rows], minlength=n_classes) for rows in pieces])
    mass = np.array([np.bincount(codes[rows], weight[rows], n_classes) for rows in pieces])
    return np.stack([shared_out(int(n), mass[:, c], counts[:, c]) for c, n in enumerate(cell.quotas)], axis=1)


def _in_turn(cell: Cell, choices: list[tuple[NDArray[np.intp], Choice]]) -> Choice:
    """Return the choices of pieces as one; the value is the mean of their last ones, by mass."""
    rows = np.concatenate([piece[choice.rows] for piece, choice in choices])
    place = np.concatenate([(np.arange(len(choice.rows)) + 0.5) / len(choice.rows) for _, choice in choices])
    order = np.argsort(place, kind="stable")
    mass = [choice.mass for _, choice in choices if choice.mass is not None]
    last = [(float(cell.weight[piece].double().sum()), choice.values[-1]) for piece, choice in choices if choice.values]
    weights, values = np.reshape(last, (-1, 2)).T
    return Choice(
        rows[order].tolist(),
        torch.cat(mass)[torch.as_tensor(order, device=cell.weight.device)] if mass else None,
        [float(np.average(values, weights=weights))] if last else [],
    )
