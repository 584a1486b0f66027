"""Rows that are what a few maps make of fewer rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from skdc.codes.base import Code


@dataclass(frozen=True, eq=False)
class Mapped(Code):
    """Rows that affine maps make of bases: row j n + h is `scale[h] * bases[j] + shift[h]`, of n maps.

    Parameters
    ----------
    n_rows : int
        From the last base there may be fewer than n, if rows are at all places.
    scale, shift : Code
        Of shape (n, ...).
    bases : Code
        Of shape (k, ...).
    places : ndarray of unsigned int of shape (n_rows,), default=None
        Which rows there are; None has the first ones.
    """

    n_rows: int
    scale: Code
    shift: Code
    bases: Code
    places: NDArray[np.integer] | None = None

    def decode(self) -> NDArray[np.floating]:
        """Return the rows."""
        rows = self.scale.decode() * self.bases.decode()[:, None] + self.shift.decode()
        rows = rows.reshape(-1, *rows.shape[2:])
        return rows[: self.n_rows] if self.places is None else rows[self.places]

    def take(self, places: NDArray[np.intp]) -> Self:
        """Return the code of a part of the rows, with the bases that they have."""
        n_maps = len(self.scale.decode())
        base, of_base = np.divmod(places if self.places is None else self.places[places], n_maps)
        used, base = np.unique(base, return_inverse=True)
        kept = base * n_maps + of_base
        kept = kept.astype(np.min_scalar_type(kept.max(initial=0)))
        first = np.array_equal(kept, np.arange(len(kept)))
        return replace(self, n_rows=len(kept), bases=self.bases.take(used), places=None if first else kept)
