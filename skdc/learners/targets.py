"""What all learners check: weights, targets of classes, and the shape of new rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.multiclass import check_classification_targets

from skdc.scales import numeric_weight


def checked_weight(X: NDArray, sample_weight: ArrayLike | None) -> NDArray[np.float64]:
    """Return the weights of rows, ones by default; none may be negative, nor all zero."""
    weight = numeric_weight(sample_weight, X)
    if not weight.any():
        raise ValueError("all sample weights are zero; give some row a positive weight")
    return weight


def class_targets(y: NDArray, classes: ArrayLike | None) -> tuple[NDArray, NDArray[np.float64]]:
    """Return two labels or more, and a column of targets for each: indicators, or y itself where it is a matrix.

    Parameters
    ----------
    y : ndarray of shape (n,) or (n, n_classes)
    classes : array-like of shape (n_classes,) or None
        The labels, in the order of the columns; None takes those in y, or the numbers of the columns.
    """
    if y.ndim == 2:
        labels = np.arange(y.shape[1]) if classes is None else np.asarray(classes)
        if len(labels) != y.shape[1]:
            raise ValueError(f"y has {y.shape[1]} columns, but classes names {len(labels)}")
        return labels, np.asarray(y, dtype=np.float64)
    check_classification_targets(y)
    labels = np.unique(y) if classes is None else np.asarray(classes)
    unknown = np.setdiff1d(y, labels)
    if len(unknown):
        raise ValueError(f"y holds {unknown.tolist()[0]!r}, which is not in classes={labels.tolist()}")
    if len(labels) < 2:
        raise ValueError(f"y has one class only ({labels.tolist()[0]!r}); a classifier needs at least two")
    return labels, (y[:, None] == labels).astype(np.float64)


def require_shape(X: NDArray, input_shape: tuple[int, ...]) -> None:
    """Refuse rows of another shape than those of fit."""
    if X.shape[1:] != input_shape:
        raise ValueError(f"rows of shape {X.shape[1:]} are not like those of fit, {input_shape}")
