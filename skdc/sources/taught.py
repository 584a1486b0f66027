"""Rows in memory as a teacher tells them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from skdc.sets import LabeledSet
from skdc.sources.rows import RowSource


class PartSource(RowSource):
    """Some of the rows of another source, in its units; they may have other targets and weights.

    Parameters
    ----------
    source : RowSource
    places : ndarray of shape (n,)
        Which of its rows.
    y : ndarray of shape (n, n_outputs), float64, default=None
        Their targets, in the user's units; probabilities, of classes. None keeps their own.
    weight : ndarray of shape (n,), default=None
        Their weights, of which the ratios count; None keeps their own.

    Attributes
    ----------
    places : ndarray of shape (n,)
    """

    def __init__(
        self,
        source: RowSource,
        places: NDArray[np.intp],
        y: NDArray[np.float64] | None = None,
        weight: NDArray[np.float64] | None = None,
    ) -> None:
        if y is None and source.schema.task != "classification":
            y = source.targets(places)
        weight = source.weight[places] if weight is None else weight
        units = source.units, source.target_units
        rows = source.X[places], y, weight / weight.mean(), source.key[places]
        super().__init__(*rows, source.schema, source.device, source.dtype, units)
        self.places, self._hash_units = places, source._hash_units


class TaughtSource(PartSource):
    """Rows with what a teacher says in place of their targets; others, as a rule, are held out.

    Parameters
    ----------
    source, places, y, weight
        As in `PartSource`.
    held_out : PartSource
        The rows by which finished sets are judged: they keep their own targets.
    """

    def __init__(
        self,
        source: RowSource,
        places: NDArray[np.intp],
        y: NDArray[np.float64],
        weight: NDArray[np.float64],
        held_out: PartSource,
    ) -> None:
        super().__init__(source, places, y, weight)
        self._held_out = held_out

    def unseen(self, size: int, generator: torch.Generator) -> LabeledSet:
        """Return the rows that are held out, or about so many of them."""
        return self._held_out.sample(size, generator)
