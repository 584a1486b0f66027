"""A set as torch takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import issparse
from torch import Tensor
from torch.utils.data import TensorDataset

from skdc.containers import as_array, not_numeric, plain_labels

if TYPE_CHECKING:
    from skdc.condensed.set import CondensedSet

_ENCODE = (
    "encode the rows first, as in dataclasses.replace(condensed, X=encoder.transform(condensed.X)), with an encoder "
    "such as skdc.preprocessing.TabularEncoder().fit(X)"
)


def to_dataset(condensed: CondensedSet) -> TensorDataset:
    """Return the set as tensors; see `CondensedSet.to_dataset`."""
    tensors = [_rows(condensed.X)]
    if condensed.y is not None:
        tensors.append(_targets(condensed))
    if condensed.sample_weight is not None:
        tensors.append(_floats(condensed.sample_weight, "sample_weight"))
    return TensorDataset(*tensors)


def _rows(X: Any) -> Tensor:
    X = as_array(X)
    if hasattr(X, "iloc"):
        others = not_numeric(X)
        if others:
            raise TypeError(
                f"column {others[0]!r} of X has dtype {X[others[0]].dtype}, of which torch has none; {_ENCODE}"
            )
        X = X.to_numpy(dtype=np.float64, na_value=np.nan)
    X = X.toarray() if issparse(X) else np.asarray(X)
    if X.dtype.kind not in "iufb":
        raise TypeError(f"X has dtype {X.dtype}, of which torch has none; {_ENCODE}")
    if X.dtype == np.uint8 and X.ndim > 2:
        return torch.from_numpy(X.copy())
    return _floats(X, "X")


def _targets(condensed: CondensedSet) -> Tensor:
    if condensed.classes is None:
        y = plain_labels(as_array(condensed.y, "y"))
        y = np.asarray(y)
        if y.dtype.kind not in "iufb":
            raise TypeError(
                f"y has dtype {y.dtype}, of which torch has none; say what its labels are, as in "
                "dataclasses.replace(condensed, classes=numpy.unique(condensed.y))"
            )
        return _floats(y, "y")
    if condensed.has_soft_labels():
        return _floats(condensed.y_soft, "y_soft")
    codes = {label: code for code, label in enumerate(np.asarray(condensed.classes).tolist())}
    labels = np.asarray(condensed.y).tolist()
    unknown = [label for label in labels if label not in codes]
    if unknown:
        raise ValueError(f"y holds {unknown[0]!r}, but the classes are {list(codes)}")
    return torch.tensor([codes[label] for label in labels], dtype=torch.int64)


def _floats(values: NDArray | None, name: str) -> Tensor:
    """Return numbers in float32, if it can hold them."""
    wide = np.asarray(values, dtype=np.float64)
    if np.isnan(wide).any():
        raise ValueError(f"{name} has values that are missing; fill them first, or {_ENCODE}")
    with np.errstate(over="ignore"):
        narrow = wide.astype(np.float32)
    if not np.isfinite(narrow[np.isfinite(wide)]).all():
        raise ValueError(f"{name} holds {np.abs(wide).max():.3g}, which float32 does not; scale it first")
    return torch.from_numpy(narrow)
