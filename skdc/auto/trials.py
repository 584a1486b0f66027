"""Trials of condensers on a part of the data, as estimators that scikit-learn's search can fit and score."""

from __future__ import annotations

import pickle
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, Self

import cloudpickle
import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import HalvingGridSearchCV
from sklearn.utils import _safe_indexing

from skdc.auto.judges import Judge
from skdc.exceptions import StoppedWarning
from skdc.fields import Fields
from skdc.fitting.base import BaseCondenser
from skdc.fitting.checkpoints import StateFile
from skdc.fitting.deadlines import time_limit
from skdc.fitting.input import Problem
from skdc.solvers.base import InterruptedWarning

_FACTOR = 3  # one of three candidates goes on to three times the rows
_MOST_ROWS = 50_000  # more rows make no better set that is as small as sets are


@dataclass
class Result:
    """What came of a trial."""

    candidate: int
    n_rows: int
    score: float = np.nan
    seconds: float = 0.0
    error: str = ""
    condenser: Any = None  # fitted, of a trial that gave a set
    rows: Any = None  # which it saw


@dataclass(eq=False)
class Study:
    """Data, candidates and the time that is left; and what came of the trials.

    Parameters
    ----------
    data : tuple of (X, y, sample_weight, sensitive_features)
        As passed by the user; the last two may be None.
    positions : ndarray of shape (n,)
        Rows of the data that count.
    ranks : ndarray of shape (n,)
        Their order: a trial on fewer rows takes the first.
    candidates : list of condenser
        With their sizes and seeds; the first are random rows.
    judge : Judge
    budget : float
        Seconds.
    splits : list of (ndarray, ndarray)
        Rows to condense, and rows to judge by.
    fewest : int
        A trial on fewer rows tells little, or cannot give a set of the size.
    start : float
        When the clock was started, by `time.monotonic`.
    seed : int
        Of the splits.
    kept : StateFile, default=None
        Where the results are kept after each trial.
    known : list of Result
        Those of a search that was killed, from which this one goes on.
    """

    data: tuple[Any, ...]
    positions: NDArray[np.intp]
    ranks: NDArray[np.float64]
    candidates: Sequence[BaseCondenser]
    judge: Judge
    budget: float
    splits: Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]]
    fewest: int
    start: float
    seed: int
    kept: StateFile | None = None
    known: list[Result] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    interrupted: bool = False
    chosen: Result | None = None  # what comes out, where it is not the trial of the best mean score

    def __sklearn_clone__(self) -> Study:
        return self

    def __post_init__(self) -> None:
        n_rows = min(_MOST_ROWS, *(len(train) for train, _ in self.splits))
        n_rungs = 1
        while _FACTOR**n_rungs <= len(self.candidates) and n_rows // _FACTOR**n_rungs >= self.fewest:
            n_rungs += 1
        self.rungs = [n_rows // _FACTOR ** (n_rungs - 1 - i) for i in range(n_rungs)]

    def keep(self) -> None:
        """Keep what `resumed` gives."""
        if self.kept is not None:
            self.kept.write(lambda file: cloudpickle.dump((self.seed, self.elapsed(), self.results), file))

    def forget(self) -> None:
        """Keep nothing any longer."""
        if self.kept is not None:
            self.kept.remove()
            _trial_path(self.kept).unlink(missing_ok=True)

    def fit(self, condenser: BaseCondenser, rows: NDArray[np.intp]) -> None:
        """Fit a condenser to some rows; a long fit that is killed goes on, too."""
        X, targets, weight, groups = self.take(rows)
        own = condenser.checkpoint
        if self.kept is not None and own is None:
            condenser.checkpoint = _trial_path(self.kept)
        condenser.fit(X, targets, sample_weight=weight, sensitive_features=groups)
        condenser.checkpoint = own

    def run(self, names: Sequence[str] | None) -> None:
        """Try the candidates by successive halving; names, if any, are printed as their trials end.

        Raises
        ------
        ValueError
            If not even random rows give a set that can be judged.
        """
        self.names = names
        search = HalvingGridSearchCV(
            Trial(self),
            {"candidate": list(range(len(self.candidates)))},
            factor=_FACTOR,
            resource="max_rows",
            min_resources=self.rungs[0],
            max_resources=self.rungs[-1],
            cv=self.splits,
            refit=False,
            return_train_score=False,
            error_score=np.nan,
            random_state=0,
            n_jobs=1,
        )
        failure = None
        with warnings.catch_warnings():
            # Trials that fail are told of by the leaderboard; learners that have not converged on ten rows are no news.
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", InterruptedWarning)  # ends the search, and not one trial
            try:
                search.fit(np.arange(len(self.positions))[:, None], np.zeros(len(self.positions)))
            except ValueError as error:  # all trials of a round have failed
                failure = error
            except KeyboardInterrupt:
                if not self.mean_scores():
                    raise
                self.interrupted = True
        if self.interrupted:
            self.tell_interrupted()
        elif not any(candidate == 0 for candidate, _ in self.mean_scores()):
            reasons = [result.error for result in self.results if result.error] or [str(failure)]
            self.forget()
            raise ValueError(f"random rows give no set that can be judged: {reasons[0]}") from failure

    def tell_interrupted(self) -> None:
        """Note, and warn, that the user has ended the search."""
        self.interrupted = True
        warnings.warn(
            f"the search was interrupted after {len(self.results)} trials; the best set of these is kept",
            InterruptedWarning,
            stacklevel=6,
        )

    def first(self, n_rows: int) -> NDArray[np.intp]:
        """Return the first rows of the first split to condense, in order of place."""
        train = self.splits[0][0]
        return np.sort(train[np.argsort(self.ranks[train], kind="stable")][:n_rows])

    def tell(self, result: Result) -> None:
        """Print what a trial gave, and the time that is left."""
        if self.names is None:
            return
        name, left = self.names[result.candidate], self.budget - self.elapsed()
        time_left = f", {max(left, 0.0):.0f} s left" if np.isfinite(left) else ""
        told = f"{name}, {len(result.rows)} rows: {result.score:.4g} in {result.seconds:.1f} s{time_left}"
        print(told, file=sys.stderr, flush=True)

    def take(self, rows: NDArray[np.intp]) -> tuple[Any, ...]:
        """Return some of the rows that count, with all that belongs to them."""
        return tuple(None if part is None else _safe_indexing(part, self.positions[rows]) for part in self.data)

    def elapsed(self) -> float:
        """Return the seconds since the start."""
        return monotonic() - self.start

    def mean_scores(self) -> dict[tuple[int, int], float]:
        """Return the mean score over the splits, by candidate and number of rows; of complete trials only."""
        found: dict[tuple[int, int], list[float]] = {}
        for result in self.results:
            found.setdefault((result.candidate, result.n_rows), []).append(result.score)
        return {key: float(np.mean(scores)) for key, scores in found.items() if np.isfinite(scores).all()}

    def best(self) -> Result:
        """Return what comes out: the trial of the best mean score; of several splits, that of the most typical one."""
        if self.chosen is not None:
            return self.chosen
        scores = self.mean_scores()
        best = max(scores, key=lambda key: scores[key])
        found = [result for result in self.results if (result.candidate, result.n_rows) == best]
        return min(found, key=lambda result: abs(result.score - scores[best]))

    def seconds_for(self, candidate: int, n_rows: int) -> float:
        """Return how long a trial may take.

        The first round has twice the share of the budget that each later one has; a trial gets up to twice its part of
        what is left of it.

        Raises
        ------
        TimeoutError
            If there is no time left, or not enough by what a trial on fewer rows has taken. Random rows always have
            time.
        """
        if not candidate:
            return np.inf
        rung = next((i for i, rows in enumerate(self.rungs) if n_rows <= rows), len(self.rungs) - 1)
        left = self.budget * (rung + 2) / (len(self.rungs) + 1) - self.elapsed()
        if left <= 0 or self._expected(candidate, n_rows) > left:
            raise TimeoutError("out of time")
        n_trials = len(self.splits) * -(-len(self.candidates) // _FACTOR**rung)
        n_left = n_trials - sum(r.n_rows == n_rows for r in self.results)
        return max(min(left, 2 * left / max(n_left, 1)), 0.0)

    def _expected(self, candidate: int, n_rows: int) -> float:
        """Return the seconds that a trial will take, by those on fewer rows: as they grew, or a power of 1.5.

        Where there was none, it is what others have taken on as many rows.
        """
        seconds: dict[int, float] = {}
        for result in self.results:
            if result.candidate == candidate and result.n_rows < n_rows and not result.error:
                seconds[result.n_rows] = max(seconds.get(result.n_rows, 0.0), result.seconds)
        if not seconds:
            others = [r.seconds for r in self.results if r.n_rows == n_rows and not r.error]
            return float(np.mean(others)) if others else 0.0
        *_, (few, quick), (many, slow) = [(0, 0.0), *sorted(seconds.items())]
        power = np.clip(np.log(slow / quick) / np.log(many / few), 0, 2.5) if quick else 1.5
        return slow * (n_rows / many) ** float(power)


def resumed(kept: StateFile | None) -> tuple[int, float, list[Result]] | None:
    """Return the seed, the seconds and the results of a search that was killed; None if there is none."""
    held = None if kept is None else kept.read()
    return None if held is None else pickle.load(held)


def _trial_path(kept: StateFile) -> Path:
    """Return where the state of the fit of a trial is kept."""
    return kept.path.with_name(f"{kept.path.name}.trial")


class Trial(Fields):
    """A candidate on some of the rows.

    Parameters
    ----------
    study : Study
    candidate : int
        Which one.
    max_rows : int
        How many rows it sees.
    """

    study: Study
    candidate: int = 0
    max_rows: int = 1

    def fit(self, index: NDArray[np.intp], y: object = None) -> Self:
        """Condense the rows at some positions."""
        study, started, rows = self.study, monotonic(), index[:, 0]
        rows = np.sort(rows[np.argsort(study.ranks[rows], kind="stable")][: self.max_rows])
        if study.known:
            self.result_ = study.known.pop(0)
            study.results.append(self.result_)
            if self.result_.condenser is None:
                raise RuntimeError(self.result_.error)
            return self
        self.result_ = result = Result(self.candidate, self.max_rows)
        try:
            condenser = clone(study.candidates[self.candidate])
            with time_limit(study.seconds_for(self.candidate, self.max_rows)), warnings.catch_warnings():
                warnings.simplefilter("error", StoppedWarning)  # rows drawn at random are tried as such
                study.fit(condenser, rows)
            result.condenser, result.rows = condenser, rows
        except StoppedWarning:
            result.error = "out of time"
            raise
        except InterruptedWarning as error:
            raise KeyboardInterrupt from error
        except Exception as error:
            result.error = str(error)
            raise
        finally:
            result.seconds = monotonic() - started
            if result.condenser is not None or result.error:  # one that was interrupted is tried again
                study.results.append(result)
            if result.error:
                study.keep()
        return self

    def score(self, index: NDArray[np.intp], y: object = None) -> float:
        """Return what the judge says of the set, on the rows at other positions."""
        started, result = monotonic(), self.result_
        if result.error or np.isfinite(result.score):  # of a search that was killed
            return result.score
        X, targets, weight, _ = self.study.take(index[:, 0])
        try:
            result.score = self.study.judge(result.condenser, X, targets, weight)
        except Exception as error:
            result.error = str(error)
            raise
        finally:
            result.seconds += monotonic() - started
            self.study.keep()
        self.study.tell(result)
        return result.score


def ranked(problem: Problem, seed: int) -> NDArray[np.float64]:
    """Return an order of the rows of which any beginning holds the classes in proportion, one of each at least."""
    codes = problem.codes
    shuffled = np.random.default_rng(seed).permutation(len(codes))
    ranks = np.empty(len(codes))
    for code in np.unique(codes):
        members = shuffled[codes[shuffled] == code]
        ranks[members] = np.arange(len(members)) / len(members)
    return ranks
