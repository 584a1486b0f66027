"""Rules that say which condenser to try first; they rest on the tables of the benchmarks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skdc.auto import AutoCondenser
from skdc.condensers import (
    BaseCondenser,
    Condenser,
    GeneralCondenser,
    GreedyKernelPoints,
    KernelHerding,
    KernelInducingPoints,
    KernelThinning,
    KMeansCondenser,
    KMedoids,
    TabularCondenser,
    TrajectoryMatching,
    WassersteinCoreset,
)

SPARSE, TABLE, WIDE = "sparse rows", "a table", "images and embeddings"
ANY = "any rows"
_MANY_ROWS = 500_000
DEFAULT_SIZE = 10  # rows a class, as of all condensers


@dataclass(frozen=True)
class Case:
    """What is seen of the data, and what is wanted.

    Parameters
    ----------
    rows : {"sparse rows", "a table", "images and embeddings"}
        Tables have up to 100 columns; whatever has more is taken for pixels or embeddings.
    n_rows : int
    task : {"classification", "multilabel", "regression", "none"}
    family : str, default=""
        The kind of learner, where it matters: "trees", "neighbors" or "kernel ridge".
    estimator : estimator, default=None
        The learner, where it was given and not named.
    n_per_class : float, default=10
        Rows wanted of a class.
    real_rows : bool, default=False
    seconds : float, default=inf
        The time that a fit may take.
    """

    rows: str
    n_rows: int
    task: str
    family: str = ""
    estimator: Any = None
    n_per_class: float = DEFAULT_SIZE
    real_rows: bool = False
    seconds: float = np.inf


@dataclass(frozen=True)
class Rule:
    """A condenser for the cases to which no rule before applies.

    Parameters
    ----------
    rows : str
        Of which data it speaks: as in `Case`, or "any rows".
    when : str
        The condition, in words.
    condenser : condenser
    reason : str
        What the tables say.
    section : str
        Where: a label of the documentation; empty, where there is nothing.
    holds : callable
        The condition: `holds(case)`.
    """

    rows: str
    when: str
    condenser: BaseCondenser | AutoCondenser
    reason: str
    section: str
    holds: Callable[[Case], bool] = field(repr=False)

    def applies(self, case: Case) -> bool:
        """Tell whether the rule speaks of such data, and its condition holds."""
        return self.rows in (case.rows, ANY) and self.holds(case)


# The first that applies is taken. Figures are accuracies in percent on MNIST and Fashion-MNIST, or regrets on tables
# (0: as good as all rows, 1: no better than random ones).
RULES = (
    Rule(
        ANY,
        "more than 500,000 rows, not sparse",
        KernelThinning(),
        "it took 11 s to choose 1,000 of a million rows, and its time grows more slowly than the rows",
        "benchmarks-growth",
        lambda case: case.n_rows > _MANY_ROWS and case.rows != SPARSE,
    ),
    Rule(
        ANY,
        "no targets",
        KernelHerding(),
        "its rows have the mean embedding of the data: their MMD was 34 to 86 percent below that of random rows",
        "benchmarks-quality",
        lambda case: case.task == "none",
    ),
    Rule(
        ANY,
        "several labels a row, not sparse",
        Condenser(),
        "it takes such targets; no table measures them",
        "",
        lambda case: case.task == "multilabel" and case.rows != SPARSE,
    ),
    Rule(
        SPARSE,
        "with targets",
        KMedoids(),
        "sparse rows can only be chosen; no table measures them, but where rows are dense k-medoids are among the best",
        "benchmarks-choosing",
        lambda case: True,
    ),
    Rule(
        TABLE,
        "a learner is given, made rows will do, and there are 15 seconds",
        AutoCondenser(time_budget=15.0),
        "told the model, it had a mean regret of 0.02 on six tables with classes and of 0.23 on five with continuous "
        "targets, where one set for all models had 0.18 and 0.45",
        "benchmarks-told",
        lambda case: case.estimator is not None and not case.real_rows and case.seconds >= 15,
    ),
    Rule(
        TABLE,
        "less than 3 seconds",
        WassersteinCoreset(snap=True),
        "its regret was 0.31 for classes and 0.61 for continuous targets, in 0.5 and 0.8 s; measured again 0.24 and "
        "0.74",
        "benchmarks-tables",
        lambda case: case.seconds < 3,
    ),
    Rule(
        TABLE,
        "otherwise",
        TabularCondenser(),
        "one set for all models had a regret of 0.46 on ten tables with classes and of 0.45 on five with continuous "
        "targets, where k-medoids had 0.62 and 0.65, random rows 0.86 and 1.08",
        "benchmarks-defaults",
        lambda case: True,
    ),
    Rule(
        WIDE,
        "continuous targets",
        KMedoids(),
        "its regret was 0.61 on tables, and 0.76 measured again; no table measures images with such targets",
        "benchmarks-tables",
        lambda case: case.task == "regression",
    ),
    Rule(
        WIDE,
        "kernel ridge regression, which comes with it",
        KernelInducingPoints(),
        "97.6 and 88.3 from ten a class; for other learners its rows are often worse than random ones",
        "benchmarks-images",
        lambda case: case.family == "kernel ridge" and not case.real_rows,
    ),
    Rule(
        WIDE,
        "trees",
        GreedyKernelPoints(),
        "forests had 82.4 and 75.6 from ten a class, the most of all rows that are chosen; on centroids 33.0 and 64.0",
        "benchmarks-choosing",
        lambda case: case.family == "trees",
    ),
    Rule(
        WIDE,
        "less than 10 seconds, and made rows will do",
        KMeansCondenser(),
        "it took 2.3 s for 60,000 images; logistic regression had 86.9 and 79.3 from ten a class, on random rows 76.0 "
        "and 71.6",
        "benchmarks-images",
        lambda case: case.seconds < 10 and not case.real_rows,
    ),
    Rule(
        WIDE,
        "nearest neighbours, fewer than 5 or 30 and more a class, and made rows will do",
        KMeansCondenser(),
        "1-NN had 95.2 and 82.1 from fifty a class, 82.0 and 67.7 from one; on random rows 85.4 and 71.0, and 42.6 and "
        "50.0",
        "benchmarks-images",
        lambda case: case.family == "neighbors" and not 5 <= case.n_per_class < 30 and not case.real_rows,
    ),
    Rule(
        WIDE,
        "fewer than 5 a class, and made rows will do",
        TrajectoryMatching(),
        "logistic regression had 85.7 and 69.3 from one a class, on random rows 43.9 and 52.0",
        "benchmarks-images",
        lambda case: case.n_per_class < 5 and not case.real_rows,
    ),
    Rule(
        WIDE,
        "30 and more a class",
        KMeansCondenser(voting="nearest"),
        "in 6 s; five learners had 88.0 to 91.8 and 78.5 to 80.4 from fifty a class, forests among them; on random "
        "rows 84.9 to 89.7 and 72.3 to 77.9",
        "benchmarks-rows-50",
        lambda case: case.n_per_class >= 30,
    ),
    Rule(
        WIDE,
        "real rows",
        GreedyKernelPoints(),
        "logistic regression had 85.8 and 78.5 from ten a class, the most of all rows that are chosen",
        "benchmarks-choosing",
        lambda case: case.real_rows,
    ),
    Rule(
        WIDE,
        "otherwise",
        GeneralCondenser(),
        "five learners had 88.5 and 79.8 on the mean from ten a class, each more than on random rows and k-means; on "
        "an embedding 84.2, on random rows 80.3",
        "benchmarks-transfer",
        lambda case: True,
    ),
)
