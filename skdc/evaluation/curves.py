"""How many rows are needed: the score of a condenser by the size of its set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skdc.evaluation.comparison import MEAN, compare
from skdc.evaluation.contestants import ALL, RANDOM


@dataclass(frozen=True, eq=False)
class BudgetCurve:
    """What `budget_curve` found: scores by size, of one condenser and of random rows.

    Parameters
    ----------
    condenser, learner : str
        What they are called.
    sizes : ndarray of shape (n_sizes,)
        Rows of the sets, in order.
    scores, spreads, lows, highs : ndarray of shape (n_sizes,)
        Mean over the repeats, standard deviation, and the interval of the mean with a confidence of 95%; NaN where
        there is no set.
    random_scores, random_spreads : ndarray of shape (n_sizes,)
        Of as many random rows, in proportion to the classes.
    all_rows : int
        How many rows there are to train on.
    all_score, all_spread : float
        Of all of them.
    frame : DataFrame
        The lines of `compare`.
    """

    condenser: str
    learner: str
    sizes: NDArray[np.int64]
    scores: NDArray[np.float64]
    spreads: NDArray[np.float64]
    lows: NDArray[np.float64]
    highs: NDArray[np.float64]
    random_scores: NDArray[np.float64]
    random_spreads: NDArray[np.float64]
    all_rows: int
    all_score: float
    all_spread: float
    frame: Any

    def least_size(self, tolerance: float = 0.01) -> int | None:
        """Return the least of the sizes whose mean score is within a tolerance of that of all rows.

        None if that of no size is: nothing is said of sizes that were not tried.

        Parameters
        ----------
        tolerance : float, default=0.01
            In the unit of the score.
        """
        within = np.flatnonzero(self.scores >= self.all_score - tolerance)
        return int(self.sizes[within[0]]) if len(within) else None

    def to_frame(self) -> Any:
        """Return the lines of `compare` as a pandas frame: the condenser and random rows by size, and all rows."""
        return self.frame.copy()

    def __str__(self) -> str:
        lines = [f"{'rows':>8}  {self.condenser:>20}  {RANDOM:>20}"]
        for i, size in enumerate(self.sizes):
            cells = (self.scores[i], self.spreads[i]), (self.random_scores[i], self.random_spreads[i])
            lines.append(f"{size:>8}  " + "  ".join(f"{_pair(*cell):>20}" for cell in cells))
        lines.append(f"{self.all_rows:>8}  {_pair(self.all_score, self.all_spread):>20}  ({ALL})")
        least = self.least_size()
        said = f"{least} rows are" if least is not None else "None of these sizes is"
        return "\n".join([*lines, f"{said} within 0.01 of all rows, for {self.learner}."])


def _pair(score: float, spread: float) -> str:
    return "-" if np.isnan(score) else f"{score:.3f}" if np.isnan(spread) else f"{score:.3f} ± {spread:.3f}"


def budget_curve(
    condenser: Any,
    X: ArrayLike,
    y: ArrayLike,
    *,
    sizes: Any,
    learner: Any,
    seeds: int = 3,
    scoring: Any = None,
    cv: Any = None,
    X_test: ArrayLike | None = None,
    y_test: ArrayLike | None = None,
    random_state: int = 0,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> BudgetCurve:
    """Measure the score of a learner by the size of the set that it is trained on.

    Parameters
    ----------
    condenser : condenser
        Unfitted; a clone is fitted for each size.
    X, y, seeds, scoring, cv, X_test, y_test, random_state, n_jobs, verbose
        As in `compare`.
    sizes : list of int, float or str
        As in `compare`.
    learner : estimator or str
        Unfitted, or one of the names of `transfer_table`. "trees" are two: the mean of their scores counts.

    Returns
    -------
    BudgetCurve
        It prints as text, and says how many rows are needed: `least_size`.

    Raises
    ------
    ImportError, TypeError, ValueError
        As in `compare`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import KMeansCondenser
    >>> from skdc.evaluation import budget_curve
    >>> X, y = load_iris(return_X_y=True)
    >>> curve = budget_curve(KMeansCondenser(), X, y, sizes=[1, 3, 5], learner="neighbors")
    >>> str(curve).splitlines()[0].split()
    ['rows', 'KMeansCondenser', 'random', 'rows']
    >>> curve.least_size(tolerance=0.1) <= 15
    True
    """
    frame = compare(
        [condenser],
        X,
        y,
        learners=[learner],
        sizes=sizes,
        seeds=seeds,
        scoring=scoring,
        cv=cv,
        X_test=X_test,
        y_test=y_test,
        random_state=random_state,
        n_jobs=n_jobs,
        verbose=verbose,
    )
    mean = frame[frame["learner"] == MEAN]
    name = mean["condenser"].iloc[0]
    own, random, everything = (mean[mean["condenser"] == kind] for kind in (name, RANDOM, ALL))
    order = np.argsort(own["size"].to_numpy(), kind="stable")

    def column(lines: Any, name: str) -> NDArray[np.float64]:
        return lines[name].to_numpy(np.float64)[order]

    return BudgetCurve(
        condenser=name,
        learner=" and ".join(kind for kind in frame["learner"].unique() if kind != MEAN),
        sizes=column(own, "size").astype(np.int64),
        scores=column(own, "score"),
        spreads=column(own, "spread"),
        lows=column(own, "low"),
        highs=column(own, "high"),
        random_scores=column(random, "score"),
        random_spreads=column(random, "spread"),
        all_rows=int(everything["size"].iloc[0]),
        all_score=float(everything["score"].iloc[0]),
        all_spread=float(everything["spread"].iloc[0]),
        frame=frame,
    )
