"""Discrepancies between characteristic functions: means of random Fourier features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np
import torch
from torch import Tensor, nn

from skdc.discrepancies.base import Discrepancy
from skdc.discrepancies.embeddings import MeanDiscrepancy, MeanEmbedding
from skdc.discrepancies.mmd import fit_kernel
from skdc.discrepancies.objective import critic_group
from skdc.kernels import Gaussian, power
from skdc.networks import Builder, build_network
from skdc.seeds import gaussian
from skdc.sets import Block
from skdc.sources import Source


class RandomFeatureMMD(MeanEmbedding):
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

    bandwidth: Literal["median"] | float | Sequence[float] = "median"
    n_features: int = 1000

    def fit_scale(self, source: Source, generator: torch.Generator) -> Self:
        """Draw the frequencies."""
        _check_count("RandomFeatureMMD", "n_features", self.n_features)
        self.frequencies_ = _draw_frequencies(self, self.n_features, source, generator)
        return self

    def bound(self) -> float:
        """Return the norm of the features of a row."""
        return 1.0

    def features(self, values: Tensor) -> Tensor:
        """Return cosines and sines, of shape (n, 2 * n_features)."""
        return _cosines_and_sines(values, self.frequencies_) / self.n_features**0.5


class CharacteristicFunction(MeanDiscrepancy):
    r"""Mean distance of the characteristic functions at fixed Gaussian frequencies [1]_; not squared, without unit.

    With :math:`\varphi(t) = E \exp(i t^\top x)` and a the weight of the amplitude it is

    .. math:: \frac{1}{T} \sum_t \sqrt{2 a (|\varphi_p| - |\varphi_q|)^2 + 4 (1 - a) (|\varphi_p| |\varphi_q| -
              \mathrm{Re} \, \varphi_p \bar\varphi_q)}

    where the second term is the difference in phase. For a = 1/2 this is exactly the mean of
    :math:`|\varphi_p(t) - \varphi_q(t)|`, between 0 and 2, where `RandomFeatureMMD` is the mean of its square; it is
    never above :math:`2 \sqrt 2`. It works from a sketch if the bandwidth is given as a number. [1]_ compares unit
    features of a trained network with bandwidth 1 and 4096 frequencies, and multiplies by 300.

    Parameters
    ----------
    bandwidth : "median", float or sequence of float, default="median"
        Frequencies are Gaussian with standard deviation 1 / bandwidth; in the units of the space. Several share the
        frequencies. A stream needs a number.
    n_frequencies : int, default=1000
        T.
    amplitude_weight : float, default=0.5
        a, between 0 and 1 exclusively; the more it is, the less the phases count.
    space, by, reduce, weight
        As in `Discrepancy`.

    Attributes
    ----------
    frequencies_ : Tensor of shape (d, n_frequencies)

    References
    ----------
    .. [1] Wang et al., "Dataset Distillation with Neural Characteristic Function: A Minmax Perspective", 2025,
       section 3.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import CharacteristicFunction
    >>> X, y = load_iris(return_X_y=True)
    >>> CharacteristicFunction()(X, X)
    0.0
    >>> discrepancy = CharacteristicFunction(n_frequencies=100)
    >>> X_syn, y_syn = Condenser(discrepancy=discrepancy, n_per_class=3, random_state=0).fit(X, y)
    >>> X_syn.shape
    (9, 4)
    """

    symmetric = nonnegative = True

    bandwidth: Literal["median"] | float | Sequence[float] = "median"
    n_frequencies: int = 1000
    amplitude_weight: float = 0.5

    def fit_scale(self, source: Source, generator: torch.Generator) -> Self:
        """Draw the frequencies."""
        _check_count("CharacteristicFunction", "n_frequencies", self.n_frequencies)
        _check_amplitude_weight(self)
        self.frequencies_ = _draw_frequencies(self, self.n_frequencies, source, generator)
        return self

    def bound(self) -> float:
        """Return the norm of the features of a row."""
        return self.n_frequencies**0.5

    def features(self, values: Tensor) -> Tensor:
        """Return cosines and sines, of shape (n, 2 * n_frequencies)."""
        return _cosines_and_sines(values, self.frequencies_)

    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return the mean distance over the frequencies, of two lifted blocks."""
        return _complex_distance(p.mean(), q.mean(), self.amplitude_weight)


class LearnedCharacteristicFunction(Discrepancy):
    r"""Distance of the characteristic functions at frequencies that a network learns to choose [1]_.

    Not squared, without unit: the value of `CharacteristicFunction`, never above :math:`2 \sqrt 2`, at the
    frequencies where the sets differ most. A sampler g turns Gaussian noise z into frequencies
    :math:`t = (z + \tanh g(z)) \odot e^{\tanh s} / b`, with fresh noise each time; g and s are ascended while the
    synthetic set descends. They start near the Gaussian frequencies of bandwidth b and stay in their reach: without
    bounds the frequencies would grow until no finite set could follow them. One sampler serves all groups.

    Parameters
    ----------
    network : callable, default=None
        Builder `network((d,), d) -> nn.Module` of g; None takes two hidden layers of 64 tanh units.
    bandwidth : "median" or float, default="median"
        b, in the units of the space.
    n_frequencies : int, default=256
        Drawn each time.
    amplitude_weight : float, default=0.5
        As in `CharacteristicFunction`.
    learning_rate : float, default=1e-3
        Of the sampler, as in [1]_.
    space, by, reduce, weight
        As in `Discrepancy`.

    Attributes
    ----------
    sampler_ : torch.nn.Module
        From noise to frequencies, both of shape (n, d).

    References
    ----------
    .. [1] Wang et al., "Dataset Distillation with Neural Characteristic Function: A Minmax Perspective", 2025,
       section 3.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc.discrepancies import CharacteristicFunction, LearnedCharacteristicFunction
    >>> X, y = load_iris(return_X_y=True)
    >>> LearnedCharacteristicFunction()(X[:50], X[50:]) > CharacteristicFunction()(X[:50], X[50:])
    True
    """

    compares = "clouds"
    symmetric = nonnegative = True

    network: Builder | None = None
    bandwidth: Literal["median"] | float = "median"
    n_frequencies: int = 256
    amplitude_weight: float = 0.5
    learning_rate: float = 1e-3

    def fit_scale(self, source: Source, generator: torch.Generator) -> Self:
        """Build the sampler."""
        name = type(self).__name__
        _check_count(name, "n_frequencies", self.n_frequencies)
        _check_amplitude_weight(self)
        if not self.learning_rate > 0:
            raise ValueError(f"{name}(learning_rate={self.learning_rate!r}): the learning rate must be positive")
        bandwidth = fit_kernel(self, Gaussian(self.bandwidth), source, generator).bandwidth_
        if len(bandwidth) > 1:
            raise ValueError(f"{name}(bandwidth={self.bandwidth!r}): the sampler takes one bandwidth; give one number")
        like = self.space_.embed(source.no_rows())
        builder = _tanh_network if self.network is None else self.network
        network = build_network(builder, (like.shape[1],), like.shape[1], generator, like)
        self.sampler_ = _FrequencySampler(network, float(bandwidth[0]), like)
        return self

    def own_parameters(self) -> list[dict[str, Any]]:
        """Return the parameters of the sampler, which are ascended."""
        return [critic_group(self.sampler_, self.learning_rate)]

    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return the mean distance over frequencies of fresh noise."""
        shape, like = (self.n_frequencies, p.values.shape[1]), self.sampler_.log_factor
        noise = gaussian(shape, generator, like)
        frequencies = self.sampler_(noise).T
        of_p, of_q = (block.mass @ _cosines_and_sines(block.values, frequencies) for block in (p, q))
        return _complex_distance(of_p, of_q, self.amplitude_weight)


class _FrequencySampler(nn.Module):
    """From Gaussian noise to frequencies: a bounded shift by a network, and a bounded factor for each coordinate."""

    def __init__(self, network: nn.Module, bandwidth: float, like: Tensor) -> None:
        super().__init__()
        self.network, self.bandwidth = network, bandwidth
        self.log_factor = nn.Parameter(like.new_zeros(like.shape[1]))

    def forward(self, noise: Tensor) -> Tensor:
        """Return frequencies of the shape of the noise."""
        return (noise + self.network(noise).tanh()) * self.log_factor.tanh().exp() / self.bandwidth


def _tanh_network(input_shape: tuple[int, ...], n_outputs: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(input_shape[0], 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, n_outputs)
    )


def _draw_frequencies(
    discrepancy: RandomFeatureMMD | CharacteristicFunction,
    n_frequencies: int,
    source: Source,
    generator: torch.Generator,
) -> Tensor:
    """Return Gaussian frequencies of shape (d, n_frequencies); several bandwidths take turns."""
    bandwidth = fit_kernel(discrepancy, Gaussian(discrepancy.bandwidth), source, generator).bandwidth_
    d = discrepancy.space_.embed(source.no_rows()).shape[1]
    # Frequencies are drawn in float64 whatever the data, so that a stream and a fit see the same features.
    frequencies = torch.randn(d, n_frequencies, generator=generator, dtype=torch.float64)
    widths = torch.as_tensor(np.resize(bandwidth, n_frequencies))
    return (frequencies / widths).to(source.device)


def _cosines_and_sines(values: Tensor, frequencies: Tensor) -> Tensor:
    """Return cosines, then sines, of each row, of shape (n, 2 * n_frequencies)."""
    phases = values @ frequencies.to(values.dtype)
    return torch.cat([phases.cos(), phases.sin()], dim=1)


def _complex_distance(p: Tensor, q: Tensor, amplitude_weight: float) -> Tensor:
    """Return the mean weighted distance of complex numbers that come as real parts, then imaginary parts."""
    difference, total = (p - q).view(2, -1), (p + q).view(2, -1)
    moduli = power(p.view(2, -1).square().sum(0), 0.5) + power(q.view(2, -1).square().sum(0), 0.5)
    # |p| - |q|, free of cancellation: so never above |p - q|, and what is under the root not below zero.
    amplitude = (difference * total).sum(0) / torch.where(moduli > 0, moduli, 1.0)
    squares = (2 * amplitude_weight - 1) * amplitude.square() + (1 - amplitude_weight) * difference.square().sum(0)
    return power(2 * squares, 0.5).mean()


def _check_count(name: str, parameter: str, count: int) -> None:
    if count < 1:
        raise ValueError(f"{parameter}={count!r} must be at least 1 in {name}")


def _check_amplitude_weight(discrepancy: CharacteristicFunction | LearnedCharacteristicFunction) -> None:
    if not 0 < discrepancy.amplitude_weight < 1:
        raise ValueError(
            f"{type(discrepancy).__name__}(amplitude_weight={discrepancy.amplitude_weight!r}): it must lie between 0 "
            "and 1, both excluded; amplitudes or phases alone do not tell sets apart"
        )
