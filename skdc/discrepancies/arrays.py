"""From arrays to what a discrepancy compares, where one is measured without a condenser."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array
from sklearn.utils.validation import _check_sample_weight

from skdc.data import LabeledSet, Schema
from skdc.source import RowSource

_CPU = torch.device("cpu")


def compared(
    X: ArrayLike, Y: ArrayLike, weight: ArrayLike | None, weight_y: ArrayLike | None
) -> tuple[RowSource, LabeledSet]:
    """Return X as a source and Y as a set in its units.

    Raises
    ------
    ValueError
        If they are no rows of numbers of one shape, or a weight is negative.
    """
    X, Y = numbers(X, "X"), numbers(Y, "Y")
    if X.shape[1:] != Y.shape[1:]:
        raise ValueError(f"the rows of X have shape {X.shape[1:]}, those of Y {Y.shape[1:]}; give rows of one kind")
    X, weight = massive(X, weight, "sample_weight")
    Y, weight_y = massive(Y, weight_y, "sample_weight_y")
    single = X.dtype == Y.dtype == np.float32
    dtype = torch.float32 if single else torch.float64
    schema = Schema(X.shape[1:], 0, "none", np.zeros(1, np.int64), X.dtype)
    key = np.zeros(len(X), np.int64)
    source = RowSource(X, np.empty((len(X), 0)), weight, key, schema, _CPU, dtype)
    rows = LabeledSet(
        source.tensor(weight_y),
        torch.zeros(len(Y), dtype=torch.int64),
        source.encode(Y),
        source.tensor(np.empty((len(Y), 0))),
    )
    return source, rows


def numbers(rows: Any, name: str) -> NDArray[np.floating]:
    """Return rows as an array of floats.

    Raises
    ------
    ValueError
        If they are no finite numbers, or there is none.
    """
    array = rows.detach().cpu().numpy() if isinstance(rows, torch.Tensor) else rows
    return check_array(array, dtype=[np.float64, np.float32], allow_nd=True, input_name=name)


def massive(rows: NDArray, weight: ArrayLike | None, name: str) -> tuple[NDArray[np.floating], NDArray[np.float64]]:
    """Return the rows that have weight, with it.

    Raises
    ------
    ValueError
        If a weight is negative, or all are zero.
    """
    checked = _check_sample_weight(weight, rows, dtype=np.float64, ensure_non_negative=True)
    if not checked.any():
        raise ValueError(f"{name} is zero for every row; give some row a weight")
    return rows[checked > 0], checked[checked > 0]
