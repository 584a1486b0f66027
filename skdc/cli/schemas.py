"""Schemas: what rows may hold, declared in a file, for private sets."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from skdc.cli.errors import UsageError, nearest
from skdc.cli.packages import pandas
from skdc.cli.reading import ReadRows

_MOST_LEVELS = 100
_DRAFT = (
    "Ranges, levels and classes below were read off the rows, and tell of them: they are not private. Change each to "
    "what is known without looking at the rows, then delete this line."
)
_KINDS = ("range", "dates", "durations", "levels")


@dataclass(frozen=True)
class DeclaredSchema:
    """What is declared.

    Parameters
    ----------
    feature_range : tuple or dict
        As mechanisms take it.
    classes : list or None
        Labels.
    """

    feature_range: Any
    classes: list[Any] | None

    def read(self, data: ReadRows) -> ReadRows:
        """Return data that were read as text, with cells that are levels or classes as the declared ones.

        Each cell is read by itself: how it is read tells of no other row.
        """
        if not isinstance(self.feature_range, dict):
            return data
        X = data.X.copy()
        for name, declared in self.feature_range.items():
            if isinstance(declared, list) and name in X.columns:
                X[name] = _as_declared(X[name], declared)
        y = data.y if self.classes is None or data.y is None else _as_declared(data.y, self.classes)
        return ReadRows(X, y, data.sample_weight, data.n_rows)


def read_schema(path: str) -> DeclaredSchema:
    """Read a schema.

    Raises
    ------
    UsageError
        Naming what is wrong in the file; for a draft that was not edited.
    """
    try:
        held = json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, UnicodeDecodeError) as error:
        raise UsageError(f"{path!r} is no JSON: {error}") from error
    if not isinstance(held, dict) or ("columns" in held) == ("range" in held):
        raise UsageError(f'{path!r} must be an object with "columns" or, for arrays and images, with "range"')
    if "draft" in held:
        raise UsageError(f'{path!r} is a draft: check each line of it, then delete the line "draft"')
    for key in held:
        if key not in ("columns", "range", "classes"):
            raise UsageError(f"{path!r} has {key!r}, which is not known{nearest(key, ('columns', 'range', 'classes'))}")
    classes = held.get("classes")
    if classes is not None and not isinstance(classes, list):
        raise UsageError(f'{path!r}: "classes" must be a list of labels')
    if "range" in held:
        return DeclaredSchema(_ends(held["range"], "range", path), classes)
    if not isinstance(held["columns"], dict):
        raise UsageError(f'{path!r}: "columns" must be an object, such as {{"age": {{"range": [0, 120]}}}}')
    return DeclaredSchema({name: _column(name, said, path) for name, said in held["columns"].items()}, classes)


def drafted(data: ReadRows) -> str:
    """Return the text of a schema that data fit, to be edited."""
    draft: dict[str, Any] = {"draft": _DRAFT}
    if data.y is not None and (data.y.dtype.kind not in "fc" or len(np.unique(data.y)) <= _MOST_LEVELS):
        draft["classes"] = np.unique(np.asarray(data.y)).tolist()
    if hasattr(data.X, "columns"):
        draft["columns"] = {str(name): _drafted_column(data.X[name]) for name in data.X.columns}
    else:
        draft["range"] = [data.X.min().item(), data.X.max().item()]
    lines = [f"  {json.dumps(key)}: {_shown(value)}" for key, value in draft.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def long_columns(data: ReadRows) -> list[str]:
    """Return the columns of words that have too many of them to be levels."""
    if not hasattr(data.X, "columns"):
        return []
    return [str(name) for name in data.X.columns if _is_words(data.X[name]) and data.X[name].nunique() > _MOST_LEVELS]


def _shown(value: Any) -> str:
    """Return JSON with a line for each column."""
    if not isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    lines = [f"    {json.dumps(name, ensure_ascii=False)}: {_shown_flat(said)}" for name, said in value.items()]
    return "{\n" + ",\n".join(lines) + "\n  }"


def _shown_flat(said: Any) -> str:
    return json.dumps(said, ensure_ascii=False)


def _drafted_column(column: Any) -> dict[str, Any]:
    missing = {"missing": True} if column.isna().any() else {}
    seen = column.dropna()
    if not len(seen):
        return {"levels": [], **missing}
    if _is_words(column):
        levels = sorted(seen.unique().tolist(), key=str)
        return {"levels": levels if len(levels) <= _MOST_LEVELS else [], **missing}
    kind = {"M": "dates", "m": "durations"}.get(getattr(column.dtype, "kind", "O"), "range")
    ends = [seen.min(), seen.max()]
    if kind != "range":
        return {kind: [str(end).removesuffix(" 00:00:00") for end in ends], **missing}
    whole = bool((seen == seen.round()).all())
    return {kind: [int(end) if whole else float(end) for end in ends], **missing}


def _is_words(column: Any) -> bool:
    types = pandas().api.types
    numeric = types.is_numeric_dtype(column) and not types.is_bool_dtype(column)
    return not numeric and getattr(column.dtype, "kind", "O") not in "Mm"


def _column(name: str, said: Any, path: str) -> Any:
    """Return the declaration of a column, as mechanisms take it."""
    kinds = [kind for kind in _KINDS if isinstance(said, dict) and kind in said]
    if len(kinds) != 1 or set(said) - {kinds[0], "missing"}:
        raise UsageError(
            f'{path!r}: column {name!r} must have one of "range", "dates", "durations" and "levels", and may have '
            '"missing": true'
        )
    kind, missing = kinds[0], [None] if said.get("missing") is True else []
    if said.get("missing", False) not in (True, False):
        raise UsageError(f'{path!r}: "missing" of column {name!r} must be true or false')
    if kind == "levels":
        if not isinstance(said[kind], list) or len(said[kind]) < 2:
            raise UsageError(
                f"{path!r}: column {name!r} must have a list of two levels or more, or be left out by --drop"
            )
        return [*said[kind], *missing]
    ends = _ends(said[kind], f"column {name!r}", path)
    if kind != "range":
        make = pandas().Timestamp if kind == "dates" else pandas().Timedelta
        try:
            ends = tuple(make(end) for end in ends)
        except ValueError as error:
            raise UsageError(f"{path!r}: the {kind} of column {name!r} cannot be read: {error}") from error
    return (*ends, *missing)


def _ends(said: Any, where: str, path: str) -> tuple[Any, Any]:
    if not isinstance(said, list) or len(said) != 2 or None in said:
        raise UsageError(f"{path!r}: {where} must be the least and the greatest, such as [0, 120]")
    return said[0], said[1]


def _as_declared(cells: Any, declared: list[Any]) -> Any:
    """Return cells in which those that read like a declared value are that value; words are those that stand there."""
    words = {value: value for value in declared if isinstance(value, str)}
    others = {_meaning(value): value for value in declared if not isinstance(value, str | None)}
    return cells.astype(object).map(lambda cell: words.get(str(cell), others.get(_meaning(cell), cell)))


def _meaning(value: Any) -> str:
    """Return what a cell says that is no word: 1 and 1.0 are one number, True and true one truth."""
    try:
        return repr(float(value)) if not isinstance(value, bool) else str(value).lower()
    except (TypeError, ValueError):
        return str(value).lower()
