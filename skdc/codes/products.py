"""Rows that are combinations of a few."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from skdc.codes.base import Code, rows_times


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
        rows = rows_times(self.combinations.decode(), basis.reshape(len(basis), -1))
        return rows.reshape(-1, *basis.shape[1:])

    def take(self, places: NDArray[np.intp]) -> Self:
        """Return the code of a part of the rows."""
        return replace(self, combinations=self.combinations.take(places))
