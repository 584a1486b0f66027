"""Gradient descent on the numbers of the synthetic set."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skdc.discrepancies.base import Objective
from skdc.parameterizations.base import LiveSet
from skdc.solvers.base import DivergenceError, Progress, Solution, Solver, declared_attributes, detached
from skdc.source import Source


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

    def __init__(
        self,
        step_size: float = 0.05,
        n_steps: int = 300,
        batch_size: int = 1024,
        optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.Adam,
    ) -> None:
        self.step_size = step_size
        self.n_steps = n_steps
        self.batch_size = batch_size
        self.optimizer = optimizer

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
        """
        self._check()
        named = dict(synthetic.named_parameters())
        groups: list[dict[str, Any]] = [
            {"params": list(named.values()), "lr": self.step_size * source.spread},
            *objective.parameters(),
        ]
        optimizer = self.optimizer(groups, lr=self.step_size)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self._decay)
        losses: list[float] = []
        last_good: list[Tensor] = []
        for step in range(self.n_steps):
            optimizer.zero_grad()
            loss = objective.loss(source.batch(self.batch_size, generator), synthetic(), generator)
            losses.append(loss.item())
            if not np.isfinite(losses[-1]):
                _restore(named.values(), last_good)
                self._stop(step, objective, synthetic, source, losses)
            last_good = [p.detach().clone() for p in named.values()]
            loss.backward()
            if step == 0:
                _refuse_idle(named, synthetic, objective)
            optimizer.step()
            schedule.step()
            for space in objective.spaces():
                space.after_step(detached(synthetic()), source, generator)
            progress(step + 1, self.n_steps, losses[-1])
        if not all(p.isfinite().all() for p in named.values()):
            _restore(named.values(), last_good)
            self._stop(self.n_steps, objective, synthetic, source, losses)
        return self._solution(objective, synthetic, source, losses)

    def _decay(self, step: int) -> float:
        return 0.5 * (1 + np.cos(np.pi * step / self.n_steps))

    def _check(self) -> None:
        if not self.step_size > 0:
            raise ValueError(f"Descent(step_size={self.step_size!r}): the step size must be positive")
        if self.n_steps < 1 or self.batch_size < 1:
            raise ValueError(
                f"Descent(n_steps={self.n_steps!r}, batch_size={self.batch_size!r}): both must be at least 1"
            )

    def _solution(self, objective: Objective, synthetic: LiveSet, source: Source, losses: list[float]) -> Solution:
        attributes = declared_attributes(objective, synthetic, source)
        return Solution(detached(synthetic()), len(losses), {"loss": np.array(losses)}, attributes)

    def _stop(self, step: int, objective: Objective, synthetic: LiveSet, source: Source, losses: list[float]) -> None:
        raise DivergenceError(
            f"the loss is {losses[-1]} at step {step + 1} of {self.n_steps}: step_size={self.step_size} is too large "
            f"for this discrepancy; try step_size={self.step_size / 10:g}. The last good set is kept in X_syn_.",
            self._solution(objective, synthetic, source, losses),
        )


def _restore(parameters: Iterable[Tensor], values: list[Tensor]) -> None:
    with torch.no_grad():
        for parameter, value in zip(parameters, values, strict=True):
            parameter.copy_(value)


def _refuse_idle(named: dict[str, Tensor], synthetic: LiveSet, objective: Objective) -> None:
    idle = [name for name, parameter in named.items() if parameter.grad is None]
    if idle:
        what = {"X": "the points", "y": "the targets"}[idle[0]]
        raise ValueError(
            f"{what} get no gradient from {objective!r}: nothing in it reads them. Use Points(labels='hard'), or a "
            "discrepancy that sees the targets, such as MMD(space=Joint()) for regression or "
            "SquaredL2(space=KernelRidgePredictions(), by=None)"
        )
