"""Free points: every number of the synthetic rows may move."""

from __future__ import annotations

from collections.abc import Callable
from inspect import isclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils import check_random_state
from torch import Tensor, nn

from skdc.data import LabeledSet
from skdc.exceptions import PartsError
from skdc.kernels import distances_of_norms
from skdc.learners.teachers import believed_teacher
from skdc.parameterizations.base import (
    LiveSet,
    Parameterization,
    check_labels,
    class_keys,
    class_weights,
)
from skdc.parameterizations.subset import Subset
from skdc.parameterizations.within import cut, in_units, mirrored, span_of
from skdc.sources import Holds, Source, draw_seed, require


class Points(Parameterization):
    """Free points in the space of the data.

    Parameters
    ----------
    labels : {"hard", "learned", "probabilities", "teacher"}, default="hard"
        Whether targets stay those that the points start with; or are optimised too: class scores without sign or
        sum constraint, or continuous values; or class probabilities; or are what a teacher says at the points,
        wherever they are, as far as it does better on rows held out than the class shares.
    start : {"rows", "spread", "noise"} or condenser, default="rows"
        Where points start: random distinct rows of their class, rows far from each other (k-means++), Gaussian
        noise with the mean and spread of the data; or the rows that the recipe of a condenser chooses, such as
        `KMedoids()`, of which no size, encoder or device is set: they are those of the fit.
    teacher : estimator, default=None
        Classifier with `predict_proba`, or regressor, which is fitted on the data, or comes fitted in scikit-learn's
        `FrozenEstimator`; it is asked each time the points have moved. None takes a network that stops early.
    within : "data", (low, high) or None, default="data"
        Where the numbers of the rows stay, in each step and at the end: within the range that each feature has in the
        data, so that whole numbers come out whole, in the dtype that went in; or between two ends, numbers or arrays
        of the shape of a row, where there is no encoder. None lets them go anywhere, and they come out as floats.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.parameterizations import Points
    >>> Condenser(parameterization=Points(start="noise"), n_per_class=5)
    Condenser(n_per_class=5, parameterization=Points(start='noise'))
    """

    moves = "values"
    known_labels: ClassVar[tuple[str, ...]] = ("hard", "learned", "probabilities", "teacher")

    def __init__(
        self,
        labels: Literal["hard", "learned", "probabilities", "teacher"] = "hard",
        start: Any = "rows",
        teacher: Any = None,
        within: Any = "data",
    ) -> None:
        self.labels = labels
        self.start = start
        self.teacher = teacher
        self.within = within

    def streams(self) -> bool:
        """Tell whether a sketch is enough to build from: it keeps rows to start from, and their mean and spread."""
        return isinstance(self.start, str) and self.start in ("rows", "noise") and self.labels != "teacher"

    def takes_distinct_rows(self) -> bool:
        """Tell whether each point starts at a row of its own: no two rows that are far apart are the same."""
        return isinstance(self.start, str) and self.start == "spread"

    def build(self, source: Source, sizes: NDArray[np.int64], generator: torch.Generator) -> PointsSet:
        """Return points at their start.

        Raises
        ------
        ValueError
            For unknown words; for learned labels without targets, or probabilities without classes; for a start that
            a stream cannot give; for a range that does not suit the rows.
        """
        check_labels(self, self.known_labels)
        if self.labels == "probabilities" and source.schema.task != "classification":
            raise PartsError(
                f"{self!r} learns class probabilities, but y holds no classes; use labels='hard' "
                f"({source.schema.given_targets})"
            )
        if self.labels == "learned" and not source.schema.n_outputs:
            raise PartsError(f"{self!r} learns targets, but y is None; use labels='hard'")
        X, y = self._start(source, sizes, generator)
        # Continuous targets are part of the joint law of (x, y) and always move.
        teacher = believed_teacher(self, self.teacher, source, generator) if self.labels == "teacher" else None
        learns = self.labels in ("learned", "probabilities")
        learned = learns or (source.schema.task == "regression" and teacher is None)
        y = Probabilities(y) if self.labels == "probabilities" else y
        units = source.spread, torch.as_tensor(source.target_spread, dtype=X.dtype, device=X.device)
        span = span_of(self, source)
        ends = None if span is None else in_units(span, source, source.spread)
        rows = self.rows(mirrored(X / source.spread, ends))
        masses = class_keys(source, sizes), class_weights(source, sizes)
        points = PointsSet(*masses, rows, y, learned, units, teacher, ends)
        points.span = span
        return points

    def rows(self, X: Tensor) -> nn.Module:
        """Return what gives the rows, from where they start."""
        return FreeRows(X)

    def _start(self, source: Source, sizes: NDArray[np.int64], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        if not isinstance(self.start, str):
            rows = require(self, source, Holds, "which rows to choose")
            return _chosen_rows(self, self.start, rows, sizes, generator)
        if self.start == "rows":
            return source.starting_rows(sizes, generator)
        if self.start == "spread":
            rows = require(self, source, Holds, "far-apart rows")
            return _spread_rows(rows, sizes, generator)
        if self.start == "noise":
            return source.noisy_rows(sizes, generator)
        raise ValueError(
            f"{type(self).__name__}(start={self.start!r}): start must be 'rows', 'spread', 'noise' or a condenser"
        )


def _chosen_rows(
    part: object, condenser: Any, source: Holds, sizes: NDArray[np.int64], generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return (X, y) of the rows that the recipe of a condenser chooses, as many of each class as asked for.

    Where a class has fewer, they are repeated in turn.

    Raises
    ------
    TypeError
        If it is no condenser.
    PartsError
        If it makes rows that are not in the data, is private, or has settings that would have no effect.
    """
    if isclass(condenser) or not hasattr(condenser, "chooser"):
        raise TypeError(f"{part!r}: start must be 'rows', 'spread', 'noise' or a condenser, such as KMedoids()")
    place = f"{part!r}: start"
    recipe, members = condenser.chooser(place, source.schema.task), [source.class_members(c) for c in range(len(sizes))]
    if getattr(recipe.solver, "reweight", None) is not None:
        raise PartsError(f"{place}: weights of the rows that points start from would have no effect; use reweight=None")
    seed = draw_seed(generator)
    if condenser.random_state is not None:
        seed = int(check_random_state(condenser.random_state).randint(2**31 - 1))
    draws = torch.Generator().manual_seed(seed)
    there = np.minimum(sizes, [len(rows) for rows in members])
    objective = None if recipe.discrepancy is None else clone(recipe.discrepancy).fit(source, draws)
    subset = Subset().build(source, there, draws)
    draws = torch.Generator().manual_seed(draw_seed(draws))  # as in a fit of the condenser itself
    recipe.solver.solve(objective, subset, source, draws, lambda step, n_steps, loss: False)
    chosen = np.split(subset.indices, np.cumsum(there)[:-1])
    start = source.take(np.concatenate([np.resize(rows, n) for rows, n in zip(chosen, sizes, strict=True)]))
    return start.X, start.y


def _spread_rows(source: Holds, sizes: NDArray[np.int64], generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return k-means++ seeds of each class and their targets."""
    chosen = []
    for c, size in enumerate(sizes):
        if size:
            members = source.class_members(c)
            rows = source.take(members)
            chosen.append(members[_far_apart(rows.X.flatten(1), rows.weight, int(size), generator)])
    start = source.take(np.concatenate(chosen))
    return start.X, start.y


def _far_apart(values: Tensor, weight: Tensor, size: int, generator: torch.Generator) -> list[int]:
    """Return the positions of k-means++ seeds, each the best of a few trials (Arthur and Vassilvitskii, 2007).

    scikit-learn's `kmeans_plusplus` casts float32 rows to float64 for every distance; these rows are centred, and
    need no such care.
    """
    n_trials = 2 + int(np.log(size))
    norms = values.square().sum(1)
    nearest = torch.full_like(norms, torch.inf)
    odds, chosen = weight.double(), []
    for step in range(size):
        cumulative = odds.cumsum(0)
        draws = torch.rand(n_trials if step else 1, generator=generator, dtype=torch.float64).to(values.device)
        trials = torch.searchsorted(cumulative, draws * cumulative[-1], right=True).clamp_max_(len(values) - 1)
        squares = distances_of_norms(values, values[trials], norms, norms[trials])
        squares = torch.minimum(squares, nearest[:, None])
        best = int((weight @ squares).argmin())
        chosen.append(int(trials[best]))
        nearest = squares[:, best]
        odds = (weight * nearest).double()
    return chosen


class FreeRows(nn.Module):
    """Rows of which every number may move."""

    def __init__(self, X: Tensor) -> None:
        super().__init__()
        self.values = nn.Parameter(X)

    def forward(self) -> Tensor:
        """Return the rows."""
        return self.values

    def load(self, X: Tensor) -> None:
        """Move to other rows."""
        self.values.copy_(X)

    def project(self, low: Tensor, high: Tensor) -> None:
        """Cut the rows off at two ends."""
        self.values.clamp_(low, high)


_SMOOTHING = 0.1  # share of a label that learned probabilities start with all classes


class Probabilities(nn.Module):
    """Class probabilities that move: a softmax of free numbers.

    Parameters
    ----------
    y : Tensor of shape (m, n_classes)
        Where they start, but for a little that is shared out: at 0 and 1 they could not move.
    """

    def __init__(self, y: Tensor) -> None:
        super().__init__()
        self.logits = nn.Parameter(((1 - _SMOOTHING) * y + _SMOOTHING / y.shape[1]).log())

    @property
    def shape(self) -> torch.Size:
        """Rows and classes."""
        return self.logits.shape

    def forward(self) -> Tensor:
        """Return the probabilities."""
        return self.logits.softmax(1)

    def load(self, y: Tensor) -> None:
        """Move to other probabilities."""
        self.logits.copy_(y.clamp_min(torch.finfo(y.dtype).tiny).log())


class PointsSet(LiveSet):
    """Live points and their targets.

    Parameters
    ----------
    key, weight
        As in `LiveSet`.
    rows : nn.Module
        Calling it gives the rows, in units of the first of `units`; it has `load` and `project`.
    y : Tensor of shape (m, n_outputs), or Probabilities
    learned : bool
        Whether the targets are parameters.
    units : (float, Tensor of shape (n_outputs,) or ())
        What rows and targets are multiplied by.
    teacher : callable, default=None
        Gives the targets of rows from them, their class codes and y.
    ends : (Tensor, Tensor), default=None
        At which the rows are cut off, in the units of the rows.
    """

    y: Tensor | Probabilities

    def __init__(
        self,
        key: Tensor,
        weight: Tensor,
        rows: nn.Module,
        y: Tensor | Probabilities,
        learned: bool,
        units: tuple[float, Tensor],
        teacher: Callable[[Tensor, Tensor, Tensor], Tensor] | None = None,
        ends: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        super().__init__(key, weight)
        self._ends = ends
        self._unit, self._target_unit = units
        self.X = rows
        self.learned, self.soft, self.teacher = learned, learned or teacher is not None, teacher
        if isinstance(y, Probabilities):
            self.y = y
        elif learned:
            self.y = nn.Parameter(y / self._target_unit)
        else:
            self.register_buffer("y", y / self._target_unit)

    def forward(self) -> LabeledSet:
        """Return the set, differentiable in rows and learned targets."""
        X = cut(self.X(), self._ends) * self._unit
        return LabeledSet(self.weight, self.key, X, self._targets(X))

    def _targets(self, X: Tensor) -> Tensor:
        if isinstance(self.y, Probabilities):
            return self.y()
        own = self.y * self._target_unit
        return own if self.teacher is None else self.teacher(X.detach(), self.key, own)

    @torch.no_grad()
    def project(self) -> None:
        """Bring the rows back to where they may be."""
        if self._ends is not None:
            self.X.project(*self._ends)

    @torch.no_grad()
    def load(self, rows: LabeledSet) -> None:
        """Move the points (and their targets, where they move) to those of another set of the same sizes."""
        self.X.load(cut(rows.X / self._unit, self._ends))
        if isinstance(self.y, Probabilities):
            self.y.load(rows.y)
        elif self.learned:
            self.y.copy_(rows.y / self._target_unit)

    def stored_numbers(self) -> int:
        """Count what the rows are made of, and one label a row or, where they say more, all its targets."""
        per_target = self.y.shape[1] if self.soft else min(self.y.shape[1], 1)
        return sum(values.numel() for values in self.X.state_dict().values()) + len(self.key) * per_target
