"""How well other learners do on a condensed set than the one that it was made for."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from skdc.condensed import CondensedSet
from skdc.containers import as_array, checked_targets
from skdc.evaluation._display import Table
from skdc.fitting.base import BaseCondenser
from skdc.fitting.input import dense
from skdc.images import ImageLayout
from skdc.learners import KernelRidgeClassifier, NetworkClassifier
from skdc.networks import ConvNet

VARIANTS = ("hard labels", "weights", "soft labels")


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

    def cells(self) -> list[tuple[str, ...]]:
        """Return each learner, and its accuracies."""
        return [
            (name, *(f"{found[variant]:.3f}" if variant in found else "-" for variant in VARIANTS))
            for name, found in self.scores.items()
        ]


def transfer_table(
    condenser: BaseCondenser,
    X_test: ArrayLike,
    y_test: ArrayLike,
    *,
    learners: Mapping[str, Any] | None = None,
    random_state: int = 0,
) -> TransferTable:
    """Train learners on a condensed set, each with what it can use of it, and test them.

    A set that is made for one learner is often poor for another: methods are to be compared by tables like this, and
    not by the learner that they were made for. All learners see rows flattened, less the mean of all entries of the
    set and divided by their deviation, but the convolutional network, which sees images.

    Parameters
    ----------
    condenser : condenser
        Fitted on a classification task. Where it has an encoder, learners see what that makes of rows.
    X_test : array-like of shape (n, ...)
        New rows, as the condenser takes them.
    y_test : array-like of shape (n,)
        Their labels.
    learners : dict of str to classifier, default=None
        Unfitted. None takes logistic regression, an SVC, the nearest neighbour, an MLP, a random forest, gradient
        boosting with leaves of 1 row or more, kernel ridge and, for images, a convolutional network, with
        scikit-learn's defaults where they are its own.
    random_state : int, default=0
        Seed of the learners that None stands for.

    Returns
    -------
    TransferTable
        It prints as text, and shows as a table in a notebook.

    Raises
    ------
    ValueError
        If the condenser had no labels, or the test rows are not like its own.

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
    logistic        0.973        0.973            -
    1-NN            0.973            -            -
    """
    check_is_fitted(condenser)
    if getattr(condenser, "classes_", None) is None:
        raise ValueError(f"{type(condenser).__name__} was fitted without classes, which transfer_table tells apart")
    X, X_test = rows_for_learners(condenser, X_test)
    y_test = checked_targets(y_test, "y_test")
    check_consistent_length(X_test, y_test)
    found = {}
    for name, learner in (standard_learners(X.shape[1:], random_state) if learners is None else learners).items():
        condensed = replace(condenser.condensed_, X=as_seen(learner, X))
        found[name] = _scores(learner, condensed, as_seen(learner, X_test), y_test)
    return TransferTable(found)


def _scores(learner: Any, whole: CondensedSet, X_test: NDArray, y_test: NDArray) -> dict[str, float]:
    takes_weight, weighted = has_fit_parameter(learner, "sample_weight"), replace(whole, y_soft=None)
    variants = {"hard labels": replace(weighted, sample_weight=None)}
    if takes_weight:
        variants["weights"] = weighted
    if whole.y_soft is not None and (takes_weight or getattr(learner, "accepts_soft_labels", False)):
        variants["soft labels"] = whole
    scores = {}
    for variant, condensed in variants.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            scores[variant] = float(condensed.train(clone(learner)).score(X_test, y_test))
    return scores


def rows_for_learners(condenser: BaseCondenser, X_test: ArrayLike) -> tuple[NDArray, NDArray]:
    """Return the rows of a condensed set and new ones: encoded, if the condenser has an encoder, and standardised."""
    X, X_test = numbers_of_rows(condenser, X_test)
    mean, deviation = X.mean(), X.std() or 1.0
    return (X - mean) / deviation, (X_test - mean) / deviation


def numbers_of_rows(condenser: BaseCondenser, X_test: ArrayLike) -> tuple[NDArray, NDArray]:
    """Return the rows of a condensed set and new ones as numbers: encoded, if the condenser has an encoder."""
    encoder, X_test = vars(condenser).get("encoder_"), as_array(X_test, "X_test")
    X, X_test = (rows if encoder is None else dense(encoder.transform(rows)) for rows in (condenser.X_syn_, X_test))
    X, X_test = np.asarray(X), check_array(X_test, allow_nd=True)
    if X_test.shape[1:] != X.shape[1:]:
        raise ValueError(f"test rows of shape {X_test.shape[1:]} are not like those of the set, {X.shape[1:]}")
    return X, X_test


def as_seen(learner: Any, X: NDArray) -> NDArray:
    """Return rows as a learner wants them: images for networks, else flat."""
    return X if isinstance(learner, NetworkClassifier) else X.reshape(len(X), -1)


def standard_learners(input_shape: tuple[int, ...], seed: int) -> dict[str, Any]:
    """Return the learners of the tables by name."""
    found = {
        "logistic regression": LogisticRegression(max_iter=1000),
        "SVC": SVC(),
        "nearest neighbour": KNeighborsClassifier(1),
        "MLP": MLPClassifier(max_iter=500, random_state=seed),
        "random forest": RandomForestClassifier(random_state=seed),
        "gradient boosting": HistGradientBoostingClassifier(min_samples_leaf=1, random_state=seed),
        "kernel ridge": KernelRidgeClassifier(regularization=1e-2),
    }
    if len(input_shape) > 1:
        depth = min(3, int(np.log2(min(ImageLayout(input_shape, None).shape[1:]))))
        network = ConvNet(width=32, depth=depth)
        found["convolutional network"] = NetworkClassifier(network, standardize=False, random_state=seed)
    return found
