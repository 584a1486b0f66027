"""Real rows in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import replace
from functools import cached_property, reduce
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from skdc.hashes import Unit, hashed_uniform, labeled_hashes, lowest_distinct
from skdc.scales import (
    RowMoments,
    exceeds_float32_precision,
    exceeds_float32_range,
    piece_length,
    slices,
    unit_of,
    weighted_median,
)
from skdc.seeds import EpochSampler
from skdc.sets import LabeledSet
from skdc.sources.base import Holds, Result, draw_seed
from skdc.sources.batch import Batch
from skdc.sources.schema import Schema
from skdc.sources.units import Units

_CHUNK_BYTES = 1 << 25  # a stream passes in pieces of this many float64 bytes


class RowSource(Holds):
    """Real rows in memory.

    Their working units are those of the data: the shift is the mean; the median, where some rows lie so far from the
    others that these could not be told apart about the mean.

    Parameters
    ----------
    X : ndarray of shape (n, ...)
        Rows in the user's units; read, never written.
    y : ndarray of shape (n, n_outputs), float64, or None
        Continuous targets, or several labels, in the user's units; None for classes, which the keys tell, and where
        there are no targets.
    weight : ndarray of shape (n,), float64
        Positive masses.
    key : ndarray of shape (n,), int64
        Group keys.
    schema : Schema
    device : torch.device
    dtype : torch.dtype, default=None
        None takes float32, or float64 where float32 would lose what tells rows apart.
    units : (Units, Units), default=None
        Working units of features and targets; None learns them, and takes weights relative to their mean.
    """

    def __init__(
        self,
        X: NDArray,
        y: NDArray[np.float64] | None,
        weight: NDArray[np.float64],
        key: NDArray[np.int64],
        schema: Schema,
        device: torch.device,
        dtype: torch.dtype | None = None,
        units: tuple[Units, Units] | None = None,
    ) -> None:
        self.X, self._y, self.weight, self.key, self.schema = X, y, weight, key, schema
        self.device, self.dtype = device, dtype or torch.float32
        self.spread = self.target_spread = 1.0
        self._hash_units: tuple[Unit, Unit] | None = None
        if units is not None:
            self.units, self.target_units = units
        else:
            self._learn_units(takes_dtype=dtype is None)

    def _learn_units(self, takes_dtype: bool) -> None:
        # Relative weights are all that counts; in float32 tiny ones would vanish.
        self.weight = self.weight / self.weight.mean()
        scale = float(unit_of(self.moments.deviation, self.moments.size))
        needs_precision = exceeds_float32_precision(self.X, self.moments.mean, scale)
        if takes_dtype and (needs_precision or exceeds_float32_range(self.weight, scale)):
            self.dtype = torch.float64
        self.units = Units(self._shift(needs_precision), scale)
        if self.schema.task == "regression":
            targets = [RowMoments.of(column[:, None], self.weight) for column in self.targets().T]
            shift = np.concatenate([target.mean for target in targets])
            deviation = np.array([target.deviation for target in targets])
            self.target_units = Units(shift, unit_of(deviation, np.abs(shift)))
        self._hash_units = (self._mean_row(), scale), (self.target_units.shift, self.target_units.scale)

    def _shift(self, needs_precision: bool) -> NDArray[np.float64] | float:
        # About the middle of most rows, squares of most are small; far from the mean of a few that lie far off.
        center = weighted_median(self.X, self.weight) if needs_precision else self.moments.mean
        return center.reshape(self.schema.input_shape)

    def _mean_row(self) -> NDArray[np.float64]:
        return self.moments.mean

    @cached_property
    def moments(self) -> RowMoments:
        """What one look at all rows tells."""
        return RowMoments.of(self.X, self.weight)

    def _middle(self) -> Tensor:
        return self.tensor(self.units.to_working(self.moments.mean.reshape(self.schema.input_shape)))

    @cached_property
    def rows(self) -> LabeledSet:
        """All rows in working units."""
        key = torch.as_tensor(self.key, device=self.device)
        return LabeledSet(self.tensor(self.weight), key, self._encoded, self.encode_targets(self.targets()))

    @cached_property
    def _encoded(self) -> Tensor:
        return self.encode(self.X)

    @cached_property
    def _samplers(self) -> list[EpochSampler]:
        """A sampler of the rows of each key that has some."""
        members = (np.flatnonzero(self.key == k) for k in range(len(self.schema.class_of_key)))
        return [
            EpochSampler(torch.as_tensor(rows), torch.as_tensor(self.weight[rows])) for rows in members if len(rows)
        ]

    def targets(self, rows: NDArray[np.intp] | slice = slice(None)) -> NDArray[np.float64]:
        """Return targets of rows in the user's units, of shape (n, n_outputs): of classes, their indicators."""
        if self._y is not None:
            return self._y[rows]
        if self.schema.task != "classification":
            return np.empty((len(self.key[rows]), 0))
        codes = self.schema.class_of_key[self.key[rows]]
        indicators = np.zeros((len(codes), self.schema.n_outputs))
        indicators[np.arange(len(codes)), codes] = 1
        return indicators

    def position(self) -> list[tuple[Tensor, int]] | None:
        """Return where the epochs of each key have come to; None before the first draw."""
        return [sampler.position for sampler in self._samplers] if "_samplers" in vars(self) else None

    def restore(self, position: list[tuple[Tensor, int]] | None) -> None:
        """Go on with these epochs."""
        for sampler, place in zip(self._samplers, position or [], strict=False):
            sampler.position = place

    def batch(self, size: int, generator: torch.Generator) -> Batch:
        """Return all rows if they are no more than `size`, else about `size` rows drawn evenly over the keys.

        The rows of a key are drawn in proportion to their weights and share its mass evenly: means over the batch
        estimate those over the data without bias. A key with fewer rows comes whole.
        """
        if len(self) <= size:
            return Batch(self.rows)
        drawn, weight = self._draw(size, generator)
        # Indicators of classes are made for the batch: those of all rows may be more than memory holds.
        places, X = drawn.numpy(), self._encoded.index_select(0, drawn.to(self.device))
        key = torch.as_tensor(self.key[places], device=self.device)
        return Batch(LabeledSet(weight, key, X, self.encode_targets(self.targets(places))))

    def sample(self, size: int, generator: torch.Generator) -> LabeledSet:
        """Return what `batch` shows, without casting all rows to working units."""
        if len(self) <= size:
            return self.rows
        drawn, weight = self._draw(size, generator)
        return replace(self.take(drawn.numpy()), weight=weight)

    def in_double(self) -> RowSource:
        """Return the same rows, in the same units, in float64."""
        double = copy(self)
        double.dtype = torch.float64
        for name in ("rows", "_encoded"):
            vars(double).pop(name, None)
        return double

    def take(self, indices: NDArray[np.intp]) -> LabeledSet:
        """Return some rows in working units, without casting the others."""
        weight, key = self.tensor(self.weight[indices]), torch.as_tensor(self.key[indices], device=self.device)
        return LabeledSet(weight, key, self.encode(self.X[indices]), self.encode_targets(self.targets(indices)))

    def pieces(self, indices: NDArray[np.intp]) -> Iterator[LabeledSet]:
        """Return some rows in working units, piece by piece."""
        step = piece_length(self.X, _CHUNK_BYTES, self.schema.n_outputs)
        return (self.take(indices[start : start + step]) for start in range(0, len(indices), step))

    def _draw(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        share = max(1, size // len(self._samplers))
        rows, weight = zip(*(sampler.draw(share, generator) for sampler in self._samplers), strict=True)
        return torch.cat(rows), torch.cat(weight).to(self.device, self.dtype)

    def feature_range(self) -> tuple[NDArray, NDArray]:
        """Return the least and the greatest number of each feature, in the user's units."""
        return self.X.min(axis=0), self.X.max(axis=0)

    def target_range(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the least and the greatest of each target, in the user's units."""
        if self.schema.task != "classification":
            y = self.targets()
            return y.min(axis=0), y.max(axis=0)
        present = self.class_mass() > 0
        return (present & (present.sum() == 1)).astype(np.float64), present.astype(np.float64)

    def class_mass(self) -> NDArray[np.float64]:
        """Return the total weight of each class."""
        classes = self.schema.class_of_key[self.key]
        return np.bincount(classes, self.weight, self.schema.n_classes).astype(np.float64)

    def starting_rows(self, sizes: NDArray[np.int64], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return (X, y) of `sizes[c]` distinct rows a class c, chosen by hash; in turn where there are fewer."""
        seed, chosen = draw_seed(generator), []
        for c, size in enumerate(sizes):
            members = self.class_members(c)
            chosen.append(np.resize(members[lowest_distinct(self.hashes(members, seed), int(size))], int(size)))
        rows = np.concatenate(chosen)
        return self.encode(self.X[rows]), self.encode_targets(self.targets(rows))

    def hashes(self, members: NDArray[np.intp], seed: int) -> NDArray[np.uint64]:
        """Hash some rows by content: a choice by hash ignores their order, and the unit and origin of X and y."""
        return labeled_hashes(self.X[members], self._hashed_targets(members), seed, self._hash_units)

    def _hashed_targets(self, members: NDArray[np.intp]) -> NDArray[np.float64]:
        if self._y is not None or self.schema.task != "classification":
            return self.targets(members)
        # Indicators as sparse rows, which have the same hashes: dense ones may be more than memory holds.
        codes, n = self.schema.class_of_key[self.key[members]], len(members)
        indicators = csr_array((np.ones(n), codes, np.arange(n + 1)), shape=(n, self.schema.n_outputs))
        return cast(NDArray[np.float64], indicators)

    def random_rows(self, members: NDArray[np.intp], size: int, generator: torch.Generator) -> NDArray[np.intp]:
        """Return the positions of `size` of some rows, drawn in proportion to weight without replacement.

        The draw ranks rows by -log(u) / weight (Efraimidis and Spirakis, 2006) with u a hash of the row.
        """
        chance = hashed_uniform(self.hashes(members, draw_seed(generator)))
        return np.argsort(-np.log(chance) / self.weight[members], kind="stable")[:size]

    def map_reduce(
        self, function: Callable[[RowSource], Result], merge: Callable[[Result, Result], Result], width: int = 1
    ) -> Result:
        """Return what a function gives for each piece of the rows, merged."""
        # A piece shows its targets too, as indicators of all classes.
        width = max(width, self.schema.n_outputs)
        return reduce(merge, (function(self.piece(rows)) for rows in slices(self.X, _CHUNK_BYTES, width)))

    def piece(self, rows: slice) -> RowSource:
        """Return rows that follow each other, in the units of the whole."""
        piece = self._piece(rows)
        piece.first, piece._hash_units = self.first + rows.start, self._hash_units
        return piece

    def _piece(self, rows: slice) -> RowSource:
        return RowSource(*self._cut(rows), self.schema, self.device, self.dtype, (self.units, self.target_units))

    def _cut(self, rows: slice) -> tuple[NDArray, NDArray[np.float64] | None, NDArray[np.float64], NDArray[np.int64]]:
        return self.X[rows], None if self._y is None else self._y[rows], self.weight[rows], self.key[rows]
