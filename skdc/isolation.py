"""What a fit leaves as it was: the estimator, where it fails, and the warning filters of the process."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any


@contextmanager
def restored_on_failure(*estimators: Any) -> Iterator[None]:
    """Leave estimators as they were if what is done does not end: by an error, or by an interrupt."""
    before = [(vars(estimator), vars(estimator).copy()) for estimator in estimators if hasattr(estimator, "__dict__")]
    try:
        yield
    except BaseException:
        for state, old in before:
            state.clear()
            state.update(old)
        raise


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
            warnings.filters.remove(entry)  # type: ignore[attr-defined]
