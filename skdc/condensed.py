"""A condensed set, as what people and learners take of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import has_fit_parameter

from skdc.containers import plain_labels
from skdc.provenance import Provenance


@dataclass(frozen=True, eq=False)
class CondensedSet:
    """A condensed set; it unpacks into (X, y).

    `dataclasses.replace(condensed, X=encoded)` gives the same set with other rows, for learners that see them so.

    Parameters
    ----------
    X : array or frame of shape (m, ...)
        Rows, in the container of the data.
    y : array, series or frame of shape (m,) or (m, n_outputs), or None
        Labels of those that were asked for, or continuous targets.
    sample_weight : ndarray of shape (m,), default=None
        Masses; None weighs rows alike.
    y_soft : ndarray of shape (m, n_classes), default=None
        Class probabilities, where the set says more than a label each.
    classes : ndarray of shape (n_classes,), default=None
        The labels of the columns of `y_soft`.
    provenance : Provenance, default=None
        Where the set comes from.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from skdc import KMedoids
    >>> X, y = load_iris(return_X_y=True)
    >>> condensed = KMedoids(n_per_class=5, random_state=0).fit(X, y).condensed_
    >>> X_syn, y_syn = condensed
    >>> X_syn.shape
    (15, 4)
    >>> condensed.train(KNeighborsClassifier(1)).score(X, y) > 0.9
    True
    """

    X: Any
    y: Any
    sample_weight: NDArray[np.float64] | None = None
    y_soft: NDArray[np.float64] | None = None
    classes: NDArray | None = None
    provenance: Provenance | None = None

    def __iter__(self) -> Iterator[Any]:
        return iter((self.X, self.y))

    def for_learner(self, estimator: Any) -> tuple[Any, Any, dict[str, Any]]:
        """Return the set as an estimator can use most of it.

        Probabilities go as they are to one that declares `accepts_soft_labels = True`, whose `fit` takes y of shape
        (m, n_classes); to others whose `fit` takes `sample_weight` as weighted copies of each row, one for each class
        of positive probability. Others get the labels, and so do all where the probabilities give a class of the set
        no share, so that it would never be predicted. Weights go to those that take them.

        Parameters
        ----------
        estimator : estimator

        Returns
        -------
        X, y
        fit_params : dict of str to array
            Of `fit`: the weights, or nothing.
        """
        takes_weight = has_fit_parameter(estimator, "sample_weight")
        X, y, weight = self.X, plain_labels(self.y), self.sample_weight
        if self.y_soft is not None and self.classes is not None:
            lost = np.setdiff1d(y, self.classes[self.y_soft.any(axis=0)])
            if not len(lost) and getattr(estimator, "accepts_soft_labels", False):
                y = self.y_soft
            elif not len(lost) and takes_weight:
                rows, columns = np.nonzero(self.y_soft)
                share = self.y_soft[rows, columns]
                X, y = _safe_indexing(X, rows), self.classes[columns]
                weight = share if weight is None else weight[rows] * share
        return X, y, {"sample_weight": weight} if takes_weight else {}

    def train(self, learner: Any) -> Any:
        """Return a learner, fitted on what it can use of the set; `classes` of one that takes probabilities is set.

        Parameters
        ----------
        learner : estimator
            It is fitted itself: pass a clone of what is to stay as it is.
        """
        X, y, fit_params = self.for_learner(learner)
        if y is not None and y is self.y_soft:
            learner.set_params(classes=self.classes)
        return learner.fit(X, y, **fit_params)
