"""The best targets of rows that stay, where predictions are linear in them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skdc.exceptions import PartsError
from skdc.parameterizations.labels import CodedTargets, LearnedTargets
from skdc.parameterizations.points import PointsSet
from skdc.sets import LabeledSet
from skdc.solvers.base import LiveObjective, Solution, Solver, State, detached, solution_of
from skdc.sources import Batch, Holds, Source, require
from skdc.structures import LinearInTargets


# Predictions on a row i of weight w_i are R_i z, with R_i its response to targets z = y - o of the points. With its own
# target t_i, the sum over rows and terms of w_i |R_i z - (t_i - o)|^2 is least where z solves the normal equations
#     G z = B,    G = sum_i w_i R_i' R_i,    B = sum_i w_i R_i' (t_i - o)                                           (1)
# both of which are sums over batches. Of all solutions the shortest is, with G = V diag(d) V',
#     z = V diag(1 / d_j if d_j > m eps max d, else 0) V' B                                                         (2)
#     y = o + z                                                                                                     (3)
@dataclass(eq=False, kw_only=True)
class LeastSquaresState(State[PointsSet]):
    """Normal equations, as far as they are summed.

    Parameters
    ----------
    points : LabeledSet
        The points as they start.
    gram : Tensor of shape (m, m)
    moment : Tensor of shape (m, n_outputs)
    """

    points: LabeledSet
    gram: Tensor
    moment: Tensor


class LeastSquares(Solver[LeastSquaresState, PointsSet]):
    r"""Label solve (LS): the targets with the least squared error of predictions, in closed form [1]_.

    Predictions are :math:`R (y - o)` of the targets y; over all rows :math:`\sum \|R (y - o) - (t - o)\|^2` is least.
    Where many targets are best, it finds the shortest. The points stay where they start.

    Parameters
    ----------
    batch_size : int, default=4096
        Real rows taken together; the result does not depend on it.

    References
    ----------
    .. [1] Nguyen, Chen and Lee, "Dataset Meta-Learning from Kernel Ridge-Regression", 2021, section 3.1.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import SquaredL2
    >>> from skdc.parameterizations import Points
    >>> from skdc.parameterizations.storage import Fixed
    >>> from skdc.solvers import LeastSquares
    >>> from skdc.spaces import KernelRidgePredictions
    >>> loss = SquaredL2(space=KernelRidgePredictions(), by=None)
    >>> condenser = Condenser(loss, Points(Fixed(), labels="learned"), LeastSquares(), n_per_class=5)
    """

    moves = "values"

    batch_size: int = 4096

    @torch.no_grad()
    def begin(
        self, objective: LiveObjective | None, synthetic: PointsSet, source: Source, generator: torch.Generator
    ) -> LeastSquaresState:
        """Return normal equations that have seen nothing; targets must be learned, and all rows be there."""
        self._check(objective, synthetic)
        rows, points = require(self, source, Holds, "targets"), synthetic()
        gram = torch.zeros(len(points), len(points), dtype=torch.float64, device=source.device)
        moment = torch.zeros(points.y.shape, dtype=torch.float64, device=source.device)
        given, n_steps = (generator, objective, synthetic, rows), -(-len(rows) // self.batch_size)
        return LeastSquaresState(*given, n_steps=n_steps, points=detached(points), gram=gram, moment=moment)

    @torch.no_grad()
    def advance(self, state: LeastSquaresState) -> None:
        """Add a batch to the normal equations."""
        indices = np.array_split(np.arange(len(state.source)), state.n_steps)[state.step]
        batch = state.source.take(indices)
        for leaf in state.objective.leaves():
            space = leaf.space_
            response = space.response(batch, state.points).double()
            weighted = leaf.weight * batch.weight.double()[:, None] * response
            state.gram += weighted.T @ response  # (1)
            state.moment += weighted.T @ (batch.y.double() - space.offset_)
        state.done(float("nan"))
        state.stopped = False  # of part of the data there is no solution

    def keeps(self, state: State) -> bool:
        """Tell that there is none: of part of the data there is no solution."""
        return False

    @torch.no_grad()
    def finish(self, state: LeastSquaresState) -> Solution:
        """Solve the normal equations."""
        points, leaves = state.points, state.objective.leaves()
        targets = _solved(state.gram, state.moment) + leaves[0].space_.offset_  # (3)
        state.synthetic.load(replace(points, y=targets.to(points.y)))
        found = solution_of(state, 1, {})
        loss = float(state.objective.loss(Batch(state.source.rows), found.synthetic, state))
        return replace(found, history={"loss": np.array([loss])})

    def _check(self, objective: Any, synthetic: PointsSet) -> None:
        if self.batch_size < 1:
            raise ValueError(f"LeastSquares(batch_size={self.batch_size!r}): it must be at least 1")
        targets = synthetic.targets.inner if isinstance(synthetic.targets, CodedTargets) else synthetic.targets
        if synthetic.codec.groups() or not isinstance(targets, LearnedTargets):
            raise PartsError(
                "LeastSquares solves for targets, and for nothing else that moves; use Points(Fixed(), "
                "labels='learned')"
            )
        if objective.normalizes():
            raise PartsError(f"LeastSquares sums terms in their own units, but got {objective!r}; use normalize=False")
        for leaf in objective.leaves():
            if not (isinstance(leaf.space_, LinearInTargets) and leaf.quadratic and leaf.by is None):
                raise PartsError(
                    f"LeastSquares solves for the least squared error of predictions that are linear in the targets, "
                    f"but got {leaf!r}; use SquaredL2(space=KernelRidgePredictions(), by=None), or Descent()"
                )


def _solved(gram: Tensor, moment: Tensor) -> Tensor:
    """Solve the normal equations of a nearly singular system by its eigenvectors."""
    values, vectors = torch.linalg.eigh(gram)
    kept = values > values.amax() * len(gram) * torch.finfo(gram.dtype).eps
    inverse = torch.where(kept, 1 / values.clamp_min(torch.finfo(gram.dtype).tiny), 0)
    return vectors @ (inverse[:, None] * (vectors.T @ moment))  # (2)
