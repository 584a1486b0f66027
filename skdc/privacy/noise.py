"""Noise for whole numbers, from the operating system or, for tests, from a seed."""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

_BITS = 53  # of a uniform number: all that float64 holds


class Noise:
    """Where the randomness of a release comes from.

    Parameters
    ----------
    seed : int or None
        None reads the cryptographic generator of the operating system. A seeded release can be made again by whoever
        knows the seed, who then knows the noise.
    """

    def __init__(self, seed: int | None) -> None:
        self._generator = None if seed is None else np.random.default_rng(seed)

    def uniform(self, size: int) -> NDArray[np.float64]:
        """Return numbers above 0, and 1 at most."""
        if self._generator is None:
            words = np.frombuffer(os.urandom(8 * size), np.uint64)
        else:
            words = self._generator.integers(0, 2**64, size, np.uint64)
        return ((words >> np.uint64(64 - _BITS)).astype(np.float64) + 0.5) / 2.0**_BITS

    def sampled(self, size: int, rate: float) -> NDArray[np.intp]:
        """Return which of so many rows are drawn, each with the same chance, whatever becomes of the others."""
        return np.flatnonzero(self.uniform(size) < rate)

    def gaussian(self, scale: float, shape: tuple[int, ...]) -> NDArray[np.int64]:
        """Return Gaussian numbers, rounded to whole ones.

        Added to whole numbers they are what one gets by rounding their sum with Gaussian numbers that are not rounded:
        the low bits of floats, by which such a sum tells of its parts (Mironov, 2012), are never seen.
        """
        half = (int(np.prod(shape)) + 1) // 2
        # Box and Muller (1958). The least uniform number ends the tails at 8.6 standard deviations.
        radius = scale * np.sqrt(-2 * np.log(self.uniform(half)))
        angle = 2 * np.pi * self.uniform(half)
        pairs = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])
        return np.rint(pairs[: int(np.prod(shape))]).astype(np.int64).reshape(shape)
