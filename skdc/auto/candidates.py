"""Which condensers are worth a trial for data of a kind, most promising first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from skdc.condensers import (
    BaseCondenser,
    Condenser,
    GeneralCondenser,
    GreedyKernelPoints,
    KernelInducingPoints,
    KMeansCondenser,
    KMedoids,
    RandomSubset,
    SoftLabelRandom,
    TabularCondenser,
    WassersteinCoreset,
)
from skdc.condensers._input import Problem
from skdc.kernels import Gaussian
from skdc.parameterizations import Subset

_WIDE = 300  # rows of more numbers are images, texts or the like, more often than tables
_UNEVEN = 1.5  # classes whose sizes differ by this factor are shared out in both ways


@dataclass(frozen=True)
class Traits:
    """What is seen of data at a glance.

    Parameters
    ----------
    n_rows, n_features, n_classes : int
        As encoded; no classes in regression.
    imbalance : float
        Rows of the largest class for each of the smallest.
    categorical : float
        Share of the columns that are not numbers.
    image : bool
        Whether rows have several dimensions, or are too wide for a table.
    """

    n_rows: int
    n_features: int
    n_classes: int
    imbalance: float
    categorical: float
    image: bool

    @classmethod
    def of(cls, X: Any, problem: Problem) -> Traits:
        """Look at data as passed and as read."""
        counts, _ = problem.per_class()
        n_features = int(np.prod(problem.schema.input_shape))
        numeric = X.select_dtypes(["number", "bool"]).shape[1] if hasattr(X, "select_dtypes") else n_features
        columns = X.shape[1] if hasattr(X, "select_dtypes") else n_features
        return cls(
            n_rows=len(problem.weight),
            n_features=n_features,
            n_classes=len(counts) if problem.schema.classes is not None else 0,
            imbalance=float(counts.max() / max(counts.min(), 1)),
            categorical=1 - numeric / columns,
            image=len(problem.schema.input_shape) > 1 or (n_features > _WIDE and numeric == columns),
        )


def proposed(traits: Traits, task: str, sizes: Mapping[str, Any]) -> list[tuple[str, BaseCondenser]]:
    """Return names and condensers, in the order in which they are to be tried.

    Parameters
    ----------
    traits : Traits
    task : {"classification", "regression"}
        What takes a classifier or a regressor.
    sizes : dict of str to dict
        The size parameters by how rows are shared out: "in proportion" and, for classes, "in equal shares".
    """
    teacher = HistGradientBoostingClassifier() if task == "classification" else HistGradientBoostingRegressor()
    medoids = KMedoids().recipe()
    taught = Condenser(medoids.discrepancy, Subset(labels="teacher", teacher=teacher), medoids.solver)
    choices: list[tuple[str, BaseCondenser]] = [
        ("kernel points, labels of a teacher", TabularCondenser(teacher)),
        ("random rows, labels of a teacher", SoftLabelRandom(teacher)),
        ("k-medoids, labels of a teacher", taught),
        ("kernel points", GreedyKernelPoints()),
        ("k-medoids", KMedoids()),
        ("kernel points of a wide kernel, labels of a teacher", TabularCondenser(teacher, Gaussian(factor=1.0))),
        ("random rows, labels of a teacher, again", SoftLabelRandom(teacher)),
    ]
    points: list[tuple[str, BaseCondenser]] = [
        ("Wasserstein coreset", WassersteinCoreset()),
        ("kernel inducing points", KernelInducingPoints()),
    ]
    if traits.n_classes:
        points = [("k-means", KMeansCondenser()), *points, ("one set for many learners", GeneralCondenser())]
    random = ("random rows", RandomSubset())
    # Averages of images are images; those of categories are none of them.
    ordered = [*points, *choices[3:5]] if traits.image else choices + points
    (share, size), *others = sizes.items()
    sized = [(_named(name, share, sizes), clone(part).set_params(**size)) for name, part in [random, *ordered]]
    for other, size in others if traits.imbalance > _UNEVEN else ():
        again = [random, choices[0], choices[4]]
        sized += [(_named(name, other, sizes), clone(part).set_params(**size)) for name, part in again]
    return sized


def _named(name: str, share: str, sizes: Mapping[str, Any]) -> str:
    return f"{name}, {share}" if len(sizes) > 1 else name
