"""The one way to train learners on a set and to score them: scaling, weights and labels."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from inspect import signature
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import check_scoring
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_array, get_tags
from sklearn.utils.validation import has_fit_parameter

from skdc.condensed import CondensedSet
from skdc.containers import EncodedRows, as_array, plain_labels
from skdc.fitting.base import BaseCondenser
from skdc.fitting.input import dense
from skdc.learners import NetworkClassifier

VARIANTS = ("hard labels", "weights", "soft labels")


@dataclass(frozen=True)
class OneScale:
    """One shift and one scale for all numbers of a row, which changes no geometry.

    Parameters
    ----------
    shift, scale : float
    """

    shift: float
    scale: float

    @classmethod
    def of(cls, X: NDArray) -> Self:
        """Return the mean and the deviation of all entries of rows X of shape (n, ...)."""
        return cls(float(X.mean()), float(X.std()) or 1.0)

    def transform(self, X: NDArray) -> NDArray:
        """Return rows, shifted and scaled."""
        return (X - self.shift) / self.scale


@dataclass(frozen=True, eq=False)
class RowScaling:
    """How learners see rows: frames encoded, and all numbers scaled, the same for every set and for new rows.

    It is made by `of_rows`, which looks at training rows and at no other; or by `of_set`, where they are not at hand.

    Parameters
    ----------
    encode : callable
        `encode(rows, name)` makes numbers of rows.
    scaler : object with transform
    input_shape : tuple of int, default=None
        Of a row as numbers; rows of another shape are refused. None: nothing is checked.

    Examples
    --------
    >>> import numpy as np
    >>> from skdc.evaluation.protocol import RowScaling
    >>> scaling = RowScaling.of_rows(np.array([[0.0, 10.0], [2.0, 30.0]]))
    >>> scaling(np.array([[1.0, 20.0], [3.0, 20.0]]))
    array([[0., 0.],
           [2., 0.]])
    """

    encode: Callable[..., Any]
    scaler: Any
    input_shape: tuple[int, ...] | None = None

    @classmethod
    def of_rows(cls, X: Any, sample_weight: Any = None) -> Self:
        """Return the scaling of training rows: columns standardised each, images by one mean and one deviation.

        Frames are encoded as condensers do where the user says nothing. Sparse rows are not shifted.

        Parameters
        ----------
        X : array, sparse matrix or frame of shape (n, ...)
        sample_weight : array-like of shape (n,), default=None
            A row of weight 2 counts as the row twice.
        """
        encode = EncodedRows(X, sample_weight)
        numbers = _checked(encode(X), "X")
        if numbers.ndim > 2:
            return cls(encode, OneScale.of(numbers), numbers.shape[1:])
        scaler = StandardScaler(with_mean=not issparse(numbers)).fit(numbers, sample_weight=sample_weight)
        return cls(encode, scaler, numbers.shape[1:])

    @classmethod
    def of_set(cls, condenser: BaseCondenser) -> Self:
        """Return the scaling by the set of a fitted condenser, encoded as it does: one mean and one deviation.

        Parameters
        ----------
        condenser : condenser
            Fitted.
        """
        encoder = vars(condenser).get("encoder_")

        def encode(rows: Any, name: str = "X") -> Any:
            rows = as_array(rows, name)
            return rows if encoder is None else encoder.transform(rows)

        numbers = np.asarray(dense(encode(condenser.X_syn_)))
        return cls(encode, OneScale.of(numbers), numbers.shape[1:])

    def numbers(self, rows: Any, name: str = "X") -> Any:
        """Return rows as numbers, not scaled yet.

        Raises
        ------
        ValueError
            If they are not like those that were seen.
        """
        numbers = _checked(self.encode(rows, name), name)
        if self.input_shape is not None and numbers.shape[1:] != self.input_shape:
            raise ValueError(
                f"rows of {name} of shape {numbers.shape[1:]} are not like those that learners are trained on, "
                f"{self.input_shape}"
            )
        return numbers

    def __call__(self, rows: Any, name: str = "X") -> Any:
        """Return rows as learners see them.

        Parameters
        ----------
        rows : array, sparse matrix or frame of shape (m, ...)
        name : str, default="X"
            What the user knows them by.
        """
        return self.scaler.transform(self.numbers(rows, name))


def _checked(rows: Any, name: str) -> Any:
    return check_array(rows, allow_nd=True, accept_sparse="csr", input_name=name)


def as_seen(learner: Any, X: Any) -> Any:
    """Return rows as a learner takes them: images for networks, else flat; sparse ones to who takes them."""
    if issparse(X):
        return X if get_tags(learner).input_tags.sparse else X.toarray()
    return X if isinstance(learner, NetworkClassifier) else X.reshape(len(X), -1)


def trained(learner: Any, condensed: CondensedSet) -> Any:
    """Return a clone of a learner, fitted on what it can use of a set.

    That a learner has not converged on few rows is no news, and not told.

    Parameters
    ----------
    learner : estimator
    condensed : CondensedSet
        Its rows as `as_seen` gives them.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return condensed.train(clone(learner))


def score_of(learner: Any, X: Any, y: Any, scoring: Any = None, sample_weight: Any = None) -> float:
    """Return the score of a fitted learner on rows.

    Parameters
    ----------
    learner : estimator
        Fitted.
    X : array of shape (n, ...)
        As `as_seen` gives them.
    y : array-like of shape (n,) or (n, n_outputs)
    scoring : str, callable or None, default=None
        As in scikit-learn; None takes its `score`.
    sample_weight : array-like of shape (n,), default=None
        For scores that take weights.
    """
    scorer = check_scoring(learner, scoring)
    asked = signature(learner.score if scoring is None else scorer).parameters
    counts = sample_weight is not None and "sample_weight" in asked
    return float(scorer(learner, X, plain_labels(y), **({"sample_weight": sample_weight} if counts else {})))


def variants(condensed: CondensedSet, learner: Any) -> dict[str, CondensedSet]:
    """Return what a learner can be given of a set: its hard labels, weights with them, and soft labels.

    Parameters
    ----------
    condensed : CondensedSet
    learner : estimator

    Returns
    -------
    dict of str to CondensedSet
        Out of `VARIANTS`, those that the learner can use.
    """
    takes_weight, weighted = has_fit_parameter(learner, "sample_weight"), replace(condensed, y_soft=None)
    found = {"hard labels": replace(weighted, sample_weight=None)}
    if takes_weight:
        found["weights"] = weighted
    if condensed.y_soft is not None and (takes_weight or getattr(learner, "accepts_soft_labels", False)):
        found["soft labels"] = condensed
    return found
