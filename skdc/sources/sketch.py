"""Mergeable summaries of data that is seen once, in any order and any partitioning."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
import torch
from numpy.typing import NDArray

from skdc.hashes import labeled_hashes, lowest_distinct
from skdc.scales import merged_spread
from skdc.sets import Block
from skdc.sources.moments import GaussianMoments


# Of the rows (x_i, y_i) of key k, of weight w_i, and of bounded features psi, the sketch holds
#     n_k = |k|,    M_k = sum_i w_i,    F_k = sum_i w_i psi(x_i, y_i)                                               (1)
# and so the mean features F_k / M_k. The sums of two parts add up; least and greatest numbers, and the s lowest of the
# distinct hashes of rows, are those of what both parts have:
#     low_s(A + B) = low_s(low_s(A) + low_s(B))                                                                     (2)
# Of columns it holds the mean m and the scatter T = sum_i w_i (z_i - m)^2, z = (x, y). With D = m_B - m_A they are
#     m = m_A + D M_B / M,    T = T_A + T_B + D^2 M_A M_B / M,    M = M_A + M_B    [Chan, Golub and LeVeque 1979]   (3)
# and, where they are asked for, those of each key with products D D' in place of squares.
# All of this is associative and commutative, so that partitions and their order change nothing but the rounding.
class Sketch:
    """Additive summary of a labelled stream: feature sums and a keyed sample of rows for each key, and moments.

    Parameters
    ----------
    n_keys : int
        Number of group keys.
    sample_size : int
        Distinct rows kept for each key, from which the synthetic points start.
    seed : int
        Seed of the hashes that choose the sample; sketches merge only if their seeds agree.
    has_products : bool, default=False
        Whether it keeps the products of rows with themselves, too: a matrix for each key.
    """

    def __init__(self, n_keys: int, sample_size: int, seed: int, has_products: bool = False) -> None:
        self.sample_size = sample_size
        self.has_products, self._moments = has_products, dict[int, GaussianMoments]()
        self.seed = seed
        self.counts = np.zeros(n_keys, np.int64)
        self.mass = np.zeros(n_keys)
        self.sums: list[NDArray[np.float64]] = []
        self.mean: NDArray[np.float64] = np.zeros(0)
        self.scatter: NDArray[np.float64] = np.zeros(0)
        self.feature_range: tuple[NDArray, NDArray] = (np.zeros(0), np.zeros(0))
        self.target_range: tuple[NDArray, NDArray] = (np.zeros(0), np.zeros(0))
        self._samples: dict[int, tuple[NDArray, NDArray, NDArray[np.uint64]]] = {}

    def empty_like(self) -> Sketch:
        """Return a sketch of the same kind that has seen nothing."""
        return Sketch(len(self.mass), self.sample_size, self.seed, self.has_products)

    def update(
        self, X: NDArray, y: NDArray, weight: NDArray, key: NDArray, features: Sequence[NDArray[np.float64]]
    ) -> None:
        """Add a chunk.

        Parameters
        ----------
        X : ndarray of shape (n, ...)
            Rows in the user's units.
        y : ndarray of shape (n, n_outputs)
            Their targets.
        weight, key : ndarray of shape (n,)
            Mass and group of each row.
        features : sequence of ndarray of shape (n, d)
            The bounded features of each row, one array a term of the discrepancy.
        """
        rows = X.reshape(len(X), -1).astype(np.float64)
        chunk = self.empty_like()
        chunk.counts = np.bincount(key, minlength=len(self.mass))
        chunk.mass = np.bincount(key, weight, len(self.mass)).astype(np.float64)
        membership = np.zeros((len(self.mass), len(X)))
        membership[key, np.arange(len(X))] = weight
        chunk.sums = [membership @ values for values in features]  # (1)
        chunk.feature_range = X.min(axis=0), X.max(axis=0)
        chunk.target_range = y.min(axis=0), y.max(axis=0)
        rows = np.concatenate([rows, y], axis=1)
        chunk.mean = weight @ rows / weight.sum()
        chunk.scatter = weight @ (rows - chunk.mean) ** 2
        hashes = labeled_hashes(X, y, self.seed)
        for k in np.unique(key):
            members = np.flatnonzero(key == k)
            chosen = members[lowest_distinct(hashes[members], self.sample_size)]
            chunk._samples[int(k)] = X[chosen], y[chosen], hashes[chosen]
            if self.has_products:
                values, mass = (torch.as_tensor(part[members]) for part in (rows, weight))
                chunk._moments[int(k)] = GaussianMoments.of(values[:, : rows.shape[1] - y.shape[1]], mass)
        self.merge(chunk)

    def merge(self, other: Sketch) -> None:
        """Add another sketch of the same kind; the order of merging does not matter.

        Raises
        ------
        ValueError
            If the two sketches were made with different seeds, keys or features.
        """
        if (self.seed, self.sample_size, len(self.mass)) != (other.seed, other.sample_size, len(other.mass)):
            raise ValueError("only sketches with the same seed, sample size and classes can be merged")
        if not other.sums:
            return
        if self.sums and self._shapes() != other._shapes():
            raise ValueError(
                f"sketches of {self._shapes()} and {other._shapes()} cannot be merged: columns or features differ"
            )
        if not self.sums:
            self.sums = [np.zeros_like(values) for values in other.sums]
            self.mean, self.scatter = np.zeros_like(other.mean), np.zeros_like(other.scatter)
            self.feature_range, self.target_range = other.feature_range, other.target_range
        spreads = ((part.mass.sum(), part.mean, part.scatter) for part in (self, other))
        _, self.mean, self.scatter = merged_spread(*spreads)  # (3)
        self.feature_range = _widest(self.feature_range, other.feature_range)
        self.target_range = _widest(self.target_range, other.target_range)
        self.counts = self.counts + other.counts
        self.mass = self.mass + other.mass
        self.sums = [mine + theirs for mine, theirs in zip(self.sums, other.sums, strict=True)]
        for k, moments in other._moments.items():
            self._moments[k] = self._moments[k].merged(moments) if k in self._moments else moments  # (3)
        for k, sample in other._samples.items():
            both = [sample, self._samples[k]] if k in self._samples else [sample]
            X, y, hashes = (np.concatenate(parts) for parts in zip(*both, strict=True))
            chosen = lowest_distinct(hashes, self.sample_size)  # (2)
            self._samples[k] = X[chosen], y[chosen], hashes[chosen]

    def widened(self, places: NDArray[np.intp], n_keys: int) -> Sketch:
        """Return a copy that knows more classes, each of which is a key and has a column of targets.

        Parameters
        ----------
        places : ndarray of int
            Where the classes that it knows are among them.
        n_keys : int
            How many they are.
        """
        wider = self.empty_like()
        wider._moments = {int(places[k]): moments for k, moments in self._moments.items()}
        wider.counts, wider.mass = np.zeros(n_keys, np.int64), np.zeros(n_keys)
        if not self.sums:
            return wider
        wider.counts[places], wider.mass[places] = self.counts, self.mass
        wider.sums = [_placed(sums.T, places, n_keys).T for sums in self.sums]
        for name in ("mean", "scatter"):
            features, targets = np.split(getattr(self, name), [len(self.mean) - len(self.mass)])
            setattr(wider, name, np.concatenate([features, _placed(targets, places, n_keys)]))
        wider.feature_range = self.feature_range
        low, high = (_placed(ends, places, n_keys) for ends in self.target_range)
        wider.target_range = low, high
        for k, (X, y, _) in self._samples.items():
            targets = _placed(y, places, n_keys)
            hashes = labeled_hashes(X, targets, self.seed)  # of the targets as later chunks have them
            order = np.argsort(hashes)
            wider._samples[int(places[k])] = X[order], targets[order], hashes[order]
        return wider

    def _shapes(self) -> list[tuple[int, ...]]:
        return [self.mean.shape, *(sums.shape for sums in self.sums)]

    def sample(self, keys: NDArray[np.intp]) -> tuple[NDArray, NDArray]:
        """Return the sampled rows of some keys and their targets, lowest hash first."""
        samples = [self._samples[k] for k in keys if k in self._samples]
        X, y, hashes = (np.concatenate(parts) for parts in zip(*samples, strict=True))
        order = np.argsort(hashes)
        return X[order], y[order]

    def moments(self, keys: NDArray[np.intp]) -> GaussianMoments:
        """Return mass, mean and products of the rows of some keys, in the user's units; of none, zeros."""
        n_columns = len(self.mean) - len(self.target_range[0])
        none = GaussianMoments.of(torch.zeros(0, n_columns), torch.zeros(0))
        return reduce(GaussianMoments.merged, (self._moments[k] for k in keys if k in self._moments), none)

    def blocks(self, device: torch.device) -> list[Block]:
        """Return, for each term, the mean features of the seen keys: blocks whose rows stand for whole groups."""
        seen = np.flatnonzero(self.mass)
        key, mass = torch.as_tensor(seen, device=device), torch.as_tensor(self.mass[seen], device=device)
        return [Block(mass, key, torch.as_tensor(sums[seen], device=device) / mass[:, None]) for sums in self.sums]

    def spreads(self) -> NDArray[np.float64]:
        """Return the standard deviation of each column of (X, y), in the user's units."""
        return np.sqrt(self.scatter / self.mass.sum())


def _placed(columns: NDArray, places: NDArray[np.intp], n: int) -> NDArray:
    """Return columns at their places among n, the others of which are zero."""
    placed = np.zeros((*columns.shape[:-1], n), columns.dtype)
    placed[..., places] = columns
    return placed


def _widest(one: tuple[NDArray, NDArray], other: tuple[NDArray, NDArray]) -> tuple[NDArray, NDArray]:
    """Return the range that holds two."""
    return np.minimum(one[0], other[0]), np.maximum(one[1], other[1])
