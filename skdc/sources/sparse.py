"""Rows of a sparse matrix: a source of them, and the value object that is shown in place of a tensor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, sparray, vstack
from torch import Tensor

from skdc.sources.rows import RowSource
from skdc.sources.schema import Schema
from skdc.sources.units import Units

_PAIRS = 100_000  # of rows that are multiplied together
_ROUNDING = 1e-5  # by which a length may be off


class SparseRows:
    """Rows of a sparse matrix, on the CPU and without a gradient: what a selection asks of rows.

    They can be counted, taken, joined and scaled, and multiplied with each other and with dense numbers. (Rows of
    PyTorch's sparse tensors cannot be taken, and their products took three times as long.)

    Parameters
    ----------
    matrix : sparse array of shape (n, d)
        In the working dtype.

    Attributes
    ----------
    shape : tuple of (int, int)
    dtype : torch.dtype
    device : torch.device
    """

    ndim = 2
    device = torch.device("cpu")

    def __init__(self, matrix: sparray) -> None:
        self._matrix = matrix
        self.shape = matrix.shape
        self.dtype = torch.float64 if matrix.dtype == np.float64 else torch.float32

    @classmethod
    def joined(cls, parts: Sequence[SparseRows]) -> SparseRows:
        """Return rows that come in pieces as one."""
        return cls(vstack([part._matrix for part in parts], format="csr"))

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, rows: Tensor | slice) -> SparseRows:
        return SparseRows(self._matrix[rows.numpy() if isinstance(rows, Tensor) else rows])

    def index_select(self, axis: int, rows: Tensor) -> SparseRows:
        """Return some rows, as a tensor does along its first axis."""
        return self[rows]

    def __mul__(self, factor: float) -> SparseRows:
        return SparseRows(self._matrix * factor)

    def __matmul__(self, dense: Tensor) -> Tensor:
        return torch.from_numpy(self._matrix @ dense.numpy())

    def __rmatmul__(self, mass: Tensor) -> Tensor:
        return torch.from_numpy(mass.numpy() @ self._matrix)

    def double(self) -> SparseRows:
        """Return the rows in float64."""
        return SparseRows(self._matrix.astype(np.float64))

    def products(self, others: SparseRows) -> Tensor:
        """Return the inner products with other rows, of shape (len(self), len(others))."""
        return torch.from_numpy((self._matrix @ others._matrix.T).toarray())

    # Let x be of length one, as all rows are, x' its entries in the most frequent columns, of a length below t, and x''
    # the others. Then <x, y> = <x', y> + <x'', y> with <x', y> <= |x'| < t: only rows that share a column with x'' can
    # have a product above t [Anastasiu and Karypis, "L2AP: Fast Cosine Similarity Search with Prefix L-2 Norm Bounds",
    # 2014]. These columns are few, and few rows have them.
    def above(self, bound: float) -> Callable[[SparseRows], Tensor]:
        """Return a function of other rows, of length one as these are, that gives their products where above a bound.

        Others may be given as zero.
        """
        rare = self._rare(bound)
        if 2 * rare.nnz > self._matrix.nnz:
            return self.products

        def products(others: SparseRows) -> Tensor:
            found = (rare @ others._matrix.T).tocoo()
            values = np.zeros((len(self), len(others)), dtype=self._matrix.dtype)
            for start in range(0, found.nnz, _PAIRS):
                rows, columns = (place[start : start + _PAIRS] for place in found.coords)
                values[rows, columns] = self._matrix[rows].multiply(others._matrix[columns]).sum(axis=1)
            return torch.from_numpy(values)

        return products

    def _rare(self, bound: float) -> csr_array:
        """Return the rows without their most frequent columns, as many as are together shorter than a bound."""
        indptr, indices, data = self._matrix.indptr, self._matrix.indices, self._matrix.data
        row = np.repeat(np.arange(len(self)), np.diff(indptr))
        order = np.lexsort((-np.bincount(indices, minlength=self.shape[1])[indices], row))
        squares = np.concatenate([[0.0], np.cumsum(np.square(data[order], dtype=np.float64))])
        kept = squares[1:] - squares[indptr[row]] > (bound - _ROUNDING) * abs(bound - _ROUNDING)
        counts = np.bincount(row[kept], minlength=len(self))
        return csr_array((data[order][kept], indices[order][kept], np.r_[0, np.cumsum(counts)]), shape=self.shape)

    def combined(self, weights: sparray) -> SparseRows:
        """Return sums of the rows, weighted by each row of a sparse matrix of shape (m, len(self))."""
        return SparseRows(csr_array(weights.astype(self._matrix.dtype) @ self._matrix))

    def squared_norms(self) -> Tensor:
        """Return the squared norms, of shape (len(self),)."""
        return torch.from_numpy(np.asarray((self._matrix**2).sum(axis=1), dtype=self._matrix.dtype))


def sparse_rows(X: Any, dtype: torch.dtype) -> SparseRows:
    """Return a sparse matrix of a user as rows in the working dtype."""
    return SparseRows(csr_array(X, dtype=np.float64 if dtype == torch.float64 else np.float32))


class SparseSource(RowSource):
    """Rows of a sparse matrix in memory, of which some can be chosen.

    They are not centred, or they would be dense; and they stay on the CPU, whatever the device of the fit.

    Parameters
    ----------
    X : sparse array of shape (n, d)
    y, weight, key, schema, dtype, units
        As in `RowSource`.
    """

    sparse = True

    def __init__(
        self,
        X: sparray,
        y: NDArray[np.float64] | None,
        weight: NDArray[np.float64],
        key: NDArray[np.int64],
        schema: Schema,
        dtype: torch.dtype | None = None,
        units: tuple[Units, Units] | None = None,
    ) -> None:
        super().__init__(cast(NDArray, X), y, weight, key, schema, torch.device("cpu"), dtype, units)

    def _shift(self, needs_precision: bool) -> float:
        return 0.0

    def _mean_row(self) -> NDArray[np.float64]:
        return self.weight @ self.X / self.weight.sum()

    def encode(self, X: Any) -> Tensor:
        """Cast rows in the user's units to working units: a sparse matrix stays one."""
        return cast(Tensor, sparse_rows(X / self.units.scale, self.dtype))

    def _piece(self, rows: slice) -> SparseSource:
        return SparseSource(*self._cut(rows), self.schema, self.dtype, (self.units, self.target_units))
