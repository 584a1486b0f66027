"""Latents that are drawn at random, and take no bytes but for how they are distributed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from skdc.codes.base import Code, rows_times


@dataclass(frozen=True, eq=False)
class DrawnLatents(Code):
    """Gaussian latents of some groups, by a seed.

    Standard Gaussian numbers are those of `numpy.random.RandomState(seed).standard_normal((n, n_components))`, which
    numpy keeps as they are; n is the sum of the counts.

    Parameters
    ----------
    seed : int
    n_components : int
        Numbers in a latent.
    counts : ndarray of uint32 of shape (n_groups,)
        How many latents, one behind the other, are of each group.
    centers : float32 ndarray of shape (n_groups, n_components), or None
    roots : float32 ndarray of shape (n_groups, n_components, n_components), or None
        What standard Gaussian numbers are multiplied by from the right, before the center is added. None leaves them.
    places : ndarray of unsigned int, default=None
        Which of the latents there are; None has all.
    """

    seed: int
    n_components: int
    counts: NDArray[np.uint32]
    centers: NDArray[np.float32] | None
    roots: NDArray[np.float32] | None
    places: NDArray[np.integer] | None = None

    def decode(self) -> NDArray[np.float64]:
        """Return the latents, of shape (m, n_components)."""
        latents = np.random.RandomState(self.seed).standard_normal((int(self.counts.sum()), self.n_components))
        if self.centers is not None and self.roots is not None:
            ends = np.cumsum(self.counts)
            for end, count, center, root in zip(ends, self.counts, self.centers, self.roots, strict=True):
                latents[end - count : end] = rows_times(latents[end - count : end], root) + center
        return latents if self.places is None else latents[self.places]

    def take(self, places: NDArray[np.intp]) -> Self:
        """Return the code of a part of the rows."""
        kept = places if self.places is None else self.places[places]
        return replace(self, places=kept.astype(np.min_scalar_type(kept.max(initial=0))))

    def redrawn(self, counts: NDArray[np.uint32], seed: int) -> Self:
        """Return other latents."""
        return replace(self, counts=counts, seed=seed, places=None)
