"""The kernel of random networks."""

from __future__ import annotations

from typing import Literal, Self

import torch
from torch import Tensor

from skdc.kernels.base import FeatureKernel
from skdc.kernels.dot_product import root_mean_square
from skdc.networks import Builder, build_network, penultimate

_ROWS = 512  # that a network sees at once: its hidden layers take more room than the rows


class RandomNetworkKernel(FeatureKernel):
    """The mean product of the last hidden layers of networks as they are drawn, and a constant; without unit.

    With many networks, or wide ones, it is the kernel of a neural network that is a Gaussian process, in which only the
    last layer is trained [1]_.

    Parameters
    ----------
    network : callable, default=None
        Builder `network(input_shape, n_outputs) -> nn.Module`. Rows come flattened: `ConvNet(image_shape=(32, 32, 3))`
        sees images. None takes an MLP with two hidden layers of 128.
    n_networks : int, default=4
    constant : float, default=0.01
        What is added; not negative.
    scale : "rms" or float, default="rms"
        What rows are divided by. "rms" is the root mean square of the entries of the rows that the kernel is fitted on.
    random_state : int, default=0
        The kernel is a function: the same seed gives the same networks.

    Attributes
    ----------
    scale_ : float

    References
    ----------
    .. [1] Loo et al., "Efficient Dataset Distillation using Random Feature Approximation", 2022, section 3.1.

    Examples
    --------
    >>> import torch
    >>> from skdc.kernels import RandomNetworkKernel
    >>> from skdc.networks import MLP
    >>> x = torch.tensor([[1.0, -1.0], [0.0, 3.0]])
    >>> kernel = RandomNetworkKernel(MLP(width=8), n_networks=2).fit(x, torch.ones(2))
    >>> kernel(x, x).shape
    torch.Size([2, 2])
    """

    network: Builder | None = None
    n_networks: int = 4
    constant: float = 0.01
    scale: Literal["rms"] | float = "rms"
    random_state: int = 0

    def fit(self, values: Tensor, mass: Tensor) -> Self:
        """Draw the networks, and learn the scale of the rows."""
        if self.n_networks < 1 or self.constant < 0:
            raise ValueError(f"{self!r}: n_networks must be at least 1, and constant not negative")
        self.scale_ = root_mean_square(self.scale, values, mass)
        self._dtype = values.dtype
        generator = torch.Generator().manual_seed(self.random_state)
        self.networks_ = [
            build_network(self.network, values.shape[1:], 1, generator, values).requires_grad_(False)
            for _ in range(self.n_networks)
        ]
        return self

    def takes_sparse(self) -> bool:
        """Tell that networks see dense rows."""
        return False

    def resolved(self) -> Self:
        """Return the kernel with a number for the scale."""
        return type(self)(self.network, self.n_networks, self.constant, self.scale_, self.random_state)

    def features(self, x: Tensor) -> Tensor:
        """Return the last hidden layers of all networks, and a constant."""
        pieces = (x.reshape(-1, x.shape[-1]) / self.scale_).to(self._dtype).split(_ROWS)
        hidden = torch.cat(
            [torch.cat([penultimate(network, piece) for network in self.networks_], 1) for piece in pieces]
        )
        constant = hidden.new_full((len(hidden), 1), self.constant**0.5)
        return torch.cat([hidden / hidden.shape[1] ** 0.5, constant], 1).reshape(*x.shape[:-1], -1).to(x.dtype)
