"""How learners see rows: a value object that a file can hold."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse
from sklearn.utils import check_array

from skdc.containers import as_array, has_units, have_units, is_numeric, is_sparse, microseconds
from skdc.scales import RowMoments, hold_names, merged_spread, middle, numeric_weight, pieces

_MOST_LEVELS = 20
_ROUNDING = 8 * np.finfo(np.float64).eps  # of a mean: columns that vary no more are constant


@dataclass(frozen=True)
class Scaling:
    """How learners see rows: numbers less their mean, divided by their deviation, and indicators of words.

    A table has a mean and a deviation for each column. Rows that are images or the like, more than 100 columns of like
    ranges, such as pixels and embeddings, and sparse rows have one for all of their numbers, which changes no geometry.
    Sparse rows are not shifted: their mean is taken for 0, and the deviation is that from 0. What is constant is
    divided by its size, or by 1 if it is zero.

    In frames dates and durations are numbers, in seconds. Other columns, of words or categories, have an indicator for
    each of their 20 commonest values; none if these are more than 20 and differ in more than half of the rows, as names
    and texts do. A missing value is one of those; of numbers it is shown as the mean, beside an indicator, where the
    data had any.

    Parameters
    ----------
    mean, deviation : list of (float or None)
        Of all numbers, or of each column; None of a column that holds no numbers.
    levels : list of list of (str or None), default=[]
        The values of each column that have indicators, each as the hash of 16 hexadecimal digits of how it is printed
        (BLAKE2b), so that a set tells no word of its data; None is a missing one. Empty for data that hold nothing but
        numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from skdc.scaling import Scaling
    >>> scaling = Scaling.of(np.array([[0.0, 10.0], [2.0, 30.0]]))
    >>> scaling
    Scaling(mean=[1.0, 20.0], deviation=[1.0, 10.0], levels=[])
    >>> scaling.standardized(np.array([[1.0, 20.0], [3.0, 20.0]]))
    array([[0., 0.],
           [2., 0.]])
    """

    mean: list[float | None]
    deviation: list[float | None]
    levels: list[list[str | None]] = field(default_factory=list)

    @classmethod
    def of(cls, X: Any, sample_weight: Any = None) -> Self:
        """Return the scaling of rows.

        Parameters
        ----------
        X : array, sparse matrix or frame of shape (n, ...)
        sample_weight : array-like of shape (n,), default=None
            A row of weight 2 counts as the row twice, and one of weight 0 is no row.
        """
        X = as_table(as_array(X))
        weight = numeric_weight(as_array(sample_weight, "sample_weight"), X)
        if not weight.all():
            X, weight = X[weight > 0], weight[weight > 0]
        if hasattr(X, "iloc") and not is_sparse(X) and not is_numeric(X):
            return cls._of_each([_column(X.iloc[:, j], weight) for j in range(X.shape[1])])
        numbers = check_array(X, accept_sparse="csr", allow_nd=True, ensure_all_finite=False)
        if issparse(numbers) or numbers.dtype.kind != "f" or np.isfinite(numbers).all():
            return cls.of_numbers(csr_array(numbers) if issparse(numbers) else numbers, weight)
        flat = numbers.reshape(len(numbers), -1)
        found = cls._of_each([_column_of_numbers(flat[:, j], weight) for j in range(flat.shape[1])])
        return found if numbers.ndim == 2 else replace(found.pooled(), levels=[])

    @classmethod
    def _of_each(cls, columns: list[_Column]) -> Self:
        """Return the scaling of columns, some of words or with gaps; what is there tells whether numbers share one."""
        mean, deviation = ([getattr(column, part) for column in columns] for part in ("mean", "deviation"))
        found = cls(mean, deviation, [column.levels for column in columns])
        ranges = np.array([(column.low, column.high) for column in columns])
        return found if None in mean or have_units(*ranges.T) else replace(found.pooled(), levels=found.levels)

    @classmethod
    def of_numbers(cls, X: Any, weight: NDArray[np.float64], moments: RowMoments | None = None) -> Self:
        """Return the scaling of rows that are numbers, none of which is missing.

        Parameters
        ----------
        X : ndarray of shape (n, ...) or csr_array
        weight : ndarray of shape (n,)
            Positive.
        moments : RowMoments, default=None
            Of the rows, where they are known.
        """
        if issparse(X):
            return cls([0.0], [_size(X, weight)])
        if has_units(X):
            mean, deviation = _spread(X, weight)
            return cls(mean.tolist(), deviation.tolist())
        moments = RowMoments.of(X, weight) if moments is None else moments
        return cls._of_all(moments.mean, np.array([moments.deviation]))

    @classmethod
    def of_columns(cls, mean: NDArray[np.float64], deviation: NDArray[np.float64], in_units: bool) -> Self:
        """Return the scaling of numbers of which the mean and the deviation of each column are known.

        Parameters
        ----------
        mean, deviation : ndarray of shape (d,)
        in_units : bool
            Whether the columns may each have a unit of its own.
        """
        return cls(mean.tolist(), deviation.tolist()) if in_units else cls._of_all(mean, deviation)

    @classmethod
    def _of_all(cls, mean: NDArray[np.float64], deviation: NDArray[np.float64]) -> Self:
        """Return one scale for all numbers: their variance is that within columns and that between their means."""
        center, between = _spread(mean[:, None], np.ones(len(mean)))
        largest = deviation.max() or 1.0
        within = largest * np.sqrt(np.mean((deviation / largest) ** 2))
        return cls(center.tolist(), [float(np.hypot(within, between[0]))])

    def pooled(self) -> Self:
        """Return one scale for all numbers, such as of columns that are shown as images."""
        return self if len(self.mean) == 1 else self._of_all(*(np.array(part) for part in (self.mean, self.deviation)))

    def numbers(self, rows: Any) -> Any:
        """Return rows as numbers: of data with words or gaps as learners see them, of others in their own units.

        Parameters
        ----------
        rows : array, sparse matrix or frame of shape (m, ...)
            Of two dimensions where there are `levels`.

        Raises
        ------
        ValueError
            For a column of words where the data had numbers.
        """
        if is_sparse(rows) or not (self.levels or hasattr(rows, "iloc")):
            return rows
        rows, n_columns = as_frame(rows) if None in self.mean else as_table(rows), rows.shape[1]
        mean, scale = (np.broadcast_to(part, n_columns) for part in self._units())
        parts = []
        for j in range(n_columns):
            column = rows.iloc[:, j] if hasattr(rows, "iloc") else rows[:, j]
            levels = self.levels[j] if self.levels else []
            if self.mean[j % len(self.mean)] is None:
                parts.append(_indicators(column, levels))
                continue
            numbers = _known_numbers(column)
            missing = np.isnan(numbers)
            numbers = np.where(missing, mean[j], numbers)
            parts.append((numbers - mean[j]) / scale[j] if self.levels else numbers)
            parts.extend(missing.astype(np.float64) for _ in levels)
        shown = np.column_stack(parts)
        if not shown.shape[1]:
            raise ValueError(
                "learners would see nothing: all columns hold names or texts, which differ in most rows; encode them "
                "first"
            )
        return shown

    def units(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what is subtracted from `numbers` and what they are divided by, of shape (1,) or (n_columns,)."""
        return (np.zeros(1), np.ones(1)) if self.levels else self._units()

    def _units(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        mean = np.array([0.0 if value is None else value for value in self.mean])
        deviation = np.array([1.0 if value is None else value for value in self.deviation])
        size = np.abs(mean)
        return mean, np.where(deviation > _ROUNDING * size, deviation, np.where(size > 0, size, 1.0))

    def standardized(self, numbers: Any) -> Any:
        """Return `numbers` as learners see them."""
        shift, scale = self.units()
        if issparse(numbers):
            return numbers / scale[0]
        return ((numbers - shift) / scale).astype(numbers.dtype if numbers.dtype.kind == "f" else np.float64)

    def merged(self, other: Scaling, mass: float, other_mass: float) -> Scaling | None:
        """Return the scaling of the data of two sets together; None where one has other columns.

        What is missing of a column is taken for the same share of both.

        Parameters
        ----------
        other : Scaling
        mass, other_mass : float
            What the rows of each weigh.
        """
        kinds, others = ([value is None for value in part.mean] for part in (self, other))
        if kinds != others:
            return None
        (mean, spread), (other_mean, other_spread) = self._parts(), other._parts()
        # About the mean of the first, in units of the largest difference: squares of others may be no numbers.
        largest = np.maximum(np.maximum(spread, other_spread), np.abs(other_mean - mean))
        unit = np.where(largest > 0, largest, 1.0)
        first = mass, np.zeros_like(mean), mass * (spread / unit) ** 2
        second = other_mass, (other_mean - mean) / unit, other_mass * (other_spread / unit) ** 2
        total, shift, scatter = merged_spread(first, second)
        parts = (mean + unit * shift).tolist(), (unit * np.sqrt(scatter / total)).tolist()
        center, deviation = ([None if word else x for word, x in zip(kinds, part, strict=True)] for part in parts)
        empty: list[list[str | None]] = [[] for _ in self.levels or other.levels]
        levels = [_ordered({*a, *b}) for a, b in zip(self.levels or empty, other.levels or empty, strict=True)]
        return Scaling(center, deviation, levels if self.levels or other.levels else [])

    def n_entries(self) -> int:
        """Return how many entries it has, of numbers and levels, by which its place in a file is chosen."""
        return 2 * len(self.mean) + len(self.levels) + sum(map(len, self.levels))

    def _parts(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return mean and deviation of each column, NaN of those that hold no numbers."""
        return np.array(self.mean, dtype=np.float64), np.array(self.deviation, dtype=np.float64)


def as_table(X: Any) -> Any:
    """Return an array of objects as numbers, NaN where they are missing, or else as a frame; others as they are."""
    if hasattr(X, "iloc") or issparse(X):
        return X
    X = np.asarray(X)
    if X.dtype.kind == "O":
        with suppress(TypeError, ValueError):
            return X.astype(np.float64)
    return X if X.dtype.kind in "iubf" else as_frame(X)


def as_frame(X: Any) -> Any:
    """Return a table of words as a frame; frames as they are."""
    if hasattr(X, "iloc"):
        return X
    import pandas as pd  # encoders of such a table need it too

    return pd.DataFrame(X).infer_objects()


def _spread(X: NDArray, weight: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean and the deviation of each column; deviations in units of the farthest number have no overflow."""
    mean, farthest = middle(X, weight)
    unit = np.where(farthest > 0, farthest, 1.0)
    squares = sum(part @ ((rows - mean) / unit) ** 2 for rows, part in pieces(X, weight))
    return mean, unit * np.sqrt(squares / weight.sum())


def _size(X: Any, weight: NDArray[np.float64]) -> float:
    """Return the root of the mean square of sparse numbers, those that are zero counted."""
    if not X.has_canonical_format:  # entries of one place are one number, their sum
        X = X.copy()
        X.sum_duplicates()
    unit = float(np.abs(X.data).max(initial=0)) or 1.0
    squares = np.repeat(weight, np.diff(X.indptr)) @ (X.data / unit) ** 2
    return unit * float(np.sqrt(squares / (weight.sum() * X.shape[1])))


class _Column(NamedTuple):
    """What is known of a column; `low` and `high` are the ends of what is there."""

    mean: float | None
    deviation: float | None
    levels: list[str | None]
    low: float = 0.0
    high: float = 0.0


def _column(values: Any, weight: NDArray[np.float64]) -> _Column:
    numbers = _numbers(values)
    return _Column(None, None, _levels(values, weight)) if numbers is None else _column_of_numbers(numbers, weight)


def _column_of_numbers(numbers: NDArray, weight: NDArray[np.float64]) -> _Column:
    there = np.isfinite(numbers)
    levels: list[str | None] = [None] if np.isnan(numbers).any() else []
    if not there.any():
        return _Column(0.0, 0.0, levels)
    held = numbers[there].astype(np.float64)
    mean, deviation = _spread(held[:, None], weight[there])
    return _Column(float(mean[0]), float(deviation[0]), levels, float(held.min()), float(held.max()))


def _numbers(values: Any) -> NDArray[np.float64] | None:
    """Return a column as numbers, NaN where they are missing; dates and durations in seconds. None for words."""
    kind = getattr(values.dtype, "kind", "O")
    if kind in "iufb":
        return np.asarray(values.to_numpy(dtype=np.float64, na_value=np.nan))
    if kind not in "mM":
        return None
    return np.where(np.asarray(values.isna(), dtype=bool), np.nan, microseconds(values) / 1e6)


def _known_numbers(values: Any) -> NDArray[np.float64]:
    """Return a column of numbers, which may come as objects."""
    numbers = values.astype(np.float64) if isinstance(values, np.ndarray) else _numbers(values)
    if numbers is not None:
        return numbers
    try:
        return np.asarray(values.astype(np.float64))
    except (TypeError, ValueError) as error:
        raise ValueError(f"column {values.name!r} holds numbers in the data, and other things here: {error}") from error


def _levels(values: Any, weight: NDArray[np.float64]) -> list[str | None]:
    """Return the hashes of the commonest values of a column, None for a missing one."""
    codes, words = _factorized(values)
    there = codes < len(words) - 1
    if hold_names(len(words) - 1, int(there.sum()), _MOST_LEVELS):
        return [] if there.all() else [None]
    mass = np.bincount(codes, weight, len(words))
    of_word = {word: 0.0 for word in words}
    for word, part in zip(words, mass, strict=True):
        of_word[word] += part
    common = sorted((word for word in of_word if of_word[word] > 0), key=lambda word: (-of_word[word], _place(word)))
    return _ordered({_hashed(word) for word in common[:_MOST_LEVELS]})


def _ordered(levels: set[str | None]) -> list[str | None]:
    return sorted(levels, key=_place)


def _place(word: str | None) -> tuple[bool, str]:
    """Return what words are ordered by, a missing one last."""
    return word is None, word or ""


def _factorized(values: Any) -> tuple[NDArray[np.intp], list[str | None]]:
    """Return the code of each value, and what the codes stand for as it is printed; the last is a missing one."""
    import pandas as pd

    try:
        codes, found = pd.factorize(values)
    except TypeError:  # of objects without a hash, such as lists
        codes, found = pd.factorize(values.map(str, na_action="ignore"))
    return np.where(codes < 0, len(found), codes), [*map(str, found), None]


def _hashed(word: str | None) -> str | None:
    """Return 64 bits of the hash of a word, by which it is known where it is given; None as it is."""
    return None if word is None else blake2b(word.encode(errors="surrogatepass"), digest_size=8).hexdigest()


def _indicators(values: Any, levels: list[str | None]) -> NDArray[np.float64]:
    """Return an indicator of each level; what is none of them has none."""
    codes, words = _factorized(values)
    hashes = map(_hashed, words)
    places = np.array([levels.index(word) if word in levels else len(levels) for word in hashes])
    return np.eye(len(levels) + 1, len(levels))[places[codes]]
