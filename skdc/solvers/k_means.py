"""k-means of rows that are passed over: Lloyd's algorithm, whose steps are sums over pieces."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any, NamedTuple

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

    def merged(self, other: _Summary, size: int) -> _Summary:
        """Return that of both, with no more hashes than `size`."""
        hashes = np.union1d(self.hashes, other.hashes)[:size]
        return _Summary(self.n_rows + other.n_rows, self.total + other.total, self.square + other.square, hashes)


class _Far(NamedTuple):
    """A row far from its centre: the order in which such rows become centres, what it adds to sums, and its centre."""

    order: tuple[float, int]
    summand: Tensor
    label: int


Asked = tuple[Callable[[Piece], Any], Callable[[Any, Any], Any]]  # what a pass maps, and how it merges


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
    return together([rows], [k_means_steps(start, max_iter, tol)])[0]


def together(rows: Sequence[Pieces], steps: Sequence[Generator[Asked, Any, KMeans]]) -> list[KMeans]:
    """Return the results of several runs, each on rows of its own of one source, of which all take the same passes."""
    found, answers = dict[int, KMeans](), dict[int, Any].fromkeys(range(len(steps)))
    while answers:
        asked = dict[int, Asked]()
        for i, answer in answers.items():
            try:
                asked[i] = steps[i].send(answer)
            except StopIteration as end:
                found[i] = end.value
        places = list(asked)
        results = Pieces.passed_together([rows[i] for i in places], [asked[i] for i in places]) if asked else []
        answers = dict(zip(places, results, strict=True))
    return [found[i] for i in range(len(steps))]


def k_means_steps(start: Tensor, max_iter: int, tol: float) -> Generator[Asked, Any, KMeans]:
    """Yield what each pass of k-means is to tell; it is sent the answers, and returns what it finds.

    Parameters
    ----------
    start, max_iter, tol
        As in `k_means`.
    """
    size = len(start)
    summary = yield partial(_summary, size=size), partial(_Summary.merged, size=size)
    if len(summary.hashes) < size:
        start = _distinct(start, len(summary.hashes))
    variance = (summary.square - float(summary.total.square().sum()) / summary.n_rows) / summary.n_rows
    threshold = tol * max(variance, 0.0) / start.shape[1]
    centers, step, n_iter = start.double(), torch.inf, 0
    while n_iter < max_iter and step > threshold:
        before, n_iter = centers, n_iter + 1
        clusters = yield partial(_clusters, centers=before), torch.add
        if not clusters[:, -1].all():
            n = int((clusters[:, -1] == 0).sum())
            clusters = _filled(
                (yield partial(_farthest, centers=before, n=n), partial(_farthest_of_both, n=n)), clusters
            )
        centers = torch.where(clusters[:, -1:] > 0, clusters[:, :-2] / clusters[:, -2:-1], before)
        step = float((centers - before).square().sum())
    inertia, mass = yield partial(_costs, centers=centers), _added
    return KMeans(centers, mass, inertia, n_iter)


def _clusters(piece: Piece, centers: Tensor) -> Tensor:
    """Return the sums over the clusters of a piece."""
    return _assigned(piece, centers).update(centers)


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


def _farthest(piece: Piece, centers: Tensor, n: int) -> list[_Far]:
    """Return the rows of a piece that are farthest from centres; of equally far ones those of the lowest hashes."""
    assignment = _assigned(piece, centers)
    assignment.update(centers)
    return _sorted([far for part in assignment.squares() for far in _far(piece, assignment, part, n)], n)


def _farthest_of_both(one: list[_Far], other: list[_Far], n: int) -> list[_Far]:
    return _sorted(one + other, n)


def _filled(found: list[_Far], clusters: Tensor) -> Tensor:
    """Return the sums over clusters of which none is empty: each that was gets a row of those farthest from centres."""
    clusters = clusters.clone()
    for place, far in zip((clusters[:, -1] == 0).nonzero()[:, 0].tolist(), found, strict=False):
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
