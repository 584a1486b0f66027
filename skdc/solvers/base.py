"""The contract of a solver: how the synthetic set is moved or chosen."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Literal, NamedTuple, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skdc.fields import SharedParts
from skdc.parameterizations.base import LiveSet
from skdc.sets import LabeledSet
from skdc.sources import Source, copied
from skdc.step import Step
from skdc.watch import Progress, untold


class LiveSpace(Protocol):
    """What a solver asks of a space."""

    def frozen(self) -> bool: ...  # noqa: D102

    def after_step(self, synthetic: LabeledSet, source: Source, state: Step) -> None: ...  # noqa: D102

    def attributes(self, synthetic: LabeledSet, source: Source) -> dict[str, Any]: ...  # noqa: D102


class LiveObjective(Protocol):
    """What a solver asks of a fitted discrepancy, or of a sum of them."""

    def leaves(self) -> list[Any]: ...  # noqa: D102

    def spaces(self) -> list[LiveSpace]: ...  # noqa: D102

    def parameters(self) -> list[dict[str, Any]]: ...  # noqa: D102

    def loss(self, real: Any, synthetic: LabeledSet, state: Step) -> Tensor: ...  # noqa: D102


@dataclass(frozen=True, eq=False)
class Solution:
    """What a solver found.

    Parameters
    ----------
    synthetic : LabeledSet
        The final set, detached. Of rows that were chosen without an objective X may have no columns: they are those of
        the data.
    n_iter : int
        Steps taken.
    history : dict of str to ndarray
        What was recorded on the way, one entry a step.
    attributes : dict of str to object
        Fitted attributes that the nouns declare, shown by the condenser under their names.
    """

    synthetic: LabeledSet
    n_iter: int
    history: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)


class _WithSolution(BaseException):
    def __init__(self, message: str, solution: Solution) -> None:
        super().__init__(message)
        self.solution = solution


class DivergenceError(_WithSolution, ArithmeticError):
    """The loss is no longer finite.

    Parameters
    ----------
    message : str
    solution : Solution
        The last good set.
    """


class Interruption(_WithSolution, KeyboardInterrupt):
    """The user interrupts a solver that has a set.

    Parameters
    ----------
    message : str
    solution : Solution
        The last good set.
    """


class InterruptedWarning(UserWarning):
    """The user has interrupted a fit, and the set of the steps until then is kept.

    A script in which an interrupt is to end more than one fit makes it an error:
    `warnings.simplefilter("error", InterruptedWarning)`.
    """


SomeSet = TypeVar("SomeSet", bound=LiveSet)


@dataclass(eq=False)
class State(Step, Generic[SomeSet]):
    """All that a solve goes on from between two of its steps; solvers add what they need.

    Parameters
    ----------
    generator, step, n_steps
        As in `Step`, as which spaces see it.
    objective : LiveObjective or None
        Fitted.
    synthetic : LiveSet
    source : Source
        It is no part of a pickle.
    losses : list of float
        What was watched in each step.
    stopped : bool
        Whether a stop was asked for.
    interrupted : bool
        Whether the user has interrupted a step, which may be half done.
    tell : Progress
        Is told of every step, and may ask to stop; it is no part of a pickle.
    """

    objective: Any
    synthetic: SomeSet
    source: Any
    losses: list[float] = field(default_factory=list)
    stopped: bool = False
    interrupted: bool = False
    tell: Progress = untold

    def done(self, loss: float) -> None:
        """Note that a step is done, and tell of it."""
        self.step += 1
        self.stopped = self.tell(self.step, self.n_steps, loss)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "source": None, "tell": untold}


SomeState = TypeVar("SomeState", bound=State)


class Reducer(NamedTuple):
    """What chooses rows of a piece, each of which stands for others.

    Parameters
    ----------
    solver : Solver
    fewest : int
        No fewer rows of a class are kept of a piece, however few are chosen in the end.
    """

    solver: Solver
    fewest: int = 0


class Solver(SharedParts, Generic[SomeState, SomeSet], ABC):
    """How a live set is brought to minimise an objective, step by step: a solve is a state, which solvers change.

    Attributes
    ----------
    moves : {"values", "indices"}
        What it moves; a parameterization must offer the same.
    minimizes : bool
        Whether it looks at a discrepancy at all.
    sparse : bool
        Whether it can choose from rows that are sparse.
    """

    moves: ClassVar[Literal["values", "indices"]]
    minimizes: ClassVar[bool] = True
    sparse: ClassVar[bool] = False

    def streams(self) -> bool:
        """Tell whether it asks the source for batches only, which a sketch can give (not by default)."""
        return False

    def passes(self) -> bool:
        """Tell whether passes over the rows are all that it takes (not by default)."""
        return False

    def reducer(self, discrepancy: Any) -> Reducer | None:
        """Return what chooses rows of pieces, of which this one chooses in the end; None where a sample is as good.

        Parameters
        ----------
        discrepancy : Objective or None
            Not fitted.
        """
        return None

    def places_rows(self) -> bool:
        """Tell whether it puts other rows in the place of points, whatever these were (not by default)."""
        return False

    def weighs(self) -> bool:
        """Tell whether points of a class may get different weights (not by default)."""
        return False

    def finds_size(self) -> bool:
        """Tell whether the data say how many rows of each class it keeps, so that no number is asked for.

        Not by default. Where it does, all rows are asked for, and it takes at least one of each class.
        """
        return False

    def finds_shares(self) -> bool:
        """Tell whether the data say how many rows of each class it keeps of those that are asked for in all.

        Not by default. Where it does, it takes at least one of each class.
        """
        return False

    def nested(self) -> bool:
        """Tell whether it makes the set of a class point after point, so that its first points are good without others.

        Not by default.
        """
        return False

    def own_objective(self) -> Any:
        """Return the discrepancy that weights of chosen rows are to make least, if there is one (none by default)."""

    @abstractmethod
    def begin(
        self, objective: LiveObjective | None, synthetic: SomeSet, source: Source, generator: torch.Generator
    ) -> SomeState:
        """Return where a solve begins, once it is seen that the parts suit the solver.

        Raises
        ------
        ValueError
            If a setting makes no sense, or the objective, the set or the data do not suit the solver.
        """

    @abstractmethod
    def advance(self, state: SomeState) -> None:
        """Take a step, and note in the state that it is done."""

    @abstractmethod
    def finish(self, state: SomeState) -> Solution:
        """Return the solution that the steps have led to, whether all were taken or not.

        Raises
        ------
        DivergenceError
            If the loss is no longer finite; it carries the last good set.
        """

    def keeps(self, state: SomeState) -> bool:
        """Tell whether an interrupt leaves a set that `finish` gives: that of the steps that were done."""
        return state.step > 0

    def tells(self, state: SomeState) -> str:
        """Tell of the set that an interrupt leaves."""
        return "the set is kept"

    def solve(
        self,
        objective: LiveObjective | None,
        synthetic: SomeSet,
        source: Source,
        generator: torch.Generator,
        progress: Progress = untold,
    ) -> Solution:
        """Return the solution; `progress` is told of every step, and may ask to stop.

        Raises
        ------
        DivergenceError
            If the loss is no longer finite; it carries the last good set.
        Interruption
            If the user interrupts a solver that has a set, which it carries.
        """
        return self.go_on(self.begin(objective, synthetic, source, generator), progress)

    def go_on(
        self, state: SomeState, progress: Progress = untold, keep: Callable[[SomeState], None] | None = None
    ) -> Solution:
        """Return the solution from where a solve has come to: the loop around all steps of all solvers.

        Parameters
        ----------
        state : State
        progress : Progress
            Is told of every step, and may ask to stop.
        keep : callable, default=None
            Is handed the state after each step.
        """
        state.tell = progress
        try:
            while state.step < state.n_steps and not state.stopped:
                self.advance(state)
                if keep is not None:
                    keep(state)
        except KeyboardInterrupt:
            if not self.keeps(state):
                raise
            state.interrupted = True
        done, solution = f"{state.step} of {state.n_steps} steps", self.finish(state)
        if state.interrupted:
            raise Interruption(f"interrupted after {done}; {self.tells(state)}", solution)
        return solution


def detached(rows: LabeledSet) -> LabeledSet:
    """Return a copy of a set outside the graph."""
    return LabeledSet(**{name: copied(value) for name, value in vars(rows).items()})


def solution_of(
    state: State, n_iter: int, history: dict[str, NDArray[np.float64]], rows: LabeledSet | None = None
) -> Solution:
    """Return a live set as it is now as the solution, with the attributes that spaces declare.

    `rows` is the set, where nothing holds it or changes it later: of others there is a copy.
    """
    rows, attributes = detached(state.synthetic()) if rows is None else rows, dict[str, Any]()
    for space in [] if state.objective is None else state.objective.spaces():
        attributes |= space.attributes(rows, state.source)
    return Solution(rows, n_iter, history, attributes)
