"""Whether a search for hyper-parameters on a condensed set chooses what it chooses on all rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import kendalltau
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, train_test_split

from skdc.condensed import CondensedSet
from skdc.evaluation.folds import TEST_SHARE, Data, told_task
from skdc.evaluation.protocol import score_of, trained
from skdc.evaluation.tables import Table
from skdc.fitting.pair import PairMixin
from skdc.seeds import seeded


@dataclass(frozen=True, eq=False)
class SearchAgreement(Table):
    """What `search_agreement` found.

    Parameters
    ----------
    candidates : list of dict
        The hyper-parameters that were tried.
    scores_all : ndarray of shape (n_candidates,)
        By cross-validation on all training rows; NaN where a candidate could not be fitted.
    scores_set : ndarray of shape (n_candidates,)
        Trained on the set, on rows held out; NaN where a candidate could not be trained.
    seconds_all, seconds_set : float
        Of the search on all rows, and of condensing and of the search on the set.
    rows_all, rows_set : int
        How many rows there were to train on.
    """

    words = ("candidate",)
    measures = ("all rows", "set")
    candidates: list[dict[str, Any]]
    scores_all: NDArray[np.float64]
    scores_set: NDArray[np.float64]
    seconds_all: float
    seconds_set: float
    rows_all: int
    rows_set: int

    @property
    def tau(self) -> float:
        """Kendall's rank correlation of the scores, tau-b, which counts ties; NaN if all are equal on one side."""
        both = np.isfinite(self.scores_all) & np.isfinite(self.scores_set)
        return float(kendalltau(self.scores_all[both], self.scores_set[both]).statistic) if both.sum() > 1 else np.nan

    @property
    def chosen_on_all(self) -> dict[str, Any]:
        """The first of the best candidates on all rows, as scikit-learn chooses."""
        return self.candidates[int(np.nanargmax(self.scores_all))]

    @property
    def chosen_on_set(self) -> dict[str, Any]:
        """The first of the best candidates on the set."""
        return self.candidates[int(np.nanargmax(self.scores_set))]

    @property
    def tied_on_all(self) -> int:
        """How many candidates are best on all rows: 1 is a clear choice."""
        return len(_best(self.scores_all))

    @property
    def tied_on_set(self) -> int:
        """How many candidates are best on the set."""
        return len(_best(self.scores_set))

    @property
    def loss(self) -> float:
        """The best score on all rows, less that on all rows of the candidate that is chosen on the set."""
        return float(np.nanmax(self.scores_all) - self.scores_all[np.nanargmax(self.scores_set)])

    @property
    def greatest_loss(self) -> float:
        """As `loss`, if the worst of the candidates that are tied on the set is chosen."""
        return float(np.nanmax(self.scores_all) - self.scores_all[_best(self.scores_set)].min())

    def lines(self) -> Iterator[tuple[str | float | None, ...]]:
        """Yield each candidate, and its scores."""
        for candidate, *scores in zip(self.candidates, self.scores_all, self.scores_set, strict=True):
            words = ", ".join(f"{name}={value!r}" for name, value in candidate.items())
            yield words, *(None if np.isnan(score) else float(score) for score in scores)

    def __str__(self) -> str:
        tied = f", or {self.greatest_loss:.3f} by another of {self.tied_on_set} that are tied" * (self.tied_on_set > 1)
        return "\n".join(
            [
                super().__str__(),
                f"Kendall's tau {self.tau:.2f}; choosing on the set loses {self.loss:.3f}{tied}",
                f"{self.rows_set} rows in {self.seconds_set:.1f} s, all {self.rows_all} in {self.seconds_all:.1f} s",
            ]
        )


def _best(scores: NDArray[np.float64]) -> NDArray[np.intp]:
    return np.flatnonzero(scores == np.nanmax(scores))


def search_agreement(
    condenser: Any,
    search: GridSearchCV | RandomizedSearchCV,
    X: ArrayLike,
    y: ArrayLike,
    *,
    X_test: ArrayLike | None = None,
    y_test: ArrayLike | None = None,
    random_state: int = 0,
) -> SearchAgreement:
    """Compare the choice of a search on a condensed set with that on all rows.

    The rows are parted. The search runs on the training rows, by its cross-validation. A clone of the condenser is
    fitted to the same rows; the candidates of the search are trained on its set, and scored on the rows held out,
    which neither of the two has seen. A search on a set needs such rows, since the set is no sample of the data.

    Rows are shown as they are: a search that wants them scaled has a pipeline as its estimator. A pipeline does not say
    that it takes weights, and gets the labels alone of a set.

    Parameters
    ----------
    condenser : condenser
        Unfitted.
    search : GridSearchCV or RandomizedSearchCV
        Unfitted, with one score; a clone is fitted.
    X : array-like or frame of shape (n, ...)
    y : array-like of shape (n,) or (n, n_outputs)
    X_test, y_test : array-like, default=None
        The rows held out; None takes 30% of X.
    random_state : int, default=0
        Seed of the split, and of what has none.

    Returns
    -------
    SearchAgreement
        It prints as text, and shows as a table in a notebook.

    Raises
    ------
    TypeError
        For other searches, and what is no condenser.
    ValueError
        For a search with several scores, and where no candidate can be trained on the set.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.svm import SVC
    >>> from skdc import KMeansCondenser
    >>> from skdc.evaluation import search_agreement
    >>> X, y = load_digits(return_X_y=True)
    >>> search = GridSearchCV(SVC(), {"gamma": [1e-5, 1e-4, 1e-3, 1e-2]}, cv=3)
    >>> found = search_agreement(KMeansCondenser(n_per_class=10), search, X, y)
    >>> found.chosen_on_set, found.chosen_on_all
    ({'gamma': 0.001}, {'gamma': 0.001})
    >>> found.loss
    0.0
    """
    if type(search) not in (GridSearchCV, RandomizedSearchCV):
        raise TypeError(f"search must be a GridSearchCV or a RandomizedSearchCV, got {search!r}")
    if not isinstance(condenser, PairMixin):
        raise TypeError(f"condenser must be a condenser, such as KMedoids(), got {condenser!r}")
    if isinstance(search.scoring, list | tuple | set | dict):
        raise ValueError(f"search has several scores, scoring={search.scoring!r}; give one, by which it chooses")
    data = Data.of(X, y, X_test, y_test, told_task([condenser], search.estimator))
    X_train, held_out, y_train, truth = _parted(data, random_state)
    ready = seeded(search, lambda: random_state).set_params(refit=False)
    start = perf_counter()
    results = ready.fit(X_train, y_train).cv_results_
    seconds_all = perf_counter() - start
    start = perf_counter()
    made = clone(condenser).set_params(random_state=random_state)
    condensed = made.set_params(task=data.task if made.task == "auto" else made.task).fit(X_train, y_train).condensed_
    scores = _scores(ready, results["params"], condensed, held_out, truth)
    seconds_set = perf_counter() - start
    on_all = np.asarray(results["mean_test_score"], np.float64)
    return SearchAgreement(results["params"], on_all, scores, seconds_all, seconds_set, len(y_train), len(condensed.y))


def _parted(data: Data, seed: int) -> tuple[Any, Any, NDArray, NDArray]:
    """Return training rows and rows held out, and the targets of both."""
    if data.X_test is not None and data.y_test is not None:
        return data.X, data.X_test, data.y, data.y_test
    stratify = data.y if data.kind == "classification" else None
    return train_test_split(data.X, data.y, test_size=TEST_SHARE, random_state=seed, stratify=stratify)


def _scores(
    search: Any, candidates: list[dict[str, Any]], condensed: CondensedSet, X: Any, y: NDArray
) -> NDArray[np.float64]:
    """Return the score of each candidate that is trained on a set, NaN where it cannot be."""
    scores, errors = [], []
    for candidate in candidates:
        values = {name: clone(value, safe=False) for name, value in candidate.items()}
        try:
            learner = trained(clone(search.estimator).set_params(**values), condensed)
            scores.append(score_of(learner, X, y, search.scoring))
        except Exception as error:  # as the search does: a candidate may ask for more neighbours than there are rows
            scores.append(np.nan)
            errors.append(error)
    if len(errors) == len(scores):
        raise ValueError(f"no candidate can be trained on the set: {errors[0]}") from errors[0]
    return np.array(scores)
