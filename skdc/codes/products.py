"""Rows that are combinations of a few."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skdc.codes.base import Code


@dataclass(frozen=True, eq=False)
class Products(Code):
    """Rows that are combinations of those of a basis.

    Parameters
    ----------
    combinations : Code
        Of shape (m, rank).
    basis : Code
        Of shape (rank, ...).
    """

    combinations: Code
    basis: Code

    def decode(self) -> NDArray[np.floating]:
        """Return the rows."""
        basis = self.basis.decode()
        rows = self.combinations.decode() @ basis.reshape(len(basis), -1)
        return rows.reshape(-1, *basis.shape[1:])
