"""The way of a network in training, differentiated step by step with its parameters held constant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from skdc.networks import training_loss
from skdc.randomness import drawn_once_more
from skdc.sets import LabeledSet

Rows = tuple[Tensor, Tensor, Tensor]  # rows, targets and masses


def held(
    network: nn.Module, start: Mapping[str, Tensor], rows: LabeledSet, task: str, step_size: Tensor, n_steps: int
) -> dict[str, Tensor]:
    """Train a network by gradient descent, and keep how each step by itself depends on the rows and the step size.

    Parameters
    ----------
    network, start, rows, task, step_size, n_steps
        As in `unrolled`.

    Returns
    -------
    dict of str to Tensor
        The parameters after the last step.
    """
    way = _Way(network, start, task, n_steps)
    values = _Held.apply(way, step_size, rows.X, rows.y, rows.mass)
    return dict(zip(start, values, strict=True))


class _Way:
    """The steps of a training from one start, which can be gone again.

    Parameters
    ----------
    network, start, task, n_steps
        As in `held`.
    """

    def __init__(self, network: nn.Module, start: Mapping[str, Tensor], task: str, n_steps: int) -> None:
        self._network, self._names, self._task, self._n_steps = network, list(start), task, n_steps
        self.start = [value.detach() for value in start.values()]
        self.as_before = drawn_once_more()

    def end(self, step_size: Tensor, rows: Rows) -> list[Tensor]:
        """Return the parameters after the last step."""
        values = self.start
        for _ in range(self._n_steps):
            values, _ = self._step(values, step_size, rows, graph=False)
        return values

    def slopes(self, step_size: Tensor, rows: Rows, of_end: Sequence[Tensor]) -> list[Tensor]:
        """Return the slopes of a loss in rows, targets and masses, those that move, given its slopes at the end."""
        values, moving = self.start, [part for part in rows if part.requires_grad]
        sums = [torch.zeros_like(part) for part in moving]
        for _ in range(self._n_steps if moving else 0):
            values, gradients = self._step(values, step_size, rows, graph=True)
            known = [(slope, g) for slope, g in zip(of_end, gradients, strict=True) if g.requires_grad]
            slopes, outputs = [slope for slope, _ in known], [gradient for _, gradient in known]
            found = torch.autograd.grad(outputs, moving, slopes, allow_unused=True, materialize_grads=True)
            sums = [total - step_size * slope for total, slope in zip(sums, found, strict=True)]
        return sums

    @torch.enable_grad()
    def _step(
        self, values: list[Tensor], step_size: Tensor, rows: Rows, graph: bool
    ) -> tuple[list[Tensor], tuple[Tensor, ...]]:
        """Return the parameters after a step, outside of any graph, and its gradients."""
        X, y, mass = rows
        here = [value.detach().requires_grad_() for value in values]
        outputs = functional_call(self._network, dict(zip(self._names, here, strict=True)), X)
        loss = training_loss(outputs, y, mass, self._task)
        # A network may have parameters that it does not use.
        gradients = torch.autograd.grad(loss, here, create_graph=graph, allow_unused=True, materialize_grads=True)
        after = [value - step_size * gradient for value, gradient in zip(here, gradients, strict=True)]
        return [value.detach() for value in after], gradients


# With g_i the gradient of the loss in the parameters theta_i, at the rows S, gradient descent of N steps b leads to
#     theta_N = theta_0 - b sum_i g_i(theta_i, S).                                                                  (1)
# Of a loss with the slope u in theta_N, the gradient of which each theta_i is held constant is
#     -b sum_i u' dg_i(theta_i, S) / dS,    and in the step size    -sum_i u' g_i = u' (theta_N - theta_0) / b.      (2)
# As u is known at the end of the way only, it is gone twice, and of its steps one graph at a time is held.
class _Held(torch.autograd.Function):
    """The parameters at the end of a way, (1), with the gradient (2)."""

    @staticmethod
    def forward(ctx: Any, way: _Way, step_size: Tensor, X: Tensor, y: Tensor, mass: Tensor) -> tuple[Tensor, ...]:
        """Go the way."""
        values = way.end(step_size.detach(), (X.detach(), y.detach(), mass.detach()))
        ctx.way = way
        ctx.save_for_backward(step_size, X, y, mass, *values)
        return tuple(values)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        """Go it again, with the draws of before."""
        way: _Way = ctx.way
        step_size, X, y, mass, *values = ctx.saved_tensors
        needed, given = ctx.needs_input_grad[2:], (X, y, mass)
        X, y, mass = (part.detach().requires_grad_(need) for part, need in zip(given, needed, strict=True))
        found = iter(way.as_before(lambda: way.slopes(step_size.detach(), (X, y, mass), slopes)))
        of_step = torch.zeros_like(step_size)
        for slope, value, first in zip(slopes, values, way.start, strict=True):
            of_step += (slope * (value - first)).sum() / step_size
        return None, of_step, *(next(found) if need else None for need in needed)
