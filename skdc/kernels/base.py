"""The contract of a kernel."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Self

from sklearn.base import BaseEstimator
from torch import Tensor


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

    def columns(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        """Return a function `columns(rows)` that gives the kernel of all rows with some, of shape (len(x), m)."""
        return lambda rows: self(x, x[rows])

    def parameters(self) -> list[Tensor]:
        """Return what of the fitted kernel can be learned by gradient (nothing by default)."""
        return []
