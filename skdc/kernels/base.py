"""The contract of a kernel."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Self

from sklearn.base import BaseEstimator
from torch import Tensor

Rows = Tensor | slice


class Kernel(BaseEstimator, ABC):
    """A positive definite function of two rows; a parameter object with a fitted scale."""

    @abstractmethod
    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the kernel matrix of shape (len(x), len(y))."""

    @abstractmethod
    def diagonal(self, x: Tensor) -> Tensor:
        """Return the kernel of each row with itself, of shape (len(x),)."""

    def fit(self, values: Tensor, mass: Tensor) -> Self:
        """Learn the scale from rows, of shape (n, d), and their masses (nothing by default)."""
        return self

    def resolved(self) -> Self:
        """Return an unfitted kernel that has the learned scale for a parameter."""
        return type(self)(**self.get_params(deep=False))

    def among(self, x: Tensor) -> Callable[[Rows, Rows], Tensor]:
        """Return a function `submatrix(rows, others)` that gives the kernel of some rows of x with others.

        Rows are slices or indices. Indices of shape (..., n) and (..., m) make a matrix of shape (..., n, m).
        """
        return lambda rows, others: self(x[rows], x[others])

    def parameters(self) -> list[Tensor]:
        """Return what of the fitted kernel can be learned by gradient (nothing by default)."""
        return []
