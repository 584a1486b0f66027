"""Lloyd's algorithm: the k-means of each class."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from sklearn.cluster import KMeans
from torch import Tensor

from skdc.exceptions import PartsError
from skdc.hashes import row_hashes
from skdc.parameterizations.points import PointsSet
from skdc.solvers.base import LiveObjective, Solution, Solver, solution_of
from skdc.solvers.means import MeansState, check_class_means, class_block
from skdc.sources import Passes, Source, require
from skdc.structures import Quantization


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

    It starts from the points as the parameterization lays them, and gives each point the mass of its cluster.

    Parameters
    ----------
    max_iter : int, default=300
    tol : float, default=1e-4
        As in `KMeans`.

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

    def begin(
        self, objective: LiveObjective | None, synthetic: PointsSet, source: Source, generator: torch.Generator
    ) -> LloydState:
        """Return the points where they start; the space of the objective, the quantization error, must map back."""
        leaf = _quantization(objective)
        check_class_means(self, "clusters", leaf, synthetic)
        source = require(self, source, Passes, "the clusters")
        return LloydState.begin(leaf, synthetic, source, generator)

    def advance(self, state: LloydState) -> None:
        """Run k-means in a class."""
        start, source, c = state.start, state.source, state.classes[state.step]
        points = start.key == c
        block = class_block(source, state.objective.space_, c)
        values, mass = block.values.cpu().numpy(), block.weight.cpu().numpy()
        init = start.values[points].cpu().numpy()
        size, n_distinct = len(init), len(np.unique(row_hashes(values, 0)))
        if n_distinct < size:
            init = init[np.sort(np.unique(init, axis=0, return_index=True)[1])[:n_distinct]]
        kmeans = KMeans(len(init), init=init, n_init=1, max_iter=self.max_iter, tol=self.tol, copy_x=False)
        kmeans.fit(values, sample_weight=mass)
        # Points beyond the clusters that there can be share those, and their masses, in turn.
        cluster = np.resize(np.arange(len(init)), size)
        shares = np.bincount(kmeans.labels_, mass, len(init)) / np.bincount(cluster)
        centers, weight = source.tensor(kmeans.cluster_centers_[cluster]), source.tensor(shares[cluster])
        state.points[points], state.weight[points] = centers, weight
        state.inertia, state.n_iter = state.inertia + kmeans.inertia_, max(state.n_iter, kmeans.n_iter_)
        state.done(state.inertia)

    def finish(self, state: LloydState) -> Solution:
        """Return the centres; points of classes for which there was no time stay where they start."""
        state.move()
        state.synthetic.weight.copy_(state.weight / state.weight.mean())
        history = {"loss": np.array([state.inertia / state.source.class_mass().sum()])}
        return solution_of(state, state.n_iter, history)


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
