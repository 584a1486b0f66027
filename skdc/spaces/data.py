"""Spaces of the data regime: the rows themselves, standardised, or joined with their targets."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import Self

import numpy as np
import torch
from torch import Tensor

from skdc.data import LabeledSet
from skdc.exceptions import PartsError
from skdc.sources import Source, require_rows
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
        self.scale_ = source.scale
        return self

    def embed(self, rows: LabeledSet) -> Tensor:
        """Return the rows flattened, in the units of the data (the origin is the data's mean)."""
        return rows.X.flatten(1) * self.scale_

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
        """Learn the standard deviations.

        Raises
        ------
        ValueError
            For a stream, whose first chunk does not know them.
        """
        rows = require_rows(self, source, "the standard deviations").rows
        variance = _variance(rows.X.flatten(1), rows)
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
    target_weight : float, default=None
        Factor of the targets, in units of X per unit of y. None gives the targets together as much variance
        as a feature has on average: with more, rows are told apart by their targets, the features of those that stand
        together average out, and learners overrate them.

    Examples
    --------
    >>> from skdc.discrepancies import MMD
    >>> from skdc.spaces import Joint
    >>> MMD(space=Joint())
    MMD(space=Joint())
    """

    def __init__(self, target_weight: float | None = None) -> None:
        self.target_weight = target_weight

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Learn the scales of features and targets.

        Raises
        ------
        ValueError
            Without targets; for a stream, if `target_weight` is None.
        """
        n_outputs = source.schema.n_outputs
        if not n_outputs:
            raise PartsError("Joint() joins features with targets, but y is None; use Identity() or pass y")
        self.scale_ = source.scale
        if self.target_weight is None:
            rows = require_rows(self, source, "target_weight").rows
            of_X, of_y = (float(_variance(values, rows).sum()) for values in (rows.X.flatten(1), rows.y))
            n_features = int(np.prod(source.schema.input_shape))
            self.target_scale_ = source.scale * ((of_X / n_features / of_y) ** 0.5 if of_X and of_y else 1.0)
        else:
            self.target_scale_ = source.tensor(np.asarray(self.target_weight * source.target_scale))
        return self

    def embed(self, rows: LabeledSet) -> Tensor:
        """Return (x, weighted y) of each row."""
        return torch.cat([rows.X.flatten(1) * self.scale_, rows.y * self.target_scale_], dim=1)

    def unembed(self, values: Tensor, rows: LabeledSet) -> LabeledSet:
        """Return the rows and targets that embed as `values`."""
        n_outputs = rows.y.shape[1]
        X = (values[:, :-n_outputs] / self.scale_).view_as(rows.X)
        return replace(rows, X=X, y=values[:, -n_outputs:] / self.target_scale_)


def _variance(values: Tensor, rows: LabeledSet) -> Tensor:
    """Return the weighted variance of each column, exactly 0 where it is constant."""
    mass = rows.mass[:, None]
    variance = (mass * (values - (mass * values).sum(0)) ** 2).sum(0)
    return variance.masked_fill(values.amax(0) == values.amin(0), 0.0)
