"""What a fit under way is told of its trainings, and keeps of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

Progress = Callable[[int, int, float], bool]  # (steps done, steps in all, loss) -> whether to stop


def untold(step: int, n_steps: int, loss: float) -> bool:
    """Be told of a step, and want no stop."""
    return False


class TrainingWatch:
    """What trainings tell of their steps, and go on from; this one tells nobody, and keeps nothing.

    The trainings of a fit come one after the other, in the order of its last run: it is by their number that one which
    was killed finds what is kept of it.
    """

    def progress(self, stage: str) -> Progress:
        """Return what is told of every step of a training."""
        return untold

    def reached(self) -> Any | None:
        """Begin the next training; return what is kept of it, and None where it is to begin anew."""
        return None

    def offer(self, position: Callable[[], Any]) -> None:
        """Keep where the training has come to, if the last saving was long enough ago."""

    def end(self, position: Callable[[], Any]) -> None:
        """Keep where the training has ended, as long as the fit does not."""


_CURRENT: ContextVar[TrainingWatch | None] = ContextVar("watch", default=None)


@contextmanager
def watched_by(watch: TrainingWatch) -> Iterator[None]:
    """Say what watches the trainings inside, in this thread."""
    token = _CURRENT.set(watch)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def current_watch() -> TrainingWatch:
    """Return what watches the trainings of the fit under way."""
    return _CURRENT.get() or TrainingWatch()
