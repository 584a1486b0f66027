"""The trainings inside a fit: it tells of their steps, and keeps where they have come to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from skdc.fitting.checkpoints import Checkpoint
from skdc.fitting.runtime import progress_of
from skdc.watch import Progress, TrainingWatch, watched_by


class FitWatch(TrainingWatch):
    """What the trainings of a fit tell, and what its checkpoint keeps of them.

    Parameters
    ----------
    owner : estimator
        Whose fit it is.
    checkpoint : Checkpoint or None
        Loaded.
    """

    def __init__(self, owner: Any, checkpoint: Checkpoint | None) -> None:
        self._owner, self._checkpoint, self._n_begun = owner, checkpoint, 0

    def progress(self, stage: str) -> Progress:
        """Return what shows a bar where wanted, tells callbacks, and stops when they ask for it or the time is over."""
        return progress_of(self._owner, stage, task=f"train {stage}")

    def reached(self) -> Any | None:
        """Begin the next training; return what the checkpoint has of it."""
        self._n_begun += 1
        kept = [] if self._checkpoint is None else self._checkpoint.trainings
        return kept[self._n_begun - 1] if len(kept) >= self._n_begun else None

    def offer(self, position: Callable[[], Any]) -> None:
        """Keep where the training has come to, beside those that have ended."""
        if self._checkpoint is not None and self._checkpoint.is_due():
            self.end(position)

    def end(self, position: Callable[[], Any]) -> None:
        """Keep where it has ended; those that were begun after it, by a fit that was killed, stay."""
        if self._checkpoint is not None:
            self._checkpoint.trainings[self._n_begun - 1 : self._n_begun] = [position()]
            self._checkpoint.save_trainings()


@contextmanager
def trainings_of(owner: Any, checkpoint: Checkpoint | None) -> Iterator[None]:
    """Watch the trainings inside; what fails keeps nothing, and what is interrupted goes on another time."""
    try:
        with watched_by(FitWatch(owner, checkpoint)):
            yield
    except Exception:
        if checkpoint is not None:
            checkpoint.remove()
        raise
