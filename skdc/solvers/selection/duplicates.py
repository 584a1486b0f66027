"""Near-duplicates: rows whose cosine is above a bound, found cluster by cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from skdc.sources import TILE, Holds, mean_directions, products, products_above, squared_norms, unit_rows

_TOGETHER = 4096  # rows that are compared without clusters
_BLOCK = 1024  # rows that are compared with those that are kept at a time
_ROUNDING = 1e-5  # by which a cosine may be off
_SAMPLE, _ITERATIONS = 64, 5  # rows for each centre from which k-means learns them, and its steps


class Distinction(NamedTuple):
    """Which rows are kept, and for which others they stand.

    Parameters
    ----------
    keeper : ndarray of shape (n,)
        The kept row that is a near-duplicate of each row; the row itself, if it is kept; -1 if it was not looked at.
    similarity : ndarray of shape (n,)
        Their cosine.
    """

    keeper: NDArray[np.intp]
    similarity: NDArray[np.float64]


Settings = tuple[float, bool, float]  # largest cosine, whether the farthest of a cluster come first, and overlap
Vectors = Callable[[NDArray[np.intp]], Any]  # rows at some places, of length one


# Let a and b be the centres of two clusters, of length one as all rows are; a row x of a is as far from the border as
#     m(x) = (|x - b|^2 - |x - a|^2) / (2 |a - b|) = (x.a - x.b) / |a - b|                                           (1)
# A row of b that has a cosine of at least t with x is no farther from it than r = sqrt(2 - 2t), so that there is none
# if m(x) > r: of the clusters that are gone through before b, rows with m(x) <= r are all that it takes to find every
# near-duplicate. Most lie on the same side: a step of length r in any one of d directions that matter goes about
# r / sqrt(d) towards the border, which is why less will do [Abbas et al. 2023, who compare none across borders].
def distinguished(
    source: Holds,
    members: NDArray[np.intp],
    settings: Settings,
    generator: torch.Generator,
    stopped: Callable[[int], bool] = lambda n_kept: False,
) -> Distinction:
    """Return which rows to keep such that no two have a cosine above a bound, as far as borders are looked across.

    Parameters
    ----------
    source : Holds
    members : ndarray of shape (n,)
        The rows, by their places in the source.
    settings : (float, bool, float)
        The largest cosine, whether the rows farthest from the centre of a cluster come first, and as which part of the
        distance of near-duplicates that of a border counts as near.
    generator : torch.Generator
        Draws the rows about which clusters are.
    stopped : callable
        Tells between two clusters, from the number of rows that are kept, whether to stop.
    """
    bound, farthest_first, overlap = settings

    def vectors(rows: NDArray[np.intp]) -> Any:
        return unit_rows(source, members[rows])

    clusters = _clusters(vectors, len(members), bound, overlap, generator)
    keeper, similarity = np.full(len(members), -1, dtype=np.intp), np.zeros(len(members))
    if len(clusters.empty):
        keeper[clusters.empty], similarity[clusters.empty] = clusters.empty[0], 1
    visitors: list[list[NDArray[np.intp]]] = [[] for _ in range(clusters.visits.shape[1])]
    n_kept = min(1, len(clusters.empty))
    for c, rows in enumerate(clusters.members(farthest_first)):
        if stopped(n_kept):
            break
        others = np.concatenate([*visitors[c], np.empty(0, np.intp)]).astype(np.intp)
        visitors[c] = []
        keeper[rows], similarity[rows] = _thinned(vectors, rows, others, bound)
        own = rows[keeper[rows] == rows]
        n_kept += len(own)
        places = clusters.visits[own].tocoo()
        later = places.coords[1] > c
        order = np.argsort(places.coords[1][later], kind="stable")
        to, which = places.coords[1][later][order], own[places.coords[0][later][order]]
        starts = np.flatnonzero(np.diff(to, prepend=-1))
        for place, some in zip(to[starts], np.split(which, starts[1:]), strict=False):
            visitors[place].append(some)
    return Distinction(keeper, similarity)


class _Clusters(NamedTuple):
    """Rows cut into clusters.

    Parameters
    ----------
    home : ndarray of shape (n,)
        The cluster of each row; -1 for those of zeros alone.
    similarity : ndarray of shape (n,)
        The cosine with its centre.
    visits : sparse array of shape (n, n_clusters)
        To the border of which clusters each row is near.
    empty : ndarray
        The rows of zeros alone.
    """

    home: NDArray[np.int64]
    similarity: NDArray[np.float64]
    visits: csr_array
    empty: NDArray[np.intp]

    def members(self, farthest_first: bool) -> Iterator[NDArray[np.intp]]:
        """Yield the rows of each cluster in the order in which they are gone through."""
        rank = self.similarity if farthest_first else -self.similarity
        order = np.lexsort((rank, self.home))
        ends = np.searchsorted(self.home[order], np.arange(self.visits.shape[1] + 1))
        return (order[start:stop] for start, stop in pairwise(ends))


def _clusters(vectors: Vectors, n: int, bound: float, overlap: float, generator: torch.Generator) -> _Clusters:
    """Return rows cut into clusters, in one pass over them."""
    to_centers, gaps = _centers(vectors, n, bound, generator)
    radius, n_clusters = overlap * sqrt(2 - 2 * bound), len(gaps)
    home, similarity, visits = np.full(n, -1), np.zeros(n), []
    for start in range(0, n, TILE):
        rows = np.arange(start, min(start + TILE, n))
        some = vectors(rows)
        cosines = to_centers(some)
        largest, own = cosines.max(1)
        near = (largest[:, None] - cosines) <= radius * gaps[own] + _ROUNDING if overlap else cosines > torch.inf
        near[torch.arange(len(rows)), own] = False
        places = near.nonzero().cpu().numpy()
        counts = np.bincount(places[:, 0], minlength=len(rows))
        visits.append((places[:, 1].astype(np.int32), counts))
        is_empty = (squared_norms(some) == 0).cpu().numpy()
        home[rows], similarity[rows] = np.where(is_empty, -1, own.cpu().numpy()), largest.cpu().numpy()
    indices, counts = (np.concatenate(parts) for parts in zip(*visits, strict=True))
    indptr = np.concatenate([[0], np.cumsum(counts)])
    matrix = csr_array((np.ones(len(indices), bool), indices, indptr), shape=(n, n_clusters))
    return _Clusters(home, similarity, matrix, np.flatnonzero(home < 0))


def _centers(
    vectors: Vectors, n: int, bound: float, generator: torch.Generator
) -> tuple[Callable[[Any], Tensor], Tensor]:
    """Return what gives the cosines of rows with the centres of clusters, and how far these are from each other."""
    if n <= _TOGETHER:
        rows = vectors(np.arange(n))
        mean = torch.full((n,), 1 / n, dtype=rows.dtype, device=rows.device) @ rows
        return lambda some: some @ mean[:, None], torch.zeros((1, 1), dtype=rows.dtype, device=rows.device)
    n_clusters = round(sqrt(n) / 2)
    sample = vectors(torch.randperm(n, generator=generator)[: _SAMPLE * n_clusters].numpy())
    # Of near-duplicates one is a centre to begin with.
    centers = sample[torch.as_tensor(_compared(sample[:n_clusters], bound)[2], device=sample.device)]
    for _ in range(_ITERATIONS):
        home = torch.cat([products(some, centers).argmax(1) for some in _tiles(sample)])
        centers = mean_directions(sample, home, centers)
    gaps = (2 - 2 * products(centers, centers)).clamp_min(0).sqrt()
    return lambda some: products(some, centers), gaps


def _tiles(rows: Any) -> Iterator[Any]:
    return (rows[start : start + TILE] for start in range(0, len(rows), TILE))


def _thinned(
    vectors: Vectors, rows: NDArray[np.intp], others: NDArray[np.intp], bound: float
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the keeper of each row of a cluster, and their cosine, given the rows from beyond that are kept."""
    held = [(some, vectors(some)) for some in _blocks(others)]
    keeper, similarity = rows.copy(), np.ones(len(rows))
    for start in range(0, len(rows), _BLOCK):
        block = slice(start, start + _BLOCK)
        values = vectors(rows[block])
        nearest, cosine = _nearest(values, held, bound)
        left = np.flatnonzero(nearest < 0)
        some = values[torch.as_tensor(left, device=values.device)]
        own, own_cosine, kept = _compared(some, bound)
        nearest[left], cosine[left] = rows[block][left[own]], own_cosine
        keeper[block], similarity[block] = nearest, cosine
        held.append((rows[block][left[kept]], some[torch.as_tensor(kept, device=values.device)]))
    return keeper, similarity


def _blocks(rows: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    return [rows[start : start + _BLOCK] for start in range(0, len(rows), _BLOCK)]


def _nearest(
    values: Any, held: list[tuple[NDArray[np.intp], Any]], bound: float
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the row that is most like each, of those that are kept, and their cosine; -1 where none is above it."""
    most = torch.full((len(values),), bound, dtype=values.dtype, device=values.device)
    found, cosines = np.full(len(values), -1, dtype=np.intp), products_above(values, bound)
    for rows, some in held:
        if not len(rows):
            continue
        cosine, place = cosines(some).max(1)
        nearer = cosine > most
        most = torch.where(nearer, cosine, most)
        nearer = nearer.cpu().numpy()
        found[nearer] = rows[place.cpu().numpy()[nearer]]
    return found, most.double().cpu().numpy()


def _compared(values: Any, bound: float) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.intp]]:
    """Go through rows in order; return the keeper of each, their cosine, and the rows that are kept."""
    cosines = products_above(values, bound)(values).double().cpu().numpy()
    alike = np.tril(cosines > bound, -1)
    kept, keeper, cosine = np.ones(len(cosines), bool), np.arange(len(cosines)), np.ones(len(cosines))
    for i in np.flatnonzero(alike.any(axis=1)):
        earlier = np.flatnonzero(alike[i] & kept)
        if len(earlier):
            kept[i] = False
            keeper[i] = earlier[cosines[i, earlier].argmax()]
            cosine[i] = cosines[i, keeper[i]]
    return keeper, cosine, np.flatnonzero(kept)
