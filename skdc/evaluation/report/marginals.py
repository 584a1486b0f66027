"""What a report says of the columns of the set beside those of the data."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from skdc.evaluation.report.look import Look
from skdc.evaluation.report.sections import SHOWN, Lines, Section, count, listed, number, plain, share
from skdc.plotting.columns import Marginal, columns_of, distance

_AT = (0.05, 0.25, 0.5, 0.75, 0.95)
_MOST_COLUMNS = 500  # that are looked at
_MOST_IMAGES = 1000
_MEASURE = (
    "Columns of numbers and dates are compared by the distance of Kolmogorov and Smirnov, categories by the total "
    "variation; or by their missing shares, where these differ more. 0: alike; 1: nothing in common."
)
_LEVELS, _SHOWN_LEVELS = 50, 6  # of a category


def marginals(look: Look) -> Section | None:
    """Compare columns one by one, with weights; pixels of images together; None without data."""
    if look.real is None:
        return None
    title = "Pixels" if look.has_shape else "Columns"
    pairs, said = _pairs(look)
    found: dict[str, Any] = {}
    for real, of_set in pairs:
        differ = distance(real, of_set) if _comparable(real, of_set) else 1.0
        found[real.name] = {"kind": real.kind, "distance": differ, "real": _summary(real), "set": _summary(of_set)}
    order = sorted(found, key=lambda name: -found[name]["distance"])
    found = {name: found[name] for name in order}
    said = [*said, *_said(found, look.has_shape)]
    return Section(
        "marginals",
        title,
        {"columns": found},
        said,
        tables=_tables(found, "Values" if look.has_shape else "Numbers and dates"),
    )


def _comparable(real: Marginal, of_set: Marginal) -> bool:
    return real.kind == of_set.kind or not len(real.values) or not len(of_set.values)


def _pairs(look: Look) -> tuple[list[tuple[Marginal, Marginal]], list[str]]:
    """Return the columns of both sides that are looked at, and what is left out."""
    assert look.real is not None
    sides = [(look.real.X, look.real.weight), (look.condensed.X, look.weight)]
    if look.has_shape:
        return [(_pixels(*sides[0]), _pixels(*sides[1]))], []
    said, d = [], look.real.X.shape[1]
    names: Any = None
    if d > _MOST_COLUMNS:
        names = np.sort(np.argsort(-_spreads(look.real.X), kind="stable")[:_MOST_COLUMNS])
        said.append(f"Of {d:,} columns the {_MOST_COLUMNS} that vary most were looked at.")
    columns = [list(_columns(*side, names)) for side in sides]
    if look.kind in ("regression", "multilabel") and look.real.y is not None:
        for part, (y, weight) in zip(
            columns, ((look.real.y, look.real.weight), (np.asarray(look.condensed.y), look.weight)), strict=True
        ):
            part.extend(columns_of(y, weight, "target"))
    return list(zip(*columns, strict=True)), said


def _columns(X: Any, weight: NDArray[np.float64], places: Any) -> Any:
    chosen = slice(None) if places is None else places
    if hasattr(X, "iloc"):
        return columns_of(X.iloc[:, chosen], weight)
    part = X[:, chosen]
    part = part.toarray() if issparse(part) else np.asarray(part)
    found = columns_of(part, weight)
    return found if places is None else _renamed(found, places)


def _renamed(columns: Any, places: NDArray[np.intp]) -> Any:
    for column, place in zip(columns, places, strict=True):
        yield Marginal(f"x{place}", column.kind, column.values, column.mass, column.missing, column.levels)


def _spreads(X: Any) -> NDArray[np.float64]:
    if issparse(X):
        return np.asarray(X.multiply(X).mean(axis=0)).ravel() - np.asarray(X.mean(axis=0)).ravel() ** 2
    if not hasattr(X, "iloc"):
        return np.asarray(X, dtype=np.float64).var(axis=0)
    return np.array([float(X.iloc[:, j].nunique() > 1) for j in range(X.shape[1])])


def _pixels(X: Any, weight: NDArray[np.float64]) -> Marginal:
    step = max(1, len(X) // _MOST_IMAGES)
    values = np.asarray(X[::step], dtype=np.float64).reshape(len(X[::step]), -1)
    mass = np.repeat(weight[::step], values.shape[1])
    return Marginal("pixels", "numbers", values.ravel(), mass / mass.sum(), 0.0, [])


def _summary(column: Marginal) -> dict[str, Any]:
    found: dict[str, Any] = {"missing": column.missing}
    if not len(column.values):
        return found
    if column.kind == "categories":
        levels, code = np.unique(column.values.astype(str), return_inverse=True)
        shares = np.bincount(code, column.mass)
        order = np.argsort(-shares, kind="stable")[:_LEVELS]
        shown = {str(levels[j]): float(shares[j]) for j in order}
        return {**found, "n_levels": len(levels), "shares": shown}
    mean = float(column.values @ column.mass)
    spread = float(np.sqrt((column.values - mean) ** 2 @ column.mass))
    order = np.argsort(column.values)
    below = np.cumsum(column.mass[order])
    places = np.minimum(np.searchsorted(below, np.array(_AT) - 1e-12), len(order) - 1)
    quantiles = column.values[order[places]]
    if column.kind == "dates":
        days = {f"{at:.0%}": _day(value) for at, value in zip(_AT, quantiles, strict=True)}
        return {**found, "mean": _day(mean), "spread_in_days": plain(spread), "quantiles": days}
    at = {f"{at:.0%}": plain(value) for at, value in zip(_AT, quantiles, strict=True)}
    return {**found, "mean": plain(mean), "spread": plain(spread), "quantiles": at}


def _day(value: float) -> str:
    return str(np.datetime64(0, "D") + np.timedelta64(int(np.floor(value)), "D"))


def _said(found: dict[str, Any], is_shape: bool) -> list[str]:
    if is_shape:
        return [
            f"All values together differ by {found['pixels']['distance']:.2f}, by the distance of Kolmogorov and "
            "Smirnov: 0 if they are alike, 1 at most."
        ]
    far = [f"{name} ({found[name]['distance']:.2f})" for name in found]
    which = f"{', '.join(far[:3])}, of {count(len(far), 'column')}" if len(far) > 3 else ", ".join(far)
    said = [f"Most different: {which}." if len(far) > 1 else f"How much it differs: {which}.", _MEASURE]
    gaps = [
        f"{name} ({share(column['real']['missing'])} of the rows, {share(column['set']['missing'])} of the set)"
        for name, column in found.items()
        if column["real"]["missing"] or column["set"]["missing"]
    ]
    if gaps:
        said.append(f"Values are missing in {listed(gaps)}.")
    return said


def _tables(found: dict[str, Any], title: str) -> list[Lines]:
    numbers = {name: column for name, column in found.items() if column["kind"] != "categories"}
    categories = {name: column for name, column in found.items() if column["kind"] == "categories"}
    tables = []
    if numbers:
        cells = [(name, *_line(column)) for name, column in list(numbers.items())[:SHOWN]]
        columns = ("column", "distance", "", "mean", "spread", *(f"{at:.0%}" for at in _AT), "missing")
        tables.append(Lines(_title(title, numbers), columns, _both(cells)))
    if categories:
        cells = [line for name, column in list(categories.items())[:SHOWN] for line in _levels(name, column)]
        columns = ("column", "distance", "value", "real share", "share of the set")
        tables.append(Lines(_title("Categories", categories), columns, cells))
    return tables


def _title(what: str, columns: dict[str, Any]) -> str:
    return what if len(columns) <= SHOWN else f"{what}: the {SHOWN} of {len(columns)} that differ most"


def _line(column: dict[str, Any]) -> tuple[Any, ...]:
    return f"{column['distance']:.2f}", column["real"], column["set"]


def _both(lines: list[tuple[Any, ...]]) -> list[tuple[str, ...]]:
    """Return two lines of cells a column: of the real rows and of the set."""
    cells = []
    for name, differ, real, of_set in lines:
        for side, part, head in (("real", real, (name, differ)), ("set", of_set, ("", ""))):
            quantiles = part.get("quantiles", {})
            spread = part.get("spread", part.get("spread_in_days"))
            days = " days" if "spread_in_days" in part else ""
            at = (_cell(quantiles.get(f"{at:.0%}")) for at in _AT)
            cells.append((*head, side, _cell(part.get("mean")), _cell(spread) + days, *at, share(part["missing"])))
    return cells


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else number(value)


def _levels(name: str, column: dict[str, Any]) -> list[tuple[str, ...]]:
    real, of_set = (column[side].get("shares", {}) for side in ("real", "set"))
    levels = list(dict.fromkeys([*real, *of_set]))
    most = sorted(levels, key=lambda level: -max(real.get(level, 0.0), of_set.get(level, 0.0)))[:_SHOWN_LEVELS]
    lines: list[tuple[str, ...]] = [
        (level, share(real.get(level, 0.0)), share(of_set.get(level, 0.0))) for level in most
    ]
    if len(levels) > len(most):
        left = [max(0.0, 1 - sum(shares.get(level, 0.0) for level in most)) for shares in (real, of_set)]
        lines.append((f"{len(levels) - len(most)} others", *map(share, left)))
    if column["real"]["missing"] or column["set"]["missing"]:
        lines.append(("(missing)", *(share(column[side]["missing"]) for side in ("real", "set"))))
    heads = [(name, f"{column['distance']:.2f}")] + [("", "")] * (len(lines) - 1)
    return [(*head, *line) for head, line in zip(heads, lines, strict=True)]
