"""Condensers compared: with each other, with random rows and with all rows, on the same splits."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike, NDArray

from skdc.evaluation.contestants import RANDOM, Contestant, Outcome, contestants, outcome, read_size
from skdc.evaluation.folds import Data, Fold, Split, splits_of, told_task
from skdc.evaluation.panels import QUICK, Learners, named
from skdc.evaluation.significance import confidence_interval, p_value_of
from skdc.evaluation.tables import data_frame
from skdc.fitting.pair import PairMixin

COLUMNS = (
    *("condenser", "size", "learner", "score", "spread", "low", "high", "seconds", "bytes", "kept", "regret"),
    *("p_value", "error"),
)
MEAN = "mean"
_LEAST_GAP = 0.01  # regret is not told where all rows are better than random ones by less than this share


def compare(
    condensers: Any,
    X: ArrayLike,
    y: ArrayLike,
    *,
    learners: Learners = None,
    sizes: Any = None,
    seeds: int = 3,
    scoring: Any = None,
    cv: Any = None,
    X_test: ArrayLike | None = None,
    y_test: ArrayLike | None = None,
    random_state: int = 0,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> Any:
    """Compare condensers by what learners score that are trained on their sets.

    Random rows, in proportion to the classes and in equal shares, and all rows are always compared too. Everything is
    done anew for each split of the data and each seed, the same ones for all that is compared: condensers, encoders
    and scales see the training rows alone, and the scores are those of test rows. Learners see columns standardised,
    words as indicators, and images less one mean and divided by one deviation, by all training rows whatever the set;
    they get what they can use of its weights and labels.

    Parameters
    ----------
    condensers : condenser, list or dict of str to condenser
        Unfitted; clones are fitted. Those of a list are called by their classes, or as they print if several have one.
    X : array-like or frame of shape (n, ...)
    y : array-like of shape (n,) or (n, n_outputs)
        Labels, or continuous targets.
    learners : estimator, list, dict of str to estimator, or names, default=None
        Unfitted. Names are those of `transfer_table`; without classes "linear" is ridge regression. None takes
        "linear", "neighbors", "forest" and "boosting".
    sizes : int, float, str, dict, at_most(int) or list of these, default=None
        What each condenser is given in place of its own size: a whole number is rows of each class (in all, without
        classes), a fraction one of the training rows, words such as "64 kB" are bytes.
    seeds : int, default=3
        How often all is repeated.
    scoring : str or callable, default=None
        As in scikit-learn; greater is better. None takes the learners' own `score`: accuracy, or R squared.
    cv : int, splitter or iterable, default=None
        As in scikit-learn. None splits off 30% of the rows, in another way for each seed; a whole number splits the
        rows into so many folds, in another way for each seed.
    X_test, y_test : array-like, default=None
        Test rows, in place of `cv`. Intervals and p-values then tell what the seeds do, and nothing of other data.
    random_state : int, default=0
        The first seed; the next ones follow.
    n_jobs : int, default=None
        Processes; None is one, -1 all. Seconds are those of fits that run beside others.
    verbose : int, default=0
        1 prints each fit with the time left on standard error.

    Returns
    -------
    DataFrame
        A line for each condenser, size and learner, and one for the mean score of the learners, called "mean", of
        which all that follows is computed alike. Its columns:

        * `condenser`, `size`, the rows of the set (median), and `learner`;
        * `score`, the mean over the repeats; `spread`, their standard deviation; `low` and `high`, between which the
          mean lies with a confidence of 95%, by the corrected t interval [1]_, [2]_;
        * `seconds` of the fit and `bytes` of the set, as in `storage_`, medians; those of all rows are as they are;
        * `kept`, the score as a share of that of all rows; none where that is not positive;
        * `regret`, (score of all rows - score) / (score of all rows - score of ten random rows of each class, or of
          twenty rows without classes): 0 is as good as all rows, 1 as good as those random ones. None where all
          rows are better than these by less than 1% of their score;
        * `p_value`, of the differences to as many random rows in proportion, two-sided, by the corrected t test
          [1]_, and not corrected for how many lines there are;
        * `error`, why a line has no score.

    Raises
    ------
    ImportError
        Without pandas: install `skdc[tables]`.
    TypeError
        For what is no condenser, or no learner.
    ValueError
        For bad input, a learner's name that is not known, and if no condenser gives a set.

    See Also
    --------
    budget_curve : The score of one condenser by size.

    References
    ----------
    .. [1] Nadeau and Bengio, "Inference for the Generalization Error", 2003, section 3.
    .. [2] Bouckaert and Frank, "Evaluating the Replicability of Significance Tests for Comparing Learning Algorithms",
       2004, for repeated cross-validation.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import KMeansCondenser
    >>> from skdc.evaluation import compare
    >>> X, y = load_iris(return_X_y=True)
    >>> frame = compare(KMeansCondenser(), X, y, sizes=[1, 5], learners="neighbors")
    >>> mean = frame[frame["learner"] == "mean"]
    >>> print(mean[["condenser", "size"]].to_string(index=False))
                    condenser  size
              KMeansCondenser     3
              KMeansCondenser    15
                  random rows     3
    random rows, equal shares     3
                  random rows    15
    random rows, equal shares    15
                     all rows   105
    >>> bool(mean["score"].iloc[1] > 0.9)  # fifteen centres
    True
    """
    named_condensers = _named(condensers)
    data = Data.of(X, y, X_test, y_test, told_task(list(named_condensers.values()), learners))
    has_classes = data.kind == "classification"
    listed = sizes if sizes is None or isinstance(sizes, list | tuple | range | np.ndarray) else [sizes]
    read = None if listed is None else [read_size(size, has_classes) for size in listed]
    if read == []:
        raise ValueError("sizes is empty; give a size, or None for those of the condensers")
    entries = contestants(named_condensers, read, has_classes)
    splits = splits_of(data, cv, seeds, random_state)
    calls = _calls(data, entries, splits, learners, scoring)
    found = Parallel(n_jobs=n_jobs, return_as="generator")(calls)
    told = _with_progress(found, entries, len(splits)) if verbose else found
    outcomes = list(told)
    table = [outcomes[i :: len(entries)] for i in range(len(entries))]
    _refuse_if_all_failed(entries, table)
    return data_frame(_Summary(entries, table, splits).lines(), COLUMNS)


def _named(condensers: Any) -> dict[str, Any]:
    if isinstance(condensers, Mapping):
        found = {str(name): condenser for name, condenser in condensers.items()}
    else:
        listed = condensers if isinstance(condensers, Sequence) else [condensers]
        found = named([(None, condenser) for condenser in listed])
    for condenser in found.values():
        if not isinstance(condenser, PairMixin):
            raise TypeError(f"condensers must be condensers, such as KMedoids(), got {condenser!r}")
    if not found:
        raise ValueError("condensers is empty; give one at least")
    return found


def _calls(
    data: Data, entries: list[Contestant], splits: list[Split], learners: Learners, scoring: Any
) -> Iterable[Any]:
    """Yield what is to be done, split after split."""
    for split in splits:
        fold = Fold(data, split, learners, QUICK, scoring)
        for entry in entries:
            yield delayed(outcome)(entry, fold)


def _with_progress(found: Iterable[Outcome], entries: list[Contestant], n_splits: int) -> Iterable[Outcome]:
    start, total = monotonic(), len(entries) * n_splits
    for i, result in enumerate(found):
        entry, used = entries[i % len(entries)], monotonic() - start
        what = entry.name or "ten random rows of each class"
        said = result.error or f"{result.points:g} rows"
        left = used / (i + 1) * (total - i - 1)
        print(f"{i + 1} of {total}: {what}, {said}; {left:.0f} s left", file=sys.stderr, flush=True)
        yield result


def _refuse_if_all_failed(entries: list[Contestant], table: list[list[Outcome]]) -> None:
    results = [outcomes for entry, outcomes in zip(entries, table, strict=True) if entry.role == "condenser"]
    scores = [score for outcomes in results for result in outcomes for score in result.scores.values()]
    if all(isinstance(score, str) for score in scores):
        raise ValueError(f"no condenser gives a set that a learner can be trained on: {scores[0]}")


@dataclass(frozen=True, eq=False)
class _Summary:
    """Lines by what was found.

    Parameters
    ----------
    entries : list of Contestant
        All rows and the reference of regret are the last two.
    table : list of list of Outcome
        Of each entry, one a split.
    splits : list of Split
    """

    entries: list[Contestant]
    table: list[list[Outcome]]
    splits: list[Split]

    def lines(self) -> Iterable[tuple[Any, ...]]:
        """Yield the lines of the frame."""
        learners = list(self.table[0][0].scores)
        *_, everything, reference = (
            {name: self._scores(results, name) for name in [*learners, MEAN]} for results in self.table
        )
        for entry, results in zip(self.entries[:-1], self.table, strict=False):
            random = self._random(entry)
            size, n_bytes, seconds = (_median([getattr(result, name) for result in results]) for name in _MEDIANS)
            if np.isnan(size) and random is not None:  # of a set that there is not, what was asked for
                size = _median([result.points for result in random])
            for name in [*learners, MEAN]:
                scores = self._scores(results, name)
                against = scores * np.nan if random is None else scores - self._scores(random, name)
                measures = self._measures(scores, everything[name], reference[name], against)
                yield entry.name, size, name, *measures[:4], seconds, n_bytes, *measures[4:], _error(results, name)

    def _random(self, entry: Contestant) -> list[Outcome] | None:
        """Return the outcomes of as many random rows in proportion."""
        if entry.role not in ("condenser", "equal"):
            return None
        return next(
            results
            for other, results in zip(self.entries, self.table, strict=True)
            if other.name == RANDOM and other.role == "random" and other.size == entry.size
        )

    def _scores(self, results: list[Outcome], learner: str) -> NDArray[np.float64]:
        """Return the score of each repeat, NaN where there is none."""
        if learner == MEAN:
            return np.mean([self._scores(results, name) for name in results[0].scores], axis=0)
        return np.array([np.nan if isinstance(s := result.scores[learner], str) else s for result in results])

    def _measures(
        self, scores: NDArray, everything: NDArray, reference: NDArray, against: NDArray
    ) -> tuple[float, ...]:
        """Return score, spread, low, high, kept, regret and p-value."""
        mean, full = float(scores.mean()), float(everything.mean())
        gap = full - float(reference.mean())
        spread = float(scores.std(ddof=1)) if len(scores) > 1 else np.nan
        kept = mean / full if full > 0 else np.nan
        regret = (full - mean) / gap if gap > _LEAST_GAP * abs(full) else np.nan
        low, high = confidence_interval(self._independent(scores), self._ratio())
        return mean, spread, low, high, kept, regret, p_value_of(self._independent(against), self._ratio())

    def _independent(self, values: NDArray) -> NDArray[np.float64]:
        """Return the mean over seeds for each split where there are several; repeats of one split as they are."""
        index = np.array([split.index for split in self.splits])
        if index.max() == 0:
            return values
        return np.bincount(index, values) / np.bincount(index)

    def _ratio(self) -> float:
        """Return test rows by training rows, 0 where all repeats have the same ones."""
        if max(split.index for split in self.splits) == 0:
            return 0.0
        return float(np.mean([len(split.test) / len(split.train) for split in self.splits if split.test is not None]))


_MEDIANS = ("points", "n_bytes", "seconds")


def _median(values: list[float]) -> float:
    found = float(np.median(values))
    return int(found) if found.is_integer() else found


def _error(results: list[Outcome], learner: str) -> str:
    """Return the first reason why there is no score."""
    said = [score for result in results for name, score in result.scores.items() if learner in (name, MEAN)]
    return next((score for score in said if isinstance(score, str)), "")
