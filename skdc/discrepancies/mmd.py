"""Kernel discrepancies: the maximum mean discrepancy, exact and by random features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

import numpy as np
import torch
from torch import Tensor

from skdc.data import Block
from skdc.discrepancies.embeddings import TILE, EmbeddingDistance, MeanDiscrepancy, OwnKernel
from skdc.kernels import MEDIAN_ROWS, Gaussian, distances_of_norms
from skdc.source import Source, require_rows
from skdc.spaces.base import Space


class MMD(EmbeddingDistance):
    r"""Maximum mean discrepancy (MMD) with a Gaussian kernel [1]_; the value is squared and has no unit.

    .. math:: \mathrm{MMD}^2 = E_{pp} k - 2 E_{pq} k + E_{qq} k

    The biased (V-statistic) estimate with weights: never negative. The real-real term does not depend on the
    synthetic set: `between` leaves it out, so that its value is the MMD up to a constant.

    Parameters
    ----------
    bandwidth : "median", float or sequence of float, default="median"
        Of the Gaussian kernel, in the units of the space; several are averaged.
    space, by, reduce, weight
        As in `Discrepancy`.

    References
    ----------
    .. [1] Gretton et al., "A Kernel Two-Sample Test", 2012, eq. 5.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import MMD
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = Condenser(discrepancy=MMD(), n_per_class=3, random_state=0).fit(X, y)
    >>> X_syn.shape
    (9, 4)
    """

    compares = "clouds"

    def __init__(
        self,
        bandwidth: Literal["median"] | float | Sequence[float] = "median",
        space: Space | None = None,
        by: Literal["class", "group"] | None = "class",
        reduce: Literal["mean", "worst"] = "mean",
        weight: float = 1.0,
    ) -> None:
        super().__init__(space, by, reduce, weight)
        self.bandwidth = bandwidth

    def fit_scale(self, source: Source, generator: torch.Generator) -> Self:
        """Resolve the bandwidth on a sample of the data.

        Raises
        ------
        ValueError
            If the bandwidth is not "median" or positive.
        """
        self.kernel_ = fit_gaussian(self, source, generator)
        return self

    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return the squared MMD less its real-real term."""
        within = q.mass @ self.kernel_(q.values, q.values) @ q.mass
        return within - 2 * (p.mass @ self.kernel_(p.values, q.values) @ q.mass)

    def kernel(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the kernel matrix."""
        return self.kernel_(x, y)

    def own_kernel(self, p: Block) -> OwnKernel:
        """Return the potential by half of the matrix products; squared norms are computed once."""
        norms = p.values.square().sum(1)

        def column(row: int) -> Tensor:
            one = slice(row, row + 1)
            squares = distances_of_norms(p.values, p.values[one], norms, norms[one])
            return self.kernel_.of_squares(squares)[:, 0]

        return OwnKernel(self._own_potential(p, norms), torch.ones_like(norms), column)

    def _own_potential(self, p: Block, norms: Tensor) -> Tensor:
        tiles = list(zip(p.values.split(TILE), norms.split(TILE), p.mass.split(TILE), strict=True))
        potentials = [torch.zeros_like(mass) for _, _, mass in tiles]
        for i, (x, x_norms, x_mass) in enumerate(tiles):
            for j, (y, y_norms, y_mass) in enumerate(tiles[: i + 1]):
                tile = self.kernel_.of_squares(distances_of_norms(x, y, x_norms, y_norms))
                potentials[i] += tile @ y_mass
                if j < i:
                    potentials[j] += x_mass @ tile
        return torch.cat(potentials)


class RandomFeatureMMD(MeanDiscrepancy):
    r"""MMD with a Gaussian kernel by random Fourier features [1]_; the value is squared and has no unit.

    The features :math:`\sqrt{1/D}\,(\cos\omega^\top x, \sin\omega^\top x)` have norm 1, so the mean feature is a
    bounded statistic. One pass over the data gives it: `Condenser(discrepancy=RandomFeatureMMD(...))` has
    `partial_fit`, and its cost after the pass does not depend on the number of rows.

    Parameters
    ----------
    bandwidth : "median", float or sequence of float, default="median"
        Of the Gaussian kernel, in the units of the space; several share the features. A stream needs a number.
    n_features : int, default=1000
        Number of frequencies; each gives a cosine and a sine.
    space, by, reduce, weight
        As in `Discrepancy`.

    References
    ----------
    .. [1] Rahimi and Recht, "Random Features for Large-Scale Kernel Machines", 2007, algorithm 1.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import RandomFeatureMMD
    >>> X, y = load_iris(return_X_y=True)
    >>> condenser = Condenser(discrepancy=RandomFeatureMMD(bandwidth=1.0), n_per_class=3, random_state=0)
    >>> for rows in (slice(0, 50), slice(50, 150)):
    ...     condenser = condenser.partial_fit(X[rows], y[rows], classes=[0, 1, 2])
    >>> condenser.X_syn_.shape
    (9, 4)
    """

    def __init__(
        self,
        bandwidth: Literal["median"] | float | Sequence[float] = "median",
        n_features: int = 1000,
        space: Space | None = None,
        by: Literal["class", "group"] | None = "class",
        reduce: Literal["mean", "worst"] = "mean",
        weight: float = 1.0,
    ) -> None:
        super().__init__(space, by, reduce, weight)
        self.bandwidth = bandwidth
        self.n_features = n_features

    def fit_scale(self, source: Source, generator: torch.Generator) -> Self:
        """Draw the frequencies.

        Raises
        ------
        ValueError
            If `n_features` is below one, or the bandwidth is not known before the first row of a stream.
        """
        if self.n_features < 1:
            raise ValueError(f"n_features={self.n_features!r} must be at least 1")
        bandwidth = fit_gaussian(self, source, generator).bandwidth_
        d = self.space_.embed(source.no_rows()).shape[1]
        # Frequencies are drawn in float64 whatever the data, so that a stream and a fit see the same features.
        frequencies = torch.randn(d, self.n_features, generator=generator, dtype=torch.float64)
        widths = torch.as_tensor(np.resize(bandwidth, self.n_features))
        self.frequencies_ = (frequencies / widths).to(source.device)
        return self

    def features(self, values: Tensor) -> Tensor:
        """Return cosines and sines, of shape (n, 2 * n_features)."""
        phases = values @ self.frequencies_.to(values.dtype)
        return torch.cat([phases.cos(), phases.sin()], dim=1) / self.n_features**0.5


def fit_gaussian(discrepancy: MMD | RandomFeatureMMD, source: Source, generator: torch.Generator) -> Gaussian:
    """Return the Gaussian kernel of a discrepancy; a median bandwidth is measured on a sample of the data."""
    kernel = Gaussian(discrepancy.bandwidth)
    if not isinstance(discrepancy.bandwidth, str):
        rows = source.no_rows()
    else:
        rows = require_rows(discrepancy, source, "the median bandwidth").sample(MEDIAN_ROWS, generator)
    with torch.no_grad():
        return kernel.fit(discrepancy.space_.embed(rows), rows.weight)
