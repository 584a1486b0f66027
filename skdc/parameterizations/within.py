"""The range in which the numbers of synthetic rows stay."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skdc.sources import Source

Span = tuple[NDArray, NDArray]  # the least and the greatest number of each feature


def span_of(part: Any, source: Source) -> Span | None:
    """Return the span that `part.within` names, in the user's units and the shape of a row; None where it has none."""
    if part.within is None:
        return None
    shape, name = source.schema.input_shape, type(part).__name__
    if isinstance(part.within, str) and part.within == "data":
        low, high = source.feature_range()
    else:
        if source.schema.encoder is not None:
            raise ValueError(
                f"{name}(within={part.within!r}): X is encoded, so that numbers in its units have no meaning for the "
                "points; use within='data', or encoder=None"
            )
        message = (
            f"{name}(within={part.within!r}): within must be 'data', None, or (low, high), with low no "
            f"larger than high: two numbers, or arrays of the shape of a row, {shape}"
        )
        try:
            low, high = (np.broadcast_to(np.asarray(end, dtype=np.float64), shape) for end in part.within)
        except (TypeError, ValueError) as error:
            raise ValueError(message) from error
        if not (low <= high).all():
            raise ValueError(message)
    return np.broadcast_to(low, shape), np.broadcast_to(high, shape)


def in_units(span: Span, source: Source, unit: float) -> tuple[Tensor, Tensor]:
    """Return a span in so many working units."""
    low, high = (source.tensor(source.units.to_working(end.astype(np.float64))) / unit for end in span)
    return low, high


def mirrored(X: Tensor, span: tuple[Tensor, Tensor] | None) -> Tensor:
    """Return rows of which numbers beyond the ends of a span are mirrored there, and cut off at the other end.

    Rows that were only cut off might meet in a corner, from where no gradient parts them.
    """
    if span is None:
        return X
    low, high = span
    return torch.clamp(torch.where(high < X, 2 * high - X, torch.where(low > X, 2 * low - X, X)), low, high)


def cut(X: Tensor, span: tuple[Tensor, Tensor] | None) -> Tensor:
    """Return rows cut off at the ends of a span; gradients pass as if they were not, so that no number is stuck."""
    return X if span is None else X + (torch.clamp(X, *span) - X).detach()
