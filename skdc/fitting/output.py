"""From a solution to what a user gets: the pair, in the containers that went in."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from skdc.codes import bounded
from skdc.codes.bounds import kind_of, plain
from skdc.containers import as_array

_NOT_ROWS = (
    "a condenser gives a pair (X_syn, y_syn), with other rows than X, which a plain Pipeline or FeatureUnion cannot "
    "pass on; use skdc.CondensingPipeline (make_condensing_pipeline), or put "
    "skdc.CondensedEstimator(condenser, estimator) at the end of the Pipeline"
)


class CondensedPair(tuple):
    """The pair (X_syn, y_syn); it unpacks like any tuple and refuses to be taken for rows."""

    __slots__ = ()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NoReturn:
        raise TypeError(_NOT_ROWS)

    @property
    def shape(self) -> NoReturn:
        """Refused: a pair has no shape."""
        raise TypeError(_NOT_ROWS)

    @property
    def ndim(self) -> NoReturn:
        """Refused: a pair has no dimensions."""
        raise TypeError(_NOT_ROWS)


def template(values: Any) -> Any:
    """Return what `like_rows` and `like_targets` need to know of a container: an empty copy of it."""
    if values is None:
        return None
    if _is_of_polars(values):
        return values.clear()
    values = as_array(values)
    return values.iloc[:0].copy() if hasattr(values, "iloc") else np.empty_like(np.asarray(values)[:0])


def common_template(first: Any, other: Any) -> Any:
    """Return an empty container like the first of two, of dtypes that hold what both do: by column, of frames."""
    if first is None or other is None:
        return first
    if _is_of_polars(first) and _is_of_polars(other):
        return _common_of_polars(first, other)
    first, other = as_array(first), as_array(other)
    others = list(other.dtypes) if other.ndim == 2 and hasattr(other, "iloc") else [other.dtype]
    if not hasattr(first, "iloc"):
        return first.astype(np.result_type(first.dtype, *map(plain, others)))
    if first.ndim == 1:
        return first.astype(_common(first.dtype, others[0]))
    dtypes = [_common(dtype, others[j % len(others)]) for j, dtype in enumerate(first.dtypes)]
    return first.set_axis(range(len(dtypes)), axis=1).astype(dict(enumerate(dtypes))).set_axis(first.columns, axis=1)


def _common_of_polars(first: Any, other: Any) -> Any:
    import polars

    if isinstance(first, polars.Series):
        return _common_of_polars(first.to_frame(), other.rename(first.name).to_frame()).to_series()
    return polars.concat(
        [first, other.rename(dict(zip(other.columns, first.columns, strict=True)))], how="vertical_relaxed"
    )


def _common(first: Any, other: Any) -> Any:
    """Return a dtype that holds what two of them do."""
    if first == other:
        return first
    if hasattr(first, "categories") and hasattr(other, "categories"):
        return type(first)(first.categories.union(other.categories, sort=False))
    numbers = plain(first), plain(other)
    return np.result_type(*numbers) if all(kind_of(dtype) in "iufb" for dtype in numbers) else np.dtype(object)


def seen_range(values: Any) -> tuple[Any, Any] | None:
    """Return the least and the greatest number of each column, None for columns of other kinds; or None for words."""
    if not hasattr(values, "iloc"):
        array = np.asarray(values)
        return (array.min(axis=0), array.max(axis=0)) if array.dtype.kind in "iufb" else None
    columns = [values.iloc[:, j] for j in range(values.shape[1])]
    numbers = [column if kind_of(column.dtype) in "iufb" and column.notna().any() else None for column in columns]
    ends = [(None, None) if column is None else (column.min(), column.max()) for column in numbers]
    return [low for low, _ in ends], [high for _, high in ends]


def like_rows(values: Any, like: Any, span: tuple[Any, Any] | None) -> Any:
    """Return synthetic rows in the container of the data, with its dtypes; whole numbers are rounded.

    Parameters
    ----------
    values : ndarray of shape (m, ...), or what an encoder gave
    like : array or frame
        The data.
    span : (low, high) or None
        Between which the numbers of each feature lie; None where they may be any, which only floats can hold.
    """
    if hasattr(values, "iloc"):
        return values
    shape = like.shape[1:] if hasattr(like, "iloc") else np.asarray(like).shape[1:]
    if values.shape[1:] != shape:
        raise ValueError(f"the encoder gives back rows of shape {values.shape[1:]}, but those of X have shape {shape}")
    if not hasattr(like, "iloc"):
        return values if span is None else bounded(values, np.asarray(like).dtype, *span)
    dtypes = list(like.dtypes)
    columns = [values[:, j] for j in range(len(dtypes))]
    if span is not None:
        columns = [bounded(*column) for column in zip(columns, dtypes, *span, strict=True)]
    # Numbers that may be any become fractions on the way; columns of other kinds keep their dtype.
    kept = [span is not None or kind_of(dtype) not in "iub" for dtype in dtypes]
    frame = type(like)(dict(enumerate(columns))).infer_objects()
    frame = frame.astype({j: dtype for j, dtype in enumerate(dtypes) if kept[j]})
    return frame.set_axis(like.columns, axis=1).rename_axis(index=like.index.name)


def like_targets(values: NDArray | None, like: Any, index: Any) -> Any:
    """Return synthetic targets in the container of the targets: a series of the same name, if it was one."""
    if values is None or not hasattr(like, "iloc"):
        return values
    if values.ndim == 2:
        frame = type(like)(values, columns=like.columns, index=index)
        return frame if values.dtype.kind == "f" else frame.astype(like.dtypes)
    if like.ndim == 2:
        return type(like)(values[:, None], columns=like.columns, index=index)
    dtype = like.dtype
    keeps = getattr(dtype, "kind", "O") != "f" and values.dtype.kind != "f" and not _are_plain(values, dtype)
    return type(like)(values, name=like.name, index=index, dtype=dtype if keeps else None)


def _are_plain(values: NDArray, dtype: Any) -> bool:
    """Tell whether numbers or booleans came as objects, of which learners make nothing: they come out as they are."""
    return bool(dtype == np.dtype(object)) and values.dtype.kind in "iufb"


def _is_of_polars(values: Any) -> bool:
    return type(values).__module__.partition(".")[0] == "polars"


def in_package_of(values: Any, like: Any) -> Any:
    """Return a frame or series of pandas as one of polars, if that is what the user passed."""
    if not hasattr(values, "iloc") or not _is_of_polars(like):
        return values
    import polars

    try:
        found = polars.from_pandas(values)
        return found.cast(dict(like.schema) if hasattr(like, "schema") else like.dtype)
    except Exception as error:  # of polars and of arrow
        raise TypeError(
            f"what comes out cannot be made a {type(like).__name__} of polars ({error}); cast or drop such columns"
        ) from error


def chosen_pair(X: Any, y: Any, indices: NDArray[np.intp], y_syn: Any, relabeled: bool) -> tuple[Any, Any, Any]:
    """Return rows of the data and their targets, in the containers of the data; and the targets as an array.

    Parameters
    ----------
    X, y : array, frame or series
        The data; y may be None.
    indices : ndarray of shape (m,)
        Which rows.
    y_syn : ndarray or None
        Their targets, as the condenser has them.
    relabeled : bool
        Whether those are not the targets of the data.
    """
    if y is None:
        return chosen_rows(X, indices), None, y_syn
    chosen = chosen_targets(y, indices)
    if relabeled:
        return chosen_rows(X, indices), like_targets(y_syn, y, getattr(chosen, "index", None)), y_syn
    y_syn = np.asarray(chosen, dtype=y_syn.dtype).reshape(y_syn.shape)
    if chosen.ndim == 1 and _are_plain(y_syn, chosen.dtype):
        chosen = chosen.astype(y_syn.dtype)
    return chosen_rows(X, indices), chosen, y_syn


def chosen_rows(values: Any, indices: NDArray[np.intp]) -> Any:
    """Return some rows of the data in their container: frames and series stay what they are, with their index."""
    if issparse(values):
        return values.tocsr()[indices]
    # A copy, or pandas before 3 warns whoever writes to the set.
    return values.iloc[indices].copy() if hasattr(values, "iloc") else np.asarray(values)[indices]


def chosen_targets(values: Any, indices: NDArray[np.intp]) -> Any:
    """Return some targets in their container; an array of one column comes out flat, as scikit-learn takes it."""
    chosen = chosen_rows(values, indices)
    return chosen.ravel() if isinstance(chosen, np.ndarray) and chosen.shape[1:] == (1,) else chosen


def whole(values: NDArray) -> NDArray:
    """Make numbers whole that are so but for rounding: an encoder may cut off what stands behind the point."""
    nearest = np.round(values)
    return np.where(np.abs(values - nearest) < 1e-5, nearest, values)
