"""Splits of the data, and what sets are worth on them: each set from training rows alone, on the same splits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import KFold, ShuffleSplit, StratifiedKFold, StratifiedShuffleSplit, check_cv
from sklearn.utils import _safe_indexing

from skdc.condensed import CondensedSet
from skdc.containers import are_categories, as_array, checked_targets
from skdc.evaluation.panels import Learners, learners_by_name
from skdc.evaluation.protocol import RowScaling, as_seen, score_of, trained
from skdc.fitting.input import target_kind, task_of

TEST_SHARE = 0.3


@dataclass(frozen=True, eq=False)
class Data:
    """Rows and targets of a comparison.

    Parameters
    ----------
    X, X_test : array or frame of shape (n, ...)
        Test rows may be None: they are then split off.
    y, y_test : ndarray of shape (n,) or (n, n_outputs)
    kind : {"classification", "multilabel", "regression"}
    """

    X: Any
    y: NDArray
    kind: str
    X_test: Any = None
    y_test: NDArray | None = None

    @classmethod
    def of(cls, X: Any, y: Any, X_test: Any, y_test: Any, told: str) -> Data:
        """Return what a user has passed, validated as far as a condenser does not.

        Parameters
        ----------
        X, y, X_test, y_test
            As passed.
        told : str
            The task of the condensers or of the learners, "auto" if it is not known.
        """
        if y is None:
            raise ValueError("y is None, but learners are trained and scored by it; pass the targets")
        if (X_test is None) != (y_test is None):
            given, other = ("y_test", "X_test") if X_test is None else ("X_test", "y_test")
            raise ValueError(f"{given} is given, {other} is not; give both, or neither")
        task = "classification" if told == "auto" and are_categories(as_array(y, "y")) else told
        rows, targets = _rows(X, "X"), checked_targets(y)
        if rows.shape[0] != len(targets):
            raise ValueError(f"X has {rows.shape[0]} rows, y has {len(targets)}: there must be as many")
        kind = target_kind(targets, task, known=False)
        if X_test is None:
            return cls(rows, targets, kind)
        tested, truth = _rows(X_test, "X_test"), checked_targets(y_test, "y_test")
        if tested.shape[0] != len(truth):
            raise ValueError(f"X_test has {tested.shape[0]} rows, y_test has {len(truth)}: there must be as many")
        return cls(rows, targets, kind, tested, truth)

    @property
    def task(self) -> str:
        """What condensers call the task."""
        return "auto" if self.kind == "multilabel" else self.kind


def _rows(X: Any, name: str) -> Any:
    X = as_array(X, name)
    return X if hasattr(X, "shape") else np.asarray(X)


def told_task(condensers: list[Any], learners: Learners) -> str:
    """Return the task that condensers or learners are told, or made for; "auto" if none is."""
    given: list[Any] = []
    if isinstance(learners, Mapping):
        given = list(learners.values())
    elif learners is not None:
        given = [learners] if isinstance(learners, str) or hasattr(learners, "get_params") else list(learners)
    tasks = [part.get_params().get("task", "auto") for part in condensers] + [
        task_of(part) for part in given if hasattr(part, "get_params")
    ]
    return next((task for task in tasks if task != "auto"), "auto")


@dataclass(frozen=True, eq=False)
class Split:
    """Rows to train on and rows to score by, and the seed of all that is drawn.

    Parameters
    ----------
    index : int
        Repeats of one index have the same rows, with other seeds.
    seed : int
    train, test : ndarray of int, or None
        Positions; None for test rows that were passed by themselves.
    """

    index: int
    seed: int
    train: NDArray[np.intp]
    test: NDArray[np.intp] | None


def splits_of(data: Data, cv: Any, seeds: int, seed: int) -> list[Split]:
    """Return the splits of a comparison, the same for all that is compared.

    Parameters
    ----------
    data : Data
    cv : int, splitter, iterable or None
        None holds out 30% of the rows, by another split for each seed; a whole number splits each seed into so many
        folds; the splits of others are the same for all seeds.
    seeds : int
        How many.
    seed : int
        The first one.
    """
    if not isinstance(seeds, Integral) or isinstance(seeds, bool) or seeds < 1:
        raise ValueError(f"seeds={seeds!r} must be a whole number of at least 1: how often all is repeated")
    numbers, rows, by_class = range(seed, seed + seeds), np.arange(len(data.y)), data.kind == "classification"
    if data.X_test is not None:
        if cv is not None:
            raise ValueError("X_test and cv are both given; cv splits off test rows by itself")
        return [Split(0, number, rows, None) for number in numbers]
    if cv is not None and not isinstance(cv, Integral):
        found = list(check_cv(cv, data.y, classifier=by_class).split(np.zeros((len(rows), 1)), data.y))
        return [Split(i, number, *parts) for number in numbers for i, parts in enumerate(found)]
    splitter: Callable[..., Any]
    if cv is None:
        splitter = partial(StratifiedShuffleSplit if by_class else ShuffleSplit, 1, test_size=TEST_SHARE)
    else:
        splitter = partial(StratifiedKFold if by_class else KFold, int(cv), shuffle=True)
    pairs = [
        (number, part)
        for number in numbers
        for part in splitter(random_state=number).split(rows[:, None], data.y if by_class else None)
    ]
    return [Split(i, number, *part) for i, (number, part) in enumerate(pairs)]


class Fold:
    """A split: training rows for condensers, and what learners see; nothing of it knows the test rows.

    Parameters
    ----------
    data : Data
    split : Split
    learners : Learners
    default : list of str
        The learners that None stands for.
    scoring : str, callable or None
    """

    def __init__(self, data: Data, split: Split, learners: Learners, default: tuple[str, ...], scoring: Any) -> None:
        self.split, self.task, self.scoring = split, data.task, scoring
        self.X, self.y = _safe_indexing(data.X, split.train), data.y[split.train]
        self.scaling = RowScaling.of_rows(self.X)
        tested = (data.X_test, data.y_test) if split.test is None else (data.X, data.y)
        rows = tested if split.test is None else (_safe_indexing(data.X, split.test), data.y[split.test])
        self.X_test, self.y_test = self.scaling(rows[0], "X_test"), rows[1]
        shape, n_outputs = self.X_test.shape[1:], self.y.shape[1] if self.y.ndim > 1 else 1
        self.learners = learners_by_name(
            learners, data.kind, shape, n_outputs=n_outputs, default=default, seed=split.seed
        )

    def scores(self, condensed: CondensedSet) -> dict[str, float | str]:
        """Return the score of each learner that is trained on a set; or, if it cannot be, why."""
        found: dict[str, float | str] = {}
        rows = self.scaling(condensed.X)
        for name, learner in self.learners.items():
            try:
                fitted = trained(learner, replace(condensed, X=as_seen(learner, rows)))
                found[name] = score_of(fitted, as_seen(learner, self.X_test), self.y_test, self.scoring)
            except Exception as error:  # one learner that cannot take a set is no reason to lose what others tell
                found[name] = reason(error)
        return found


def reason(error: Exception) -> str:
    """Return what a user is told of an error."""
    return f"{type(error).__name__}: {error}"
