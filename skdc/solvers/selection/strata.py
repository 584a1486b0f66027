"""Rows of all degrees of difficulty but the hardest."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from skdc.solvers.selection.base import check_integers
from skdc.solvers.selection.cells import Cell
from skdc.solvers.selection.pruning import Pruning


class Strata(Pruning):
    """Coverage-centric selection (CCS) [1]_: leave out the hardest rows, and take of each degree of difficulty as many.

    The hardest share of each class is left out. The scores of the others are cut into strata of equal width, from
    which rows are drawn at random: of each as many, but that of strata with fewer rows all are taken and the rest is
    shared out among the larger ones.

    Parameters
    ----------
    difficulty, cutoff
        As in `Pruning`.
    n_strata : int, default=50
    reweight : discrepancy, default=None
        As in `Selection`.

    References
    ----------
    .. [1] Zheng, Liu, Lai and Prakash, "Coverage-centric Coreset Selection for High Pruning Rates", 2023, algorithm 1;
       the cut-off is chosen there on the test data or by hand.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.parameterizations import Subset
    >>> from skdc.solvers import Strata
    >>> condenser = Condenser(parameterization=Subset(), solver=Strata(cutoff=0.2), n_samples=0.5)
    """

    n_strata: int = 50

    def check(self) -> None:
        """Refuse settings that make no sense."""
        super().check()
        check_integers(self, {"n_strata": 1})

    def pick(self, cell: Cell, scores: NDArray[np.float64], generator: torch.Generator) -> NDArray[np.intp]:
        """Draw rows of each class: of each stratum as many as may be."""
        chosen = []
        for c, quota in enumerate(cell.quotas):
            rows = np.flatnonzero(cell.codes == c)
            of_row = strata_of(scores[rows], self.n_strata)
            for stratum, size in enumerate(budgets(np.bincount(of_row, minlength=self.n_strata), int(quota))):
                if size:
                    chosen.append(cell.random(rows[of_row == stratum], int(size), generator))
        return np.concatenate(chosen)


def strata_of(scores: NDArray[np.float64], n_strata: int) -> NDArray[np.int64]:
    """Return the stratum of each score, of so many of equal width from the least to the largest."""
    if not len(scores) or scores.min() == scores.max():
        return np.zeros(len(scores), dtype=np.int64)
    place = (scores - scores.min()) / (scores.max() - scores.min())
    return np.minimum((place * n_strata).astype(np.int64), n_strata - 1)


def budgets(counts: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Return how many rows to take of each stratum: from the smallest on, an even share of what is left to take.

    Parameters
    ----------
    counts : ndarray of shape (n_strata,)
        The rows of each stratum; together at least `size`.
    size : int
    """
    taken = np.zeros_like(counts)
    order = [stratum for stratum in np.argsort(counts, kind="stable") if counts[stratum]]
    for i, stratum in enumerate(order):
        taken[stratum] = min(counts[stratum], (size - taken.sum()) // (len(order) - i))
    return taken
