"""The scores by which the field ranks sets: what the rows tell, apart from labels and from how learners are trained."""

from __future__ import annotations

from dataclasses import replace
from math import exp
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from skdc.augmentation import Augmentation
from skdc.condensed import CondensedSet
from skdc.condensers.functions.labels import SoftLabelRandom
from skdc.condensers.selection.draws import RandomSubset
from skdc.containers import checked_targets
from skdc.evaluation.panels import learners_by_name
from skdc.evaluation.protocol import RowScaling, as_seen, score_of, trained, variants
from skdc.fitting.base import BaseCondenser
from skdc.fitting.sizes import at_most

# A learner may score well on any rows, if a teacher gives them soft labels, or images are augmented. DD-Ranking (Li et
# al., 2025) compares accuracies that differ in one thing alone:
#
#     hard-label recovery       HLR = acc(all rows, hard labels) - acc(set, hard labels)
#     improvement over random   IOR = acc(set, its labels) - acc(random rows, labels of that kind)
#     label-robust score        LRS = share(w IOR - (1 - w) HLR)
#     augmentation-robust score ARS = share(w IOR with augmentation + (1 - w) IOR without)
#
# with share(a) = (e^a - e^-1) / (e - e^-1), between 0 and 1.


def hard_label_recovery(
    condenser: BaseCondenser,
    X: ArrayLike,
    y: ArrayLike,
    X_test: ArrayLike,
    y_test: ArrayLike,
    *,
    learner: Any = "linear",
    random_state: int = 0,
) -> float:
    """Return what hard labels of the set lose against all rows: the accuracy on all rows less that on the set (HLR).

    Soft labels and weights are left out. It is 0 for a set as good as all rows, and less for a better one.

    Parameters
    ----------
    condenser : condenser
        Fitted to X and y, on a classification task.
    X, y : array-like of shape (n, ...) and (n,)
        All training rows, by which learners see all rows scaled as in `compare`.
    X_test, y_test : array-like of shape (n_test, ...) and (n_test,)
    learner : classifier or str, default="linear"
        Unfitted, or one of the names of `transfer_table`.
    random_state : int, default=0
        Seed of a learner that has none.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the condenser had no labels, or rows are not like its own.

    References
    ----------
    .. [1] Li et al., "DD-Ranking: Rethinking the Evaluation of Dataset Distillation", 2025.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdc import KMeansCondenser
    >>> from skdc.evaluation import hard_label_recovery
    >>> X, y = load_digits(return_X_y=True)
    >>> condenser = KMeansCondenser(n_per_class=5, random_state=0).fit(X[:1200], y[:1200])
    >>> 0 < hard_label_recovery(condenser, X[:1200], y[:1200], X[1200:], y[1200:]) < 0.1
    True
    """
    judge = _Judge(condenser, X, y, X_test, y_test, learner, random_state)
    everything = CondensedSet(X, judge.y)
    return judge.accuracy(everything, "hard labels") - judge.accuracy(condenser.condensed_, "hard labels")


def improvement_over_random(
    condenser: BaseCondenser,
    X: ArrayLike,
    y: ArrayLike,
    X_test: ArrayLike,
    y_test: ArrayLike,
    *,
    learner: Any = "linear",
    teacher: Any = None,
    n_draws: int = 5,
    random_state: int = 0,
) -> float:
    """Return the accuracy on the set less that on as many random rows, of each class, with labels of its kind (IOR).

    Parameters
    ----------
    condenser, X, y, X_test, y_test, learner, random_state
        As in `hard_label_recovery`.
    teacher : classifier, default=None
        What gives random rows soft labels, where the set has some and the learner can use them. None takes the
        condenser's own `teacher`, or that of `SoftLabelRandom`.
    n_draws : int, default=5
        Random sets, of which the mean accuracy counts.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the condenser had no labels, or rows are not like its own.

    References
    ----------
    .. [1] Li et al., "DD-Ranking: Rethinking the Evaluation of Dataset Distillation", 2025.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdc import KMeansCondenser
    >>> from skdc.evaluation import improvement_over_random
    >>> X, y = load_digits(return_X_y=True)
    >>> condenser = KMeansCondenser(n_per_class=5, random_state=0).fit(X[:1200], y[:1200])
    >>> improvement_over_random(condenser, X[:1200], y[:1200], X[1200:], y[1200:]) > 0.05
    True
    """
    judge = _Judge(condenser, X, y, X_test, y_test, learner, random_state)
    return judge.improvement(condenser, X, teacher, n_draws)


def label_robust_score(recovery: float, improvement: float, weight: float = 0.5) -> float:
    """Return the label-robust score (LRS) of hard-label recovery and improvement over random.

    Parameters
    ----------
    recovery, improvement : float
        Accuracies between 0 and 1, as `hard_label_recovery` and `improvement_over_random` give them.
    weight : float, default=0.5
        Of the improvement.

    Returns
    -------
    float
        Between 0 and 1, greater is better.

    References
    ----------
    .. [1] Li et al., "DD-Ranking: Rethinking the Evaluation of Dataset Distillation", 2025.

    Examples
    --------
    >>> from skdc.evaluation import label_robust_score
    >>> label_robust_score(-1, 1)
    1.0
    >>> round(label_robust_score(0.0, 0.0), 3)  # as good as all rows, and no better than random ones
    0.269
    """
    return _share(weight * improvement - (1 - weight) * recovery, weight)


def augmentation_robust_score(
    condenser: BaseCondenser,
    X: ArrayLike,
    y: ArrayLike,
    X_test: ArrayLike,
    y_test: ArrayLike,
    *,
    augmentation: Augmentation,
    learner: Any = "convnet",
    teacher: Any = None,
    weight: float = 0.5,
    n_draws: int = 5,
    random_state: int = 0,
) -> float:
    """Return the augmentation-robust score (ARS) of a set of images: its improvement over random, with and without.

    Parameters
    ----------
    condenser, X, y, X_test, y_test, teacher, n_draws, random_state
        As in `improvement_over_random`.
    augmentation : Augmentation
        Such as `SiameseAugmentation()`.
    learner : classifier or str, default="convnet"
        With a parameter `augmentation`, such as `NetworkClassifier`.
    weight : float, default=0.5
        Of the improvement with augmentation.

    Returns
    -------
    float
        Between 0 and 1, greater is better; 0.269 is a set as good as random rows.

    Raises
    ------
    ValueError
        As `improvement_over_random`, and for a learner that does not augment.

    References
    ----------
    .. [1] Li et al., "DD-Ranking: Rethinking the Evaluation of Dataset Distillation", 2025.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdc import KMeansCondenser
    >>> from skdc.augmentation import SiameseAugmentation
    >>> from skdc.evaluation import augmentation_robust_score
    >>> from skdc.learners import NetworkClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> X = X.reshape(-1, 8, 8)
    >>> condenser = KMeansCondenser(n_per_class=2, random_state=0).fit(X[:1200], y[:1200])
    >>> network = NetworkClassifier(max_epochs=30)
    >>> given = {"augmentation": SiameseAugmentation(), "learner": network, "n_draws": 1}
    >>> augmentation_robust_score(condenser, X[:1200], y[:1200], X[1200:], y[1200:], **given) > 0.269
    True
    """
    improvements = []
    for changes in (augmentation, None):
        judge = _Judge(condenser, X, y, X_test, y_test, learner, random_state)
        if "augmentation" not in judge.learner.get_params(deep=False):
            raise ValueError(
                f"{judge.learner!r} does not augment; give a learner that does, such as NetworkClassifier()"
            )
        judge.learner.set_params(augmentation=changes)
        improvements.append(judge.improvement(condenser, X, teacher, n_draws))
    return _share(weight * improvements[0] + (1 - weight) * improvements[1], weight)


def _share(value: float, weight: float) -> float:
    if not 0 <= weight <= 1:
        raise ValueError(f"weight={weight!r} must lie between 0 and 1")
    return (exp(value) - exp(-1)) / (exp(1) - exp(-1))


class _Judge:
    """A learner, rows as it sees them, and the test rows.

    Parameters
    ----------
    condenser, X, y, X_test, y_test, learner, random_state
        As in `hard_label_recovery`.
    """

    def __init__(
        self, condenser: BaseCondenser, X: Any, y: Any, X_test: Any, y_test: Any, learner: Any, random_state: int
    ) -> None:
        check_is_fitted(condenser)
        if getattr(condenser, "classes_", None) is None:
            raise ValueError(f"{type(condenser).__name__} was fitted without classes, of which these are the scores")
        self.y, self.seed, self.scaling = checked_targets(y), random_state, RowScaling.of_rows(X)
        self.X_test, self.y_test = self.scaling(X_test, "X_test"), checked_targets(y_test, "y_test")
        shape = self.X_test.shape[1:]
        (self.learner,) = learners_by_name([learner], "classification", shape, seed=random_state).values()

    def accuracy(self, condensed: CondensedSet, variant: str | None = None) -> float:
        """Return the accuracy on the test rows of the learner, trained on a set; None gives it all it can use."""
        shown = replace(condensed, X=as_seen(self.learner, self.scaling(condensed.X)))
        shown = shown if variant is None else variants(shown, self.learner)[variant]
        return score_of(trained(self.learner, shown), as_seen(self.learner, self.X_test), self.y_test)

    def improvement(self, condenser: BaseCondenser, X: Any, teacher: Any, n_draws: int) -> float:
        """Return the accuracy on the set of a condenser, less the mean on random rows."""
        random = float(np.mean(self.of_random(condenser, X, teacher, n_draws)))
        return self.accuracy(condenser.condensed_) - random

    def of_random(self, condenser: BaseCondenser, X: Any, teacher: Any, n_draws: int) -> NDArray[np.float64]:
        """Return the accuracies on random rows, as many of each class as the set of a condenser has."""
        labels, counts = np.unique(np.asarray(condenser.y_syn_), return_counts=True)
        size = {label: at_most(int(n)) for label, n in zip(labels.tolist(), counts, strict=True)}
        soft = condenser.y_soft_ is not None and "soft labels" in variants(condenser.condensed_, self.learner)
        teacher = getattr(condenser, "teacher", None) if teacher is None else teacher
        random = SoftLabelRandom(size, teacher=teacher) if soft else RandomSubset(size)
        random.set_params(task="classification")
        seeds = range(self.seed, self.seed + n_draws)
        sets = (random.set_params(random_state=seed).fit(X, self.y).condensed_ for seed in seeds)
        return np.array([self.accuracy(condensed) for condensed in sets])
