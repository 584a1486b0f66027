"""Value objects that travel between the parts: labelled sets, blocks of their representations, and the schema."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows that carry mass and a group key, and can be selected together."""

    weight: Tensor
    key: Tensor

    def __len__(self) -> int:
        return len(self.weight)

    def take(self, rows: Tensor) -> Self:
        """Return the selected rows (indices or mask), all fields together."""
        return replace(self, **{name: value[rows] for name, value in vars(self).items()})

    @property
    def mass(self) -> Tensor:
        """The weights, normalised to sum to one."""
        return self.weight / self.weight.sum()


@dataclass(frozen=True, eq=False)
class LabeledSet(_Rows):
    """Rows with targets, mass and group keys.

    Parameters
    ----------
    weight : Tensor of shape (n,)
        Mass of each row; a row of weight 2 stands for the row twice.
    key : int64 Tensor of shape (n,)
        Group of each row: real rows carry (class, sensitive group) codes, synthetic rows class codes.
    X : Tensor of shape (n, ...)
        Features in working units.
    y : Tensor of shape (n, n_outputs)
        Class probabilities (one-hot for hard labels) or continuous targets in working units; no columns
        for unlabelled data.
    """

    X: Tensor
    y: Tensor


@dataclass(frozen=True, eq=False)
class Block(_Rows):
    """What a space shows of a set: one row of values a point (or a parameter row), with its mass and key.

    Parameters
    ----------
    weight, key : Tensor of shape (n,)
        As in `LabeledSet`.
    values : Tensor of shape (n, d)
        The representation.
    """

    values: Tensor

    def mean(self) -> Tensor:
        """Return the weighted mean row, of shape (d,)."""
        return self.mass @ self.values


def unweighted(values: Tensor) -> Block:
    """Wrap rows of equal mass and no group (parameters, gradients) into a block."""
    n = len(values)
    return Block(values.new_ones(n), torch.zeros(n, dtype=torch.int64, device=values.device), values)


@dataclass(frozen=True, eq=False)
class Schema:
    """What is known of the data without looking at rows.

    Parameters
    ----------
    input_shape : tuple of int
        Shape of one row.
    n_outputs : int
        Number of target columns: classes, continuous outputs, or 0 without targets.
    task : {"classification", "regression", "none"}
        What the targets are.
    class_of_key : ndarray of shape (n_keys,), int64
        The class code of each real group key; the identity without sensitive features.
    float_dtype : numpy dtype
        Of the rows that come out.
    classes : ndarray of shape (n_classes,), default=None
        The labels behind the class codes.
    feature_names : ndarray of shape (n_features,), default=None
        The names of the columns of a frame.
    flat_targets : bool, default=True
        Whether continuous targets have one dimension.
    """

    input_shape: tuple[int, ...]
    n_outputs: int
    task: str
    class_of_key: NDArray[np.int64]
    float_dtype: np.dtype
    classes: NDArray | None = None
    feature_names: NDArray | None = None
    flat_targets: bool = True

    def describe(self) -> str:
        """Return what chunks of one stream must have in common, in words."""
        return f"{self.task} targets of {self.n_outputs} column(s), rows of shape {self.input_shape}"

    @property
    def n_classes(self) -> int:
        """Number of class codes (1 where there are no classes)."""
        return int(self.class_of_key.max()) + 1
