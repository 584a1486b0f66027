"""Spaces of the feature regime: random networks."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor

from skdc.data import LabeledSet
from skdc.networks import Builder, build_network, penultimate
from skdc.source import RowSource, Source
from skdc.spaces.base import PointwiseSpace


class RandomNetwork(PointwiseSpace):
    """The last hidden layer of a freshly initialised network, a new one each step [1]_.

    Parameters
    ----------
    network : callable, default=None
        Builder `network(input_shape, n_outputs) -> nn.Module`; None takes a ConvNet of width 32 for
        images of 16x16 or more, else an MLP with two hidden layers of 128.

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

    def __init__(self, network: Builder | None = None) -> None:
        self.network = network

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Draw the first network."""
        self._draw(source, generator)
        return self

    def after_step(self, synthetic: LabeledSet, source: RowSource, generator: torch.Generator) -> None:
        """Draw a new network."""
        self._draw(source, generator)

    def _draw(self, source: Source, generator: torch.Generator) -> None:
        like = torch.empty(0, dtype=source.dtype, device=source.device)
        schema = source.schema
        self.network_ = build_network(self.network, schema.input_shape, max(schema.n_outputs, 1), generator, like)
        self.network_.requires_grad_(False)

    def embed(self, rows: LabeledSet) -> Tensor:
        """Return the last hidden layer of each row."""
        return penultimate(self.network_, rows.X)
