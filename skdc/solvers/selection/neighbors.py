"""Choice of rows by what their neighbours predict: condensed and edited nearest neighbours."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.neighbors import NearestNeighbors

from skdc.exceptions import PartsError
from skdc.solvers.selection.base import Choice, Selection, check_integers
from skdc.solvers.selection.cells import Cell, ChoiceProgress
from skdc.sources import Holds


@dataclass(eq=False)
class Neighborhood:
    """Rows and what is to be predicted of them.

    Parameters
    ----------
    X : ndarray or sparse array of shape (n, d)
    y : ndarray of shape (n,) or (n, n_outputs)
        Codes of classes, or numbers.
    weight : ndarray of shape (n,)
    n_classes : int
        0 for numbers.
    """

    X: Any
    y: NDArray
    weight: NDArray[np.float64]
    n_classes: int

    @classmethod
    def of(cls, cell: Cell, source: Holds) -> Self:
        """Return those of a cell."""
        weight = cell.weight.double().cpu().numpy()
        if source.sparse:
            X: Any = source.X[cell.members]
        else:
            pieces = source.in_double().pieces(cell.members)  # rounding would change the order of neighbours
            X = np.concatenate([rows.X.flatten(1).cpu().numpy() for rows in pieces])
        if source.schema.task == "classification":
            return cls(X, cell.codes, weight, len(cell.quotas))
        return cls(X, source.targets(cell.members), weight, 0)

    def nearest(self, n_neighbors: int) -> NDArray[np.intp]:
        """Return the other rows that are nearest to each, from the nearest on."""
        n = min(n_neighbors, len(self.y) - 1)
        return NearestNeighbors(n_neighbors=n).fit(self.X).kneighbors(return_distance=False)

    def predicted(self, neighbors: NDArray[np.intp]) -> NDArray:
        """Return what neighbours predict, of shape (m, ...): shares of votes, or means; each row counts by its weight.

        Parameters
        ----------
        neighbors : ndarray of shape (m, k)
        """
        weight = self.weight[neighbors]
        share = weight / weight.sum(axis=1, keepdims=True)
        if not self.n_classes:
            return (share[..., None] * self.y[neighbors]).sum(axis=1)
        votes = np.zeros((len(neighbors), self.n_classes))
        rows = np.broadcast_to(np.arange(len(neighbors))[:, None], neighbors.shape)
        np.add.at(votes, (rows, self.y[neighbors]), share)
        return votes

    def spread(self, neighbors: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return how much numbers differ among the neighbours of each row, of shape (m,)."""
        return np.sqrt(self.y[neighbors].var(axis=1).sum(axis=1))

    def doubt(self, neighbors: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return how much each row is doubted by its neighbours, of shape (n,).

        Of a class it is the share of votes for the best other class less that for its own; of numbers the distance from
        the mean, in deviations of the neighbours.
        """
        said = self.predicted(neighbors)
        if self.n_classes:
            own = np.take_along_axis(said, self.y[:, None], axis=1)[:, 0]
            others = said.copy()
            np.put_along_axis(others, self.y[:, None], -1.0, axis=1)
            return others.max(axis=1) - own
        missed, spread = np.linalg.norm(said - self.y, axis=1), self.spread(neighbors)
        return np.divide(missed, spread, out=np.where(missed > 0, np.inf, 0.0), where=spread > 0)

    def distances(self, row: int) -> NDArray[np.float64]:
        """Return the squared distances of all rows to one, less the square of that one."""
        if issparse(self.X):
            return self._squares - 2 * (self.X @ self.X[[row]].T).toarray()[:, 0]
        return self._squares - 2 * self.X @ self.X[row]

    def __post_init__(self) -> None:
        X = self.X
        self._squares = np.asarray(X.multiply(X).sum(axis=1)).ravel() if issparse(X) else np.einsum("ij,ij->i", X, X)


class NeighborSelection(Selection):
    """A solver that chooses rows by what their neighbours predict; subclasses write `ranked`.

    It minimises nothing, and takes no discrepancy. Rows of all classes are looked at together.

    Parameters
    ----------
    sizes : {"found", "given"}, default="found"
        Whether as many rows are kept as the rule says, or as many as are asked for: those that it values most.
    n_neighbors : int, default=3
    tolerance : float, default=0.5
        Of numbers to be predicted: how far they may be from what is predicted, in deviations of those of the nearest
        rows. Classes have none.
    reweight : discrepancy, default=None
        As in `Selection`.
    """

    minimizes = False
    sparse = True

    sizes: Literal["found", "given"] = "found"
    n_neighbors: int = 3
    tolerance: float = 0.5

    def finds_size(self) -> bool:
        """Tell whether it does."""
        return self.sizes == "found"

    def weighs(self) -> bool:
        """Tell whether weights are solved for."""
        return self.reweight is not None

    def splits(self, objective: Any) -> bool:
        """Tell that neighbours are of all classes."""
        return False

    def refuse_many(self, rows: Neighborhood) -> None:
        """Refuse more neighbours than there are other rows."""
        if len(rows.y) <= self.n_neighbors:
            raise ValueError(
                f"{type(self).__name__}(n_neighbors={self.n_neighbors!r}): there are {len(rows.y)} sample(s); lower it"
            )

    @abstractmethod
    def ranked(
        self, rows: Neighborhood, random: np.random.Generator, progress: ChoiceProgress
    ) -> tuple[NDArray[np.intp], int]:
        """Return all rows in the order of their value, and how many of the first are to be kept.

        Parameters
        ----------
        rows : Neighborhood
        random : Generator
        progress : ChoiceProgress
            Is told how many rows are decided on, and says when to stop with those.
        """

    def choose(self, objective: Any, cell: Cell, source: Holds, generator: torch.Generator) -> Choice:
        """Rank the rows, and take the first: of each class as many as the rule says, and one at least, or its quota."""
        check_integers(self, {"n_neighbors": 1})
        name = type(self).__name__
        if self.sizes not in ("found", "given"):
            raise ValueError(f"{name}(sizes={self.sizes!r}): sizes must be 'found' or 'given'")
        if not 0 <= self.tolerance < np.inf:
            raise ValueError(f"{name}(tolerance={self.tolerance!r}): it must not be negative, nor infinite")
        if source.schema.task == "none":
            raise PartsError(f"{name} looks at what neighbours predict, but y is None; use Greedy()")
        random = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
        order, n_kept = self.ranked(Neighborhood.of(cell, source), random, cell.progress)
        is_kept = np.arange(len(order)) < n_kept if self.sizes == "found" else np.zeros(len(order), dtype=bool)
        for c, quota in enumerate(cell.quotas):
            of_class = np.flatnonzero(cell.codes[order] == c)
            least = min(1, int(quota)) if self.sizes == "found" else int(quota)
            is_kept[of_class[:least]] = True
        return Choice(order[is_kept].tolist())


class EditedNeighborhood(NeighborSelection):
    """Leave out the rows of which their neighbours predict another class (ENN) [1]_, or another number (RegENN) [2]_.

    What is left out are wrong labels, and rows among those of another class; most rows stay.

    Parameters
    ----------
    sizes : {"found", "given"}, default="found"
        As many rows as the rule says; or as many as are asked for, those that are doubted least.
    n_neighbors : int, default=3
    tolerance : float, default=3.0
        Of numbers, in deviations of those of the neighbours.
    reweight : discrepancy, default=None
        As in `Selection`.

    References
    ----------
    .. [1] Wilson, "Asymptotic Properties of Nearest Neighbor Rules Using Edited Data", 1972.
    .. [2] Kordos and Blachnik, "Instance Selection with Neural Networks for Regression Problems", 2012, algorithm 1.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.parameterizations import Subset
    >>> from skdc.solvers import EditedNeighborhood
    >>> condenser = Condenser(parameterization=Subset(), solver=EditedNeighborhood())
    """

    tolerance: float = 3.0

    def ranked(
        self, rows: Neighborhood, random: np.random.Generator, progress: ChoiceProgress
    ) -> tuple[NDArray[np.intp], int]:
        """Return rows by doubt, those that are doubted least first."""
        self.refuse_many(rows)
        doubt = rows.doubt(rows.nearest(self.n_neighbors))
        limit = 0.0 if rows.n_classes else self.tolerance
        # Of most rows no neighbour doubts the class: which of them come first is drawn, whatever their order means.
        order = random.permutation(len(rows.y))
        return order[np.argsort(doubt[order], kind="stable")], int((doubt <= limit).sum())


class CondensedNeighborhood(NeighborSelection):
    """Add rows of which the nearest of those chosen says another class (CNN) [1]_, or a far number (RegCNN) [2]_.

    It begins with a row of each class, or the first of a random order, in which rows are gone through until none is
    added: then the nearest of the rows that are chosen predicts all rows right, which keeps wrong labels, too.

    Parameters
    ----------
    sizes : {"found", "given"}, default="found"
        As many rows as the rule says; or as many as are asked for, the first that are added, and after them those
        farthest from rows of their class that were.
    n_neighbors : int, default=9
        Of numbers: rows whose deviation is the measure. Of classes it has no effect.
    tolerance : float, default=0.5
        Of numbers, in deviations of those of the nearest rows.
    reweight : discrepancy, default=None
        As in `Selection`.

    References
    ----------
    .. [1] Hart, "The Condensed Nearest Neighbor Rule", 1968.
    .. [2] Kordos and Blachnik, "Instance Selection with Neural Networks for Regression Problems", 2012, algorithm 2.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.parameterizations import Subset
    >>> from skdc.solvers import CondensedNeighborhood
    >>> condenser = Condenser(parameterization=Subset(), solver=CondensedNeighborhood())
    """

    n_neighbors: int = 9

    def ranked(
        self, rows: Neighborhood, random: np.random.Generator, progress: ChoiceProgress
    ) -> tuple[NDArray[np.intp], int]:
        """Return the rows that were added, in their order, and then the others."""
        n, order = len(rows.y), random.permutation(len(rows.y))
        limit = np.zeros(n)
        if not rows.n_classes:
            self.refuse_many(rows)
            limit = self.tolerance * rows.spread(rows.nearest(self.n_neighbors))
        nearest, distance = np.full(n, -1), np.full(n, np.inf)
        to_class, is_chosen = np.full(n, np.inf), np.zeros(n, dtype=bool)
        chosen: list[int] = []

        def add(row: int) -> None:
            chosen.append(row)
            is_chosen[row] = True
            to_row = rows.distances(row) + rows._squares[row]
            closer = to_row < distance
            nearest[closer], distance[closer] = row, to_row[closer]
            own = rows.y == rows.y[row] if rows.n_classes else slice(None)
            to_class[own] = np.minimum(to_class[own], to_row[own])

        def is_missed(row: int) -> bool:
            if rows.n_classes:
                return bool(rows.y[nearest[row]] != rows.y[row])
            return bool(np.linalg.norm(rows.y[nearest[row]] - rows.y[row]) > limit[row])

        firsts = order[np.unique(rows.y[order], return_index=True)[1]] if rows.n_classes else order[:1]
        for row in firsts.tolist():
            add(row)
        before = 0
        while before < len(chosen):
            before = len(chosen)
            for row in order.tolist():
                if not is_chosen[row] and is_missed(row) and not progress.stopped:
                    add(row)
                    progress(len(chosen))
        others = np.setdiff1d(order, chosen)
        others = others[np.argsort(-to_class[others], kind="stable")]
        return np.concatenate([np.array(chosen, dtype=np.intp), others]), len(chosen)
