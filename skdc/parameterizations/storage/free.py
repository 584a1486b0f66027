"""Rows of which every number may move."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from skdc.codes import Code
from skdc.parameterizations.storage.base import Codec, Coder, Kept, Storage, at
from skdc.parameterizations.storage.real import RealRows


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

    def elementwise(self) -> bool:
        """Tell that they are."""
        return True

    def build(self, X: Tensor, key: Tensor | None, real: RealRows, generator: torch.Generator) -> FreeRows:
        """Return the rows."""
        return FreeRows(X)

    def numbers(self, n_rows: int, row_shape: tuple[int, ...]) -> list[Kept]:
        """Return the numbers of the rows."""
        return [Kept((n_rows, *row_shape), by_feature=len(row_shape) == 1)]


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

    def code(self, coder: Coder) -> Code:
        """Return the rows."""
        return coder(self.values)


def or_free(storage: Storage | None) -> Storage:
    """Return a storage, free rows for None."""
    return Free() if storage is None else storage
