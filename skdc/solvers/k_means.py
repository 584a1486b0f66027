"""k-means of rows that are passed over: Lloyd's algorithm, whose steps are sums over pieces."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skdc.hashes import row_hashes
from skdc.solvers.assignment import Assignment
from skdc.sources import Piece, Pieces


class KMeans(NamedTuple):
    """What k-means finds.

    Parameters
    ----------
    centers : Tensor of shape (k, d), float64
        Fewer than asked for, where there are fewer distinct rows.
    mass : Tensor of shape (k,), float64
    inertia : float
        The sum of the weighted squared distances of rows from the nearest centre.
    n_iter : int
    """

    centers: Tensor
    mass: Tensor
    inertia: float
    n_iter: int


class _Summary(NamedTuple):
    """Sums over rows, and the hashes of some of them."""

    n_rows: int
    total: Tensor
    square: float
    hashes: NDArray[np.uint64]

    def merged(self, other: _Summary) -> _Summary:
        """Return that of both."""
        hashes = np.union1d(self.hashes, other.hashes)
        return _Summary(self.n_rows + other.n_rows, self.total + other.total, self.square + other.square, hashes)


class _Far(NamedTuple):
    """A row far from its centre: the order in which such rows become centres, what it adds to sums, and its centre."""

    order: tuple[float, int]
    summand: Tensor
    label: int


def k_means(rows: Pieces, start: Tensor, max_iter: int, tol: float) -> KMeans:
    """Move centres to the means of the rows nearest to them, as `sklearn.cluster.KMeans` does.

    Parameters
    ----------
    rows : Pieces
        Near the origin, or squares lose their digits.
    start : Tensor of shape (k, d)
        Where the centres start.
    max_iter : int
    tol : float
        The centres rest when the sum of their squared steps is no more than this part of the mean variance of columns.
    """
    size = len(start)
    summary = rows.map_reduce(lambda piece: _summary(piece, size), _Summary.merged)
    if len(summary.hashes) < size:
        start = _distinct(start, len(summary.hashes))
    variance = (summary.square - float(summary.total.square().sum()) / summary.n_rows) / summary.n_rows
    threshold = tol * max(variance, 0.0) / start.shape[1]
    centers, step, n_iter = start.double(), torch.inf, 0
    while n_iter < max_iter and step > threshold:
        before, n_iter = centers, n_iter + 1
        clusters = rows.map_reduce(lambda piece: _assigned(piece, before).update(before), torch.add)  # noqa: B023
        if not clusters[:, -1].all():
            clusters = _filled(rows, before, clusters)
        centers = torch.where(clusters[:, -1:] > 0, clusters[:, :-2] / clusters[:, -2:-1], before)
        step = float((centers - before).square().sum())
    inertia, mass = rows.map_reduce(lambda piece: _costs(piece, centers), _added)
    return KMeans(centers, mass, inertia, n_iter)


def _summary(piece: Piece, size: int) -> _Summary:
    values, n = piece.block.values, size
    while True:  # no more are hashed than it takes to see `size` distinct ones
        hashes = np.unique(row_hashes(values[:n].cpu().numpy(), 0))
        if len(hashes) >= size or n >= len(values):
            break
        n *= 2
    square = float(values.square().sum(1).double().sum())
    return _Summary(len(values), values.sum(0, dtype=torch.float64), square, hashes)


def _distinct(start: Tensor, size: int) -> Tensor:
    """Return the first so many distinct centres."""
    _, first = np.unique(start.cpu().numpy(), axis=0, return_index=True)
    return start[torch.as_tensor(np.sort(first)[:size], device=start.device)]


def _assigned(piece: Piece, centers: Tensor) -> Assignment:
    """Return the assignment of a piece: where it is held, as the last pass has left it."""
    if k_means not in piece.notes:
        piece.notes[k_means] = Assignment(piece.block, len(centers))
    return piece.notes[k_means]


def _costs(piece: Piece, centers: Tensor) -> tuple[float, Tensor]:
    """Return the inertia of a piece, and the masses of its clusters."""
    assignment = _assigned(piece, centers)
    mass = assignment.update(centers)[:, -2]
    return sum(float(weight @ squares) for _, squares, weight in assignment.squares()), mass


def _added(one: tuple[float, Tensor], other: tuple[float, Tensor]) -> tuple[float, Tensor]:
    return one[0] + other[0], one[1] + other[1]


def _filled(rows: Pieces, centers: Tensor, clusters: Tensor) -> Tensor:
    """Return the sums over clusters of which none is empty: each that was gets a row of those farthest from centres.

    Of equally far ones those of the lowest hashes, whatever the order of rows.
    """
    empty = (clusters[:, -1] == 0).nonzero()[:, 0].tolist()
    n = len(empty)

    def farthest(piece: Piece) -> list[_Far]:
        assignment = _assigned(piece, centers)
        assignment.update(centers)
        return _sorted([far for part in assignment.squares() for far in _far(piece, assignment, part, n)], n)

    found = rows.map_reduce(farthest, lambda one, other: _sorted(one + other, n))
    clusters = clusters.clone()
    for place, far in zip(empty, found, strict=False):
        clusters[far.label] -= far.summand
        clusters[place] = far.summand
    return clusters


def _far(piece: Piece, assignment: Assignment, part: tuple[Tensor, Tensor, Tensor], n: int) -> list[_Far]:
    tile, squares, weight = part
    least = squares.topk(min(n, len(squares))).values[-1]
    places = ((squares >= least) & (squares > 0)).nonzero()[:, 0]  # all that are as far, and no centres
    values, weight = piece.block.values[tile[places]], weight[places, None]
    summands = torch.cat([values.double() * weight, weight, torch.ones_like(weight)], 1)
    hashes, label = row_hashes(values.cpu().numpy(), 0).tolist(), assignment.label[tile[places]].tolist()
    order = zip((-squares[places]).tolist(), hashes, strict=True)
    return [_Far(*far) for far in zip(order, summands, label, strict=True)]


def _sorted(found: list[_Far], n: int) -> list[_Far]:
    return sorted(found, key=lambda far: far.order)[:n]
