"""Pieces as numbers: what each pass does to the rows that it reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator

from skdc.fitting.extremes import refuse_extreme_numbers
from skdc.fitting.input import Problem, read
from skdc.fitting.partitioned.sample import like_template
from skdc.fitting.partitioned.survey import counted
from skdc.partitions import RawRows, naming


class _Rows(BaseEstimator):
    """What checks of rows are told of the estimator; in messages it stands for it."""


@dataclass(frozen=True, eq=False)
class Reading:
    """How rows of a piece become numbers, as those of a fit in memory do; it is sent to where they are read.

    Parameters
    ----------
    like : (X, y)
        Empty containers like those of all pieces.
    encoder : fitted transformer or None
    task : str
        "classification", "regression" or "auto" without targets.
    labels : ndarray or None
    names : dict of str to object
        What the estimator knows of the columns.
    """

    like: tuple[Any, Any]
    encoder: Any
    task: str
    labels: NDArray | None
    names: Mapping[str, Any]

    def __call__(self, raw: RawRows) -> Problem | None:
        """Return the numbers of a piece; None if no row of it has weight.

        Raises
        ------
        PieceError
            For bad rows, naming the piece.
        """
        with naming(raw.name):
            if not len(counted(raw)[2]):
                return None
            estimator = _Rows()
            for name, value in self.names.items():
                setattr(estimator, name, value)
            X, y = (
                None if part is None else like_template(part, like) for part, like in zip(raw, self.like, strict=False)
            )
            encoder = None if self.encoder is None else FrozenEstimator(self.encoder)
            given: Any = (X, y, raw.sample_weight)
            problem = read(estimator, *given, task=self.task, encoder=encoder, classes=self.labels, reset=False)
            refuse_extreme_numbers(problem)
            return problem
