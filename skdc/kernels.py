"""Kernels shared by spaces, discrepancies and learners."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator
from torch import Tensor

MEDIAN_ROWS = 1000  # a median distance is measured on a sample of this many rows


class Kernel(BaseEstimator, ABC):
    """A positive definite function of two rows; a parameter object with a fitted scale."""

    @abstractmethod
    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the kernel matrix of shape (len(x), len(y))."""

    @abstractmethod
    def fit(self, values: Tensor, mass: Tensor) -> Self:
        """Learn the scale from rows, of shape (n, d), and their masses."""

    @abstractmethod
    def resolved(self) -> Self:
        """Return an unfitted kernel that has the learned scale for a parameter."""

    def parameters(self) -> list[Tensor]:
        """Return what of the fitted kernel can be learned by gradient (nothing by default)."""
        return []


class Gaussian(Kernel):
    r"""Gaussian kernel, the mean of :math:`\exp(-\|x-y\|^2 / (2 b^2))` over the bandwidths b.

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

    Examples
    --------
    >>> import torch
    >>> from skdc.kernels import Gaussian
    >>> x = torch.tensor([[0.0], [1.0]])
    >>> Gaussian(bandwidth=1.0).fit(x, torch.ones(2))(x, x)
    tensor([[1.0000, 0.6065],
            [0.6065, 1.0000]])
    """

    def __init__(self, bandwidth: Literal["median"] | float | Sequence[float] = "median", factor: float = 1.0) -> None:
        self.bandwidth = bandwidth
        self.factor = factor

    def fit(self, values: Tensor, mass: Tensor) -> Self:
        """Resolve the bandwidths.

        Raises
        ------
        ValueError
            If a bandwidth, or the factor, is not a positive number.
        """
        if not self.factor > 0:
            raise ValueError(f"factor={self.factor!r} must be positive")
        bandwidth = self.factor * resolve_bandwidth(self.bandwidth, values, mass)
        self.log_bandwidth_ = torch.as_tensor(np.log(bandwidth), dtype=values.dtype, device=values.device)
        return self

    @property
    def bandwidth_(self) -> np.ndarray:
        """The bandwidths, of shape (n_bandwidths,)."""
        return self.log_bandwidth_.detach().cpu().double().exp().numpy()

    def resolved(self) -> Self:
        """Return the kernel with numbers for bandwidths."""
        return type(self)(bandwidth=self.bandwidth_.tolist())

    def parameters(self) -> list[Tensor]:
        """Return the logarithms of the bandwidths."""
        return [self.log_bandwidth_]

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the kernel matrix of shape (len(x), len(y))."""
        return self.of_squares(squared_distances(x, y))

    def of_squares(self, squares: Tensor) -> Tensor:
        """Return the kernel of pairs of rows from their squared distances."""
        exponents = -0.5 * (-2 * self.log_bandwidth_.to(squares.dtype)).exp()
        first, *others = ((squares * exponent).exp_() for exponent in exponents)
        return sum(others, first) / len(exponents) if others else first


class NeuralTangent(Kernel):
    r"""Closed-form neural tangent kernel of an infinitely wide fully connected ReLU network.

    Weights have variance ``weight_std**2 / width`` and biases ``bias_std**2``, in the tangent parametrization
    [1]_; the arc-cosine recursion is that of [2]_.

    Parameters
    ----------
    depth : int, default=1
        Number of hidden layers.
    weight_std : float, default=sqrt(2)
    bias_std : float, default=0.1
    scale : "rms" or float, default="rms"
        Rows are divided by it. "rms" is the root mean square of the entries of the rows that the kernel is
        fitted on, so that a bias means the same whatever the units.

    Attributes
    ----------
    scale_ : float

    References
    ----------
    .. [1] Jacot, Gabriel and Hongler, "Neural Tangent Kernel", 2018, Proposition 1.
    .. [2] Cho and Saul, "Kernel Methods for Deep Learning", 2009, eq. 1.

    Examples
    --------
    >>> import torch
    >>> from skdc.kernels import NeuralTangent
    >>> x = torch.ones(1, 1, dtype=torch.float64)
    >>> NeuralTangent(depth=1, bias_std=0.0).fit(x, torch.ones(1).double())(x, x)
    tensor([[4.0000]], dtype=torch.float64)
    """

    def __init__(
        self,
        depth: int = 1,
        weight_std: float = 2**0.5,
        bias_std: float = 0.1,
        scale: Literal["rms"] | float = "rms",
    ) -> None:
        self.depth = depth
        self.weight_std = weight_std
        self.bias_std = bias_std
        self.scale = scale

    def fit(self, values: Tensor, mass: Tensor) -> Self:
        """Learn the scale of the rows."""
        mean_square = (mass @ values.square().mean(1)) / mass.sum()
        self.scale_ = (float(mean_square.sqrt()) or 1.0) if self.scale == "rms" else self.scale
        return self

    def resolved(self) -> Self:
        """Return the kernel with a number for the scale."""
        return type(self)(self.depth, self.weight_std, self.bias_std, self.scale_)

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the kernel matrix of shape (len(x), len(y))."""
        d = x.shape[1] * self.scale_**2
        weight, bias = self.weight_std**2, self.bias_std**2
        cross = weight * (x @ y.T) / d + bias
        left = weight * x.square().sum(1, keepdim=True) / d + bias
        right = weight * y.square().sum(1)[None, :] / d + bias
        tangent = cross
        for _ in range(self.depth):
            norms = (left * right).clamp_min(torch.finfo(x.dtype).tiny).sqrt()
            # The slope of arccos is infinite at 1: stay one rounding error away from it.
            edge = 1 - torch.finfo(x.dtype).eps
            cosine = (cross / norms).clamp(-edge, edge)
            angle = torch.arccos(cosine)
            derivative = (torch.pi - angle) / (2 * torch.pi)
            cross = weight * norms * ((1 - cosine**2).sqrt() + (torch.pi - angle) * cosine) / (2 * torch.pi) + bias
            tangent = cross + tangent * weight * derivative
            left, right = weight * left / 2 + bias, weight * right / 2 + bias
        return tangent


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """Return the squared Euclidean distances of shape (len(x), len(y)); the gradient is finite everywhere."""
    return distances_of_norms(x, y, x.square().sum(1), y.square().sum(1))


def distances_of_norms(x: Tensor, y: Tensor, x_norms: Tensor, y_norms: Tensor) -> Tensor:
    """Return the squared distances of rows of which the squared norms are known."""
    # In place: nothing but the result is as large as the result.
    return torch.addmm(y_norms, x, y.T, alpha=-2).add_(x_norms[:, None]).clamp_min_(0)


def resolve_bandwidth(
    bandwidth: Literal["median"] | float | Sequence[float], values: Tensor, mass: Tensor
) -> np.ndarray:
    """Return the bandwidths as an array of shape (n_bandwidths,).

    Raises
    ------
    ValueError
        If a bandwidth is not a positive number, or a word other than "median".
    """
    if isinstance(bandwidth, str):
        if bandwidth != "median":
            raise ValueError(f"bandwidth={bandwidth!r} is not known; use 'median', a number or a list of numbers")
        return np.array([median_distance(values, mass)])
    bandwidths = np.atleast_1d(np.asarray(bandwidth, dtype=float))
    if bandwidths.size == 0 or not np.all(np.isfinite(bandwidths)) or np.any(bandwidths <= 0):
        raise ValueError(f"bandwidth={bandwidth!r} must be 'median', or positive numbers in the units of the rows")
    return bandwidths


def median_distance(values: Tensor, mass: Tensor) -> float:
    """Return the weighted median distance between rows; their root mean square if that is 0; 1 if it is too."""
    values, mass = values.double(), mass.double()
    left, right = torch.triu_indices(len(values), len(values), device=values.device)
    squares = squared_distances(values, values)[left, right]
    # Rows that are equal are a rounding error apart, which is no distance.
    squares[squares < 8 * torch.finfo(values.dtype).eps * values.square().sum(1).max()] = 0
    # A pair of two rows stands for both of its orders.
    pair_mass = mass[left] * mass[right] * torch.where(left == right, 1.0, 2.0)
    order = squares.argsort()
    cumulative = pair_mass[order].cumsum(0)
    # A hair under one half: at exactly one half, rounding would decide between two distances.
    half = (0.5 - 1e-9) * cumulative[-1]
    median = squares[order][torch.searchsorted(cumulative, half)]
    mean = (squares * pair_mass).sum() / cumulative[-1]
    return float(median.sqrt()) or float(mean.sqrt()) or 1.0
