"""From the size that a user asks for to the rows that each class gets."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skdc.fitting.budget import points_within
from skdc.fitting.recipe import Recipe
from skdc.fitting.sizes import AtMost, ClassSizes
from skdc.parameterizations.base import Parameterization
from skdc.sources import Schema

_MOST_NAMED = 5  # classes in a message


def sizes_per_class(
    n_per_class: ClassSizes | None,
    n_samples: float | None,
    schema: Schema,
    counts: NDArray[np.int64],
    mass: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Return how many synthetic rows each class gets; refuse sizes that the classes cannot share.

    Parameters
    ----------
    n_per_class, n_samples
        As in the condensers.
    schema : Schema
    counts : ndarray of shape (n_classes,)
        Rows of each class.
    mass : ndarray of shape (n_classes,)
        Weight of each class.
    """
    _refuse_two(n_per_class=n_per_class, n_samples=n_samples)
    if n_samples is not None:
        return _share(_total(n_samples, counts, mass), counts, mass)
    if schema.classes is None:
        if n_per_class is not None:
            raise ValueError(f"n_per_class={n_per_class!r} counts rows of a class, but {_no_classes(schema)}")
        return np.array([min(100, counts.sum())])
    if n_per_class is None:
        return np.minimum(10, counts)
    return np.where(counts > 0, _per_class(n_per_class, schema.classes, counts), 0)


def sizes_of(
    condenser: Any,
    recipe: Recipe,
    schema: Schema,
    counts: NDArray[np.int64],
    mass: NDArray[np.float64],
    n_beside: int = 0,
) -> NDArray[np.int64]:
    """Return how many synthetic rows each class gets: as many as are asked for, or as a number of bytes gives.

    Where the solver finds how many, these are all rows.

    Parameters
    ----------
    condenser : condenser
        With `n_per_class`, `n_samples` and `n_bytes`.
    recipe : Recipe
    schema, counts, mass
        As in `sizes_per_class`.
    n_beside : int, default=0
        As in `points_within`.
    """
    n_per_class, n_samples, n_bytes = condenser.n_per_class, condenser.n_samples, condenser.n_bytes
    if recipe.solver.finds_size():
        for size, value in (("n_per_class", n_per_class), ("n_samples", n_samples), ("n_bytes", n_bytes)):
            if value is not None:
                raise ValueError(
                    f"{recipe.solver!r} finds how many rows to keep, so that {size}={value!r} would have no effect; "
                    "leave it out, or use a solver that keeps as many as are asked for, such as Greedy()"
                )
        return counts
    if recipe.solver.finds_shares() and n_per_class is not None:
        raise ValueError(
            f"{recipe.solver!r} finds how many rows of each class to keep, so that n_per_class={n_per_class!r} would "
            "have no effect; give n_samples, how many in all"
        )
    if n_bytes is not None:
        _refuse_two(n_per_class=n_per_class, n_bytes=n_bytes)
        _refuse_two(n_samples=n_samples, n_bytes=n_bytes)
        weighs = recipe.solver is not None and recipe.solver.weighs()
        n_samples = points_within(
            n_bytes, recipe.parameterization, schema, int((mass > 0).sum()), int(counts.sum()), weighs, n_beside
        )
    return sizes_per_class(n_per_class, n_samples, schema, counts, mass)


def _refuse_two(**sizes: Any) -> None:
    if None not in sizes.values():
        given = " and ".join(f"{name}={value!r}" for name, value in sizes.items())
        raise ValueError(f"{given} are both given; give one of them")


def check_sizes(
    condenser: Any,
    parts: Parameterization,
    sizes: NDArray[np.int64],
    counts: NDArray[np.int64],
    classes: NDArray | None,
) -> None:
    """Refuse a set for which there are not enough rows, and tell of classes of which it makes more than there are.

    Parameters
    ----------
    condenser : condenser
        The one that is to make the set.
    parts : Parameterization
        How the set is stored: its rows may have to be distinct rows of the data.
    sizes, counts : ndarray of shape (n_classes,)
        Rows of each class in the set and in the data.
    classes : ndarray of shape (n_classes,) or None
    """
    name, short = type(condenser).__name__, np.flatnonzero(sizes > counts)
    distinct = parts.takes_distinct_rows()
    if not distinct and sizes.sum() > counts.sum():
        raise ValueError(
            f"{name}: a set of {sizes.sum()} rows is larger than the data, which have {counts.sum()} sample(s); lower "
            "n_per_class or n_samples"
        )
    if not len(short):
        return
    labels = None if classes is None else classes.tolist()
    some = [
        (f"{sizes[c]} rows" + ("" if labels is None else f" of class {labels[c]!r}"), counts[c])
        for c in short[:_MOST_NAMED]
    ]
    more = f", and so on for {len(short) - len(some)} more" if len(short) > len(some) else ""
    up_to = f"at_most({sizes[short].max()})"
    if distinct:
        advice = (
            ""
            if labels is None or condenser.n_samples is not None
            else f"; n_per_class={up_to} takes all that there are"
        )
        which = ", ".join(f"{what} out of {held}" for what, held in some) + more
        raise ValueError(f"{name} cannot take {which}; lower n_per_class or n_samples{advice}")
    advice = f"n_per_class={up_to} makes no more" if condenser.n_samples is None else "lower n_samples"
    which = ", ".join(f"{what}, of which the data have {held}" for what, held in some) + more
    warnings.warn(f"{name} makes {which}; {advice}", stacklevel=2)


def _no_classes(schema: Schema) -> str:
    """Return why there are no classes, and what to do."""
    if schema.task == "none":
        return "y is None; pass the labels to fit, or use n_samples"
    if schema.multilabel:
        return (
            "y has several columns of 0 and 1, which are several labels a row; use n_samples or, if the columns are "
            "one-hot classes, pass y.argmax(axis=1)"
        )
    return "y holds quantities; use n_samples or, if they are labels, task='classification'"


def _per_class(n_per_class: ClassSizes, classes: NDArray, counts: NDArray[np.int64]) -> NDArray[np.int64]:
    if not isinstance(n_per_class, Mapping):
        return np.array([_size("n_per_class", n_per_class, held) for held in counts])
    labels = classes.tolist()
    unknown = [label for label in n_per_class if label not in labels]
    if unknown:
        raise ValueError(f"n_per_class names {unknown[0]!r}, which is not among the classes {labels}")
    missing = [label for label in labels if label not in n_per_class]
    if missing:
        raise ValueError(f"n_per_class names no size for class {missing[0]!r}; give one for each of {labels}")
    sizes = [_size(f"n_per_class[{label!r}]", n_per_class[label], n) for label, n in zip(labels, counts, strict=True)]
    return np.array(sizes)


def _size(name: str, value: Any, held: int) -> int:
    """Return how many rows a class gets that holds some."""
    if isinstance(value, AtMost):
        return min(_count(name, value.n, value), int(held))
    return _count(name, value, value)


def _count(name: str, value: Any, shown: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        fraction = isinstance(value, Real) and 0 < float(value) < 1
        hint = f"; for a fraction of the rows give n_samples={value!r}" if fraction else ""
        hint = hint if isinstance(value, Real) else "; parameters other than it are given by name"
        raise ValueError(f"{name}={shown!r} must be a whole number of at least 1{hint}")
    return int(value)


def _total(n_samples: float, counts: NDArray[np.int64], mass: NDArray[np.float64]) -> int:
    n_present = int((mass > 0).sum())
    if isinstance(n_samples, Real) and not isinstance(n_samples, Integral):
        if not 0 < n_samples < 1:
            raise ValueError(f"n_samples={n_samples!r} must be a whole number, or a fraction between 0 and 1")
        return max(n_present, round(float(n_samples) * int(counts.sum())))
    if isinstance(n_samples, AtMost):
        raise ValueError(f"n_samples={n_samples!r} must be a number of rows; at_most is for n_per_class")
    total = _count("n_samples", n_samples, n_samples)
    if total < n_present:
        raise ValueError(
            f"n_samples={total} cannot give each of {n_present} classes a row; use n_samples={n_present} or more"
        )
    return total


def _share(total: int, counts: NDArray[np.int64], mass: NDArray[np.float64]) -> NDArray[np.int64]:
    """Share out a total in proportion to mass, at least one for each class that has mass (largest remainders).

    A class of few heavy rows gets no more than it has, as long as others have more.
    """
    room = counts if total <= counts.sum() else np.full_like(counts, total)
    # No class gets less than its quota by more than two rows a class: what is sure need not be given out one by one.
    sure = np.floor(total * (mass / mass.sum())).astype(np.int64) - 2 * len(mass)
    sizes = np.maximum(mass > 0, np.minimum(sure, room))
    for _ in range(total - int(sizes.sum())):
        # Sainte-Lague: the next row goes where a row stands for most mass; of equals, rounding aside, to the first.
        score = mass / (2 * sizes + 1)
        score = np.where(sizes < room, score, 0) if (sizes < room).any() else score
        sizes[np.argmax(score >= (1 - 1e-9) * score.max())] += 1
    return sizes
