"""Gradients of single rows in the last layer of a network, and their variances."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from skdc.exceptions import PartsError
from skdc.learners.alternating import AlternatingNetworks
from skdc.learners.pools import NetworkPool, RandomNetworks
from skdc.networks import last_layer
from skdc.sets import Block, LabeledSet, unweighted
from skdc.sources import Source, require_targets
from skdc.spaces.base import PointwiseSpace, Space, Splits
from skdc.spaces.pooled import PooledSpace
from skdc.step import Step

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
        self.task_ = _fitted(self, RandomNetworks, source, generator)
        return self

    def embed(self, rows: LabeledSet) -> Tensor:
        """Return the gradient of the loss of each row, of shape (n, n_outputs * (n_hidden + 1))."""
        pieces = zip(rows.X.split(_PIECE), rows.y.split(_PIECE), strict=True)
        return torch.cat([self._gradients(X, y) for X, y in pieces])

    def _gradients(self, X: Tensor, y: Tensor) -> Tensor:
        slope, fed = _factors(self.pool_.network_, X, y, self.task_)
        return (slope[:, :, None] * fed[:, None, :]).flatten(1)


# The gradient of the loss of row n in the weight from unit j to output i is s_ni h_nj. With masses m_n its variance is
#     sum_n m_n (s_ni h_nj)^2 - (sum_n m_n s_ni h_nj)^2 = [(m s^2)^T h^2 - ((m s)^T h)^2]_ij,
# two products of matrices: the gradients themselves, as many numbers a row as there are weights, are nowhere.
class LastLayerVariances(PooledSpace):
    r"""Variances of the gradients of single rows in the last layer of a network, one row an output unit [1]_.

    They stand for the curvature of the loss: near to a minimum of the cross-entropy, the second derivatives in the last
    layer are the mean products of gradients. Of a class they are those within the class; of one row they are zero.

    Parameters
    ----------
    networks : NetworkPool, default=None
        Of networks with a linear layer at their end; None takes `AlternatingNetworks()`.

    References
    ----------
    .. [1] Shin et al., "Loss-Curvature Matching for Dataset Selection and Condensation", 2023, section 4.

    Examples
    --------
    >>> from skdc.discrepancies import Cosine, SquaredL2
    >>> from skdc.learners import AlternatingNetworks
    >>> from skdc.spaces import LastLayerVariances, NetworkGradients
    >>> networks = AlternatingNetworks()
    >>> matched = Cosine(space=NetworkGradients(networks)) + SquaredL2(space=LastLayerVariances(networks))
    """

    yields = "aligned"
    splits: ClassVar[Splits] = "before"

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Build the networks, which must have a linear layer."""
        self.task_ = _fitted(self, AlternatingNetworks, source, generator)
        return self

    def represent(self, real: LabeledSet, synthetic: LabeledSet, state: Step) -> tuple[list[Block], list[Block]]:
        """Return the variances of both sets, of shape (n_outputs, n_hidden + 1)."""
        return [self._variances(real)], [self._variances(synthetic)]

    def _variances(self, rows: LabeledSet) -> Block:
        slope, fed = _factors(self.pool_.network_, rows.X, rows.y, self.task_)
        weighted = rows.mass[:, None] * slope
        return unweighted((weighted * slope).T @ fed.square() - (weighted.T @ fed).square())


def _fitted(space: PooledSpace, default: Callable[[], NetworkPool], source: Source, generator: torch.Generator) -> str:
    """Build the networks of a space, which must have a linear layer, and return what they are trained for."""
    require_targets(space, source)
    space.fit_networks(default, source, generator)
    if not any(isinstance(module, nn.Linear) for module in space.pool_.network_.modules()):
        raise PartsError(
            f"{space!r}: the network has no linear layer, whose gradients are asked for; let it end in one"
        )
    return source.schema.task


def _factors(network: nn.Module, X: Tensor, y: Tensor, task: str) -> tuple[Tensor, Tensor]:
    """Return the gradients of the loss of each row in the outputs, and what the last layer is fed, with a 1."""
    hidden, outputs = last_layer(network, X)
    if task == "classification":
        slope = y.sum(1, keepdim=True) * outputs.softmax(1) - y
    else:
        slope = 2 * (outputs - y) / y.shape[1]
    return slope, torch.cat([hidden, torch.ones_like(hidden[:, :1])], dim=1)
