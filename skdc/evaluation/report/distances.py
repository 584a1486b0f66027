"""What a report says of how close points and real rows are: a test, what is missed, copies, and membership."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.metrics import pairwise_distances_argmin_min
from sklearn.neighbors import NearestNeighbors

from skdc.discrepancies import MMD
from skdc.evaluation.audits import attack_result
from skdc.evaluation.folds import reason
from skdc.evaluation.report.look import Look
from skdc.evaluation.report.sections import Lines, Section, count, number, plain, share
from skdc.evaluation.two_sample import TwoSampleResult, two_sample_test

_COMPARED = 2000  # rows whose distances to others are the measure, and that are tested
_CLOSE = 0.05  # share of the real rows that are as close to another one as a near copy is
_AT = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_MISSED = 10  # rows that are shown
_COLUMNS = 8  # of a row that is shown
_BY_CLASS = "class by class"
_ROUNDING = 1e-6  # distances below it, in the deviations of columns, are none
_OF_COLUMNS = "Distances are between rows whose columns are standardised, frames encoded."
_OF_IMAGES = "Distances are between rows less the mean of all their values, divided by its deviation."


def likeness(look: Look) -> Section | None:
    """Test whether the set could be random rows, and show which rows it misses; None without data."""
    if look.real is None:
        return None
    title = "Like the data?"
    try:
        result, compared = _tested(look)
    except (ValueError, TypeError) as error:
        return Section("likeness", title, {"p_value": None}, [f"Not tested. {reason(error)}"])
    said = [
        f"A permutation test of the maximum mean discrepancy, {compared}, gives p = {result.p_value:.3g}: "
        f"{_verdict(result.p_value)}."
    ]
    if look.labels is not None and look.real.y is not None and compared != _BY_CLASS:
        said.append("Classes were left out of it, as not all of them are in both the set and the rows.")
    constant = "a constant of each class" if compared == _BY_CLASS else "a constant"
    said.append(f"The witness function, known up to {constant}, is large where the set lacks mass.")
    order = np.argsort(-result.witness, kind="stable")[:_MISSED]
    missed = look.real.positions[result.missed[order]]
    figures = {
        "discrepancy": plain(result.value),
        "p_value": plain(result.p_value),
        "compared": compared,
        "missed": {str(int(row)): plain(value) for row, value in zip(missed, result.witness[order], strict=True)},
    }
    table = _shown(look, result.missed[order], result.witness[order])
    return Section("likeness", title, figures, said, tables=[table])


def missed_rows(look: Look, section: Section) -> NDArray[np.intp]:
    """Return where the rows that are missed stand among those that are looked at."""
    assert look.real is not None
    missed = np.array([int(row) for row in section.figures.get("missed", {})], dtype=np.intp)
    return np.searchsorted(look.real.positions, missed)


def _verdict(p_value: float) -> str:
    if p_value <= 0.05:
        return "the set differs from the data by more than so many random rows would"
    if p_value >= 0.95:
        return "the set is closer to the data than so many random rows would be"
    return "the set is no farther from the data than so many random rows would be"


def _tested(look: Look) -> tuple[TwoSampleResult, str]:
    """Return the test, and how rows were compared."""
    assert look.real is not None
    if issparse(look.flat):
        raise ValueError("rows are sparse, and the test takes dense ones; pass X.toarray()")
    rows: tuple[Any, Any] = look.real.flat, look.flat
    targets: tuple[Any, Any] = (None, None)
    y, weight = look.real.y, look.real.weight
    compared, shown = "as a whole", _MISSED
    if y is not None and look.labels is not None:
        classes = np.unique(y)
        if set(classes.tolist()) == set(np.unique(look.labels).tolist()):
            compared, targets, shown = _BY_CLASS, (y, look.labels), max(1, _MISSED // len(classes))
    elif y is not None:
        compared, rows = "with the targets", _with_targets(*rows, y, np.asarray(look.condensed.y))
    result = two_sample_test(
        MMD(),
        *rows,
        *targets,
        sample_weight=weight,
        sample_weight_syn=look.weight,
        n_witnesses=shown,
        max_rows=_COMPARED,
        random_state=look.random_state,
    )
    return result, compared


def _with_targets(real: NDArray, of_set: NDArray, y: NDArray, y_set: NDArray) -> tuple[NDArray, NDArray]:
    """Return rows with their targets as more columns, on the scale of the others."""
    y, y_set = (np.asarray(part, dtype=np.float64).reshape(len(part), -1) for part in (y, y_set))
    mean, spread = y.mean(axis=0), np.where(y.std(axis=0) > 0, y.std(axis=0), 1.0)
    return np.hstack([real, (y - mean) / spread]), np.hstack([of_set, (y_set - mean) / spread])


def _shown(look: Look, places: NDArray[np.intp], witness: NDArray[np.float64]) -> Lines:
    """Return the first values of some real rows."""
    real = look.real
    assert real is not None
    names: list[str] = []
    cells: list[list[str]] = [[] for _ in places]
    if not look.has_shape:
        X = real.X.iloc[:, :_COLUMNS] if hasattr(real.X, "iloc") else real.X[:, :_COLUMNS]
        is_frame = hasattr(X, "iloc")
        names = [str(name) for name in X.columns] if is_frame else [f"x{j}" for j in range(X.shape[1])]
        part = X.iloc[places].astype(object).to_numpy() if is_frame else np.asarray(X[places])
        cells = [[_cell(value) for value in row] for row in part]
    if real.y is not None and real.y.ndim == 1:
        names.append("target")
        cells = [[*row, _cell(value)] for row, value in zip(cells, real.y[places].tolist(), strict=True)]
    lines = [
        (f"{real.positions[place]:,}", number(value), *row)
        for place, value, row in zip(places, witness, cells, strict=True)
    ]
    return Lines("Real rows at which the set lacks most mass", ("row", "witness", *names), lines)


def _cell(value: Any) -> str:
    if isinstance(value, float | np.floating):
        return number(float(value)) if np.isfinite(value) else "–"
    words = " ".join(str(value).split()).removesuffix(" 00:00:00")  # of dates
    return words if len(words) <= 32 else f"{words[:31]}…"


def nearest(look: Look) -> Section | None:
    """Say how close points are to real rows: copies, near copies, and the distances; None without data."""
    if look.real is None or look.copied is None:
        return None
    to_real = _closest(look.flat, look.real.flat)
    to_real[look.copied] = 0.0
    between = _between(look)
    limit = float(np.quantile(between, _CLOSE))
    near = (to_real < limit) & ~look.copied
    of_test = None if look.test is None else _closest(look.test.flat[:_COMPARED], look.real.flat)
    n_copies, n_near, m = int(look.copied.sum()), int(near.sum()), len(to_real)
    said = [_copies(n_copies, m)]
    some = f"{n_near} more" if n_copies else f"{n_near} of {count(m, 'point')}" if n_near else "None"
    said += [f"{some} {'is a near copy' if n_near == 1 else 'are near copies'}."] * (n_copies < m)
    said.append(
        f"A near copy is closer to a real row, less than {number(limit)}, than {1 - _CLOSE:.0%} of real rows are to "
        f"their nearest other one; of fresh rows about {_CLOSE:.0%} would be."
    )
    if of_test is not None:
        said.append(f"Of the test rows, {share(float((of_test < limit).mean()))} are closer to a real row than that.")
    said.append(_OF_IMAGES if look.has_shape else _OF_COLUMNS)
    sides = {"points": to_real, "real rows": between}
    sides |= {} if of_test is None else {"test rows": of_test}
    distances = {name: _quantiles(values) for name, values in sides.items()}
    figures = {
        "copies": n_copies,
        "near_copies": n_near,
        "limit": plain(limit),
        "test_share_as_close": None if of_test is None else float((of_test < limit).mean()),
        "distances": distances,
    }
    cells = [(name, *map(number, found.values())) for name, found in distances.items()]
    names = ("from", "least", *(f"{at:.0%}" for at in _AT[1:-1]), "greatest")
    return Section(
        "nearest",
        "Nearest real row",
        figures,
        said,
        tables=[Lines("Distance to the nearest other real row", names, cells)],
    )


def _copies(n: int, m: int) -> str:
    if n == m:
        return f"All {count(m, 'point')} are copies of real rows: the set shows them as they are."
    if not n:
        return f"None of {count(m, 'point')} is a copy of a real row."
    return f"{n} of {count(m, 'point')} {'is a copy of a real row' if n == 1 else 'are copies of real rows'}."


def _quantiles(values: NDArray[np.float64]) -> dict[str, float | None]:
    return {f"{at:.0%}": plain(value) for at, value in zip(_AT, np.quantile(values, _AT), strict=True)}


def _between(look: Look) -> NDArray[np.float64]:
    """Return the distance of real rows to the nearest other one."""
    assert look.real is not None
    rows = look.real.flat
    if rows.shape[0] < 2:
        return np.zeros(1)
    chosen = np.random.default_rng(look.random_state).permutation(rows.shape[0])[:_COMPARED]
    found = NearestNeighbors(n_neighbors=2).fit(rows).kneighbors(rows[chosen])[0][:, 1]
    return _rounded(found, rows)


def _closest(rows: Any, others: Any) -> NDArray[np.float64]:
    return _rounded(pairwise_distances_argmin_min(rows, others)[1], rows)


def _rounded(distances: NDArray[np.float64], rows: Any) -> NDArray[np.float64]:
    return np.where(distances < _ROUNDING * np.sqrt(rows.shape[1]), 0.0, distances)


def membership(look: Look) -> Section | None:
    """Attack the set: tell real rows from test rows by how close a point is; None without data."""
    if look.real is None:
        return None
    title = "Memorisation"
    if look.test is None:
        why = "pass X_test, rows that the set was not made from"
        return Section("membership", title, {"advantage": None}, [f"No attack on membership was tried: {why}."])
    if look.same_data is False:
        why = "the rows given are not those that the set was made from"
        return Section("membership", title, {"advantage": None}, [f"No attack on membership was tried: {why}."])
    by_class = look.labels is not None and look.real.y is not None and look.test.y is not None
    inside, outside = (_closeness(look, rows, by_class) for rows in (look.real, look.test))
    if not len(inside) or not len(outside):
        why = "no row has a label of the set"
        return Section("membership", title, {"advantage": None}, [f"No attack on membership was tried: {why}."])
    result = attack_result(inside, outside)
    # The 95% point of the statistic of Kolmogorov and Smirnov, which the advantage is.
    noise = 1.36 * float(np.sqrt(1 / len(inside) + 1 / len(outside)))
    beyond = "within" if result.advantage <= noise else "beyond"
    said = [
        f"An attack that takes rows close to a point{' of their class' if by_class else ''} for members has an "
        f"advantage of {result.advantage:.2f} (0 is a coin, 1 finds every row), {beyond} the {noise:.2f} that are "
        "chance.",
        f"It finds {share(result.true_positive_rate)} of the rows that the set was made from while it takes 1% of the "
        "test rows for such.",
        "Another attack may find more.",
    ]
    figures = {**result._asdict(), "chance": noise, "members": len(inside), "others": len(outside)}
    return Section("membership", title, figures, said)


def _closeness(look: Look, rows: Any, by_class: bool) -> NDArray[np.float64]:
    """Return how close each row comes to a point, of its class where there are classes: minus the distance."""
    if not by_class or look.labels is None:
        return -_closest(rows.flat, look.flat)
    found = [
        -_closest(rows.flat[rows.y == label], look.flat[look.labels == label])
        for label in np.unique(look.labels)
        if (rows.y == label).any()
    ]
    return np.concatenate(found) if found else np.empty(0)
