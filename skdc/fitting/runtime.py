"""What surrounds a fit: threads, device, seed, progress, and where a warm start begins."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from numbers import Integral
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import threadpoolctl
import torch
from joblib import effective_n_jobs
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from skdc.condensed import CondensedSet
from skdc.containers import plain_labels
from skdc.fitting.callbacks import StepTeller
from skdc.fitting.deadlines import current_limit
from skdc.fitting.encoding import dense
from skdc.fitting.progress import ProgressBar
from skdc.isolation import filters_kept, limited_threads
from skdc.parameterizations.base import LiveSet
from skdc.parameterizations.points import PointsSet
from skdc.solvers.base import DivergenceError, InterruptedWarning, Interruption, Progress
from skdc.sources import Schema, Source


class Start(NamedTuple):
    """The last synthetic set, from which a warm start begins: rows as shown, learned targets, class codes; the set."""

    X: Any
    y: NDArray | None
    key: NDArray
    condensed: CondensedSet

    @classmethod
    def of(cls, condenser: Any) -> Start | GivenStart | None:
        """Return the set from which a condenser is to start, if there is one; refuse that of private rows."""
        given, is_private = condenser.warm_start, getattr(condenser, "privacy", None) is not None
        if isinstance(given, CondensedSet):
            if is_private and (given.provenance is None or given.provenance.privacy is None):
                raise ValueError("warm_start= is a set that is not private, and would give away rows; leave it out")
            return GivenStart(given)
        if not isinstance(given, bool | np.bool_):
            raise TypeError(f"warm_start={given!r} must be True, False or a set, such as skdc.load(path)")
        if not given or "X_syn_" not in vars(condenser):
            return None
        if is_private and "privacy_" not in vars(condenser):
            raise ValueError(
                "warm_start=True would start from a set that was made from private rows without noise; fit a new "
                "condenser"
            )
        return cls(condenser.X_syn_, condenser.y_learned_, condenser._key, condenser.condensed_)

    def load(self, synthetic: LiveSet, source: Source, encoder: Any) -> None:
        """Move a live set, of the same sizes, to the last one."""
        if not isinstance(synthetic, PointsSet):
            raise ValueError(
                "warm_start=True has no effect on a choice of rows, nor on rows that are drawn; use warm_start=False"
            )
        rows = synthetic()
        X = np.asarray(self.X if encoder is None else dense(encoder.transform(self.X)))
        y = rows.y if self.y is None else self.y.reshape(len(self.y), -1)
        shapes = (X.shape, y.shape) != (rows.X.shape, rows.y.shape)
        if shapes or not np.array_equal(self.key, rows.key.cpu().numpy()):
            raise ValueError(
                f"warm_start=True cannot start points {tuple(rows.X.shape)} from the last set, {X.shape}: its shape or "
                "its sizes per class differ; keep them, or use warm_start=False"
            )
        targets = rows.y if self.y is None else source.encode_targets(y)
        synthetic.load(replace(rows, X=source.encode(X), y=targets))


class GivenStart(NamedTuple):
    """A set from which a warm start begins: of each class as many points as there are in it and to be made."""

    condensed: CondensedSet

    def load(self, synthetic: LiveSet, source: Source, encoder: Any) -> None:
        """Move points of a live set to those of the set; others stay where they start."""
        if not isinstance(synthetic, PointsSet):
            raise ValueError("warm_start= has no effect on a choice of rows, nor on rows that are drawn; leave it out")
        rows, given = synthetic(), self.condensed
        X = np.asarray(given.X if encoder is None else dense(encoder.transform(given.X)))
        if X.shape[1:] != tuple(rows.X.shape[1:]):
            raise ValueError(
                f"warm_start= has rows of shape {X.shape[1:]}, and those of the data are {tuple(rows.X.shape[1:])}"
            )
        to, taken = self._places(rows.key.cpu().numpy(), source.schema)
        places, values = torch.as_tensor(to, device=rows.X.device), source.encode(X[taken])
        targets = self._targets(source.schema)
        y = rows.y if targets is None else rows.y.index_copy(0, places, source.encode_targets(targets[taken]))
        synthetic.load(replace(rows, X=rows.X.index_copy(0, places, values), y=y))

    def _places(self, key: NDArray[np.int64], schema: Schema) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return where points are that move, and where those of the set are to which they do."""
        given, classes = self.condensed, schema.classes
        if (classes is None) != (given.classes is None) or (given.y is None) != (schema.task == "none"):
            raise ValueError(f"warm_start= is a set of other targets than those of the data ({schema.given_targets})")
        if classes is None:
            size = min(len(key), given.X.shape[0])
            return np.arange(size), np.arange(size)
        labels, pairs = np.asarray(plain_labels(given.y)), []
        for c, label in enumerate(schema.labels):
            mine, theirs = np.flatnonzero(key == c), np.flatnonzero(labels == label)
            size = min(len(mine), len(theirs))
            pairs.append((mine[:size], theirs[:size]))
        to, taken = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
        if not len(to):
            raise ValueError(
                f"warm_start= has points of classes {np.unique(labels).tolist()}, and the data have "
                f"{schema.labels.tolist()}"
            )
        return to, taken

    def _targets(self, schema: Schema) -> NDArray[np.float64] | None:
        """Return targets that say more than a label, of all classes of the data; None where there are none."""
        given = self.condensed
        if schema.task != "classification":
            return None if given.y is None else np.asarray(given.y, dtype=np.float64).reshape(given.X.shape[0], -1)
        found = given.y_soft if given.y_learned is None else given.y_learned
        if found is None:
            return None
        classes, own = np.asarray(given.classes), np.zeros((len(found), len(schema.labels)))
        known = np.isin(classes, schema.labels)
        own[:, np.searchsorted(schema.labels, classes[known])] = found[:, known]
        return own


class _Threads:
    """The numbers of threads of torch and BLAS, which are one for all fits: the last one that ends restores them."""

    def __init__(self) -> None:
        self._lock, self._n_fits, self._n_torch = Lock(), 0, 0
        self._limits: list[Any] = []

    @contextmanager
    def set(self, n_threads: int) -> Iterator[None]:
        """Set the numbers for one fit."""
        with self._lock:
            if not self._n_fits:
                self._n_torch = torch.get_num_threads()
            self._n_fits += 1
            with _control():
                self._limits.append(limited_threads("blas", n_threads))
            torch.set_num_threads(n_threads)
        try:
            yield
        finally:
            with self._lock:
                self._n_fits -= 1
                if not self._n_fits:
                    torch.set_num_threads(self._n_torch)
                    with _control():
                        while self._limits:
                            self._limits.pop().restore_original_limits()


@contextmanager
def _control() -> Iterator[None]:
    """Let this thread set the threads of OpenBLAS: threadpoolctl 3.8 heeds only one thread at a time."""
    release = getattr(threadpoolctl.OpenBLASController, "clear_controlling_thread", lambda force: None)
    release(force=True)
    try:
        yield
    finally:
        release(force=True)


_THREADS = _Threads()


@contextmanager
def isolated(n_jobs: int | None) -> Iterator[None]:
    """Give torch, BLAS and OpenMP n_jobs threads (None is one) and gradients, and what they had afterwards."""
    if n_jobs is not None and (not isinstance(n_jobs, Integral) or not n_jobs):
        raise ValueError(f"n_jobs={n_jobs!r} must be a whole number of threads, -1 for all of them, or None for one")
    n_threads = effective_n_jobs(n_jobs)
    threads = limited_threads("openmp", n_threads), _THREADS.set(n_threads)
    with threads[0], threads[1], filters_kept(), torch.inference_mode(False), torch.enable_grad():
        yield


def progress_of(owner: Any, stage: str, task: str = "solve") -> Progress:
    """Return what is told of steps: a bar where wanted, the callbacks of the fit under way, a deadline."""
    name, limit = type(owner).__name__, current_limit()
    bar = ProgressBar(name, stage) if owner.verbose else None
    tell = StepTeller(owner, task) if hasattr(owner, "_callback_fit_ctx") else lambda step, n_steps, is_last: False

    def progress(step: int, n_steps: int, loss: float) -> bool:
        is_late = limit is not None and limit.stops(step == n_steps)
        stops = tell(step, n_steps, is_late or step == n_steps) or is_late
        if bar is not None:
            bar.tell(step, n_steps, loss, is_last=stops or step == n_steps)
        return stops

    return progress


def tell_early(condenser: BaseEstimator, early: DivergenceError | Interruption | None) -> None:
    """Raise the error of a solver that stopped early, or warn of an interrupt; its last good set is shown."""
    if isinstance(early, Interruption):
        warnings.warn(f"{type(condenser).__name__} was {early}", InterruptedWarning, stacklevel=3)
    elif early is not None:
        raise early
