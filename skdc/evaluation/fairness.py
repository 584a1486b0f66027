"""How fair learners are that are trained on a condensed set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from sklearn.utils import check_consistent_length

from skdc.condensed import CondensedSet
from skdc.containers import as_array, checked_targets
from skdc.evaluation.panels import Learners, learners_by_name
from skdc.evaluation.protocol import RowScaling, as_seen, set_with_classes, trained
from skdc.evaluation.tables import Table
from skdc.fitting.base import BaseCondenser
from skdc.fitting.input import checked_groups

MEASURES = ("accuracy", "balanced accuracy", "equalized odds", "demographic parity")


@dataclass(frozen=True, eq=False)
class FairnessTable(Table):
    """What `fairness_table` found.

    Parameters
    ----------
    scores : dict of str to dict of str to float
        By learner, on the test rows: "accuracy"; "balanced accuracy", the mean over classes; and, as fairlearn
        measures them, the differences of "equalized odds" and of "demographic parity", which are 0 for a fair learner
        and 1 at most.
    """

    measures = MEASURES
    width = 18
    scores: dict[str, dict[str, float]]

    def mean(self) -> dict[str, float]:
        """Return the mean of each measure over the learners."""
        return {name: float(np.mean([found[name] for found in self.scores.values()])) for name in MEASURES}

    def lines(self) -> list[tuple[str | float, ...]]:
        """Return each learner, their mean, and the measures."""
        shown = [*self.scores.items(), ("mean", self.mean())]
        return [(name, *(found[measure] for measure in MEASURES)) for name, found in shown]


def fairness_table(
    condenser: BaseCondenser | CondensedSet,
    X_test: ArrayLike,
    y_test: ArrayLike,
    *,
    sensitive_features: ArrayLike,
    learners: Learners = None,
    random_state: int = 0,
) -> FairnessTable:
    """Train learners on a condensed set, each with what it can use of it, and measure how they treat groups.

    The equalised odds difference is the largest difference between two groups of the share of a class that is
    recognised, or that is taken for another class [1]_; the demographic parity difference that of the share of rows
    that are predicted to be of a class. Of several classes that with the largest difference counts. A learner that
    predicts one class for nearly all rows is fair by both: that shows in the balanced accuracy.

    Differences of small groups are large by chance, since the extremes count: where a group has five rows of a class,
    those of a learner that is fair are some tenths.

    Parameters
    ----------
    condenser, X_test, y_test
        As in `transfer_table`.
    sensitive_features : array-like of shape (n,) or (n, n_features)
        Groups of the test rows; of several features, all combinations.
    learners : dict, list, classifier or names, default=None
        As in `transfer_table`.
    random_state : int, default=0
        Seed of the learners that None stands for.

    Returns
    -------
    FairnessTable
        It prints as text, and shows as a table in a notebook.

    Raises
    ------
    ImportError
        Without fairlearn.
    ValueError
        If the set has no classes, the test rows are not like its own, or the groups are not what `fit` takes; if
        a group has no row of a class, since how often it is recognised is not known then.

    References
    ----------
    .. [1] Weerts et al., "Fairlearn: Assessing and Improving Fairness of AI Systems", 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skdc import KMeansCondenser
    >>> from skdc.evaluation import fairness_table
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> texture = np.where(X[:, 1] > 19, "rough", "smooth")
    >>> condenser = KMeansCondenser(n_per_class=5, random_state=0).fit(X[::2], y[::2])
    >>> learners = {"logistic": LogisticRegression()}
    >>> print(fairness_table(condenser, X[1::2], y[1::2], sensitive_features=texture[1::2], learners=learners))
                        accuracy   balanced accuracy      equalized odds  demographic parity
    logistic               0.908               0.895               0.050               0.335
    mean                   0.908               0.895               0.050               0.335
    """
    condensed, differences = set_with_classes(condenser, "fairness_table"), _differences()
    scaling = RowScaling.of_set(condensed)
    X, X_test = scaling(condensed.X, "the set"), scaling(X_test, "X_test")
    y_test = checked_targets(y_test, "y_test")
    check_consistent_length(X_test, y_test)
    groups = checked_groups(sensitive_features, len(y_test), np.arange(len(y_test)))
    _refuse_empty_cells(y_test, groups, sensitive_features)
    found = {}
    chosen = learners_by_name(learners, "classification", X.shape[1:], seed=random_state)
    for name, learner in chosen.items():
        model = trained(learner, replace(condensed, X=as_seen(learner, X)))
        predicted = model.predict(as_seen(learner, X_test))
        scores = accuracy_score(y_test, predicted), balanced_accuracy_score(y_test, predicted)
        unfair = [_largest(measure, y_test, predicted, groups) for measure in differences]
        found[name] = dict(zip(MEASURES, map(float, (*scores, *unfair)), strict=True))
    return FairnessTable(found)


def _differences() -> tuple[Callable[..., float], Callable[..., float]]:
    try:
        from fairlearn.metrics import demographic_parity_difference, equalized_odds_difference
    except ImportError as error:
        raise ImportError("fairness_table measures with fairlearn: pip install 'skdc[fair]'") from error
    return equalized_odds_difference, demographic_parity_difference


def _refuse_empty_cells(y: NDArray, groups: NDArray[np.int64], sensitive_features: ArrayLike) -> None:
    names = np.asarray(as_array(sensitive_features))
    for group in np.unique(groups):
        missing = np.setdiff1d(y, y[groups == group]).tolist()
        if missing:
            name = names[np.flatnonzero(groups == group)[0]].tolist()
            raise ValueError(
                f"the sensitive group {name!r} has no test row of class {missing[0]!r}, so that how often it is "
                "recognised there is not known; leave the rows of the group out, or join it to another group"
            )


def _largest(measure: Callable[..., float], y: NDArray, predicted: NDArray, groups: NDArray[np.int64]) -> float:
    """Return a difference of two classes, or the largest one of a class and all others."""
    labels = np.unique(y)
    return max(
        measure(y == c, predicted == c, sensitive_features=groups) for c in labels[1 if len(labels) == 2 else 0 :]
    )
