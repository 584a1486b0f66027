"""Where numbers are not finite, in words for messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import issparse

_NAMED = 5  # columns in a message


def not_finite(values: Any, columns: Sequence[Any] | None = None) -> str:
    """Return in which rows and columns there is NaN, or else infinity, for a message; nothing where all is finite.

    Parameters
    ----------
    values : ndarray of shape (n, ...) or sparse array of shape (n, d)
        Of floats.
    columns : sequence of length d, default=None
        Their names; None takes their places.

    Examples
    --------
    >>> import numpy as np
    >>> from skdc.finite import not_finite
    >>> not_finite(np.array([[1.0, 2.0], [np.nan, 3.0]]), ["age", "wage"])
    "NaN in 1 of 2 rows, such as row 1, in column 'age'"
    """
    coordinates = values.tocoo() if issparse(values) else None
    entries = values if coordinates is None else coordinates.data
    kind, odd = ("NaN", np.isnan(entries)) if np.isnan(entries).any() else ("infinity", np.isinf(entries))
    places = np.nonzero(odd) if coordinates is None else (coordinates.row[odd], coordinates.col[odd])
    rows = np.unique(places[0])
    if not len(rows):
        return ""
    said = f"{kind} in {len(rows)} of {values.shape[0]} rows, such as row {rows[0]}"
    if len(places) != 2:
        return said
    found = [place if columns is None else columns[place] for place in np.unique(places[1]).tolist()]
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return f"{said}, in column{'s' * (len(found) > 1)} {', '.join(map(repr, found[:_NAMED]))}{more}"
