"""What rows and targets may come in: arrays, tensors and frames; and one encoder of frames for all that takes rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import has_fit_parameter

from skdc.data import WIDEST_TABLE

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
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        return (values.float() if values.dtype == torch.bfloat16 else values).numpy()
    kind = f"{type(values).__module__.partition('.')[0]} {type(values).__name__}"
    if hasattr(values, "__dask_graph__"):
        raise TypeError(f"{name} is a {kind}, which is not in memory; pass {name}.compute()")
    if hasattr(values, "collect") and not hasattr(values, "iloc"):
        raise TypeError(f"{name} is a {kind}, which is not in memory; pass {name}.collect()")
    if hasattr(values, "to_pandas") and not hasattr(values, "iloc"):
        return values.to_pandas()
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


def table_encoder(X: Any) -> Any:
    """Return what encodes a frame where the user says nothing, not fitted; None for other data."""
    if not hasattr(X, "select_dtypes") or hasattr(X, "sparse"):  # which a frame has whose columns all are
        return None
    from skdc.preprocessing import TabularEncoder  # needs pandas, which skdc itself does not

    mixed = X.dtypes.nunique() > 1 or len(not_numeric(X))
    return TabularEncoder() if mixed or has_units(X.to_numpy()) else TabularEncoder(FunctionTransformer())


def has_units(X: NDArray) -> bool:
    """Tell whether columns of numbers may each have a unit of its own, and should be compared on scales of their own.

    Many are pixels or an embedding, and share one, unless some of them range much further than most.
    """
    if X.ndim != 2 or X.dtype.kind not in "iufb":
        return False
    if X.shape[1] <= WIDEST_TABLE:
        return True
    spans = np.fmax.reduce(X, axis=0).astype(np.float64) - np.fmin.reduce(X, axis=0)
    spans = spans[spans > 0]
    return len(spans) > 0 and spans.max() > _UNLIKE * np.median(spans)


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


class Encoded:
    """Rows of one kind as numbers: what is none is encoded as condensers do where the user says nothing.

    Parameters
    ----------
    X : array or frame of shape (n, ...)
        A frame with words, dates or missing values is what the encoder is fitted to; numbers stay as they are.
    sample_weight : array-like of shape (n,), default=None
        A row of weight 2 counts as the row twice.

    Examples
    --------
    >>> import pandas as pd
    >>> from skdc.containers import Encoded
    >>> frame = pd.DataFrame({"age": [20, 30, 40], "city": ["Oslo", "Rome", "Oslo"]})
    >>> Encoded(frame)(frame).shape
    (3, 2)
    """

    def __init__(self, X: Any, sample_weight: Any = None) -> None:
        X = as_array(X)
        self._encoder = None if is_numeric(X) else table_encoder(X)
        if self._encoder is not None:
            self._columns, self._frame = X.columns, type(X)
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
        if self._encoder is None:
            return rows
        if not hasattr(rows, "iloc") and np.shape(rows)[1:] == (len(self._columns),):
            rows = self._frame(np.asarray(rows), columns=self._columns)
        return self._encoder.transform(rows)


def as_numbers(X: Any, name: str = "X") -> NDArray | Any:
    """Return rows as numbers: a frame with words, dates or missing values is encoded."""
    return Encoded(as_array(X, name))(X, name)


def refuse_words(X: Any) -> None:
    """Refuse an array of words, which is taken for a mistake; columns of a frame may hold them.

    Raises
    ------
    ValueError
        Saying what to do.
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
            f"could not convert string to float: {word!r}. X is an array that holds strings; pass a frame, of which "
            "columns may hold them: pandas.DataFrame(X), or give encoder=skdc.preprocessing.TabularEncoder()"
        )
