"""Numbers that no condenser can work with, and a few rows that would decide alone."""

from __future__ import annotations

import warnings
from typing import Any

from skdc.fitting.input import Problem
from skdc.scales import Far, refuse_extremes


def refuse_extreme_numbers(problem: Problem) -> None:
    """Refuse rows, targets and weights whose squares are no numbers."""
    for values, name in ((problem.X, "X"), (problem.y, "y"), (problem.weight, "sample_weight")):
        if values is not None:
            refuse_extremes(values, name, problem.positions)


def warn_of_far_rows(condenser: Any, far: Far | None, problem: Problem) -> None:
    """Warn where few rows hold nearly all of the variance: steps, kernels and networks are in their units then."""
    if far is None or getattr(condenser, "privacy", None) is not None:
        return  # rows that are drawn, or made up, are none of the user's
    row, column = far.farthest
    where = ""
    if problem.encoder is None and len(problem.schema.input_shape) == 1:
        names = problem.schema.feature_names
        value = problem.X[row, column]
        where = f" (by column {column if names is None else names[column]!r}, {value:.4g})"
    place = problem.positions[row] if problem.places is None else problem.places[problem.positions[row]]
    who = f"row {place} of X holds"
    if far.n_rows > 1:
        who = f"{far.n_rows} rows of X, of {len(problem.positions)}, such as row {place}, hold"
    warnings.warn(
        f"{who} {far.share:.2%} of the variance{where}: next to {'it' if far.n_rows == 1 else 'them'} the others are "
        "alike. Leave outliers out, for example by sample_weight=skdc.weighting.trimmed_weights(X, y); numbers that "
        "stand for missing values are better filled in",
        UserWarning,
        stacklevel=4,
    )
