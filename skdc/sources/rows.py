"""Real rows in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import issparse
from torch import Tensor

from skdc.data import LabeledSet
from skdc.exceptions import PartsError
from skdc.hashes import hashed_uniform, labeled_hashes, lowest_distinct
from skdc.scales import Moments, asks_for_digits, asks_for_range, middle, slices, unit_of
from skdc.seeds import Deck
from skdc.sources.base import Source, draw_seed
from skdc.sources.schema import Schema

_CHUNK_BYTES = 1 << 25  # a stream passes in pieces of this many float64 bytes


class RowSource(Source):
    """Real rows in memory.

    Parameters
    ----------
    X : ndarray of shape (n, *input_shape), or sparse array of shape (n, d)
        Rows in the user's units; read, never written.
    y : ndarray of shape (n, n_outputs), float64
        One-hot classes or continuous targets, in the user's units.
    weight : ndarray of shape (n,), float64
        Positive masses.
    key : ndarray of shape (n,), int64
        Group keys.
    schema : Schema
    device : torch.device
    dtype : torch.dtype, default=None
        None takes float32, or float64 where float32 would lose what tells rows apart.
    scaled : bool, default=True
        Whether working units are those of the data's own shift and scale, or the user's.
    """

    def __init__(
        self,
        X: NDArray,
        y: NDArray[np.float64],
        weight: NDArray[np.float64],
        key: NDArray[np.int64],
        schema: Schema,
        device: torch.device,
        dtype: torch.dtype | None = None,
        scaled: bool = True,
    ) -> None:
        # Relative weights are all that counts; in float32 tiny ones would vanish.
        self.weight = weight / weight.mean() if scaled else weight
        self.X, self.y, self.key, self.schema = X, y, key, schema
        self.device, self.dtype = device, dtype or torch.float32
        self.shift, self.scale, self.target_shift, self.target_scale = 0.0, 1.0, 0.0, 1.0
        self.spread, self.target_spread, self._mean = 1.0, 1.0, 0.0
        self._center: NDArray[np.float64] | None = None
        if not scaled:
            return
        moments = self.moments
        self.scale = float(unit_of(moments.deviation, moments.size))
        center = moments.mean
        self._center = weight @ X / weight.sum() if issparse(X) else center
        digits = asks_for_digits(X, center, self.scale)
        if dtype is None and (digits or asks_for_range(self.weight, self.scale)):
            self.dtype = torch.float64
        if digits and not issparse(X):
            # About the middle of most rows, squares of most are small; far from the mean of a few that lie far off.
            center = middle(X, self.weight)
        self.shift = 0.0 if issparse(X) else center.reshape(schema.input_shape)
        self._mean = (moments.mean - center).reshape(schema.input_shape) / self.scale
        if schema.task == "regression":
            targets = [Moments.of(column[:, None], self.weight) for column in y.T]
            self.target_shift = np.concatenate([target.mean for target in targets])
            deviation = np.array([target.deviation for target in targets])
            self.target_scale = unit_of(deviation, np.abs(self.target_shift))

    def __len__(self) -> int:
        return self.X.shape[0]

    @cached_property
    def moments(self) -> Moments:
        """What one look at all rows tells."""
        return Moments.of(self.X, self.weight)

    def _middle(self) -> Tensor:
        return self.tensor(np.asarray(self._mean))

    @cached_property
    def rows(self) -> LabeledSet:
        """All rows in working units."""
        key = torch.as_tensor(self.key, device=self.device)
        return LabeledSet(self.tensor(self.weight), key, self.encode(self.X), self.encode_targets(self.y))

    @cached_property
    def _decks(self) -> list[Deck]:
        """The rows of each key that has some, to be dealt in turn."""
        members = (np.flatnonzero(self.key == k) for k in range(len(self.schema.class_of_key)))
        return [Deck(torch.as_tensor(rows), torch.as_tensor(self.weight[rows])) for rows in members if len(rows)]

    def batch(self, size: int, generator: torch.Generator) -> LabeledSet:
        """Return all rows if they are no more than `size`, else about `size` rows drawn evenly over the keys.

        The rows of a key are drawn in proportion to their weights and share its mass evenly: means over the batch
        estimate those over the data without bias. A key with fewer rows comes whole.
        """
        if len(self) <= size:
            return self.rows
        drawn, weight = self._draw(size, generator)
        return replace(self.rows.take(drawn.to(self.device)), weight=weight)

    def sample(self, size: int, generator: torch.Generator) -> LabeledSet:
        """Return what `batch` returns, without casting all rows to working units."""
        if len(self) <= size:
            return self.rows
        drawn, weight = self._draw(size, generator)
        return replace(self.take(drawn.numpy()), weight=weight)

    def take(self, indices: NDArray[np.intp]) -> LabeledSet:
        """Return some rows in working units, without casting the others."""
        weight, key = self.tensor(self.weight[indices]), torch.as_tensor(self.key[indices], device=self.device)
        return LabeledSet(weight, key, self.encode(self.X[indices]), self.encode_targets(self.y[indices]))

    def _draw(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        share = max(1, size // len(self._decks))
        rows, weight = zip(*(deck.deal(share, generator) for deck in self._decks), strict=True)
        return torch.cat(rows), torch.cat(weight).to(self.device, self.dtype)

    def feature_range(self) -> tuple[NDArray, NDArray]:
        """Return the least and the greatest number of each feature, in the user's units."""
        return self.X.min(axis=0), self.X.max(axis=0)

    def target_range(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the least and the greatest of each target, in the user's units."""
        return self.y.min(axis=0), self.y.max(axis=0)

    def class_members(self, c: int) -> NDArray[np.intp]:
        """Return the indices of the rows of class c."""
        return np.flatnonzero(self.schema.class_of_key[self.key] == c)

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
        return self.encode(self.X[rows]), self.encode_targets(self.y[rows])

    def hashes(self, members: NDArray[np.intp], seed: int) -> NDArray[np.uint64]:
        """Hash some rows by content: a choice by hash ignores their order, and the unit and origin of X and y."""
        units = None if self._center is None else ((self._center, self.scale), (self.target_shift, self.target_scale))
        return labeled_hashes(self.X[members], self.y[members], seed, units)

    def random_rows(self, members: NDArray[np.intp], size: int, generator: torch.Generator) -> NDArray[np.intp]:
        """Return the positions of `size` of some rows, drawn in proportion to weight without replacement.

        The draw ranks rows by -log(u) / weight (Efraimidis and Spirakis, 2006) with u a hash of the row.
        """
        chance = hashed_uniform(self.hashes(members, draw_seed(generator)))
        return np.argsort(-np.log(chance) / self.weight[members], kind="stable")[:size]

    def chunks(self, width: int) -> Iterator[RowSource]:
        """Yield the rows piece by piece, in the user's units and in float64, for the one pass of a sketch.

        Parameters
        ----------
        width : int
            Numbers that will be computed for each row; it bounds the length of a piece.
        """
        for rows in slices(self.X, _CHUNK_BYTES, width):
            pieces = self.X[rows], self.y[rows], self.weight[rows], self.key[rows]
            yield RowSource(*pieces, self.schema, self.device, torch.float64, scaled=False)


def require_rows(part: object, source: Source, unknown: str) -> RowSource:
    """Return the source if it holds rows.

    Raises
    ------
    ValueError
        For a stream, whose first chunk cannot tell what `unknown` names; for private rows.
    """
    if isinstance(source, RowSource):
        return source
    raise PartsError(f"{type(part).__name__} {source.cannot_tell(unknown)}")


def require_targets(part: object, source: Source) -> None:
    """Refuse data on which nothing can be trained, before anything is computed.

    Raises
    ------
    ValueError
        Without targets, or with a single class.
    """
    name, schema = type(part).__name__, source.schema
    if schema.task == "none":
        raise PartsError(f"{name} trains on targets, but y is None; pass y, or compare the rows alone, as MMD() does")
    if schema.task == "classification" and schema.n_outputs < 2:
        raise PartsError(f"{name} needs at least two classes, but {schema.given_targets}; compare rows alone: MMD()")
