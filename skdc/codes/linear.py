"""Rows that are linear in few numbers, class by class."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from skdc.codes.base import Code, rows_times, taken_counts


@dataclass(frozen=True, eq=False)
class LinearRows(Code):
    """Rows that are a mean and a combination of directions, of a group each.

    Parameters
    ----------
    row_shape : tuple of int
    latents : Code
        Of shape (m, q).
    means : float32 ndarray of shape (n_groups, d)
    directions : float32 ndarray of shape (n_groups, d, q)
    counts : ndarray of uint32 of shape (n_groups,)
        How many rows, one behind the other, are of each group.
    """

    row_shape: tuple[int, ...]
    latents: Code
    means: NDArray[np.float32]
    directions: NDArray[np.float32]
    counts: NDArray[np.uint32]

    def decode(self) -> NDArray[np.floating]:
        """Return the rows."""
        latents = self.latents.decode()
        if self.counts.sum() != len(latents):
            raise ValueError(f"there are groups of {self.counts.sum()} rows, but {len(latents)} rows")
        ends = np.cumsum(self.counts)
        parts = [
            rows_times(latents[end - count : end], directions.T) + mean
            for end, count, mean, directions in zip(ends, self.counts, self.means, self.directions, strict=True)
        ]
        return np.concatenate(parts).reshape(-1, *self.row_shape)

    def take(self, places: NDArray[np.intp]) -> Self:
        """Return the code of a part of the rows."""
        return replace(self, latents=self.latents.take(places), counts=taken_counts(self.counts, places))
