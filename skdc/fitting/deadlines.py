"""The time by which fits are to end with what they have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic


class TimeLimit:
    """A time by which solves are to stop, and whether one has.

    Parameters
    ----------
    seconds : float
        From now.
    around : TimeLimit, default=None
        Another one, which counts too.
    """

    def __init__(self, seconds: float, around: TimeLimit | None = None) -> None:
        self.stopped, self._end, self._around = False, monotonic() + seconds, around

    def stops(self, is_last: bool) -> bool:
        """Tell whether the time is over; of a solve that is after its last step, it has stopped nothing."""
        over = monotonic() > self._end
        self.stopped = self.stopped or (over and not is_last)
        return self._around.stops(is_last) or over if self._around is not None else over


_LIMIT: ContextVar[TimeLimit | None] = ContextVar("limit", default=None)


@contextmanager
def time_limit(seconds: float) -> Iterator[TimeLimit]:
    """Let solves inside stop after their first step beyond a time, with the set that they have.

    The training of a generator stops so, too, with a `StoppedWarning`. What else comes before and after the steps, such
    as reading rows and training teachers, takes its time. Of limits inside of each other the earlier one counts; other
    threads have their own.

    Parameters
    ----------
    seconds : float
        From now; 0 is one step.

    Yields
    ------
    TimeLimit
        Which tells by `stopped` whether a solve had more steps to do.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import DistributionMatching
    >>> from skdc.fitting.deadlines import time_limit
    >>> X, y = load_iris(return_X_y=True)
    >>> with time_limit(0) as limit:
    ...     DistributionMatching(n_per_class=1).fit(X, y).n_iter_, limit.stopped
    (1, True)
    """
    limit = TimeLimit(seconds, _LIMIT.get())
    token = _LIMIT.set(limit)
    try:
        yield limit
    finally:
        _LIMIT.reset(token)


def current_limit() -> TimeLimit | None:
    """Return the limit of the innermost block, if any."""
    return _LIMIT.get()
