"""Gradients of single rows in the last layer of a network."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor, nn

from skdc.exceptions import PartsError
from skdc.networks import Builder, last_layer, training_epochs
from skdc.sets import LabeledSet
from skdc.sources import Holds, Source, require, require_targets
from skdc.spaces.base import PointwiseSpace

_PIECE = 1024  # rows that go through the network together


class LastLayerGradients(PointwiseSpace):
    r"""Each row as the gradient of its own training loss in the last layer of a network [1]_ [2]_.

    With h what the last layer is fed, and p the class probabilities, it is :math:`(p - y) (h, 1)^\top`, flattened: the
    part of weights and bias, of shape (n_outputs, n_hidden + 1). For continuous targets the gradient of the mean
    squared error in the outputs takes the place of p - y.

    Both papers choose rows anew as a network is trained on them; here they are seen by one network, which is trained on
    all rows, or left as it is drawn. Rows that it has learned lie near the origin, so that those it has not count most:
    in trials on digits with 10 rows a class, a dozen steps of training made sets a little better, and more than some
    dozens made them no better than random ones.

    Parameters
    ----------
    network : callable, default=None
        Builder `network(input_shape, n_outputs) -> nn.Module`, with a linear layer at its end; None takes a ConvNet
        of width 32 for images of 16x16 or more, else an MLP with two hidden layers of 128.
    n_epochs : int, default=0
        Passes over the data for which it is trained, by Adam.
    step_size : float, default=0.003
        Step size of the training.
    batch_size : int, default=128
        Most rows in a step of the training.

    References
    ----------
    .. [1] Mirzasoleiman, Bilmes and Leskovec, "Coresets for Data-efficient Training of Machine Learning Models", 2020.
    .. [2] Killamsetty et al., "GRAD-MATCH: Gradient Matching based Data Subset Selection for Efficient Deep Model
       Training", 2021.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import QuantizationError
    >>> from skdc.parameterizations import Subset
    >>> from skdc.solvers import Greedy
    >>> from skdc.spaces import LastLayerGradients
    >>> craig = QuantizationError(exponent=1, space=LastLayerGradients())
    >>> condenser = Condenser(craig, Subset(), Greedy(), n_per_class=3)
    """

    network: Builder | None = None
    n_epochs: int = 0
    step_size: float = 0.003
    batch_size: int = 128

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Train the network.

        Raises
        ------
        ValueError
            Without targets, or with a single class; for a stream; if a setting makes no sense, the training diverges,
            or the network has no linear layer.
        """
        require_targets(self, source)
        rows = require(self, source, Holds, "a network").rows
        self.task_ = source.schema.task
        *_, network = training_epochs(self, rows, source.schema, generator)
        if not any(isinstance(module, nn.Linear) for module in network.modules()):
            raise PartsError(
                f"{self!r}: the network has no linear layer, whose gradients are asked for; let it end in one"
            )
        self.network_ = network.requires_grad_(False)
        return self

    def embed(self, rows: LabeledSet) -> Tensor:
        """Return the gradient of the loss of each row, of shape (n, n_outputs * (n_hidden + 1))."""
        pieces = zip(rows.X.split(_PIECE), rows.y.split(_PIECE), strict=True)
        return torch.cat([self._gradients(X, y) for X, y in pieces])

    def _gradients(self, X: Tensor, y: Tensor) -> Tensor:
        hidden, outputs = last_layer(self.network_, X)
        if self.task_ == "classification":
            slope = y.sum(1, keepdim=True) * outputs.softmax(1) - y
        else:
            slope = 2 * (outputs - y) / y.shape[1]
        fed = torch.cat([hidden, torch.ones_like(hidden[:, :1])], dim=1)
        return (slope[:, :, None] * fed[:, None, :]).flatten(1)
