"""A condenser that is worth a trial first, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone

from skdc.auto import AutoCondenser
from skdc.condensers import BaseCondenser
from skdc.containers import WIDEST_TABLE, checked_targets, is_sparse
from skdc.fitting.input import target_kind, task_of
from skdc.fitting.sizes import AtMost, ClassSizes
from skdc.suggestions.rules import ANY, DEFAULT_SIZE, RULES, SPARSE, TABLE, WIDE, Case

# The families of learners of which rules speak, by words in the modules and names of their classes.
_MARKS = MappingProxyType(
    {
        "trees": ("tree", "forest", "boost", "lightgbm", "lgbm"),
        "neighbors": ("neighbors",),
        "kernel ridge": ("kernel_ridge", "kernelridge"),
    }
)
_WORDS = MappingProxyType(
    dict.fromkeys(("linear", "svm", "naive bayes", "mlp", "convnet"), "")
    | dict.fromkeys(("trees", "forest", "boosting"), "trees")
    | {"neighbors": "neighbors", "5 neighbors": "neighbors", "kernel ridge": "kernel ridge"}
)
_MOST_TARGETS = 100_000  # of more, as many tell what they are


@dataclass(frozen=True)
class Suggestion:
    """A condenser that is worth a trial first, and why.

    Parameters
    ----------
    condenser : condenser
        Not fitted.
    reason : str
        In a sentence.
    """

    condenser: BaseCondenser | AutoCondenser
    reason: str

    def __str__(self) -> str:
        return f"{self.condenser!r}: {self.reason}"


def suggest(
    X: Any,
    y: ArrayLike | None = None,
    *,
    learner: Any = None,
    n_per_class: ClassSizes | None = None,
    n_samples: float | None = None,
    task: str = "auto",
    real_rows: bool = False,
    seconds: float | None = None,
) -> Suggestion:
    """Suggest a condenser for data and a learner, in milliseconds.

    Nothing is fitted: the rules look at shapes, at the kind of the targets, and at what is wanted. They rest on the
    tables of the benchmarks, and are those of the page "Which condenser". Your data may be otherwise:
    `AutoCondenser` and `RandomSubset` tell.

    Parameters
    ----------
    X : array, frame or sparse matrix of shape (n, ...)
    y : array of shape (n,) or (n, n_outputs), default=None
        Of more than 100,000 as many are looked at, evenly spaced.
    learner : estimator or str, default=None
        What is to be trained on the set; or a word: "linear", "svm", "naive bayes", "mlp", "convnet", "neighbors",
        "5 neighbors", "trees", "forest", "boosting", "kernel ridge". None: several learners, or not known yet.
    n_per_class, n_samples : int, float, at_most(int) or dict, default=None
        The size of the set, as in the condensers. Without it tables of classes get ten rows for each, in proportion.
    task : {"auto", "classification", "regression"}, default="auto"
        As in the condensers; "auto" asks the learner first.
    real_rows : bool, default=False
        Whether the set has to consist of rows of the data.
    seconds : float, default=None
        The time that a fit may take, on two cores. None: half a minute or so will do.

    Returns
    -------
    Suggestion

    Raises
    ------
    ValueError
        For a word that is no learner, for targets that may be labels or quantities (say `task`), and for two sizes.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from skdc import suggest
    >>> X, y = load_iris(return_X_y=True)
    >>> suggestion = suggest(X, y, seconds=1)
    >>> suggestion.condenser
    WassersteinCoreset(n_samples=30, snap=True)
    >>> print(suggestion.reason)  # doctest: +ELLIPSIS
    a table, less than 3 seconds: its regret was 0.31 for classes ...
    >>> X_syn, y_syn = suggestion.condenser.fit(X, y)
    >>> X_syn.shape
    (30, 4)
    >>> suggest(X, y, learner=RandomForestClassifier()).condenser
    AutoCondenser(estimator=RandomForestClassifier(), n_samples=30,
                  time_budget=15.0)
    """
    if n_per_class is not None and n_samples is not None:
        raise ValueError("give n_per_class or n_samples, not both")
    family, estimator = _learner(learner)
    known = task_of(estimator) if task == "auto" and estimator is not None else task
    shape, rows = _shape(X), _rows(X)
    kind, n_classes = _targets(y, known)
    sizes = {"n_per_class": n_per_class, "n_samples": n_samples}
    case = Case(
        rows=rows,
        n_rows=shape[0],
        task=kind,
        family=family,
        estimator=estimator,
        n_per_class=_wanted(n_per_class, n_samples, shape[0], n_classes),
        real_rows=real_rows,
        seconds=np.inf if seconds is None else seconds,
    )
    if rows == TABLE and n_classes and n_per_class is None and n_samples is None:
        sizes["n_samples"] = min(DEFAULT_SIZE * n_classes, shape[0])  # in proportion, which serves tables better
    rule = next(rule for rule in RULES if rule.applies(case))
    told = {"estimator": estimator, "time_budget": seconds, "task": task, **sizes}
    what = rows if rule.rows == ANY else rule.rows
    case_in_words = what if rule.when == "otherwise" else f"{what}, {rule.when}"
    return Suggestion(_with_settings(rule.condenser, told), f"{case_in_words}: {rule.reason}")


def _with_settings(condenser: Any, settings: Mapping[str, Any]) -> Any:
    """Return a copy with those of the settings that are given and that it has."""
    names = condenser.get_params(deep=False)
    given = {name: value for name, value in settings.items() if value is not None and name in names}
    return clone(condenser).set_params(**given)


def _learner(learner: Any) -> tuple[str, Any]:
    """Return the family of a learner, "" for those of which no rule speaks, and the estimator, if it is one."""
    if learner is None:
        return "", None
    if isinstance(learner, str):
        if learner not in _WORDS:
            raise ValueError(f"learner={learner!r} must be an estimator or one of {', '.join(sorted(_WORDS))}")
        return _WORDS[learner], None
    if isinstance(learner, type) or not hasattr(learner, "fit"):
        raise TypeError(f"learner={learner!r} is no estimator; give one, such as LogisticRegression(), or a word")
    return _family(learner), learner


def _family(learner: Any) -> str:
    """Return the family of an estimator; of pipelines and searches that of what is trained at the end."""
    name = f"{type(learner).__module__}.{type(learner).__name__}".lower()
    found = [family for family, marks in _MARKS.items() if any(mark in name for mark in marks)]
    if found:
        return found[0]
    inner = learner.steps[-1][1] if hasattr(learner, "steps") else getattr(learner, "estimator", None)
    return "" if inner is None else _family(inner)


def _shape(X: Any) -> tuple[int, ...]:
    shape = getattr(X, "shape", None)
    return np.shape(X) if shape is None else tuple(shape)


def _rows(X: Any) -> str:
    """Return what the rows are, by their shape."""
    if is_sparse(X):
        return SPARSE
    shape = _shape(X)
    if len(shape) < 2:
        raise ValueError(f"X of shape {shape} has no columns; reshape it to (n, n_columns)")
    return TABLE if len(shape) == 2 and prod(shape[1:]) <= WIDEST_TABLE else WIDE


def _targets(y: ArrayLike | None, task: str) -> tuple[str, int]:
    """Return the kind of the targets, and the number of classes, 0 without."""
    if y is None:
        return "none", 0
    values: Any = y if hasattr(y, "shape") else np.asarray(y)
    step = -(-len(values) // _MOST_TARGETS)
    values = checked_targets(values.iloc[::step] if hasattr(values, "iloc") else values[::step])
    kind = target_kind(values, task, known=False)
    return kind, len(np.unique(values)) if kind == "classification" else 0


def _wanted(n_per_class: ClassSizes | None, n_samples: float | None, n_rows: int, n_classes: int) -> float:
    """Return how many rows are wanted of a class, the mean over classes."""
    if n_samples is not None:
        return (n_samples if n_samples >= 1 else n_samples * n_rows) / max(n_classes, 1)
    if n_per_class is None:
        return DEFAULT_SIZE
    asked = n_per_class.values() if isinstance(n_per_class, Mapping) else [n_per_class]
    return float(np.mean([size.n if isinstance(size, AtMost) else size for size in asked]))
