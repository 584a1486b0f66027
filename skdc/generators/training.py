"""How the networks of generators are trained: step by step, each told of, and from where a killed fit had come to."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from math import cos, isfinite, nan, pi
from typing import Any, cast

import torch
from torch import Tensor, nn

from skdc.exceptions import StoppedWarning
from skdc.networks import is_finite
from skdc.randomness import current_randomness
from skdc.sets import LabeledSet
from skdc.sources import Draws, Source, class_codes, require
from skdc.watch import current_watch


def check_training(part: Any, source: Source) -> Draws:
    """Return the source, of which rows can be drawn; refuse steps that make no sense."""
    numbers = [name for name in ("n_components", "n_steps", "batch_size") if hasattr(part, name)]
    if min(getattr(part, name) for name in numbers) < 1 or not part.step_size > 0:
        raise ValueError(f"{part!r}: {', '.join(numbers)} must be at least 1, and step_size positive")
    return require(part, source, Draws, "what its networks are trained on")


class Training:
    """A loop over the steps of a training, that gives for each the rows, their classes and their masses.

    Rows are in units of the spread of the data; the step size falls to zero as a cosine does. The fit under way is told
    of every step, and keeps where the training has come to; a fit that was killed goes on from there. Networks and
    optimizers are to be built before as in every fit.

    Parameters
    ----------
    part : Generator
        With `step_size` and `batch_size`.
    source : Draws
    generator : torch.Generator
        Of all random draws.
    networks : list of nn.Module
        What changes.
    optimizers : list of Optimizer
    n_steps : int
    stage : str, default=""
        What is trained, where a generator has several trainings.

    Attributes
    ----------
    step : int
        Steps done.

    Raises
    ------
    ValueError
        While it is gone through, if a loss is not finite; after it, if a number of the networks is not.

    Warns
    -----
    StoppedWarning
        If it is asked to stop before its last step.
    """

    def __init__(
        self,
        part: Any,
        source: Draws,
        generator: torch.Generator,
        networks: Sequence[nn.Module],
        optimizers: Sequence[torch.optim.Optimizer],
        n_steps: int,
        stage: str = "",
    ) -> None:
        self._part, self._source, self._generator = part, source, generator
        self._networks, self._optimizers = networks, optimizers
        self._stage = type(part).__name__ + (f", {stage}" if stage else "")
        self.step, self._n_steps, self._loss = 0, n_steps, nan

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        watch = current_watch()
        tell, reached = watch.progress(self._stage), watch.reached()
        if reached is not None:
            self._restore(reached)
        while self.step < self._n_steps:
            share = 0.5 * (1 + cos(pi * self.step / self._n_steps))
            for optimizer in self._optimizers:
                optimizer.param_groups[0]["lr"] = share * self._part.step_size
            rows = cast(LabeledSet, self._source.batch(self._part.batch_size, self._generator).rows)
            yield rows.X / self._source.spread, class_codes(rows, self._source.schema), rows.mass
            self.step += 1
            watch.offer(self._position)
            if tell(self.step, self._n_steps, self._loss) and self.step < self._n_steps:
                self._warn()
                break
        if not all(is_finite(network) for network in self._networks):
            raise self._diverged()
        watch.end(self._position)

    def descend(self, loss: Tensor, optimizer: int = 0) -> None:
        """Take a step of one of the optimizers, by the gradient of a loss."""
        moved = self._optimizers[optimizer]
        moved.zero_grad()
        loss.backward()
        moved.step()
        self._loss = float(loss.detach())
        if not isfinite(self._loss):
            raise self._diverged()

    def _diverged(self) -> ValueError:
        return ValueError(
            f"{self._part!r} has not converged: step_size={self._part.step_size:g} is too large, and after {self.step} "
            f"of {self._n_steps} steps its loss or its networks are no longer finite; try a tenth"
        )

    def _warn(self) -> None:
        warnings.warn(
            f"{self._stage} was asked to stop: after {self.step} of {self._n_steps} steps of its training it is taken "
            "as it is",
            StoppedWarning,
            stacklevel=3,
        )

    def _parts(self) -> list[Any]:
        return [*self._networks, *self._optimizers]

    def _position(self) -> Any:
        """Return all that the next step depends on."""
        states = [part.state_dict() for part in self._parts()]
        draws = self._generator.get_state(), self._source.position(), current_randomness().position()
        return self.step, self._loss, states, draws

    def _restore(self, position: Any) -> None:
        """Go on from a position."""
        self.step, self._loss, states, (drawn, epochs, of_layers) = position
        for part, state in zip(self._parts(), states, strict=True):
            part.load_state_dict(state)
        self._generator.set_state(drawn)
        self._source.restore(epochs)
        current_randomness().restore(of_layers)
