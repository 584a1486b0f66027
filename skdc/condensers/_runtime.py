"""What surrounds a fit: threads, device, seed, progress, and where a warm start begins."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from joblib import effective_n_jobs
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from threadpoolctl import threadpool_limits

from skdc.parameterizations.base import LiveSet
from skdc.parameterizations.points import PointsSet
from skdc.solvers.base import Progress
from skdc.source import Source


class Start(NamedTuple):
    """The last synthetic set, from which a warm start begins."""

    X: Any
    y: NDArray | None
    encoder: Any

    def load(self, synthetic: LiveSet, source: Source) -> None:
        """Move a live set to the last one.

        Raises
        ------
        ValueError
            If the live set has other sizes, or chooses rows.
        """
        if not isinstance(synthetic, PointsSet):
            raise ValueError("warm_start=True has no effect on a choice of rows; use warm_start=False")
        X = self.X if self.encoder is None else self.encoder.transform(self.X)
        rows = synthetic()
        if np.shape(X) != tuple(rows.X.shape):
            raise ValueError(
                f"warm_start=True cannot start {tuple(rows.X.shape)} points from a set of shape {np.shape(X)}; "
                "keep the size, or use warm_start=False"
            )
        y = rows.y if self.y is None else source.encode_targets(self.y.reshape(rows.y.shape))
        synthetic.load(replace(rows, X=source.encode(np.asarray(X)), y=y))


@contextmanager
def pinned_threads(n_jobs: int | None) -> Iterator[None]:
    """Give torch, BLAS and OpenMP n_jobs threads (None is one), and what they had afterwards."""
    n_threads, before = effective_n_jobs(n_jobs), torch.get_num_threads()
    with threadpool_limits(n_threads):
        torch.set_num_threads(n_threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def find_device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if not isinstance(name, str) or not re.fullmatch(r"cpu|cuda(:\d+)?", name):
        raise ValueError(f"device={name!r} must be 'auto', 'cpu', 'cuda' or 'cuda:0'")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(f"device={name!r} is not to be had: torch sees no CUDA device; use device='auto' or 'cpu'")
    return torch.device(name)


def draw_entropy(random_state: int | np.random.RandomState | None) -> int:
    if random_state is None:
        # check_random_state(None) would draw from numpy's global generator, which is not ours to move.
        return int(np.random.SeedSequence().entropy % 2**31)
    return int(check_random_state(random_state).randint(2**31 - 1))


def progress_bar(condenser: BaseEstimator) -> Progress:
    name = type(condenser).__name__

    def show(step: int, n_steps: int, loss: float) -> None:
        done = 30 * step // n_steps
        end = "\n" if step == n_steps else ""
        bar = f"\r{name} [{'#' * done}{'.' * (30 - done)}] {step}/{n_steps} loss {loss:.4g} "
        print(bar, end=end, file=sys.stderr, flush=True)

    return show if condenser.verbose else lambda step, n_steps, loss: None
