"""Rows cut into pieces of near ones, and numbers shared out over the pieces."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skdc.seeds import gaussian
from skdc.sources.products import TILE

PLACED_TOGETHER = 256  # points of a piece, among whose rows they are placed
_MOST_POINTS, _MOST_PAIRS = 512, 100_000_000  # that are placed among all rows; each is compared with each row
_SAMPLE = 512  # rows on which the direction of a cut is seen
_ITERATIONS = 10  # of the power method: a direction near the first principal one cuts as well
_LEAST_PART = 0.125  # of the rows of a piece that are on each side of a cut, however heavy some are


class NearPiece(NamedTuple):
    """Rows that are near each other.

    Parameters
    ----------
    rows : ndarray
        Their positions, in order.
    followers : ndarray
        The positions of those others that lie on the same side of all cuts.
    """

    rows: NDArray[np.intp]
    followers: NDArray[np.intp]


def takes_pieces(n_rows: int, n_points: int) -> bool:
    """Tell whether points are so many that they are placed among the rows that are near, and not among all."""
    return n_points > _MOST_POINTS and n_rows * n_points > _MOST_PAIRS


# A piece is cut in two at the median, by mass, of what its rows are along the direction in which they differ most: the
# first principal one, which the power method finds on a sample. So pieces have near rows, and about the same mass, and
# a level of the tree looks at each row once.
def near_pieces(
    values: Tensor,
    mass: Tensor,
    most_rows: int,
    most_part: float,
    generator: torch.Generator,
    followers: Tensor | None = None,
) -> list[NearPiece]:
    """Cut rows into pieces of near ones.

    Parameters
    ----------
    values : Tensor or SparseRows of shape (n, d)
    mass : Tensor of shape (n,), float64
    most_rows : int
        Of a piece.
    most_part : float
        Of the mass, that a piece of more than one row has.
    generator : torch.Generator
    followers : Tensor of shape (n_followers, d), default=None
        Other rows, that go with these. No cut leaves fewer of them than rows on a side, so that a piece of which all
        cuts would is larger than it should be.
    """
    others = values[:0] if followers is None else followers
    largest = most_part * float(mass.sum()) * (1 + 1e-9)
    places = (torch.arange(len(some), device=mass.device) for some in (values, others))
    waiting, pieces = [tuple(places)], []
    while waiting:
        rows, following = waiting.pop()
        halves = []
        if len(rows) > 1 and (len(rows) > most_rows or float(mass[rows].sum()) > largest):
            halves = _halves(values, mass, rows, others, following, generator)
            if followers is not None and any(len(half[0]) > len(half[1]) for half in halves):
                halves = []
        if not halves:
            pieces.append(NearPiece(*(some.sort().values.cpu().numpy() for some in (rows, following))))
        waiting.extend(halves)
    return pieces


def _halves(
    values: Tensor, mass: Tensor, rows: Tensor, others: Tensor, following: Tensor, generator: torch.Generator
) -> list[tuple[Tensor, Tensor]]:
    """Return the rows, and those that follow, on both sides of a cut."""
    some = rows
    if len(rows) > _SAMPLE:
        some = rows[torch.randint(len(rows), (_SAMPLE,), generator=generator).to(rows.device)]
    direction = _principal(values.index_select(0, some), mass[some].to(values.dtype), generator)
    along, order = _along(values, rows, direction).sort(stable=True)
    rows = rows[order]
    cumulative, least = mass[rows].cumsum(0), max(1, int(_LEAST_PART * len(rows)))
    cut = int((cumulative < cumulative[-1] / 2).sum()) + 1
    cut = min(max(cut, least), len(rows) - least)
    is_left = _along(others, following, direction) <= along[cut - 1]
    return [(rows[:cut], following[is_left]), (rows[cut:], following[~is_left])]


def _along(values: Tensor, rows: Tensor, direction: Tensor) -> Tensor:
    """Return what some rows are along a direction, without a copy of all of them."""
    return torch.cat([values.index_select(0, some) @ direction for some in rows.split(TILE)])


def _principal(values: Tensor, mass: Tensor, generator: torch.Generator) -> Tensor:
    """Return a direction near that in which rows differ most, of shape (d,)."""
    mass = mass / mass.sum()
    center = mass @ values
    direction = gaussian((values.shape[1],), generator, mass)
    for _ in range(_ITERATIONS):
        along = mass * (values @ direction - center @ direction)
        image = along @ values - along.sum() * center
        direction = image / image.norm().clamp_min(torch.finfo(image.dtype).tiny)
    return direction


def shared_out(size: int, mass: NDArray[np.float64], most: NDArray[np.int64]) -> NDArray[np.int64]:
    """Share out a number in proportion to mass, by largest remainders, no share above its most.

    Parameters
    ----------
    size : int
        No more than the sum of `most`.
    mass : ndarray of shape (n,)
    most : ndarray of shape (n,)

    Returns
    -------
    ndarray of shape (n,)
    """
    weight, full = np.maximum(mass, np.finfo(np.float64).tiny), np.zeros(len(mass), dtype=bool)
    while True:  # what is above the most of one goes to the others
        rest = np.where(full, 0.0, weight)
        parts = np.where(full, most, (size - most[full].sum()) * (rest / (rest.sum() or 1.0)))
        if not (parts > most).any():
            break
        full |= parts > most
    shares = np.floor(parts + 1e-9).astype(np.int64)
    shares[np.argsort(shares - parts, kind="stable")[: size - shares.sum()]] += 1
    return shares
