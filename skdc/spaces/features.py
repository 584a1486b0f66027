"""Spaces of the feature regime: what the layers of networks show."""

from __future__ import annotations

from dataclasses import field
from functools import partial
from typing import Literal, Self

import torch
from torch import Tensor
from torch.nn.functional import normalize

from skdc.exceptions import PartsError
from skdc.learners.pools import NetworkPool, RandomNetworks
from skdc.networks import Builder, layer_inputs, penultimate, pieces_without_gradient
from skdc.sets import LabeledSet
from skdc.sources import Source
from skdc.spaces.base import PointwiseSpace
from skdc.spaces.pooled import PooledSpace


class _OfNetworks(PooledSpace, PointwiseSpace):
    """What networks of a pool show of rows; subclasses write `embed`."""

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Build the networks."""
        return self.fit_networks(RandomNetworks, source, generator)


class NetworkFeatures(_OfNetworks):
    r"""Hidden layers of a network, another one each step [1]_ [2]_.

    Parameters
    ----------
    networks : NetworkPool, default=None
        Where they come from; None takes `RandomNetworks()`.
    layers : {"last", "all"}, default="last"
        The last hidden layer; or all of them side by side, each divided by the root of its size, so that a squared
        distance is the sum of the layers' mean squared differences.
    normalize : bool, default=False
        Divide what is seen of each row by its norm, so that networks of different scales show the same scale.

    References
    ----------
    .. [1] Zhao and Bilen, "Dataset Condensation with Distribution Matching", 2023, eq. 4.
    .. [2] Wang et al., "CAFE: Learning to Condense Dataset by Aligning Features", 2022, eq. 3.

    Examples
    --------
    >>> from skdc.discrepancies import MMD
    >>> from skdc.learners import PretrainedNetworks
    >>> from skdc.spaces import NetworkFeatures
    >>> MMD(space=NetworkFeatures(PretrainedNetworks(), layers="all"))
    MMD(space=NetworkFeatures(layers='all', networks=PretrainedNetworks()))
    """

    layers: Literal["last", "all"] = "last"
    normalize: bool = False

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Build the networks."""
        if self.layers not in ("last", "all"):
            raise ValueError(f"NetworkFeatures(layers={self.layers!r}): layers must be 'last' or 'all'")
        return super().fit(source, generator)

    def embed(self, rows: LabeledSet) -> Tensor:
        """Return the hidden layer, or all of them, of each row."""
        pieces = [self._values(X) for X in pieces_without_gradient(self.pool_.network_, rows.X)]
        values = pieces[0] if len(pieces) == 1 else torch.cat(pieces)
        return normalize(values) if self.normalize else values

    def _values(self, X: Tensor) -> Tensor:
        if self.layers == "last":
            return penultimate(self.pool_.network_, X)
        layers = [layer.flatten(1) for layer in layer_inputs(self.pool_.network_, X)]
        return torch.cat([layer / layer.shape[1] ** 0.5 for layer in layers], 1)


class RandomNetwork(NetworkFeatures):
    """The last hidden layer of a freshly initialised network, a new one each step [1]_.

    The same as `NetworkFeatures(RandomNetworks(network))`.

    Parameters
    ----------
    network : callable, default=None
        Builder, as in `RandomNetworks`.

    References
    ----------
    .. [1] Zhao and Bilen, "Dataset Condensation with Distribution Matching", 2023, eq. 4.

    Examples
    --------
    >>> from skdc.discrepancies import MeanDistance
    >>> from skdc.networks import MLP
    >>> from skdc.spaces import RandomNetwork
    >>> MeanDistance(space=RandomNetwork(network=MLP(width=64)))
    MeanDistance(space=RandomNetwork(network=MLP(width=64)))
    """

    network: Builder | None = None
    networks: NetworkPool | None = field(default=None, init=False)
    layers: Literal["last", "all"] = field(default="last", init=False)
    normalize: bool = field(default=False, init=False)

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Build the network."""
        return self.fit_networks(partial(RandomNetworks, self.network), source, generator)


class AttentionMaps(_OfNetworks):
    r"""Where the blocks of a convolutional network look, another network each step [1]_.

    The map of a block is :math:`\sum_c |F_c|^p` over its channels, as long as 1. The maps of all blocks that another
    convolution follows stand side by side; of the last block the paper compares the features, as `NetworkFeatures`
    does.

    Parameters
    ----------
    networks : NetworkPool, default=None
        Where they come from; None takes `RandomNetworks()`. Networks without convolution have no maps.
    power : float, default=4.0
        p, positive. The paper has 4, its code 1.

    References
    ----------
    .. [1] Sajedi et al., "DataDAM: Efficient Dataset Distillation with Attention Matching", 2023, eq. 2.

    Examples
    --------
    >>> from skdc.discrepancies import MeanDistance
    >>> from skdc.spaces import AttentionMaps
    >>> MeanDistance(space=AttentionMaps())
    MeanDistance(space=AttentionMaps())
    """

    power: float = 4.0

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Build the networks, which must have maps."""
        if not self.power > 0:
            raise ValueError(f"AttentionMaps(power={self.power!r}): the power must be positive")
        super().fit(source, generator)
        self.embed(source.no_rows())
        return self

    def embed(self, rows: LabeledSet) -> Tensor:
        """Return the maps of each row, of shape (n, pixels of all blocks)."""
        layers = layer_inputs(self.pool_.network_, rows.X)
        maps = [layer.abs().pow(self.power).sum(1).flatten(1) for layer in layers if layer.ndim == 4]
        if not maps:
            raise PartsError(
                "AttentionMaps needs a network with two convolutions or more, but this has none to look at:\n"
                f"{self.pool_.network_}\nGive a ConvNet; for tables compare NetworkFeatures()"
            )
        return torch.cat([normalize(values) for values in maps], 1)
