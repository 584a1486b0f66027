"""What a fit tells of where its set comes from."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array, issparse

from skdc.condensed.scalings import scaling_bytes
from skdc.containers import as_array, checked_targets, has_units, have_units, held, is_sparse, refuse_filled
from skdc.fitting.input import Problem
from skdc.fitting.recipe import Recipe
from skdc.hashes import digest
from skdc.provenance import Provenance
from skdc.scales import RowMoments, numeric_weight
from skdc.scaling import Scaling
from skdc.sources import Schema, Sketch

_VERSION = version("skdc")


@dataclass(frozen=True, eq=False)
class Origin:
    """What may be told of the data of a fit; nothing, of private ones.

    Parameters
    ----------
    counts : ndarray of shape (n_classes,), default=None
        Rows of each class; of all, without classes.
    fingerprint : str, default=None
    scaling : Scaling, default=None
        How learners see rows.
    n_seen : int, default=None
        Rows of a sample that stood for all.
    """

    counts: NDArray[np.int64] | None = None
    fingerprint: str | None = None
    scaling: Scaling | None = None
    n_seen: int | None = None

    @classmethod
    def of(cls, problem: Problem, moments: RowMoments | None = None) -> Origin:
        """Return what is told of rows that were read, of which the moments may be known."""
        if problem.passing is not None:  # of which a sample is held
            return cls(problem.per_class()[0], scaling=_scaling(problem, *_given(problem), None))
        (X, weight), groups = _given(problem), problem.schema.sensitive_of_key
        groups = None if groups is None else groups[problem.key]
        scaling = _scaling(problem, X, weight, moments)
        return cls(problem.per_class()[0], fingerprint_of(X, problem.given[1], weight, groups), scaling)

    @classmethod
    def of_sketch(cls, sketch: Sketch) -> Origin:
        """Return what is told of rows that have gone by."""
        low, high = sketch.feature_range
        n_features = low.size
        spreads = sketch.mean[:n_features], sketch.spreads()[:n_features]
        return cls(sketch.counts, scaling=Scaling.of_columns(*spreads, have_units(low, high)))


def _scaling(problem: Problem, X: Any, weight: NDArray[np.float64], moments: RowMoments | None) -> Scaling:
    if problem.encoder is None:
        return Scaling.of_numbers(problem.X, problem.weight, moments)
    return Scaling.of(X, weight)  # learners see rows, and not what an encoder makes of them


def bytes_beside(problem: Problem) -> int:
    """Return what the scaling of rows that were read takes in a file beside the header."""
    if problem.encoder is not None:
        return scaling_bytes(_scaling(problem, *_given(problem), None))
    n_columns = problem.X.shape[1] if has_units(problem.X) else 1  # numbers take as many bytes whatever they are
    return scaling_bytes(Scaling.of_columns(np.zeros(n_columns), np.ones(n_columns), in_units=True))


def _given(problem: Problem) -> tuple[Any, NDArray[np.float64]]:
    """Return all rows as they were given, and their weights."""
    X = held(problem.given[0])
    weight = np.zeros(X.shape[0])
    weight[problem.positions] = problem.weight
    return X, weight


def fingerprint_of(X: Any, y: Any, weight: NDArray[np.float64], groups: NDArray[np.int64] | None = None) -> str:
    """Return what tells data from others: of equal ones in the same order, and in a container of the same kind.

    It is of what was given, and not of what becomes of it: encoders, tasks and condensers do not matter.

    Parameters
    ----------
    X, y
        As passed by the user.
    weight : ndarray of shape (n,)
        Of all rows, also of those of weight 0.
    groups : ndarray of shape (n,), default=None
        Codes of sensitive groups of the rows whose weight is positive.
    """
    return digest(*_contents(held(X)), None if y is None else _targets(y), weight, groups)


def _contents(X: Any) -> list[Any]:
    """Return arrays of what rows hold; of a frame its names, and one for each column if these are of several kinds."""
    if issparse(X):
        return [csr_array(X)]
    if not hasattr(X, "iloc"):
        with suppress(TypeError, ValueError):  # an encoder may take a table of words
            X = X.astype(np.float64) if X.dtype == object else X
        return [X.astype(str) if X.dtype == object else X]
    names, kinds = np.array([str(name) for name in X.columns]), set(X.dtypes)
    if is_sparse(X):
        refuse_filled(X)
        return [names, csr_array(X.sparse.to_coo())]
    if len(kinds) == 1 and _is_plain(*kinds):
        return [names, X.to_numpy()]
    return [names, *(_column(X.iloc[:, j]) for j in range(X.shape[1]))]


def _column(column: Any) -> NDArray:
    from pandas.util import hash_pandas_object  # there is a frame; skdc itself does not need pandas

    if _is_plain(column.dtype):
        return column.to_numpy()
    try:
        return hash_pandas_object(column, index=False).to_numpy()
    except TypeError:  # of objects that have no hash, such as lists
        return column.astype(str).to_numpy().astype(str)


def _is_plain(dtype: Any) -> bool:
    return isinstance(dtype, np.dtype) and dtype.kind in "biufc"


def _targets(y: Any) -> NDArray:
    """Return labels or targets, in whatever container, as an array of numbers or words."""
    y = held(y, "y")
    if y.ndim == 2 and y.shape[1] == 1:  # which is warned of where they are read
        y = y.iloc[:, 0] if hasattr(y, "iloc") else y[:, 0]
    y = checked_targets(y)
    if y.dtype.kind in "biuf":
        return y.astype({"b": bool, "f": np.float64}.get(y.dtype.kind, np.int64))
    words = y.astype(str)
    return words.astype(f"U{np.char.str_len(words).max()}")  # and not wider, as arrays may be


def provenance_of(
    condenser: Any, recipe: Recipe, schema: Schema, key: NDArray[np.int64], origin: Origin, seconds: float
) -> Provenance:
    """Return where the set of a fitted condenser comes from.

    Parameters
    ----------
    condenser : condenser
        Of which `storage_`, and `privacy_` where it is private, are set.
    recipe : Recipe
        That ran.
    schema : Schema
    key : ndarray of shape (m,)
        The class code of each point.
    origin : Origin
    seconds : float
    """
    sizes = np.bincount(key, minlength=schema.n_classes)
    seed = condenser.random_state
    return Provenance(
        condenser=repr(condenser),
        parameters=plain(condenser.get_params(deep=False)),
        recipe={noun: None if part is None else repr(part) for noun, part in recipe._asdict().items()},
        seed=int(seed) if isinstance(seed, Integral) else None,
        version=_VERSION,
        n_points=len(key),
        n_rows=None if origin.counts is None else int(origin.counts.sum()),
        n_per_class=_by_class(schema, sizes),
        rows_per_class=None if origin.counts is None else _by_class(schema, origin.counts),
        fingerprint=origin.fingerprint,
        seconds=seconds,
        privacy=plain(vars(condenser).get("privacy_")),
        storage=condenser.storage_,
        scaling=origin.scaling,
        n_seen=origin.n_seen,
    )


def was_made_of(
    provenance: Provenance, X: ArrayLike, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None
) -> bool | None:
    """Tell whether a set was made from some data: whether these have its fingerprint.

    Parameters
    ----------
    provenance : Provenance
        Of the set.
    X, y, sample_weight
        As they would be passed to `fit`.

    Returns
    -------
    bool or None
        None if it cannot be told: no fingerprint is kept of private data and of streams. False does not mean that rows
        are others: they may have another order, other weights or groups, or another container.
    """
    if provenance.fingerprint is None:
        return None
    X = held(X)
    weight = numeric_weight(as_array(sample_weight, "sample_weight"), X)
    return fingerprint_of(X, y, weight) == provenance.fingerprint


def _by_class(schema: Schema, counts: NDArray[np.int64]) -> dict[str, int] | None:
    if schema.classes is None:
        return None
    return dict(zip(map(str, schema.labels.tolist()), counts.tolist(), strict=True))


def plain(value: Any) -> Any:
    """Return what a file of words and numbers can hold: those as they are, other things as they are printed."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, Integral | np.bool_):
        return value.item() if hasattr(value, "item") else int(value)
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return repr(value)
