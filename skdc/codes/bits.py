"""Whole numbers of few bits, one behind the other."""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray


def packed_bits(values: NDArray[np.integer], n_bits: int) -> NDArray[np.uint8]:
    """Return numbers of so many bits as bytes, the highest bit of each first; the last byte is filled by zeros.

    Parameters
    ----------
    values : ndarray of int
        From 0 to 2**n_bits - 1.
    n_bits : int
        From 1 to 16.

    Examples
    --------
    >>> import numpy as np
    >>> from skdc.codes import packed_bits, unpacked_bits
    >>> packed_bits(np.array([1, 2, 3]), 4)
    array([18, 48], dtype=uint8)
    >>> unpacked_bits(np.array([18, 48], dtype=np.uint8), 4, 3)
    array([1, 2, 3], dtype=uint16)
    """
    wide = values.astype(">u2").reshape(-1, 1).view(np.uint8)
    return np.packbits(np.unpackbits(wide, axis=1)[:, 16 - n_bits :])


def unpacked_bits(packed: NDArray[np.uint8], n_bits: int, n_values: int) -> NDArray[np.uint16]:
    """Return so many numbers out of what `packed_bits` gave.

    Raises
    ------
    ValueError
        If that is not as long.
    """
    if not 1 <= n_bits <= 16 or len(packed) != packed_bytes(n_values, n_bits):
        raise ValueError(f"{n_values} numbers of {n_bits} bits are not in {len(packed)} bytes")
    bits = np.unpackbits(packed, count=n_values * n_bits).reshape(n_values, n_bits)
    wide = np.zeros((n_values, 16), np.uint8)
    wide[:, 16 - n_bits :] = bits
    return np.packbits(wide, axis=1).view(">u2").ravel().astype(np.uint16)


def taken_bits(
    packed: NDArray[np.uint8], n_bits: int, shape: tuple[int, ...], places: NDArray[np.intp]
) -> NDArray[np.uint8]:
    """Return what `packed_bits` gives of the rows at some places.

    Parameters
    ----------
    packed : ndarray of uint8
        All rows.
    n_bits : int
    shape : tuple of int
        (m, ...), of the numbers.
    places : ndarray of int
    """
    return packed_bits(unpacked_bits(packed, n_bits, prod(shape)).reshape(shape)[places].ravel(), n_bits)


def packed_bytes(n_values: int, n_bits: int) -> int:
    """Return how many bytes `packed_bits` takes."""
    return -(-n_values * n_bits // 8)


def label_bits(n_classes: int) -> int:
    """Return how many bits tell classes apart, at least one."""
    return max(1, (n_classes - 1).bit_length())
