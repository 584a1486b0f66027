"""The space of the function regime in which estimators learn from the synthetic set."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from skdc.condensed import CondensedSet
from skdc.exceptions import PartsError
from skdc.seeds import seeded
from skdc.sets import Block, LabeledSet
from skdc.sources import Schema, Source, draw_seed, require_targets
from skdc.spaces.base import Space
from skdc.step import Step
from skdc.structures import Flat

_N_TREES = 25
_MOST_CLASSES = 3  # for which boosting grows trees of their own


class EstimatorPredictions(Space, Flat):
    """Predictions on the real rows of estimators that are trained on the synthetic set, of any kind [1]_.

    The estimators are shown the set as `CondensedSet.for_learner` says. The real side shows the true targets, once for
    each estimator; the synthetic side class probabilities, or predictions. They have no gradient: rows can be chosen
    by them (`Subset()` and `Greedy()`, or `BestOf`), but no points moved.

    Parameters
    ----------
    estimators : list of estimator, default=None
        Classifiers with `predict_proba`, or regressors. None takes a logistic regression, naive Bayes, five nearest
        neighbours, a forest and, of up to three classes, gradient boosting; for continuous targets ridge regression,
        neighbours, a forest and boosting.

    References
    ----------
    .. [1] Wang et al., "Dataset Distillation", 2018, eq. 4, for a network and its gradient.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import SquaredL2
    >>> from skdc.parameterizations import Subset
    >>> from skdc.solvers import Greedy
    >>> from skdc.spaces import EstimatorPredictions
    >>> wrong = SquaredL2(space=EstimatorPredictions([DecisionTreeClassifier()]), by=None)
    >>> condenser = Condenser(wrong, Subset(), Greedy(n_passes=1), n_per_class=3)
    """

    yields = "aligned"
    splits = "rows"

    estimators: Sequence[Any] | None = None

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Seed the estimators: what is compared is sets, and not draws.

        Raises
        ------
        ValueError
            Without targets; for an estimator that cannot predict what is asked for.
        """
        require_targets(self, source)
        schema, seed = source.schema, draw_seed(generator)
        found = _panel(schema) if self.estimators is None else list(self.estimators)
        method = "predict_proba" if schema.task == "classification" else "predict"
        for estimator in found:
            if not hasattr(estimator, method):
                raise PartsError(f"{self!r}: for {schema.task} {estimator!r} must have {method}")
        self.live_ = [seeded(estimator, lambda: seed) for estimator in found]
        self.schema_, self.spread_ = schema, source.spread
        return self

    def represent(self, real: LabeledSet, synthetic: LabeledSet, state: Step) -> tuple[list[Block], list[Block]]:
        """Return the true targets of the real rows, and what each estimator predicts."""
        rows, condensed = self._numbers(real), self._condensed(synthetic)
        predictions = [torch.as_tensor(self._predicted(one, condensed, rows)).to(real.y) for one in self.live_]
        return [Block(real.weight, real.key, real.y)] * len(predictions), [
            Block(real.weight, real.key, values) for values in predictions
        ]

    def _numbers(self, rows: LabeledSet) -> NDArray[np.float64]:
        return (rows.X.detach().flatten(1) / self.spread_).cpu().double().numpy()

    def _condensed(self, synthetic: LabeledSet) -> CondensedSet:
        y, weight = (values.detach().cpu().double().numpy() for values in (synthetic.y, synthetic.weight))
        X = self._numbers(synthetic)
        if self.schema_.task == "classification":
            return CondensedSet(X, synthetic.key.cpu().numpy(), weight, y, np.arange(y.shape[1]))
        return CondensedSet(X, y[:, 0] if y.shape[1] == 1 else y, weight)

    def _predicted(self, estimator: Any, condensed: CondensedSet, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        estimator = clone(estimator)
        if isinstance(estimator, KNeighborsClassifier | KNeighborsRegressor):
            estimator.set_params(n_neighbors=min(estimator.n_neighbors, len(condensed.X)))
        found = np.zeros((len(rows), self.schema_.n_outputs))
        if self.schema_.task == "classification" and len(present := np.unique(condensed.y)) == 1:
            found[:, present] = 1  # some estimators refuse to learn of a single class
            return found
        # On a few rows some do not converge, or have no variance: that is no news, but a set that predicts nothing.
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore", ConvergenceWarning)
            condensed.train(estimator)
            if self.schema_.task != "classification":
                return np.nan_to_num(np.reshape(estimator.predict(rows), (len(rows), -1)))
            found[:, estimator.classes_] = np.nan_to_num(estimator.predict_proba(rows))
        return found


def _panel(schema: Schema) -> list[Any]:
    """Return estimators of several kinds that are trained in some hundredths of a second."""
    if schema.task == "classification":
        found = [LogisticRegression(), GaussianNB(), KNeighborsClassifier(), RandomForestClassifier(_N_TREES)]
        few = schema.n_outputs <= _MOST_CLASSES
        return [*found, GradientBoostingClassifier(n_estimators=_N_TREES)] if few else found
    found = [Ridge(), KNeighborsRegressor(), RandomForestRegressor(_N_TREES)]
    return [*found, GradientBoostingRegressor(n_estimators=_N_TREES)] if schema.n_outputs == 1 else found
