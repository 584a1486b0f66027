"""A fit to made-up rows before a release: what is wrong with a setting is seen before anything is given away."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from skdc.fitting.counts import sizes_of
from skdc.fitting.deadlines import time_limit
from skdc.fitting.input import Problem
from skdc.fitting.recipe import Recipe
from skdc.fitting.releases import drawn_rows, read_as_told
from skdc.privacy.mechanism import refuse_narrow
from skdc.solvers.base import Interruption
from skdc.sources import Schema

_FEW = 10  # rows of each class


def rehearse(condenser: Any, problem: Problem, recipe: Recipe, previous: Any) -> None:
    """Make a set of a few rows that are made up from what is declared; nothing is entered in a ledger.

    Parameters
    ----------
    condenser : condenser
        A clone of it is fitted.
    problem : Problem
        The data of the fit; of the rows nothing is seen.
    recipe : Recipe
        With privacy.
    previous : Start or None
        The set that a warm start begins from.

    Raises
    ------
    Exception
        What the fit itself would end with, after the release.
    """
    if recipe.draws():
        _rehearse_drawn(condenser, problem, recipe, previous)
        return
    mechanism, schema = clone(recipe.privacy).set_params(ledger=None), problem.schema
    refuse_narrow(problem.X.dtype, *mechanism.ends)
    X, codes = _made_up(mechanism, schema, np.full(schema.n_classes, _FEW))
    rows = replace(problem, X=X, y=None, weight=np.ones(len(X)), key=codes, positions=np.arange(len(X)))
    _fit_twin(condenser, lambda twin: (rows, recipe._replace(privacy=mechanism)), previous)


def _rehearse_drawn(condenser: Any, problem: Problem, recipe: Recipe, previous: Any) -> None:
    """Fit to rows that are made up in place of those to be drawn from a release."""
    mechanism: Any = recipe.privacy
    schema = problem.schema
    even = np.full(schema.n_classes, max(1, int(mechanism.n_rows) // schema.n_classes))
    drawn = replace(schema, given_bytes=None)  # rows that are drawn are floats
    sizes = sizes_of(condenser, recipe, drawn, even, even.astype(np.float64))

    def fit(counts: NDArray[np.int64]) -> None:
        rows = drawn_rows(mechanism, problem, *_made_up(mechanism, schema, counts))
        given = *rows, None, None
        _fit_twin(condenser, lambda twin: read_as_told(twin, given, recipe._replace(privacy=None)), previous)

    few = np.minimum(even, sizes + _FEW)
    try:
        fit(few)
    except Exception:
        # Too few rows for a part, it may be: as many as will be drawn decide.
        if (few == even).all():
            raise
        fit(even)


def _made_up(mechanism: Any, schema: Schema, counts: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray]:
    """Return encoded rows within the range that is known, and their class codes."""
    codes = np.repeat(np.arange(len(counts)), counts)
    low, high = mechanism.ends
    return np.random.default_rng(0).uniform(low, high, (len(codes), *schema.input_shape)), codes


def _fit_twin(condenser: Any, read: Callable[[Any], tuple[Problem, Recipe]], previous: Any) -> None:
    twin = clone(condenser).set_params(verbose=0)
    with warnings.catch_warnings():  # what is said of rows that are made up is no news of those of the user
        warnings.simplefilter("ignore")
        problem, recipe = read(twin)
        # Sizes in proportion are those of the release.
        start = previous if isinstance(condenser.n_per_class, Integral) else None
        # A choice of rows that is stopped warns, and takes no long time for a few.
        with time_limit(0.0) if recipe.solver.moves == "values" else nullcontext():
            early = twin._condense(problem, recipe, start, 0.0)
    if isinstance(early, Interruption):
        raise early
