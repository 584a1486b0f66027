"""Several choices of rows, of which the best is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import clone
from torch import Tensor

from skdc.exceptions import PartsError
from skdc.parameterizations.subset import SubsetSet
from skdc.sets import LabeledSet
from skdc.solvers.base import LiveObjective, Solution, Solver, State, solution_of
from skdc.solvers.selection.base import Selection, check_integers
from skdc.sources import Batch, Holds, Source, require
from skdc.step import Step


class _Candidate(NamedTuple):
    """The loss of a set; its rows, what they stand for, and whether they have soft labels."""

    loss: float
    indices: NDArray[np.intp]
    weight: Tensor
    soft: bool


class _StoppedError(Exception):
    """A stop was asked for within a choice."""


@dataclass(eq=False, kw_only=True)
class BestState(State[SubsetSet]):
    """Which choice is the next, and which was the best.

    Parameters
    ----------
    judged : LabeledSet
        Rows by which sets are judged.
    seed : Tensor
        Where the draws of a judgement begin, the same for all.
    even : Tensor of shape (m,)
        Weights of rows of which those of a class stand for the same.
    kinds : tuple of bool
        With which labels sets are judged: soft ones, those of the rows alone, or, before the first, both.
    found : dict
        What was judged, by its rows and their weights.
    best : _Candidate, default=None
    """

    judged: LabeledSet
    seed: Tensor
    even: Tensor
    kinds: tuple[bool, ...]
    found: dict[bytes, _Candidate] = field(default_factory=dict)
    best: _Candidate | None = None


class BestOf(Solver[BestState, SubsetSet]):
    """Choose rows in several ways, and keep the set of which the objective is least.

    The objective is any that a set can be judged by, such as what estimators that are trained on it predict wrong
    (`EstimatorPredictions`). It is taken on rows that are held out, where there are some (`Subset(taught="all")`), so
    that no way is the better for having seen the rows by which it is judged. Where rows have soft labels, the first set
    is judged with these and with the classes of the rows alone, and the others with those that were better.

    Parameters
    ----------
    choices : list of (discrepancy or None, solver)
        What each of them minimises, and how; solvers that choose rows, such as `Greedy()`, or `Draw()` with None.
    n_rows : int, default=2000
        Most rows by which sets are judged.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import MMD, QuantizationError, SquaredL2
    >>> from skdc.parameterizations import Subset
    >>> from skdc.solvers import BestOf, Draw, Greedy
    >>> from skdc.spaces import EstimatorPredictions
    >>> wrong = SquaredL2(space=EstimatorPredictions(), by=None)
    >>> best = BestOf([(MMD(), Greedy()), (QuantizationError(), Greedy()), (None, Draw())])
    >>> condenser = Condenser(wrong, Subset(), best, n_per_class=3)
    """

    moves = "indices"

    choices: Sequence[tuple[Any, Any]]
    n_rows: int = 2000

    def weighs(self) -> bool:
        """Tell that rows may weigh what they stand for."""
        return True

    def begin(
        self, objective: LiveObjective | None, synthetic: SubsetSet, source: Source, generator: torch.Generator
    ) -> BestState:
        """Return a state in which nothing is chosen."""
        self._check()
        source = require(self, source, Holds, "which rows to choose")
        judged = source.unseen(self.n_rows, generator)
        seed, even = generator.get_state(), synthetic.weight.clone()
        soft = synthetic.soft
        kinds = (True, False) if soft and source.schema.task == "classification" else (soft,)
        given = generator, objective, synthetic, source
        return BestState(*given, n_steps=len(self.choices), judged=judged, seed=seed, even=even, kinds=kinds)

    def _check(self) -> None:
        check_integers(self, {"n_rows": 1})
        if not len(self.choices):
            raise ValueError("BestOf(choices=[]): there must be something to choose from, such as [(MMD(), Greedy())]")
        for discrepancy, solver in self.choices:
            if not isinstance(solver, Selection):
                raise PartsError(f"BestOf: {solver!r} does not choose rows; take a solver such as Greedy() or Draw()")
            if solver.finds_counts():
                raise PartsError(
                    f"BestOf: {solver!r} finds how many rows of a class to keep, and sets of one size are compared"
                )
            if solver.minimizes == (discrepancy is None):
                wanted = "minimises nothing, and takes None" if discrepancy is not None else "needs a discrepancy"
                raise PartsError(f"BestOf: ({discrepancy!r}, {solver!r}): {type(solver).__name__} {wanted}")

    def advance(self, state: BestState) -> None:
        """Make a choice, and judge its set."""
        discrepancy, solver = self.choices[state.step]
        synthetic = state.synthetic
        fitted = None if discrepancy is None else clone(discrepancy).fit(state.source, state.generator)

        def stops(step: int, n_steps: int, loss: float) -> bool:
            stop = step < n_steps and state.tell(state.step, state.n_steps, float("nan"))
            if stop and state.best is not None:
                raise _StoppedError
            return stop

        synthetic.weight.copy_(state.even)
        try:
            solver.solve(fitted, synthetic, state.source, state.generator, stops)
        except _StoppedError:
            state.stopped = True
            return
        soft = synthetic.soft
        best = self._best(state)
        synthetic.choose(synthetic.indices, None, soft)
        state.kinds = (best.soft,)
        if state.best is None or best.loss < state.best.loss:
            state.best = best
        state.losses.append(best.loss)
        state.done(best.loss)

    def _best(self, state: BestState) -> _Candidate:
        """Return the set that was chosen, with the labels that serve better; judged once, however often it comes."""
        synthetic = state.synthetic
        order = np.argsort(synthetic.indices)
        key = synthetic.indices[order].tobytes() + synthetic.weight[order].cpu().numpy().tobytes()
        if key not in state.found:
            state.found[key] = min((self._judged(state, soft) for soft in state.kinds), key=lambda one: one.loss)
        return state.found[key]

    def _judged(self, state: BestState, soft: bool) -> _Candidate:
        synthetic, draws = state.synthetic, torch.Generator()
        draws.set_state(state.seed)
        synthetic.choose(synthetic.indices, None, soft)
        loss = self.loss(state, synthetic(), Step(draws))
        return _Candidate(loss, synthetic.indices, synthetic.weight.clone(), soft)

    @torch.no_grad()
    def loss(self, state: BestState, rows: LabeledSet, step: Step) -> float:
        """Return what is to be least: the objective, of rows that are chosen now."""
        return float(state.objective.loss(Batch(state.judged), rows, step))

    def finish(self, state: BestState) -> Solution:
        """Return the set of the best choice."""
        assert state.best is not None
        _, indices, weight, soft = state.best
        with torch.no_grad():
            state.synthetic.choose(indices, weight, soft)
        return solution_of(state, len(indices), {"loss": np.array(state.losses)})
