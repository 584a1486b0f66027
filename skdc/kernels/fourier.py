"""The Gaussian kernel by finitely many random features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

import numpy as np
import torch
from torch import Tensor

from skdc.kernels.base import FeatureKernel
from skdc.kernels.distances import resolve_bandwidth


class RandomFourierKernel(FeatureKernel):
    r"""The Gaussian kernel by random Fourier features [1]_ :math:`\sqrt{1/D} (\cos \omega^\top x, \sin \omega^\top x)`.

    Parameters
    ----------
    bandwidth : "median", float or sequence of float, default="median"
        In the units of the rows; several share the features, so that their kernels are averaged.
    n_frequencies : int, default=250
        D; each gives a cosine and a sine.
    random_state : int, default=0
        The kernel is a function: the same seed gives the same frequencies.

    Attributes
    ----------
    bandwidth_ : ndarray of shape (n_bandwidths,)

    References
    ----------
    .. [1] Rahimi and Recht, "Random Features for Large-Scale Kernel Machines", 2007, algorithm 1.

    Examples
    --------
    >>> import torch
    >>> from skdc.kernels import RandomFourierKernel
    >>> x = torch.tensor([[0.0], [1.0]])
    >>> RandomFourierKernel(bandwidth=1.0, n_frequencies=10_000).fit(x, torch.ones(2))(x, x).round(decimals=1)
    tensor([[1.0000, 0.6000],
            [0.6000, 1.0000]])
    """

    bandwidth: Literal["median"] | float | Sequence[float] = "median"
    n_frequencies: int = 250
    random_state: int = 0

    def fit(self, values: Tensor, mass: Tensor) -> Self:
        """Draw the frequencies, and learn the bandwidth."""
        if self.n_frequencies < 1:
            raise ValueError(f"{self!r}: n_frequencies must be at least 1")
        self.bandwidth_ = np.asarray(resolve_bandwidth(self.bandwidth, values, mass))
        generator = torch.Generator().manual_seed(self.random_state)
        shape = values.shape[1], self.n_frequencies
        widths = torch.as_tensor(np.resize(self.bandwidth_, self.n_frequencies))
        self.frequencies_ = (torch.randn(shape, generator=generator, dtype=torch.float64) / widths).to(values.device)
        return self

    def resolved(self) -> Self:
        """Return the kernel with numbers for bandwidths."""
        return type(self)(self.bandwidth_.tolist(), self.n_frequencies, self.random_state)

    def features(self, x: Tensor) -> Tensor:
        """Return cosines and sines, of shape (len(x), 2 * n_frequencies)."""
        phases = x @ self.frequencies_.to(x.dtype)
        return torch.cat([phases.cos(), phases.sin()], dim=-1) / self.n_frequencies**0.5
