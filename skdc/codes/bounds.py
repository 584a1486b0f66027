"""Numbers within their range, whole where their dtype is."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def kind_of(dtype: Any) -> str:
    """Return the kind of a dtype of numpy or pandas, "O" where it has none."""
    return getattr(dtype, "kind", "O")


def plain(dtype: Any) -> Any:
    """Return the dtype of numpy that a nullable or sparse one is made of; others as they are."""
    return getattr(dtype, "numpy_dtype", getattr(dtype, "subtype", dtype))


def bounded(values: NDArray, dtype: Any, low: Any, high: Any) -> NDArray:
    """Return numbers between two ends; whole, where the dtype holds whole ones, and true or false, where it does.

    Parameters
    ----------
    values : ndarray
    dtype : numpy or pandas dtype
    low, high : number or ndarray, or None
        None leaves the numbers as they are.
    """
    kind = kind_of(dtype)
    if low is None or (values.dtype.kind not in "iufb" and kind not in "iufb"):
        return values
    if kind in "iu":
        return _whole(values.astype(np.float64), plain(dtype), np.asarray(low), np.asarray(high))
    dtype = np.dtype(np.float64) if values.dtype.kind == "O" else values.dtype
    within = np.clip(values.astype(dtype), low, high).astype(dtype)
    return within > 0.5 if kind == "b" else within


def _whole(values: NDArray[np.float64], dtype: Any, low: NDArray, high: NDArray) -> NDArray:
    """Return numbers rounded to whole ones of a dtype, between two ends."""
    most = np.iinfo(dtype)
    if low.dtype.kind == "f":
        low, high = (_cast(end, dtype, most.min, most.max) for end in (np.ceil(low), np.floor(high)))
    return _cast(np.rint(values), dtype, low, high)


def _cast(values: NDArray, dtype: Any, low: Any, high: Any) -> NDArray:
    """Return whole floats between two ends as integers; ends are given as they are, as a float may round them up."""
    between = (values > low) & (values < high)
    inside = np.where(between, values, 0).astype(dtype)
    return np.where(between, inside, np.where(values <= low, low, high)).astype(dtype)
