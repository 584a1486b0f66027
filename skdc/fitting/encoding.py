"""Encoders of what a user passes: which rows they take, and what they make of them."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.frozen import FrozenEstimator
from sklearn.utils import get_tags
from sklearn.utils.validation import check_array, has_fit_parameter


def takes_images(encoder: Any, X: Any) -> bool:
    """Tell whether rows have a shape of their own, which is refused where the encoder does not say that it takes it."""
    n_dimensions = np.ndim(X)
    if n_dimensions == 2:
        return False
    if n_dimensions < 2 or not get_tags(encoder).input_tags.three_d_array:
        raise ValueError(
            f"Expected 2D array for encoder={encoder!r}, but X has {n_dimensions} dimension(s); use encoder=None, or "
            "for images ZCAWhitening()"
        )
    return True


def declared_encoder(encoder: Any) -> Any:
    """Return a copy of an encoder that came fitted, as a `FrozenEstimator`; None for others."""
    return deepcopy(encoder) if isinstance(encoder, FrozenEstimator) else None


def refuse_unknown_word(encoder: Any) -> None:
    """Refuse a word in place of an encoder, other than "auto"."""
    if isinstance(encoder, str) and encoder != "auto":
        raise TypeError(f"encoder={encoder!r} must be 'auto', None or a transformer, such as TabularEncoder()")


def encoder_of_chunks(encoder: Any) -> Any:
    """Return the encoder of rows that come in chunks: one that came fitted, or none.

    Raises
    ------
    ValueError
        For one that is to be fitted.
    """
    refuse_unknown_word(encoder)
    declared = declared_encoder(encoder)
    if declared is None and not isinstance(encoder, str | None):
        raise ValueError(
            f"partial_fit cannot fit encoder={encoder!r} on a first chunk; fit it to rows that are like all, and give "
            "encoder=FrozenEstimator(encoder) of sklearn.frozen, or encode the chunks before, and use encoder=None"
        )
    return declared


def encoded(encoder: Any, X: Any, y: Any, weight: NDArray[np.float64]) -> NDArray:
    """Fit an encoder, with weights if it takes them, and return what it makes of the rows."""
    if not hasattr(encoder, "inverse_transform"):
        raise ValueError(
            f"encoder={encoder!r} cannot bring rows back: it has no inverse_transform; use a transformer that has, or "
            "encode X in a CondensingPipeline"
        )
    if hasattr(encoder, "set_output"):
        encoder.set_output(transform="default")
    given = {"sample_weight": weight} if has_fit_parameter(encoder, "sample_weight") else {}
    codes = dense(encoder.fit(X, y, **given).transform(X))
    return check_array(codes, allow_nd=np.ndim(X) > 2, input_name="the encoded X")


def dense(values: Any) -> Any:
    """Return a sparse matrix as an array, other things as they are."""
    return values.toarray() if issparse(values) else values
