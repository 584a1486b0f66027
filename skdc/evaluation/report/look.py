"""What a report sees: the set, some thousand rows of the data, and what is counted over all of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse
from sklearn.utils import _safe_indexing
from sklearn.utils.multiclass import type_of_target

from skdc.condensed import CondensedSet
from skdc.containers import as_array, checked_targets
from skdc.evaluation.protocol import RowScaling
from skdc.fitting.origin import was_made_of
from skdc.hashes import row_hashes
from skdc.plotting.rows import condensed_of, thinned
from skdc.scales import numeric_weight

_MOST = 100  # distinct numbers that are taken for classes


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows that are looked at.

    Parameters
    ----------
    X : array, sparse array or frame of shape (n, ...)
    y : ndarray of shape (n,) or (n, n_outputs), or None
    weight : ndarray of shape (n,)
    seen : array or sparse array of shape (n, ...)
        As numbers, scaled as learners see them.
    positions : ndarray of shape (n,)
        Where they stand among all.
    n_rows : int
        How many there are in all.
    """

    X: Any
    y: NDArray | None
    weight: NDArray[np.float64]
    seen: Any
    positions: NDArray[np.intp]
    n_rows: int

    @property
    def flat(self) -> Any:
        """The numbers of each row in a line, of shape (n, n_features)."""
        return flattened(self.seen)

    def __len__(self) -> int:
        return len(self.positions)


@dataclass(frozen=True, eq=False)
class Look:
    """The set and the data of a report.

    Parameters
    ----------
    condensed : CondensedSet
    kind : {"classification", "multilabel", "regression", "none"}
        What the targets are.
    labels : ndarray of shape (m,), default=None
        Of the points, where they have one each.
    weight : ndarray of shape (m,)
        Of the points.
    random_state : int
    real : Rows, default=None
    seen : array of shape (m, ...), default=None
        The points as numbers, scaled as the real rows are.
    test : Rows, default=None
    counts : dict of str to (int, float), default=None
        Rows and weight of each label among all real rows.
    copied : ndarray of shape (m,), default=None
        Which points are rows of the data, all of which are looked at.
    test_in_data : ndarray of shape (n_test,), default=None
        Which test rows are rows of the data too.
    same_data : bool, default=None
        Whether the real rows are those that the set was made from; None if that is not known.
    scaling : RowScaling, default=None
        By which all are scaled.
    hashes : ndarray of shape (n,), default=None
        Of all real rows.
    """

    condensed: CondensedSet
    kind: str
    labels: NDArray | None
    weight: NDArray[np.float64]
    random_state: int
    real: Rows | None = None
    seen: Any = None
    test: Rows | None = None
    counts: dict[str, tuple[int, float]] | None = None
    copied: NDArray[np.bool_] | None = None
    test_in_data: NDArray[np.bool_] | None = None
    same_data: bool | None = None
    scaling: RowScaling | None = None
    hashes: NDArray[np.uint64] | None = None

    @property
    def flat(self) -> Any:
        """The numbers of each point in a line, scaled as those of real rows are."""
        return flattened(self.seen)

    @property
    def has_shape(self) -> bool:
        """Whether rows have a shape, as images have, and no columns."""
        return len(self.condensed.X.shape) > 2


def flattened(rows: Any) -> Any:
    """Return the numbers of each row in a line."""
    return rows if issparse(rows) else rows.reshape(len(rows), -1)


def look_at(
    condenser: Any,
    data: tuple[Any, Any, Any],
    test: tuple[Any, Any],
    *,
    image_shape: tuple[int, ...] | None,
    max_rows: int,
    random_state: int,
) -> Look:
    """Return what a report sees of a set, of rows with targets and weights, and of test rows with targets.

    Raises
    ------
    ValueError
        For data that do not go with each other or with the set.
    """
    if not isinstance(max_rows, Integral) or max_rows < 10:
        raise ValueError(f"max_rows={max_rows!r} must be a whole number of at least 10")
    condensed = condensed_of(condenser)
    if condensed.sample_weight is None:
        weight = np.ones(condensed.X.shape[0])
    else:
        weight = np.asarray(condensed.sample_weight, dtype=np.float64)
    X, y, sample_weight = data
    kind, labels = _kind(condensed, y)
    look = Look(_in_shape(condensed, image_shape), kind, labels, weight, random_state)
    if X is None:
        _refuse_without_rows(y=y, X_test=test[0], y_test=test[1], sample_weight=sample_weight)
        return look
    same = None if condensed.provenance is None else was_made_of(condensed.provenance, *data)
    look = replace(_with_rows(look, X, y, sample_weight, image_shape, max_rows), same_data=same)
    return look if test[0] is None and test[1] is None else _with_test(look, *test, image_shape, max_rows)


def _kind(condensed: CondensedSet, y: Any) -> tuple[str, NDArray | None]:
    """Return what the targets are, and the labels of the points, if they have one each."""
    if condensed.y is None:
        return "none", None
    targets = checked_targets(condensed.y)
    if condensed.classes is not None:
        return "classification", targets
    # Of a fit the classes would be known; what else is a set of unknown origin is told by the data, if there are any.
    found = type_of_target(targets if y is None or condensed.provenance is not None else checked_targets(y))
    if found == "multilabel-indicator":
        return "multilabel", None
    few = targets.dtype.kind not in "fiu" or len(np.unique(targets if y is None else checked_targets(y))) <= _MOST
    if condensed.provenance is None and found in ("binary", "multiclass") and few:
        return "classification", targets
    return "regression", None


def _in_shape(condensed: CondensedSet, image_shape: tuple[int, ...] | None) -> CondensedSet:
    return replace(condensed, X=_shaped(condensed.X, image_shape))


def _shaped(X: Any, image_shape: tuple[int, ...] | None) -> Any:
    """Return rows in memory, flattened images as images."""
    X = as_array(X)
    X = X if hasattr(X, "shape") else np.asarray(X)
    if image_shape is None:
        return X
    if prod(X.shape[1:]) != prod(image_shape):
        raise ValueError(f"image_shape={image_shape} has {prod(image_shape)} values, a row has {prod(X.shape[1:])}")
    return np.asarray(X).reshape(X.shape[0], *image_shape)


def _refuse_without_rows(**given: Any) -> None:
    for name, value in given.items():
        if value is not None:
            raise ValueError(f"{name} is given, X is not; pass the rows that the set was made from, or nothing of them")


def _with_rows(
    look: Look, X: Any, y: Any, sample_weight: Any, image_shape: tuple[int, ...] | None, max_rows: int
) -> Look:
    X = _shaped(X, image_shape)
    X = csr_array(X) if issparse(X) else X
    n = X.shape[0]
    weight = numeric_weight(as_array(sample_weight, "sample_weight"), X)
    targets = _targets(y, n, "y") if look.kind != "none" else None
    chosen = _drawn(np.flatnonzero(weight), targets if look.kind == "classification" else None, max_rows, look)
    rows, mass = _safe_indexing(X, chosen), weight[chosen]
    scaling = RowScaling.of_rows(X, sample_weight)
    real = Rows(rows, None if targets is None else targets[chosen], mass, scaling(rows), chosen, n)
    try:
        seen = scaling(look.condensed.X, "the set")
    except ValueError as error:
        raise ValueError(f"X does not go with the set: {error}; give the data that it was made from") from error
    counts = None
    if targets is not None and look.kind == "classification":
        found, code = np.unique(targets, return_inverse=True)
        pairs = np.bincount(code), np.bincount(code, weight)
        counts = {str(label): (int(n), float(w)) for label, n, w in zip(found.tolist(), *pairs, strict=True)}
    hashes = _hashes(X, X)
    copied = np.isin(_hashes(look.condensed.X, X), hashes)
    return replace(look, real=real, seen=seen, counts=counts, copied=copied, scaling=scaling, hashes=hashes)


def _with_test(look: Look, X_test: Any, y_test: Any, image_shape: Any, max_rows: int) -> Look:
    if X_test is None:
        raise ValueError("y_test is given, X_test is not; give the test rows, too")
    assert look.real is not None and look.scaling is not None and look.hashes is not None
    rows = _shaped(X_test, image_shape)
    rows = csr_array(rows) if issparse(rows) else rows
    n = rows.shape[0]
    targets = None if look.kind == "none" else _targets(y_test, n, "y_test")
    chosen = thinned(n, max_rows, look.random_state)
    part, mass = _safe_indexing(rows, chosen), np.ones(len(chosen))
    seen = look.scaling(part, "X_test")
    test = Rows(part, None if targets is None else targets[chosen], mass, seen, chosen, n)
    return replace(look, test=test, test_in_data=np.isin(_hashes(rows, look.real.X), look.hashes))


def _targets(y: Any, n: int, name: str) -> NDArray | None:
    if y is None:
        return None
    targets = checked_targets(y, name)
    if len(targets) != n:
        rows = name.replace("y", "X")
        raise ValueError(f"{rows} has {n} rows, {name} has {len(targets)}: there must be as many")
    return targets


def _drawn(there: NDArray[np.intp], y: NDArray | None, max_rows: int, look: Look) -> NDArray[np.intp]:
    """Return which rows are looked at: all, or some at random and one of each class at least."""
    chosen = there[thinned(len(there), max_rows, look.random_state)]
    if y is None or len(chosen) == len(there):
        return chosen
    labels, first = np.unique(y[there], return_index=True)
    return np.union1d(chosen, there[first[~np.isin(labels, y[chosen])]])


def _hashes(rows: Any, like: Any) -> NDArray[np.uint64]:
    """Return a hash of the content of each row; equal rows of a frame and of one like it have equal ones."""
    if not hasattr(rows, "iloc"):
        return row_hashes(rows if issparse(rows) else np.asarray(rows), 0)
    from pandas.util import hash_pandas_object

    plain = rows.astype({name: dtype for name, dtype in like.dtypes.items() if rows[name].dtype != dtype})
    return hash_pandas_object(plain, index=False).to_numpy()
