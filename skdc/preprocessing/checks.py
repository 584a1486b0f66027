"""What encoders check and read alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import validate_data

from skdc.scales import numeric_weight

FLOATS = [np.float64, np.float32]  # which stay as they are; others become the first


def weighted_columns(
    encoder: Any, X: Any, sample_weight: Any
) -> tuple[Iterator[NDArray[np.float64]], NDArray[np.float64]]:
    """Return the columns that an encoder is fitted to, one after the other, and the weights of their rows.

    Rows of weight 0 are left out. All columns together may be more than there is room for once more.
    """
    X = validate_data(encoder, X, dtype=FLOATS)
    weight = numeric_weight(sample_weight, X)
    there = weight > 0
    return (column[there].astype(np.float64) for column in X.T), weight[there]
