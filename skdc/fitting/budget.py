"""Sizes in bytes: what a set takes, and how many points a budget gives."""

from __future__ import annotations

import re
from bisect import bisect_right
from fractions import Fraction
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from skdc.codes import CodedRows
from skdc.containers import row_bytes
from skdc.parameterizations.base import Parameterization
from skdc.parameterizations.labels import target_bytes
from skdc.sources import Schema

_WORDS = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kKMG]i?)?B\s*")
_FACTORS = {"k": 1000, "M": 1000**2, "G": 1000**3, "ki": 1024, "Mi": 1024**2, "Gi": 1024**3}
_WEIGHT = 8  # bytes of the weight of a point, a float64


def parsed_bytes(n_bytes: int | str) -> int:
    """Return a number of bytes that is given as a whole number, or in words such as "64 kB"."""
    found = _WORDS.fullmatch(n_bytes) if isinstance(n_bytes, str) else None
    if found is not None:
        number, prefix = found.groups()
        value = int(Fraction(number) * (1 if prefix is None else _FACTORS[prefix.replace("K", "k")]))
    else:
        value = int(n_bytes) if isinstance(n_bytes, Integral) and not isinstance(n_bytes, bool) else 0
    if value < 1:
        raise ValueError(
            f"n_bytes={n_bytes!r} must be a whole number of bytes, at least 1, or words such as '784 B', '64 kB' or "
            "'1.5 MiB'"
        )
    return value


def points_within(n_bytes: int | str, parts: Parameterization, schema: Schema, n_classes: int, most: int) -> int:
    """Return how many points a budget gives; refuse one that is too small for a point of each class.

    Parameters
    ----------
    n_bytes : int or str
        As in the condensers.
    parts : Parameterization
        Asked for the bytes of points. Their weights are counted as if they differed, which is not known before.
    schema : Schema
    n_classes : int
        Classes of which each gets a point.
    most : int
        More points are never made.
    """
    budget = parsed_bytes(n_bytes)

    def taken(n_points: int) -> int:
        return parts.n_bytes(n_points, schema) + _WEIGHT * n_points

    if taken(n_classes) > budget:
        what = "one point" if schema.classes is None else f"a point of each of {n_classes} classes"
        raise ValueError(
            f"n_bytes={n_bytes!r} is too small for {what}, kept as {parts!r} says; give at least "
            f"n_bytes={taken(n_classes)}"
        )
    return bisect_right(range(most + 1), budget, key=taken) - 1


def storage_of(
    parts: Parameterization,
    schema: Schema,
    X_syn: Any,
    weight: NDArray[np.float64],
    soft: bool,
    coded: CodedRows | None = None,
) -> dict[str, int]:
    """Return what a set takes: `points`, `bytes`, of which `shared_bytes` do not grow with them, and `bytes_decoded`.

    Parameters
    ----------
    parts : Parameterization
        How the set is stored.
    schema : Schema
    X_syn : array or frame of shape (m, ...)
        The rows as they come out.
    weight : ndarray of shape (m,)
        Nothing is kept where all are the same.
    soft : bool
        Whether there are probabilities beside the labels.
    coded : CodedRows, default=None
        What is kept of the rows, where that is not the rows.
    """
    n_points = len(weight)
    weights = _WEIGHT * n_points * bool((weight != weight[0]).any())
    if issparse(X_syn):
        decoded = X_syn.data.nbytes + X_syn.indices.nbytes + X_syn.indptr.nbytes
    else:
        decoded = n_points * row_bytes(X_syn)
    targets = target_bytes(schema, n_points, soft)
    decoded += targets
    # Only rows as they are can be sparse.
    stored = decoded if issparse(X_syn) else parts.n_bytes(n_points, schema)
    if coded is not None:
        stored = coded.nbytes + targets
    shared = 0 if issparse(X_syn) else parts.n_bytes(0, schema)
    return {
        "points": n_points,
        "bytes": stored + weights,
        "shared_bytes": shared,
        "bytes_decoded": decoded + weights,
    }
