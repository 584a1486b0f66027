"""The space of the function regime in which the nearest points vote."""

from __future__ import annotations

import math
from typing import Literal, Self

import torch
from torch import Tensor

from skdc.kernels import MEDIAN_ROWS, resolve_bandwidth, squared_distances
from skdc.sets import Block, LabeledSet
from skdc.sources import Draws, Source, require, require_targets
from skdc.spaces.base import Space
from skdc.step import Step


class NeighborPredictions(Space):
    r"""Predictions on the real rows of the synthetic points nearest to them, the nearer the more [1]_ [2]_.

    A point s of weight w votes for its targets with :math:`w \exp(-\|x - s\|^2 / (2 b^2))`, so that a small bandwidth b
    is a soft nearest neighbour. The real side shows the true targets; the synthetic side, for classes, the logarithms
    of the sums of the votes, of which the softmax is their shares, and for continuous targets the mean of the votes.

    Parameters
    ----------
    bandwidth : "median" or float, default="median"
        In the units of the data; "median" is the weighted median distance between rows.
    factor : float, default=0.1
        Multiplies the bandwidth.

    References
    ----------
    .. [1] Nadaraya, "On Estimating Regression", 1964; Watson, "Smooth Regression Analysis", 1964, eq. 1.
    .. [2] Goldberger et al., "Neighbourhood Components Analysis", 2004, eq. 1: soft nearest neighbours.

    Examples
    --------
    >>> from skdc.discrepancies import CrossEntropy
    >>> from skdc.spaces import NeighborPredictions
    >>> CrossEntropy(space=NeighborPredictions(), by=None)
    CrossEntropy(by=None, space=NeighborPredictions())
    """

    yields = "aligned"
    splits = "rows"

    bandwidth: Literal["median"] | float = "median"
    factor: float = 0.1

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Resolve the bandwidth."""
        require_targets(self, source)
        if not self.factor > 0:
            raise ValueError(f"factor={self.factor!r} must be positive")
        sample = require(self, source, Draws, "the bandwidth").sample(MEDIAN_ROWS, generator)
        self.scale_ = source.units.scale
        found = resolve_bandwidth(self.bandwidth, sample.X.flatten(1) * self.scale_, sample.mass)
        if len(found) > 1:
            raise ValueError(f"bandwidth={self.bandwidth!r} must be one number or 'median'")
        self.bandwidth_ = self.factor * float(found[0])
        self.task_ = source.schema.task
        return self

    def represent(self, real: LabeledSet, synthetic: LabeledSet, state: Step) -> tuple[list[Block], list[Block]]:
        """Return the true targets of the real rows, and their predictions."""
        squares = squared_distances(real.X.flatten(1) * self.scale_, synthetic.X.flatten(1) * self.scale_)
        votes = synthetic.weight.log() - squares / (2 * self.bandwidth_**2)
        predictions = _scores(votes, synthetic.y) if self.task_ == "classification" else votes.softmax(1) @ synthetic.y
        return [Block(real.weight, real.key, real.y)], [Block(real.weight, real.key, predictions)]


def _scores(votes: Tensor, labels: Tensor) -> Tensor:
    """Return the logarithm of the sum of the votes for each class, of shape (n, n_classes)."""
    # A class for which no point votes has a chance all the same, but next to none.
    floor = votes.amin(1) + math.log(torch.finfo(votes.dtype).tiny)
    scores = []
    for probability in labels.T:
        supported = probability > 0
        scores.append((votes[:, supported] + probability[supported].log()).logsumexp(1) if supported.any() else floor)
    return torch.stack(scores, 1)
