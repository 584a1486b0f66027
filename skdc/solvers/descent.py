"""Gradient descent on the numbers of the synthetic set."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skdc.exceptions import PartsError, TrainingError
from skdc.parameterizations.base import LiveSet
from skdc.sets import LabeledSet
from skdc.solvers.base import DivergenceError, LiveObjective, Solution, Solver, State, detached, solution_of
from skdc.sources import Holds, Source, require
from skdc.spaces.base import SpaceWrapper, each_once, is_first
from skdc.structures import Flat


@dataclass(eq=False, kw_only=True)
class DescentState(State[LiveSet]):
    """Where a descent has come to.

    Parameters
    ----------
    optimizer : Optimizer
        The first of its groups are those of the set.
    rates : list of float
        The first step size of each group.
    n_own : int
        How many groups are those of the set.
    last_good : list of Tensor
        The numbers of the set at the last finite loss.
    reached : list of Tensor
        The numbers after the last step, or their average.
    scales : _Scales or None
        The sizes of the first gradients; None before the first step.
    trouble : str or None
        Why a network that the objective looks through can show nothing more; None where it can.
    """

    optimizer: torch.optim.Optimizer
    rates: list[float]
    n_own: int
    last_good: list[Tensor]
    reached: list[Tensor]
    scales: _Scales | None = None
    trouble: str | None = None


class Descent(Solver[DescentState, LiveSet]):
    """Stochastic gradient descent with a step size that decays to zero along a cosine.

    Parameters
    ----------
    step_size : float, default=0.05
        First step size, in units of the spread of the data (the root of the mean feature variance).
    n_steps : int, default=300
    batch_size : int, default=1024
        Real rows compared with in a step; all of them where the data have no more.
    optimizer : callable, default=torch.optim.Adam
        `optimizer(groups, lr=...)` gives a torch optimizer.
    max_passes : float, default=None
        Fewer steps are taken where `n_steps` would see each row more often than this: a flexible set learns a small
        data set by heart. None sets no limit.
    average : float, default=None
        The set that is kept is an exponential moving average of the numbers of the set over the steps, with this factor
        [1]_: 0.99 looks back over a hundred steps, and wants some hundreds. It begins at the set as it starts. None
        keeps the set of the last step.
    max_loss : float, default=None
        Steps whose loss is above it are skipped: the set stays where it is [2]_. `history_["skipped"]` has which. None
        skips none.
    stagger : int, default=1
        Rounds in which the points of a class enter, in their order: those of later rounds are held still until then.
        1 moves all points from the first step.

    References
    ----------
    .. [1] Du et al., "Minimizing the Accumulated Trajectory Error to Improve Dataset Distillation", 2023, whose code
       averages with .9995.
    .. [2] Guo et al., "Towards Lossless Dataset Distillation via Difficulty-Aligned Trajectory Matching", 2024, whose
       code skips trajectories with a loss above 1.

    Examples
    --------
    >>> from functools import partial
    >>> import torch
    >>> from skdc import Condenser
    >>> from skdc.solvers import Descent
    >>> momentum = partial(torch.optim.SGD, momentum=0.5)
    >>> condenser = Condenser(solver=Descent(step_size=0.1, optimizer=momentum))
    """

    moves = "values"
    _watched = "loss"

    step_size: float = 0.05
    n_steps: int = 300
    batch_size: int = 1024
    optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.Adam
    max_passes: float | None = None
    average: float | None = None
    max_loss: float | None = None
    stagger: int = 1

    def streams(self) -> bool:
        """Tell that batches are enough."""
        return True

    def begin(
        self, objective: LiveObjective | None, synthetic: LiveSet, source: Source, generator: torch.Generator
    ) -> DescentState:
        """Return the start of a descent over the parameters of the live set and of the spaces."""
        _refuse_flat(objective)
        n_steps, own = self._count_steps(source), synthetic.groups()
        groups = [] if objective is None else objective.parameters()
        optimizer = self.optimizer([*own, *groups], lr=self.step_size)
        rates = [group["lr"] for group in optimizer.param_groups]
        given, start = (generator, objective, synthetic, source), _values(synthetic)
        return DescentState(
            *given, n_steps=n_steps, optimizer=optimizer, rates=rates, n_own=len(own), last_good=start, reached=start
        )

    def advance(self, state: DescentState) -> None:
        """Take a step along the gradient, which each parameter must get; a loss that is not finite is the end."""
        state.optimizer.zero_grad()
        rows = state.synthetic()
        rows = rows if self.stagger == 1 else _held(rows, self.stagger * state.step / state.n_steps, self.stagger)
        state.losses.append(self._backward(state, rows))
        if not np.isfinite(state.losses[-1]):
            state.stopped = True
            return
        state.last_good = state.reached
        if self.max_loss is None or state.losses[-1] <= self.max_loss:
            self._move(state)
        decay = 0.5 * (1 + np.cos(np.pi * (state.step + 1) / state.n_steps))
        for group, rate in zip(state.optimizer.param_groups, state.rates, strict=True):
            if group.get("decays", True):
                group["lr"] = rate * decay
        try:
            change_spaces(state, rows)
        except TrainingError as error:
            state.trouble, state.stopped = str(error), True
            return
        state.reached = self._averaged(state)
        state.done(state.losses[-1])

    def _move(self, state: DescentState) -> None:
        """Move the set along the gradient."""
        if state.scales is None:
            _refuse_idle(state.synthetic, state.objective, state.source)
            state.scales = _Scales(state.optimizer, state.n_own)
            state.scales.divide_gradients()
            state.scales.scale_epsilons()
        else:
            state.scales.divide_gradients()
        state.optimizer.step()
        state.synthetic.project()

    def _averaged(self, state: DescentState) -> list[Tensor]:
        """Return what is kept after a step: the numbers of the set, or their average with those of the steps before."""
        values = _values(state.synthetic)
        if self.average is None:
            return values
        return [mean + (1 - self.average) * (value - mean) for mean, value in zip(state.reached, values, strict=True)]

    def finish(self, state: DescentState) -> Solution:
        """Return the set: that of the last step, the average, or that of the last finite loss."""
        losses, synthetic = state.losses, state.synthetic
        if state.interrupted:  # maybe within a step
            losses = losses[: state.step]
        if state.interrupted or self.average is not None:
            _restore(synthetic, state.reached)
        diverged = not np.isfinite(losses[-1]) or not all(p.isfinite().all() for p in synthetic.parameters())
        if diverged:
            _restore(synthetic, state.last_good)
        solution = solution_of(state, len(losses), {self._watched: np.array(losses), **self._skips(state)})
        if diverged or state.trouble:
            learned = solution.attributes.get("step_size_")
            of_training = "" if learned is None else f", or step_size_={learned:g} for networks that train on the set"
            trouble = state.trouble or (
                f"the loss is no longer finite after {len(losses)} of {state.n_steps} steps: step_size="
                f"{self.step_size} is too large for this discrepancy{of_training}; try step_size="
                f"{self.step_size / 10:g}"
            )
            raise DivergenceError(f"{trouble}. The last good set is kept in X_syn_.", solution)
        return solution

    def _skips(self, state: DescentState) -> dict[str, NDArray[np.float64]]:
        """Return which steps were skipped, if any may be; warn if most were."""
        if self.max_loss is None:
            return {}
        skipped = (np.array(state.losses[: state.step]) > self.max_loss).astype(np.float64)
        if skipped.sum() > len(skipped) / 2:
            warnings.warn(
                f"{skipped.sum():.0f} of {len(skipped)} steps were skipped: their loss is above max_loss="
                f"{self.max_loss}; give a larger one",
                UserWarning,
                stacklevel=2,
            )
        return {"skipped": skipped}

    def _backward(self, state: DescentState, rows: LabeledSet) -> float:
        """Give the parameters of the set, here decoded, and of the spaces their gradients; return what is watched."""
        batch = state.source.batch(self.batch_size, state.generator)
        loss = state.objective.loss(batch, rows, state)
        if loss.requires_grad and loss.isfinite():
            loss.backward()
        return loss.item()

    def _count_steps(self, source: Source) -> int:
        if not self.step_size > 0:
            raise ValueError(f"Descent(step_size={self.step_size!r}): the step size must be positive")
        if self.n_steps < 1 or self.batch_size < 1:
            raise ValueError(
                f"Descent(n_steps={self.n_steps!r}, batch_size={self.batch_size!r}): both must be at least 1"
            )
        if self.average is not None and not 0 < self.average < 1:
            raise ValueError(f"Descent(average={self.average!r}): it must be between 0 and 1, such as 0.99, or None")
        if self.max_loss is not None and not self.max_loss > 0:
            raise ValueError(f"Descent(max_loss={self.max_loss!r}): it must be positive, or None")
        if self.stagger not in range(1, self.n_steps + 1):
            raise ValueError(
                f"Descent(stagger={self.stagger!r}): rounds must be a whole number from 1 to n_steps={self.n_steps}"
            )
        if self.max_passes is None:
            return self.n_steps
        n_rows = len(require(self, source, Holds, "the length of a pass"))
        return min(self.n_steps, math.ceil(self.max_passes * max(1.0, n_rows / self.batch_size)))


def _held(rows: LabeledSet, now: float, n_rounds: int) -> LabeledSet:
    """Return a set of which points of later rounds get no gradient: round r begins when `now` is r."""
    member = torch.nn.functional.one_hot(rows.key)
    rank, size = member.cumsum(0)[member.bool()] - 1, member.sum(0)[rows.key]
    enters = (rank * n_rounds).div(size, rounding_mode="floor") <= now

    def held(values: Tensor) -> Tensor:
        return torch.where(enters.reshape(-1, *[1] * (values.ndim - 1)), values, values.detach())

    return replace(rows, X=held(rows.X), y=held(rows.y))


def change_spaces(state: State, rows: LabeledSet) -> None:
    """Let spaces change after a step, each once, by the set that the loss saw."""
    changing = [space for space in state.objective.spaces() if not space.frozen()]
    seen = detached(rows) if changing else rows
    with each_once():
        for space in changing:
            if is_first(space):
                space.after_step(seen, state.source, state)


def _values(synthetic: LiveSet) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in synthetic.parameters()]


def _restore(synthetic: LiveSet, values: list[Tensor]) -> None:
    with torch.no_grad():
        for parameter, value in zip(synthetic.parameters(), values, strict=True):
            parameter.copy_(value)


class _Scales:
    """The sizes of the first gradients, of the set as a whole and of each group that is optimised beside it.

    Parameters
    ----------
    optimizer : Optimizer
        With gradients; the first of its groups are those of the set.
    n_own : int
        How many they are.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, n_own: int) -> None:
        groups = optimizer.param_groups
        self._families = [family for family in [groups[:n_own], *([group] for group in groups[n_own:])] if family]
        self._units = [_gradient_unit(_parameters(family)) for family in self._families]

    def divide_gradients(self) -> None:
        """Bring the gradients near to 1 where their squares would be no numbers."""
        for family, unit in zip(self._families, self._units, strict=True):
            for parameter in _parameters(family) if unit != 1 else []:
                if parameter.grad is not None:
                    parameter.grad /= unit

    def scale_epsilons(self) -> None:
        """Give Adam's epsilon, which has the unit of a gradient as those have that of the data, the size of theirs."""
        for family in self._families:
            # A network may have parameters that it does not use.
            gradients = [p.grad.flatten() for p in _parameters(family) if p.grad is not None]
            size = float(torch.cat(gradients).double().square().mean().sqrt()) if gradients else 0.0
            for group in family:
                if "eps" in group:
                    group["eps"] *= size or 1.0


def _parameters(groups: list[dict[str, Any]]) -> list[Tensor]:
    return [parameter for group in groups for parameter in group["params"]]


def _gradient_unit(parameters: list[Tensor]) -> float:
    """Return a power of two near the gradients, if their squares, which Adam takes, would be no numbers; else 1."""
    largest = max((float(p.grad.abs().max()) for p in parameters if p.grad is not None), default=0.0)
    room = torch.finfo(parameters[0].dtype).max ** 0.4
    return 1.0 if not largest or 1 / room < largest < room else 2.0 ** math.frexp(largest)[1]


def _refuse_flat(objective: Any) -> None:
    """Refuse a term that has no gradient: it would be a number that nothing is done about."""
    for leaf in [] if objective is None else objective.leaves():
        space = getattr(leaf, "space_", None)
        while isinstance(space, SpaceWrapper):
            space = space.space
        if isinstance(leaf, Flat) or isinstance(space, Flat):
            raise PartsError(
                f"{leaf!r} has no gradient by which points could move; choose rows by it, with Subset() and Greedy()"
            )


def _refuse_idle(synthetic: LiveSet, objective: LiveObjective, source: Source) -> None:
    for name, parameter in synthetic.named_parameters():
        if parameter.requires_grad and parameter.grad is None:
            named = {"codec": "the points", "targets": "the targets"}
            what = named.get(name.split(".")[0], f"the parameters {name!r}")
            classes = f", but {source.schema.given_targets}" if source.schema.task == "regression" else ""
            raise PartsError(
                f"{what} get no gradient from {objective!r}: nothing in it reads them. Use a discrepancy that does, "
                "such as MMD(space=Joint()) for regression, or SquaredL2(space=KernelRidgePredictions(), by=None); for "
                f"classes, keep the labels{classes}"
            )
