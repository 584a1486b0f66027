"""Rows that stay as they are."""

from __future__ import annotations

from math import prod
from typing import Literal

import torch
from torch import Tensor

from skdc.parameterizations.storage.base import Codec, Storage, at
from skdc.sources import Source


class Fixed(Storage):
    """Rows that stay where they start: real ones, as a rule, of which the targets are learned [1]_.

    References
    ----------
    .. [1] Bohdal, Yang and Hospedales, "Flexible Dataset Distillation: Learn Labels Instead of Images", 2020.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import SquaredL2
    >>> from skdc.parameterizations import Points
    >>> from skdc.parameterizations.storage import Fixed
    >>> from skdc.spaces import KernelRidgePredictions
    >>> loss = SquaredL2(space=KernelRidgePredictions(), by=None)
    >>> condenser = Condenser(loss, Points(Fixed(), labels="learned"), n_per_class=5)
    """

    def takes_distinct_rows(self) -> bool:
        """Tell that they do."""
        return True

    def keeps(self) -> Literal["codes", "rows", "changes"]:
        """Tell that it is the rows."""
        return "rows"

    def build(self, X: Tensor, key: Tensor | None, source: Source, generator: torch.Generator) -> FixedRows:
        """Return the rows."""
        return FixedRows(X)

    def n_bytes(self, n_rows: int, row_shape: tuple[int, ...], itemsize: int) -> int:
        """Count the numbers of the rows."""
        return n_rows * prod(row_shape) * itemsize


class FixedRows(Codec):
    """Rows that do not move.

    Parameters
    ----------
    X : Tensor of shape (m, *input_shape)
    """

    values: Tensor

    def __init__(self, X: Tensor) -> None:
        super().__init__()
        self.register_buffer("values", X)

    def decode(self, places: Tensor | None = None) -> Tensor:
        """Return the rows."""
        return at(self.values, places)

    def encode(self, X: Tensor) -> None:
        """Take other rows."""
        self.values.copy_(X)

    def project(self, low: Tensor, high: Tensor) -> None:
        """Do nothing: the rows stay where they start, which is where they may be."""
