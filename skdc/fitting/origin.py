"""What a fit tells of where its set comes from."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from skdc.fitting.input import Problem, read
from skdc.fitting.recipe import Recipe
from skdc.hashes import digest
from skdc.preprocessing.scores import NormalScores
from skdc.provenance import Provenance
from skdc.sources import Schema


@dataclass(frozen=True, eq=False)
class Origin:
    """What may be told of the data of a fit; nothing, of private ones.

    Parameters
    ----------
    counts : ndarray of shape (n_classes,), default=None
        Rows of each class; of all, without classes.
    fingerprint : str, default=None
    """

    counts: NDArray[np.int64] | None = None
    fingerprint: str | None = None

    @classmethod
    def of(cls, problem: Problem) -> Origin:
        """Return what is told of rows that were read."""
        return cls(problem.per_class()[0], digest(problem.X, problem.y, problem.weight, problem.key))


def provenance_of(
    condenser: Any, recipe: Recipe, schema: Schema, key: NDArray[np.int64], origin: Origin, seconds: float
) -> Provenance:
    """Return where the set of a fitted condenser comes from.

    Parameters
    ----------
    condenser : condenser
        Of which `storage_`, and `privacy_` where it is private, are set.
    recipe : Recipe
        That ran.
    schema : Schema
    key : ndarray of shape (m,)
        The class code of each point.
    origin : Origin
    seconds : float
    """
    sizes = np.bincount(key, minlength=schema.n_classes)
    seed = condenser.random_state
    return Provenance(
        condenser=repr(condenser),
        parameters=plain(condenser.get_params(deep=False)),
        recipe={noun: None if part is None else repr(part) for noun, part in recipe._asdict().items()},
        seed=int(seed) if isinstance(seed, Integral) else None,
        version=version("skdc"),
        n_points=len(key),
        n_rows=None if origin.counts is None else int(origin.counts.sum()),
        n_per_class=_by_class(schema, sizes),
        rows_per_class=None if origin.counts is None else _by_class(schema, origin.counts),
        fingerprint=origin.fingerprint,
        seconds=seconds,
        privacy=plain(vars(condenser).get("privacy_")),
        storage=condenser.storage_,
    )


class _Reader(BaseEstimator):
    """Who reads data and keeps nothing but what features they have."""

    encoder = None


def was_made_of(
    provenance: Provenance,
    X: ArrayLike,
    y: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    *,
    encoder: Any = "auto",
) -> bool | None:
    """Tell whether a set was made from some data: whether these have its fingerprint.

    Parameters
    ----------
    provenance : Provenance
        Of the set.
    X, y, sample_weight
        As they would be passed to `fit`.
    encoder : transformer, "auto" or None, default="auto"
        Of the condenser, if it is at hand and has one of its own.

    Returns
    -------
    bool or None
        None if it cannot be told: no fingerprint is kept of private data and of streams, and what other encoders than
        those of skdc made of the rows is not known. False does not mean that rows are others: they may have another
        order, other weights or groups, or another container.
    """
    kept, given = provenance.fingerprint, provenance.parameters.get("encoder", "auto")
    if kept is None:
        return None
    # What "auto" stands for depends on the condenser: rows as they are, columns of frames, or normal scores.
    known = ["auto", None, NormalScores()] if given == "auto" else [encoder if encoder != "auto" else given]
    for one in known:
        if isinstance(one, str) and one != "auto":
            return None
        with suppress(ValueError, TypeError):  # data that no condenser with this encoder takes
            task = provenance.parameters.get("task", "auto")
            problem = read(_Reader(), X, y, sample_weight, task=task, encoder=one, sparse=one in ("auto", None))
            if Origin.of(problem).fingerprint == kept:
                return True
    return False


def _by_class(schema: Schema, counts: NDArray[np.int64]) -> dict[str, int] | None:
    if schema.classes is None:
        return None
    return dict(zip(map(str, schema.labels.tolist()), counts.tolist(), strict=True))


def plain(value: Any) -> Any:
    """Return what a file of words and numbers can hold: those as they are, other things as they are printed."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, Integral | np.bool_):
        return value.item() if hasattr(value, "item") else int(value)
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return repr(value)
