"""What a report says of the set itself: its size, how it was made, what it takes and what it promises."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from scipy.sparse import issparse

from skdc.containers import row_bytes
from skdc.evaluation.report.look import Look
from skdc.evaluation.report.sections import SHOWN, Lines, Section, count, listed, number, plain, share

FOR_YOU_ALONE = "For you alone: figures here are of the private rows and are no release."
_ALIKE = 0.0005  # shares that differ by less are written alike
_WORDS = 60  # letters of a value in a table


def sizes(look: Look) -> Section:
    """Say how many rows there are, how many points, and at how many rows the report has looked."""
    condensed, origin = look.condensed, look.condensed.provenance
    m, *shape = condensed.X.shape
    told = None if origin is None else origin.n_rows
    n = look.real.n_rows if look.real is not None else told
    what = count(shape[0], "column") if len(shape) == 1 else f"shape {tuple(shape)}"
    said = [f"The set has {count(m, 'point')} of {what}."]
    if n is not None:
        said = [f"The set has {count(m, 'point')} of {what}, in place of {count(n, 'row')}: {share(m / n)} of them."]
    if look.real is None:
        said.append("No data were given, so that nothing compares the set with them; pass X and y.")
    elif len(look.real) < look.real.n_rows:
        said.append(
            f"Of {look.real.n_rows:,} real rows {len(look.real):,} were looked at, drawn at random; copies and classes "
            "were counted among all."
        )
    low, high = float(look.weight.min()), float(look.weight.max())
    weighs = high - low > 1e-9 * abs(high)
    said.append(
        f"Weights of the points range from {number(low)} to {number(high)}." if weighs else "All points weigh the same."
    )
    figures = {
        "points": m,
        "rows": n,
        "share": None if n is None else m / n,
        "looked_at": None if look.real is None else len(look.real),
        "test_rows": None if look.test is None else look.test.n_rows,
        "test_rows_in_data": None if look.test_in_data is None else int(look.test_in_data.sum()),
        "shape": "x".join(map(str, shape)),
        "least_weight": plain(low),
        "greatest_weight": plain(high),
        "soft_labels": condensed.y_soft is not None,
    }
    is_private = origin is not None and origin.privacy is not None and look.real is not None
    return Section("sizes", "Sizes", figures, said, [FOR_YOU_ALONE] * is_private + _twice(look))


def _twice(look: Look) -> list[str]:
    """Return what is to be said of test rows that are real rows too."""
    if look.test is None or look.test_in_data is None or not look.test_in_data.any():
        return []
    n, whole = int(look.test_in_data.sum()), count(look.test.n_rows, "test row")
    return [
        f"{n:,} of {whole} {'is a row' if n == 1 else 'are rows'} of X too, which the set may have seen: scores may "
        "flatter it, and an attack on membership finds less."
    ]


def classes(look: Look) -> Section | None:
    """Say what share each class has of the rows, and of the set by weight; None without classes."""
    if look.labels is None:
        return None
    own = _of_set(look)
    counts = look.counts or _told(look)
    rows = {label: n for label, (n, _) in counts.items()}
    mass = sum(weight for _, weight in counts.values()) or 1.0
    total = look.weight.sum() or 1.0
    names = list(dict.fromkeys([*counts, *own]))
    real = {label: counts[label][1] / mass if label in counts else 0.0 for label in names} if counts else {}
    of_set = {label: own[label][1] / total if label in own else 0.0 for label in names}
    absent = [label for label in names if label not in own]
    unknown = [label for label in names if counts and label not in counts]
    gap = sum(abs(real[label] - of_set[label]) for label in names) / 2 if counts else None
    told = [f"There are {count(len(names), 'class', 'classes')}."]
    if gap is not None:
        told.append(
            "Their shares, by weight, are those of the rows."
            if gap < _ALIKE
            else f"{share(gap)} of the weight of the set is in other classes than that of the rows: the total "
            "variation of their shares."
        )
    alarms = [
        f"The set has no point of {_of_class(label)}, which {count(rows[label], 'row')} "
        f"{'has' if rows[label] == 1 else 'have'}."
        for label in absent[:5]
    ]
    if len(absent) > 5:
        alarms.append(f"{len(absent) - 5} more classes have no point.")
    if unknown:
        alarms.append(f"y has no row of {listed([_of_class(label) for label in unknown])}, of which there are points.")
    figures = {
        "n_classes": len(names),
        "total_variation": gap,
        "absent": len(absent),
        "shares": {
            label: {"rows": rows.get(label), "real": real.get(label), "points": own.get(label, (0, 0.0))[0]}
            | {"set": of_set[label]}
            for label in names
        },
    }
    by_gap = sorted(names, key=lambda label: -abs(real.get(label, 0.0) - of_set[label])) if counts else names
    kept = names if len(names) <= SHOWN else by_gap[:SHOWN]
    title = "Classes" if len(kept) == len(names) else f"{len(kept)} of {len(names)} classes, the most different ones"
    cells = [
        (label, _number(rows.get(label)), share(real.get(label)), str(own.get(label, (0, 0))[0]), share(of_set[label]))
        for label in kept
    ]
    columns = ("class", "real rows", "their share", "points", "their share, by weight")
    return Section("classes", "Classes", figures, told, alarms, [Lines(title, columns, cells)])


def _of_set(look: Look) -> dict[str, tuple[int, float]]:
    assert look.labels is not None
    found, code = np.unique(look.labels, return_inverse=True)
    pairs = np.bincount(code).tolist(), np.bincount(code, look.weight).tolist()
    return {str(label): pair for label, *pair in zip(found.tolist(), *pairs, strict=True)}  # type: ignore[misc]


def _told(look: Look) -> dict[str, tuple[int, float]]:
    """Return the rows of each class as the set itself tells them."""
    origin = look.condensed.provenance
    rows = None if origin is None else origin.rows_per_class
    return {} if rows is None else {label: (int(n), float(n)) for label, n in rows.items()}


def _of_class(label: str) -> str:
    return f"class {label!r}"


def _number(n: int | None) -> str:
    return "–" if n is None else f"{n:,}"


def storage(look: Look) -> Section:
    """Say what the set takes, and the rows."""
    condensed, origin = look.condensed, look.condensed.provenance
    kept = dict(origin.storage) if origin is not None else {}
    taken = kept.get("bytes", condensed.X.shape[0] * _bytes_of_row(condensed.X))
    of_data = None
    if look.real is not None:
        of_data = int(look.real.n_rows * _bytes_of_row(look.real.X))
    said = [f"The set takes {_size(taken)}{'' if kept else ', its rows alone'}."]
    if of_data:
        said[0] = f"{said[0][:-1]}, the real rows {_size(of_data)}: {number(of_data / taken)} times as much."
    shared = kept.get("shared_bytes", 0)
    if shared:
        said.append(f"Of that, {_size(shared)} do not grow with the number of points.")
    figures = {**kept, "bytes": taken, "bytes_of_rows": of_data, "ratio": of_data / taken if of_data else None}
    return Section("storage", "Storage", figures, said)


def _bytes_of_row(X: Any) -> float:
    if issparse(X):
        return (X.data.nbytes + X.indices.nbytes + X.indptr.nbytes) / max(X.shape[0], 1)
    return row_bytes(X)


def _size(n_bytes: float) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= size:
            return f"{n_bytes / size:.3g} {unit}"
    return count(int(n_bytes), "byte")


def privacy(look: Look) -> Section:
    """Say what is promised of the rows."""
    origin = look.condensed.provenance
    if origin is None:
        said = ["The set does not say where it comes from: nothing is known of what it promises."]
        return Section("privacy", "Privacy", {"private": None}, said)
    if origin.privacy is None:
        said = ["No privacy is promised: whoever has the set may learn of single rows."]
        return Section("privacy", "Privacy", {"private": False}, said)
    statement = origin.privacy
    epsilon, delta = statement.get("epsilon"), statement.get("delta")
    said = [
        f"The set is differentially private, epsilon {epsilon} and delta {delta}; what is made of it alone is, too."
    ]
    cells = [
        (str(name), _cut("; ".join(map(str, value)) if isinstance(value, list) else value))
        for name, value in statement.items()
    ]
    figures = {"private": True, **statement}
    return Section("privacy", "Privacy", figures, said, tables=[Lines("Statement", ("what", "value"), cells)])


def making(look: Look) -> Section:
    """Say how the set was made, and whether of the data that were given."""
    origin = look.condensed.provenance
    if origin is None:
        return Section("making", "How it was made", {}, ["The set does not say how it was made."])
    seed = "without a seed that could be told" if origin.seed is None else f"with the seed {origin.seed}"
    said = [
        f"{_cut(origin.condenser)} has made it in {number(origin.seconds)} seconds, {seed}, by skdc {origin.version}."
    ]
    alarms = []
    if look.same_data:
        said.append("It was made from the rows given: their fingerprint is that of the set.")
    elif look.same_data is False:
        alarms.append(
            "The set was made from other data than those given, or in another order or kind of container, with other "
            "weights or groups: their fingerprint is not that of the set."
        )
    elif look.real is not None:
        said.append("Whether it was made from the rows given is not known: the set has no fingerprint to compare.")
    tables = [
        Lines("Recipe", ("noun", "part"), [(noun, _cut(part)) for noun, part in origin.recipe.items() if part]),
        Lines("Parameters", ("name", "value"), [(name, _cut(value)) for name, value in origin.parameters.items()]),
    ]
    figures = {
        name: value
        for name, value in asdict(origin).items()
        if name not in ("storage", "privacy", "n_points", "n_rows", "n_per_class", "rows_per_class")
    }
    return Section("making", "How it was made", {**figures, "same_data": look.same_data}, said, alarms, tables)


def _cut(value: Any, most: int = 5 * _WORDS) -> str:
    words = " ".join(str(value).split())
    return words if len(words) <= most else f"{words[: most - 1]}…"
