"""Rows that are exchanged for others as long as a learner does no worse: what a search ends with, told the learner."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, fields, replace
from numbers import Integral
from time import monotonic
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import clone, is_regressor
from sklearn.utils import _safe_indexing
from torch import Tensor

from skdc.auto.judges import Judge
from skdc.auto.trials import Result, Study
from skdc.codes import on_simplex
from skdc.condensed import CondensedSet
from skdc.condensers import Condenser, TabularCondenser
from skdc.containers import plain_labels
from skdc.discrepancies import QuantizationError
from skdc.exceptions import PartsError
from skdc.fitting.base import BaseCondenser
from skdc.fitting.deadlines import time_limit
from skdc.parameterizations.subset import Subset, SubsetSet
from skdc.sets import LabeledSet
from skdc.solvers import BestOf, Draw, Greedy
from skdc.solvers.base import InterruptedWarning, LiveObjective
from skdc.solvers.selection.best import BestState
from skdc.sources import Holds, Source, draw_seed
from skdc.spaces import Joint
from skdc.step import Step

_FEW = 512  # rows that a quick choice looks at
_N_DRAWS = 4
_SHARE = 4  # one row of so many is exchanged at first
_N_SCREENED = 8
_SMALLER = 0.97  # of each exchange that was for the worse, the next one is as much smaller
_LARGER = 1.5
_MOST_TRIED = 500  # exchanges, where no time ends them
_UNTIL_TIME = 100_000
_MOST_OF_IT = 0.9  # of the time that is left: a teacher and the last of the trials are not stopped midway
_MOST_ROWS = 18_000  # to choose from: a teacher tells no more, but for sets that are large
_MOST_JUDGED = 5000  # rows to judge by


@dataclass(eq=False)
class LearnerScore:
    """The score of learners that are trained on some of the rows that are condensed; it is no part of a pickle.

    Parameters
    ----------
    judge : Judge
    X, y : array or frame
        The rows that are condensed, as passed by the user.
    judged : tuple of (X, y, sample_weight)
        Rows by which sets are judged, as passed by the user; the last may be None.
    """

    judge: Judge | None
    X: Any
    y: Any
    judged: tuple[Any, Any, Any] | None

    def __sklearn_clone__(self) -> Self:
        return self

    def __repr__(self) -> str:
        return "LearnerScore()"

    def screen(self) -> LearnerScore | None:
        """Return the score of the same learners with few of their trees, quicker by far; None where there are no trees.

        R squared of few trees tells well enough which of some exchanges is best, to make up for the time. Accuracy does
        not: with few trees it changes by more from draw to draw than by an exchange.
        """
        assert self.judge is not None
        smaller = [with_few_trees(learner) for learner in self.judge.learners]
        found = [learner for learner in smaller if learner is not None]
        if len(found) < len(smaller) or not all(map(is_regressor, found)):
            return None
        return replace(self, judge=replace(self.judge, learners=found))

    def forget(self) -> None:
        """Let go of the data: what has searched for rows stays, as it was fitted."""
        self.judge = self.X = self.y = self.judged = None

    def __call__(self, places: NDArray[np.intp], rows: LabeledSet, source: Source, soft: bool) -> float:
        """Return the score of the set that has the rows at some places, with the labels and weights of a live set."""
        if self.judge is None or self.judged is None:
            raise PartsError("rows were exchanged for a search that is over; to search again, fit AutoCondenser")
        schema, weight = source.schema, rows.weight.cpu().double().numpy()
        targets, y = source.decode_targets(rows.y), plain_labels(_safe_indexing(self.y, places))
        y_soft = on_simplex(targets) if soft and schema.task == "classification" else None
        if soft and schema.task == "regression":
            within = np.clip(targets, *source.target_range())
            y = within[:, 0] if schema.flat_targets else within
        X = _safe_indexing(self.X, places)
        return self.judge.of(CondensedSet(X, y, weight / weight.mean(), y_soft, schema.classes), *self.judged)


@dataclass(eq=False, kw_only=True)
class ExchangeState(BestState):
    """The best set until now, and how the next one is to differ from it.

    Parameters
    ----------
    draws : numpy.random.Generator
    n_exchanged : float
        How many rows the next exchange is of.
    first_kinds : tuple of bool
        With which labels the given rows are judged: `kinds` before any set was.
    """

    draws: np.random.Generator
    n_exchanged: float
    first_kinds: tuple[bool, ...]


class Exchanges(BestOf):
    """Choose rows in several ways, and exchange random rows of the best set for others while the learner does no worse.

    Parameters
    ----------
    choices, n_rows
        As in `BestOf`.
    score : LearnerScore
    screen : LearnerScore, default=None
        A quicker score, by which the best of eight exchanges is the one that is tried.
    given : ndarray of int, default=None
        Rows to start with, too, by their places among those that are condensed; others are drawn for those that cannot
        be chosen.
    n_exchanges : int, default=500
        How many exchanges are tried, at most.
    """

    minimizes = False

    score: LearnerScore | None = None
    screen: LearnerScore | None = None
    given: NDArray[np.intp] | None = None
    n_exchanges: int = _MOST_TRIED

    def begin(
        self, objective: LiveObjective | None, synthetic: SubsetSet, source: Source, generator: torch.Generator
    ) -> ExchangeState:
        """Return a state in which nothing is chosen."""
        begun = super().begin(objective, synthetic, source, generator)
        held = {part.name: getattr(begun, part.name) for part in fields(begun)}
        draws = np.random.default_rng(draw_seed(generator))
        n_exchanged = len(synthetic.weight) / _SHARE
        state = ExchangeState(**held, draws=draws, n_exchanged=n_exchanged, first_kinds=begun.kinds)
        state.n_steps += (self.given is not None) + self.n_exchanges
        return state

    def advance(self, state: BestState) -> None:
        """Make a choice, or an exchange."""
        assert isinstance(state, ExchangeState)
        if state.step < len(self.choices):
            super().advance(state)
        elif self.given is not None and state.step == len(self.choices):
            self._judge(state, self._completed(state, self.given), state.even, state.first_kinds)
        else:
            self._exchange(state)

    def loss(self, state: BestState, rows: LabeledSet, step: Step) -> float:
        """Return what is least for the best score; infinite where learners cannot be trained on the set."""
        return _loss(self.score, state, rows)

    def _exchange(self, state: ExchangeState) -> None:
        """Try the best set with some of its rows exchanged: of several such sets, that which is best by the screen."""
        best, synthetic = state.best, state.synthetic
        assert best is not None
        tried = [self._exchanged(state, best.indices) for _ in range(1 if self.screen is None else _N_SCREENED)]
        if self.screen is not None:
            losses = []
            for indices in tried:
                synthetic.choose(indices, best.weight, best.soft)
                losses.append(_loss(self.screen, state, synthetic()))
            tried = [tried[int(np.argmin(losses))]]
        self._judge(state, tried[0], best.weight, (best.soft,))

    def _judge(self, state: ExchangeState, indices: NDArray[np.intp], weight: Tensor, kinds: tuple[bool, ...]) -> None:
        """Keep a set if it is no worse than the best one until now, with soft labels or without."""
        state.synthetic.choose(indices, weight)
        best = min((self._judged(state, kind) for kind in kinds), key=lambda one: one.loss)
        before = np.inf if state.best is None else state.best.loss
        most = len(indices) / _SHARE
        state.n_exchanged = (
            min(state.n_exchanged * _LARGER, most) if best.loss < before else state.n_exchanged * _SMALLER
        )
        # Of equals the new one: scores have many, and a search that stays where it is sees few of them.
        if state.best is None or best.loss <= before:
            state.best = best
        state.losses.append(state.best.loss)
        state.done(state.best.loss)

    def _exchanged(self, state: ExchangeState, indices: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return rows with others of their classes in the place of some."""
        source, found = state.source, indices.copy()
        n = min(max(round(state.n_exchanged), 1), len(indices))
        places = state.draws.permutation(len(indices))[:n]
        codes = source.schema.class_of_key[source.key[indices[places]]]
        for c in np.unique(codes):
            of_class = places[codes == c]
            others = _drawn(source, c, indices, len(of_class), state.draws)
            found[of_class[: len(others)]] = others
        return found

    def _completed(self, state: ExchangeState, given: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return given rows, class after class, and as many more of each class as are missing."""
        source, places = state.source, np.flatnonzero(np.isin(_of_data(state.source), given))
        codes, chosen = source.schema.class_of_key[source.key[places]], list[NDArray[np.intp]]()
        for c, size in enumerate(state.synthetic.sizes):
            kept = places[codes == c][:size]
            chosen.append(np.concatenate([kept, _drawn(source, c, kept, size - len(kept), state.draws)]))
        return np.concatenate(chosen)


def _loss(score: LearnerScore | None, state: BestState, rows: LabeledSet) -> float:
    """Return what is least for the best score of the rows that are chosen now."""
    assert score is not None
    synthetic = state.synthetic
    try:
        return -score(_of_data(state.source)[synthetic.indices], rows, state.source, synthetic.soft)
    except PartsError:
        raise
    except ValueError:  # such as a class that is there no longer, or fewer rows than neighbours
        return float("inf")


def with_few_trees(learner: Any) -> Any:
    """Return a clone of a learner with a tenth of its trees, of which boosting takes a fifth; None if it has none."""
    params, fewer = learner.get_params(), {}
    for name, value in params.items():
        if not isinstance(value, Integral):
            continue
        if name.endswith("n_estimators"):
            fewer[name] = max(1, int(value) // 10)
        elif name.endswith("max_iter") and name.removesuffix("max_iter") + "max_leaf_nodes" in params:
            fewer[name] = max(1, int(value) // 5)
    return clone(learner).set_params(**fewer) if fewer else None


def _of_data(source: Any) -> NDArray[np.intp]:
    """Return the places of the rows of a source among those that are condensed."""
    return source.places if hasattr(source, "places") else np.arange(len(source))


def _drawn(source: Holds, c: int, without: NDArray[np.intp], size: int, draws: np.random.Generator) -> NDArray[np.intp]:
    """Draw rows of a class by weight, none twice, none of some, and fewer where there are no more."""
    members = source.class_members(c)
    members = members[~np.isin(members, without)]
    weight = source.weight[members]
    n_there = min(size, int((weight > 0).sum()))
    if not n_there:
        return np.empty(0, dtype=np.intp)
    return draws.choice(members, n_there, replace=False, p=weight / weight.sum())


def exchange(study: Study, taught: bool) -> None:
    """Improve the best set of a search by exchanges of its rows, in the time that is left; it is one more trial.

    Sets are judged by the rows held out and, where these are few, by others too, those that are condensed among them.
    The set is the study's best if it is better by these.

    Parameters
    ----------
    study : Study
        After its trials, of one split.
    taught : bool
        Whether rows may get the labels of a teacher.
    """
    (_, held_out), best, started = study.splits[0], study.best(), monotonic()
    chosen = best.rows[best.condenser.indices_] if hasattr(best.condenser, "indices_") else np.empty(0, dtype=np.intp)
    first = study.first(_MOST_ROWS)
    rows = np.union1d(first, chosen)
    others = study.first(max(0, _MOST_JUDGED - len(held_out)))
    X, y, weight, _ = study.take(np.concatenate([held_out, others]))
    judged = X, y, weight
    result = Result(len(study.candidates), len(rows), rows=rows)
    condensed, targets, weights, groups = study.take(rows)
    score = LearnerScore(study.judge, condensed, targets, judged)
    screen = score.screen()
    given = np.searchsorted(rows, chosen) if len(chosen) else None
    n = _UNTIL_TIME if np.isfinite(study.budget) else _MOST_TRIED
    choices = _choices(best.condenser.condensed_.classes is None)
    solver = Exchanges(choices, score=score, screen=screen, given=given, n_exchanges=n)
    condenser = _condenser(best.condenser, solver, taught, study.seed)
    try:
        with time_limit(_MOST_OF_IT * (study.budget - study.elapsed())), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("default", InterruptedWarning)
            # Without a checkpoint: what is known of a search that was killed is what its trials gave.
            condenser.fit(condensed, targets, sample_weight=weights, sensitive_features=groups)
            held = study.take(held_out)[:3]
            result.score, reached = study.judge.on_each(condenser.condensed_, held, judged)
            is_better = reached >= study.judge(best.condenser, *judged)
        result.condenser = condenser
    except KeyboardInterrupt:
        study.tell_interrupted()
        return
    except Exception as error:  # the set that there is stays
        result.error, is_better = str(error), False
    finally:
        for one in (score, screen):
            if one is not None:
                one.forget()
    result.seconds = monotonic() - started
    study.results.append(result)
    if not result.error:
        study.tell(result)
    study.chosen = result if is_better else best


def _choices(continuous: bool) -> list[tuple[Any, Any]]:
    """Return ways to choose the first rows, the quickest first: they are what a stop leaves."""
    medoids = QuantizationError(exponent=1)
    if continuous:
        medoids = QuantizationError(exponent=1, space=Joint(target_weight="all"))
    quick = medoids, Greedy(n_passes=2, max_rows=_FEW)
    return [*[(None, Draw())] * _N_DRAWS, quick, quick]


def _condenser(best: BaseCondenser, solver: Exchanges, taught: bool, seed: int) -> BaseCondenser:
    """Return a condenser that makes sets of the size and shares of another one."""
    rows = Condenser(None, Subset(), solver)
    kept = ("n_per_class", "n_samples", "task", "encoder", "device", "n_jobs")
    condenser = TabularCondenser(rows=rows) if taught else rows
    return condenser.set_params(random_state=seed % 2**31, **{name: getattr(best, name) for name in kept})
