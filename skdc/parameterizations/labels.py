"""Targets of points: those that they start with, learned ones, or what a teacher says."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from skdc.codes import label_bits, packed_bytes
from skdc.exceptions import PartsError
from skdc.learners.teachers import reliable_teacher
from skdc.parameterizations.storage.base import at, group_of
from skdc.sources import Schema, Source


class Targets(nn.Module, ABC):
    """Live targets of points."""

    @abstractmethod
    def forward(self, X: Tensor, key: Tensor, places: Tensor | None = None) -> Tensor:
        """Return the targets at some places, of which the rows are X and the class codes `key`; None: at all."""

    def load(self, y: Tensor) -> None:
        """Move to other targets (nothing by default); it is called under `torch.no_grad`."""

    def groups(self) -> list[dict[str, Any]]:
        """Return the torch parameter groups: that of the targets, where they move."""
        return group_of(self)


class KeptTargets(Targets):
    """Targets that stay.

    Parameters
    ----------
    y : Tensor of shape (m, n_outputs)
    """

    y: Tensor

    def __init__(self, y: Tensor) -> None:
        super().__init__()
        self.register_buffer("y", y)

    def forward(self, X: Tensor, key: Tensor, places: Tensor | None = None) -> Tensor:
        """Return the targets."""
        return at(self.y, places)


class LearnedTargets(Targets):
    """Targets of which every number moves.

    Parameters
    ----------
    y : Tensor of shape (m, n_outputs)
        Where they start.
    unit : Tensor of shape (n_outputs,) or ()
        What the numbers that move are multiplied by.
    """

    def __init__(self, y: Tensor, unit: Tensor) -> None:
        super().__init__()
        self._unit = unit
        self.values = nn.Parameter(y / unit)

    def forward(self, X: Tensor, key: Tensor, places: Tensor | None = None) -> Tensor:
        """Return the targets."""
        return at(self.values, places) * self._unit

    def load(self, y: Tensor) -> None:
        """Move to other targets."""
        self.values.copy_(y / self._unit)


_SMOOTHING = 0.1  # share of a label that learned probabilities start with all classes


class Probabilities(Targets):
    """Class probabilities that move: a softmax of free numbers.

    Parameters
    ----------
    y : Tensor of shape (m, n_classes)
        Where they start, but for a little that is shared out: at 0 and 1 they could not move.
    """

    def __init__(self, y: Tensor) -> None:
        super().__init__()
        self.logits = nn.Parameter(((1 - _SMOOTHING) * y + _SMOOTHING / y.shape[1]).log())

    def forward(self, X: Tensor, key: Tensor, places: Tensor | None = None) -> Tensor:
        """Return the probabilities."""
        return at(self.logits, places).softmax(1)

    def load(self, y: Tensor) -> None:
        """Move to other probabilities."""
        self.logits.copy_(y.clamp_min(torch.finfo(y.dtype).tiny).log())


class TaughtTargets(Targets):
    """What a teacher says at the rows, wherever they are; it has no gradient.

    Parameters
    ----------
    y : Tensor of shape (m, n_outputs)
        Targets of their own, where the teacher is not reliable.
    teacher : callable
        Gives the targets of rows from them, their class codes and their own targets.
    """

    y: Tensor

    def __init__(self, y: Tensor, teacher: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self._teacher = teacher
        self.register_buffer("y", y)

    def forward(self, X: Tensor, key: Tensor, places: Tensor | None = None) -> Tensor:
        """Ask the teacher."""
        return self._teacher(X.detach(), key, at(self.y, places))


def targets_of(part: Any, source: Source, y: Tensor, generator: torch.Generator) -> Targets:
    """Return the targets that `part.labels` names, from where they start.

    Parameters
    ----------
    part : Parameterization
        With `labels` and `teacher`.
    source : Source
    y : Tensor of shape (m, n_outputs)
    generator : torch.Generator
    """
    if part.labels == "teacher":
        return TaughtTargets(y, reliable_teacher(part, part.teacher, source, generator))
    if part.labels == "probabilities":
        return Probabilities(y)
    # Continuous targets are part of the joint law of (x, y) and always move.
    if part.labels == "learned" or source.schema.task == "regression":
        return LearnedTargets(y, torch.as_tensor(source.target_spread, dtype=y.dtype, device=y.device))
    return KeptTargets(y)


def target_bytes(schema: Schema, n_points: int, soft: bool) -> int:
    """Return how many bytes the targets of points take.

    A label takes as many bits as tell the classes apart, of several each one a byte; probabilities and continuous
    targets are float64.

    Parameters
    ----------
    schema : Schema
    n_points : int
    soft : bool
        Whether there are probabilities beside the labels.
    """
    if schema.task == "classification":
        return packed_bytes(n_points, label_bits(schema.n_outputs)) + 8 * soft * n_points * schema.n_outputs
    return n_points * schema.n_outputs * (1 if schema.multilabel else 8)


def check_labels(part: Any, known: tuple[str, ...]) -> None:
    """Refuse a word for labels that is not known, or a teacher that is not asked."""
    name = type(part).__name__
    if part.labels not in known:
        words = ", ".join(map(repr, known[:-1]))
        raise ValueError(f"{name}(labels={part.labels!r}): labels must be {words} or {known[-1]!r}")
    if part.teacher is not None and part.labels != "teacher":
        raise PartsError(f"{name}(labels={part.labels!r}, teacher=...): a teacher is asked by labels='teacher' only")


def check_learnable(part: Any, source: Source) -> None:
    """Refuse to learn targets that the data do not have."""
    if part.labels == "probabilities" and source.schema.task != "classification":
        raise PartsError(
            f"{part!r} learns class probabilities, but y holds no classes; use labels='hard' "
            f"({source.schema.given_targets})"
        )
    if part.labels == "learned" and not source.schema.n_outputs:
        raise PartsError(f"{part!r} learns targets, but y is None; use labels='hard'")
