"""The columns of rows, one by one: their values, the shares that are missing, and how much two sets of them differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from skdc.containers import microseconds

Kind = Literal["numbers", "dates", "categories"]


@dataclass(frozen=True, eq=False)
class Marginal:
    """Values of a column.

    Parameters
    ----------
    name : str
    kind : {"numbers", "dates", "categories"}
        Dates are days since 1970; durations are numbers, in days.
    values : ndarray of shape (n,)
        Floats, or words; those that are missing are left out.
    mass : ndarray of shape (n,)
        Their weights, which sum to 1.
    missing : float
        The share of the weight whose values are missing.
    levels : list of str
        All categories, in order where they have one.
    """

    name: str
    kind: Kind
    values: NDArray
    mass: NDArray[np.float64]
    missing: float
    levels: list[str]

    def shares(self, levels: list[str]) -> NDArray[np.float64]:
        """Return the share of each of some categories among the values that are there."""
        return np.array([self.mass[self.values == level].sum() for level in levels])


def columns_of(rows: Any, weight: NDArray[np.float64], name: str = "x") -> Iterator[Marginal]:
    """Yield the columns of a frame, or of an array whose rows are flattened; of a series or a vector the only one.

    Parameters
    ----------
    rows : frame, series or array of shape (n, ...)
    weight : ndarray of shape (n,)
    name : str, default="x"
        Of a vector, and of a series without a name; columns of an array are counted after it.
    """
    if hasattr(rows, "iloc"):
        frame = rows.to_frame(name=name if rows.name is None else rows.name) if rows.ndim == 1 else rows
        for j, label in enumerate(frame.columns):
            yield _column(str(label), frame.iloc[:, j], weight)
        return
    array = np.asarray(rows)
    columns = array.reshape(len(array), -1)
    for j in range(columns.shape[1]):
        yield _column(name if array.ndim == 1 else f"{name}{j}", columns[:, j], weight)


def _column(name: str, values: Any, weight: NDArray[np.float64]) -> Marginal:
    dtype = values.dtype
    levels: list[str] = []
    kind: Kind = "numbers"
    there = ~np.asarray(values.isna(), dtype=bool) if hasattr(values, "isna") else _there(values)
    if hasattr(dtype, "categories"):
        kind, levels = "categories", [str(level) for level in dtype.categories]
        shown = np.array([*levels, ""], dtype=object)[values.cat.codes]  # what is missing has the code -1
    elif getattr(dtype, "kind", "O") in "mM":
        kind, shown = "dates" if dtype.kind == "M" else "numbers", _days(values)
        name = name if dtype.kind == "M" else f"{name} (days)"
    elif getattr(dtype, "kind", "O") in "iuf":
        plain = np.where(there, np.asarray(values, dtype=object), np.nan)
        shown = plain.astype(np.float64)
    else:
        kind, shown = "categories", _words(values)
        levels = sorted(set(shown[there]))
    mass = weight[there]
    missing = max(0.0, float(1 - mass.sum() / weight.sum()))
    return Marginal(name, kind, shown[there], mass / (mass.sum() or 1.0), missing, levels)


def _there(values: NDArray) -> NDArray[np.bool_]:
    """Tell which values of an array are not missing."""
    if values.dtype.kind in "OSU":
        return np.array([value is not None and value == value for value in values], dtype=bool)
    return ~np.isnan(values) if values.dtype.kind == "f" else np.ones(len(values), dtype=bool)


def _words(values: Any) -> NDArray:
    return np.array([str(value) for value in np.asarray(values, dtype=object)], dtype=object)


def _days(values: Any) -> NDArray[np.float64]:
    """Return the dates or the durations of a series in days."""
    return microseconds(values) / 86_400e6


def distance(real: Marginal, condensed: Marginal) -> float:
    """Return how much two columns differ: 0 if they are alike, 1 if they have nothing in common.

    Of numbers the distance of Kolmogorov and Smirnov, of categories that of total variation; or the difference of the
    missing shares, where that is larger.
    """
    missing = abs(real.missing - condensed.missing)
    if not len(real.values) or not len(condensed.values):
        return missing
    if real.kind == "categories":
        levels = sorted({*real.levels, *condensed.levels})
        return max(missing, float(np.abs(real.shares(levels) - condensed.shares(levels)).sum() / 2))
    at = np.unique(np.concatenate([real.values, condensed.values]))
    return max(missing, float(np.abs(ecdf(real, at) - ecdf(condensed, at)).max()))


def ecdf(column: Marginal, at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of the values that are no larger than each of some numbers."""
    order = np.argsort(column.values)
    below = np.concatenate([[0.0], np.cumsum(column.mass[order])])
    return below[np.searchsorted(column.values[order], at, side="right")]


def bins_of(real: Marginal, condensed: Marginal, most: int = 20) -> NDArray[np.float64]:
    """Return the edges of the bins of a histogram of numbers, which the few far ones among them do not blur.

    Values beyond the outer edges belong to the outer bins.
    """
    both = np.concatenate([real.values, condensed.values])
    both = both[np.isfinite(both)]
    if not len(both):
        return np.array([0.0, 1.0])
    low, high = both.min(), both.max()
    inner = np.quantile(both, [0.01, 0.99])
    if high - low > 2 * (inner[1] - inner[0]) > 0:
        low, high = inner
    whole = np.all(both == np.round(both)) and real.kind == "numbers"
    if whole and high - low < 1.25 * most:
        return np.arange(np.floor(low), np.ceil(high) + 2) - 0.5
    return np.linspace(low, high, most + 1) if high > low else np.array([low - 0.5, low + 0.5])


def histogram(column: Marginal, edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of the values in each bin."""
    inside = np.clip(column.values, edges[0], edges[-1])
    return np.histogram(inside, edges, weights=column.mass)[0]
