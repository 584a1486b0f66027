"""From the size that a user asks for to the rows that each class gets."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skdc.condensers.sizes import ClassSizes
from skdc.data import Schema


def sizes_per_class(
    n_per_class: ClassSizes | None,
    n_samples: float | None,
    schema: Schema,
    counts: NDArray[np.int64],
    mass: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Return how many synthetic rows each class gets.

    Parameters
    ----------
    n_per_class, n_samples
        As in the condensers.
    schema : Schema
    counts : ndarray of shape (n_classes,)
        Rows of each class.
    mass : ndarray of shape (n_classes,)
        Weight of each class.

    Raises
    ------
    ValueError
        If both are given, or a size is not a positive number that the classes can share.
    """
    if n_per_class is not None and n_samples is not None:
        raise ValueError(f"n_per_class={n_per_class!r} and n_samples={n_samples!r} are both given; give one of them")
    if n_samples is not None:
        return _share(_total(n_samples, counts, mass), mass)
    if schema.classes is None:
        if n_per_class is not None:
            raise ValueError(
                f"n_per_class={n_per_class!r} counts rows of a class, but y holds no classes; use n_samples"
            )
        return np.array([min(100, counts.sum())])
    if n_per_class is None:
        return np.minimum(10, counts)
    return np.where(counts > 0, _per_class(n_per_class, schema.classes), 0)


def _per_class(n_per_class: int | Mapping[Any, int], classes: NDArray) -> NDArray[np.int64]:
    if not isinstance(n_per_class, Mapping):
        return np.full(len(classes), _count("n_per_class", n_per_class))
    labels = classes.tolist()
    unknown = [label for label in n_per_class if label not in labels]
    if unknown:
        raise ValueError(f"n_per_class names {unknown[0]!r}, which is not among the classes {labels}")
    missing = [label for label in labels if label not in n_per_class]
    if missing:
        raise ValueError(f"n_per_class names no size for class {missing[0]!r}; give one for each of {labels}")
    return np.array([_count(f"n_per_class[{label!r}]", n_per_class[label]) for label in labels])


def _count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name}={value!r} must be a whole number of at least 1")
    return int(value)


def _total(n_samples: float, counts: NDArray[np.int64], mass: NDArray[np.float64]) -> int:
    n_present = int((mass > 0).sum())
    if isinstance(n_samples, Real) and not isinstance(n_samples, Integral):
        if not 0 < n_samples < 1:
            raise ValueError(f"n_samples={n_samples!r} must be a whole number, or a fraction between 0 and 1")
        return max(n_present, round(float(n_samples) * int(counts.sum())))
    total = _count("n_samples", n_samples)
    if total < n_present:
        raise ValueError(
            f"n_samples={total} cannot give each of {n_present} classes a row; use n_samples={n_present} or more"
        )
    return total


def _share(total: int, mass: NDArray[np.float64]) -> NDArray[np.int64]:
    """Share out a total in proportion to mass, at least one for each class that has mass (largest remainders)."""
    sizes = (mass > 0).astype(np.int64)
    for _ in range(total - int(sizes.sum())):
        # Sainte-Lague: the next row goes where a row stands for most mass; of equals, rounding aside, to the first.
        score = mass / (2 * sizes + 1)
        sizes[np.argmax(score >= (1 - 1e-9) * score.max())] += 1
    return sizes
