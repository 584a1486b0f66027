"""How published checks are named and run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

Check = Callable[[], None]


def named(checks: list[Callable], part: object) -> Iterator[tuple[str, Check]]:
    """Yield (name, check) for a part."""
    for check in checks:
        yield check.__name__.removeprefix("_check_"), partial(check, part)


def run(checks: Iterator[tuple[str, Check]], part: object) -> None:
    """Run checks; one that fails is named, with the part."""
    for name, check in checks:
        try:
            check()
        except AssertionError as error:
            raise AssertionError(f"{type(part).__name__} fails {name}: {error}") from error


def numpy_state() -> str:
    """Return the state of numpy's global generator."""
    return str(np.random.mtrand._rand.get_state(legacy=False))
