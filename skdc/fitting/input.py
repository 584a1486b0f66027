"""From what a user passes to what the parts take: validated rows, targets, weights, groups and sizes."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from inspect import isclass
from os import PathLike
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array, issparse
from sklearn.base import BaseEstimator, is_classifier, is_regressor
from sklearn.utils import _safe_indexing
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import (
    _check_feature_names,
    _check_n_features,
    check_array,
    check_consistent_length,
)

from skdc.containers import (
    are_categories,
    as_array,
    checked_targets,
    is_numeric,
    is_sparse,
    missing_values,
    not_numeric,
    refuse_filled,
    refuse_words,
    row_bytes,
    table_encoder,
)
from skdc.fitting.encoding import declared_encoder, encoded, refuse_unknown_word, takes_images
from skdc.fitting.missing import about_rows
from skdc.preprocessing.scores import NormalScores
from skdc.scales import numeric_weight
from skdc.seeds import seeded
from skdc.sources import Passing, RowSource, Schema, SparseSource, Units

_WHOLE = 2.0**53  # floats from here on are whole numbers, which says nothing of what they are
_MOST_CLASSES = 100  # more distinct numbers than this are taken for a regression target by mistake


@dataclass(frozen=True, eq=False)
class Problem:
    """Validated data of one fit.

    Parameters
    ----------
    X : ndarray of shape (n, *input_shape)
        Numeric rows in the user's units (encoded, if there is an encoder); rows of weight 0 are left out.
    y : ndarray of shape (n, n_outputs) or None
        Continuous targets, or several labels; classes are in the keys.
    weight : ndarray of shape (n,)
    key : ndarray of shape (n,)
    schema : Schema
    positions : ndarray of shape (n,)
        Where each row stands in what the user passed.
    encoder : fitted transformer or None
    given : (X, y)
        As passed by the user.
    passing : Passing, default=None
        What passes over rows in pieces, of which these are a sample.
    places : ndarray of shape (n_given,), default=None
        Where these rows stand among all.
    is_sample : bool, default=False
        Whether they stand for more rows, of which they were drawn.
    """

    X: NDArray
    y: NDArray[np.float64] | None
    weight: NDArray[np.float64]
    key: NDArray[np.int64]
    schema: Schema
    positions: NDArray[np.intp]
    encoder: Any
    given: tuple[Any, Any]
    passing: Passing | None = None
    places: NDArray[np.intp] | None = None
    is_sample: bool = False

    @property
    def codes(self) -> NDArray[np.int64]:
        """The class code of each row."""
        return self.schema.class_of_key[self.key]

    def source(self, device: torch.device) -> RowSource:
        """Return the rows as a source, in working units of their own; sparse ones stay on the CPU."""
        given = self.X, self.y, self.weight, self.key, self.schema
        return SparseSource(*given) if issparse(self.X) else RowSource(*given, device)

    def source_as_given(self, device: torch.device) -> RowSource:
        """Return the rows as a source in the user's units, in float64."""
        units = Units(), Units()
        return RowSource(self.X, self.y, self.weight, self.key, self.schema, device, torch.float64, units)

    def per_class(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the number of rows and the weight of each class."""
        if self.passing is not None:
            return self.passing.counts, self.passing.mass
        codes, n_classes = self.codes, self.schema.n_classes
        counts = np.bincount(codes, minlength=n_classes).astype(np.int64)
        return counts, np.bincount(codes, self.weight, n_classes).astype(np.float64)


def read(
    estimator: BaseEstimator,
    X: ArrayLike,
    y: ArrayLike | None,
    sample_weight: ArrayLike | None = None,
    sensitive_features: ArrayLike | None = None,
    *,
    task: str,
    encoder: Any,
    classes: ArrayLike | None = None,
    reset: bool = True,
    sparse: bool = False,
) -> Problem:
    """Validate the data of a fit; what is wrong with them is said, with what to do.

    Parameters
    ----------
    estimator : estimator
        Gets `n_features_in_` and `feature_names_in_`.
    X, y, sample_weight, sensitive_features
        As passed by the user.
    task : {"auto", "classification", "regression"}
    encoder : transformer, "auto" or None
        A clone is fitted to the rows.
    classes : array-like, default=None
        All labels, where y does not show them.
    reset : bool, default=True
        Whether this is the first of its kind, or must have the features seen before.
    sparse : bool, default=False
        Whether sparse rows are welcome.
    """
    given = X, y
    X, y = as_array(X), as_array(y, "y")
    task = "classification" if task == "auto" and are_categories(y) else task
    encoder = _chosen_encoder(encoder, X)
    rows = checked_rows(estimator, X, encoder, reset, sparse)
    if y is not None:
        y = checked_targets(y)
        check_consistent_length(rows, y)
        if task == "regression" and y.dtype == object:
            with suppress(ValueError):  # words are refused below
                y = y.astype(np.float64)
    weights = numeric_weight(as_array(sample_weight, "sample_weight"), rows)
    positions = np.flatnonzero(weights)
    if not len(positions):
        raise ValueError("all sample weights are zero; give some row a positive weight")
    if len(positions) < len(weights):
        # A row of weight 0 is no row: nothing is learned from it, not even a category.
        rows = _safe_indexing(rows, positions)
        y = None if y is None else y[positions]
    given_bytes = row_bytes(X if hasattr(X, "iloc") else rows)
    if encoder is not None:
        rows = encoded(encoder, rows, y, weights[positions])
    kind = target_kind(y, task, known=classes is not None)
    multilabel, kind = kind == "multilabel", "regression" if kind == "multilabel" else kind
    labels, codes, matrix = _targets(y, kind, rows.shape[0], classes)
    groups = None if sensitive_features is None else checked_groups(sensitive_features, len(weights), positions)
    class_of_key, sensitive_of_key, key = _keys(codes, groups)
    schema = Schema(
        input_shape=rows.shape[1:],
        n_outputs=len(labels) if labels is not None else 0 if matrix is None else matrix.shape[1],
        task=kind,
        class_of_key=class_of_key if classes is None or labels is None else np.arange(len(labels)),
        float_dtype=rows.dtype if rows.dtype.kind == "f" else np.dtype(np.float64),
        classes=labels,
        feature_names=getattr(estimator, "feature_names_in_", None) if encoder is None else None,
        flat_targets=y is None or y.ndim < 2,
        multilabel=multilabel,
        label_dtype=y.dtype if y is not None and multilabel and y.dtype.kind in "iufb" else np.int64,
        encoder=encoder,
        n_columns=0 if not hasattr(X, "iloc") and (encoder is None or np.ndim(X) > 2) else np.shape(X)[1],
        sensitive_of_key=sensitive_of_key,
        given_bytes=given_bytes,
    )
    return Problem(rows, matrix, weights[positions], key, schema, positions, encoder, given)


def _chosen_encoder(encoder: Any, X: Any) -> Any:
    """Return a clone of an encoder; for "auto" one for tables, if X is a frame."""
    refuse_unknown_word(encoder)
    if isclass(encoder):
        raise TypeError(f"encoder={encoder.__name__} is a class; pass an object, {encoder.__name__}()")
    if not isinstance(encoder, str):
        return declared_encoder(encoder) or (None if encoder is None else seeded(encoder, lambda: 0))
    return table_encoder(X)


def encoder_of_stream(encoder: Any, X: Any) -> Any:
    """Return the encoder for data that are seen once: rows of a frame of numbers stay as `partial_fit` has them."""
    return None if is_numeric(X) and isinstance(encoder, str) and encoder == "auto" else encoder


def checked_rows(
    estimator: BaseEstimator, X: Any, encoder: Any, reset: bool, sparse: bool = False, finite: Any = True
) -> Any:
    """Return numeric rows as an array; or, where there is an encoder, any table as it is.

    `finite` is that of scikit-learn's `check_array`: "allow-nan" for rows from which nothing is learned.
    """
    _refuse_no_rows(X)
    _refuse_twins(X)
    images = encoder is not None and takes_images(encoder, X)
    # Scores are of an array whose columns have units, and that is what was asked for.
    if encoder is None or images or (isinstance(encoder, NormalScores) and not hasattr(X, "iloc")):
        _refuse_text(X)
        refuse_words(X)
        # One memory layout, so that sums round alike whatever container the rows came in.
        formats = ["csr"] if sparse else False
        checks = {"accept_sparse": formats, "allow_nd": True, "order": "C", "ensure_all_finite": finite}
        _refuse_sparse(X, sparse)
        try:
            # As `validate_data` does, which would ask for tags, and they for the recipe.
            _check_feature_names(estimator, X, reset=reset)
            rows = check_array(X, estimator=estimator, input_name="X", **checks)
            _check_n_features(estimator, rows, reset=reset)
        except ValueError as error:
            raise ValueError(about_rows(estimator, X, error)) from error
        rows = csr_array(rows) if issparse(rows) else rows
        if not np.prod(rows.shape[1:]):
            raise ValueError(f"X of shape {rows.shape} has 0 feature(s) in a row; a minimum of 1 is required")
        return rows
    _refuse_sparse(X, welcome=False)
    _check_feature_names(estimator, X, reset=reset)
    _check_n_features(estimator, X, reset=reset)
    return X


def _refuse_no_rows(X: Any) -> None:
    if X is None:
        raise ValueError("X is None; pass the rows")
    if isinstance(X, str | PathLike):
        raise ValueError(f"X={str(X)!r} is a word, and holds no rows; read a file first, as pandas.read_csv does")


def _refuse_sparse(X: Any, welcome: bool) -> None:
    instead = "'.toarray()'" if issparse(X) else "'.sparse.to_dense()'"
    if is_sparse(X) and not welcome:
        raise TypeError(
            f"Sparse data was passed for X, but dense data is required. Use {instead} to convert it, or choose rows by "
            "a condenser that takes sparse ones as they are, without an encoder: RandomSubset(), KernelHerding(), "
            "KMedoids(), FacilityLocation() or KCenter()"
        )
    refuse_filled(X)


def _refuse_twins(X: Any) -> None:
    twins = X.columns[X.columns.duplicated()] if hasattr(X, "select_dtypes") else []
    if len(twins):
        raise ValueError(f"the column name {twins[0]!r} occurs twice in X; names must be unique")


def _refuse_text(X: Any) -> None:
    if not hasattr(X, "select_dtypes"):
        return
    odd = not_numeric(X)
    if odd:
        raise ValueError(
            f"column {odd[0]!r} is not numeric (dtype {X[odd[0]].dtype}); encode it first, for example "
            "make_condensing_pipeline(ColumnTransformer(...), condenser, model), or give encoder= a transformer with "
            "inverse_transform"
        )


def task_of(estimator: Any) -> str:
    """Return the `task` of condensers for an estimator: "auto" if it is neither a classifier nor a regressor."""
    if is_classifier(estimator):
        return "classification"
    return "regression" if is_regressor(estimator) else "auto"


def target_kind(y: NDArray | None, task: str, known: bool) -> str:
    """Return "classification", "multilabel", "regression" or "none"; `known` says that the labels have been named."""
    if task not in ("auto", "classification", "regression"):
        raise ValueError(f"task={task!r} must be 'auto', 'classification' or 'regression'")
    if y is None:
        if task != "auto":
            raise ValueError(f"task={task!r} needs targets, but y is None; pass y, or leave task='auto'")
        return "none"
    large = np.asarray(y).dtype.kind == "f" and np.max(np.abs(y), initial=0) >= _WHOLE
    kind = "continuous" if large else type_of_target(y, input_name="y")
    if task == "regression":
        if np.asarray(y).dtype.kind not in "fiub":
            raise ValueError("task='regression' needs numeric y; use task='classification' for labels")
        return "regression"
    if kind in ("continuous", "continuous-multioutput") and task == "auto":
        return "regression"
    if kind == "multilabel-indicator":
        return "multilabel"
    _refuse_no_labels(y, kind, sure=task == "classification" or known)
    return "classification"


def _refuse_no_labels(y: NDArray, kind: str, sure: bool) -> None:
    """Refuse what is no label a row or, unless that is `sure`, may be numbers of something."""
    if kind == "unknown":
        raise ValueError(
            "Unknown label type: y must hold labels or numbers, one a row; y.astype(str) makes labels of other objects"
        )
    if kind not in ("binary", "multiclass"):
        raise ValueError(
            f"y is {kind}, which cannot be condensed as classes; give one label a row, or task='regression'"
        )
    distinct = len(np.unique(y))
    if not sure and np.asarray(y).dtype.kind in "fiu" and distinct > _MOST_CLASSES:
        raise ValueError(
            f"y holds {distinct} distinct numbers: say task='regression' if they are quantities, "
            "task='classification' if they are labels"
        )


def _targets(
    y: NDArray | None, task: str, n: int, classes: ArrayLike | None
) -> tuple[NDArray | None, NDArray[np.int64], NDArray[np.float64] | None]:
    """Return the labels, the class code of each row, and the matrix of targets that are no classes."""
    if classes is not None and task != "classification":
        several = "several labels a row (if its columns are one-hot classes, pass y.argmax(axis=1))"
        held = "nothing" if y is None else "quantities" if y.ndim == 1 else several
        raise ValueError(f"classes= names labels, but y holds {held}; leave it out")
    if y is None:
        return None, np.zeros(n, np.int64), None
    if task == "regression":
        return None, np.zeros(n, np.int64), y.astype(np.float64).reshape(n, -1)
    labels = np.unique(y) if classes is None else np.unique(np.asarray(classes))
    unknown = np.setdiff1d(y, labels)
    if len(unknown):
        raise ValueError(
            f"y holds {unknown.tolist()[0]!r}, which is not among the classes {labels.tolist()}; give classes= all "
            "labels on the first call"
        )
    return labels, np.searchsorted(labels, y), None


def checked_groups(sensitive_features: ArrayLike, n: int, positions: NDArray[np.intp]) -> NDArray[np.int64]:
    """Return the code of the sensitive group of each of n rows; there must be several, and none missing."""
    groups = np.asarray(as_array(sensitive_features, "sensitive_features"))
    if groups.ndim not in (1, 2) or len(groups) != n:
        raise ValueError(
            f"sensitive_features of shape {groups.shape} must hold one group (or one row of groups) for each row of X"
        )
    if missing_values(groups):
        raise ValueError(
            "sensitive_features hold missing values; give those rows a group of their own, such as 'unknown'"
        )
    names = groups.reshape(len(groups), -1).astype(str)
    found, codes = np.unique(names[positions], axis=0, return_inverse=True)
    if len(found) < 2:
        raise ValueError(
            f"sensitive_features hold one group only ({', '.join(found[0])!r}): there is no other to compare it with; "
            "leave them out, and use no by='group'"
        )
    return codes.reshape(-1)


def _keys(
    codes: NDArray[np.int64], groups: NDArray[np.int64] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64] | None, NDArray[np.int64]]:
    """Return class and sensitive group of each group key, and the key of each row."""
    if groups is None:
        return np.arange(codes.max() + 1), None, codes
    pairs, key = np.unique(np.stack([codes, groups], axis=1), axis=0, return_inverse=True)
    return pairs[:, 0], pairs[:, 1], key.reshape(-1)
