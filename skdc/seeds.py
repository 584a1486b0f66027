"""Randomness that is handed on: seeds for estimators of other libraries, and rows dealt like cards."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
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


_CLONES: ContextVar[dict[int, Any] | None] = ContextVar("_CLONES", default=None)


class SharedParts:
    """A parameter object of which a clone has one clone of a part that it had in two places.

    scikit-learn clones a part each time that it meets it, so that two terms would no longer look through one space.
    """

    def __sklearn_clone__(self) -> Any:
        clones = _CLONES.get()
        if clones is not None:
            if id(self) not in clones:
                clones[id(self)] = super().__sklearn_clone__()  # type: ignore[misc]
            return clones[id(self)]
        token = _CLONES.set({})
        try:
            return super().__sklearn_clone__()  # type: ignore[misc]
        finally:
            _CLONES.reset(token)


class Deck:
    """Row indices that are dealt without replacement, and shuffled when they run out."""

    def __init__(self, cards: Tensor) -> None:
        self.cards = cards
        self._next = len(cards)

    def deal(self, n: int, generator: torch.Generator) -> Tensor:
        """Return the next n rows, or all of them if there are fewer."""
        if self._next + n > len(self.cards):
            self.cards = self.cards[torch.randperm(len(self.cards), generator=generator)]
            self._next = 0
        dealt = self.cards[self._next : self._next + n]
        self._next += n
        return dealt
