"""How well other learners do on a condensed set than the one that it was made for."""

from __future__ import annotations

from dataclasses import dataclass, replace

from numpy.typing import ArrayLike
from sklearn.utils import check_consistent_length

from skdc.condensed import CondensedSet
from skdc.containers import checked_targets
from skdc.evaluation.panels import Learners, learners_by_name
from skdc.evaluation.protocol import VARIANTS, RowScaling, as_seen, score_of, set_with_classes, trained, variants
from skdc.evaluation.tables import Table
from skdc.fitting.base import BaseCondenser


@dataclass(frozen=True, eq=False)
class TransferTable(Table):
    """What `transfer_table` found.

    Parameters
    ----------
    scores : dict of str to dict of str to float
        Accuracy on the test rows by learner, then by what it was given: "hard labels"; "weights" with them, where its
        `fit` takes `sample_weight`; "soft labels", and weights where it takes them, where the set has some and the
        learner can use them.
    """

    measures = VARIANTS
    scores: dict[str, dict[str, float]]

    def lines(self) -> list[tuple[str | float | None, ...]]:
        """Return each learner, and its accuracies."""
        return [(name, *(found.get(variant) for variant in VARIANTS)) for name, found in self.scores.items()]


def transfer_table(
    condenser: BaseCondenser | CondensedSet,
    X_test: ArrayLike,
    y_test: ArrayLike,
    *,
    learners: Learners = None,
    random_state: int = 0,
) -> TransferTable:
    """Train learners on a condensed set, each with what it can use of it, and test them.

    A set that is made for one learner is often poor for another: methods are to be compared by tables like this, and
    not by the learner that they were made for. Learners see rows scaled as in `compare`, by the data that the set was
    made from; or by its own points where nothing is kept of those data, as of private ones. All see rows flattened, but
    the convolutional network, which sees images.

    Parameters
    ----------
    condenser : condenser or CondensedSet
        Fitted on a classification task; or a set of one, such as `skdc.load` returns.
    X_test : array-like of shape (n, ...)
        New rows, as the condenser takes them.
    y_test : array-like of shape (n,)
        Their labels.
    learners : dict of str to classifier, list, classifier or names, default=None
        Unfitted. Names are "linear" (logistic regression), "svm", "neighbors" (the nearest one), "mlp", "forest",
        "boosting" (with leaves of 1 row or more), "trees" (both of these), "kernel ridge" and, for images, "convnet",
        with scikit-learn's defaults where they are its own. None takes all of these; there are "naive bayes" and
        "5 neighbors" besides.
    random_state : int, default=0
        Seed of the learners that names stand for.

    Returns
    -------
    TransferTable
        It prints as text, and shows as a table in a notebook.

    Raises
    ------
    ValueError
        If the set has no classes, or the test rows are not like its own.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from skdc import KMedoids
    >>> from skdc.evaluation import transfer_table
    >>> X, y = load_iris(return_X_y=True)
    >>> condenser = KMedoids(n_per_class=3, random_state=0).fit(X[::2], y[::2])
    >>> learners = {"logistic": LogisticRegression(), "1-NN": KNeighborsClassifier(1)}
    >>> print(transfer_table(condenser, X[1::2], y[1::2], learners=learners))
              hard labels      weights  soft labels
    logistic        0.960        0.960            -
    1-NN            0.920            -            -
    """
    whole = set_with_classes(condenser, "transfer_table")
    scaling = RowScaling.of_set(whole)
    X, X_test = scaling(whole.X, "the set"), scaling(X_test, "X_test")
    y_test = checked_targets(y_test, "y_test")
    check_consistent_length(X_test, y_test)
    found = {}
    for name, learner in learners_by_name(learners, "classification", X.shape[1:], seed=random_state).items():
        condensed, tested = replace(whole, X=as_seen(learner, X)), as_seen(learner, X_test)
        found[name] = {
            variant: score_of(trained(learner, shown), tested, y_test)
            for variant, shown in variants(condensed, learner).items()
        }
    return TransferTable(found)
