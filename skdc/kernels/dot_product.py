"""Kernels of the inner product of two rows and of their norms; the origin is that of the space."""

from __future__ import annotations

from typing import Literal, Self

import torch
from torch import Tensor

from skdc.kernels.base import FeatureKernel, Kernel
from skdc.kernels.distances import with_diagonal
from skdc.sources import products, squared_norms


class Linear(FeatureKernel):
    """The inner product of two rows, in their squared unit.

    Examples
    --------
    >>> import torch
    >>> from skdc.kernels import Linear
    >>> x = torch.tensor([[1.0], [2.0]])
    >>> Linear()(x, x)
    tensor([[1., 2.],
            [2., 4.]])
    """

    def features(self, x: Tensor) -> Tensor:
        """Return the rows themselves."""
        return x


class Polynomial(Kernel):
    r"""Polynomial kernel :math:`(x^\top y / (d s^2) + c)^p` of rows with d entries; without unit.

    Two sets of equal distance zero have the same moments up to order p [1]_.

    Parameters
    ----------
    degree : int, default=3
        p, at least 1.
    constant : float, default=1.0
        c, not negative; with 0 only the moments of order p count.
    scale : "rms" or float, default="rms"
        s. "rms" is the root mean square of the entries of the rows that the kernel is fitted on.

    Attributes
    ----------
    scale_ : float

    References
    ----------
    .. [1] Binkowski et al., "Demystifying MMD GANs", 2018, section 4.

    Examples
    --------
    >>> import torch
    >>> from skdc.kernels import Polynomial
    >>> x = torch.tensor([[1.0], [2.0]])
    >>> Polynomial(degree=2, scale=1.0).fit(x, torch.ones(2))(x, x)
    tensor([[ 4.,  9.],
            [ 9., 25.]])
    """

    degree: int = 3
    constant: float = 1.0
    scale: Literal["rms"] | float = "rms"

    def fit(self, values: Tensor, mass: Tensor) -> Self:
        """Learn the scale of the rows."""
        if self.degree < 1 or self.degree != int(self.degree) or self.constant < 0:
            raise ValueError(
                f"Polynomial(degree={self.degree!r}, constant={self.constant!r}): the degree must be a whole number of "
                "at least 1, the constant not negative"
            )
        self.scale_ = root_mean_square(self.scale, values, mass)
        return self

    def resolved(self) -> Self:
        """Return the kernel with a number for the scale."""
        return type(self)(self.degree, self.constant, self.scale_)

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the kernel matrix of shape (len(x), len(y))."""
        return (products(x, y) / (x.shape[-1] * self.scale_**2) + self.constant) ** self.degree

    def diagonal(self, x: Tensor) -> Tensor:
        """Return the kernel of each row with itself."""
        return (squared_norms(x) / x.shape[1] / self.scale_**2 + self.constant) ** self.degree


class ArcCosine(Kernel):
    r"""Arc-cosine kernel, that of one infinitely wide hidden layer [1]_; in the unit of the rows to the power of 2n.

    Parameters
    ----------
    order : {0, 1}, default=1
        n: the hidden units are steps (0) or rectified linear (1).

    References
    ----------
    .. [1] Cho and Saul, "Kernel Methods for Deep Learning", 2009, eqs. 3 to 6.

    Examples
    --------
    >>> import torch
    >>> from skdc.kernels import ArcCosine
    >>> x = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    >>> ArcCosine()(x, x)
    tensor([[1.0000, 0.6366],
            [0.6366, 4.0000]])
    """

    order: Literal[0, 1] = 1

    def fit(self, values: Tensor, mass: Tensor) -> Self:
        """Check the order."""
        if self.order not in (0, 1):
            raise ValueError(f"ArcCosine(order={self.order!r}): the order must be 0 or 1")
        return self

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the kernel matrix of shape (len(x), len(y))."""
        squares = squared_norms(x)[..., None] * squared_norms(y)[..., None, :]
        norms = squares.clamp_min(torch.finfo(x.dtype).tiny).sqrt()
        cosine = inner_cosine(products(x, y), norms, x is y)
        open_angle = torch.pi - torch.arccos(cosine)
        if self.order == 0:
            return open_angle / torch.pi
        return norms * ((1 - cosine**2).sqrt() + open_angle * cosine) / torch.pi

    def diagonal(self, x: Tensor) -> Tensor:
        """Return the squared norms, or ones for order 0."""
        return squared_norms(x) if self.order else torch.ones(len(x), dtype=x.dtype, device=x.device)


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

    depth: int = 1
    weight_std: float = 2**0.5
    bias_std: float = 0.1
    scale: Literal["rms"] | float = "rms"

    def fit(self, values: Tensor, mass: Tensor) -> Self:
        """Learn the scale of the rows."""
        self.scale_ = root_mean_square(self.scale, values, mass)
        return self

    def resolved(self) -> Self:
        """Return the kernel with a number for the scale."""
        return type(self)(self.depth, self.weight_std, self.bias_std, self.scale_)

    def diagonal(self, x: Tensor) -> Tensor:
        """Return the kernel of each row with itself: the same recursion at angle zero."""
        norms = self.weight_std**2 * squared_norms(x) / (x.shape[1] * self.scale_**2) + self.bias_std**2
        tangent = norms
        for _ in range(self.depth):
            norms, slope = self.weight_std**2 * norms / 2 + self.bias_std**2, self.weight_std**2 / 2
            tangent = norms + slope * tangent
        return tangent

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the kernel matrix of shape (len(x), len(y))."""
        d = x.shape[-1] * self.scale_**2
        weight, bias = self.weight_std**2, self.bias_std**2
        cross = weight * products(x, y) / d + bias
        left = weight * squared_norms(x)[..., None] / d + bias
        right = weight * squared_norms(y)[..., None, :] / d + bias
        tangent = cross
        for _ in range(self.depth):
            norms = (left * right).clamp_min(torch.finfo(x.dtype).tiny).sqrt()
            cosine = inner_cosine(cross, norms, x is y)
            angle = torch.arccos(cosine)
            derivative = (torch.pi - angle) / (2 * torch.pi)
            cross = weight * norms * ((1 - cosine**2).sqrt() + (torch.pi - angle) * cosine) / (2 * torch.pi) + bias
            tangent = cross + tangent * weight * derivative
            left, right = weight * left / 2 + bias, weight * right / 2 + bias
        return tangent


def inner_cosine(inner: Tensor, norms: Tensor, own: bool) -> Tensor:
    """Return inner products divided by norms, one rounding error away from 1, where the slope of arccos is infinite.

    Of a set with its `own` rows it is as near to 1 on the diagonal, whatever the rounding of the products.
    """
    edge = 1 - torch.finfo(inner.dtype).eps
    cosine = (inner / norms).clamp(-edge, edge)
    return with_diagonal(cosine, edge) if own else cosine


def root_mean_square(scale: Literal["rms"] | float, values: Tensor, mass: Tensor) -> float:
    """Return a scale that is given, or the root mean square of the entries of rows; 1 where they are zero."""
    if scale == "rms":
        return float(((mass @ (squared_norms(values) / values.shape[1])) / mass.sum()).sqrt()) or 1.0
    if isinstance(scale, str) or not scale > 0:
        raise ValueError(f"scale={scale!r} must be 'rms' or a positive number")
    return float(scale)
