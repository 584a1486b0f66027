"""What is known of data without looking at rows."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skdc.containers import WIDEST_TABLE


@dataclass(frozen=True, eq=False)
class Schema:
    """What is known of the data without looking at rows.

    Parameters
    ----------
    input_shape : tuple of int
        Shape of one row.
    n_outputs : int
        Number of target columns: classes, continuous outputs, or 0 without targets.
    task : {"classification", "regression", "none"}
        What the targets are.
    class_of_key : ndarray of shape (n_keys,), int64
        The class code of each real group key; the identity without sensitive features.
    float_dtype : numpy dtype
        Of the rows that come out.
    classes : ndarray of shape (n_classes,), default=None
        The labels behind the class codes.
    feature_names : ndarray of shape (n_features,), default=None
        The names of the columns of a frame.
    flat_targets : bool, default=True
        Whether continuous targets have one dimension.
    multilabel : bool, default=False
        Whether the targets, continuous inside, are 0 or 1 for the user: several labels a row.
    label_dtype : numpy dtype, default=numpy.int64
        Of several labels a row.
    encoder : fitted transformer, default=None
        What made the rows of what the user passed.
    n_columns : int, default=0
        Columns of the table that the data were, before they were encoded; 0 where they were none.
    sensitive_of_key : ndarray of shape (n_keys,), int64, default=None
        The sensitive group of each real group key; None without sensitive features.
    given_bytes : int, default=None
        What a row takes as the user passed it; None where rows are floats.
    """

    input_shape: tuple[int, ...]
    n_outputs: int
    task: str
    class_of_key: NDArray[np.int64]
    float_dtype: np.dtype
    classes: NDArray | None = None
    feature_names: NDArray | None = None
    flat_targets: bool = True
    multilabel: bool = False
    label_dtype: Any = np.int64
    encoder: Any = None
    n_columns: int = 0
    sensitive_of_key: NDArray[np.int64] | None = None
    given_bytes: int | None = None

    @property
    def row_bytes(self) -> int:
        """What a row takes, as such rows come out: numbers that are whole in the data stay so."""
        return prod(self.input_shape) * self.float_dtype.itemsize if self.given_bytes is None else self.given_bytes

    def describe(self) -> str:
        """Return what chunks of one stream must have in common, in words."""
        return f"{self.task} targets of {self.n_outputs} column(s), rows of shape {self.input_shape}"

    @property
    def given_targets(self) -> str:
        """What y is, in words, for parts that need classes."""
        if self.multilabel:
            return "y has several labels a row (if its columns are one-hot classes, pass y.argmax(axis=1))"
        if self.task == "classification":
            return "y has one class only" if self.n_classes < 2 else f"y has {self.n_classes} classes"
        return "y is None" if self.task == "none" else "y is continuous"

    @property
    def is_table(self) -> bool:
        """Whether the data were a table that is not so wide as images or embeddings are."""
        return 0 < self.n_columns <= WIDEST_TABLE

    @property
    def averages_mislead(self) -> bool:
        """Whether means of rows are like no row: of a table, or with targets that are averaged less than their rows."""
        return self.is_table or self.task == "regression"

    @property
    def labels(self) -> NDArray:
        """The labels behind the class codes; none where there are no classes."""
        return np.empty(0) if self.classes is None else self.classes

    @property
    def n_classes(self) -> int:
        """Number of class codes (1 where there are no classes)."""
        return int(self.class_of_key.max()) + 1
