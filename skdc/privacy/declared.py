"""An encoder of tables that knows their columns from what a user declares."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle, islice
from typing import Any

import numpy as np
from sklearn.preprocessing import MinMaxScaler


def declared_encoder(columns: Mapping[Any, Any], X: Any) -> Any:
    """Return a `TabularEncoder` that is fitted to ranges and levels, not to rows.

    Parameters
    ----------
    columns : {name: (low, high) or list of levels}
    X : frame
        Of which the names and dtypes count.

    Raises
    ------
    ValueError
        If X is no frame, or a column is missing on either side.
    """
    import pandas as pd

    from skdc.preprocessing import TabularEncoder

    if not hasattr(X, "dtypes") or not hasattr(X, "columns"):
        raise ValueError("feature_range names columns, but X is no frame; give (low, high), or pass a frame")
    for one, other, where in ((X.columns, columns, "feature_range"), (columns, X.columns, "X")):
        missing = [name for name in one if name not in other]
        if missing:
            raise ValueError(f"column {missing[0]!r} is missing in {where}; feature_range must name all columns of X")
    values = {name: _declared(name, columns[name], X[name].dtype) for name in X.columns}
    length = max(map(len, values.values()))
    frame = pd.DataFrame(
        {name: pd.Series(list(islice(cycle(some), length)), dtype=X[name].dtype) for name, some in values.items()}
    )
    most = max([2, *(len(some) for some in columns.values() if not isinstance(some, tuple))])
    return TabularEncoder(numbers=MinMaxScaler(), max_categories=most).fit(frame)


def _declared(name: Any, declared: Any, dtype: Any) -> list[Any]:
    """Return values that show what a column may hold: its levels; or its ends, and the step between numbers."""
    if not isinstance(declared, tuple):
        levels = list(declared)
        if len(levels) < 2:
            message = f"feature_range[{name!r}]={declared!r} must be (low, high) or a list of two levels or more"
            raise ValueError(message)
        return levels
    try:
        low, high = declared
        is_range = low < high
    except (TypeError, ValueError):
        is_range = False
    if not is_range:
        raise ValueError(f"feature_range[{name!r}]={declared!r} must be (low, high) with low below high")
    if getattr(dtype, "kind", "O") in "iu":
        return [low, low + 1, high]
    # The golden section of the range: numbers that are not whole.
    return [low, low + (high - low) * (np.sqrt(5) - 1) / 2, high] if getattr(dtype, "kind", "O") == "f" else [low, high]
