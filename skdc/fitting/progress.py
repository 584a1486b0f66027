"""What a fit tells of itself on standard error: the stage, the steps and the time that is left."""

from __future__ import annotations

import sys
from time import monotonic
from typing import Any

import numpy as np

_SECONDS = 3.0  # between two lines, where there is no terminal
_FLICKER = 0.1  # seconds between two changes of the bar on a terminal


class ProgressBar:
    """A bar that a terminal draws again and again; elsewhere a plain line every few seconds, and one at the end.

    Parameters
    ----------
    name : str
        Whose fit it is.
    stage : str
        What is under way.
    """

    def __init__(self, name: str, stage: str) -> None:
        self._title, self._on_terminal = f"{name} {stage}", sys.stderr.isatty()
        self._began = self._told = monotonic()

    def tell(self, step: int, n_steps: int, loss: float, is_last: bool) -> None:
        """Tell that a step is done.

        Parameters
        ----------
        step, n_steps : int
        loss : float
            NaN where nothing is watched.
        is_last : bool
            Whether no other will follow, which may be before `n_steps`.
        """
        now = monotonic()
        if not is_last and now - self._told < (_FLICKER if self._on_terminal else _SECONDS):
            return
        self._told, done = now, 30 * step // n_steps
        value = "" if np.isnan(loss) else f" loss {loss:.4g}"
        spent = now - self._began
        time = f"{_clock(spent)} in all" if is_last else f"{_clock(spent / step * (n_steps - step))} left"
        line = f"{self._title} [{'#' * done}{'.' * (30 - done)}] {step}/{n_steps}{value}, {time}"
        start, end = ("\r\x1b[K", "\n" if is_last else "") if self._on_terminal else ("", "\n")
        print(f"{start}{line}", end=end, file=sys.stderr, flush=True)


def tell_stage(condenser: Any, stage: str) -> None:
    """Say what is under way before the first step, on a terminal of a user who wants to know."""
    if condenser.verbose and sys.stderr.isatty():
        print(f"\r\x1b[K{type(condenser).__name__} {stage}", end="", file=sys.stderr, flush=True)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
