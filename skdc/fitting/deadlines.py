"""The time by which fits are to end with what they have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic

import numpy as np

_DEADLINE: ContextVar[float] = ContextVar("deadline", default=np.inf)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Let solves inside stop after their first step beyond a time, with the set that they have.

    What comes before and after the steps, such as reading rows and training teachers, takes its time. Of limits inside
    of each other the earlier one counts; other threads have their own.

    Parameters
    ----------
    seconds : float
        From now; 0 or less is one step.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import DistributionMatching
    >>> from skdc.fitting.deadlines import time_limit
    >>> X, y = load_iris(return_X_y=True)
    >>> with time_limit(0):
    ...     DistributionMatching(n_per_class=1).fit(X, y).n_iter_
    1
    """
    token = _DEADLINE.set(min(_DEADLINE.get(), monotonic() + seconds))
    try:
        yield
    finally:
        _DEADLINE.reset(token)


def current_deadline() -> float:
    """Return the time of the monotonic clock by which to stop; infinity without a limit."""
    return _DEADLINE.get()
