"""What is said of rows that hold NaN or infinity: where they are, and what to do about it."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import issparse

from skdc.finite import not_finite


def about_rows(estimator: Any, X: Any, error: ValueError) -> str:
    """Return what is wrong with rows that scikit-learn has refused, with what to do about NaN and infinity.

    Parameters
    ----------
    estimator : condenser
    X : array or frame of shape (n, ...)
        Numbers alone.
    error : ValueError
    """
    if not str(error).startswith("Input X contains"):
        return str(error)
    is_frame = hasattr(X, "iloc")
    numbers = X.to_numpy(np.float64, na_value=np.nan) if is_frame else X if issparse(X) else np.asarray(X, np.float64)
    found = not_finite(numbers, X.columns.tolist() if is_frame else None)
    if not found:  # a number that is too large for the dtype
        return str(error)
    return f"Input X contains {found}{_advice(estimator, is_frame) if 'NaN' in found else _LEAVE_OUT}"


def _advice(estimator: Any, is_frame: bool) -> str:
    if getattr(estimator, "privacy", None) is not None:
        return (
            "; private fits take missing values in those columns of a frame whose entry in feature_range holds None. "
            "Fill them in by a number that does not depend on the data, or leave the rows out"
        )
    if not isinstance(getattr(estimator, "encoder", None), str):
        return "; fill them in, for example by a SimpleImputer, or leave the rows out"
    if is_frame:
        return (
            "; partial_fit takes numbers as they are: fill them in, for example by a SimpleImputer that is fitted to "
            "the first chunk, or leave the rows out; or call fit on all rows, which encodes missing values"
        )
    return (
        ".\nFrames may have missing values, which fit encodes: pass pandas.DataFrame(X) to it; or fill them in, for "
        "example by a SimpleImputer before the condenser in a CondensingPipeline."
    )


_LEAVE_OUT = "; give finite numbers, or leave the rows out"
