"""Randomness that is handed on: seeds for estimators of other libraries, and samplers of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from sklearn.base import clone
from torch import Tensor


def seeded(estimator: Any, draw: Callable[[], int]) -> Any:
    """Return a clone of an estimator, with a drawn seed for each `random_state` that is None, in its parts too."""
    estimator = clone(estimator)
    values = estimator.get_params()
    for name in sorted(values):
        if name.split("__")[-1] == "random_state" and values[name] is None:
            estimator.set_params(**{name: draw()})
    return estimator


# Drawn in float32 whatever the rows, so that their dtype, which follows their unit, does not change what is drawn.
def gaussian(shape: Sequence[int], generator: torch.Generator, like: Tensor) -> Tensor:
    """Return standard Gaussian numbers with the dtype and device of a tensor."""
    return torch.randn(tuple(shape), generator=generator, dtype=torch.float32).to(like)


def uniform(shape: Sequence[int], generator: torch.Generator, like: Tensor) -> Tensor:
    """Return uniform numbers between 0 and 1 with the dtype and device of a tensor."""
    return torch.rand(tuple(shape), generator=generator, dtype=torch.float32).to(like)


def proportional(weight: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """Return the positions of `size` rows in order, each as often as its share in the weight says, up or down by one.

    The draw is systematic: each row comes in proportion to its weight in expectation.
    """
    total = weight.double().cumsum(0)
    points = torch.arange(size, device=total.device) + uniform((), generator, total)
    return torch.searchsorted(total, points * (total[-1] / size), right=True).clamp_max_(len(weight) - 1)


def is_even(weight: Tensor) -> bool:
    """Tell whether all weights are the same."""
    return bool((weight == weight[0]).all())


def epoch_order(weight: Tensor, generator: torch.Generator) -> Tensor:
    """Return the shuffled positions of an epoch, as many as rows: of equal weights each once, else as weights say."""
    n = len(weight)
    order = torch.arange(n) if is_even(weight) else proportional(weight, n, generator)
    return order[torch.randperm(n, generator=generator)]


class EpochSampler:
    """Draws batches of rows in proportion to their weights, epoch by epoch; rows that are drawn weigh the same.

    An epoch has as many draws as there are rows: of equal weights each once, of others some again and some not at all.

    Parameters
    ----------
    rows : Tensor of shape (n,)
        Their indices.
    weight : Tensor of shape (n,)
    """

    def __init__(self, rows: Tensor, weight: Tensor) -> None:
        self.rows, self.weight = rows, weight
        self._even = is_even(weight)
        self._order, self._n_drawn = torch.arange(len(rows)), len(rows)

    @property
    def position(self) -> tuple[Tensor, int]:
        """The order of the epoch under way, and how many of its rows are drawn."""
        return self._order, self._n_drawn

    @position.setter
    def position(self, position: tuple[Tensor, int]) -> None:
        self._order, self._n_drawn = position

    def draw(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the next n rows and the weights with which they stand for all; all as they are, if there are fewer."""
        if n >= len(self.rows) and not self._even:
            return self.rows, self.weight
        if self._n_drawn + n > len(self.rows):
            order = epoch_order(self.weight, generator)
            self._order, self._n_drawn = self._order[order] if self._even else order, 0
        drawn = self._order[self._n_drawn : self._n_drawn + n]
        self._n_drawn += n
        return self.rows[drawn], (self.weight.sum() / len(drawn)).expand(len(drawn))


def epoch(weight: Tensor, sizes: Iterable[int], generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the indices and the masses of the rows of each batch of an epoch, given the sizes of its batches."""
    sampler = EpochSampler(torch.arange(len(weight)), weight.cpu())
    for size in sizes:
        rows, weights = sampler.draw(size, generator)
        yield rows.to(weight.device), (weights / weights.sum()).to(weight)
