"""Spaces of the data regime: the rows themselves, standardised, or joined with their targets."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Literal, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from skdc.exceptions import PartsError
from skdc.scales import merged_spread
from skdc.sets import LabeledSet
from skdc.sources import Holds, Passes, Source, require
from skdc.spaces.base import PointwiseSpace


class InvertibleSpace(PointwiseSpace):
    """A pointwise space whose every point stands for a row."""

    @abstractmethod
    def unembed(self, values: Tensor, rows: LabeledSet) -> LabeledSet:
        """Return `rows` with the features (and targets, where the space shows them) that embed as `values`."""


class Identity(InvertibleSpace):
    """The rows as they are, flattened, in the units of the data.

    Examples
    --------
    >>> from skdc.discrepancies import MMD
    >>> from skdc.spaces import Identity
    >>> MMD(space=Identity())
    MMD(space=Identity())
    """

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Remember the scale of the data."""
        self.scale_ = source.units.scale
        return self

    def embed(self, rows: LabeledSet) -> Tensor:
        """Return the rows flattened, in the units of the data (the origin is the data's mean)."""
        X = rows.X if rows.X.ndim == 2 else rows.X.flatten(1)  # sparse rows are flat
        return X * self.scale_

    def unembed(self, values: Tensor, rows: LabeledSet) -> LabeledSet:
        """Return the rows that embed as `values`."""
        return replace(rows, X=(values / self.scale_).view_as(rows.X))


class Standardized(InvertibleSpace):
    """The rows flattened, each feature divided by its standard deviation in the data.

    Constant features are left as they are.

    Examples
    --------
    >>> from skdc.discrepancies import MMD
    >>> from skdc.spaces import Standardized
    >>> MMD(space=Standardized())
    MMD(space=Standardized())
    """

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Learn the standard deviations, which the first chunk of a stream does not know."""
        passes = require(self, source, Passes, "the standard deviations")
        variance = _variance(passes, lambda rows: rows.X.flatten(1))
        self.scale_ = torch.where(variance > 0, variance, 1.0).rsqrt()
        return self

    def embed(self, rows: LabeledSet) -> Tensor:
        """Return the rows in units of the standard deviations."""
        return rows.X.flatten(1) * self.scale_

    def unembed(self, values: Tensor, rows: LabeledSet) -> LabeledSet:
        """Return the rows that embed as `values`."""
        return replace(rows, X=(values / self.scale_).view_as(rows.X))


class Joint(InvertibleSpace):
    """Features and continuous targets side by side, so that a discrepancy sees the joint law of (x, y).

    Parameters
    ----------
    target_weight : float or "all", default=None
        Factor of the targets, in units of X per unit of y. None gives the targets together as much variance
        as a feature has on average: with more, rows are told apart by their targets, the features of those that stand
        together average out, and learners overrate them. "all" gives them as much as all features together: for
        targets without noise, such as the predictions of a teacher.

    Examples
    --------
    >>> from skdc.discrepancies import MMD
    >>> from skdc.spaces import Joint
    >>> MMD(space=Joint())
    MMD(space=Joint())
    """

    target_weight: float | Literal["all"] | None = None

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Learn the scales of features and targets; a stream needs a `target_weight`."""
        n_outputs = source.schema.n_outputs
        if not n_outputs:
            raise PartsError("Joint() joins features with targets, but y is None; use Identity() or pass y")
        self.scale_ = source.units.scale
        if isinstance(self.target_weight, str) and self.target_weight != "all":
            raise ValueError(f"Joint(target_weight={self.target_weight!r}): it must be a number, 'all' or None")
        if self.target_weight is None or self.target_weight == "all":
            passes = require(self, source, Passes, "target_weight")
            columns = (lambda rows: rows.X.flatten(1)), (lambda rows: rows.y)
            of_X, of_y = (float(_variance(passes, part).sum()) for part in columns)
            share = 1 if self.target_weight == "all" else 1 / int(np.prod(source.schema.input_shape))
            balance = (of_X * share / of_y) ** 0.5 if of_X and of_y else 1.0
            self.target_scale_: float | Tensor = source.units.scale * balance
        else:
            self.target_scale_ = source.tensor(np.asarray(self.target_weight * source.target_units.scale))
        return self

    def embed(self, rows: LabeledSet) -> Tensor:
        """Return (x, weighted y) of each row."""
        return torch.cat([rows.X.flatten(1) * self.scale_, rows.y * self.target_scale_], dim=1)

    def unembed(self, values: Tensor, rows: LabeledSet) -> LabeledSet:
        """Return the rows and targets that embed as `values`."""
        n_outputs = rows.y.shape[1]
        X = (values[:, :-n_outputs] / self.scale_).view_as(rows.X)
        return replace(rows, X=X, y=values[:, -n_outputs:] / self.target_scale_)


class _Moments(NamedTuple):
    """Mass, means, sums of squares about them, and least and greatest of some columns."""

    mass: Tensor
    mean: Tensor
    scatter: Tensor
    low: Tensor
    high: Tensor

    def merged(self, other: _Moments) -> _Moments:
        """Return those of both."""
        low, high = torch.minimum(self.low, other.low), torch.maximum(self.high, other.high)
        return _Moments(*merged_spread(self[:3], other[:3]), low, high)


def _variance(source: Passes, columns: Callable[[LabeledSet], Tensor]) -> Tensor:
    """Return the weighted variance of each column, exactly 0 where it is constant."""

    def moments(piece: Holds) -> _Moments:
        values, share = columns(piece.rows), piece.rows.mass[:, None]
        mean, mass = (share * values).sum(0), piece.rows.weight.sum()
        return _Moments(mass, mean, (share * (values - mean) ** 2).sum(0) * mass, values.amin(0), values.amax(0))

    found = source.map_reduce(moments, _Moments.merged)
    return (found.scatter / found.mass).masked_fill(found.high == found.low, 0.0)
