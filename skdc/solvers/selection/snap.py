"""Rows near the points that another solver finds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from torch import Tensor

from skdc.exceptions import PartsError
from skdc.kernels import MATRIX_ENTRIES, squared_distances
from skdc.parameterizations.base import LiveSet, Parameterization
from skdc.parameterizations.points import Points
from skdc.parameterizations.subset import SubsetSet
from skdc.sets import LabeledSet
from skdc.solvers.base import DivergenceError, LiveObjective, Solution, Solver, State, detached
from skdc.solvers.lloyd import Lloyd
from skdc.solvers.selection.base import Choice, Selection
from skdc.solvers.selection.cells import Cell
from skdc.sources import PLACED_TOGETHER, Holds, Source, near_pieces, takes_pieces
from skdc.spaces.base import PointwiseSpace

_PIECE = 1024  # rows that are embedded at once


class Snap(Solver["SnapState", SubsetSet]):
    """Let a solver move free points, then take a real row of its class for each.

    The rows are distinct, and of all such choices the sum of squared distances from the points to their rows is the
    least; of many points of a class, of each piece of near ones, as `Lloyd` cuts them. Distances are those of the space
    of the (first) discrepancy; of the rows themselves, where it is not one that shows each row by itself. A row stands
    for the mass that the solver gave to its point.

    Parameters
    ----------
    solver : solver, default=None
        It moves the points: `Descent`, `Lloyd` or `Barycenter`. None is `Lloyd()`.
    start : parameterization, default=None
        The points as they start. None is `Points(start="spread")`.
    reweight : discrepancy, default=None
        A squared distance of mean embeddings, such as `MMD()`, that the weights of the chosen rows are to make least.
        None: they are those of the points.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import MMD
    >>> from skdc.parameterizations import Subset
    >>> from skdc.solvers import Descent, Snap
    >>> condenser = Condenser(MMD(), Subset(), Snap(Descent(n_steps=100)), n_per_class=3)
    """

    moves = "indices"

    solver: Solver | None = None
    start: Parameterization | None = None
    reweight: Any = None

    def weighs(self) -> bool:
        """Tell that rows weigh what the points did that they are nearest to."""
        return True

    def own_objective(self) -> Any:
        """Return `reweight`."""
        return self.reweight

    def passes(self) -> bool:
        """Tell whether the points are moved in passes; rows near them are those of a sample then."""
        return self._solver().passes() and self.reweight is None

    def begin(
        self, objective: LiveObjective | None, synthetic: SubsetSet, source: Source, generator: torch.Generator
    ) -> SnapState:
        """Return the points where the other solver begins; they must move, and their targets must not."""
        solver = self._solver()
        start = Points(start="spread") if self.start is None else self.start
        for name, part, kind in (("solver", solver, Solver), ("start", start, Parameterization)):
            if not isinstance(part, kind) or part.moves != "values":
                raise PartsError(
                    f"Snap({name}={part!r}) moves no points for which rows could be taken; use Lloyd(), Barycenter() "
                    "or Descent(), from Points()"
                )
        points = start.build(source, synthetic.sizes, generator)
        if points.learned and source.schema.task == "classification":
            raise PartsError(f"Snap(start={start!r}): real rows keep their classes; use Points(labels='hard')")
        nearest = _Nearest(points, reweight=self.reweight)
        nearest.check_reweight()
        nearest.opened(_in_memory(source))  # what it refuses, before points are moved
        moving = solver.begin(objective, points, source, generator)
        return SnapState(generator, objective, synthetic, source, n_steps=moving.n_steps, moving=moving)

    def advance(self, state: SnapState) -> None:
        """Let the other solver take a step."""
        moving = state.moving
        moving.source, moving.tell = state.source, state.tell
        self._solver().advance(moving)
        state.step, state.losses, state.stopped = moving.step, moving.losses, moving.stopped

    def keeps(self, state: SnapState) -> bool:
        """Tell whether the other solver has a set."""
        return self._solver().keeps(state.moving)

    def finish(self, state: SnapState) -> Solution:
        """Take the rows nearest to the points, or to the last good ones; the history is that of the other solver."""
        state.moving.interrupted, diverged = state.interrupted, None
        try:
            moved = self._solver().finish(state.moving)
        except DivergenceError as error:
            moved, diverged = error.solution, error
        nearest = _Nearest(state.moving.synthetic, reweight=self.reweight)
        matching = nearest.begin(state.objective, state.synthetic, _in_memory(state.source), state.generator)
        while matching.step < matching.n_steps:
            nearest.advance(matching)
        chosen = nearest.finish(matching)
        state.interrupted |= matching.interrupted
        solution = replace(chosen, n_iter=moved.n_iter, history=moved.history)
        if diverged is not None:
            raise DivergenceError(str(diverged), solution)
        return solution

    def _solver(self) -> Solver:
        return Lloyd() if self.solver is None else self.solver


def _in_memory(source: Source) -> Source:
    """Return the rows in memory that stand for all; the source, where there are none."""
    return source.stand_in() or source


@dataclass(eq=False, kw_only=True)
class SnapState(State[SubsetSet]):
    """Where the other solver has come to.

    Parameters
    ----------
    moving : State
        Of the points.
    """

    moving: State


class _Nearest(Selection):
    """Choose the rows nearest to points."""

    points: LiveSet

    def choose(self, objective: Any, cell: Cell, source: Holds, generator: torch.Generator) -> Choice:
        """Return the rows matched to the points of a cell, and the masses of the points."""
        points, space = detached(self.points()), objective.leaves()[0].space_
        rows: list[int] = []
        for c in np.flatnonzero(cell.quotas).tolist():
            members = np.flatnonzero(cell.codes == c)
            pieces = np.split(cell.members[members], np.arange(_PIECE, len(members), _PIECE))
            of_class = torch.cat([_embedded(space, source.take(piece)) for piece in pieces])
            of_points = _embedded(space, points.take(points.key == c))
            rows.extend(members[_matched_in_pieces(of_points, of_class, generator)])
        classes = torch.as_tensor(np.flatnonzero(cell.quotas), device=source.device)
        return Choice(rows, points.weight[torch.isin(points.key, classes)])


def _matched_in_pieces(points: Tensor, rows: Tensor, generator: torch.Generator) -> np.ndarray:
    """Return a distinct row for each point, as `matched` does; of many points those of each piece of near ones."""
    if not takes_pieces(len(rows), len(points)):
        return matched(points, rows)
    mass, part = torch.ones_like(points[:, 0], dtype=torch.float64), PLACED_TOGETHER / len(points)
    chosen = np.empty(len(points), dtype=np.intp)
    for piece in near_pieces(points, mass, len(points), part, generator, followers=rows):
        some, near = (torch.as_tensor(places, device=points.device) for places in piece)
        chosen[piece.rows] = piece.followers[matched(points[some], rows[near])]
    return chosen


def matched(points: Tensor, rows: Tensor) -> np.ndarray:
    """Return a distinct row for each point, such that the sum of the squared distances is least.

    Parameters
    ----------
    points : Tensor of shape (m, d)
    rows : Tensor of shape (n, d)
        At least as many.

    Returns
    -------
    ndarray of shape (m,)
        Positions of the rows.
    """
    size = len(points)
    center = rows.mean(0)
    points, rows = points - center, rows - center  # smaller norms, smaller errors
    # The m nearest rows of a point are enough: the others leave it one of them.
    pieces = points.split(max(1, MATRIX_ENTRIES // len(rows)))
    found = zip(*(squared_distances(piece, rows).topk(size, largest=False) for piece in pieces), strict=True)
    squares, nearest = (torch.cat(parts).cpu().numpy() for parts in found)
    # The matching wants no zeros, and a constant more for each point changes nothing.
    costs = 1 + squares.astype(np.float64) / (squares.max() or 1.0)
    graph = csr_array((costs.ravel(), nearest.ravel(), np.arange(0, size**2 + 1, size)), shape=(size, len(rows)))
    return min_weight_full_bipartite_matching(graph)[1]


def _embedded(space: Any, rows: LabeledSet) -> Tensor:
    if not isinstance(space, PointwiseSpace):
        return rows.X.flatten(1)
    places = torch.arange(len(rows), device=rows.weight.device)
    return torch.cat([space.embed(rows.take(piece)) for piece in places.split(_PIECE)])
