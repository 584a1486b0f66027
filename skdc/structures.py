"""What solvers can make use of in a discrepancy, or in its space; a part that has it derives from its class here."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor

from skdc.sets import Block, LabeledSet


class OwnKernel(NamedTuple):
    """The kernel matrix of a cloud with itself, seen by its columns.

    Parameters
    ----------
    potential : Tensor of shape (n,)
        The mean embedding of the cloud at its own rows.
    diagonal : Tensor of shape (n,)
        The kernel of each row with itself.
    columns : callable
        `columns(rows)` returns the kernel of all rows with those, of shape (n, len(rows)).
    """

    potential: Tensor
    diagonal: Tensor
    columns: Callable[[Tensor], Tensor]


class Embedding(ABC):
    """A squared distance between mean embeddings."""

    @abstractmethod
    def own_kernel(self, p: Block, n_columns: int) -> OwnKernel:
        """Return what greedy selection needs of the kernel of p with itself; so many columns may be asked for."""

    @abstractmethod
    def submatrix(self, p: Block) -> Callable[[Tensor, Tensor], Tensor]:
        """Return a function `submatrix(rows, others)` that gives the kernel of some rows of p with others.

        From indices of shape (..., n) and (..., m) it makes a matrix of shape (..., n, m).
        """

    @abstractmethod
    def potential(self, p: Block, at: Tensor) -> Tensor:
        """Return the mean embedding of p at some points, of shape (n,)."""


class MeanFeatures(Embedding):
    """An embedding by features of each row: that of a cloud is their mean."""

    @abstractmethod
    def features(self, values: Tensor) -> Tensor:
        """Return the features of each row of the space, of shape (n, d)."""


class Quantization(ABC):
    """The mean distance to the nearest point, to the power of `exponent`."""

    exponent: float

    @abstractmethod
    def columns(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        """Return a function of some rows that gives the costs of all rows, which are `relative`, at them."""


class Covering(ABC):
    """A radius around the nearest points."""

    @abstractmethod
    def columns(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        """Return a function of some rows that gives the distances of all rows, which are `relative`, to them."""

    @abstractmethod
    def radius(self, nearest: Tensor, mass: Tensor) -> Tensor:
        """Return the radius, from the distance of each row to the nearest point and the mass of each row."""


class SpanDistance(ABC):
    """The mean squared distance to the span of the points in the feature space of `kernel_`."""

    kernel_: Any

    @abstractmethod
    def residual(self, values: Tensor, points: Tensor) -> Tensor:
        """Return the squared distance of each row to the span of some points, of shape (n,)."""


class Cut(ABC):
    """A mean kernel within the points less `representation` times twice that with the data."""

    representation: float

    @abstractmethod
    def own_kernel(self, p: Block, n_columns: int) -> OwnKernel:
        """Return what greedy selection needs of the kernel of p with itself; so many columns may be asked for."""


class Transport(ABC):
    """The least cost of carrying one set to the other: distances to the power of `order`."""

    order: float

    @abstractmethod
    def solve(self, p: Block, q: Block) -> tuple[Tensor, Tensor, Tensor]:
        """Return the plan of shape (len(p), len(q)) and the dual potentials of p and q, in float64."""


class LinearInTargets(ABC):
    """A space of predictions that are linear in the targets of the synthetic set, less `offset_`."""

    offset_: float

    @abstractmethod
    def response(self, real: LabeledSet, synthetic: LabeledSet) -> Tensor:
        """Return the matrix that makes predictions on the real rows of targets, less their offset, of shape (n, m)."""


class Flat:
    """A discrepancy, or a space, without a gradient: rows can be chosen by it, and no points moved."""


class PointsAlone(Flat, ABC):
    """A discrepancy that does not look at the data: rows can be chosen by it, and points would be moved far away."""


class Volume(PointsAlone):
    """Minus the logarithm of the determinant of the kernel matrix of the points and a ridge, for `kernel_`."""

    kernel_: Any
    ridge: float


class LeastDistance(PointsAlone):
    """Minus the least distance between two points."""

    @abstractmethod
    def columns(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        """Return a function of some rows that gives the distances of all rows, which are `relative`, to them."""


class SecondOrder:
    """A discrepancy that sees nothing of clouds but the means and variances of columns."""
