"""Condensers from options, and their fits to what was read."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from skdc.auto import AutoCondenser
from skdc.cli.errors import UsageError, in_options, nearest
from skdc.cli.methods import method
from skdc.cli.parts import value_of
from skdc.cli.reading import ReadRows, chunks_of, read_data, table_of
from skdc.cli.schemas import DeclaredSchema, read_schema
from skdc.cli.tables import TableFile
from skdc.cli.writing import refuse_rows
from skdc.condensed import CondensedSet
from skdc.condensers import Condenser
from skdc.fitting.deadlines import time_limit
from skdc.fitting.sizes import at_most
from skdc.privacy import ClassGaussians, GaussianMechanism
from skdc.solvers.base import DivergenceError, InterruptedWarning


def task_of(options: argparse.Namespace) -> str:
    """Return the task that the options name, or "auto"."""
    return "regression" if options.regression else "classification" if options.classification else "auto"


def condenser_of(options: argparse.Namespace, name: str, schema: DeclaredSchema | None = None, **sizes: Any) -> Any:
    """Return an unfitted condenser.

    Parameters
    ----------
    options : Namespace
    name : str
        Of the method.
    schema : DeclaredSchema, default=None
        Of private rows.
    sizes
        The parameters that say how many rows; None is as if not given.

    Raises
    ------
    UsageError
        For options that the method does not have.
    """
    kind = method(name)
    if schema is not None and kind is AutoCondenser:
        kind = Condenser  # trials would look at the rows again and again
    known = kind().get_params(deep=False)
    given = {"random_state": options.seed, "verbose": int(not options.quiet), "task": task_of(options)}
    wanted = {key: value for key, value in sizes.items() if value is not None}
    if kind is AutoCondenser and options.max_seconds is not None:
        wanted["time_budget"] = options.max_seconds
    if schema is not None:
        wanted["privacy"] = _mechanism(options, kind, known, schema)
    for key in wanted:
        if key not in known:
            raise UsageError(f"method {name!r} takes no {_flag(key)}; {_INSTEAD[key]}")
    for key, value in getattr(options, "set", []):
        if key not in known:
            raise UsageError(f"method {name!r} has no parameter {key!r}{nearest(key, known)}")
        wanted[key] = value_of(value)
    return kind(**{key: value for key, value in given.items() if key in known} | wanted)


_INSTEAD = {
    "n_bytes": "give --per-class or --rows, or name another --method, such as k-medoids",
    "checkpoint": "leave it out",
    "privacy": "leave --method out, or take one whose name begins with private",
}


def _flag(parameter: str) -> str:
    return {"n_bytes": "--bytes"}.get(parameter, f"--{parameter}")


def _mechanism(options: argparse.Namespace, kind: type[Any], known: dict[str, Any], schema: DeclaredSchema) -> Any:
    """Return the mechanism for which a condenser is made: any recipe goes on from rows that are drawn."""
    mechanism = ClassGaussians if kind is Condenser else GaussianMechanism
    return mechanism(
        epsilon=options.privacy, delta=options.delta, feature_range=schema.feature_range, classes=schema.classes
    )


def per_class(options: argparse.Namespace, n: int | None) -> Any:
    """Return a number of rows of each class, at most as many as there are where the options say so."""
    return at_most(n) if options.at_most and n is not None else n


def condense(options: argparse.Namespace) -> tuple[CondensedSet, Any, ReadRows | None]:
    """Condense what the options name.

    Returns
    -------
    condensed : CondensedSet
    condenser : condenser
        Fitted; of a set that was condensed again, not fitted.
    data : ReadRows or None
        What was read; None where rows came in chunks.
    """
    schema = _schema_of(options)
    condenser = condenser_of(
        options,
        options.method,
        schema,
        n_per_class=per_class(options, options.per_class),
        n_samples=options.rows,
        n_bytes=options.bytes,
        checkpoint=options.checkpoint,
    )
    table = None if schema is not None else table_of(options, options.data)
    if table is not None and hasattr(condenser, "partial_fit") and table.whole(options.max_rows) is None:
        with _ended_early(options), _limited(options, condenser):
            return _streamed(options, condenser, table), condenser, None
    data = read_data(options, options.data, as_text=schema is not None)
    if schema is not None:
        data = _private(schema, data)
    _refuse_without_target(options, condenser, data)
    refuse_rows(data.X, options.out)
    weight = {} if data.sample_weight is None else {"sample_weight": data.sample_weight}
    with _ended_early(options), _limited(options, condenser):
        if data.condensed is not None:
            return data.condensed.shrink(condenser), condenser, data
        return condenser.fit(data.X, data.y, **weight).condensed_, condenser, data


def _schema_of(options: argparse.Namespace) -> DeclaredSchema | None:
    if options.privacy is None:
        if options.schema is not None:
            raise UsageError("--schema is of private sets; give --privacy EPSILON with it, or leave it out")
        return None
    if options.schema is None:
        raise UsageError(
            "--privacy needs --schema: what a row may hold must be known without looking at rows; "
            f"'skdc schema {options.data} --out schema.json' drafts one for you to edit"
        )
    return read_schema(options.schema)


def _private(schema: DeclaredSchema, data: ReadRows) -> ReadRows:
    if data.is_sample:
        # Of a sample of a fixed number a row more changes two, and the promise is about one.
        raise UsageError(f"--privacy takes all rows, of which there are {data.n_rows}; give --max-rows {data.n_rows}")
    return schema.read(data)


def _refuse_without_target(options: argparse.Namespace, condenser: Any, data: ReadRows) -> None:
    if data.y is not None:
        return
    columns = f"; the columns are {', '.join(map(str, data.X.columns[:12]))}" if hasattr(data.X, "columns") else ""
    if isinstance(condenser, AutoCondenser):
        raise UsageError(
            "method 'auto' judges sets by what learners predict, and needs --target; without one name a --method, such "
            f"as kernel-herding{columns}"
        )
    if options.per_class is not None:
        raise UsageError(f"--per-class needs --target, the column of classes; without one give --rows{columns}")


@contextmanager
def _limited(options: argparse.Namespace, condenser: Any) -> Iterator[None]:
    """Stop a solve when its time is over, and say so; a search has its own budget."""
    if options.max_seconds is None or isinstance(condenser, AutoCondenser):
        yield
        return
    with time_limit(options.max_seconds) as limit:
        yield
    if limit.stopped:
        print(f"skdc: note: stopped by --max-seconds {options.max_seconds:g}, before the last step", file=sys.stderr)


@contextmanager
def _ended_early(options: argparse.Namespace) -> Iterator[None]:
    """Let an interrupt, and a loss that is no longer finite, end the command: a fit would keep the set that it has."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", InterruptedWarning)
        try:
            yield
        except InterruptedWarning as error:
            kept = f"; the same command goes on from {options.checkpoint!r}" if options.checkpoint else ""
            raise KeyboardInterrupt(f"interrupted; nothing was written{kept}") from error
        except DivergenceError as error:
            raise UsageError(in_options(str(error))) from error


def _streamed(options: argparse.Namespace, condenser: Any, table: TableFile) -> CondensedSet:
    """Fit a condenser to the chunks of a table, after a pass over its targets."""
    classes = None if options.target is None or options.regression else _labels(options, table)
    for X, y, weight in chunks_of(options, table):
        try:
            condenser.partial_fit(X, y, classes=classes, sample_weight=weight)
        except ValueError as error:
            raise UsageError(
                f"{in_options(str(error))} (in chunks; a larger --max-rows reads all rows at once)"
            ) from error
        classes = None
    return condenser.condensed_


def _labels(options: argparse.Namespace, table: TableFile) -> Any:
    """Return all labels; None where targets are continuous."""
    found: Any = None
    for _, y, _ in chunks_of(options, table):
        seen = y.unique()
        found = seen if found is None else np.unique(np.concatenate([found, seen]))
        if not options.classification and found.dtype.kind == "f" and (found != np.round(found)).any():
            return None
    return found
