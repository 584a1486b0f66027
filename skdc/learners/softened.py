"""Classifiers that are less sure than they would be."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from skdc.fields import ClassifierMixin, Fields, MetaEstimatorMixin
from skdc.isolation import all_or_nothing


class Softened(ClassifierMixin, MetaEstimatorMixin, Fields):
    r"""A classifier whose probabilities are drawn together by a temperature, as a teacher's in distillation [1]_.

    .. math:: p_c^{1 / T} / \sum_d p_d^{1 / T}

    Soft labels of a robust teacher make robust students; where it is sure of nearly all rows, as of digits, they tell
    hardly more than the classes do, unless they are softened.

    Parameters
    ----------
    estimator : classifier with `predict_proba`
    temperature : float, default=4.0
        T: 1 changes nothing, more is softer.

    Attributes
    ----------
    estimator_ : classifier
        Fitted.
    classes_ : ndarray of shape (n_classes,)

    References
    ----------
    .. [1] Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015, eq. 1.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skdc.learners import Softened
    >>> X, y = load_iris(return_X_y=True)
    >>> Softened(LogisticRegression(max_iter=1000)).fit(X, y).predict_proba(X[:1]).round(2)
    array([[0.72, 0.27, 0.01]])
    """

    estimator: Any
    temperature: float = 4.0

    @all_or_nothing
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the classifier.

        Parameters
        ----------
        X : array-like of shape (n, ...)
        y : array-like of shape (n,)
        sample_weight : array-like of shape (n,), default=None
            For a classifier that takes it.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the temperature is not positive.
        """
        if not self.temperature > 0:
            raise ValueError(f"Softened(temperature={self.temperature!r}): the temperature must be positive")
        takes = sample_weight is not None and has_fit_parameter(self.estimator, "sample_weight")
        self.estimator_ = clone(self.estimator).fit(X, y, **({"sample_weight": sample_weight} if takes else {}))
        self.classes_ = self.estimator_.classes_
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return class probabilities of shape (n, n_classes) for rows X of shape (n, ...)."""
        check_is_fitted(self)
        found = np.asarray(self.estimator_.predict_proba(X), dtype=np.float64)
        # The largest is brought to 1 first, so that none overflows or all vanish.
        softened = (found / found.max(axis=1, keepdims=True)) ** (1 / self.temperature)
        return softened / softened.sum(axis=1, keepdims=True)

    def predict(self, X: ArrayLike) -> NDArray:
        """Return the most probable label of each row of X of shape (n, ...)."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]
