"""What a comparison fits: condensers of a size, random rows of that size, and all rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real
from time import perf_counter
from typing import Any, Literal

import numpy as np
from scipy.sparse import issparse
from sklearn.base import clone

from skdc.condensed import CondensedSet
from skdc.condensers.selection.draws import RandomSubset
from skdc.containers import row_bytes
from skdc.evaluation.folds import Fold, reason
from skdc.fitting.sizes import AtMost, at_most

RANDOM, RANDOM_EQUAL, ALL = "random rows", "random rows, equal shares", "all rows"
_PER_CLASS = 10  # random rows of each class that regret is measured by, as in the benchmarks

Size = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Contestant:
    """What is fitted on each fold.

    Parameters
    ----------
    name : str
    role : {"condenser", "random", "equal", "reference", "all"}
        Random rows in proportion to the classes, or in equal shares; as many as regret is measured by; all rows.
    size : dict
        The parameters of a condenser that say it; empty where it has none.
    condenser : condenser, default=None
        Unfitted.
    """

    name: str
    role: Literal["condenser", "random", "equal", "reference", "all"]
    size: Size = field(default_factory=dict)
    condenser: Any = None


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a contestant on a fold.

    Parameters
    ----------
    scores : dict of str to float or str
        By learner; why there is none.
    points, n_bytes, seconds : float
        Of the set and of the fit.
    error : str
        Why there is no set.
    """

    scores: dict[str, float | str]
    points: float = np.nan
    n_bytes: float = np.nan
    seconds: float = np.nan
    error: str = ""


def outcome(contestant: Contestant, fold: Fold) -> Outcome:
    """Fit a contestant to the training rows of a fold, and score learners that are trained on its set."""
    if contestant.role == "all":
        return Outcome(fold.scores(CondensedSet(fold.X, fold.y)), len(fold.y), _bytes_of(fold.X, fold.y))
    try:
        condenser = _condenser(contestant, fold)
        start = perf_counter()
        condenser.fit(fold.X, fold.y)
        seconds = perf_counter() - start
        scores = fold.scores(condenser.condensed_)
    except Exception as error:  # the others go on
        return Outcome(dict.fromkeys(fold.learners, reason(error)), error=reason(error))
    return Outcome(scores, condenser.storage_["points"], condenser.storage_["bytes"], seconds)


def _condenser(contestant: Contestant, fold: Fold) -> Any:
    """Return an unfitted condenser, with size, task and seed."""
    if contestant.role == "condenser":
        return _sized(contestant.condenser, contestant.size, fold)
    size: Size
    has_classes = fold.task == "classification"
    if contestant.role == "reference":
        size = {"n_per_class": at_most(_PER_CLASS)} if has_classes else {"n_samples": min(2 * _PER_CLASS, len(fold.y))}
    elif contestant.role == "random":
        size = {"n_samples": _n_points(contestant.size, fold)}
    else:
        given = contestant.size.get("n_per_class")
        equal = round(_n_points(contestant.size, fold) / len(np.unique(fold.y)))
        size = {"n_per_class": _limited(given) if isinstance(given, Integral) else at_most(max(equal, 1))}
    return _sized(RandomSubset(), size, fold)


def _sized(condenser: Any, size: Size, fold: Fold) -> Any:
    parameters = condenser.get_params(deep=False)
    given: dict[str, Any] = {"random_state": fold.split.seed}
    if size:
        given |= {name: None for name in ("n_per_class", "n_samples", "n_bytes") if name in parameters} | size
    if parameters.get("task") == "auto":
        given["task"] = fold.task
    return clone(condenser).set_params(**given)


def _n_points(size: Size, fold: Fold) -> int:
    """Return how many rows a size gives; of classes with fewer rows, all that there are."""
    per_class = size.get("n_per_class")
    if isinstance(per_class, Mapping):
        size = {"n_per_class": {label: _limited(n) for label, n in per_class.items()}}
    elif per_class is not None:
        size = {"n_per_class": _limited(per_class)}
    rows = fold.X if "n_bytes" in size else np.arange(len(fold.y), dtype=np.float64)[:, None]
    return _sized(RandomSubset(), size, fold).fit(rows, fold.y).storage_["points"]


def _limited(n: Any) -> Any:
    return at_most(int(n)) if isinstance(n, Integral) else n


def _bytes_of(X: Any, y: Any) -> int:
    """Return the bytes of rows as they are, and of targets as a set keeps them."""
    rows = X.data.nbytes + X.indices.nbytes + X.indptr.nbytes if issparse(X) else len(X) * row_bytes(X)
    of_target = 8 if y.dtype.kind == "f" else np.min_scalar_type(len(np.unique(y)) - 1).itemsize
    return int(rows + y.size * of_target)


def read_size(size: Any, has_classes: bool) -> Size:
    """Return the parameters of a condenser that say a size.

    Parameters
    ----------
    size : int, float, str, dict or at_most(int)
        As `compare` takes it.
    has_classes : bool
        Whether whole numbers are rows of each class.
    """
    if isinstance(size, str):
        return {"n_bytes": size}
    if isinstance(size, Mapping | AtMost):
        return {"n_per_class": size}
    if isinstance(size, Integral) and not isinstance(size, bool):
        return {"n_per_class" if has_classes else "n_samples": int(size)}
    if isinstance(size, Real) and 0 < float(size) < 1:
        return {"n_samples": float(size)}
    raise ValueError(
        f"size {size!r} must be a number of rows of each class (in all, without classes), a fraction of the rows "
        "between 0 and 1, or words such as '64 kB'"
    )


def contestants(condensers: Mapping[str, Any], sizes: list[Size] | None, has_classes: bool) -> list[Contestant]:
    """Return all that is fitted: condensers, random rows of the same sizes, all rows, and what regret is measured by.

    Parameters
    ----------
    condensers : dict of str to condenser
    sizes : list of dict, or None
        None leaves to each condenser its own.
    has_classes : bool
        Whether there are random rows in equal shares, too.
    """
    found: list[Contestant] = []
    seen: list[Size] = []
    for name, condenser in condensers.items():
        for size in [_own_size(condenser)] if sizes is None else sizes:
            found.append(Contestant(name, "condenser", size, condenser))
            if size not in seen:
                seen.append(size)
    for size in seen:
        found.append(Contestant(RANDOM, "random", size))
        if has_classes:
            found.append(Contestant(RANDOM_EQUAL, "equal", size))
    return [*found, Contestant(ALL, "all"), Contestant("", "reference")]


def _own_size(condenser: Any) -> Size:
    parameters = condenser.get_params(deep=False)
    return {
        name: parameters[name] for name in ("n_per_class", "n_samples", "n_bytes") if parameters.get(name) is not None
    }
