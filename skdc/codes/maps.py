"""Rows that are what a few maps make of fewer rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skdc.codes.base import Code


@dataclass(frozen=True, eq=False)
class Mapped(Code):
    """Rows that affine maps make of bases: row j n + h is `scale[h] * bases[j] + shift[h]`, of n maps.

    Parameters
    ----------
    n_rows : int
        From the last base there may be fewer than n.
    scale, shift : Code
        Of shape (n, ...).
    bases : Code
        Of shape (k, ...).
    """

    n_rows: int
    scale: Code
    shift: Code
    bases: Code

    def decode(self) -> NDArray[np.floating]:
        """Return the rows."""
        rows = self.scale.decode() * self.bases.decode()[:, None] + self.shift.decode()
        return rows.reshape(-1, *rows.shape[2:])[: self.n_rows]
