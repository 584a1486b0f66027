"""A subset: rows of the data themselves, chosen and not moved."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skdc.data import LabeledSet
from skdc.parameterizations.base import LiveSet, Parameterization, class_keys, class_weights, refuse_too_many
from skdc.source import RowSource, Source, require_rows


class Subset(Parameterization):
    """Real rows; the fitted condenser shows which as `indices_`.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.parameterizations import Subset
    >>> Condenser(parameterization=Subset(), n_per_class=5)
    Condenser(n_per_class=5, parameterization=Subset())
    """

    moves = "indices"

    def build(self, source: Source, sizes: NDArray[np.int64], generator: torch.Generator) -> SubsetSet:
        """Return a subset of which no row is chosen yet.

        Raises
        ------
        ValueError
            If a class holds fewer rows than are to be chosen; for a stream.
        """
        rows = require_rows(self, source, "which rows to choose")
        refuse_too_many(self, rows, sizes)
        return SubsetSet(rows, class_keys(source, sizes), class_weights(source, sizes), sizes)


class SubsetSet(LiveSet):
    """A live subset.

    Parameters
    ----------
    source : RowSource
    key, weight
        As in `LiveSet`.
    sizes : ndarray of shape (n_classes,)
        How many rows of each class are to be chosen.
    """

    def __init__(self, source: RowSource, key: Tensor, weight: Tensor, sizes: NDArray[np.int64]) -> None:
        super().__init__(key, weight)
        self.sizes = sizes
        self.indices = np.empty(0, dtype=np.intp)
        self._source = source

    def choose(self, indices: NDArray[np.intp], weight: Tensor | None) -> None:
        """Take rows, class after class, and the masses that they stand for; None: those of a class weigh the same."""
        self.indices = indices
        if weight is not None:
            self.weight.copy_(weight / weight.mean())

    def forward(self) -> LabeledSet:
        """Return the chosen rows."""
        rows = self._source.take(self.indices)
        return LabeledSet(self.weight, self.key, rows.X, rows.y)

    def stored_numbers(self) -> int:
        """Count the rows and one label a row."""
        schema = self._source.schema
        return len(self.key) * (int(np.prod(schema.input_shape)) + min(schema.n_outputs, 1))

    def attributes(self) -> dict[str, Any]:
        """Return the chosen rows as `indices_`."""
        return {"indices_": self.indices}
