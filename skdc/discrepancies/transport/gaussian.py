"""Optimal transport between Gaussian laws."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from skdc.discrepancies.base import Discrepancy
from skdc.sets import Block


class GaussianLaw(NamedTuple):
    """A Gaussian law, its covariance given by a factor.

    Parameters
    ----------
    mean : Tensor of shape (d,)
    factor : Tensor of shape (r, d)
        The covariance is `factor.T @ factor`.
    """

    mean: Tensor
    factor: Tensor

    def compact(self) -> GaussianLaw:
        """Return the same law with a factor of at most d rows."""
        n, d = self.factor.shape
        return GaussianLaw(self.mean, torch.linalg.qr(self.factor).R) if n > d else self


def fitted_gaussian(block: Block) -> GaussianLaw:
    """Return the Gaussian law of the mean and the covariance of a block."""
    mean = block.mean()
    # The root has no slope at zero.
    root = block.mass.clamp_min(torch.finfo(block.mass.dtype).tiny).sqrt()
    return GaussianLaw(mean, root[:, None] * (block.values - mean))


def bures(p: GaussianLaw, q: GaussianLaw) -> Tensor:
    """Return the squared 2-Wasserstein distance of two Gaussian laws."""
    variances = p.factor.square().sum() + q.factor.square().sum()
    return (p.mean - q.mean).square().sum() + variances - 2 * nuclear_norm(p.factor @ q.factor.T)


def nuclear_norm(matrix: Tensor) -> Tensor:
    """Return the sum of the singular values; the gradient is finite for any rank."""
    with torch.no_grad():
        left, _, right = torch.linalg.svd(matrix, full_matrices=False)
        slope = left @ right
    # Envelope theorem: the norm is the largest product with a matrix of spectral norm 1, of which this is one.
    return (slope * matrix).sum()


class GaussianWasserstein(Discrepancy):
    r"""Squared 2-Wasserstein distance of the Gaussian laws with the means and covariances of the sets [1]_.

    .. math:: \|m_p - m_q\|^2 + \mathrm{tr}\, C_p + \mathrm{tr}\, C_q - 2\, \mathrm{tr} (C_p^{1/2} C_q C_p^{1/2})^{1/2}

    Also called squared Bures or Fréchet distance; in an Inception network it is the FID. The value is squared, in
    the squared unit of the space. It sees means and covariances only; with k points of a class it cannot fall below
    the variance of the data outside the k - 1 best directions.

    Parameters
    ----------
    space, by, reduce, weight
        As in `Discrepancy`.

    References
    ----------
    .. [1] Dowson and Landau, "The Fréchet Distance between Multivariate Normal Distributions", 1982.

    Examples
    --------
    >>> from skdc.discrepancies import GaussianWasserstein
    >>> round(GaussianWasserstein()([[-1.0], [1.0]], [[0.0], [6.0]]), 3)
    13.0
    """

    compares = "clouds"
    symmetric = nonnegative = True

    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return the squared distance of the two Gaussian laws."""
        real, points = fitted_gaussian(p), fitted_gaussian(q)
        # The product of the factors has a row for each real row: fewer are worth their price for many points only.
        return bures(real.compact() if len(q) > p.values.shape[1] else real, points)

    def witness(self, p: Block, q: Block, at: Tensor) -> Tensor:
        """Return the first variation, leaving out directions in which p has no variance (there it is infinite)."""
        real, points = fitted_gaussian(p), fitted_gaussian(q)
        _, singular, right = torch.linalg.svd(real.factor @ points.factor.T, full_matrices=False)
        kept = singular > singular.max() * max(len(p), len(q)) * torch.finfo(singular.dtype).eps
        centred = at - real.mean
        transported = (centred @ points.factor.T @ right[kept].T).square() / singular[kept]
        return centred.square().sum(1) + 2 * centred @ (real.mean - points.mean) - transported.sum(1)
