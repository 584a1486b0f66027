"""What encoders check and read alike."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import validate_data

from skdc.scales import numeric_weight


def require_whole(name: str, value: object, least: int) -> int:
    """Return a parameter that is a whole number, no less than it may be."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name}={value!r} must be a whole number of at least {least}")
    return int(value)


def weighted_columns(encoder: Any, X: Any, sample_weight: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the columns that an encoder is fitted to, of shape (n_features, n), and the weights of their rows.

    Rows of weight 0 are left out.
    """
    X = validate_data(encoder, X, dtype=np.float64)
    weight = numeric_weight(sample_weight, X)
    there = weight > 0
    return X[there].T, weight[there]
