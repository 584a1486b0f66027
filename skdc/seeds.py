"""Seeds for estimators of other libraries, which would draw from the global generator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn.base import clone


def seeded(estimator: Any, draw: Callable[[], int]) -> Any:
    """Return a clone of an estimator, with a drawn seed for each `random_state` that is None, in its parts too."""
    estimator = clone(estimator)
    values = estimator.get_params()
    for name in sorted(values):
        if name.split("__")[-1] == "random_state" and values[name] is None:
            estimator.set_params(**{name: draw()})
    return estimator
