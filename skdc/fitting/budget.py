"""Sizes in bytes: what a set takes, and how many points a budget gives."""

from __future__ import annotations

import re
from bisect import bisect_right
from fractions import Fraction
from numbers import Integral

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from skdc.condensed import CondensedSet
from skdc.condensed.coded import weights_of_classes
from skdc.containers import as_array, row_bytes
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


def points_within(
    n_bytes: int | str,
    parts: Parameterization,
    schema: Schema,
    n_classes: int,
    most: int,
    own_mass: bool,
    n_beside: int,
) -> int:
    """Return how many points a budget gives; refuse one that is too small for a point of each class.

    Parameters
    ----------
    n_bytes : int or str
        As in the condensers.
    parts : Parameterization
        Asked for the bytes of points. Weights are counted as if classes differed in theirs, which is not known before.
    schema : Schema
    n_classes : int
        Classes of which each gets a point.
    most : int
        More points are never made.
    own_mass : bool
        Whether points of a class may weigh differently, so that each weight is counted.
    n_beside : int
        Bytes that the file takes whatever the points are: of the scaling of a wide table.
    """
    budget = parsed_bytes(n_bytes)

    def taken(n_points: int) -> int:
        weights = n_points if own_mass else schema.n_classes if schema.n_classes > 1 else 0
        return n_beside + parts.n_bytes(n_points, schema) + _WEIGHT * weights

    if taken(n_classes) > budget:
        what = "one point" if schema.classes is None else f"a point of each of {n_classes} classes"
        raise ValueError(
            f"n_bytes={n_bytes!r} is too small for {what}, kept as {parts!r} says; give at least "
            f"n_bytes={taken(n_classes)}"
        )
    return bisect_right(range(most + 1), budget, key=taken) - 1


def storage_of(
    parts: Parameterization, schema: Schema, condensed: CondensedSet, key: NDArray[np.int64], n_beside: int
) -> dict[str, int]:
    """Return what a set takes: `points`, `bytes`, of which `shared_bytes` do not grow with them, and `bytes_decoded`.

    Parameters
    ----------
    parts : Parameterization
        How the set is stored.
    schema : Schema
    condensed : CondensedSet
    key : ndarray of shape (m,)
        The class codes of its points.
    n_beside : int
        As in `points_within`.
    """
    X, n_points, soft = condensed.X, len(key), condensed.y_soft is not None
    weights = _weight_bytes(condensed.sample_weight, key, schema)
    targets = target_bytes(schema, n_points, soft)
    rows = n_points * row_bytes(as_array(X))
    if issparse(X):
        rows = X.data.nbytes + X.indices.nbytes + X.indptr.nbytes
    labels = condensed.coded_labels
    kept, shared = (rows, 0) if condensed.coded is None else (condensed.coded.nbytes, parts.n_bytes(0, schema))
    stored = kept + (targets if labels is None else target_bytes(schema, n_points, soft=False) + labels.nbytes)
    return {
        "points": n_points,
        "bytes": n_beside + stored + weights,
        "shared_bytes": n_beside + shared,
        "bytes_decoded": n_beside + rows + targets + weights,
    }


def _weight_bytes(weight: NDArray[np.float64] | None, key: NDArray[np.int64], schema: Schema) -> int:
    """Return what weights take: nothing if all are the same, once a class if those of a class are."""
    if weight is None or (weight == weight[0]).all():
        return 0
    of_classes = weights_of_classes(weight, key, schema.n_classes)
    return _WEIGHT * len(weight if of_classes is None else of_classes)
