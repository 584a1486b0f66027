"""How far the data are, in a kernel's feature space, from the span of the synthetic points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from skdc.discrepancies.base import Discrepancy
from skdc.discrepancies.mmd import fit_kernel, given_kernel
from skdc.exceptions import PartsError
from skdc.kernels import MATRIX_ENTRIES, Energy, Kernel
from skdc.sets import Block
from skdc.sources import Source
from skdc.structures import SpanDistance

_JITTER = 1e-10  # in units of the kernel's diagonal: points that coincide span what one of them does


class NystromError(Discrepancy, SpanDistance):
    r"""Trace error of the Nystrom approximation [1]_ of a kernel, by the synthetic points S; a squared distance.

    .. math:: E_p\big[ k(x, x) - k(x, S) K_{SS}^{+} k(S, x) \big]

    The mean squared distance, in the feature space of the kernel, of the data to the span of the points; in the unit
    of the kernel (none for a Gaussian one). It is zero where any function of the kernel's space can be interpolated on
    the data from its values at the points. The weights of the points do not matter. It is computed in float64.

    Parameters
    ----------
    kernel : Kernel, default=None
        Positive definite. None: a Gaussian one.
    bandwidth : "median", float or sequence of float, default="median"
        Of the Gaussian kernel, in the units of the space; several are averaged. Other kernels have their own.
    space, by, reduce, weight
        As in `Discrepancy`.

    References
    ----------
    .. [1] Williams and Seeger, "Using the Nystrom Method to Speed Up Kernel Machines", 2001.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc.discrepancies import NystromError
    >>> X, y = load_iris(return_X_y=True)
    >>> round(NystromError()(X, X[::50]), 3)
    0.14
    >>> round(NystromError()(X, X[::10]), 3)
    0.004
    """

    compares = "clouds"
    nonnegative = True

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
                f"NystromError(kernel={kernel!r}): it is positive definite on masses that sum to zero only, and has "
                "no feature space to span; use Gaussian() or Laplace()"
            )
        self.kernel_ = fit_kernel(self, kernel, source, generator)
        return self

    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return the mean squared distance to the span."""
        return p.mass @ self.residual(p.values, q.values)

    def witness(self, p: Block, q: Block, at: Tensor) -> Tensor:
        """Return the squared distances to the span: where q misses mass of p."""
        return self.residual(at, q.values)

    def residual(self, values: Tensor, points: Tensor) -> Tensor:
        """Return the squared distance of each embedded row to the span of some embedded points, of shape (n,)."""
        points = points.double()
        gram = self.kernel_(points, points)
        jitter = (_JITTER * gram.diagonal().mean()).clamp_min(torch.finfo(gram.dtype).tiny)
        root = torch.linalg.cholesky(gram + jitter * torch.eye(len(points), dtype=gram.dtype, device=gram.device))

        def piece(rows: Tensor) -> Tensor:
            rows = rows.double()
            coordinates = torch.linalg.solve_triangular(root, self.kernel_(points, rows), upper=False)
            return self.kernel_.diagonal(rows) - coordinates.square().sum(0)

        pieces = values.split(max(1, MATRIX_ENTRIES // len(points)))
        if len(pieces) == 1:
            return piece(values).to(values.dtype)
        # A piece is computed again for its gradient, and not held.
        found = [checkpoint(piece, rows, use_reentrant=False, preserve_rng_state=False) for rows in pieces]
        return torch.cat(found).to(values.dtype)
