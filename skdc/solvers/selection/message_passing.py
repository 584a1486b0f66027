"""Hard rows that are no neighbours of each other."""

from __future__ import annotations

from heapq import heapify, heappop, heappush

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from skdc.solvers.selection.base import check_integers
from skdc.solvers.selection.cells import Cell
from skdc.solvers.selection.pruning import Pruning


class MessagePassing(Pruning):
    r"""D2 pruning (D2) [1]_: rows in hard regions, of which each makes its neighbours less wanted.

    Each row gets the scores of its nearest neighbours, of whatever class, added to its own, less the farther they are.
    Then the row of the highest score is taken, one after the other, and its own is taken off those of its neighbours:

    .. math:: s_i \leftarrow s_i + \sum_{j \in N(i)} e^{-\gamma d_{ij}^2} s_j, \qquad
              s_j \leftarrow s_j - e^{-\rho d_{kj}^2} s_k

    Distances are in units of the median one of neighbours, and scores from 0 for the easiest row to 1.

    Parameters
    ----------
    difficulty, cutoff
        As in `Pruning`.
    n_neighbors : int, default=20
    decay : float, default=1.0
        How fast the scores of neighbours fade, gamma.
    repulsion : float, default=0.1
        How fast what is taken off them fades, rho: 0 takes all off, much next to nothing.
    reweight : discrepancy, default=None
        As in `Selection`.

    Notes
    -----
    Neighbours are found by scikit-learn, among the rows that are left, once for each way that is tried.

    References
    ----------
    .. [1] Maharana, Yadav and Bansal, "D2 Pruning: Message Passing for Balancing Diversity and Difficulty in Data
       Pruning", 2024, eqs. 2 and 3, by distances as they are; here a row whose score has fallen below zero takes
       nothing off.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.parameterizations import Subset
    >>> from skdc.solvers import MessagePassing
    >>> condenser = Condenser(parameterization=Subset(), solver=MessagePassing(cutoff=0.2), n_samples=0.5)
    """

    n_neighbors: int = 20
    decay: float = 1.0
    repulsion: float = 0.1

    def check(self) -> None:
        """Refuse settings that make no sense."""
        super().check()
        check_integers(self, {"n_neighbors": 1})
        for name in ("decay", "repulsion"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ValueError(f"MessagePassing({name}={getattr(self, name)!r}): it must be a number of at least 0")

    def pick(self, cell: Cell, scores: NDArray[np.float64], generator: torch.Generator) -> NDArray[np.intp]:
        """Take the rows of the highest scores, whose neighbours lose by it."""
        neighbors, squares = neighborhood(cell, self.n_neighbors)
        span = np.ptp(scores)
        own = (scores - scores.min()) / span if span > 0 else np.ones_like(scores)
        value = own + (np.exp(-self.decay * squares) * own[neighbors]).sum(1)
        return np.array(taken_by_value(value, cell, neighbors, np.exp(-self.repulsion * squares)), dtype=np.intp)


def neighborhood(cell: Cell, n_neighbors: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the nearest rows to each row, and their squared distances, in units of the median."""
    X = cell.rows().X.flatten(1).cpu().numpy()
    k = min(n_neighbors, len(X) - 1)
    if not k:
        return np.zeros((len(X), 0), np.intp), np.zeros((len(X), 0))
    distances, neighbors = NearestNeighbors(n_neighbors=k).fit(X).kneighbors()
    squares = np.square(distances.astype(np.float64))
    unit = np.median(squares)
    return neighbors, squares / unit if unit > 0 else squares


def taken_by_value(
    value: NDArray[np.float64], cell: Cell, neighbors: NDArray[np.intp], loss: NDArray[np.float64]
) -> list[int]:
    """Return rows by value, of each class as many as are to be chosen, of which each takes some off its neighbours."""
    value, quotas, chosen = value.copy(), cell.quotas.copy(), list[int]()
    queue = [(-value[row], row) for row in range(len(value))]
    heapify(queue)
    taken = np.zeros(len(value), dtype=bool)
    while queue and quotas.any():
        highest, row = heappop(queue)
        if taken[row] or not quotas[cell.codes[row]]:
            continue
        if -highest != value[row]:  # it has lost since it was queued
            heappush(queue, (-value[row], row))
            continue
        taken[row] = True
        quotas[cell.codes[row]] -= 1
        chosen.append(row)
        # A value below nothing would add to the neighbours.
        np.subtract.at(value, neighbors[row], loss[row] * max(value[row], 0.0))
    return chosen
