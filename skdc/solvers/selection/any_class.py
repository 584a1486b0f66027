"""Rows of whatever class."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from skdc.exceptions import PartsError
from skdc.solvers.selection.base import Choice, Selection, check_integers, is_linear
from skdc.solvers.selection.cells import Cell
from skdc.solvers.selection.growth import Herding
from skdc.sources import Holds
from skdc.structures import Embedding


class AnyClass(Selection):
    """Add the row, of whatever class, that makes a distance of mean embeddings least; then exchange rows.

    As many rows are chosen in all as are asked for; the objective says how many of each class, one at least. Each row
    weighs the same, if no `reweight` is given. Weights of the data do not count: they are rows to choose from.

    Parameters
    ----------
    n_passes : int, default=0
        At most so many passes over the chosen rows, in which each may be exchanged for a better one.
    reweight : discrepancy, default=None
        As in `Selection`.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import QueryMMD
    >>> from skdc.parameterizations import Subset
    >>> from skdc.solvers import AnyClass
    >>> X, y = [[0.0], [1.0], [5.0], [5.1], [5.2], [9.0]], [0, 0, 0, 1, 1, 1]
    >>> condenser = Condenser(QueryMMD([[5.0], [5.2]]), Subset(), AnyClass(), n_samples=3).fit(X, y)
    >>> sorted(condenser.indices_.tolist())
    [2, 3, 4]
    """

    sparse = True

    n_passes: int = 0

    def finds_shares(self) -> bool:
        """Tell that it does."""
        return True

    def choose(self, objective: Any, cell: Cell, source: Holds, generator: torch.Generator) -> Choice:
        """Choose rows of all classes together; where one has none, again with a place for it."""
        check_integers(self, {"n_passes": 0})
        leaves = objective.leaves()
        if cell.c is not None or not is_linear(leaves) or not all(isinstance(leaf, Embedding) for leaf in leaves):
            raise PartsError(
                f"AnyClass chooses for a distance of mean embeddings of the set as a whole, not for {objective!r}; use "
                "MMD(by=None) or QueryMMD(query)"
            )
        counts = np.bincount(cell.codes, minlength=len(cell.quotas))
        even = replace(cell, weight=torch.ones_like(cell.weight), quotas=counts, total=cell.size)
        choice = self._chosen(leaves, even)
        while len(choice.rows) == cell.size and (quotas := _with_all(even, choice, counts)) is not None:
            choice = self._chosen(leaves, replace(even, quotas=quotas))
        return choice

    def _chosen(self, leaves: list[Any], cell: Cell) -> Choice:
        growth = Herding(cell, leaves)
        values = growth.fill()
        values += growth.passes(self.n_passes) if len(growth.chosen) == cell.size else []
        return Choice(growth.chosen, torch.ones(len(growth.chosen), device=cell.weight.device), values)


def _with_all(cell: Cell, choice: Choice, counts: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Return how many rows of each class are to be chosen so that each has one; None, if each has."""
    n_classes = len(counts)
    absent = (counts > 0) & (np.bincount(cell.codes[choice.rows], minlength=n_classes) == 0)
    if not absent.any():
        return None
    # The last ones that can be spared make room: no class loses its first.
    codes = cell.codes[choice.rows]
    quotas = np.bincount(codes, minlength=n_classes)
    for c in codes[::-1]:
        if quotas.sum() + absent.sum() <= cell.size:
            break
        quotas[c] -= quotas[c] > 1
    return quotas + absent
