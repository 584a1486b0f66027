"""k-means++: rows far apart, drawn one after the other in passes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skdc.kernels import distances_of_norms
from skdc.sources import Piece, Pieces, squared_norms


@dataclass(eq=False)
class _Rows:
    """Some rows, their squared norms, and their places in a pass."""

    values: Tensor
    norms: Tensor
    places: NDArray[np.intp]

    def take(self, rows: Tensor | slice) -> _Rows:
        places = self.places[rows if isinstance(rows, slice) else rows.cpu().numpy()]
        return _Rows(self.values[rows], self.norms[rows], places)

    def joined(self, others: _Rows) -> _Rows:
        values, norms = (torch.cat([getattr(rows, name) for rows in (self, others)]) for name in ("values", "norms"))
        return _Rows(values, norms, np.concatenate([self.places, others.places]))


# Let D(x) be the distance of a row from the nearest seed. The next seed is drawn in proportion to w D(x)^2: for u
# uniform in (0, 1) the first row at which the sum over those before it and itself is more than u times that of all.
# Of a few rows so drawn the one is taken that makes sum w D(x)^2 least [Arthur and Vassilvitskii 2007, section 3]. Two
# passes find a seed: one draws, by the sums of the pieces, the other has these for each row that was drawn.
def far_apart(rows: Pieces, size: int, generator: torch.Generator) -> NDArray[np.intp]:
    """Return the places of k-means++ seeds, each the best of a few trials.

    scikit-learn's `kmeans_plusplus` casts float32 rows to float64 for every distance; these rows are centred, and
    need no such care.

    Parameters
    ----------
    rows : Pieces
    size : int
    generator : torch.Generator

    Returns
    -------
    ndarray of shape (size,)
    """
    n_trials, best, seeds = 2 + int(np.log(size)), 0, list[_Rows]()
    totals = rows.map_reduce(lambda piece: _by_place(piece, piece.block.weight.double().sum()[None]), add)
    for step in range(size):
        draws = torch.rand(n_trials if step else 1, generator=generator, dtype=torch.float64).numpy()
        edges = _edges(totals, best)
        drawn = rows.map_reduce(lambda piece: _drawn(piece, seeds, best, edges, draws), add)  # noqa: B023
        trials = _in_order(drawn)
        totals = rows.map_reduce(lambda piece: _costs(piece, seeds, trials), add)  # noqa: B023
        best = int(sum(costs for _, costs in totals).argmin())
        seeds.append(trials.take(slice(best, best + 1)))
    return np.concatenate([seed.places for seed in seeds])


def _by_place(piece: Piece, sums: Tensor) -> list[tuple[int, Tensor]]:
    """Return sums over the rows of a piece, with where it stands: draws go through the rows in order."""
    return [(int(piece.places[0]), sums)] if len(piece.places) else []


def _edges(totals: list[tuple[int, Tensor]], best: int) -> tuple[list[int], NDArray[np.float64]]:
    """Return where each piece stands, and between which parts of the sum over all rows its own lies."""
    if len(totals) == 1:
        return [totals[0][0]], np.array([0.0, 1.0])
    places, sums = zip(*sorted((place, float(sums[best])) for place, sums in totals), strict=True)
    ends = np.cumsum(sums)
    return list(places), np.concatenate([[0.0], ends[:-1] / (ends[-1] or 1.0), [1.0]])


def _drawn(
    piece: Piece,
    seeds: list[_Rows],
    best: int,
    edges: tuple[list[int], NDArray[np.float64]],
    draws: NDArray[np.float64],
) -> list[tuple[NDArray[np.intp], _Rows]]:
    """Return which of some draws fall on a piece, and the rows on which they do."""
    nearest, weight, (places, ends) = _nearest(piece, seeds, best), piece.block.weight, edges
    if not len(piece.places):
        return []
    place = places.index(int(piece.places[0]))
    inside = np.flatnonzero(np.searchsorted(ends[1:-1], draws, side="right") == place)
    if not len(inside):
        return []
    cumulative = (weight if nearest is None else weight * nearest).double().cumsum(0)
    parts = torch.as_tensor((draws[inside] - ends[place]) / (ends[place + 1] - ends[place]), device=weight.device)
    found = torch.searchsorted(cumulative, parts * cumulative[-1], right=True).clamp_max_(len(weight) - 1)
    return [(inside, _Rows(piece.block.values, _norms(piece), piece.places).take(found))]


def _in_order(drawn: list[tuple[NDArray[np.intp], _Rows]]) -> _Rows:
    if len(drawn) == 1:
        return drawn[0][1]
    inside, rows = zip(*drawn, strict=True)
    order = torch.as_tensor(np.argsort(np.concatenate(inside)), device=rows[0].values.device)
    return reduce(_Rows.joined, rows).take(order)


def _costs(piece: Piece, seeds: list[_Rows], trials: _Rows) -> list[tuple[int, Tensor]]:
    """Return the sum of weighted squared distances of a piece from the nearest seed with each trial for one more."""
    nearest = _nearest(piece, seeds, 0)
    squares = distances_of_norms(piece.block.values, trials.values, _norms(piece), trials.norms)
    squares = squares if nearest is None else torch.minimum(squares, nearest[:, None])
    piece.notes["trials"] = squares
    return _by_place(piece, piece.block.weight @ squares)


def _nearest(piece: Piece, seeds: list[_Rows], best: int) -> Tensor | None:
    """Return the squared distance of each row from the nearest seed, the last of which was the best of some trials."""
    if not seeds:
        return None
    if "trials" in piece.notes:
        piece.notes["nearest"] = piece.notes.pop("trials")[:, best]
    if "nearest" not in piece.notes:
        values, norms = (torch.cat([getattr(seed, name) for seed in seeds]) for name in ("values", "norms"))
        squares = distances_of_norms(piece.block.values, values, _norms(piece), norms)
        piece.notes["nearest"] = squares.amin(1)
    return piece.notes["nearest"]


def _norms(piece: Piece) -> Tensor:
    if "norms" not in piece.notes:
        piece.notes["norms"] = squared_norms(piece.block.values)
    return piece.notes["norms"]
