"""Gradient descent on the numbers of the synthetic set."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skdc.data import LabeledSet
from skdc.exceptions import PartsError
from skdc.parameterizations.base import LiveSet
from skdc.solvers.base import (
    DivergenceError,
    Interruption,
    LiveSpace,
    Objective,
    Progress,
    Solution,
    Solver,
    detached,
    solution_of,
)
from skdc.sources import Holds, Source, require
from skdc.spaces.base import each_once, is_first


class Descent(Solver):
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
    streams = True
    watched = "loss"

    def __init__(
        self,
        step_size: float = 0.05,
        n_steps: int = 300,
        batch_size: int = 1024,
        optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.Adam,
        max_passes: float | None = None,
    ) -> None:
        self.step_size = step_size
        self.n_steps = n_steps
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.max_passes = max_passes

    def solve(
        self,
        objective: Objective | None,
        synthetic: LiveSet,
        source: Source,
        generator: torch.Generator,
        progress: Progress,
    ) -> Solution:
        """Minimise the objective over the parameters of the live set and of the spaces.

        Raises
        ------
        ValueError
            If a setting makes no sense, or a parameter gets no gradient.
        DivergenceError
            If the loss is no longer finite; it carries the last good set.
        Interruption
            If the user interrupts it after a step; it carries the last good set.
        """
        n_steps = self._count_steps(source)
        way, interrupted = _Way(_values(synthetic)), False
        try:
            self._descend(way, n_steps, objective, synthetic, source, generator, progress)
        except KeyboardInterrupt:
            if not way.losses:
                raise
            interrupted = True
        losses = way.losses
        diverged = not np.isfinite(losses[-1]) or not all(p.isfinite().all() for p in synthetic.parameters())
        if diverged or interrupted:  # an interrupt may come when half of the numbers have moved
            _restore(synthetic, way.last_good)
        solution = solution_of(objective, synthetic, source, len(losses), {self.watched: np.array(losses)})
        if diverged:
            raise DivergenceError(
                f"the loss is no longer finite after {len(losses)} of {n_steps} steps: step_size={self.step_size} is "
                f"too large for this discrepancy; try step_size={self.step_size / 10:g}. The last good set is kept in "
                "X_syn_.",
                solution,
            )
        if interrupted:
            raise Interruption(f"interrupted after {len(losses)} of {n_steps} steps; the set is kept", solution)
        return solution

    def _descend(
        self,
        way: _Way,
        n_steps: int,
        objective: Objective,
        synthetic: LiveSet,
        source: Source,
        generator: torch.Generator,
        progress: Progress,
    ) -> None:
        """Take the steps, and write down the way."""
        own = synthetic.groups()
        optimizer = self.optimizer([*own, *objective.parameters()], lr=self.step_size)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: 0.5 * (1 + np.cos(np.pi * t / n_steps)))
        changing = [space for space in objective.spaces() if not space.frozen()]
        for step in range(n_steps):
            optimizer.zero_grad()
            rows = synthetic()
            way.losses.append(self._backward(objective, synthetic, rows, source, generator))
            if not np.isfinite(way.losses[-1]):
                break
            way.last_good = _values(synthetic)
            if step == 0:
                _refuse_idle(synthetic, objective, source)
                scales = _Scales(optimizer, len(own))
            scales.divide_gradients()
            if step == 0:
                scales.scale_epsilons()
            optimizer.step()
            synthetic.project()
            schedule.step()
            _change(changing, detached(rows), source, generator)
            if progress(step + 1, n_steps, way.losses[-1]):
                break

    def _backward(
        self,
        objective: Objective,
        synthetic: LiveSet,
        rows: LabeledSet,
        source: Source,
        generator: torch.Generator,
    ) -> float:
        """Give the parameters of the set, here decoded, and of the spaces their gradients; return what is watched."""
        loss = objective.loss(source.batch(self.batch_size, generator), rows, generator)
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
        if self.max_passes is None:
            return self.n_steps
        n_rows = len(require(self, source, Holds, "the length of a pass"))
        return min(self.n_steps, math.ceil(self.max_passes * max(1.0, n_rows / self.batch_size)))


def _change(spaces: list[LiveSpace], rows: LabeledSet, source: Source, generator: torch.Generator) -> None:
    with each_once():
        for space in spaces:
            if is_first(space):
                space.after_step(rows, source, generator)


@dataclass
class _Way:
    """Where a descent has come to: the losses, and the numbers of the set at the last finite one."""

    last_good: list[Tensor]
    losses: list[float] = field(default_factory=list)


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


def _refuse_idle(synthetic: LiveSet, objective: Objective, source: Source) -> None:
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
