"""The first pass over rows in pieces: how many there are, what they look like, and which of them are at an end."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples

from skdc.codes.bounds import kind_of, plain
from skdc.containers import are_categories, as_array, checked_targets, microseconds
from skdc.finite import not_finite
from skdc.fitting.input import target_kind
from skdc.fitting.output import common_template, template
from skdc.partitions import Partitions, PieceError, RawRows, naming
from skdc.scales import numeric_weight, refuse_extremes

_MOST_LEVELS = 1000  # of a column of words, of which one row each is looked for
_MOST_VALUES = 1000  # of numeric targets, which are quantities where there are more


class Mark(NamedTuple):
    """A row that shows an end of a column, or one of its levels: the first of equal ones.

    Parameters
    ----------
    order : object
        The least is kept.
    piece, row : int
        Where it is.
    """

    order: Any
    piece: int
    row: int


@dataclass(frozen=True, eq=False)
class TargetFacts:
    """What targets are.

    Parameters
    ----------
    kind : str
        "labels" of one column, of which the values are kept; or what `target_kind` says.
    values : dict of object to (int, float)
        Rows of each distinct one, and their weight.
    """

    kind: str
    values: dict[Any, tuple[int, float]] = field(default_factory=dict)

    def merged(self, other: TargetFacts) -> TargetFacts:
        """Return those of both."""
        if self.kind != other.kind:
            kinds = {self.kind, other.kind}
            return TargetFacts("quantities" if kinds == {"labels", "quantities"} else "regression")
        values = dict(self.values)
        for value, (n, mass) in other.values.items():
            count, sum_ = values.get(value, (0, 0.0))
            values[value] = count + n, sum_ + mass
        return self if self.kind != "labels" else TargetFacts(self.kind, values)


@dataclass(frozen=True, eq=False)
class Survey:
    """What a first pass tells of rows in pieces.

    Parameters
    ----------
    lengths : dict of int to int
        Rows of each piece, also those of weight 0.
    counted : dict of int to int
        Those of positive weight.
    like : (X, y)
        Empty containers like those of the pieces, of dtypes that hold what all do.
    name : str
        Of the first piece, for messages.
    mass : float
        Their weight.
    targets : TargetFacts or None
    marks : dict of (int, object) to Mark
        By column, and end or level.
    names : frozenset of int
        Columns of so many levels that they are names, of which nothing is marked.
    """

    lengths: dict[int, int]
    counted: dict[int, int]
    like: tuple[Any, Any]
    name: str
    mass: float = 0.0
    targets: TargetFacts | None = None
    marks: dict[tuple[int, Any], Mark] = field(default_factory=dict)
    names: frozenset[int] = frozenset()

    @property
    def n_rows(self) -> int:
        """Rows of positive weight."""
        return sum(self.counted.values())

    def merged(self, other: Survey) -> Survey:
        """Return that of both, the first of which is of earlier pieces.

        Raises
        ------
        PieceError
            If they are not alike.
        """
        _refuse_unlike(self, other)
        # A piece without rows may not know its dtypes.
        if not self.n_rows or not other.n_rows:
            like = self.like if self.n_rows else other.like
        else:
            like = common_template(self.like[0], other.like[0]), common_template(self.like[1], other.like[1])
        targets = self.targets or other.targets
        if self.targets is not None and other.targets is not None:
            targets = self.targets.merged(other.targets)
        marks = dict(self.marks)
        for place, mark in other.marks.items():
            marks[place] = min(marks.get(place, mark), mark, key=lambda one: one.order)
        marked = _without_names(marks, self.names | other.names)
        lengths, counted = {**self.lengths, **other.lengths}, {**self.counted, **other.counted}
        return Survey(lengths, counted, like, self.name, self.mass + other.mass, targets, *marked)


def survey(partitions: Partitions, task: str, n_jobs: int | None) -> Survey:
    """Return what a first pass tells.

    Raises
    ------
    PieceError
        If a piece cannot be read, or is not like the others.
    ValueError
        Without rows of positive weight.
    """
    found = partitions.map_reduce(partial(_of_piece, task), Survey.merged, n_jobs)
    if not sum(found.lengths.values()):
        raise ValueError("all pieces are empty; there are no rows to condense")
    if not found.n_rows:
        raise ValueError("all sample weights are zero; give some row a positive weight")
    return found


def _of_piece(task: str, i: int, raw: RawRows) -> Survey:
    with naming(raw.name):
        X, y, positions, weight = counted(raw)
        like, n = (template(raw.X), template(raw.y)), _num_samples(X)
        if not len(positions):
            return Survey({i: n}, {i: 0}, like, raw.name)
        if not hasattr(X, "iloc"):
            _refuse_odd_numbers(X, positions)
        targets = None if y is None else _targets(y, raw.y, weight, task)
        rows, marked = {i: len(positions)}, _without_names(_marks(X, positions, i), frozenset())
        return Survey({i: n}, rows, like, raw.name, float(weight.sum()), targets, *marked)


def _refuse_odd_numbers(X: NDArray, positions: NDArray[np.intp]) -> None:
    """Refuse an array with missing numbers, or with such whose squares are no numbers; look at it without a copy."""
    rows = X if len(positions) == len(X) else X[positions]
    if rows.dtype.kind != "f":
        return
    low, high = rows.min(), rows.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(f"Input X contains {not_finite(rows)}; fill them in, leave the rows out, or pass frames")
    if max(-low, high) > 1:  # small ones may be zeros of the whole
        refuse_extremes(rows, "X", positions)


def counted(raw: RawRows) -> tuple[Any, NDArray | None, NDArray[np.intp], NDArray[np.float64]]:
    """Return rows, the targets and weights of those of positive weight, and where these stand."""
    X, y = as_array(raw.X), None if raw.y is None else as_array(raw.y, "y")
    X = X if hasattr(X, "iloc") else np.asarray(X)
    n = _num_samples(X)
    for name, values in (("y", y), ("sample_weight", raw.sample_weight)):
        if values is not None and _num_samples(values) != n:
            raise ValueError(f"X has {n} rows, {name} has {_num_samples(values)}: there must be as many")
    if not n:
        return X, None, np.empty(0, np.intp), np.empty(0)
    given = as_array(raw.sample_weight, "sample_weight")
    if given is not None and not np.any(given):  # which other pieces may make up for
        return X, None, np.empty(0, np.intp), np.empty(0)
    weight = numeric_weight(given, np.empty((n, 1)))
    positions = np.flatnonzero(weight)
    return X, None if y is None else checked_targets(y)[positions], positions, weight[positions]


def _targets(y: NDArray, given: Any, weight: NDArray[np.float64], task: str) -> TargetFacts:
    """Return what the targets of a piece are."""
    if y.ndim > 1:
        return TargetFacts(target_kind(y, task, known=True))
    if task == "regression":
        return TargetFacts("quantities")
    numeric = y.dtype.kind in "fiu" and task != "classification" and not are_categories(given)
    if numeric and y.dtype.kind == "f" and (y != np.floor(y)).any():
        return TargetFacts("quantities")
    values, places = np.unique(y, return_inverse=True)
    if numeric and len(values) > _MOST_VALUES:
        values, places = values[:_MOST_VALUES], np.minimum(places, _MOST_VALUES)
    counts, mass = (np.bincount(places, part, len(values) + 1) for part in (None, weight))
    found = zip(values.tolist(), counts.tolist(), mass.tolist(), strict=False)
    return TargetFacts("labels", {value: (n, of_value) for value, n, of_value in found})


def _marks(X: Any, positions: NDArray[np.intp], piece: int) -> dict[tuple[int, Any], Mark]:
    """Return the rows at the ends of each column of a table, and one of each level of a column of words."""
    marks = dict[tuple[int, Any], Mark]()
    if np.ndim(X) != 2:
        return marks
    frame, n_columns = hasattr(X, "iloc"), np.shape(X)[1]
    for j in range(n_columns):
        column = X.iloc[:, j] if frame else X[:, j]
        values = column if len(positions) == len(column) else _safe_indexing(column, positions)
        if kind_of(plain(values.dtype)) in "iufbmM" and not hasattr(values.dtype, "categories"):
            _mark_ends(marks, values, positions, piece, j)
        elif frame:
            codes, levels = values.factorize()
            for code, level in enumerate(levels[: _MOST_LEVELS + 1]):
                row = int(positions[int(np.argmax(codes == code))])
                marks[j, level] = Mark((piece, row), piece, row)
    return marks


def _mark_ends(
    marks: dict[tuple[int, Any], Mark], values: Any, positions: NDArray[np.intp], piece: int, column: int
) -> None:
    """Mark the rows that hold the least and the greatest number of a column, if it holds some."""
    if hasattr(values, "iloc"):
        numbers, known = _numbers(values), np.flatnonzero(values.notna())
    else:
        numbers, known = np.ascontiguousarray(values), None
        # The least of numbers of which some are missing is such a one; without any they are not copied.
        if numbers.dtype.kind == "f" and np.isnan(numbers[numbers.argmin()]):
            known = np.flatnonzero(~np.isnan(numbers))
    if known is not None:
        numbers = numbers[known]
    for end, place in ((-1, numbers.argmin()), (1, numbers.argmax())) if len(numbers) else ():
        row = int(positions[place if known is None else known[place]])
        marks[column, ("end", end)] = Mark((-end * numbers[place].item(), piece, row), piece, row)


def _numbers(values: Any) -> NDArray:
    """Return the numbers of a column, and dates and durations as such."""
    if kind_of(plain(values.dtype)) in "mM":
        return microseconds(values)
    plain_numbers = isinstance(values.dtype, np.dtype)
    return np.asarray(values if plain_numbers else values.to_numpy(dtype=np.float64, na_value=np.nan))


def _without_names(
    marks: dict[tuple[int, Any], Mark], names: frozenset[int]
) -> tuple[dict[tuple[int, Any], Mark], frozenset[int]]:
    """Return marks but for those of columns of names, and these columns."""
    n_marks = Counter(column for column, _ in marks)
    names = names | {column for column, n in n_marks.items() if n > _MOST_LEVELS}
    return {place: mark for place, mark in marks.items() if place[0] not in names}, names


def _refuse_unlike(one: Survey, other: Survey) -> None:
    """Refuse pieces of other columns, shapes or kinds, naming two."""
    for name, mine, theirs in zip(("X", "y"), one.like, other.like, strict=True):
        described = [_described(values) for values in (mine, theirs)]
        if described[0][0] != described[1][0]:
            raise PieceError(
                f"{name} of {other.name} is {described[1][0]}, but that of {one.name} is {described[0][0]}; "
                "pieces must be alike"
            )
        if not (one.n_rows and other.n_rows):
            continue
        for column, kind in described[0][1].items():
            if kind != described[1][1][column]:
                where = "" if column is None else f" in column {column!r}"
                raise PieceError(
                    f"{name} of {other.name} holds {described[1][1][column]}{where}, but that of {one.name} holds "
                    f"{kind}; pieces must be alike"
                )


def _described(like: Any) -> tuple[str, dict[Any, str]]:
    """Return what a container is in words, and what each column of it holds."""
    if like is None:
        return "missing", {}
    values = as_array(like)
    if not hasattr(values, "iloc"):
        return f"an array of rows of shape {values.shape[1:]}", {None: _kind(values.dtype)}
    if values.ndim == 1:
        return "a series", {values.name: _kind(values.dtype)}
    return f"a frame of columns {list(values.columns)}", dict(
        zip(values.columns, map(_kind, values.dtypes), strict=True)
    )


def _kind(dtype: Any) -> str:
    kind = kind_of(plain(dtype))
    if kind in "iufb" and not hasattr(dtype, "categories"):
        return "numbers"
    return {"M": "dates", "m": "durations"}.get(kind, "labels or words")
