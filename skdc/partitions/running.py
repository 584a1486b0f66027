"""Map and reduce over pieces, on whatever runs tasks here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from joblib import Parallel, delayed

Result = TypeVar("Result")
Merge = Callable[[Result, Result], Result]


# The results r_0 ... r_{n-1} of the pieces are merged as the leaves of a tree are, two neighbours at a time:
#     ((r_0 r_1) (r_2 r_3)) ((r_4 r_5) r_6)
# The tree depends on the number of pieces alone: neither on how many workers there are, nor on which of them ends
# first, so that sums are rounded alike. What is merged one by one has the same tree: two results of equal height at
# the end of a list are merged at once, as a carry in binary counting, and what is left is merged from the end.
def merged_in_turn(results: Iterable[Result], merge: Merge[Result]) -> Result:
    """Return results that come one after the other, merged as a tree; no more than a logarithm of them are held.

    Parameters
    ----------
    results : iterable
        At least one.
    merge : callable
        Of two results; it changes neither.
    """
    held: list[tuple[int, Result]] = []
    for result in results:
        height = 0
        while held and held[-1][0] == height:
            result, height = merge(held.pop()[1], result), height + 1
        held.append((height, result))
    _, merged = held.pop()
    while held:
        merged = merge(held.pop()[1], merged)
    return merged


def by_joblib(tasks: Iterable[Callable[[], Result]], merge: Merge[Result], n_jobs: int | None) -> Result:
    """Return the results of tasks, merged: in this thread, or in some; joblib's `parallel_backend` may say otherwise.

    Parameters
    ----------
    tasks : iterable of callable
    merge : callable
    n_jobs : int or None
        None is one, -1 all.
    """
    if n_jobs in (None, 1):
        return merged_in_turn((task() for task in tasks), merge)
    results = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")(delayed(_call)(task) for task in tasks)
    return merged_in_turn(results, merge)


def _call(task: Callable[[], Result]) -> Result:
    return task()


def by_dask(pieces: list[Any], function: Callable[[int, Any], Result], merge: Merge[Result]) -> Result:
    """Return what a function gives for each of some delayed pieces, merged, on the scheduler that is current.

    Parameters
    ----------
    pieces : list of Delayed or object
    function : callable
        Of the number of a piece, and of what it holds.
    merge : callable
    """
    import dask  # an extra

    task, merging = (dask.delayed(part, pure=False, traverse=False) for part in (function, merge))
    level = [task(i, piece) for i, piece in enumerate(pieces)]
    while len(level) > 1:
        pairs = [merging(*level[i : i + 2]) for i in range(0, len(level) - 1, 2)]
        level = pairs + level[2 * len(pairs) :]
    return level[0].compute()


def has_dask_client() -> bool:
    """Tell whether a `distributed.Client` is current: tasks are its own then, whatever holds the pieces."""
    import sys

    distributed = sys.modules.get("distributed")  # where none was loaded there is no client
    if distributed is None:
        return False
    try:
        distributed.get_client()
    except ValueError:
        return False
    return True
