"""Targets of points: those that they start with, learned ones, or what a teacher says."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from skdc.codes import Code, PlainNumbers, TopLabels, UniformLevels, packed_bits, packed_bytes
from skdc.codes.bits import label_bits as bits_of
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


class CodedTargets(Targets):
    """Soft labels as they are kept, where a step sees them; gradients pass as if they were kept whole.

    Parameters
    ----------
    inner : Targets
    kept : KeptLabels
    """

    def __init__(self, inner: Targets, kept: KeptLabels) -> None:
        super().__init__()
        self.inner, self.kept = inner, kept

    def forward(self, X: Tensor, key: Tensor, places: Tensor | None = None) -> Tensor:
        """Return the targets."""
        y = self.inner(X, key, places)
        return y + (self.kept.seen(y.detach()) - y.detach())

    def load(self, y: Tensor) -> None:
        """Move to other targets."""
        self.inner.load(y)

    def groups(self) -> list[dict[str, Any]]:
        """Return those of the targets."""
        return self.inner.groups()


@dataclass(frozen=True)
class KeptLabels:
    """What is kept of soft labels: those of few classes, and of each number few bits.

    Levels are as many as some bits tell, evenly from -1/2 to 3/2: labels that are learned by kernel ridge regression go
    beyond 0 and 1.

    Parameters
    ----------
    bits : int or None
        From 1 to 16; None keeps float64.
    n_kept : int or None
        Of how many classes, those whose labels are largest in size; the others are zero. None keeps all.
    shares : bool
        Whether labels are probabilities, so that those kept are brought back to a sum of one.
    """

    bits: int | None
    n_kept: int | None
    shares: bool

    @classmethod
    def of(cls, part: Any, schema: Schema) -> KeptLabels | None:
        """Return what `part.label_bits` and `part.top_labels` ask for; None if all is kept.

        Raises
        ------
        ValueError
            If the labels of the part are no numbers, or for bits and classes that cannot be.
        """
        bits, n_kept = part.label_bits, part.top_labels
        asked = [("label_bits", bits, 16, "number"), ("top_labels", n_kept, schema.n_outputs, "number of classes")]
        for name, value, most, what in asked:
            if value is None:
                continue
            if part.labels == "hard":
                raise PartsError(f"{part!r}: hard labels take the bits that tell them apart; leave {name}=None")
            if schema.task != "classification":
                raise PartsError(f"{part!r}: {name} is for class labels ({schema.given_targets}); leave it None")
            if value not in range(1, most + 1):
                raise ValueError(f"{type(part).__name__}({name}={value!r}): it must be a {what} from 1 to {most}")
        if bits is None and n_kept is None:
            return None
        bits, n_kept = (None if value is None else int(value) for value in (bits, n_kept))
        return cls(bits, n_kept, shares=part.labels != "learned")

    @property
    def _step(self) -> np.float32:
        assert self.bits is not None
        return np.float32(2 / (2**self.bits - 1))

    def seen(self, y: Tensor) -> Tensor:
        """Return labels as they are kept."""
        if self.n_kept is None:
            return self._at_levels(y)
        classes = y.abs().argsort(dim=1, descending=True, stable=True)[:, : self.n_kept]
        values = y.gather(1, classes)
        values = values / values.sum(1, keepdim=True) if self.shares else values
        return torch.zeros_like(y).scatter(1, classes, self._at_levels(values))

    def _at_levels(self, y: Tensor) -> Tensor:
        if self.bits is None:
            return y
        step = float(self._step)
        return step * torch.clamp(torch.round((y + 0.5) / step), 0, 2**self.bits - 1) - 0.5

    def code(self, y: NDArray[np.float64]) -> Code:
        """Return the code of labels as they are seen."""
        if self.n_kept is None:
            return self._code_of(y)
        # No level is zero, so that these are the classes that were kept.
        classes = np.argsort(-np.abs(y), axis=1, kind="stable")[:, : self.n_kept]
        packed = packed_bits(classes.ravel(), bits_of(y.shape[1]))
        return TopLabels(y.shape[1], packed, self._code_of(np.take_along_axis(y, classes, axis=1)))

    def _code_of(self, y: NDArray[np.float64]) -> PlainNumbers | UniformLevels:
        if self.bits is None:
            return PlainNumbers(y)
        whole = np.clip(np.rint((y + 0.5) / float(self._step)), 0, 2**self.bits - 1).astype(np.uint16)
        packed = packed_bits(whole.ravel(), self.bits)
        return UniformLevels(packed, self.bits, whole.shape, np.float32(-0.5), self._step)


def targets_of(part: Any, source: Source, X: Tensor, key: Tensor, y: Tensor, generator: torch.Generator) -> Targets:
    """Return the targets that `part.labels` names, from where they start, of which is kept what `KeptLabels` says.

    Parameters
    ----------
    part : Parameterization
        With `labels`, `teacher`, `label_bits` and `top_labels`.
    source : Source
    X, key, y : Tensor of length m
        Where the points start, their class codes and their own targets.
    generator : torch.Generator
    """
    targets, kept = _targets_of(part, source, X, key, y, generator), KeptLabels.of(part, source.schema)
    return targets if kept is None else CodedTargets(targets, kept)


def _targets_of(part: Any, source: Source, X: Tensor, key: Tensor, y: Tensor, generator: torch.Generator) -> Targets:
    if part.labels == "teacher":
        return TaughtTargets(y, reliable_teacher(part, part.teacher, source, generator))
    if part.labels == "probabilities":
        said = y if part.teacher is None else reliable_teacher(part, part.teacher, source, generator)(X, key, y)
        return Probabilities(said)
    # Continuous targets are part of the joint law of (x, y) and always move.
    if part.labels == "learned" or source.schema.task == "regression":
        return LearnedTargets(y, torch.as_tensor(source.target_spread, dtype=y.dtype, device=y.device))
    return KeptTargets(y)


def target_bytes(
    schema: Schema, n_points: int, soft: bool, label_bits: int | None = None, top_labels: int | None = None
) -> int:
    """Return how many bytes the targets of points take.

    A label takes as many bits as tell the classes apart, of several each one a byte; probabilities and continuous
    targets are float64, where they are not given fewer bits.

    Parameters
    ----------
    schema : Schema
    n_points : int
    soft : bool
        Whether there are probabilities beside the labels.
    label_bits, top_labels : int or None, default=None
        As in `Points`.
    """
    of_label = bits_of(schema.n_outputs)
    n_numbers = n_points * (schema.n_outputs if top_labels is None else top_labels)
    numbers = 8 * n_numbers if label_bits is None else packed_bytes(n_numbers, label_bits)
    classes = 0 if top_labels is None else packed_bytes(n_numbers, of_label)
    if schema.task == "classification":
        return packed_bytes(n_points, of_label) + soft * (numbers + classes)
    return n_points * schema.n_outputs if schema.multilabel else numbers


def check_labels(part: Any, known: tuple[str, ...]) -> None:
    """Refuse a word for labels that is not known, or a teacher that is not asked."""
    name = type(part).__name__
    if part.labels not in known:
        words = ", ".join(map(repr, known[:-1]))
        raise ValueError(f"{name}(labels={part.labels!r}): labels must be {words} or {known[-1]!r}")
    asking = [word for word in ("teacher", "probabilities") if word in known]
    if part.teacher is not None and part.labels not in asking:
        words = " or ".join(map(repr, asking))
        raise PartsError(f"{name}(labels={part.labels!r}, teacher=...): a teacher is asked by labels={words} only")


def check_learnable(part: Any, source: Source) -> None:
    """Refuse to learn targets that the data do not have."""
    if part.labels == "probabilities" and source.schema.task != "classification":
        raise PartsError(
            f"{part!r} learns class probabilities, but y holds no classes; use labels='hard' "
            f"({source.schema.given_targets})"
        )
    if part.labels == "learned" and not source.schema.n_outputs:
        raise PartsError(f"{part!r} learns targets, but y is None; use labels='hard'")
