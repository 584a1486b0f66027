"""Descent by gradients of which no row can say much."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, field, replace

import torch
from torch import Tensor
from torch.func import grad, vmap

from skdc.sets import LabeledSet
from skdc.solvers.descent import Descent, DescentState
from skdc.sources import Asks, Batch, Holds, Source, require
from skdc.spaces.gradients import one_row_at_a_time


class PrivateDescent(Descent):
    """Descent on the numbers of the set by the gradients of the loss at each row, cut off, summed, with noise [1]_.

    The loss must be a mean over the real rows, such as the squared error of predictions.

    Parameters
    ----------
    clip : float, default=0.01
        The norm at which the gradient at a row is cut off, in units of the loss by the spread of the data.
    step_size, n_steps, optimizer, average
        As in `Descent`.

    Notes
    -----
    The loss itself is not known, as it would be another release; `history_` has the norm of the noisy gradients.

    References
    ----------
    .. [1] Abadi et al., "Deep Learning with Differential Privacy", 2016, algorithm 1.

    Examples
    --------
    >>> from skdc.solvers import PrivateDescent
    >>> PrivateDescent(clip=0.1, n_steps=100)
    PrivateDescent(clip=0.1, n_steps=100)
    """

    _watched = "gradient_norm"

    clip: float = 0.01
    _: KW_ONLY
    step_size: float = 0.05
    n_steps: int = 300
    optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.Adam
    batch_size: int = field(default=1, init=False)
    max_passes: float | None = field(default=None, init=False)
    average: float | None = None
    max_loss: float | None = field(default=None, init=False)
    stagger: int = field(default=1, init=False)

    def _count_steps(self, source: Source) -> int:
        if not self.clip > 0:
            raise ValueError(f"PrivateDescent(clip={self.clip!r}): the norm must be positive")
        return super()._count_steps(source)

    def _backward(self, state: DescentState, rows: LabeledSet) -> float:
        """Give the parameters of the set the noisy mean of the gradients at the real rows; return its norm."""
        objective, source = state.objective, state.source
        parameters = [parameter for parameter in state.synthetic.parameters() if parameter.requires_grad]
        moving = {name: value for name, value in vars(rows).items() if value.requires_grad}
        here = {name: value.detach() for name, value in moving.items()}

        def loss(values: dict[str, Tensor], row: LabeledSet) -> Tensor:
            return objective.loss(Batch(row), replace(rows, **values), state)

        def of_rows(real: LabeledSet) -> Tensor:
            fields = {name: value[:, None] for name, value in vars(real).items()}
            with one_row_at_a_time(self):
                slopes = vmap(lambda row: grad(loss)(here, LabeledSet(**row)), randomness="different")(fields)
            # What is made of the slopes at the set, which is decoded once for all real rows.
            outputs, slopes = list(moving.values()), [slopes[name] for name in moving]
            gradients = torch.autograd.grad(outputs, parameters, slopes, retain_graph=True, is_grads_batched=True)
            return torch.cat([gradient.flatten(1) for gradient in gradients], dim=1)

        private = source.granted(Asks)
        if private is not None:
            mean = private.mean(of_rows, self.clip)
        else:
            real = require(self, source, Holds, "the gradients").rows
            gradients = of_rows(real)
            mean = real.mass * (self.clip / gradients.norm(dim=1)).clamp(max=1.0) @ gradients
        for value, piece in zip(parameters, mean.split([p.numel() for p in parameters]), strict=True):
            value.grad = piece.reshape(value.shape)
        return float(mean.norm())
