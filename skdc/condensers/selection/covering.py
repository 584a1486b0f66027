"""Rows that the others are near to."""

from __future__ import annotations

from typing import Literal

from skdc.discrepancies.objective import Objective
from skdc.discrepancies.transport import CoveringRadius, QuantizationError
from skdc.fitting.base import NamedCondenser
from skdc.fitting.recipe import Recipe
from skdc.parameterizations.subset import Subset
from skdc.solvers.selection.greedy import Greedy
from skdc.spaces.base import Space


class KCenter(NamedCondenser):
    """Greedy k-center: real rows from which no row of their class is far [1]_.

    Each next row is the farthest from those chosen. The radius of a class is then at most twice the least possible
    one. Rows far from all others are chosen first, so that outliers and mislabelled rows are: `outliers` passes them
    over, an objective of [2]_, whose algorithm is another.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    outliers : float, default=0.0
        Share of the mass of each class that need not be near.
    space : Space, default=None
        Where rows are compared: a pointwise one, such as `Standardized()` or `RandomNetwork()`. None: the rows as they
        are, joined with continuous targets.
    by : {"class", "group", None}, default="class"
        Choose for each class by itself; or so that each sensitive group of a class counts the same; or for all rows
        together, with the number of rows of each class that was asked for.
    reweight : discrepancy, default=None
        What the weights of the chosen rows are to make least, such as `MMD()`. None: the mass
        of the rows nearest to each.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`; `indices_` holds the chosen rows, in the order of choice: class by class
    the first of them are the set of fewer rows a class (`condensed_.shrink`).

    References
    ----------
    .. [1] Gonzalez, "Clustering to Minimize the Maximum Intercluster Distance", 1985, section 2.
    .. [2] Charikar et al., "Algorithms for Facility Location Problems with Outliers", 2001, section 3.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import KCenter
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = KCenter(n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn.shape
    (6, 4)
    """

    outliers: float = 0.0
    space: Space | None = None
    by: Literal["class", "group"] | None = "class"
    reweight: Objective | None = None

    def recipe(self) -> Recipe:
        """Return the nouns."""
        discrepancy = CoveringRadius(self.outliers, space=self.space, by=self.by)
        return Recipe(discrepancy, Subset(), Greedy(reweight=self.reweight))


class FacilityLocation(NamedCondenser):
    """Facility location: real rows to which the rows of their class are near on average [1]_.

    Each next row is the one that lowers the mean distance to the nearest chosen row most, which for the rows of a class
    is within a factor 1 - 1/e of the best gain. On the gradients of a network, `space=LastLayerGradients()`, this is
    CRAIG [2]_.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    space, by, reweight
        As in `KCenter`.
    max_rows : int, default=8192
        Most rows of a class (or of all, with `by=None`) that are compared with each other, for a time and memory (256
        MiB for 8,192 rows, which is held; of more, parts are computed again) that grow with their square; more are
        represented by as many random ones. To choose more than 256 of more than 8,192 rows, they are cut into pieces
        of near rows, as `Greedy` says, and 32 for each that is chosen are looked at, whatever this is.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`; `indices_` holds the chosen rows, in the order of choice: class by class
    the first of them are the set of fewer rows a class (`condensed_.shrink`).

    References
    ----------
    .. [1] Nemhauser, Wolsey and Fisher, "An Analysis of Approximations for Maximizing Submodular Set Functions", 1978.
    .. [2] Mirzasoleiman, Bilmes and Leskovec, "Coresets for Data-efficient Training of Machine Learning Models", 2020,
       algorithm 1.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import FacilityLocation
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = FacilityLocation(n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn.shape
    (6, 4)
    """

    space: Space | None = None
    by: Literal["class", "group"] | None = "class"
    reweight: Objective | None = None
    max_rows: int = 8192

    def recipe(self) -> Recipe:
        """Return the nouns."""
        discrepancy = QuantizationError(exponent=1, space=self.space, by=self.by)
        return Recipe(discrepancy, Subset(), Greedy(max_rows=self.max_rows, reweight=self.reweight))


class KMedoids(NamedCondenser):
    """k-medoids (PAM): real rows in the middle of the clusters of their class [1]_.

    They minimise the mean distance to the nearest chosen row: greedily, as `FacilityLocation` does, then by exchanging
    a chosen row for any other while that helps [2]_.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    n_passes : int, default=10
        Most passes of exchanges over all rows.
    space, by, reweight
        As in `KCenter`.
    max_rows : int, default=8192
        As in `FacilityLocation`.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`; `indices_` holds the chosen rows, class by class. They are exchanged for
    each other, so that the first of them are no good set by themselves; those of `FacilityLocation` are.

    References
    ----------
    .. [1] Kaufman and Rousseeuw, "Finding Groups in Data", 1990, chapter 2.
    .. [2] Schubert and Rousseeuw, "Fast and Eager k-Medoids Clustering", 2021, algorithm 3.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import KMedoids
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = KMedoids(n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn.shape
    (6, 4)
    """

    n_passes: int = 10
    space: Space | None = None
    by: Literal["class", "group"] | None = "class"
    reweight: Objective | None = None
    max_rows: int = 8192

    def recipe(self) -> Recipe:
        """Return the nouns."""
        discrepancy = QuantizationError(exponent=1, space=self.space, by=self.by)
        return Recipe(
            discrepancy, Subset(), Greedy(n_passes=self.n_passes, max_rows=self.max_rows, reweight=self.reweight)
        )
