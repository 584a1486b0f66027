"""One column of a table as numbers, and back to values that the column may hold."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from numbers import Number
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import TransformerMixin, clone
from sklearn.utils.validation import has_fit_parameter

from skdc.preprocessing.groups import CodeGroup, groups_of
from skdc.scales import LARGEST, hold_names

_EXACT = 2**53  # whole numbers up to here are exact in float64


class Column(ABC):
    """A column that fit has seen.

    Where values are missing, a code more says so for each row, and the other codes are the mean of those of the rest.

    Parameters
    ----------
    values : Series of length n
        With the name and dtype that go back.
    weight : ndarray of shape (n,)
    """

    def __init__(self, values: pd.Series, weight: NDArray[np.float64]) -> None:
        self.name, self.dtype = values.name, values.dtype
        there = values.notna().to_numpy()
        self.has_missing = not there.all()
        self.marker = values[~there].iloc[0] if self.has_missing else None  # None, NaN or NA, where any object can be
        self.is_empty = not there.any()
        if not self.is_empty:
            seen, mass = values[there], weight[there]
            self._fit(seen, mass)
            codes = self._encode(seen)
            self.neutral = np.average(codes, axis=0, weights=mass)
            self.least, self.greatest = codes.min(axis=0), codes.max(axis=0)
        else:
            self.neutral = np.empty(0)

    @property
    def n_codes(self) -> int:
        """Numbers that stand for a value; an empty column, which comes back empty, takes none."""
        return 0 if self.is_empty else len(self.neutral) + self.has_missing

    @abstractmethod
    def _fit(self, values: pd.Series, weight: NDArray[np.float64]) -> None:
        """Learn from values none of which is missing."""

    @abstractmethod
    def _encode(self, values: pd.Series) -> NDArray[np.float64]:
        """Return the codes of values none of which is missing."""

    @abstractmethod
    def _decode(self, codes: NDArray[np.float64]) -> pd.Series:
        """Return values that the column may hold."""

    @abstractmethod
    def _code_names(self) -> list[str]:
        """Return what the codes stand for."""

    @abstractmethod
    def _code_groups(self) -> list[CodeGroup]:
        """Return which codes belong together."""

    def encode(self, values: pd.Series) -> NDArray[np.float64]:
        """Return the codes of values, of shape (n, n_codes); what is missing that never was gets the mean codes."""
        if self.is_empty:
            return np.empty((len(values), 0))
        there = values.notna().to_numpy()
        codes = np.tile(self.neutral, (len(values), 1))
        if there.any():
            try:
                codes[there] = self._encode(values[there])
            except (TypeError, ValueError) as error:
                raise ValueError(f"column {self.name!r} is not like that of fit, {self.dtype}: {error}") from error
        return np.column_stack([codes, ~there]) if self.has_missing else codes

    def decode(self, codes: NDArray[np.float64]) -> pd.Series:
        """Return values of the column's dtype; as many are missing as the last code says of all rows together."""
        if self.is_empty:
            return pd.Series([self.marker] * len(codes), name=self.name, dtype=self.dtype)
        within = np.clip(codes[:, : len(self.neutral)], self.least, self.greatest)
        values = self._decode(within).rename(self.name).astype(self.dtype)
        if self.has_missing:
            missing = np.clip(codes[:, -1], 0, 1)
            most = np.argsort(-missing, kind="stable")[: round(missing.sum())]
            if self.dtype == object:
                values.iloc[most] = self.marker
            else:
                values = values.mask(np.isin(np.arange(len(values)), most))
        return values

    def code_names(self) -> list[str]:
        """Return a name for each code."""
        names = [] if self.is_empty else self._code_names()
        return names + ([f"missingindicator_{self.name}"] if self.has_missing and not self.is_empty else [])

    def code_groups(self) -> list[CodeGroup]:
        """Return which codes belong together, in their order."""
        if self.is_empty:
            return []
        return self._code_groups() + [CodeGroup("category")] * self.has_missing


class Numbers(Column):
    """Numbers, dates, durations or ordered categories: all that a scikit-learn transformer can scale.

    Whole numbers and dates come back as whole steps, of the size of those between the values seen, from the least of
    them to the greatest; other numbers come back within what was seen.

    Parameters
    ----------
    values, weight
        As in `Column`.
    scaler : transformer with `inverse_transform`
        A clone is fitted to the column.
    """

    def __init__(self, values: pd.Series, weight: NDArray[np.float64], scaler: TransformerMixin) -> None:
        self.scaler = clone(scaler)
        super().__init__(values, weight)

    def _fit(self, values: pd.Series, weight: NDArray[np.float64]) -> None:
        numbers = self._numbers(values)
        if not (np.abs(numbers.astype(np.float64)) < LARGEST).all():
            raise ValueError(
                f"column {self.name!r} holds infinity or numbers above 1e150; clip them, or mark them as missing"
            )
        if numbers.dtype.kind == "f" and _are_whole(numbers):
            numbers = numbers.astype(np.int64)
        self.is_whole, self.low = numbers.dtype.kind in "iu", numbers.min()
        if self.is_whole:
            offsets = self._offsets(numbers)
            self.step = max(np.gcd.reduce(offsets), np.uint64(1))
            self.most = (offsets // self.step).max()
        positions = self._positions(numbers)
        self.high = positions.max()
        self.is_constant = self.high == positions.min()
        if not self.is_constant:
            given = {"sample_weight": weight} if has_fit_parameter(self.scaler, "sample_weight") else {}
            self.scaler.fit(positions[:, None], **given)

    def _numbers(self, values: pd.Series) -> NDArray:
        """Return values as integers or floats."""
        if isinstance(self.dtype, pd.CategoricalDtype):
            codes = self.dtype.categories.get_indexer(values)
            if (codes < 0).any():
                unknown = values.to_numpy()[codes < 0][0]
                raise ValueError(f"it holds {unknown!r}, but its categories are {self.dtype.categories.tolist()}")
            return codes.astype(np.int64)
        time = _time(self.dtype)
        if time is not None:
            return values.astype(self.dtype).astype(time).astype(np.int64).to_numpy()
        if pd.api.types.is_integer_dtype(values.dtype):
            return values.to_numpy(dtype=np.int64 if getattr(values.dtype, "kind", "i") == "i" else np.uint64)
        return values.to_numpy(dtype=np.float64)

    def _offsets(self, whole: NDArray) -> NDArray[np.uint64]:
        """Return what whole numbers lie above the least one: modulo 2**64, so that no difference overflows."""
        return whole.astype(np.uint64) - self.low.astype(np.uint64)

    def _positions(self, numbers: NDArray) -> NDArray[np.float64]:
        """Return numbers in their own unit, from which the least is taken where they are whole."""
        if not self.is_whole:
            return numbers.astype(np.float64)
        if numbers.dtype == self.low.dtype and numbers.min() >= self.low:
            return self._offsets(numbers).astype(np.float64)
        return numbers.astype(np.float64) - float(self.low)

    def _encode(self, values: pd.Series) -> NDArray[np.float64]:
        if self.is_constant:
            return np.empty((len(values), 0))
        codes = self.scaler.transform(self._positions(self._numbers(values))[:, None])
        return np.asarray(codes.toarray() if issparse(codes) else codes, dtype=np.float64)

    def _decode(self, codes: NDArray[np.float64]) -> pd.Series:
        if self.is_constant:
            positions = np.full(len(codes), self.high)
        else:
            positions = np.asarray(self.scaler.inverse_transform(codes), dtype=np.float64)[:, 0]
        if not self.is_whole:
            return pd.Series(np.clip(positions, self.low, self.high))
        steps = np.rint(np.clip(positions, 0, min(self.high, 2.0**63)) / float(self.step)).astype(np.uint64)
        bits = self.low.astype(np.uint64) + np.minimum(steps, self.most) * self.step
        return self._values(bits.astype(self.low.dtype))

    def _values(self, whole: NDArray) -> pd.Series:
        """Return whole numbers as values of the dtype."""
        if isinstance(self.dtype, pd.CategoricalDtype):
            return pd.Series(pd.Categorical.from_codes(whole, dtype=self.dtype))
        time = _time(self.dtype)
        if time is None:
            return pd.Series(whole)
        if isinstance(time, pd.DatetimeTZDtype):
            return pd.Series(whole.view(f"M8[{time.unit}]")).dt.tz_localize("UTC").dt.tz_convert(time.tz)
        return pd.Series(whole.view(time))

    def _code_names(self) -> list[str]:
        names = [self.name] if len(self.neutral) == 1 else [f"{self.name}_{i}" for i in range(len(self.neutral))]
        return [str(name) for name in names]

    def _code_groups(self) -> list[CodeGroup]:
        n_codes = len(self.neutral)
        return (groups_of(self.scaler) if n_codes else []) or [CodeGroup("number")] * n_codes


class Levels(Column):
    """Categories, words or booleans: an indicator for each level, of which the rarest share one.

    Parameters
    ----------
    values, weight
        As in `Column`.
    max_categories : int
        The most indicators.
    """

    def __init__(self, values: pd.Series, weight: NDArray[np.float64], max_categories: int) -> None:
        self.max_categories = max_categories
        super().__init__(values, weight)

    def _fit(self, values: pd.Series, weight: NDArray[np.float64]) -> None:
        try:
            distinct = list(values.unique())
        except TypeError as error:
            odd = next(value for value in values if not _is_hashable(value))
            raise ValueError(
                f"column {self.name!r} holds objects that cannot be encoded, such as {odd!r}; drop the column, or make "
                "numbers or categories of it first"
            ) from error
        distinct.sort(key=lambda value: (type(value).__name__, str(value)))
        self.levels = pd.Index(distinct, dtype=object, tupleize_cols=False)
        if hold_names(len(self.levels), len(values), self.max_categories):
            warnings.warn(
                f"column {self.name!r} holds {len(self.levels)} levels in {len(values)} rows, of which all but "
                f"{self.max_categories - 1} count as one: if they are names or texts, drop it or encode it first",
                UserWarning,
                stacklevel=2,
            )
        mass = np.bincount(self._codes(values), weight, len(self.levels))
        common = np.argsort(-mass, kind="stable")
        n_kept = len(common) if len(common) <= self.max_categories else self.max_categories - 1
        # The indicator of each level; of the rare ones the commonest comes back.
        self.kept, self.n_indicators = np.sort(common[:n_kept]), min(n_kept + 1, len(common))
        self.indicator = np.full(len(self.levels), n_kept)
        self.indicator[self.kept] = np.arange(n_kept)
        self.shown = np.append(self.kept, common[n_kept : n_kept + 1])

    def _codes(self, values: pd.Series) -> NDArray[np.intp]:
        return self.levels.get_indexer(values.astype(object))

    def _encode(self, values: pd.Series) -> NDArray[np.float64]:
        if getattr(values.dtype, "kind", "O") in "iuf" and not any(isinstance(level, Number) for level in self.levels):
            raise TypeError(f"it holds numbers, such as {values.iloc[0]!r}")
        codes = self._codes(values)
        has_rare = self.n_indicators > len(self.kept)
        # A level that fit has not seen is a rare one; or nothing is known of it.
        indicator = np.where(codes < 0, len(self.kept), self.indicator[codes])
        encoded = (indicator[:, None] == np.arange(self.n_indicators)).astype(np.float64)
        encoded = encoded[:, 1:] if self.n_indicators <= 2 else encoded
        if (codes < 0).any() and not has_rare:
            encoded[codes < 0] = self.neutral
        return encoded

    def _decode(self, codes: NDArray[np.float64]) -> pd.Series:
        # One indicator says whether it is the second level.
        chosen = (codes > 0.5).sum(axis=1) if self.n_indicators <= 2 else codes.argmax(axis=1)
        return pd.Series(self.levels.to_numpy()[self.shown[chosen]], dtype=object)

    def _code_names(self) -> list[str]:
        names = [f"{self.name}_{level}" for level in self.levels[self.kept]]
        names += [f"{self.name}_infrequent"] * (self.n_indicators - len(self.kept))
        return names[1:] if self.n_indicators <= 2 else names

    def _code_groups(self) -> list[CodeGroup]:
        n_codes = len(self.neutral)
        return [CodeGroup("category", n_codes)] if n_codes else []


def fitted_column(
    values: pd.Series, weight: NDArray[np.float64], scaler: TransformerMixin, max_categories: int
) -> Column:
    """Return the column that suits a series."""
    dtype, types = values.dtype, pd.api.types
    if isinstance(dtype, pd.CategoricalDtype):
        return Numbers(values, weight, scaler) if dtype.ordered else Levels(values, weight, max_categories)
    if types.is_bool_dtype(dtype) or (types.is_string_dtype(dtype) and not types.is_object_dtype(dtype)):
        return Levels(values, weight, max_categories)
    if types.is_object_dtype(dtype):
        kind = types.infer_dtype(values, skipna=True)
        if kind in _CONVERSIONS:
            raise ValueError(f"column {values.name!r} holds {kind} values as objects; convert it: {_CONVERSIONS[kind]}")
        return Levels(values, weight, max_categories)
    is_number = types.is_numeric_dtype(dtype) and not types.is_complex_dtype(dtype)
    is_time = _time(dtype) is not None
    is_closed = isinstance(dtype, pd.SparseDtype) or str(dtype).startswith(("decimal", "halffloat"))  # of arrow
    if (is_number or is_time) and not is_closed:
        return Numbers(values, weight, scaler)
    raise ValueError(
        f"column {values.name!r} has dtype {dtype}, which cannot be encoded; make dense numbers of numpy, dates or "
        "categories of it"
    )


_CONVERSIONS: dict[str, Any] = {
    **dict.fromkeys(("date", "datetime", "datetime64"), "pandas.to_datetime(column)"),
    **dict.fromkeys(("timedelta", "timedelta64"), "pandas.to_timedelta(column)"),
    **dict.fromkeys(("integer", "floating", "mixed-integer-float", "decimal"), "pandas.to_numeric(column)"),
}


def _time(dtype: Any) -> Any:
    """Return the dtype of numpy, or that with a time zone, of dates or durations; None for other columns."""
    if isinstance(dtype, pd.DatetimeTZDtype):
        return dtype
    if isinstance(dtype, np.dtype):
        return dtype if dtype.kind in "mM" else None
    arrow: Any = getattr(dtype, "pyarrow_dtype", None)
    name = str(arrow)
    if name.startswith("date"):
        return np.dtype("M8[s]")
    if name.startswith("duration"):
        return np.dtype(f"m8[{arrow.unit}]")
    if name.startswith("timestamp"):
        return np.dtype(f"M8[{arrow.unit}]") if arrow.tz is None else pd.DatetimeTZDtype(arrow.unit, arrow.tz)
    return None


def _is_hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _are_whole(numbers: NDArray) -> bool:
    return bool((np.abs(numbers) < _EXACT).all() and (numbers == np.rint(numbers)).all())
