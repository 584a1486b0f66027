"""The contract of a kernel."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Self

from torch import Tensor

from skdc.fields import Fields
from skdc.sources import products, squared_norms

Rows = Tensor | slice


class Kernel(Fields, ABC):
    """A positive definite function of two rows; a parameter object with a fitted scale."""

    @abstractmethod
    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the kernel matrix of shape (len(x), len(y))."""

    @abstractmethod
    def diagonal(self, x: Tensor) -> Tensor:
        """Return the kernel of each row with itself, of shape (len(x),)."""

    def fit(self, values: Tensor, mass: Tensor) -> Self:
        """Learn the scale from rows, of shape (n, d), and their masses (nothing by default).

        Raises
        ------
        ValueError
            If a parameter makes no sense.
        """
        return self

    def knows_scale(self) -> bool:
        """Tell whether `fit` learns nothing, as all scales are given as numbers."""
        return not any(isinstance(value, str) for value in self.get_params(deep=False).values())

    def takes_sparse(self) -> bool:
        """Tell whether it sees rows that are sparse as they are."""
        return True

    def sees_origin(self) -> bool:
        """Tell whether it changes when all rows are shifted in different features by different numbers, as images are.

        Such a kernel is shown rows as they are, others less their mean (the default).
        """
        return False

    def resolved(self) -> Self:
        """Return an unfitted kernel that has the learned scale for a parameter."""
        return type(self)(**self.get_params(deep=False))

    def among(self, x: Tensor) -> Callable[[Rows, Rows], Tensor]:
        """Return a function `submatrix(rows, others)` that gives the kernel of some rows of x with others.

        Rows are slices or indices. Indices of shape (..., n) and (..., m) make a matrix of shape (..., n, m).
        """
        return lambda rows, others: self(x[rows], x[others])

    def against(self, points: Tensor) -> Callable[[Tensor], Tensor]:
        """Return a function of rows that gives their kernel with points, of shape (len(rows), len(points)).

        What a kernel computes of the points alone, it may compute once.
        """
        return lambda rows: self(rows, points)

    def parameters(self) -> list[Tensor]:
        """Return what of the fitted kernel can be learned by gradient (nothing by default)."""
        return []

    def __add__(self, other: Kernel) -> KernelSum:
        if not isinstance(other, Kernel):
            return NotImplemented
        parts = [part.kernels if type(part) is KernelSum else [part] for part in (self, other)]
        return KernelSum([kernel for kernels in parts for kernel in kernels])


class FeatureKernel(Kernel):
    """A kernel that is the inner product of finitely many features of rows; subclasses write `features`."""

    @abstractmethod
    def features(self, x: Tensor) -> Tensor:
        """Return the features of rows, of shape (len(x), n_features)."""

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the kernel matrix of shape (len(x), len(y))."""
        return self.against(y)(x)

    def against(self, points: Tensor) -> Callable[[Tensor], Tensor]:
        """Return a function of rows that gives their kernel with points, of which the features are computed once."""
        features = self.features(points)
        return lambda rows: products(features if rows is points else self.features(rows), features)

    def diagonal(self, x: Tensor) -> Tensor:
        """Return the squared norms of the features."""
        return squared_norms(self.features(x))


class KernelSum(Kernel):
    """A sum of kernels, each in units of its mean on the diagonal.

    Made by `+`.

    Parameters
    ----------
    kernels : list of Kernel
    scales : list of float, default=None
        What each is divided by. None learns the mean of its diagonal.

    Attributes
    ----------
    scales_ : list of float

    Examples
    --------
    >>> import torch
    >>> from skdc.kernels import Gaussian, Linear
    >>> x = torch.tensor([[1.0], [3.0]])
    >>> (Gaussian(bandwidth=1.0) + Linear()).fit(x, torch.ones(2)).diagonal(x)
    tensor([1.2000, 2.8000])
    """

    kernels: list[Kernel]
    scales: list[float] | None = None

    def knows_scale(self) -> bool:
        """Tell whether all scales are given as numbers."""
        return self.scales is not None and all(kernel.knows_scale() for kernel in self.kernels)

    def takes_sparse(self) -> bool:
        """Tell whether all do."""
        return all(kernel.takes_sparse() for kernel in self.kernels)

    def sees_origin(self) -> bool:
        """Tell whether one does."""
        return any(kernel.sees_origin() for kernel in self.kernels)

    def fit(self, values: Tensor, mass: Tensor) -> Self:
        """Fit the kernels, then learn the mean of the diagonal of each."""
        if not self.kernels or (self.scales is not None and len(self.scales) != len(self.kernels)):
            raise ValueError(f"{self!r}: give at least one kernel, and a scale for each or None")
        for kernel in self.kernels:
            kernel.fit(values, mass)
        share = mass / mass.sum()
        means = [float(share @ kernel.diagonal(values).detach()) or 1.0 for kernel in self.kernels]
        self.scales_ = means if self.scales is None else self.scales
        return self

    def resolved(self) -> KernelSum:
        """Return the sum with the learned scales for parameters."""
        return KernelSum([kernel.resolved() for kernel in self.kernels], self.scales_)

    def parameters(self) -> list[Tensor]:
        """Return those of all kernels."""
        return [parameter for kernel in self.kernels for parameter in kernel.parameters()]

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the kernel matrix of shape (len(x), len(y))."""
        return self.against(y)(x)

    def against(self, points: Tensor) -> Callable[[Tensor], Tensor]:
        """Return a function of rows that gives their kernel with points."""
        parts = [(kernel.against(points), scale) for kernel, scale in zip(self.kernels, self.scales_, strict=True)]

        def with_points(rows: Tensor) -> Tensor:
            first, *others = (part(rows) / scale for part, scale in parts)
            return sum(others, first)

        return with_points

    def diagonal(self, x: Tensor) -> Tensor:
        """Return the kernel of each row with itself."""
        first, *others = (kernel.diagonal(x) / scale for kernel, scale in zip(self.kernels, self.scales_, strict=True))
        return sum(others, first)
