"""Training a network, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

import torch
from torch import Tensor, nn
from torch.func import functional_call

from skdc.networks import is_finite, training_loss
from skdc.sets import LabeledSet
from skdc.sources import Draws


@torch.enable_grad()
def train_step(network: nn.Module, optimizer: torch.optim.Optimizer, rows: LabeledSet, task: str) -> None:
    """Take one step on the loss of all rows; the parameters want no gradient before nor after."""
    network.requires_grad_(True).train()
    optimizer.zero_grad()
    training_loss(network(rows.X), rows.y, rows.mass, task).backward()
    optimizer.step()
    network.requires_grad_(False).eval()


def training(
    network: nn.Module, source: Draws, step_size: float, batch_size: int, generator: torch.Generator
) -> Iterator[None]:
    """Train a network on the data by Adam without an end, one step each time more is asked for.

    Raises
    ------
    ValueError
        If a setting is not positive, or the training diverges.
    """
    if batch_size < 1 or not step_size > 0:
        raise ValueError(
            f"a network is trained with batch_size={batch_size!r}, step_size={step_size!r}: they must be positive"
        )
    optimizer = torch.optim.Adam(network.parameters(), lr=step_size)
    while True:
        rows = cast(LabeledSet, source.batch(batch_size, generator).rows)
        train_step(network, optimizer, rows, source.schema.task)
        if not is_finite(network):
            raise ValueError(f"training of a network diverged: step_size={step_size:g} is too large; try a tenth")
        yield


@torch.enable_grad()
def unrolled(
    network: nn.Module,
    start: Mapping[str, Tensor],
    rows: LabeledSet,
    task: str,
    step_size: Tensor,
    n_steps: int,
    n_backward: int,
    momentum: float = 0.0,
) -> dict[str, Tensor]:
    """Train a network by gradient descent, and keep how its parameters depend on the rows and the step size.

    Parameters
    ----------
    network : nn.Module
        Its own parameters are not used, nor changed.
    start : dict of str to Tensor
        The parameters to begin with.
    rows : LabeledSet
        All of them take part in each step.
    task : {"classification", "regression"}
    step_size : Tensor of shape ()
    n_steps : int
    n_backward : int
        The last steps, on which the result is known to depend; the others are taken as constants.
    momentum : float, default=0.0

    Returns
    -------
    dict of str to Tensor
        The parameters after the last step.
    """
    names = list(start)
    values = [value.detach().requires_grad_() for value in start.values()]
    velocities = [torch.zeros_like(value) for value in values]
    for step in range(n_steps):
        kept = step >= n_steps - n_backward
        outputs = functional_call(network, dict(zip(names, values, strict=True)), rows.X)
        loss = training_loss(outputs, rows.y, rows.mass, task)
        # A network may have parameters that it does not use.
        gradients = torch.autograd.grad(loss, values, create_graph=kept, allow_unused=True, materialize_grads=True)
        velocities = [momentum * velocity + gradient for velocity, gradient in zip(velocities, gradients, strict=True)]
        values = [value - step_size * velocity for value, velocity in zip(values, velocities, strict=True)]
        if not kept:
            velocities = [velocity.detach() for velocity in velocities]
            values = [value.detach().requires_grad_() for value in values]
    return dict(zip(names, values, strict=True))
