"""Gradients of single rows in the last layer of a network."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor, nn

from skdc.exceptions import PartsError
from skdc.learners.pools import RandomNetworks
from skdc.networks import last_layer
from skdc.sets import LabeledSet
from skdc.sources import Source, require_targets
from skdc.spaces.base import PointwiseSpace, Space
from skdc.spaces.pooled import PooledSpace

_PIECE = 1024  # rows that go through the network together


class LastLayerGradients(PooledSpace, PointwiseSpace):
    r"""Each row as the gradient of its own training loss in the last layer of a network [1]_ [2]_.

    With h what the last layer is fed, and p the class probabilities, it is :math:`(p - y) (h, 1)^\top`, flattened: the
    part of weights and bias, of shape (n_outputs, n_hidden + 1). For continuous targets the gradient of the mean
    squared error in the outputs takes the place of p - y.

    Both papers choose rows anew as a network is trained on them; here they are chosen once, by the first network of the
    pool. Rows that it has learned lie near the origin, so that those it has not count most: in trials on digits with 10
    rows a class, a dozen steps of training made sets a little better than a network as it is drawn, and more than some
    dozens made them no better than random ones.

    Parameters
    ----------
    networks : NetworkPool, default=None
        Of networks with a linear layer at their end; None takes `RandomNetworks()`.

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

    after_step = Space.after_step  # the network that was chosen by stays

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Build the networks, which must have a linear layer."""
        require_targets(self, source)
        self.task_ = source.schema.task
        self.fit_networks(RandomNetworks, source, generator)
        if not any(isinstance(module, nn.Linear) for module in self.pool_.network_.modules()):
            raise PartsError(
                f"{self!r}: the network has no linear layer, whose gradients are asked for; let it end in one"
            )
        return self

    def embed(self, rows: LabeledSet) -> Tensor:
        """Return the gradient of the loss of each row, of shape (n, n_outputs * (n_hidden + 1))."""
        pieces = zip(rows.X.split(_PIECE), rows.y.split(_PIECE), strict=True)
        return torch.cat([self._gradients(X, y) for X, y in pieces])

    def _gradients(self, X: Tensor, y: Tensor) -> Tensor:
        hidden, outputs = last_layer(self.pool_.network_, X)
        if self.task_ == "classification":
            slope = y.sum(1, keepdim=True) * outputs.softmax(1) - y
        else:
            slope = 2 * (outputs - y) / y.shape[1]
        fed = torch.cat([hidden, torch.ones_like(hidden[:, :1])], dim=1)
        return (slope[:, :, None] * fed[:, None, :]).flatten(1)
