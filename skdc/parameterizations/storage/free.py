"""Rows of which every number may move."""

from __future__ import annotations

from math import prod
from typing import Literal

import torch
from torch import Tensor, nn

from skdc.parameterizations.storage.base import Codec, Storage, at
from skdc.sources import Source


class Free(Storage):
    """Free rows: each number is stored, and may move by itself.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.parameterizations import Points
    >>> from skdc.parameterizations.storage import Free
    >>> Condenser(parameterization=Points(Free()), n_per_class=5)
    Condenser(n_per_class=5, parameterization=Points(storage=Free()))
    """

    def keeps(self) -> Literal["codes", "rows", "changes"]:
        """Tell that it is the rows."""
        return "rows"

    def build(self, X: Tensor, key: Tensor | None, source: Source, generator: torch.Generator) -> FreeRows:
        """Return the rows."""
        return FreeRows(X)

    def n_bytes(self, n_rows: int, row_shape: tuple[int, ...], itemsize: int) -> int:
        """Count the numbers of the rows."""
        return n_rows * prod(row_shape) * itemsize


class FreeRows(Codec):
    """Rows of which every number is a parameter.

    Parameters
    ----------
    X : Tensor of shape (m, *input_shape)
    """

    def __init__(self, X: Tensor) -> None:
        super().__init__()
        self.values = nn.Parameter(X)

    def decode(self, places: Tensor | None = None) -> Tensor:
        """Return the rows."""
        return at(self.values, places)

    def encode(self, X: Tensor) -> None:
        """Move to other rows."""
        self.values.copy_(X)

    def project(self, low: Tensor, high: Tensor) -> None:
        """Cut the rows off at two ends."""
        self.values.clamp_(low, high)


def or_free(storage: Storage | None) -> Storage:
    """Return a storage, free rows for None."""
    return Free() if storage is None else storage
