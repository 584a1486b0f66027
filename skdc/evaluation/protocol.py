"""The one way to train learners on a set and to score them: scaling, weights and labels."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from inspect import signature
from typing import Any, Self

import numpy as np
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import check_scoring
from sklearn.utils import check_array, get_tags
from sklearn.utils.validation import has_fit_parameter

from skdc.condensed import CondensedSet
from skdc.containers import as_array, held, plain_labels, refuse_filled, refuse_words
from skdc.learners import NetworkClassifier
from skdc.plotting.rows import condensed_of
from skdc.scaling import Scaling

VARIANTS = ("hard labels", "weights", "soft labels")


@dataclass(frozen=True, eq=False)
class RowScaling:
    """How learners see rows, the same for every set and for new rows: by what the data say from which a set was made.

    It is made by `of_rows`, which looks at those data; or by `of_set`, which asks the set. Both give the same.

    Parameters
    ----------
    scaling : Scaling
    input_shape : tuple of int
        Of a row; rows of another shape are refused.
    columns : list, default=None
        The names of the columns, where the data are a frame; frames with others are refused.

    Examples
    --------
    >>> import numpy as np
    >>> from skdc.evaluation.protocol import RowScaling
    >>> scaling = RowScaling.of_rows(np.array([[0.0, 10.0], [2.0, 30.0]]))
    >>> scaling(np.array([[1.0, 20.0], [3.0, 20.0]]))
    array([[0., 0.],
           [2., 0.]])
    """

    scaling: Scaling
    input_shape: tuple[int, ...]
    columns: list[Any] | None = None

    @classmethod
    def of_rows(cls, X: Any, sample_weight: Any = None) -> Self:
        """Return the scaling of training rows.

        Parameters
        ----------
        X : array, sparse matrix or frame of shape (n, ...)
        sample_weight : array-like of shape (n,), default=None
            A row of weight 2 counts as the row twice.
        """
        rows = held(X)
        refuse_filled(rows)
        return cls(Scaling.of(rows, sample_weight), rows.shape[1:], _names(rows))

    @classmethod
    def of_set(cls, condensed: CondensedSet) -> Self:
        """Return the scaling of the data that a set was made from, which its provenance keeps.

        Where it keeps none, the weighted points stand for the data: of private data, of sets that are not from a
        condenser, and of files of old. So they do where the set has been given rows with other columns.

        Parameters
        ----------
        condensed : CondensedSet
        """
        X = as_array(condensed.X, "the set")
        known = None if condensed.provenance is None else condensed.provenance.scaling
        if known is not None and X.ndim > 2:
            known = known.pooled()
        if known is None or len(known.levels or known.mean) not in (1, X.shape[1]):
            known = Scaling.of(X, condensed.sample_weight)
        return cls(known, X.shape[1:], _names(X))

    def numbers(self, rows: Any, name: str = "X") -> Any:
        """Return rows as numbers: of frames with words or gaps as learners see them, of others not scaled yet.

        Raises
        ------
        ValueError
            If they are not like those that were seen.
        """
        rows, columns = as_array(rows, name), self.columns
        if hasattr(rows, "iloc") and columns is not None and list(rows.columns) != columns:
            raise ValueError(
                f"the columns of {name}, {list(rows.columns)}, are not those of X, {columns}; give both the same ones "
                "in the same order"
            )
        if not hasattr(rows, "iloc"):
            rows = np.asarray(rows) if self.scaling.levels and not issparse(rows) else _checked(rows, name)
        if rows.shape[1:] != self.input_shape:
            raise ValueError(
                f"rows of {name} of shape {rows.shape[1:]} are not like those that learners are trained on, "
                f"{self.input_shape}"
            )
        return _checked(self.scaling.numbers(rows), name)

    def __call__(self, rows: Any, name: str = "X") -> Any:
        """Return rows as learners see them.

        Parameters
        ----------
        rows : array, sparse matrix or frame of shape (m, ...)
        name : str, default="X"
            What the user knows them by.
        """
        return self.scaling.standardized(self.numbers(rows, name))


def _names(X: Any) -> list[Any] | None:
    return list(X.columns) if hasattr(X, "iloc") else None


def _checked(rows: Any, name: str) -> Any:
    refuse_words(rows, name)
    refuse_filled(rows, name)
    return check_array(rows, allow_nd=True, accept_sparse="csr", input_name=name)


def as_seen(learner: Any, X: Any) -> Any:
    """Return rows as a learner takes them: images for networks, else flat; sparse ones to who takes them."""
    if issparse(X):
        return X if get_tags(learner).input_tags.sparse else X.toarray()
    return X if isinstance(learner, NetworkClassifier) else X.reshape(len(X), -1)


def set_with_classes(condenser: Any, asker: str) -> CondensedSet:
    """Return the set of a fitted condenser, or a set as it is; refuse one without classes, naming who asks for them."""
    condensed = condensed_of(condenser)
    if condensed.classes is None:
        raise ValueError(f"the set is without classes, which {asker} tells apart; condense rows with labels")
    return condensed


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
