"""What a condensed set is worth: the scores of learners that are trained on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_array

from skdc.condensed import CondensedSet
from skdc.evaluation.panels import learners_by_name
from skdc.evaluation.protocol import score_of, trained
from skdc.fitting.base import BaseCondenser
from skdc.fitting.encoding import dense
from skdc.fitting.input import Problem

_DEFAULT = ("linear", "naive bayes", "5 neighbors", "forest", "boosting")


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
        return self.of(condenser.condensed_, X, y, weight)

    def of(self, condensed: CondensedSet, X: Any, y: Any, weight: NDArray | None) -> float:
        """Return the mean score on rows, of learners that are trained on a set."""
        return self.on_each(condensed, (X, y, weight))[0]

    def on_each(self, condensed: CondensedSet, *samples: tuple[Any, Any, NDArray | None]) -> list[float]:
        """Return the mean score on each of some samples (X, y, weight), of learners that are trained on a set once."""
        condensed = replace(condensed, X=self.show(condensed.X))
        fitted = [trained(learner, condensed) for learner in self.learners]
        shown = [(self.show(X), y, weight) for X, y, weight in samples]
        return [
            float(np.mean([score_of(learner, rows, y, self.scoring, weight) for learner in fitted]))
            for rows, y, weight in shown
        ]


def panel(problem: Problem, scoring: Any, seed: int, size: int) -> Judge:
    """Return a judge of learners that differ, for sets of a size, of rows encoded and standardised."""
    schema = problem.schema
    kind, n_outputs = "multilabel" if schema.multilabel else schema.task, 1 if schema.flat_targets else schema.n_outputs
    shape = (prod(schema.input_shape),)
    learners = learners_by_name(None, kind, shape, n_outputs=n_outputs, default=_DEFAULT, seed=seed)
    learners["5 neighbors"].set_params(n_neighbors=min(5, size))  # a smaller set has no five
    encoder = problem.encoder

    scaler = StandardScaler().fit(problem.X.reshape(len(problem.X), -1), sample_weight=problem.weight)

    def standardized(rows: Any) -> NDArray:
        numbers = np.asarray(rows if encoder is None else dense(encoder.transform(rows)))
        return np.asarray(scaler.transform(check_array(numbers.reshape(len(numbers), -1), input_name="X")))

    return Judge([*learners.values()], scoring, standardized)
