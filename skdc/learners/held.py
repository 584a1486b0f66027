"""The way of a network in training, differentiated step by step with its parameters held constant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from skdc.networks import training_loss
from skdc.randomness import drawn_once_more
from skdc.sets import LabeledSet


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

    def steps(self, step_size: Tensor, rows: tuple[Tensor, ...], slopes: list[Tensor] | None = None) -> list[Tensor]:
        """Return the parameters after the last step; or, given slopes, those of the rows that they come of."""
        X, y, mass = rows
        values = [value.clone().requires_grad_() for value in self.start]
        sums = [torch.zeros_like(part) for part in rows]
        moving = [part for part in rows if part.requires_grad]
        for _ in range(self._n_steps):
            with torch.enable_grad():
                named = dict(zip(self._names, values, strict=True))
                loss = training_loss(functional_call(self._network, named, X), y, mass, self._task)
                # A network may have parameters that it does not use.
                unused = {"allow_unused": True, "materialize_grads": True}
                gradients = torch.autograd.grad(loss, values, create_graph=slopes is not None, **unused)
                if slopes is not None:
                    along = sum((slope * g).sum() for slope, g in zip(slopes, gradients, strict=True))
                    found = iter(torch.autograd.grad(along, moving, **unused) if along.requires_grad else ())
                    for part, total in zip(rows, sums, strict=True):
                        if part.requires_grad and along.requires_grad:
                            total -= step_size * next(found)
            values = [
                (value - step_size * gradient).detach().requires_grad_()
                for value, gradient in zip(values, gradients, strict=True)
            ]
        return values if slopes is None else sums


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
        values = [value.detach() for value in way.steps(step_size, (X.detach(), y.detach(), mass.detach()))]
        ctx.way = way
        ctx.save_for_backward(step_size, X, y, mass, *values)
        return tuple(values)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        """Go it again, with the draws of before."""
        way: _Way = ctx.way
        step_size, X, y, mass, *values = ctx.saved_tensors
        needed = ctx.needs_input_grad[2:]
        rows = tuple(part.detach().requires_grad_(need) for part, need in zip((X, y, mass), needed, strict=True))
        sums = way.as_before(lambda: way.steps(step_size.detach(), rows, list(slopes)))
        parts = zip(slopes, values, way.start, strict=True)
        of_step = sum(((slope * (value - first)).sum() for slope, value, first in parts), torch.zeros_like(step_size))
        return None, of_step / step_size, *(total if need else None for total, need in zip(sums, needed, strict=True))
