"""Kernel discrepancies: the maximum mean discrepancy and the energy distance."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, Self

import torch
from sklearn.base import clone
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from skdc.discrepancies.base import Discrepancy
from skdc.discrepancies.embeddings import TILE, EmbeddingDistance
from skdc.discrepancies.objective import Term
from skdc.exceptions import PartsError
from skdc.kernels import KEPT_ENTRIES, MATRIX_ENTRIES, MEDIAN_ROWS, Energy, Gaussian, Kernel
from skdc.kernels.base import Rows
from skdc.sets import Block
from skdc.sources import Draws, Source, require
from skdc.structures import OwnKernel


class KernelDistance(EmbeddingDistance):
    """The squared distance between mean embeddings by a kernel that is computed; subclasses name the kernel."""

    compares = "clouds"

    @property
    def sparse(self) -> bool:  # type: ignore[override]  # the kernel tells
        """Whether rows that are sparse can be measured."""
        return self.named_kernel().takes_sparse()

    @abstractmethod
    def named_kernel(self) -> Kernel:
        """Return the kernel, unfitted."""

    def fit_scale(self, source: Source, generator: torch.Generator) -> Self:
        """Fit the kernel on a sample of the data."""
        self.kernel_ = fit_kernel(self, self.named_kernel(), source, generator)
        return self

    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return the squared distance less its real-real term."""
        return self.within(q) - 2 * self.across(p, q)

    def constant(self, p: Block, generator: torch.Generator) -> Tensor:
        """Return the real-real term, in tiles."""
        return p.mass @ _own_potential(self.submatrix(p), p.mass)

    def within(self, q: Block) -> Tensor:
        """Return the mean kernel of two points of a block."""
        return q.mass @ self.kernel_(q.values, q.values) @ q.mass

    def across(self, p: Block, q: Block) -> Tensor:
        """Return the mean kernel of a row of p and one of q, in pieces where their matrix would be large."""
        n_rows = max(1, MATRIX_ENTRIES // len(q))
        if len(p) <= n_rows:
            return p.mass @ self.kernel_(p.values, q.values) @ q.mass

        def piece(values: Tensor, mass: Tensor) -> Tensor:
            return mass @ self.kernel_(values, q.values) @ q.mass

        pieces = zip(p.values.split(n_rows), p.mass.split(n_rows), strict=True)
        # A piece is computed again for its gradient, and not held.
        return sum(checkpoint(piece, *rows, use_reentrant=False, preserve_rng_state=False) for rows in pieces)

    def kernel_matrix(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the kernel matrix."""
        return self.kernel_(x, y)

    def own_kernel(self, p: Block, n_columns: int) -> OwnKernel:
        """Return the potential by half of the matrix, which is symmetric; the matrix is kept where that pays."""
        return own_kernel(self.kernel_, p, n_columns)

    def submatrix(self, p: Block) -> Callable[[Rows, Rows], Tensor]:
        """Return a function that gives the kernel of some rows of p with others."""
        return self.kernel_.among(p.values)


def own_kernel(kernel: Kernel, p: Block, n_columns: int) -> OwnKernel:
    """Return a kernel of p with itself, of which so many columns may be asked for.

    The potential takes half of the matrix, which is symmetric; the matrix is kept where that pays.
    """
    submatrix, diagonal = kernel.among(p.values), kernel.diagonal(p.values)
    # A column that is computed again costs about as much as d that are read; to keep the matrix, ten times all.
    is_kept = n_columns * p.values.shape[1] > 10 * len(p)
    if len(p) ** 2 > KEPT_ENTRIES or not is_kept:
        return OwnKernel(_own_potential(submatrix, p.mass), diagonal, lambda rows: submatrix(slice(None), rows))
    matrix = p.mass.new_empty(len(p), len(p))
    for rows, others, tile in _lower_tiles(submatrix, len(p)):
        matrix[rows, others], matrix[others, rows] = tile, tile.T
    return OwnKernel(matrix @ p.mass, diagonal, lambda rows: matrix[rows].T)


def _lower_tiles(submatrix: Callable[[Rows, Rows], Tensor], size: int) -> Iterator[tuple[slice, slice, Tensor]]:
    """Yield the tiles of a symmetric matrix on and under its diagonal, and where they stand."""
    tiles = [slice(start, start + TILE) for start in range(0, size, TILE)]
    for i, rows in enumerate(tiles):
        for others in tiles[: i + 1]:
            yield rows, others, submatrix(rows, others)


def _own_potential(submatrix: Callable[[Rows, Rows], Tensor], mass: Tensor) -> Tensor:
    """Return a symmetric matrix times the masses of its rows, tile by tile."""
    potential = torch.zeros_like(mass)
    for rows, others, tile in _lower_tiles(submatrix, len(mass)):
        potential[rows] += tile @ mass[others]
        if others != rows:
            potential[others] += mass[rows] @ tile
    return potential


class MMD(KernelDistance):
    r"""Maximum mean discrepancy (MMD) [1]_; the value is squared, in the unit of the kernel (none for a Gaussian one).

    .. math:: \mathrm{MMD}^2 = E_{pp} k - 2 E_{pq} k + E_{qq} k

    The biased (V-statistic) estimate, which is never negative, or the unbiased one, which may be.

    Parameters
    ----------
    kernel : Kernel, default=None
        None: a Gaussian one.
    bandwidth : "median", float or sequence of float, default="median"
        Of the Gaussian kernel, in the units of the space; several are averaged. Other kernels have their own.
    unbiased : bool, default=False
        Leave out the pairs of a row with itself; weights are then numbers of rows. It is for measuring sets of
        independent rows: a condenser refuses it.
    space, by, reduce, weight
        As in `Discrepancy`.

    References
    ----------
    .. [1] Gretton et al., "A Kernel Two-Sample Test", 2012, eqs. 3 and 5.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import MMD
    >>> X, y = load_iris(return_X_y=True)
    >>> round(MMD()(X[:50], X[50:]), 3)
    0.786
    >>> X_syn, y_syn = Condenser(discrepancy=MMD(), n_per_class=3, random_state=0).fit(X, y)
    >>> X_syn.shape
    (9, 4)
    """

    kernel: Kernel | None = None
    bandwidth: Literal["median"] | float | Sequence[float] = "median"
    unbiased: bool = False

    def named_kernel(self) -> Kernel:
        """Return the kernel that is given, or a Gaussian one."""
        return given_kernel(self, self.kernel, self.bandwidth)

    @property
    def nonnegative(self) -> bool:  # type: ignore[override]  # a parameter tells
        """Whether no value is below zero."""
        return not self.unbiased

    def check_condensing(self) -> None:
        """Refuse to be minimised, if unbiased."""
        if self.unbiased:
            raise PartsError(f"{self!r} is an estimate for independent rows, which condensed ones are not; use MMD()")

    def within(self, q: Block) -> Tensor:
        """Return the mean kernel of two points of a block: of two different ones, if unbiased."""
        return self._without_self(super().within(q), q)

    def constant(self, p: Block, generator: torch.Generator) -> Tensor:
        """Return the real-real term, in tiles."""
        return self._without_self(super().constant(p, generator), p)

    def _without_self(self, mean: Tensor, rows: Block) -> Tensor:
        if not self.unbiased:
            return mean
        n = rows.weight.sum()
        if not n > 1:
            raise ValueError(
                f"MMD(unbiased=True) compares pairs of different rows, but a side weighs {float(n):g}; use more rows, "
                "or unbiased=False"
            )
        return (n**2 * mean - rows.weight @ self.kernel_.diagonal(rows.values)) / (n**2 - n)


class EnergyDistance(KernelDistance):
    r"""Energy distance [1]_; the value is squared, in the unit of the space to the power of the exponent.

    .. math:: 2 E_{pq} \|x-y\| - E_{pp} \|x-x'\| - E_{qq} \|y-y'\|

    The biased (V-statistic) estimate, never negative; it has no bandwidth. It is an MMD with `Energy` for a kernel.

    Parameters
    ----------
    exponent : float, default=1.0
        Power of the distances, between 0 and 2 exclusively.
    space, by, reduce, weight
        As in `Discrepancy`.

    References
    ----------
    .. [1] Szekely and Rizzo, "Energy Statistics: A Class of Statistics Based on Distances", 2013, eq. 5.

    Examples
    --------
    >>> from skdc.discrepancies import EnergyDistance
    >>> EnergyDistance()([[0.0], [2.0]], [[1.0], [1.0]])
    1.0
    """

    exponent: float = 1.0

    def named_kernel(self) -> Kernel:
        """Return the energy kernel."""
        return Energy(self.exponent)


def given_kernel(
    discrepancy: Discrepancy, kernel: Kernel | None, bandwidth: Literal["median"] | float | Sequence[float]
) -> Kernel:
    """Return the kernel that is given to a discrepancy, beside no bandwidth, or a Gaussian one."""
    if kernel is None:
        return Gaussian(bandwidth)
    name = type(discrepancy).__name__
    if not isinstance(kernel, Kernel):
        raise TypeError(f"{name}(kernel={kernel!r}): give an object of skdc.kernels, such as Laplace()")
    if bandwidth != "median":
        raise PartsError(
            f"{name}(kernel={kernel!r}, bandwidth={bandwidth!r}): the bandwidth is that of the Gaussian kernel; give "
            "it to the kernel itself"
        )
    return clone(kernel)


def fit_kernel(discrepancy: Term, kernel: Kernel, source: Source, generator: torch.Generator) -> Kernel:
    """Return a kernel fitted to a sample of the data as the space of a discrepancy shows them; streams have none."""
    # Rows are not drawn where none are needed: what is drawn next is then that of a stream, which has shown none yet.
    rows = source.no_rows()
    if not kernel.knows_scale():
        rows = require(discrepancy, source, Draws, "the median bandwidth").sample(MEDIAN_ROWS, generator)
    with torch.no_grad():
        return kernel.fit(discrepancy.space_.embed(rows), rows.weight)
