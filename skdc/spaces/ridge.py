"""Spaces of the function regime in which a network gives the features, and ridge regression on the set the rest."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor

from skdc.learners import OnlineNetworks, primal_weights, target_offset
from skdc.networks import penultimate
from skdc.sets import Block, LabeledSet
from skdc.sources import Source, require_targets
from skdc.spaces.pooled import PooledSpace
from skdc.step import Step


class NetworkRidgePredictions(PooledSpace):
    """Predictions on the real rows of ridge regression on the last hidden layer of a network [1]_ [2]_.

    The ridge regression is trained on the synthetic set, for the network that is shown; that is another one each step.
    The real side shows the true targets, the synthetic side the predictions; classes are regressed on as indicators
    minus 1 / n_classes.

    Parameters
    ----------
    networks : NetworkPool, default=None
        Where they come from; None takes `OnlineNetworks()`, as in [1]_. `RandomNetworks()` is the approximation of
        a neural-network Gaussian process by random features of [2]_.
    regularization : float, default=1e-3
        Ridge, in units of the mean of the kernel's diagonal; it is 1e-6 in [1]_ and 5e-3 in [2]_.

    References
    ----------
    .. [1] Zhou, Nezhadarya and Ba, "Dataset Distillation using Neural Feature Regression", 2022, eq. 5.
    .. [2] Loo et al., "Efficient Dataset Distillation using Random Feature Approximation", 2022, algorithm 1.

    Examples
    --------
    >>> from skdc.discrepancies import SquaredL2
    >>> from skdc.learners import RandomNetworks
    >>> from skdc.spaces import NetworkRidgePredictions
    >>> SquaredL2(space=NetworkRidgePredictions(RandomNetworks()), by=None)
    SquaredL2(by=None, space=NetworkRidgePredictions(networks=RandomNetworks()))
    """

    yields = "aligned"
    splits = "rows"

    regularization: float = 1e-3

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Build the networks."""
        require_targets(self, source)
        if not self.regularization > 0:
            raise ValueError(f"regularization={self.regularization!r} must be positive")
        self.offset_ = target_offset(source.schema.task, source.schema.n_outputs)
        return self.fit_networks(OnlineNetworks, source, generator)

    def represent(self, real: LabeledSet, synthetic: LabeledSet, state: Step) -> tuple[list[Block], list[Block]]:
        """Return the true targets of the real rows, and their predictions."""
        targets = synthetic.y.double() - self.offset_
        weights = primal_weights(self._features(synthetic), targets, synthetic.weight.double(), self.regularization)
        with torch.set_grad_enabled(real.X.requires_grad):
            features = self._features(real)
        predictions = features @ weights
        return [Block(real.weight, real.key, real.y - self.offset_)], [Block(real.weight, real.key, predictions)]

    def _features(self, rows: LabeledSet) -> Tensor:
        """Return the last hidden layer with a constant beside it."""
        hidden = penultimate(self.pool_.network_, rows.X)
        return torch.cat([hidden, torch.ones_like(hidden[:, :1])], 1)
