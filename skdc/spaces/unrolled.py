"""The space of the function regime in which a network is trained on the set, step by step."""

from __future__ import annotations

import math
from typing import Any, Self

import torch
from torch.func import functional_call

from skdc.learners import RandomNetworks
from skdc.learners.training import unrolled
from skdc.sets import Block, LabeledSet
from skdc.sources import Source, require_targets
from skdc.spaces.pooled import PooledSpace
from skdc.step import Step


class UnrolledPredictions(PooledSpace):
    """Predictions on the real rows of a network trained on the synthetic set, by steps of which all is known [1]_ [2]_.

    The real side shows the true targets, the synthetic side what the network puts out, which is logits for classes.
    The step size of the training is learned with the set.

    Parameters
    ----------
    networks : NetworkPool, default=None
        With which the training begins; None takes `RandomNetworks()`.
    n_steps : int, default=20
        Steps of the training, each on the whole synthetic set.
    n_backward : int, default=None
        The last steps through which gradients go; None takes all.
    momentum : float, default=0.0
        0.9 in [2]_.
    first_step_size : float, default=0.05
        Of the training, before it is learned.
    step_size_rate : float, default=0.01
        Step size at which its logarithm is learned; 0 keeps it.

    References
    ----------
    .. [1] Wang et al., "Dataset Distillation", 2018, algorithm 1.
    .. [2] Deng and Russakovsky, "Remember the Past: Distilling Datasets into Addressable Memories for Neural
       Networks", 2022, section 3.2.

    Examples
    --------
    >>> from skdc.discrepancies import CrossEntropy
    >>> from skdc.spaces import UnrolledPredictions
    >>> CrossEntropy(space=UnrolledPredictions(n_steps=10), by=None)
    CrossEntropy(by=None, space=UnrolledPredictions(n_steps=10))
    """

    yields = "aligned"
    splits = "rows"

    n_steps: int = 20
    n_backward: int | None = None
    momentum: float = 0.0
    first_step_size: float = 0.05
    step_size_rate: float = 0.01

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Build the networks."""
        require_targets(self, source)
        self.n_backward_ = self.n_steps if self.n_backward is None else self.n_backward
        if not (1 <= self.n_backward_ <= self.n_steps and 0 <= self.momentum < 1 and self.step_size_rate >= 0):
            raise ValueError(
                f"{self!r}: n_backward must be from 1 to n_steps, momentum from 0 to less than 1, and step_size_rate "
                "not negative"
            )
        if not self.first_step_size > 0:
            raise ValueError(f"{self!r}: first_step_size must be positive")
        self.task_ = source.schema.task
        self.log_step_size_ = torch.tensor(math.log(self.first_step_size), dtype=source.dtype, device=source.device)
        return self.fit_networks(RandomNetworks, source, generator)

    def parameters(self) -> list[dict[str, Any]]:
        """Return the logarithm of the step size, if it is to be learned."""
        learned = [{"params": [self.log_step_size_.requires_grad_()], "lr": self.step_size_rate}]
        return learned if self.step_size_rate else []

    def attributes(self, synthetic: LabeledSet, source: Source) -> dict[str, Any]:
        """Return the learned step size as `step_size_`."""
        return {"step_size_": float(self.log_step_size_.detach().exp())}

    def represent(self, real: LabeledSet, synthetic: LabeledSet, state: Step) -> tuple[list[Block], list[Block]]:
        """Return the true targets of the real rows, and what the trained network puts out for them."""
        network = self.pool_.network_
        lengths = self.n_steps, self.n_backward_, self.momentum
        start = dict(network.named_parameters())
        trained = unrolled(network, start, synthetic, self.task_, self.log_step_size_.exp(), *lengths)
        outputs = functional_call(network, trained, real.X)
        return [Block(real.weight, real.key, real.y)], [Block(real.weight, real.key, outputs)]
