"""Tables of which nothing is known but what a user declares: ranges, levels, and where values may be missing."""

from __future__ import annotations

import json
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from itertools import cycle, islice
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import MinMaxScaler

from skdc.fields import Fields, TransformerMixin

if TYPE_CHECKING:
    import pandas as pd

LARGEST = 1e100  # squares of larger numbers, or of smaller ranges than its inverse, leave float64


class DeclaredColumn(ABC):
    """A column of which the values are known by declaration.

    Parameters
    ----------
    name : object
    values : list
        That show what the column may hold; None among them says that values may be missing.
    """

    def __init__(self, name: Any, values: list[Any]) -> None:
        import pandas as pd

        self.name, self.has_missing = name, any(value is None for value in values)
        self.values = [value for value in values if value is not None]
        self.dtype = pd.Series(values).dtype

    @abstractmethod
    def describe(self) -> str:
        """Return what the column may hold, in words."""

    @abstractmethod
    def read(self, column: pd.Series) -> tuple[pd.Series, NDArray[np.bool_]]:
        """Return a column brought to what is declared, NaN where nothing is; and which rows had to be changed."""

    def shown(self, length: int) -> pd.Series:
        """Return a column that holds all that is declared, from which an encoder can learn."""
        import pandas as pd

        values = [*self.values, None] if self.has_missing else self.values
        return self.read(pd.Series(list(islice(cycle(values), length)), dtype=object))[0]

    def restore(self, column: pd.Series) -> pd.Series:
        """Return a column of an encoder in the declared dtype."""
        values = column.astype(object)
        return values.where(values.notna(), None).astype(self.dtype)

    def _ending(self) -> str:
        return f"as {self.dtype}, {'some' if self.has_missing else 'none'} of them missing"


class DeclaredRange(DeclaredColumn):
    """Numbers, dates or durations between two ends, whole where both ends are.

    Parameters
    ----------
    name : object
    declared : (low, high) or (low, high, None)
    """

    def __init__(self, name: Any, declared: tuple[Any, ...]) -> None:
        low, high = _ends(name, declared)
        self.is_whole = isinstance(low, Integral) and isinstance(high, Integral)
        if self.is_whole:
            between = low + 1
        elif isinstance(low, Real):
            # The golden section of the range: numbers that are not whole.
            low, high = float(low), float(high)
            between = low + (high - low) * (np.sqrt(5) - 1) / 2
        else:
            import pandas as pd

            day, second = pd.Timedelta(days=1), pd.Timedelta(seconds=1)
            low, high = (pd.Series([end])[0] for end in (low, high))
            between = min(high, low + (second if (high - low) % day else day))
        super().__init__(name, [low, between, high, *([None] if len(declared) == 3 else [])])
        if self.dtype == object:
            raise ValueError(f"feature_range[{name!r}]={declared!r} goes beyond what an integer holds; give floats")

    def describe(self) -> str:
        """Return what the column may hold, in words."""
        kind = "whole numbers" if self.is_whole else "numbers" if isinstance(self.values[0], Real) else "times"
        return f"column {self.name!r}: {kind} from {self.values[0]} to {self.values[-1]} {self._ending()}"

    def read(self, column: pd.Series) -> tuple[pd.Series, NDArray[np.bool_]]:
        """Return a column brought to what is declared, NaN where nothing is; and which rows had to be changed."""
        import pandas as pd

        low, high = self.values[0], self.values[-1]
        if self.dtype.kind in "iuf":
            if pd.api.types.is_numeric_dtype(column.dtype):
                numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
            else:
                numbers = np.array([_parsed(float, value, np.nan) for value in column], dtype=np.float64)
            read = pd.Series(numbers, index=column.index)
        elif column.dtype == self.dtype:
            read = column
        else:
            # Cell by cell: of a whole column pandas takes the format and the time zone from some row.
            words = {word: _parsed(self._time, word, pd.NaT) for word in {cell for cell in column if type(cell) is str}}
            cells = [words[cell] if type(cell) is str else _parsed(self._time, cell, pd.NaT) for cell in column]
            read = pd.Series(cells, index=column.index, dtype=self.dtype)
        invalid = (read < low) | (read > high)
        if self.is_whole:
            invalid |= read.notna() & (read != read.round())
            read = read.round()
        read = read.clip(low, high)
        if not self.has_missing:
            invalid |= read.isna()
            # What may not be missing gets the middle of the range.
            read = read.fillna(low + (high - low) // 2 if self.is_whole else low + (high - low) / 2).astype(self.dtype)
        return read.rename(self.name), invalid.to_numpy()

    def _time(self, value: Any) -> Any:
        """Return a date, in the declared zone or, where there is none, in UTC; or a duration."""
        import pandas as pd

        if self.dtype.kind == "m":
            return pd.Timedelta(pd.to_timedelta(value)).as_unit(self.values[0].unit)
        date, zone = pd.Timestamp(pd.to_datetime(value)), self.values[0].tz
        if date.tz is None:
            date = date.tz_localize(zone)
        else:
            date = date.tz_convert("UTC").tz_localize(None) if zone is None else date.tz_convert(zone)
        return date.as_unit(self.values[0].unit)


class DeclaredLevels(DeclaredColumn):
    """Words, booleans or other values out of a list.

    Parameters
    ----------
    name : object
    declared : list
        The levels; None among them says that values may be missing.
    dtype : dtype
        Of the column: whether it is one of categories, and ordered ones.
    """

    def __init__(self, name: Any, declared: Sequence[Any], dtype: Any = None) -> None:
        import pandas as pd

        levels = [None if pd.isna(level) else level for level in declared]
        super().__init__(name, levels)
        if len(self.values) < 2 or len(pd.unique(pd.Series(self.values, dtype=object))) < len(self.values):
            raise ValueError(
                f"feature_range[{name!r}]={declared!r} must be (low, high) or a list of two levels or more, none twice"
            )
        categories, is_category = pd.Series(self.values).tolist(), isinstance(dtype, pd.CategoricalDtype)
        self.categories = pd.CategoricalDtype(categories, ordered=is_category and bool(dtype.ordered))
        self.dtype = self.categories if is_category else self.dtype

    def describe(self) -> str:
        """Return what the column may hold, in words."""
        return f"column {self.name!r}: the levels {self.values} {self._ending()}"

    def read(self, column: pd.Series) -> tuple[pd.Series, NDArray[np.bool_]]:
        """Return a column brought to what is declared, NaN where nothing is; and which rows had to be changed."""
        import pandas as pd

        values, known = column.astype(object), {level: code for code, level in enumerate(self.values)}
        codes = np.array([_parsed(known.__getitem__, value, -1) for value in values], dtype=np.int64)
        missing = np.array([_parsed(pd.isna, value, False) is True for value in values], dtype=bool)
        invalid = (codes < 0) & ~(missing & self.has_missing)
        read = pd.Categorical.from_codes(codes, dtype=self.categories)
        return pd.Series(read, index=column.index, name=self.name), invalid


class DeclaredEncoder(TransformerMixin, Fields):
    """A `TabularEncoder` that is fitted to what is declared of columns, not to rows.

    What rows hold beyond that is brought to it, with a warning that counts the rows: numbers to the ends of their
    range; levels that are not declared are missing, and where none may be missing they count as the mean of all levels.

    Parameters
    ----------
    feature_range : {name: (low, high) or list of levels}
    """

    feature_range: Mapping[Any, Any]

    def fit(self, X: Any, y: object = None) -> Self:
        """Learn the names of the columns of a frame, their order, and which are of categories."""
        import pandas as pd

        from skdc.preprocessing import TabularEncoder

        columns = self.feature_range
        if not hasattr(X, "dtypes") or not hasattr(X, "columns"):
            raise ValueError("feature_range names columns, but X is no frame; give (low, high), or pass a frame")
        for one, other, where in ((X.columns, columns, "feature_range"), (columns, X.columns, "X")):
            missing = [name for name in one if name not in other]
            if missing:
                raise ValueError(
                    f"column {missing[0]!r} is missing in {where}; feature_range must name all columns of X"
                )
        self.columns_ = [declared_column(name, columns[name], X[name].dtype) for name in X.columns]
        most = max([2, *(len(column.values) for column in self.columns_)])
        frame = pd.concat([column.shown(most + 1) for column in self.columns_], axis=1)
        self.encoder_ = TabularEncoder(numbers=MinMaxScaler(), max_categories=most).fit(frame)
        return self

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Return the codes of rows, from 0 to 1.

        Warns
        -----
        UserWarning
            With the number of rows that hold what is not declared.
        """
        read = [column.read(X[column.name]) for column in self.columns_]
        warn_of_outside(np.any([invalid for _, invalid in read], axis=0))
        return self.encoder_.transform(type(X)({column.name: column for column, _ in read}))

    def inverse_transform(self, X: Any) -> Any:
        """Return rows that hold what is declared."""
        frame = self.encoder_.inverse_transform(X)
        return type(frame)({column.name: column.restore(frame[column.name]) for column in self.columns_})

    def get_feature_names_out(self, input_features: Any = None) -> NDArray:
        """Return the names of the codes."""
        return self.encoder_.get_feature_names_out()


def _parsed(read: Callable[[Any], Any], value: Any, invalid: Any) -> Any:
    """Return what a cell holds, and something else where it cannot be read: an error would tell of a row."""
    try:
        return read(value)
    except Exception:
        return invalid


def declared_column(name: Any, declared: Any, dtype: Any = None) -> DeclaredColumn:
    """Return the column that a declaration describes."""
    return DeclaredRange(name, declared) if isinstance(declared, tuple) else DeclaredLevels(name, declared, dtype)


def warn_of_outside(outside: NDArray[np.bool_]) -> None:
    """Tell who holds the data how many rows hold what was not declared; it is no part of a release.

    Warns
    -----
    UserWarning
    """
    if outside.any():
        warnings.warn(
            f"{outside.sum()} of {len(outside)} rows lie outside of feature_range and were brought to its ends, or "
            "levels; this number is for you alone, it is not private",
            UserWarning,
            stacklevel=3,
        )


def feature_range_template(schema: Mapping[Any, Any]) -> str:
    """Return the text of a `feature_range` for a frame, to be filled in and checked line by line.

    It is made from what you say of the columns, never from rows. What a dtype leaves open stands there as None, which a
    fit refuses.

    Parameters
    ----------
    schema : {name: dtype or list of levels}
        Such as `frame.dtypes`. The categories of a dtype may come from rows: check that all of them are public.

    Returns
    -------
    str

    Raises
    ------
    TypeError
        For a frame: its rows are none of the template's business.

    Examples
    --------
    >>> from skdc.privacy import feature_range_template
    >>> print(feature_range_template({"age": "uint8", "wage": float, "home": ["own", "rent"]}))
    feature_range = {
        "age": (0, 255),  # whole numbers; add None if values may be missing
        "wage": (None, None),  # numbers: the least and the greatest, with a point; add None if values may be missing
        "home": ["own", "rent"],  # levels; add None if values may be missing
    }
    """
    if hasattr(schema, "iloc") and getattr(schema, "ndim", 1) == 2:
        raise TypeError("the template is made from what is public: pass frame.dtypes, or {name: dtype or levels}")
    lines = [f"    {_quoted(name)}: {_template_of(known)} if values may be missing" for name, known in schema.items()]
    return "\n".join(["feature_range = {", *lines, "}"])


def _template_of(known: Any) -> str:
    """Return what a line of the template says of a column, up to its missing values."""
    import pandas as pd

    if isinstance(known, list | tuple):
        return f"[{', '.join(map(_quoted, known))}],  # levels; add None"
    dtype = pd.api.types.pandas_dtype(known)
    if isinstance(dtype, pd.CategoricalDtype) and dtype.categories is not None:
        return f"[{', '.join(map(_quoted, dtype.categories))}],  # levels of the dtype: are all public? Add None"
    kind = getattr(dtype, "kind", "O")
    if kind in "iu" and dtype.itemsize < 4:  # wider ones say nothing of what they hold
        limits = np.iinfo(getattr(dtype, "numpy_dtype", dtype))
        return f"({limits.min}, {limits.max}),  # whole numbers; add None"
    numbers = {"i": "whole numbers", "u": "whole numbers", "f": "numbers", "M": "dates", "m": "durations"}
    if kind in numbers:
        form = ", with a point" if kind == "f" else ""
        return f"(None, None),  # {numbers[kind]}: the least and the greatest{form}; add None"
    return "[False, True],  # levels; add None" if kind == "b" else "[None],  # levels: all that may occur; leave None"


def _quoted(value: Any) -> str:
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _ends(name: Any, declared: tuple[Any, ...]) -> tuple[Any, Any]:
    """Return the ends of a declared range."""
    message = f"feature_range[{name!r}]={declared!r} must be (low, high) with low below high, or (low, high, None)"
    try:
        low, high, *missing = declared
        is_range = bool(low < high) and missing in ([], [None])
    except (TypeError, ValueError):
        is_range = False
    if not is_range:
        raise ValueError(message)
    if isinstance(low, Real) and not (max(abs(low), abs(high)) <= LARGEST and high - low >= 1 / LARGEST):
        raise ValueError(f"{message}; numbers may go to {LARGEST:g}, and differ by {1 / LARGEST:g} or more")
    return low, high
