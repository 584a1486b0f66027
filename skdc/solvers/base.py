"""The contract of a solver: how the synthetic set is moved or chosen."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from torch import Tensor

from skdc.data import LabeledSet
from skdc.parameterizations.base import LiveSet
from skdc.seeds import SharedParts
from skdc.sources import Source

Progress = Callable[[int, int, float], bool]  # (steps done, steps in all, loss) -> whether to stop


class LiveSpace(Protocol):
    """What a solver asks of a space."""

    def frozen(self) -> bool: ...  # noqa: D102

    def after_step(self, synthetic: LabeledSet, source: Source, generator: torch.Generator) -> None: ...  # noqa: D102

    def attributes(self, synthetic: LabeledSet, source: Source) -> dict[str, Any]: ...  # noqa: D102


class Objective(Protocol):
    """What a solver asks of a fitted discrepancy, or of a sum of them."""

    def leaves(self) -> list[Any]: ...  # noqa: D102

    def spaces(self) -> list[LiveSpace]: ...  # noqa: D102

    def parameters(self) -> list[dict[str, Any]]: ...  # noqa: D102

    def loss(self, real: Any, synthetic: LabeledSet, generator: torch.Generator) -> Tensor: ...  # noqa: D102


@dataclass(frozen=True, eq=False)
class Solution:
    """What a solver found.

    Parameters
    ----------
    synthetic : LabeledSet
        The final set, detached.
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


class Solver(SharedParts, BaseEstimator, ABC):
    """How a live set is brought to minimise an objective.

    Attributes
    ----------
    moves : {"values", "indices"}
        What it moves; a parameterization must offer the same.
    minimizes : bool
        Whether it looks at a discrepancy at all.
    streams : bool
        Whether it asks the source for batches only, which a sketch can give.
    sparse : bool
        Whether it can choose from rows that are sparse.
    """

    moves: ClassVar[Literal["values", "indices"]]
    minimizes: ClassVar[bool] = True
    streams: ClassVar[bool] = False
    sparse: ClassVar[bool] = False

    @abstractmethod
    def solve(
        self,
        objective: Objective | None,
        synthetic: LiveSet,
        source: Source,
        generator: torch.Generator,
        progress: Progress,
    ) -> Solution:
        """Return the solution; `progress` is told of every step, and may ask a descent to stop."""


def detached(rows: LabeledSet) -> LabeledSet:
    """Return a copy of a set outside the graph."""
    return LabeledSet(**{name: value.detach().clone() for name, value in vars(rows).items()})


def solution_of(
    objective: Objective | None,
    synthetic: LiveSet,
    source: Source,
    n_iter: int,
    history: dict[str, NDArray[np.float64]],
) -> Solution:
    """Return a live set as it is now as the solution, with the attributes that parameterization and spaces declare."""
    rows, attributes = detached(synthetic()), synthetic.attributes()
    for space in [] if objective is None else objective.spaces():
        attributes |= space.attributes(rows, source)
    return Solution(rows, n_iter, history, attributes)
