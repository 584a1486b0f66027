"""Choice of rows that predictions by neighbours cannot do without: decremental reduction."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from skdc.solvers.selection.cells import ChoiceProgress
from skdc.solvers.selection.neighbors import Neighborhood, NeighborSelection

_ASK_EVERY = 256  # rows that are tried before it is asked whether to stop
_SPARE = 32  # neighbours that are known beside those that count, since some are left out


class DecrementalNeighborhood(NeighborSelection):
    """Leave out rows without which those that have them as neighbours are predicted as well (DROP3) [1]_ [2]_.

    First those are left out that their neighbours doubt (`EditedNeighborhood`). The others are gone through, from those
    that are farthest from other classes: what remains are rows at the borders of classes, few and with clean labels. Of
    numbers it is the squared error that must not grow, and those come first that are doubted least.

    Parameters
    ----------
    sizes : {"found", "given"}, default="found"
        As many rows as the rule says; or as many as are asked for, the last that would be left out.
    n_neighbors : int, default=3
    tolerance : float, default=3.0
        Of numbers, for what is left out at first.
    reweight : discrepancy, default=None
        As in `Selection`.

    References
    ----------
    .. [1] Wilson and Martinez, "Reduction Techniques for Instance-Based Learning Algorithms", 2000, section 4.
    .. [2] Arnaiz-Gonzalez et al., "Instance Selection for Regression: Adapting DROP", 2016, section 3.1, by errors.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.parameterizations import Subset
    >>> from skdc.solvers import DecrementalNeighborhood
    >>> condenser = Condenser(parameterization=Subset(), solver=DecrementalNeighborhood())
    """

    tolerance: float = 3.0

    def ranked(
        self, rows: Neighborhood, random: np.random.Generator, progress: ChoiceProgress
    ) -> tuple[NDArray[np.intp], int]:
        """Return the rows that stay, and then the others, the last that was left out first."""
        self.refuse_many(rows)
        known = rows.nearest(self.n_neighbors + 1 + _SPARE)
        doubt = rows.doubt(known[:, : self.n_neighbors])
        limit = 0.0 if rows.n_classes else self.tolerance
        edited = np.flatnonzero(doubt > limit)
        stays = doubt <= limit
        if rows.n_classes:
            for c in np.unique(rows.y):  # no class is lost
                own = np.flatnonzero(rows.y == c)
                stays[own[doubt[own].argmin()]] = True
            edited = np.flatnonzero(~stays)
        lists = _Lists(rows, known, stays, self.n_neighbors + 1)
        order = np.flatnonzero(stays)
        order = order[np.argsort(-_to_enemy(rows, order) if rows.n_classes else doubt[order], kind="stable")]
        left_out, gains = edited[np.argsort(-doubt[edited], kind="stable")].tolist(), np.zeros(len(rows.y))
        counts = np.bincount(rows.y[stays], minlength=rows.n_classes) if rows.n_classes else np.array([stays.sum()])
        for i, row in enumerate(order.tolist()):
            if i % _ASK_EVERY == 0 and progress(i):
                break
            gains[row] = lists.gain(row)
            place = rows.y[row] if rows.n_classes else 0
            if gains[row] <= 0 and counts[place] > 1:
                counts[place] -= 1
                lists.leave_out(row)
                left_out.append(row)
        kept = np.flatnonzero(lists.stays)
        kept = kept[np.argsort(-gains[kept], kind="stable")]
        return np.concatenate([kept, np.array(left_out[::-1], dtype=np.intp)]), len(kept)


def _to_enemy(rows: Neighborhood, some: NDArray[np.intp]) -> NDArray[np.float32]:
    """Return how far some rows are from the nearest of them of another class."""
    distance = np.full(len(some), np.inf)
    for c in np.unique(rows.y[some]):
        own = rows.y[some] == c
        if not own.all():
            enemies = NearestNeighbors(n_neighbors=1).fit(rows.X[some[~own]])
            distance[own] = enemies.kneighbors(rows.X[some[own]])[0][:, 0]
    return distance.astype(np.float32)  # two rows may be nearest to each other: rounding is not to order them


class _Lists:
    """The neighbours of each row among those that stay, and of which rows each of these is a neighbour.

    Parameters
    ----------
    rows : Neighborhood
    known : ndarray of shape (n, m)
        The nearest rows of each.
    stays : ndarray of shape (n,)
    size : int
        Neighbours in a list: one more than count, for the case that one is left out.
    """

    def __init__(self, rows: Neighborhood, known: NDArray[np.intp], stays: NDArray[np.bool_], size: int) -> None:
        self._rows, self._known, self.stays, self._size = rows, known.copy(), stays, size
        self._codes, self._weight = rows.y.tolist(), rows.weight.tolist()
        self._lists: list[list[int]] = [[] for _ in known]
        self._of: list[set[int]] = [set() for _ in known]
        for row in np.flatnonzero(stays).tolist():
            self._fill(row)

    def _fill(self, row: int) -> None:
        some = self._known[row]
        found = some[self.stays[some] & (some != row)][: self._size].tolist()
        if len(found) < self._size:  # what is known is used up: as many are looked for among those that stay
            distance = self._rows.distances(row)
            distance[row], distance[~self.stays] = np.inf, np.inf
            n_known = min(self._known.shape[1], int(np.isfinite(distance).sum()))
            nearest = np.argpartition(distance, n_known - 1)[:n_known] if n_known else np.empty(0, dtype=np.intp)
            nearest = nearest[np.argsort(distance[nearest], kind="stable")]
            self._known[row, : len(nearest)], self._known[row, len(nearest) :] = nearest, row
            found = nearest[: self._size].tolist()
        self._lists[row] = found
        for other in found:
            self._of[other].add(row)

    def gain(self, row: int) -> float:
        """Return how much better those are predicted that have a row as a neighbour than they would be without it."""
        total = 0.0
        for other in self._of[row]:
            neighbors = self._lists[other]
            change = self._loss(other, [i for i in neighbors if i != row]) - self._loss(other, neighbors)
            total += self._weight[other] * change
        return total

    def _loss(self, row: int, neighbors: list[int]) -> float:
        neighbors = neighbors[: self._size - 1]
        if not neighbors:
            return 0.0
        if not self._rows.n_classes:
            said = self._rows.predicted(np.array([neighbors]))[0]
            return float(np.square(said - self._rows.y[row]).sum())
        votes: dict[int, float] = {}  # of so few, faster than arrays
        for i in neighbors:
            votes[self._codes[i]] = votes.get(self._codes[i], 0.0) + self._weight[i]
        # In a tie a row keeps its class, as where it is edited: which class comes first says nothing.
        return float(votes.get(self._codes[row], 0.0) < (1 - 1e-12) * max(votes.values()))

    def leave_out(self, row: int) -> None:
        """Leave a row out; rows that are left out still count among those that are to be predicted."""
        self.stays[row] = False
        for other in list(self._of[row]):
            for neighbor in self._lists[other]:
                self._of[neighbor].discard(other)
            self._fill(other)
        self._of[row] = set()
