"""Which condensers are worth a trial for data of a kind, most promising first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone

from skdc.condensers import (
    BaseCondenser,
    GeneralCondenser,
    GreedyKernelPoints,
    KernelHerding,
    KernelInducingPoints,
    KernelThinning,
    KMeansCondenser,
    KMedoids,
    RandomSubset,
    TabularCondenser,
    WassersteinCoreset,
)
from skdc.containers import not_numeric
from skdc.fitting.input import Problem
from skdc.kernels import Gaussian

_WIDE = 300  # rows of more numbers are images, texts or the like, more often than tables
_EXCHANGE_SECONDS = 0.035  # about what it takes to try and exchange one of the kernel points
_UNEVEN = 1.5  # classes whose sizes differ by this factor are shared out in both ways


class Candidate(NamedTuple):
    """A condenser that may be worth a trial; `seconds` is about how long a trial takes, to try what is quick first."""

    name: str
    condenser: BaseCondenser
    makes_points: bool
    seconds: float


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

    @property
    def teacher_seconds(self) -> float:
        """About how long gradient boosting takes on a third of the rows: 100 trees, or as many for each class."""
        n_trees = 100 * (self.n_classes if self.n_classes > 2 else 1)
        return n_trees * (3e-3 + 2e-8 * self.n_features * self.n_rows / 3)

    @property
    def medoid_seconds(self) -> float:
        """About how long k-medoids takes: the square of the rows of a class, of which it looks at 8192."""
        n_classes = max(self.n_classes, 1)
        return n_classes * (min(self.n_rows / n_classes, 8192) / 8192) ** 2

    @classmethod
    def of(cls, X: Any, problem: Problem) -> Traits:
        """Look at data as passed and as read."""
        counts, _ = problem.per_class()
        n_features = int(np.prod(problem.schema.input_shape))
        columns = problem.schema.n_columns
        categorical = len(not_numeric(X)) / columns if columns else 0.0
        return cls(
            n_rows=len(problem.weight),
            n_features=n_features,
            n_classes=len(counts) if problem.schema.classes is not None else 0,
            imbalance=float(counts.max() / max(counts.min(), 1)),
            categorical=categorical,
            image=len(problem.schema.input_shape) > 1 or (n_features > _WIDE and not categorical),
        )


def proposed(traits: Traits, task: str, sizes: Mapping[str, Any], seconds: float) -> list[tuple[str, BaseCondenser]]:
    """Return names and condensers, in the order in which they are to be tried: what is quick comes first.

    Parameters
    ----------
    traits : Traits
    task : {"classification", "regression"}
        What takes a classifier or a regressor.
    sizes : dict of str to dict
        The size parameters by how rows are shared out: "in proportion" and, for classes, "in equal shares".
    seconds : float
        The time for all trials.
    """
    known = _known(traits, task == "regression", set_size(sizes), seconds)

    def rank(candidate: Candidate) -> tuple[bool, float]:
        # Means of images are images; means of categories are none of them.
        unsuited = candidate.makes_points if traits.categorical else traits.image and not candidate.makes_points
        return unsuited, candidate.seconds

    ordered = [("random rows", RandomSubset()), *(candidate[:2] for candidate in sorted(known, key=rank))]
    (share, size), *others = sizes.items()
    sized = [(_named(name, share, sizes), clone(part).set_params(**size)) for name, part in ordered]
    for other, size in others if traits.imbalance > _UNEVEN else ():
        again = [("random rows", RandomSubset()), known[0][:2], ("k-medoids", _medoids())]
        sized += [(_named(name, other, sizes), clone(part).set_params(**size)) for name, part in again]
    return sized


def suits_teacher(traits: Traits, seconds: float) -> bool:
    """Tell whether a teacher is worth its time: trees teach little of images."""
    return not traits.image and traits.teacher_seconds <= seconds / 6


def _medoids() -> KMedoids:
    return KMedoids(max_rows=8192)


def _known(traits: Traits, regression: bool, size: int, seconds: float) -> list[Candidate]:
    """Return what suits the data, most promising first."""
    n_passes = 1 if _EXCHANGE_SECONDS * size < seconds / 4 else 0
    points, wide = (
        GreedyKernelPoints(n_passes=n_passes),
        GreedyKernelPoints(kernel=Gaussian(factor=1.0), n_passes=n_passes),
    )
    medoids = _medoids()
    taught, exchanged = traits.teacher_seconds, (0.01 + n_passes * _EXCHANGE_SECONDS) * size
    known = [
        Candidate("kernel points, labels of a teacher", TabularCondenser(rows=points), False, exchanged + taught),
        Candidate("random rows, labels of a teacher", TabularCondenser(rows=RandomSubset()), False, taught),
        Candidate(
            "k-medoids, labels of a teacher", TabularCondenser(rows=medoids), False, traits.medoid_seconds + taught
        ),
        Candidate("kernel points", points, False, exchanged),
        Candidate("k-medoids", medoids, False, traits.medoid_seconds),
        Candidate("Wasserstein coreset", WassersteinCoreset(), True, 0.1),
        Candidate(
            "kernel points of a wide kernel, labels of a teacher",
            TabularCondenser(rows=wide),
            False,
            exchanged + taught,
        ),
        Candidate("random rows, labels of a teacher, again", TabularCondenser(rows=RandomSubset()), False, taught),
        Candidate("k-means", KMeansCondenser(), True, 0.0),
        Candidate("kernel inducing points", KernelInducingPoints(), True, 10.0),
    ]
    if regression:
        thinned = TabularCondenser(rows=KernelThinning())
        herded = TabularCondenser(rows=KernelHerding())
        known = [
            Candidate("kernel thinning, labels of a teacher", thinned, False, 0.5 + taught),
            Candidate("kernel herding, labels of a teacher", herded, False, 0.5 + taught),
            *known,
        ]
        if _trial_seconds(size) < seconds / 4:
            name, three = "rows for three kernels, labels of a teacher", TabularCondenser()
            known = [Candidate(name, three, False, _trial_seconds(size) + taught), *known]
    else:
        known.append(Candidate("one set for many learners", GeneralCondenser(), True, 15.0))
    if not suits_teacher(traits, seconds):
        return [candidate for candidate in known if not isinstance(candidate.condenser, TabularCondenser)]
    return known


def set_size(sizes: Mapping[str, Mapping[str, Any]]) -> int:
    """Return the rows of a set, of sizes of which any may come first."""
    size = next(iter(sizes.values()))
    return size["n_samples"] if "n_samples" in size else sum(size["n_per_class"].values())


def _trial_seconds(size: int) -> float:
    """Return about how long rows for three kernels take, each the best of a few that are tried."""
    return size * (0.1 + 4e-4 * size)


def _named(name: str, share: str, sizes: Mapping[str, Any]) -> str:
    return f"{name}, {share}" if len(sizes) > 1 else name
