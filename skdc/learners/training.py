"""Training a network, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import dropwhile
from typing import Protocol, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from skdc.exceptions import TrainingError
from skdc.networks import Scaled, is_finite, training_loss
from skdc.sets import LabeledSet
from skdc.sources import Draws


class Stepped(Protocol):
    """What has a step size of its own."""

    step_size: float


@torch.enable_grad()
def train_step(network: nn.Module, optimizer: torch.optim.Optimizer, rows: LabeledSet, task: str) -> Tensor:
    """Take one step on the loss of all rows, and return what it was; the parameters want no gradient before nor after.

    The network is ready to be evaluated.
    """
    network.requires_grad_(True).train()
    optimizer.zero_grad()
    loss = training_loss(network(rows.X), rows.y, rows.mass, task)
    loss.backward()
    optimizer.step()
    network.requires_grad_(False).eval()
    return loss.detach()


_DIVERGED = 10.0  # times the loss before; training that is well set makes it smaller


def refuse_divergence(pool: Stepped, before: Tensor, after: Tensor) -> None:
    """Refuse networks that training, in place of making their loss less, has led far from all that they could learn.

    Parameters
    ----------
    pool : object
        Its step size is named.
    before, after : Tensor of shape ()
        Losses of a network. Those of targets as large as those of the data are near 1 where nothing is known.

    Raises
    ------
    TrainingError
        If the loss is no number any more, or many times what it was. A network that ends so is often stuck there.
    """
    if not after <= _DIVERGED * before.clamp_min(1.0):  # nor if it is NaN
        raise TrainingError(
            f"a network diverges as it is trained (its loss was {float(before):.3g}, and is {float(after):.3g}): "
            f"step_size={pool.step_size:g} of {type(pool).__name__} is too large; try step_size={pool.step_size / 10:g}"
        )


def training(
    network: nn.Module, source: Draws, step_size: float, batch_size: int, generator: torch.Generator
) -> Iterator[None]:
    """Train a network on the data by Adam without an end, one step each time more is asked for."""
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
    place = _place_of_linear(network, start, rows.X) if n_backward >= n_steps else None
    parameters = _Parameters(network, start, rows.X) if place is None else _InSpanOfRows(network, start, rows.X, place)
    values = parameters.values
    velocities = [torch.zeros_like(value) for value in values]
    for step in range(n_steps):
        kept = step >= n_steps - n_backward
        outputs, inputs = parameters.outputs(values)
        loss = training_loss(outputs, rows.y, rows.mass, task)
        # A network may have parameters that it does not use.
        gradients = torch.autograd.grad(loss, inputs, create_graph=kept, allow_unused=True, materialize_grads=True)
        # Of the first step the velocity is the gradient: nothing is added to the graph.
        moved = momentum > 0 and step > 0
        velocities = [g + momentum * v if moved else g for v, g in zip(velocities, gradients, strict=True)]  # (2)
        values = [value - step_size * velocity for value, velocity in zip(values, velocities, strict=True)]
        if not kept:
            velocities = [velocity.detach() for velocity in velocities]
            values = [value.detach().requires_grad_() for value in values]
    return parameters.named(values)


class _Parameters:
    """The parameters of a network in training, as they are.

    Parameters
    ----------
    network : nn.Module
    start : dict of str to Tensor
    X : Tensor of shape (m, ...)
        The rows that it is trained on.
    """

    def __init__(self, network: nn.Module, start: Mapping[str, Tensor], X: Tensor) -> None:
        self._network, self._names, self._X = network, list(start), X
        self.values = [value.detach().requires_grad_() for value in start.values()]

    def outputs(self, values: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Return the outputs at all rows, and in what the loss is to be differentiated."""
        return functional_call(self._network, self.named(values), self._X), values

    def named(self, values: list[Tensor]) -> dict[str, Tensor]:
        """Return the parameters by their names."""
        return dict(zip(self._names, values, strict=True))


# Where the first layer is linear, Z = X W' + b, the gradient of the loss in W is D' X, with D (m x h) that in its
# values Z at the m rows X: gradient descent, with momentum or without, stays in the span of the rows. With K = X X',
#     W = W_0 + C' X,    Z = X W_0' + b + K C                                                                       (1)
# and C, of m numbers a unit in place of d, moves as W does, by D in place of the gradient:
#     V <- momentum V + D,    C <- C - step_size V                                                                  (2)
class _InSpanOfRows(_Parameters):
    """The parameters, of which the first weight is what it was plus a combination of the rows.

    Parameters
    ----------
    network, start, X
        As in `_Parameters`.
    place : int
        Where the linear layer is.
    """

    def __init__(self, network: nn.Module, start: Mapping[str, Tensor], X: Tensor, place: int) -> None:
        super().__init__(network, start, X)
        layers = cast(nn.Sequential, network)
        self._rows, self._rest = layers[:place](X), layers[place + 1 :]
        self._weight, self._bias = f"{place}.weight", f"{place}.bias"
        self._first = start[self._weight].detach()
        fixed = None if self._bias in start else cast(nn.Linear, layers[place]).bias
        self._base = functional.linear(self._rows, self._first, fixed)
        self._products = self._rows @ self._rows.T
        self._place = self._names.index(self._weight)
        self.values[self._place] = X.new_zeros(len(X), len(self._first))

    def outputs(self, values: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Return the outputs; the loss is differentiated in the values of the first layer in place of its weight."""
        named = dict(zip(self._names, values, strict=True))
        hidden = self._base + self._products @ named.pop(self._weight)  # (1)
        if self._bias in named:
            hidden = hidden + named.pop(self._bias)
        if not hidden.requires_grad:
            hidden.requires_grad_()
        inputs = [*values]
        inputs[self._place] = hidden
        return functional_call(self._rest, named, hidden), inputs

    def named(self, values: list[Tensor]) -> dict[str, Tensor]:
        """Return the parameters by their names."""
        named = super().named(values)
        return named | {self._weight: self._first + named[self._weight].T @ self._rows}  # (1)


def _place_of_linear(network: nn.Module, start: Mapping[str, Tensor], X: Tensor) -> int | None:
    """Return where the linear layer is with which a network begins; None where it does not.

    It must see flat rows, of more features than there are rows; its numbers be used once, and the weight move.
    """
    layers = list(cast(nn.Sequential, network)) if type(network) is nn.Sequential else []
    rest = list(dropwhile(lambda layer: type(layer) in (nn.Flatten, nn.Identity, Scaled), layers))
    if not rest or type(rest[0]) is not nn.Linear or rest[0].in_features <= len(X):
        return None
    place, numbers = len(layers) - len(rest), [rest[0].weight, rest[0].bias]
    named = network.named_parameters(remove_duplicate=False)
    uses = [name for name, value in named if any(value is number for number in numbers)]
    hooked = any(layer._forward_hooks or layer._forward_pre_hooks for layer in (network, *layers[: place + 1]))
    flat = X.ndim == 2 or any(isinstance(layer, nn.Flatten) for layer in layers[:place])
    once = len(uses) == 1 + (rest[0].bias is not None)
    return place if once and f"{place}.weight" in start and flat and not hooked else None
