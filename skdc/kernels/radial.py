"""Kernels of the distance between two rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Self

import numpy as np
import torch
from torch import Tensor

from skdc.kernels.base import Kernel, Rows
from skdc.kernels.distances import distances, distances_of_norms, power, resolve_bandwidth, squared_distances
from skdc.sources import relative, squared_norms


class Radial(Kernel):
    """A kernel of the distance in units of a bandwidth, which is 1 at zero; several bandwidths are averaged.

    Parameters
    ----------
    bandwidth : "median", float or sequence of float, default="median"
        In the units of the rows. "median" is the weighted median distance between rows (a row and itself
        count as a pair, so that a row of weight 2 equals the row twice).
    factor : float, default=1.0
        Multiplies the bandwidth.

    Attributes
    ----------
    log_bandwidth_ : Tensor of shape (n_bandwidths,)
        The logarithms of the bandwidths.
    """

    bandwidth: Literal["median"] | float | Sequence[float] = "median"
    factor: float = 1.0

    def fit(self, values: Tensor, mass: Tensor) -> Self:
        """Resolve the bandwidths."""
        if not self.factor > 0:
            raise ValueError(f"factor={self.factor!r} must be positive")
        bandwidth = self.factor * resolve_bandwidth(self.bandwidth, values, mass)
        self.log_bandwidth_ = torch.as_tensor(np.log(bandwidth), dtype=values.dtype, device=values.device)
        return self

    @property
    def bandwidth_(self) -> np.ndarray:
        """The bandwidths, of shape (n_bandwidths,)."""
        return torch.as_tensor(self.log_bandwidth_).detach().cpu().double().exp().numpy()

    def resolved(self) -> Self:
        """Return the kernel with numbers for bandwidths."""
        return type(self)(bandwidth=self.bandwidth_.tolist())

    def parameters(self) -> list[Tensor]:
        """Return the logarithms of the bandwidths."""
        return [self.log_bandwidth_]

    def diagonal(self, x: Tensor) -> Tensor:
        """Return ones."""
        return torch.ones(len(x), dtype=x.dtype, device=x.device)


class Gaussian(Radial):
    r"""Gaussian kernel, the mean of :math:`\exp(-\|x-y\|^2 / (2 b^2))` over the bandwidths b.

    Parameters
    ----------
    bandwidth, factor
        As in `Radial`.

    Examples
    --------
    >>> import torch
    >>> from skdc.kernels import Gaussian
    >>> x = torch.tensor([[0.0], [1.0]])
    >>> Gaussian(bandwidth=1.0).fit(x, torch.ones(2))(x, x)
    tensor([[1.0000, 0.6065],
            [0.6065, 1.0000]])
    """

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the kernel matrix of shape (len(x), len(y))."""
        return self._of_squares(squared_distances(x, y))

    def among(self, x: Tensor) -> Callable[[Rows, Rows], Tensor]:
        """Return a function that gives the kernel of some rows with others; the squared norms are computed once."""
        x = relative(x)
        norms = squared_norms(x)
        return lambda rows, others: self._of_squares(distances_of_norms(x[rows], x[others], norms[rows], norms[others]))

    def _of_squares(self, squares: Tensor) -> Tensor:
        exponents = -0.5 * (-2 * torch.as_tensor(self.log_bandwidth_).to(squares.dtype)).exp()
        if len(exponents) == 1 and not (squares.requires_grad or exponents.requires_grad):
            return squares.mul_(exponents).exp_()
        first, *others = ((squares * exponent).exp_() for exponent in exponents)
        return sum(others, first) / len(exponents) if others else first


class InverseMultiquadric(Radial):
    r"""Inverse multiquadric kernel, the mean of :math:`(1 + \|x-y\|^2 / b^2)^{-1/2}` over the bandwidths b.

    Its tails are heavy, so that far points are still felt [1]_.

    Parameters
    ----------
    bandwidth, factor
        As in `Radial`.

    References
    ----------
    .. [1] Gorham and Mackey, "Measuring Sample Quality with Kernels", 2017, section 3.

    Examples
    --------
    >>> import torch
    >>> from skdc.kernels import InverseMultiquadric
    >>> x = torch.tensor([[0.0], [1.0]])
    >>> InverseMultiquadric(bandwidth=1.0).fit(x, torch.ones(2))(x, x)
    tensor([[1.0000, 0.7071],
            [0.7071, 1.0000]])
    """

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the kernel matrix of shape (len(x), len(y))."""
        squares = squared_distances(x, y)
        scales = (-2 * torch.as_tensor(self.log_bandwidth_).to(x.dtype)).exp()
        return sum((1 + squares * scale).rsqrt() for scale in scales) / len(scales)


class Laplace(Radial):
    r"""Laplace kernel, the mean of :math:`\exp(-\|x-y\| / b)` over the bandwidths b.

    Parameters
    ----------
    bandwidth, factor
        As in `Radial`.

    Examples
    --------
    >>> import torch
    >>> from skdc.kernels import Laplace
    >>> x = torch.tensor([[0.0], [1.0]])
    >>> Laplace(bandwidth=1.0).fit(x, torch.ones(2))(x, x)
    tensor([[1.0000, 0.3679],
            [0.3679, 1.0000]])
    """

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the kernel matrix of shape (len(x), len(y))."""
        lengths = distances(x, y)
        scales = (-torch.as_tensor(self.log_bandwidth_).to(x.dtype)).exp()
        return sum((-lengths * scale).exp() for scale in scales) / len(scales)


class Energy(Kernel):
    r"""Energy kernel :math:`-\|x-y\|^{\alpha}`, positive definite on masses that sum to zero [1]_.

    That is what a discrepancy between two sets of mass one needs; a kernel ridge needs more.

    Parameters
    ----------
    exponent : float, default=1.0
        :math:`\alpha`, between 0 and 2 exclusively.

    References
    ----------
    .. [1] Sejdinovic et al., "Equivalence of Distance-based and RKHS-based Statistics in Hypothesis Testing", 2013,
       section 3.

    Examples
    --------
    >>> import torch
    >>> from skdc.kernels import Energy
    >>> x = torch.tensor([[0.0], [1.0]])
    >>> Energy()(x, x)
    tensor([[-0., -1.],
            [-1., -0.]])
    """

    exponent: float = 1.0

    def fit(self, values: Tensor, mass: Tensor) -> Self:
        """Check the exponent."""
        if not 0 < self.exponent < 2:
            raise ValueError(f"Energy(exponent={self.exponent!r}): it must lie between 0 and 2, both excluded")
        return self

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the kernel matrix of shape (len(x), len(y))."""
        lengths = distances(x, y)
        return -lengths if self.exponent == 1 else -power(lengths, self.exponent)

    def diagonal(self, x: Tensor) -> Tensor:
        """Return zeros."""
        return torch.zeros(len(x), dtype=x.dtype, device=x.device)
