"""Value objects that travel between the parts: labelled sets, blocks of their representations, and the schema."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, sparray
from torch import Tensor

WIDEST_TABLE = 100  # frames of more columns are images or the like, more often than not


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


class SparseRows:
    """Rows of a sparse matrix that answer, as a tensor does, to what kernels ask of rows; they have no gradient.

    Parameters
    ----------
    matrix : sparse array of shape (n, d), or (d, n) once it is transposed
        In the working dtype.
    """

    def __init__(self, matrix: sparray) -> None:
        self._matrix = matrix
        self.shape, self.ndim = matrix.shape, 2
        self.dtype = torch.float64 if matrix.dtype == np.float64 else torch.float32
        self.device = torch.device("cpu")

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, rows: Tensor | slice) -> SparseRows:
        return SparseRows(self._matrix[rows.numpy() if isinstance(rows, Tensor) else rows])

    def __mul__(self, factor: float) -> SparseRows:
        return SparseRows(self._matrix * factor)

    def __matmul__(self, other: SparseRows | Tensor) -> Tensor:
        if isinstance(other, Tensor):
            return torch.from_numpy(self._matrix @ other.numpy())
        return torch.from_numpy((self._matrix @ other._matrix).toarray())

    def __rmatmul__(self, mass: Tensor) -> Tensor:
        return torch.from_numpy(mass.numpy() @ self._matrix)

    @property
    def mT(self) -> SparseRows:  # noqa: N802
        """The transposed matrix, for a product."""
        return SparseRows(self._matrix.T)

    def split(self, size: int) -> list[SparseRows]:
        """Return the rows in pieces."""
        return [self[start : start + size] for start in range(0, len(self), size)]

    def square(self) -> SparseRows:
        """Return the squared entries."""
        return SparseRows(self._matrix**2)

    def sum(self, axis: int, keepdim: bool = False) -> Tensor:
        """Return the sums along an axis."""
        sums = torch.from_numpy(np.asarray(self._matrix.sum(axis=axis), dtype=self._matrix.dtype))
        return sums.unsqueeze(axis) if keepdim else sums

    def mean(self, axis: int) -> Tensor:
        """Return the means along an axis."""
        return self.sum(axis) / self.shape[axis]

    def flatten(self, start: int) -> SparseRows:
        """Return the rows themselves: they are flat."""
        return self

    def detach(self) -> SparseRows:
        """Return the rows themselves: they have no gradient."""
        return self

    def clone(self) -> SparseRows:
        """Return the rows themselves: nothing changes them."""
        return self

    def double(self) -> SparseRows:
        """Return the rows in float64."""
        return SparseRows(self._matrix.astype(np.float64))

    def new_ones(self, *shape: int) -> Tensor:
        """Return a dense tensor of ones of the same dtype."""
        return torch.ones(*shape, dtype=self.dtype)

    def new_zeros(self, *shape: int) -> Tensor:
        """Return a dense tensor of zeros of the same dtype."""
        return torch.zeros(*shape, dtype=self.dtype)


def sparse_rows(X: Any, dtype: torch.dtype) -> SparseRows:
    """Return a sparse matrix of a user as rows in the working dtype."""
    return SparseRows(csr_array(X, dtype=np.float64 if dtype == torch.float64 else np.float32))


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
    multilabel : bool, default=False
        Whether the targets, continuous inside, are 0 or 1 for the user: several labels a row.
    label_dtype : numpy dtype, default=numpy.int64
        Of several labels a row.
    encoder : fitted transformer, default=None
        What made the rows of what the user passed.
    n_columns : int, default=0
        Columns of the table that the data were, before they were encoded; 0 where they were none.
    sensitive_of_key : ndarray of shape (n_keys,), int64, default=None
        The sensitive group of each real group key; None without sensitive features.
    """

    input_shape: tuple[int, ...]
    n_outputs: int
    task: str
    class_of_key: NDArray[np.int64]
    float_dtype: np.dtype
    classes: NDArray | None = None
    feature_names: NDArray | None = None
    flat_targets: bool = True
    multilabel: bool = False
    label_dtype: Any = np.int64
    encoder: Any = None
    n_columns: int = 0
    sensitive_of_key: NDArray[np.int64] | None = None

    def describe(self) -> str:
        """Return what chunks of one stream must have in common, in words."""
        return f"{self.task} targets of {self.n_outputs} column(s), rows of shape {self.input_shape}"

    @property
    def given_targets(self) -> str:
        """What y is, in words, for parts that need classes."""
        if self.multilabel:
            return "y has several labels a row (if its columns are one-hot classes, pass y.argmax(axis=1))"
        if self.task == "classification":
            return "y has one class only" if self.n_classes < 2 else f"y has {self.n_classes} classes"
        return "y is None" if self.task == "none" else "y is continuous"

    @property
    def is_table(self) -> bool:
        """Whether the data were a table that is not so wide as images or embeddings are."""
        return 0 < self.n_columns <= WIDEST_TABLE

    @property
    def averages_mislead(self) -> bool:
        """Whether means of rows are like no row: of a table, or with targets that are averaged less than their rows."""
        return self.is_table or self.task == "regression"

    @property
    def n_classes(self) -> int:
        """Number of class codes (1 where there are no classes)."""
        return int(self.class_of_key.max()) + 1
