"""Numbers that no condenser can work with, and one row that would decide alone."""

from __future__ import annotations

import warnings

from skdc.condensers._input import Problem
from skdc.units import Moments, refuse_extremes

_NEARLY_ALL = 0.9  # of the variance


def refuse_extreme_numbers(problem: Problem) -> None:
    """Refuse rows, targets and weights whose squares are no numbers.

    Raises
    ------
    ValueError
        Saying what to do.
    """
    for values, name in ((problem.X, "X"), (problem.y, "y"), (problem.weight, "sample_weight")):
        refuse_extremes(values, name, problem.positions)


def warn_of_one_row(moments: Moments, problem: Problem) -> None:
    """Warn where one row holds nearly all of the variance: steps, kernels and networks are in its units then."""
    if moments.share <= _NEARLY_ALL:
        return
    row, column = moments.foremost
    where = ""
    if problem.encoder is None and len(problem.schema.input_shape) == 1:
        names = problem.schema.feature_names
        value = problem.X[row, column]
        where = f" (by column {column if names is None else names[column]!r}, {value:.4g})"
    warnings.warn(
        f"row {problem.positions[row]} of X holds {moments.share:.2%} of the variance{where}: next to it the others "
        "are alike. If it is an outlier, leave it out, for example by "
        "sample_weight=skdc.robustness.trimmed_weights(X, y)",
        UserWarning,
        stacklevel=4,
    )
