"""Rows that stay as they are."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from skdc.codes import Code
from skdc.parameterizations.storage.base import Codec, Coder, Kept, Storage, at
from skdc.parameterizations.storage.real import RealRows


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

    def elementwise(self) -> bool:
        """Tell that they are."""
        return True

    def build(self, X: Tensor, key: Tensor | None, real: RealRows, generator: torch.Generator) -> FixedRows:
        """Return the rows."""
        return FixedRows(X)

    def numbers(self, n_rows: int, row_shape: tuple[int, ...]) -> list[Kept]:
        """Return the numbers of the rows."""
        return [Kept((n_rows, *row_shape), by_feature=len(row_shape) == 1)]


class FixedRows(Codec):
    """Rows that do not move.

    Parameters
    ----------
    X : Tensor of shape (m, *input_shape)
    """

    def __init__(self, X: Tensor) -> None:
        super().__init__()
        self.values = nn.Parameter(X, requires_grad=False)

    def decode(self, places: Tensor | None = None) -> Tensor:
        """Return the rows."""
        return at(self.values, places)

    def encode(self, X: Tensor) -> None:
        """Take other rows."""
        self.values.copy_(X)

    def project(self, low: Tensor, high: Tensor) -> None:
        """Do nothing: the rows stay where they start, which is where they may be."""

    def code(self, coder: Coder) -> Code:
        """Return the rows."""
        return coder(self.values)
