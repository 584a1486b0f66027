"""What rows and targets may come in: arrays, tensors and frames; and one encoder of frames for all that takes rows."""

from __future__ import annotations

import sys
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, column_or_1d, has_fit_parameter

from skdc.finite import not_finite

WIDEST_TABLE = 100  # frames of more columns are images or the like, more often than not
_UNLIKE = 20.0  # times as far as most columns


def as_array(values: Any, name: str = "X") -> Any:
    """Return tensors as arrays on the CPU, and frames and series of other packages as those of pandas; others as are.

    Parameters
    ----------
    values : object
        As passed by a user.
    name : str, default="X"
        What the user knows it by.

    Raises
    ------
    TypeError
        For what is not in memory, or not what scikit-learn takes, saying what to do.
    """
    torch = sys.modules.get("torch")  # tensors there are only where it was loaded, and that takes seconds
    if torch is not None and isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        return (values.float() if values.dtype == torch.bfloat16 else values).numpy()
    kind = f"{type(values).__module__.partition('.')[0]} {type(values).__name__}"
    if hasattr(values, "__dask_graph__"):
        raise TypeError(f"{name} is a {kind}, which is not in memory; pass {name}.compute()")
    if hasattr(values, "collect") and not hasattr(values, "iloc"):
        raise TypeError(f"{name} is a {kind}, which is not in memory; pass {name}.collect()")
    if hasattr(values, "to_pandas") and not hasattr(values, "iloc"):
        return _of_pandas(values, f"{name} is a {kind}")
    if isinstance(values, np.ma.MaskedArray):
        if np.ma.is_masked(values):
            raise TypeError(
                f"{name} is a masked array of which {np.ma.count_masked(values)} entries are hidden; fill them, as "
                f"{name}.filled(0) does, or make a frame of it, in which values may be missing"
            )
        return np.asarray(values)
    dtype = getattr(values, "dtype", None)
    if getattr(dtype, "names", None) is not None:
        raise TypeError(f"{name} is a structured array, {dtype}; make a frame of it: pandas.DataFrame({name})")
    if isinstance(values, np.ndarray) and values.dtype.kind in "mM":
        what = "dates" if values.dtype.kind == "M" else "durations"
        instead = f"pass a frame, of which columns may hold them: pandas.DataFrame({name})"
        if name != "X":
            instead = f"{name}.astype('int64') makes numbers of them, {name}.astype(str) labels"
        raise TypeError(f"{name} is an array of {what}, {values.dtype}; {instead}")
    return values


def _of_pandas(values: Any, what: str) -> Any:
    try:
        return values.to_pandas()
    except ImportError:
        raise
    except Exception as error:  # each package has its own
        raise TypeError(f"{what} that cannot be made one of pandas ({error}); cast or drop such columns") from error


def table_encoder(X: Any) -> Any:
    """Return what encodes a frame where the user says nothing, not fitted; None for other data."""
    if not hasattr(X, "select_dtypes") or is_sparse(X):
        return None
    from skdc.preprocessing import TabularEncoder  # needs pandas, which skdc itself does not

    mixed = X.dtypes.nunique() > 1 or len(not_numeric(X))
    return TabularEncoder() if mixed or has_units(X.to_numpy()) else TabularEncoder(FunctionTransformer())


def held(values: Any, name: str = "X") -> Any:
    """Return a frame or series, as one of pandas, or a sparse matrix as it is; all other things as an array."""
    values = as_array(values, name)
    return values if hasattr(values, "iloc") or issparse(values) else np.asarray(values)


def microseconds(values: Any) -> NDArray[np.int64]:
    """Return the dates, in UTC, or the durations of a series as whole numbers; of missing ones those say nothing."""
    import pandas as pd  # there is a series of it

    kind = values.dtype.kind
    moments = pd.to_datetime(values, utc=True).dt.tz_localize(None) if kind == "M" else pd.to_timedelta(values)
    return np.asarray(moments.to_numpy().astype(f"{kind}8[us]").astype(np.int64))


def has_units(X: NDArray) -> bool:
    """Tell whether columns of numbers may each have a unit of its own, and should be compared on scales of their own.

    Many are pixels or an embedding, and share one, unless some of them range much further than most.
    """
    if X.ndim != 2 or X.dtype.kind not in "iufb":
        return False
    return X.shape[1] <= WIDEST_TABLE or have_units(np.fmin.reduce(X, axis=0), np.fmax.reduce(X, axis=0))


def have_units(low: NDArray, high: NDArray) -> bool:
    """Tell the same of columns whose least and greatest numbers are known."""
    if low.ndim != 1 or len(low) <= WIDEST_TABLE:
        return low.ndim == 1
    spans = high.astype(np.float64) - low
    spans = spans[spans > 0]
    return len(spans) > 0 and bool(spans.max() > _UNLIKE * np.median(spans))


def row_bytes(X: Any) -> int:
    """Return how many bytes a row takes; of categories their codes, of words and other objects 8.

    Parameters
    ----------
    X : array or frame of shape (n, ...)
    """
    if not hasattr(X, "iloc"):
        X = X if hasattr(X, "dtype") else np.asarray(X)
        return prod(X.shape[1:]) * X.dtype.itemsize
    columns = (X.iloc[:, j] for j in range(X.shape[1]))
    dtypes = [column.cat.codes.dtype if hasattr(column.dtype, "categories") else column.dtype for column in columns]
    return sum(getattr(dtype, "itemsize", 8) for dtype in dtypes)


def is_sparse(X: Any) -> bool:
    """Tell whether X is a sparse matrix, or a frame all of whose columns are sparse."""
    return issparse(X) or (hasattr(X, "sparse") and X.shape[1] > 0)  # pandas' accessor, for such frames alone


def refuse_filled(X: Any, name: str = "X") -> None:
    """Refuse a frame of sparse columns filled with something else than 0, of which scikit-learn says little."""
    filled = [] if issparse(X) or not is_sparse(X) else [d.fill_value for d in X.dtypes if d.fill_value != 0]
    if filled:
        raise TypeError(
            f"{name} has sparse columns that are filled with {filled[0]}, not 0. Use '.sparse.to_dense()' to convert it"
        )


def is_numeric(X: Any) -> bool:
    """Tell whether a frame holds numbers only, none of which is missing; other data are taken for such."""
    return not hasattr(X, "select_dtypes") or not (len(not_numeric(X)) or X.isna().to_numpy().any())


def not_numeric(frame: Any) -> list[Any]:
    """Return the names of the columns that hold no numbers."""
    return [name for name, dtype in frame.dtypes.items() if getattr(dtype, "kind", "O") not in "iufbc"]


def plain_labels(y: Any) -> Any:
    """Return numbers or booleans that come as objects as what they are, which learners take; others as they are."""
    array = np.asarray(y)
    types = {type(value) for value in array.flat} if array.dtype == object else set()
    for dtype, kinds in _LABELS.items():
        if types and all(issubclass(kind, kinds) and (dtype is bool or kind is not bool) for kind in types):
            return array.astype(dtype)
    return y


_LABELS: dict[type, tuple[type, ...]] = {
    bool: (bool, np.bool_),
    int: (int, np.integer),
    float: (int, np.integer, float, np.floating),
}


def checked_targets(y: Any, name: str = "y") -> NDArray:
    """Return labels or targets as an array of one or two dimensions, in which nothing is missing.

    A column comes out flat, and numbers and booleans that come as objects, or as nullable ones, as what they are.

    Parameters
    ----------
    y : object
        As passed by a user.
    name : str, default="y"
        What the user knows them by.

    Raises
    ------
    TypeError
        For what is not in memory, dates, and sparse matrices.
    ValueError
        For missing values, labels of several types, and other shapes.
    """
    y = as_array(y, name)
    if isinstance(y, str):
        raise TypeError(
            f"{name}={y!r} is a word, and not one label a row; of the column of a frame pass X[{y!r}], and the other "
            f"columns, X.drop(columns={y!r}), as X"
        )
    if issparse(y):
        raise TypeError(f"{name} is a sparse matrix; pass {name}.toarray()")
    y = plain_labels(as_array(np.asarray(_without_extensions(y)), name))
    if y.ndim == 2 and y.shape[1] == 1:
        y = column_or_1d(y, warn=True)
    if y.ndim == 1 and y.dtype.kind in "OSUb":
        missing = missing_values(y)
        if missing:
            raise ValueError(f"Input {name} contains {missing[0]}; drop the rows without a target")
        kinds = sorted({type(value).__name__ for value in y})
        if len({kind in ("str", "str_") for kind in kinds}) > 1:
            raise ValueError(f"{name} mixes labels of types {', '.join(kinds)}; make them all of one type")
        return y
    try:
        return check_array(y, ensure_2d=False, dtype=None, input_name=name, ensure_min_samples=0, ensure_min_features=0)
    except ValueError as error:
        odd = not_finite(y) if y.dtype.kind == "f" else ""
        if odd:
            what = "drop the rows without a target" if "NaN" in odd else "give finite numbers, or leave the rows out"
            raise ValueError(f"Input {name} contains {odd}; {what}") from error
        raise


def checked_labels(y: Any, n: int) -> NDArray:
    """Return one label for each of n rows, as an array; refuse quantities, and several labels a row."""
    labels = checked_targets(y)
    check_classification_targets(labels)
    if labels.ndim != 1:
        raise ValueError(f"y of shape {labels.shape} must hold one label a row")
    if len(labels) != n:
        raise ValueError(f"X has {n} rows, y has {len(labels)}: there must be as many")
    if n > 1 and labels.dtype.kind in "fiu" and len(np.unique(labels)) == n:
        raise ValueError("y holds another number in each row; it must hold labels, several rows of one")
    return labels


def are_categories(y: Any) -> bool:
    """Tell whether the dtype of a series, or of a frame of one column, says that it holds labels."""
    dtypes = list(y.dtypes) if hasattr(y, "columns") else [getattr(y, "dtype", None)]
    return len(dtypes) == 1 and hasattr(dtypes[0], "categories")


def _without_extensions(y: Any) -> Any:
    """Return numbers of pandas, of one dtype or several, as plain ones, if none is missing; others as they are."""
    dtypes = getattr(y, "dtypes", None) if hasattr(y, "iloc") else None
    dtypes = [] if dtypes is None else list(dtypes) if np.ndim(y) == 2 else [dtypes]
    plain = [getattr(dtype, "numpy_dtype", dtype) for dtype in dtypes]
    if not dtypes or any(getattr(dtype, "kind", "O") not in "iufb" for dtype in plain) or np.any(y.isna()):
        return y
    return y.to_numpy(dtype=np.result_type(*plain))


def missing_values(values: NDArray) -> list[Any]:
    """Return the missing values: None, NaN and pandas' NA."""
    return [value for value in values.flat if value is None or type(value).__name__ == "NAType" or value != value]


class EncodedRows:
    """Rows of one kind as numbers: frames are encoded as condensers do where the user says nothing.

    Parameters
    ----------
    X : array or frame of shape (n, ...)
        A frame is what the encoder is fitted to; arrays stay as they are.
    sample_weight : array-like of shape (n,), default=None
        A row of weight 2 counts as the row twice.

    Examples
    --------
    >>> import pandas as pd
    >>> from skdc.containers import EncodedRows
    >>> frame = pd.DataFrame({"age": [20, 30, 40], "city": ["Oslo", "Rome", "Oslo"]})
    >>> EncodedRows(frame)(frame).shape
    (3, 2)
    """

    def __init__(self, X: Any, sample_weight: Any = None) -> None:
        X = as_array(X)
        self._encoder = table_encoder(X)
        self._columns: Any = X.columns if hasattr(X, "iloc") else None
        if self._encoder is not None:
            self._frame = type(X)
            given = {"sample_weight": sample_weight} if has_fit_parameter(self._encoder, "sample_weight") else {}
            self._encoder.fit(X, **given)

    def __call__(self, rows: Any, name: str = "X") -> Any:
        """Return rows as numbers.

        Parameters
        ----------
        rows : array or frame
        name : str, default="X"
            What the user knows them by.
        """
        rows = as_array(rows, name)
        if hasattr(rows, "iloc") and self._columns is not None and list(rows.columns) != list(self._columns):
            raise ValueError(
                f"the columns of {name}, {list(rows.columns)}, are not those of X, {list(self._columns)}; give both "
                "the same ones in the same order"
            )
        if self._encoder is None:
            refuse_words(rows, name)
            refuse_filled(rows, name)
            return rows
        if not hasattr(rows, "iloc") and np.shape(rows)[1:] == (len(self._columns),):
            rows = self._frame(np.asarray(rows), columns=self._columns)
        return self._encoder.transform(rows)


def as_numbers(X: Any, name: str = "X") -> NDArray | Any:
    """Return rows as numbers: a frame is encoded."""
    return EncodedRows(as_array(X, name))(X, name)


def refuse_words(X: Any, name: str = "X") -> None:
    """Refuse an array of words, which is taken for a mistake; columns of a frame may hold them.

    Parameters
    ----------
    X : object
    name : str, default="X"
        What the user knows it by.
    """
    if hasattr(X, "iloc") or issparse(X):
        return
    try:
        array = np.asarray(X)
        if array.dtype.kind == "O":
            array.astype(np.float64)
        is_numeric = array.dtype.kind != "U"
    except (ValueError, TypeError):
        array, is_numeric = np.asarray(X, dtype=object), False
    word = None if is_numeric else next((str(value) for value in array.flat if isinstance(value, str)), None)
    if word is not None:
        raise ValueError(
            f"could not convert string to float: {word!r}. {name} is an array that holds strings; pass a frame, of "
            f"which columns may hold them: pandas.DataFrame({name})"
        )
