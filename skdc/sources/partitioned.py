"""Rows in pieces, which are passed over; a sample of them is held."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skdc.hashes import Unit, lowest_distinct
from skdc.partitions import Partitions, RawRows
from skdc.scales import RowMoments, exceeds_float32_precision, exceeds_float32_range, merged_spread, unit_of
from skdc.sets import LabeledSet
from skdc.sources.base import Draws, Holds, Passes, Result, draw_seed
from skdc.sources.batch import Batch
from skdc.sources.rows import RowSource
from skdc.sources.schema import Schema
from skdc.sources.units import Units


@dataclass(frozen=True, eq=False)
class Passing:
    """What it takes to pass over rows in pieces.

    Parameters
    ----------
    partitions : Partitions
    reading : callable
        Returns the numbers (`X`, `y`, `weight`, `key`) of a piece; None if no row of it has weight. It is sent to where
        pieces are read.
    starts, places : dict of int to int
        How many rows come before each piece: of positive weight, and in all.
    counts, mass : ndarray of shape (n_classes,)
        Rows of each class, and their weight.
    n_jobs : int, default=None
    """

    partitions: Partitions
    reading: Callable[[RawRows], Any]
    starts: Mapping[int, int]
    places: Mapping[int, int]
    counts: NDArray[np.int64]
    mass: NDArray[np.float64]
    n_jobs: int | None = None

    def map_reduce(self, task: _Task, merge: Callable[[Result, Result], Result]) -> Result:
        """Return what a task gives for each piece that has rows, merged."""
        return self.partitions.map_reduce(task, partial(_merged, merge), self.n_jobs)


@dataclass(frozen=True, eq=False)
class _Task:
    """What is done with a piece where it is read."""

    reading: Callable[[RawRows], Any]
    starts: Mapping[int, int]
    open: Callable[[Any], RowSource]
    function: Callable[[Any], Any]
    merge: Callable[[Any, Any], Any]
    width: int

    @torch.no_grad()  # of the thread that does it
    def __call__(self, i: int, raw: RawRows) -> Any:
        numbers = self.reading(raw)
        if numbers is None:
            return None
        rows = self.open(numbers)
        rows.first = self.starts[i]
        return rows.map_reduce(self.function, self.merge, self.width)


def _merged(merge: Callable[[Any, Any], Any], one: Any, other: Any) -> Any:
    """Return two results merged, one of which may be that of a piece without rows."""
    if one is None or other is None:
        return other if one is None else one
    return merge(one, other)


class _Columns(NamedTuple):
    """Mass, mean and scatter of columns, and their ends."""

    mass: float
    mean: NDArray[np.float64]
    scatter: NDArray[np.float64]
    low: NDArray
    high: NDArray
    least: float  # weight

    @classmethod
    def of(cls, piece: Holds) -> _Columns:
        """Return those of the features and targets of a piece."""
        rows = np.concatenate([piece.X.reshape(len(piece.X), -1).astype(np.float64), _quantities(piece)], axis=1)
        low, high, mass = rows.min(axis=0), rows.max(axis=0), float(piece.weight.sum())
        mean = np.clip(piece.weight @ rows / mass, low, high)
        return cls(mass, mean, piece.weight @ (rows - mean) ** 2, low, high, float(piece.weight.min()))

    def merged(self, other: _Columns) -> _Columns:
        """Return those of both."""
        low, high = np.minimum(self.low, other.low), np.maximum(self.high, other.high)
        mass, mean, scatter = merged_spread(self[:3], other[:3])
        return _Columns(mass, np.clip(mean, low, high), scatter, low, high, min(self.least, other.least))


def _quantities(piece: Holds) -> NDArray[np.float64]:
    """Return targets that are no classes."""
    return piece.targets() if piece.schema.task == "regression" else np.empty((len(piece), 0))


class PartitionedSource(Draws, Passes):
    """Rows in pieces: every pass reads them anew; what is drawn is drawn from a sample that is held.

    Parameters
    ----------
    passing : Passing
    sample : object
        The numbers (`X`, `y`, `weight`, `key`) of rows that stand for all.
    schema : Schema
    device : torch.device
    as_given : bool, default=False
        Whether working units are those of the user, in float64; they are learned in a pass else, as `RowSource` does.
    """

    def __init__(
        self, passing: Passing, sample: Any, schema: Schema, device: torch.device, as_given: bool = False
    ) -> None:
        self._passing, self.schema, self.device = passing, schema, device
        self.dtype, self.spread, self.target_spread = torch.float64, 1.0, 1.0
        self._mean_weight = 1.0
        self._mean_row: Unit | None = None
        self._sample: RowSource | None = self.opened(sample)
        self._columns: _Columns = self.map_reduce(_Columns.of, _Columns.merged)
        self.moments = self._row_moments(sample)
        if not as_given:
            self._learn_units(sample)
            self._sample = self.opened(sample)

    def _row_moments(self, sample: Any) -> RowMoments:
        n = self._n_features()
        mean, scatter = self._columns.mean[:n], self._columns.scatter[:n]
        deviation = float(np.sqrt(scatter.sum() / (self._columns.mass * n)))
        return RowMoments(mean, deviation, float(np.abs(mean).max()), RowMoments.of(sample.X, sample.weight).far)

    def _learn_units(self, sample: Any) -> None:
        n, passing = self._n_features(), self._passing
        scale = float(unit_of(self.moments.deviation, self.moments.size))
        self._mean_weight = float(passing.mass.sum() / passing.counts.sum())
        least = np.array([self._columns.least / self._mean_weight])
        if not (exceeds_float32_precision(sample.X, self.moments.mean, scale) or exceeds_float32_range(least, scale)):
            self.dtype = torch.float32
        self.units = Units(self.moments.mean.reshape(self.schema.input_shape), scale)
        self._mean_row = self.moments.mean, scale
        if self.schema.task == "regression":
            shift, scatter = self._columns.mean[n:], self._columns.scatter[n:]
            self.target_units = Units(shift, unit_of(np.sqrt(scatter / self._columns.mass), np.abs(shift)))

    def _n_features(self) -> int:
        return int(np.prod(self.schema.input_shape))

    def opened(self, numbers: Any) -> RowSource:
        """Return the numbers of some rows as a source, in the units of the whole."""
        given = numbers.X, numbers.y, numbers.weight / self._mean_weight, numbers.key, self.schema
        rows = RowSource(*given, self.device, self.dtype, (self.units, self.target_units))
        if self._mean_row is not None:
            rows._hash_units = self._mean_row, (self.target_units.shift, self.target_units.scale)
        return rows

    def __getstate__(self) -> dict[str, Any]:
        # Where pieces are read, what is known of the whole is enough.
        return {**vars(self), "_sample": None, "_passing": None}

    def map_reduce(
        self, function: Callable[[Holds], Result], merge: Callable[[Result, Result], Result], width: int = 1
    ) -> Result:
        """Return what a function gives for each piece of the rows, merged."""
        passing = self._passing
        task = _Task(passing.reading, passing.starts, self.opened, function, merge, width)
        return passing.map_reduce(task, merge)

    def stand_in(self) -> RowSource:
        """Return the sample that is held, in the units of the whole."""
        assert self._sample is not None  # but where pieces are read
        return self._sample

    def sample(self, size: int, generator: torch.Generator) -> LabeledSet:
        """Return about `size` rows of the sample that is held."""
        return self.stand_in().sample(size, generator)

    def batch(self, size: int, generator: torch.Generator) -> Batch:
        """Return about `size` rows of the sample that is held, for one step."""
        return self.stand_in().batch(size, generator)

    def position(self) -> Any:
        """Return where the draws from the sample, and the passes, have come to."""
        return self.stand_in().position(), self._passing.partitions.position()

    def restore(self, position: Any) -> None:
        """Go on with these draws and passes."""
        draws, passes = position
        self.stand_in().restore(draws)
        self._passing.partitions.restore(passes)

    def starting_rows(self, sizes: NDArray[np.int64], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return (X, y) of `sizes[c]` distinct rows a class c, chosen by hash; in turn where there are fewer."""
        of_piece = partial(_lowest_hashes, sizes, draw_seed(generator))
        found = self.map_reduce(of_piece, partial(_lowest_of_both, sizes), self.schema.n_outputs)
        X, y = [], []
        for c in np.flatnonzero(sizes).tolist():
            _, rows, targets = found[c]
            places = np.resize(np.arange(len(rows)), int(sizes[c]))
            X.append(rows[places])
            y.append(targets[places])
        return self.encode(np.concatenate(X)), self.encode_targets(np.concatenate(y))

    def _middle(self) -> Tensor:
        return self.tensor(self.units.to_working(self.moments.mean.reshape(self.schema.input_shape)))

    def feature_range(self) -> tuple[NDArray, NDArray]:
        """Return the least and the greatest number of each feature, in the user's units."""
        n, shape = self._n_features(), self.schema.input_shape
        return self._columns.low[:n].reshape(shape), self._columns.high[:n].reshape(shape)

    def target_range(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the least and the greatest of each target, in the user's units."""
        if self.schema.task == "classification":
            return self.stand_in().target_range()
        n = self._n_features()
        return self._columns.low[n:], self._columns.high[n:]

    def class_mass(self) -> NDArray[np.float64]:
        """Return the total weight of each class."""
        return self._passing.mass / self._mean_weight

    def cannot_tell(self, unknown: str) -> str:
        """Return why a part cannot learn something from rows in pieces, and what to do."""
        return (
            f"cannot learn {unknown} in passes over rows in pieces, of which it would have to hold all; call fit on "
            "rows in memory, such as a sample"
        )


_Lowest = dict[int, tuple[NDArray[np.uint64], NDArray, NDArray[np.float64]]]


def _lowest_hashes(sizes: NDArray[np.int64], seed: int, piece: Holds) -> _Lowest:
    """Return, of each class, the rows of the lowest distinct hashes."""
    found: _Lowest = {}
    for c in np.flatnonzero(sizes).tolist():
        members = piece.class_members(c)
        if len(members):
            hashes = piece.hashes(members, seed)
            places = lowest_distinct(hashes, int(sizes[c]))
            found[c] = hashes[places], piece.X[members[places]], piece.targets(members[places])
    return found


def _lowest_of_both(sizes: NDArray[np.int64], one: _Lowest, other: _Lowest) -> _Lowest:
    both = dict(one)
    for c, found in other.items():
        if c in both:
            hashes, rows, targets = (np.concatenate(parts) for parts in zip(both[c], found, strict=True))
            places = lowest_distinct(hashes, int(sizes[c]))
            found = hashes[places], rows[places], targets[places]
        both[c] = found
    return both
