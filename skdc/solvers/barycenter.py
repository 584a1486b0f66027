"""Points of given masses to which the rows of each class are carried at least cost."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skdc.exceptions import PartsError
from skdc.parameterizations.points import PointsSet
from skdc.seeds import EpochSampler
from skdc.sets import Block
from skdc.solvers.base import LiveObjective, Solution, Solver, solution_of
from skdc.solvers.means import MeansState, check_class_means
from skdc.sources import Holds, Source, require
from skdc.structures import Transport


@dataclass(eq=False, kw_only=True)
class BarycenterState(MeansState):
    """Where barycenters have come to.

    Parameters
    ----------
    paths : list of list of float
        The costs of the plans, for each class.
    """

    paths: list[list[float]] = field(default_factory=list)


class Barycenter(Solver[BarycenterState, PointsSet]):
    """Carry the rows to the points, each of which takes its mass, and move each to the mean of what it got [1]_.

    Repeated until the cost no longer falls, this is Lloyd's algorithm for points whose masses are given: the
    free-support barycenter of one measure, here of the rows of a class. Plans of transport are exact (POT). The points
    start as the parameterization lays them, and share the mass of their class evenly.

    Parameters
    ----------
    max_iter : int, default=100
    tol : float, default=1e-4
        A fall of the cost by less than this part of it is the last; 0 goes on until nothing changes.
    max_rows : int, default=4096
        Most rows of a class that are carried: of larger classes as many are drawn at random, once, in proportion to
        their weights, so that their means are those of the class in expectation. A plan takes a matrix of
        `max_rows` times the points of a class; for 4096 rows and 100 points, about a tenth of a second.

    References
    ----------
    .. [1] Cuturi and Doucet, "Fast Computation of Wasserstein Barycenters", 2014, algorithm 2, with steps of length 1
       and without its search for masses.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import Wasserstein
    >>> from skdc.solvers import Barycenter
    >>> condenser = Condenser(Wasserstein(), solver=Barycenter(max_iter=20), n_per_class=3)
    """

    moves = "values"

    max_iter: int = 100
    tol: float = 1e-4
    max_rows: int = 4096

    def places_rows(self) -> bool:
        """Tell that it does."""
        return True

    def begin(
        self, objective: LiveObjective | None, synthetic: PointsSet, source: Source, generator: torch.Generator
    ) -> BarycenterState:
        """Return the points where they start; the space of the objective, the squared transport cost, must map back."""
        leaf = self._transport(objective, synthetic)
        source = require(self, source, Holds, "the plans")
        return BarycenterState.begin(leaf, synthetic, source, generator)

    def advance(self, state: BarycenterState) -> None:
        """Alternate plans and means in a class."""
        source, c = state.source, state.classes[state.step]
        members, own = source.class_members(c), state.start.key == c
        sampler = EpochSampler(torch.as_tensor(members), torch.as_tensor(source.weight[members]))
        drawn, weight = sampler.draw(self.max_rows, state.generator)
        chosen = replace(source.take(drawn.numpy()), weight=weight.to(source.device, source.dtype))
        rows = state.objective.space_.block(chosen)
        state.points[own], costs = self._descend(state.objective, rows, state.start.take(own))
        state.paths.append(costs)
        state.done(costs[-1])

    def finish(self, state: BarycenterState) -> Solution:
        """Return the points, those of classes for which there was no time where they start.

        The history holds the mean cost over the classes.
        """
        state.move()
        n_iter = max(map(len, state.paths))
        loss = np.mean([np.pad(costs, (0, n_iter - len(costs)), mode="edge") for costs in state.paths], axis=0)
        return solution_of(state, n_iter, {"loss": loss})

    def _descend(self, leaf: Transport, rows: Block, points: Block) -> tuple[Tensor, list[float]]:
        """Return where the points of a class end, and the cost of each plan on the way."""
        costs: list[float] = []
        for _ in range(self.max_iter):
            plan, u, v = leaf.solve(rows, points)
            costs.append(float(plan.sum(1) @ u + plan.sum(0) @ v))
            if len(costs) > 1 and costs[-2] - costs[-1] <= self.tol * costs[-1]:
                break
            means = plan.T @ rows.values.double() / plan.sum(0)[:, None]
            points = replace(points, values=means.to(rows.values))
        return points.values, costs

    def _transport(self, objective: Any, synthetic: PointsSet) -> Any:
        if self.max_iter < 1 or self.max_rows < 1 or not self.tol >= 0:
            raise ValueError(f"{self!r}: max_iter and max_rows must be at least 1, tol must not be negative")
        if not isinstance(objective, Transport) or objective.order != 2:
            raise PartsError(
                f"Barycenter minimises squared distances to where the rows are carried, not {objective!r}; use "
                "Wasserstein(order=2), or the solver Descent()"
            )
        check_class_means(self, "goes", objective, synthetic)
        return objective
