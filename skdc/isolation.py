"""What a fit leaves as it was: the estimator, where it fails, warning filters and threads of the process."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache, wraps
from typing import Any, TypeVar, cast

import threadpoolctl

# What scikit-learn takes away by itself, once callbacks are torn down.
_OF_CALLBACKS = ("_callback_fit_ctx", "_skl_callbacks_to_teardown")

Method = TypeVar("Method", bound=Callable[..., Any])


@contextmanager
def restored_on_failure(*estimators: Any) -> Iterator[None]:
    """Leave estimators as they were if what is done does not end: by an error, or by an interrupt.

    So are the estimators that they are made of, such as the steps of pipelines, at any depth.
    """
    states: dict[int, tuple[Any, Any]] = {}
    for estimator in estimators:
        _remember(estimator, states)
    try:
        yield
    except BaseException:
        for state, old in states.values():
            if isinstance(state, list):
                state[:] = old
                continue
            kept = {name: state[name] for name in _OF_CALLBACKS if name in state}
            state.clear()
            state.update(old | kept)
        raise


def _remember(value: Any, states: dict[int, tuple[Any, Any]]) -> bool:
    """Write down the state of an estimator and of those inside, by identity; return whether there is one.

    Lists and dictionaries of estimators are written down with them: some are changed in place.
    """
    if id(value) in states:
        return True
    if isinstance(value, list | tuple | dict):
        inner = value.values() if isinstance(value, dict) else value
        holds = any([_remember(one, states) for one in inner])
        if holds and not isinstance(value, tuple):
            states[id(value)] = value, value.copy()
        return holds
    if not hasattr(type(value), "fit") or not hasattr(value, "__dict__"):
        return False
    states[id(value)] = vars(value), vars(value).copy()
    for one in list(vars(value).values()):
        _remember(one, states)
    return True


def all_or_nothing(fit: Method) -> Method:
    """Make of a `fit` one that leaves the estimator as it was if it does not end."""

    @wraps(fit)
    def whole(self: Any, *args: Any, **params: Any) -> Any:
        with restored_on_failure(self):
            return fit(self, *args, **params)

    return cast(Method, whole)


def limited_threads(user_api: str, n_threads: int) -> Any:
    """Return a context in which a library has so many threads, and others what they had.

    Parameters
    ----------
    user_api : {"openmp", "blas"}
        The number of OpenMP belongs to the thread that sets it, that of BLAS to all.
    n_threads : int
    """
    # `threadpool_limits` would restore the others, too, when it ends.
    return _libraries(frozenset(sys.modules)).select(user_api=user_api).limit(limits=n_threads)


@lru_cache(maxsize=1)
def _libraries(modules: frozenset[str]) -> threadpoolctl.ThreadpoolController:
    # To look for them takes as long as a small fit: it is done again where other modules, which bring them, are there.
    return threadpoolctl.ThreadpoolController()


@contextmanager
def filters_kept() -> Iterator[None]:
    """Take back the warning filters of libraries that are first imported within, as torch's optimizers do.

    `warnings.catch_warnings` would take back those of other threads, too.
    """
    modules, filters = set(sys.modules), list(warnings.filters)
    try:
        yield
    finally:
        _remove(
            entry for entry in list(warnings.filters) if entry not in filters and entry[2].__module__ not in modules
        )


def _remove(entries: Iterable[Any]) -> None:
    for entry in entries:
        with suppress(ValueError):  # another thread was first
            warnings.filters.remove(entry)  # type: ignore[attr-defined]  # a list, not any sequence
