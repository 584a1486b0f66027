"""Estimators around a condenser: a learner that is trained on the condensed set, and imbalanced-learn's sampler."""

from __future__ import annotations

from collections.abc import Callable
from inspect import isclass
from typing import Any, Self

from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils import Tags, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skdc.containers import plain_labels
from skdc.fields import BaseEstimator, Fields, MetaEstimatorMixin
from skdc.fitting.base import BaseCondenser
from skdc.fitting.input import task_of
from skdc.isolation import all_or_nothing
from skdc.partitions import Partitions


def _estimator_has(method: str) -> Callable[[CondensedEstimator], bool]:
    def check(self: CondensedEstimator) -> bool:
        getattr(self.estimator_ if "estimator_" in vars(self) else self.estimator, method)
        return True

    return check


class CondensedEstimator(MetaEstimatorMixin, Fields):
    """An estimator that is trained on a condensed set, for the end of an unmodified Pipeline or anywhere else.

    It is a classifier, a regressor or a transformer as its estimator is.

    Parameters
    ----------
    condenser : condenser
        Its `task`, if "auto", is set by the kind of the estimator.
    estimator : estimator
        Gets what it can use of the condensed set:

        * `sample_weight_`, where its `fit` takes `sample_weight`;
        * of learned labels, the probabilities themselves, where it declares `accepts_soft_labels = True` (`fit` then
          takes y of shape (n, n_classes), whose columns the parameter `classes` names); weighted copies of each row,
          one for each class of positive probability, where its `fit` takes `sample_weight`; `y_syn_` otherwise, and
          where they give a class of the set no share, so that it would never be predicted.

        The `fit` of a Pipeline does not say what it takes: put steps that need no condensed set before.

    Attributes
    ----------
    condenser_ : condenser
        The fitted clone; it unpacks into (X_syn, y_syn).
    estimator_ : estimator
        The clone fitted on the condensed set.
    classes_ : ndarray of shape (n_classes,)
        Those of `estimator_`, where it has some.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where X is a frame.

    See Also
    --------
    skdc.CondensingPipeline : A pipeline with the condenser as a step.

    Notes
    -----
    With metadata routing, `sample_weight` and `sensitive_features` are requested of this estimator:
    `CondensedEstimator(...).set_fit_request(sample_weight=True)`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn.svm import SVC
    >>> from skdc import CondensedEstimator, KMeansCondenser
    >>> X, y = load_iris(return_X_y=True)
    >>> model = CondensedEstimator(condenser=KMeansCondenser(n_per_class=5, random_state=0), estimator=SVC())
    >>> pipe = make_pipeline(StandardScaler(), model).fit(X, y)
    >>> X_syn, y_syn = pipe[-1].condenser_
    >>> X_syn.shape
    (15, 4)
    >>> pipe.score(X, y) > 0.9
    True
    """

    condenser: BaseCondenser
    estimator: BaseEstimator

    @all_or_nothing
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        sample_weight: ArrayLike | None = None,
        sensitive_features: ArrayLike | None = None,
    ) -> Self:
        """Condense the data, and fit the estimator on what comes out.

        Parameters
        ----------
        X, y, sample_weight, sensitive_features
            As for the condenser.

        Returns
        -------
        self

        Raises
        ------
        TypeError
            If the condenser is none, or the estimator has no fit.
        ValueError
            For bad input, or no y where the estimator is a classifier or a regressor.
        """
        _refuse_others(condenser=self.condenser, estimator=self.estimator)
        condenser, task = clone(self.condenser), task_of(self.estimator)
        if y is None and task != "auto" and not isinstance(X, Partitions):
            raise ValueError(f"{task} requires y to be passed, but the target y is None")
        if condenser.task == "auto":
            condenser.set_params(task=task)
        self.condenser_ = condenser.fit(X, y, sample_weight=sample_weight, sensitive_features=sensitive_features)
        self.estimator_ = condenser.condensed_.train(clone(self.estimator))
        self.n_features_in_ = condenser.n_features_in_
        for name, owner in (("feature_names_in_", self.condenser_), ("classes_", self.estimator_)):
            if hasattr(owner, name):
                setattr(self, name, getattr(owner, name))
            else:
                self.__dict__.pop(name, None)
        return self

    @available_if(_estimator_has("predict"))
    def predict(self, X: ArrayLike) -> NDArray:
        """Return the predictions of the estimator for rows X of shape (n, ...)."""
        check_is_fitted(self)
        return self.estimator_.predict(X)

    @available_if(_estimator_has("predict_proba"))
    def predict_proba(self, X: ArrayLike) -> NDArray:
        """Return the class probabilities of the estimator for rows X of shape (n, ...)."""
        check_is_fitted(self)
        return self.estimator_.predict_proba(X)

    @available_if(_estimator_has("predict_log_proba"))
    def predict_log_proba(self, X: ArrayLike) -> NDArray:
        """Return the log-probabilities of the estimator for rows X of shape (n, ...)."""
        check_is_fitted(self)
        return self.estimator_.predict_log_proba(X)

    @available_if(_estimator_has("decision_function"))
    def decision_function(self, X: ArrayLike) -> NDArray:
        """Return the decision values of the estimator for rows X of shape (n, ...)."""
        check_is_fitted(self)
        return self.estimator_.decision_function(X)

    @available_if(_estimator_has("transform"))
    def transform(self, X: ArrayLike) -> Any:
        """Return rows X of shape (n, ...), transformed by the estimator."""
        check_is_fitted(self)
        return self.estimator_.transform(X)

    @available_if(_estimator_has("score"))
    def score(self, X: ArrayLike, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None) -> float:
        """Return the score of the estimator for rows X of shape (n, ...) and targets y of shape (n,)."""
        check_is_fitted(self)
        if sample_weight is None:
            return self.estimator_.score(X, plain_labels(y))
        return self.estimator_.score(X, plain_labels(y), sample_weight=sample_weight)

    def __sklearn_tags__(self) -> Tags:
        tags, learner = super().__sklearn_tags__(), get_tags(self.estimator)
        tags.input_tags = get_tags(self.condenser).input_tags
        tags.estimator_type, tags.target_tags = learner.estimator_type, learner.target_tags
        tags.classifier_tags, tags.regressor_tags = learner.classifier_tags, learner.regressor_tags
        tags.transformer_tags = learner.transformer_tags
        return tags


def _refuse_others(**parts: Any) -> None:
    """Refuse what is no condenser (which is fitted, and unpacks), or no estimator, in its place."""
    for name, part in parts.items():
        needs, example = (["fit", "__iter__"], "KMedoids()") if name == "condenser" else (["fit"], "SVC()")
        if isclass(part) or not all(hasattr(part, method) for method in needs):
            raise TypeError(f"{name} must be an object such as {example}, got {part!r}")


class AsSampler(Fields):
    """A condenser as a sampler of imbalanced-learn, for the middle of its Pipeline.

    Parameters
    ----------
    condenser : condenser

    Attributes
    ----------
    condenser_ : condenser
        The fitted clone.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where X is a frame.

    Examples
    --------
    >>> from imblearn.pipeline import make_pipeline
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skdc import AsSampler, KMeansCondenser
    >>> X, y = load_iris(return_X_y=True)
    >>> sampler = AsSampler(KMeansCondenser(n_per_class=3, random_state=0))
    >>> X_syn, y_syn = sampler.fit_resample(X, y)
    >>> X_syn.shape
    (9, 4)
    >>> make_pipeline(sampler, LogisticRegression()).fit(X, y).score(X, y) > 0.9
    True
    """

    condenser: BaseCondenser

    @all_or_nothing
    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Condense the data.

        Parameters
        ----------
        X, y
            As for the condenser.

        Returns
        -------
        self

        Raises
        ------
        TypeError
            If the condenser is none.
        """
        _refuse_others(condenser=self.condenser)
        self.condenser_ = clone(self.condenser).fit(X, y)
        self.n_features_in_ = self.condenser_.n_features_in_
        if hasattr(self.condenser_, "feature_names_in_"):
            self.feature_names_in_ = self.condenser_.feature_names_in_
        else:
            self.__dict__.pop("feature_names_in_", None)
        return self

    def fit_resample(self, X: ArrayLike, y: ArrayLike | None = None) -> tuple[Any, Any]:
        """Condense the data, and return the condensed set.

        Parameters
        ----------
        X, y
            As for the condenser.

        Returns
        -------
        X_syn, y_syn
        """
        X_syn, y_syn = self.fit(X, y).condenser_
        return X_syn, y_syn

    def __sklearn_tags__(self) -> Tags:
        tags, condenser = super().__sklearn_tags__(), get_tags(self.condenser)
        tags.input_tags, tags.target_tags = condenser.input_tags, condenser.target_tags
        return tags
