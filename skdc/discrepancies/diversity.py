"""Objectives that keep chosen rows apart: graph cut, log-determinant, least distance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Self

import torch
from torch import Tensor

from skdc.discrepancies.base import Discrepancy
from skdc.discrepancies.mmd import fit_kernel, given_kernel, own_kernel
from skdc.exceptions import PartsError
from skdc.kernels import Energy, Kernel, distance_columns, distances
from skdc.sets import Block
from skdc.sources import Source
from skdc.structures import Cut, LeastDistance, OwnKernel, Volume

_SAME_WEIGHT = 1 - 1e-6  # a point that weighs so much of twice another is there twice
_TILE = 4096  # rows of the data that are compared with all points at once


class _KernelTerm(Discrepancy):
    """An objective by a kernel, fitted to a sample of the data."""

    compares = "clouds"

    kernel: Kernel | None = None
    bandwidth: Literal["median"] | float | Sequence[float] = "median"

    @property
    def sparse(self) -> bool:  # type: ignore[override]  # the kernel tells
        """Whether rows that are sparse can be measured."""
        return self.kernel is None or self.kernel.takes_sparse()

    def fit_scale(self, source: Source, generator: torch.Generator) -> Self:
        """Fit the kernel, which must be positive definite, on a sample of the data."""
        kernel = given_kernel(self, self.kernel, self.bandwidth)
        if isinstance(kernel, Energy):
            raise PartsError(
                f"{type(self).__name__}(kernel={kernel!r}): it is no similarity, for it is positive definite on masses "
                "that sum to zero only; use Gaussian() or Laplace()"
            )
        self.kernel_ = fit_kernel(self, kernel, source, generator)
        return self


class GraphCut(_KernelTerm, Cut):
    r"""Graph cut: how alike the points are, less how alike they are to the data; in the unit of the kernel.

    .. math:: E_{qq} k - 2 c\, E_{pq} k

    The function of [1]_ that is made large, :math:`\sum_{i \in V, j \in S} k_{ij} - \lambda \sum_{i, j \in S} k_{ij}`,
    is minus this times :math:`\lambda |S|^2`, for :math:`c = |V| / (2 \lambda |S|)`. With c = 1 it is a squared `MMD`
    up to a constant; more makes points representative, up to the densest rows alone, less spreads them.

    Parameters
    ----------
    kernel : Kernel, default=None
        Positive definite. None: a Gaussian one.
    bandwidth : "median", float or sequence of float, default="median"
        Of the Gaussian kernel, in the units of the space; several are averaged. Other kernels have their own.
    representation : float, default=1.0
        The factor c; not negative.
    space, by, reduce, weight
        As in `Discrepancy`.

    References
    ----------
    .. [1] Iyer and Bilmes, "Submodular Optimization with Submodular Cover and Submodular Knapsack Constraints", 2013;
       Iyer et al., "Submodular Combinatorial Information Measures with Applications in Machine Learning", 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc.discrepancies import GraphCut
    >>> X, y = load_iris(return_X_y=True)
    >>> round(GraphCut()(X, X[::10]), 3)
    -0.572
    """

    representation: float = 1.0

    def fit_scale(self, source: Source, generator: torch.Generator) -> Self:
        """Check the factor, and fit the kernel."""
        if not 0 <= self.representation < float("inf"):
            raise ValueError(
                f"GraphCut(representation={self.representation!r}): the factor must be a number of at least 0"
            )
        return super().fit_scale(source, generator)

    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return the mean kernel within q less that with p."""
        within = q.mass @ self.kernel_(q.values, q.values) @ q.mass
        return within - 2 * self.representation * (q.mass @ self._potential(p, q.values))

    def _potential(self, p: Block, at: Tensor) -> Tensor:
        pieces = p.values.split(_TILE), p.mass.split(_TILE)
        return sum(self.kernel_(at, values) @ mass for values, mass in zip(*pieces, strict=True))

    def own_kernel(self, p: Block, n_columns: int) -> OwnKernel:
        """Return the kernel of p with itself."""
        return own_kernel(self.kernel_, p, n_columns)


class LogDeterminant(_KernelTerm, Volume):
    r"""Minus the log-determinant of the points' kernel matrix and a ridge; without unit for a Gaussian kernel.

    .. math:: -\log \det (I + M^{1/2} K M^{1/2} / \rho)

    with the masses M of the points. It is least where they span much of the kernel's space: the mode of a
    determinantal point process (DPP) of so many points [1]_. It looks at the points alone; that they are rows of the
    data keeps them in its range.

    Parameters
    ----------
    kernel, bandwidth
        As in `GraphCut`.
    ridge : float, default=0.01
        The ridge :math:`\rho`, in the unit of the kernel; positive. Points that are more alike than it are no better
        than one: with m points, of equal mass, it is :math:`m \rho` that is added to the kernel matrix.
    space, by, reduce, weight
        As in `Discrepancy`; `by` is "class" or None.

    References
    ----------
    .. [1] Kulesza and Taskar, "Determinantal Point Processes for Machine Learning", 2012, section 2.4.5.

    Examples
    --------
    >>> import numpy as np
    >>> from skdc.discrepancies import LogDeterminant
    >>> value = LogDeterminant(ridge=0.5)([[0.0], [1.0], [900.0]], [[0.0], [900.0]])  # far apart: det(2 I) = 4
    >>> round(float(np.exp(-value)), 6)
    4.0
    """

    ridge: float = 0.01

    def attach(self, source: Source) -> None:
        """Refuse groups, which the points do not have."""
        _refuse_groups(self)
        super().attach(source)

    def fit_scale(self, source: Source, generator: torch.Generator) -> Self:
        """Check the ridge, and fit the kernel."""
        if not 0 < self.ridge < float("inf"):
            raise ValueError(f"LogDeterminant(ridge={self.ridge!r}): the ridge must be a positive number")
        return super().fit_scale(source, generator)

    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return minus the log-determinant, in float64."""
        values, root = q.values.double(), (q.mass.double() / self.ridge).sqrt()
        matrix = root[:, None] * self.kernel_(values, values) * root
        matrix = matrix + torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
        return -2 * torch.linalg.cholesky(matrix).diagonal().log().sum().to(q.mass)

    def witness(self, p: Block, q: Block, at: Tensor) -> Tensor:
        """Refuse: it does not look at the rows."""
        raise ValueError("LogDeterminant has no witness, since it looks at the points alone; use NystromError()")


class Dispersion(Discrepancy, LeastDistance):
    """Minus the least distance between two points: max-min diversification [1]_; in the unit of the space.

    One point alone is at distance zero, and so are two in one: a point that weighs twice as much as another counts
    as two. It looks at the points alone; `IndependentSets` chooses rows by it, and by what they are worth.

    Parameters
    ----------
    space, by, reduce, weight
        As in `Discrepancy`; `by` is "class" or None.

    References
    ----------
    .. [1] Ravi, Rosenkrantz and Tayi, "Heuristic and Special Case Algorithms for Dispersion Problems", 1994.

    Examples
    --------
    >>> from skdc.discrepancies import Dispersion
    >>> Dispersion()([[0.0], [1.0], [9.0]], [[0.0], [2.0], [9.0]])
    -2.0
    """

    compares = "clouds"
    sparse = True

    def attach(self, source: Source) -> None:
        """Refuse groups, which the points do not have."""
        _refuse_groups(self)
        super().attach(source)

    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return minus the least distance of two points."""
        if len(q) < 2 or bool(q.weight.max() >= 2 * _SAME_WEIGHT * q.weight.min()):
            return 0 * q.values.sum()
        left, right = torch.triu_indices(len(q), len(q), 1, device=q.values.device)
        return -distances(q.values, q.values)[left, right].min()

    def witness(self, p: Block, q: Block, at: Tensor) -> Tensor:
        """Refuse: it does not look at the rows."""
        raise ValueError("Dispersion has no witness, since it looks at the points alone; use QuantizationError()")

    def columns(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        """Return a function of some rows that gives the distances of all rows to them, without a gradient."""
        return distance_columns(x, 1)


def _refuse_groups(discrepancy: Discrepancy) -> None:
    if discrepancy.by == "group":
        raise PartsError(
            f"{discrepancy!r} looks at the points alone, which have a class and no sensitive group; use by='class'"
        )
