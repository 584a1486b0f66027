"""From arrays to what a discrepancy compares, where one is measured without a condenser."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array

from skdc.containers import EncodedRows, as_array
from skdc.scales import numeric_weight, refuse_extremes
from skdc.sets import LabeledSet
from skdc.sources import RowSource, Schema

_CPU = torch.device("cpu")


def compared(
    X: ArrayLike, Y: ArrayLike, weight: ArrayLike | None, weight_y: ArrayLike | None
) -> tuple[RowSource, LabeledSet]:
    """Return X as a source and Y as a set in its units; both must be rows of numbers of one shape."""
    X, Y = of_one_kind(X, Y, "Y", weight)
    X, weight = massive(X, weight, "sample_weight")
    Y, weight_y = massive(Y, weight_y, "sample_weight_y")
    schema = Schema(X.shape[1:], 0, "none", np.zeros(1, np.int64), X.dtype)
    codes = tuple(np.zeros(len(rows), np.int64) for rows in (X, Y))
    targets = tuple(np.empty((len(rows), 0)) for rows in (X, Y))
    return source_and_set((X, Y), (weight, weight_y), codes, targets, schema)


def of_one_kind(
    X: ArrayLike, Y: ArrayLike, name: str, weight: ArrayLike | None = None
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return X, and what the user knows by a name, as arrays of floats; frames by what encodes X, with its weights."""
    encoded = EncodedRows(X, weight)
    X, Y = numbers(encoded(X), "X"), numbers(encoded(Y, name), name)
    if X.shape[1:] != Y.shape[1:]:
        raise ValueError(
            f"the rows of X have shape {X.shape[1:]}, those of {name} {Y.shape[1:]}; give rows of one kind"
        )
    return X, Y


def source_and_set(
    rows: tuple[NDArray, NDArray],
    weights: tuple[NDArray, NDArray],
    codes: tuple[NDArray, ...],
    targets: tuple[NDArray, ...],
    schema: Schema,
) -> tuple[RowSource, LabeledSet]:
    """Return the first of each pair as a source, in float64 unless both are float32, and the second as a set."""
    dtype = None if rows[0].dtype == rows[1].dtype == np.float32 else torch.float64
    source = RowSource(rows[0], targets[0], weights[0], codes[0], schema, _CPU, dtype)
    weight, key = source.tensor(weights[1]), torch.as_tensor(codes[1])
    return source, LabeledSet(weight, key, source.encode(rows[1]), source.encode_targets(targets[1]))


def numbers(rows: Any, name: str) -> NDArray[np.floating]:
    """Return rows as an array of finite floats."""
    checked = check_array(as_array(rows, name), dtype=[np.float64, np.float32], allow_nd=True, input_name=name)
    refuse_extremes(checked, name)
    return checked


def massive(rows: NDArray, weight: ArrayLike | None, name: str) -> tuple[NDArray, NDArray[np.float64]]:
    """Return the rows that have weight, with it; no weight may be negative."""
    checked = numeric_weight(weight, rows, name)
    refuse_extremes(checked, name)
    if not checked.any():
        raise ValueError(f"{name} is zero for every row; give some row a weight")
    return rows[checked > 0], checked[checked > 0]
