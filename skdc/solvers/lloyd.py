"""Lloyd's algorithm: the k-means of each class."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skdc.exceptions import PartsError
from skdc.parameterizations.points import PointsSet
from skdc.solvers.base import LiveObjective, Solution, Solver, solution_of
from skdc.solvers.k_means import KMeans, k_means, k_means_steps, together
from skdc.solvers.means import MeansState, check_class_means, class_pieces
from skdc.sources import PLACED_TOGETHER, Holds, Passes, Pieces, Source, near_pieces, require, takes_pieces
from skdc.structures import Quantization

_MOST_PASSES = 2  # from where k-means of a sample ends: each row more gains less than local optima differ by


@dataclass(eq=False, kw_only=True)
class LloydState(MeansState):
    """Where k-means has come to.

    Parameters
    ----------
    weight : Tensor
        The masses of the clusters; those of the points, of classes that there is no time for.
    inertia : float
    n_iter : int
    """

    weight: Tensor = field(init=False)
    inertia: float = 0.0
    n_iter: int = 0

    def __post_init__(self) -> None:
        # In the unit of those that are found, which are masses of rows.
        self.weight = self.start.weight * (self.source.class_mass().sum() / len(self.start))


class Lloyd(Solver[LloydState, PointsSet]):
    """Move each point to the mean of the rows nearest to it, until nothing changes (scikit-learn's `KMeans`).

    It starts from the points as the parameterization lays them, and gives each point the mass of its cluster. A step is
    a pass over the rows, which need not be in memory; of those that are, bounds tell most that stay with their point
    [1]_. Rows in pieces are passed over, all classes at once, twice at most, from where k-means of the sample that is
    held ends. Of rows in memory, where these times the points of a class are more than 100 million, the points are
    cut into pieces of 256 near ones, and each piece is moved among the rows on its side of the cuts.

    Parameters
    ----------
    max_iter : int, default=300
    tol : float, default=1e-4
        As in `KMeans`.

    References
    ----------
    .. [1] Hamerly, "Making k-means Even Faster", 2010, algorithm 1.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import QuantizationError
    >>> from skdc.solvers import Lloyd
    >>> condenser = Condenser(QuantizationError(), solver=Lloyd(max_iter=20), n_per_class=3)
    """

    moves = "values"

    max_iter: int = 300
    tol: float = 1e-4

    def weighs(self) -> bool:
        """Tell that points weigh what their clusters do."""
        return True

    def places_rows(self) -> bool:
        """Tell that it does."""
        return True

    def passes(self) -> bool:
        """Tell that its steps are sums over rows."""
        return True

    def begin(
        self, objective: LiveObjective | None, synthetic: PointsSet, source: Source, generator: torch.Generator
    ) -> LloydState:
        """Return the points where they start; the space of the objective, the quantization error, must map back."""
        if self.max_iter < 1 or not self.tol >= 0:
            raise ValueError(f"{self!r}: max_iter must be at least 1, tol must not be negative")
        leaf = _quantization(objective)
        check_class_means(self, "clusters", leaf, synthetic)
        source = require(self, source, Passes, "the clusters")
        state = LloydState.begin(leaf, synthetic, source, generator)
        in_memory = 0 if source.stand_in() is None else len(state.classes)
        state.n_steps = in_memory + (source.granted(Holds) is None)
        return state

    def advance(self, state: LloydState) -> None:
        """Run k-means in a class, of the rows in memory; or in all classes together, of all rows."""
        held = state.source.stand_in()
        if held is not None and state.step < len(state.classes):
            own, origin, rows = self._of_class(state, held, state.classes[state.step])
            for some, near in _divided(rows, state.points[own] - origin, state.generator):
                start = state.points[own[some]] - origin
                self._keep(state, own[some], origin, k_means(near, start, self.max_iter, self.tol))
        else:
            state.inertia, state.n_iter = 0.0, 0
            of_classes = [self._of_class(state, state.source, c) for c in state.classes]
            most = self.max_iter if held is None else min(self.max_iter, _MOST_PASSES)
            steps = [k_means_steps(state.points[own] - at, most, self.tol) for own, at, _ in of_classes]
            found = together([rows for _, _, rows in of_classes], steps)
            for (own, origin, _), of_class in zip(of_classes, found, strict=True):
                self._keep(state, own, origin, of_class)
        state.done(state.inertia)

    def _of_class(self, state: LloydState, source: Passes, c: int) -> tuple[Tensor, Tensor, Pieces]:
        """Return the places of the points of a class, an origin near them, and the rows about it."""
        own = (state.start.key == c).nonzero()[:, 0]
        origin = state.start.values[own].mean(0)
        return own, origin, class_pieces(source, state.objective.space_, c, origin)

    def _keep(self, state: LloydState, own: Tensor, origin: Tensor, found: KMeans) -> None:
        """Move points to the centres that were found."""
        # Points beyond the clusters that there can be share those, and their masses, in turn.
        cluster = torch.arange(len(own), device=own.device) % len(found.centers)
        shares = found.mass / cluster.bincount()
        state.points[own] = (found.centers[cluster] + origin).to(state.points)
        state.weight[own] = shares[cluster].to(state.weight)
        state.inertia, state.n_iter = state.inertia + found.inertia, max(state.n_iter, found.n_iter)

    def finish(self, state: LloydState) -> Solution:
        """Return the centres; points of classes for which there was no time stay where they start."""
        state.move()
        state.synthetic.weight.copy_(state.weight / state.weight.mean())
        history = {"loss": np.array([state.inertia / state.source.class_mass().sum()])}
        return solution_of(state, state.n_iter, history)


def _divided(rows: Pieces, points: Tensor, generator: torch.Generator) -> Iterator[tuple[Tensor, Pieces]]:
    """Yield points with the rows among which they are moved: pieces of near ones, if there are many and rows are held.

    So the time of a step grows with the rows, and no longer with the rows times the points.
    """
    if rows.held is None or not takes_pieces(len(rows.held.block), len(points)):
        yield torch.arange(len(points), device=points.device), rows
        return
    mass, values = torch.ones_like(points[:, 0], dtype=torch.float64), rows.held.block.values
    part = PLACED_TOGETHER / len(points)
    for piece in near_pieces(points, mass, len(points), part, generator, followers=values):
        yield torch.as_tensor(piece.rows, device=points.device), rows.part(piece.followers)


def _quantization(objective: LiveObjective | None) -> Any:
    if not isinstance(objective, Quantization):
        raise PartsError(
            f"Lloyd minimises the quantization error, not {objective!r}; use QuantizationError(), or the "
            "solver Descent()"
        )
    if objective.exponent != 2:
        raise PartsError(
            f"Lloyd minimises squared distances, not {objective!r}; use exponent=2, or the solver Descent()"
        )
    return objective
