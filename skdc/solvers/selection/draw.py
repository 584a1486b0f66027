"""Random choice of rows."""

from __future__ import annotations

from typing import Any

import torch

from skdc.solvers.selection.base import Choice, Selection
from skdc.solvers.selection.cells import Cell
from skdc.sources import Holds


class Draw(Selection):
    """Draw rows of each class at random, in proportion to their weights, without replacement.

    It minimises nothing, and takes no discrepancy.

    Parameters
    ----------
    reweight : discrepancy, default=None
        As in `Selection`.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.parameterizations import Subset
    >>> from skdc.solvers import Draw
    >>> condenser = Condenser(parameterization=Subset(), solver=Draw(), n_per_class=3)
    """

    minimizes = False
    sparse = True

    def weighs(self) -> bool:
        """Tell whether weights are solved for."""
        return self.reweight is not None

    def choose(self, objective: Any, cell: Cell, source: Holds, generator: torch.Generator) -> Choice:
        """Draw the rows."""
        return Choice(source.random_rows(cell.members, cell.size, generator).tolist())
