"""Hashes of rows by their content, so that what is chosen by them depends on no order and no partitioning."""

from __future__ import annotations

import math
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse

_HASH_BYTES = 1 << 24  # rows are hashed in pieces of this many bytes
_DIGEST_ROWS = 4096  # of an array that are looked at as they are
_RESOLUTION = 2.0**30  # steps in the unit of the data, in which its numbers are hashed

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
    half = np.random.default_rng([seed, d]).integers(0, 2**63, size=d + 1, dtype=np.uint64)
    multipliers = half * np.uint64(2) + np.uint64(1)  # odd ones
    shift, scale = (None, None) if unit is None else (np.broadcast_to(np.reshape(part, -1), d) for part in unit)

    def bits(values: NDArray, columns: NDArray | slice = slice(None)) -> NDArray[np.uint64]:
        if shift is None or scale is None:
            return _bits(values)
        # Round numbers are not at the ends of steps, where rounding would part them.
        return _bits(np.floor((values - shift[columns]) / scale[columns] * _RESOLUTION + 0.37))

    if issparse(X):
        rows = csr_array(X)
        # A row of zeros, and what stored numbers change of it.
        zeros = bits(np.zeros(d))
        changed = bits(rows.data, rows.indices) - zeros[rows.indices]
        products = np.append(changed * multipliers[rows.indices], np.uint64(0))
        sums = np.add.reduceat(products, rows.indptr[:-1], dtype=np.uint64)
        base = (zeros * multipliers[:-1]).sum(dtype=np.uint64)
        return mix(np.where(np.diff(rows.indptr) > 0, sums, np.uint64(0)) + base + multipliers[-1])
    rows = X.reshape(len(X), d)
    step = max(1, _HASH_BYTES // (8 * max(d, 1)))
    # The multiply-shift sum is finished by the mixer of splitmix64.
    pieces = (rows[start : start + step] for start in range(0, len(rows), step))
    hashes = [mix((bits(piece) * multipliers[:-1]).sum(axis=1, dtype=np.uint64) + multipliers[-1]) for piece in pieces]
    return np.concatenate(hashes) if hashes else np.empty(0, np.uint64)


def labeled_hashes(X: NDArray, y: NDArray, seed: int, units: tuple[Unit, Unit] | None = None) -> NDArray[np.uint64]:
    """Hash every row together with its targets; with the units of both, in these."""

    def hashed(unit: Unit | None, target_unit: Unit | None) -> NDArray[np.uint64]:
        return mix(row_hashes(X, seed, unit) + row_hashes(y, seed + 1, target_unit))

    if units is None:
        return hashed(None, None)
    scaled = hashed(*units)
    n_distinct = len(np.unique(scaled))
    if n_distinct == len(scaled):
        return scaled
    # A row that lies far from all others may leave these none of their digits.
    unscaled = hashed(None, None)
    return scaled if n_distinct == len(np.unique(unscaled)) else unscaled


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


def digest(*arrays: Any) -> str:
    """Return what tells arrays from others: of their shapes and dtypes, some thousand rows, and a sum over all bits.

    To hash all of them would take longer than a quick choice of rows does.

    Parameters
    ----------
    *arrays : ndarray, sparse array or None
    """
    found = sha256()
    for array in arrays:
        parts = (array.data, array.indices, array.indptr) if issparse(array) else (array,)
        for part in parts:
            if part is None:
                found.update(b"none")
                continue
            # A sum of words of 8 bytes is the same in any order, and takes no copy in that of the memory.
            laid = part.T if part.flags.f_contiguous and part.dtype.itemsize == 8 else part
            flat = np.ascontiguousarray(laid).reshape(-1).view(np.uint8)
            whole = flat[: len(flat) // 8 * 8].view(np.uint64).sum(dtype=np.uint64)
            found.update(repr((part.shape, part.dtype.str, int(whole), flat[len(flat) // 8 * 8 :].tobytes())).encode())
            found.update(np.ascontiguousarray(part[:: max(1, len(part) // _DIGEST_ROWS)]).tobytes())
    return found.hexdigest()
