"""Random choice of rows."""

from __future__ import annotations

import torch

from skdc.parameterizations.base import LiveSet
from skdc.solvers.base import Objective, Progress, Solution, Solver, declared_attributes, detached
from skdc.source import Source


class Draw(Solver):
    """Draw rows of each class at random, in proportion to their weights, without replacement.

    It minimises nothing, and takes no discrepancy.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.parameterizations import Subset
    >>> from skdc.solvers import Draw
    >>> condenser = Condenser(parameterization=Subset(), solver=Draw(), n_per_class=3)
    """

    moves = "indices"
    minimizes = False

    def solve(
        self,
        objective: Objective | None,
        synthetic: LiveSet,
        source: Source,
        generator: torch.Generator,
        progress: Progress,
    ) -> Solution:
        """Draw the rows."""
        synthetic.indices = source.random_rows(synthetic.sizes, generator)
        attributes = declared_attributes(objective, synthetic, source)
        return Solution(detached(synthetic()), 1, attributes=attributes)
