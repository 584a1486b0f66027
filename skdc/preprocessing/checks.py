"""What encoders check and read alike."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import validate_data

from skdc.scales import numeric_weight


def weighted_columns(encoder: Any, X: Any, sample_weight: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the columns that an encoder is fitted to, of shape (n_features, n), and the weights of their rows.

    Rows of weight 0 are left out.
    """
    X = validate_data(encoder, X, dtype=np.float64)
    weight = numeric_weight(sample_weight, X)
    there = weight > 0
    return X[there].T, weight[there]
