"""What a condensed set is worth: the scores of learners that are trained on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from skdc.evaluation.protocol import RowScaling, score_of, trained
from skdc.fitting.base import BaseCondenser
from skdc.fitting.input import Problem, dense


@dataclass(frozen=True)
class Judge:
    """Learners that are trained on a set, and the mean of their scores on rows of the data.

    Parameters
    ----------
    learners : list of estimator
    scoring : str, callable or None
        As in scikit-learn; None takes `score` of each learner.
    show : callable
        Makes of rows of the data, or of a set, what the learners take.
    """

    learners: Sequence[Any]
    scoring: Any
    show: Callable[[Any], Any]

    def __call__(self, condenser: BaseCondenser, X: Any, y: Any, weight: NDArray | None) -> float:
        """Return the mean score on rows, of learners that are trained on the set of a fitted condenser."""
        condensed, rows = replace(condenser.condensed_, X=self.show(condenser.condensed_.X)), self.show(X)
        fitted = [trained(learner, condensed) for learner in self.learners]
        return float(np.mean([score_of(learner, rows, y, self.scoring, weight) for learner in fitted]))


def panel(problem: Problem, scoring: Any, seed: int, size: int) -> Judge:
    """Return a judge of learners that differ, for sets of a size, of rows encoded and standardised."""
    schema, n_neighbors = problem.schema, min(5, size)
    if schema.task == "classification":
        learners = [
            LogisticRegression(max_iter=500),
            GaussianNB(),
            KNeighborsClassifier(n_neighbors),
            RandomForestClassifier(random_state=seed),
            HistGradientBoostingClassifier(min_samples_leaf=1, random_state=seed),
        ]
    elif schema.multilabel:
        learners = [KNeighborsClassifier(n_neighbors), RandomForestClassifier(random_state=seed)]
    else:
        learners = [
            Ridge(),
            KNeighborsRegressor(n_neighbors),
            RandomForestRegressor(random_state=seed),
            HistGradientBoostingRegressor(min_samples_leaf=1, random_state=seed),
        ]
    if not schema.flat_targets:
        learners = [learner for learner in learners if get_tags(learner).target_tags.multi_output]
    encoder = problem.encoder

    def flat_numbers(rows: Any, name: str = "X") -> NDArray:
        numbers = np.asarray(rows if encoder is None else dense(encoder.transform(rows)))
        return numbers.reshape(len(numbers), -1)

    scaler = StandardScaler().fit(problem.X.reshape(len(problem.X), -1), sample_weight=problem.weight)
    return Judge(learners, scoring, RowScaling(flat_numbers, scaler))
