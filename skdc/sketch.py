"""Mergeable summaries of data that is seen once, in any order and any partitioning."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse

from skdc.data import Block

_HASH_BYTES = 1 << 24  # rows are hashed in pieces of this many bytes


_STEPS = 2.0**30  # in which a number in units of the data is hashed

Unit = tuple[NDArray[np.float64] | float, NDArray[np.float64] | float]


def row_hashes(X: NDArray, seed: int, unit: Unit | None = None) -> NDArray[np.uint64]:
    """Hash every row by its content, so that a choice by hash ignores order and partitioning.

    Parameters
    ----------
    X : ndarray of shape (n, ...), or sparse array of shape (n, d)
        Numeric rows.
    seed : int
        Different seeds give independent hashes.
    unit : tuple of (shift, scale), default=None
        Hash (X - shift) / scale, in steps that are above the rounding by which equal rows differ in other units.

    Returns
    -------
    ndarray of shape (n,), uint64
        Equal rows have equal hashes.
    """
    d = math.prod(X.shape[1:])
    # One more than columns: the last is added, so that a row of zeros has another hash with every seed.
    odd = np.random.default_rng([seed, d]).integers(0, 2**63, size=d + 1, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    shift, scale = (None, None) if unit is None else (np.broadcast_to(np.reshape(part, -1), d) for part in unit)

    def bits(values: NDArray, columns: NDArray | slice = slice(None)) -> NDArray[np.uint64]:
        if shift is None or scale is None:
            return _bits(values)
        # Round numbers are not at the ends of steps, where rounding would part them.
        return _bits(np.floor((values - shift[columns]) / scale[columns] * _STEPS + 0.37))

    if issparse(X):
        rows = csr_array(X)
        # A row of zeros, and what stored numbers change of it.
        zeros = bits(np.zeros(d))
        changed = bits(rows.data, rows.indices) - zeros[rows.indices]
        products = np.append(changed * odd[rows.indices], np.uint64(0))
        sums = np.add.reduceat(products, rows.indptr[:-1], dtype=np.uint64)
        base = (zeros * odd[:-1]).sum(dtype=np.uint64)
        return mix(np.where(np.diff(rows.indptr) > 0, sums, np.uint64(0)) + base + odd[-1])
    rows = X.reshape(len(X), d)
    step = max(1, _HASH_BYTES // (8 * max(d, 1)))
    # The multiply-shift sum is finished by the mixer of splitmix64.
    pieces = (rows[start : start + step] for start in range(0, len(rows), step))
    hashes = [mix((bits(piece) * odd[:-1]).sum(axis=1, dtype=np.uint64) + odd[-1]) for piece in pieces]
    return np.concatenate(hashes) if hashes else np.empty(0, np.uint64)


def labeled_hashes(X: NDArray, y: NDArray, seed: int, units: tuple[Unit, Unit] | None = None) -> NDArray[np.uint64]:
    """Hash every row together with its targets; with the units of both, in these."""

    def hashed(unit: Unit | None, target_unit: Unit | None) -> NDArray[np.uint64]:
        return mix(row_hashes(X, seed, unit) + row_hashes(y, seed + 1, target_unit))

    if units is None:
        return hashed(None, None)
    of_units = hashed(*units)
    n_apart = len(np.unique(of_units))
    if n_apart == len(of_units):
        return of_units
    # A row that lies far from all others may leave these none of their digits.
    as_given = hashed(None, None)
    return of_units if n_apart == len(np.unique(as_given)) else as_given


def _bits(values: NDArray) -> NDArray[np.uint64]:
    # + 0.0 folds -0.0 into 0.0
    bits = (values.astype(np.float64) + 0.0).view(np.uint64)
    bits ^= bits >> np.uint64(32)
    return bits


def mix(h: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scramble 64-bit integers (the finalizer of splitmix64; Steele, Lea and Flood, 2014)."""
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return h ^ (h >> np.uint64(31))


def lowest_distinct(hashes: NDArray[np.uint64], n: int) -> NDArray[np.intp]:
    """Return the positions of the n lowest distinct hashes, in the order of the hashes."""
    _, first = np.unique(hashes, return_index=True)
    return first[:n]


def hashed_uniform(hashes: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Return a number in (0, 1) for each row: rows of equal hash get different ones, whatever the order."""
    order = np.argsort(hashes, kind="stable")
    starts = np.flatnonzero(np.r_[True, hashes[order][1:] != hashes[order][:-1]])
    occurrence = np.arange(len(order)) - np.repeat(starts, np.diff(np.r_[starts, len(order)]))
    uniform = np.empty(len(order))
    uniform[order] = mix(hashes[order] + occurrence.astype(np.uint64)) >> np.uint64(11)
    return (uniform + 0.5) / 2.0**53


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
    """

    def __init__(self, n_keys: int, sample_size: int, seed: int) -> None:
        self.sample_size = sample_size
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
        return Sketch(len(self.mass), self.sample_size, self.seed)

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
        chunk.sums = [membership @ values for values in features]
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
        mine, theirs = self.mass.sum(), other.mass.sum()
        # Chan, Golub and LeVeque (1979), eq. 2.1: no cancellation where the offset is large.
        difference = other.mean - self.mean
        self.mean = self.mean + difference * (theirs / (mine + theirs))
        self.scatter = self.scatter + other.scatter + difference**2 * (mine * theirs / (mine + theirs))
        self.feature_range = _widest(self.feature_range, other.feature_range)
        self.target_range = _widest(self.target_range, other.target_range)
        self.counts = self.counts + other.counts
        self.mass = self.mass + other.mass
        self.sums = [mine + theirs for mine, theirs in zip(self.sums, other.sums, strict=True)]
        for k, sample in other._samples.items():
            both = [sample, self._samples[k]] if k in self._samples else [sample]
            X, y, hashes = (np.concatenate(parts) for parts in zip(*both, strict=True))
            chosen = lowest_distinct(hashes, self.sample_size)
            self._samples[k] = X[chosen], y[chosen], hashes[chosen]

    def _shapes(self) -> list[tuple[int, ...]]:
        return [self.mean.shape, *(sums.shape for sums in self.sums)]

    def sample(self, keys: NDArray[np.intp]) -> tuple[NDArray, NDArray]:
        """Return the sampled rows of some keys and their targets, lowest hash first."""
        samples = [self._samples[k] for k in keys if k in self._samples]
        X, y, hashes = (np.concatenate(parts) for parts in zip(*samples, strict=True))
        order = np.argsort(hashes)
        return X[order], y[order]

    def blocks(self) -> list[Block]:
        """Return, for each term, the mean features of the seen keys: blocks whose rows stand for whole groups."""
        seen = np.flatnonzero(self.mass)
        key, mass = torch.as_tensor(seen), torch.as_tensor(self.mass[seen])
        return [Block(mass, key, torch.as_tensor(sums[seen]) / mass[:, None]) for sums in self.sums]

    def spreads(self) -> NDArray[np.float64]:
        """Return the standard deviation of each column of (X, y), in the user's units."""
        return np.sqrt(self.scatter / self.mass.sum())


def _widest(one: tuple[NDArray, NDArray], other: tuple[NDArray, NDArray]) -> tuple[NDArray, NDArray]:
    """Return the range that holds two."""
    return np.minimum(one[0], other[0]), np.maximum(one[1], other[1])
