"""Rows that are kept or left out by what their neighbours predict."""

from __future__ import annotations

from typing import Any, Literal

from skdc.discrepancies.objective import Objective
from skdc.fitting.base import NamedCondenser
from skdc.fitting.recipe import Recipe
from skdc.parameterizations.subset import Subset
from skdc.solvers.selection.decremental import DecrementalNeighborhood
from skdc.solvers.selection.neighbors import CondensedNeighborhood, EditedNeighborhood


class EditedNeighbors(NamedCondenser):
    """Edited nearest neighbours (ENN) [1]_, of numbers (RegENN) [2]_: rows that their neighbours predict right.

    Wrong labels are left out, and rows among those of another class; most rows stay. As many are kept as that gives,
    or, where a size is asked for, random ones of those that are doubted least, which were no better than random rows of
    all on digits.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`; without any size as many are kept as the rule says, one of each class at least.
    n_neighbors : int, default=3
    tolerance : float, default=3.0
        Of numbers to be predicted: how far a row may be from the mean of its neighbours, in their deviations. The paper
        has 5.
    reweight : discrepancy, default=None
        What the weights of the chosen rows are to make least, such as `MMD()`. None: equal weights.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`; `indices_` holds the kept rows. Votes count by `sample_weight`. Rows may
    be sparse.

    References
    ----------
    .. [1] Wilson, "Asymptotic Properties of Nearest Neighbor Rules Using Edited Data", 1972.
    .. [2] Kordos and Blachnik, "Instance Selection with Neural Networks for Regression Problems", 2012, algorithm 1.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import EditedNeighbors
    >>> X, y = load_iris(return_X_y=True)
    >>> EditedNeighbors(random_state=0).fit(X, y).X_syn_.shape
    (144, 4)
    """

    n_neighbors: int = 3
    tolerance: float = 3.0
    reweight: Objective | None = None

    def recipe(self) -> Recipe:
        """Return the nouns."""
        solver = EditedNeighborhood(_sizes(self), self.n_neighbors, self.tolerance, reweight=self.reweight)
        return Recipe(None, Subset(), solver)


class CondensedNeighbors(NamedCondenser):
    """Condensed nearest neighbours (CNN) [1]_, of numbers (RegCNN) [2]_: rows that predict all others right.

    Rows are added of which the nearest one that was says another class, so that one nearest neighbour is right on all
    rows. That keeps wrong labels, and on classes that overlap a third of the rows, which predict new ones worse than
    all do; `EditedNeighbors` before, or `DecrementalReduction`, does better. Where a size is asked for, the first rows
    that are added are taken.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`; without any size as many are kept as the rule says, one of each class at least.
    tolerance : float, default=0.5
        Of numbers to be predicted: how far a row may be from the nearest one that was added, in deviations of the nine
        nearest rows.
    reweight : discrepancy, default=None
        As in `EditedNeighbors`.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`; `indices_` holds the kept rows. Rows may be sparse.

    References
    ----------
    .. [1] Hart, "The Condensed Nearest Neighbor Rule", 1968.
    .. [2] Kordos and Blachnik, "Instance Selection with Neural Networks for Regression Problems", 2012, algorithm 2.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from skdc import CondensedNeighbors
    >>> X, y = load_iris(return_X_y=True)
    >>> condenser = CondensedNeighbors(random_state=0).fit(X, y)
    >>> len(condenser.indices_) < 30, KNeighborsClassifier(1).fit(*condenser).score(X, y)
    (True, 1.0)
    """

    tolerance: float = 0.5
    reweight: Objective | None = None

    def recipe(self) -> Recipe:
        """Return the nouns."""
        solver = CondensedNeighborhood(_sizes(self), tolerance=self.tolerance, reweight=self.reweight)
        return Recipe(None, Subset(), solver)


class DecrementalReduction(NamedCondenser):
    """Decremental reduction (DROP3) [1]_, of numbers too [2]_: rows that predictions cannot do without.

    Wrong labels are left out first, as in `EditedNeighbors`, then rows from the farthest from other classes on, unless
    those that have them as neighbours are then predicted worse. Some ten percent of the rows remain, which lie at the
    borders of the classes. Where a size is asked for, the last rows that would be left out are taken.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`; without any size as many are kept as the rule says, one of each class at least.
    n_neighbors : int, default=3
    tolerance : float, default=3.0
        Of numbers to be predicted, for what is left out at first, as in `EditedNeighbors`.
    reweight : discrepancy, default=None
        As in `EditedNeighbors`.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`; `indices_` holds the kept rows. Votes count by `sample_weight`. Rows may
    be sparse.

    References
    ----------
    .. [1] Wilson and Martinez, "Reduction Techniques for Instance-Based Learning Algorithms", 2000, section 4.
    .. [2] Arnaiz-Gonzalez et al., "Instance Selection for Regression: Adapting DROP", 2016, section 3.1.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import DecrementalReduction
    >>> X, y = load_iris(return_X_y=True)
    >>> len(DecrementalReduction(random_state=0).fit(X, y).indices_) < 30
    True
    """

    n_neighbors: int = 3
    tolerance: float = 3.0
    reweight: Objective | None = None

    def recipe(self) -> Recipe:
        """Return the nouns."""
        solver = DecrementalNeighborhood(_sizes(self), self.n_neighbors, self.tolerance, reweight=self.reweight)
        return Recipe(None, Subset(), solver)


def _sizes(condenser: Any) -> Literal["found", "given"]:
    """Return whether a condenser is asked for a number of rows."""
    asked = condenser.n_per_class, condenser.n_samples, condenser.n_bytes
    return "found" if asked == (None, None, None) else "given"
