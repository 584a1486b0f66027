"""Free points: every number of the synthetic rows may move."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from skdc.data import LabeledSet
from skdc.kernels import distances_of_norms
from skdc.parameterizations.base import LiveSet, Parameterization, class_keys, class_weights, refuse_too_many
from skdc.source import RowSource, Source, require_rows


class Points(Parameterization):
    """Free points in the space of the data.

    Parameters
    ----------
    labels : {"hard", "learned"}, default="hard"
        Whether targets stay those that the points start with, or are optimised too: class scores without sign or
        sum constraint, or continuous values.
    start : {"rows", "spread", "noise"}, default="rows"
        Where points start: random distinct rows of their class, rows far from each other (k-means++), or
        Gaussian noise with the mean and spread of the data.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.parameterizations import Points
    >>> Condenser(parameterization=Points(start="noise"), n_per_class=5)
    Condenser(n_per_class=5, parameterization=Points(start='noise'))
    """

    moves = "values"

    def __init__(
        self,
        labels: Literal["hard", "learned"] = "hard",
        start: Literal["rows", "spread", "noise"] = "rows",
    ) -> None:
        self.labels = labels
        self.start = start

    def streams(self) -> bool:
        """Tell whether a sketch is enough to build from: it keeps rows to start from."""
        return self.start == "rows"

    def build(self, source: Source, sizes: NDArray[np.int64], generator: torch.Generator) -> PointsSet:
        """Return points at their start.

        Raises
        ------
        ValueError
            For unknown words; for learned labels without targets; for a start that a stream cannot give.
        """
        if self.labels not in ("hard", "learned"):
            raise ValueError(f"Points(labels={self.labels!r}): labels must be 'hard' or 'learned'")
        if self.labels == "learned" and not source.schema.n_outputs:
            raise ValueError("Points(labels='learned') needs targets, but y is None; use labels='hard'")
        X, y = self._start(source, sizes, generator)
        # Continuous targets are part of the joint law of (x, y) and always move.
        learned = self.labels == "learned" or source.schema.task == "regression"
        units = source.spread, torch.as_tensor(source.target_spread, dtype=y.dtype, device=y.device)
        return PointsSet(class_keys(source, sizes), class_weights(source, sizes), X, y, learned, units)

    def _start(self, source: Source, sizes: NDArray[np.int64], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        if self.start == "rows":
            return source.starting_rows(sizes, generator)
        if self.start == "spread":
            rows = require_rows(self, source, "far-apart rows")
            refuse_too_many(self, rows, sizes)
            return _spread_rows(rows, sizes, generator)
        if self.start == "noise":
            rows = require_rows(self, source, "the mean and the spread")
            X, y = rows.starting_rows(sizes, generator)
            return torch.randn(X.shape, generator=generator, dtype=X.dtype).to(X.device), y
        raise ValueError(f"Points(start={self.start!r}): start must be 'rows', 'spread' or 'noise'")


def _spread_rows(source: RowSource, sizes: NDArray[np.int64], generator: torch.Generator) -> tuple[Tensor, Tensor]:
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


class PointsSet(LiveSet):
    """Live free points.

    Parameters
    ----------
    key, weight
        As in `LiveSet`.
    X : Tensor of shape (m, *input_shape)
    y : Tensor of shape (m, n_outputs)
    learned : bool
        Whether the targets are parameters.
    units : (float, Tensor of shape (n_outputs,) or ())
        What the parameters of rows and of targets are multiplied by.
    """

    y: Tensor

    def __init__(
        self, key: Tensor, weight: Tensor, X: Tensor, y: Tensor, learned: bool, units: tuple[float, Tensor]
    ) -> None:
        super().__init__(key, weight)
        self._unit, self._target_unit = units
        self.X = nn.Parameter(X / self._unit)
        self.learned = learned
        y = y / self._target_unit
        if learned:
            self.y = nn.Parameter(y)
        else:
            self.register_buffer("y", y)

    def forward(self) -> LabeledSet:
        """Return the set, differentiable in rows and learned targets."""
        return LabeledSet(self.weight, self.key, self.X * self._unit, self.y * self._target_unit)

    @torch.no_grad()
    def load(self, rows: LabeledSet) -> None:
        """Move the points (and their targets, where they move) to those of another set of the same sizes."""
        self.X.copy_(rows.X / self._unit)
        if self.learned:
            self.y.copy_(rows.y / self._target_unit)

    def stored_numbers(self) -> int:
        """Count the rows, and one label a row or, learned, all its targets."""
        per_target = self.y.shape[1] if self.learned else min(self.y.shape[1], 1)
        return self.X.numel() + len(self.X) * per_target
