"""Rows of a sparse matrix: a source of them, and how kernels see them."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, sparray
from torch import Tensor

from skdc.sources.rows import RowSource
from skdc.sources.schema import Schema


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


class SparseSource(RowSource):
    """Rows of a sparse matrix in memory, of which some can be chosen.

    They are not centred, or they would be dense; and they stay on the CPU, whatever the device of the fit.

    Parameters
    ----------
    X : sparse array of shape (n, d)
    y, weight, key, schema, dtype
        As in `RowSource`.
    """

    def __init__(
        self,
        X: sparray,
        y: NDArray[np.float64] | None,
        weight: NDArray[np.float64],
        key: NDArray[np.int64],
        schema: Schema,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(cast(NDArray, X), y, weight, key, schema, torch.device("cpu"), dtype)

    def _shift(self, needs_precision: bool) -> float:
        return 0.0

    def _mean_row(self) -> NDArray[np.float64]:
        return self.weight @ self.X / self.weight.sum()

    def encode(self, X: Any) -> Tensor:
        """Cast rows in the user's units to working units: a sparse matrix stays one."""
        return cast(Tensor, sparse_rows(X / self.units.scale, self.dtype))
