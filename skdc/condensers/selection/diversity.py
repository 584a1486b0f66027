"""Rows that are unlike each other, and worth having."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from skdc.discrepancies.diversity import Dispersion, GraphCut, LogDeterminant
from skdc.discrepancies.objective import Objective
from skdc.fitting.base import NamedCondenser
from skdc.fitting.recipe import Recipe
from skdc.learners.difficulty import Difficulty
from skdc.parameterizations.subset import Subset
from skdc.solvers.selection.greedy import Greedy
from skdc.solvers.selection.independent import IndependentSets
from skdc.spaces.base import Space


class MaxMinDiversification(NamedCondenser):
    """Max-min diversification with utility (GIST): real rows that are worth much, and of which no two are near [1]_.

    The utility is how hard rows are, or, by default, how many rows of their class are near. It is found by greedy
    independent set thresholding, within (1 - epsilon) / 2 of the best value of so many rows of a class. The default
    of `diversity` was chosen on held-out training rows. As training sets the rows are no better than random ones in the
    mean of four data sets, and few of them by margins are far worse: it is for sets in which no two rows may be alike.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    diversity : float, default=0.5
        Factor of the least distance, in units of that of rows chosen as the farthest (`KCenter`), beside the utility,
        in units of that of the best rows; positive.
    utility : Difficulty, default=None
        What a row is worth: `Margin()`, as in the paper, or another one of `skdc.learners`. None: the kernel density.
    epsilon : float, default=0.1
        Thresholds of the distance are so much of each other apart; less takes longer.
    space : Space, default=None
        As in `KCenter`.
    by : {"class", None}, default="class"
        Choose for each class by itself, or for all rows together, with the number of rows of each class that was asked
        for.
    reweight : discrepancy, default=None
        What the weights of the chosen rows are to make least, such as `MMD()`. None: equal weights.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`; `indices_` holds the chosen rows, which are good together only.

    References
    ----------
    .. [1] Fahrbach et al., "GIST: Greedy Independent Set Thresholding for Max-Min Diversification with Submodular
       Utility", 2025.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import MaxMinDiversification
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = MaxMinDiversification(n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn.shape
    (6, 4)
    """

    diversity: float = 0.5
    utility: Difficulty | None = None
    epsilon: float = 0.1
    space: Space | None = None
    by: Literal["class"] | None = "class"
    reweight: Objective | None = None

    def recipe(self) -> Recipe:
        """Return the nouns."""
        solver = IndependentSets(self.utility, self.epsilon, reweight=self.reweight)
        return Recipe(Dispersion(space=self.space, by=self.by, weight=self.diversity), Subset(), solver)


class GraphCutSelection(NamedCondenser):
    """Graph cut: real rows that are alike to those of their class, and not to each other [1]_.

    Each next row is the one that lowers the graph cut (Gaussian kernel) of the whole set most; then each may be
    exchanged for a better one.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    representation : float, default=0.8
        How much likeness to the data counts, as in `GraphCut`. With 1 the set is that of the least `MMD`; less
        spreads the rows. Chosen on held-out training rows of Adult, MAGIC, digits and MNIST.
    bandwidth : "median", float or sequence of float, default="median"
        Of the kernel, in the units of the space.
    n_passes : int, default=0
        Most passes of exchanges.
    space, by
        As in `KCenter`.
    reweight : discrepancy, default=None
        What the weights of the chosen rows are to make least, such as `MMD()`. None: equal weights.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`; `indices_` holds the chosen rows, which are chosen for a set of that
    size: those of a smaller one are others.

    References
    ----------
    .. [1] Iyer et al., "Submodular Combinatorial Information Measures with Applications in Machine Learning", 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import GraphCutSelection
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = GraphCutSelection(n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn.shape
    (6, 4)
    """

    representation: float = 0.8
    bandwidth: Literal["median"] | float | Sequence[float] = "median"
    n_passes: int = 0
    space: Space | None = None
    by: Literal["class", "group"] | None = "class"
    reweight: Objective | None = None

    def recipe(self) -> Recipe:
        """Return the nouns."""
        discrepancy = GraphCut(
            bandwidth=self.bandwidth, representation=self.representation, space=self.space, by=self.by
        )
        return Recipe(discrepancy, Subset(), Greedy(n_passes=self.n_passes, reweight=self.reweight))


class DeterminantalSelection(NamedCondenser):
    """Greedy mode of a determinantal point process (DPP): real rows that are unlike each other [1]_.

    Each next row is the one that makes the determinant of the kernel matrix of the rows of its class (Gaussian kernel)
    largest, which is the one farthest from the span of the others. Rows at the rim of the data come first, so that
    outliers do: learners did no better on ten a class of the digits than on random rows.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    bandwidth : "median", float or sequence of float, default="median"
        Of the kernel, in the units of the space.
    ridge : float, default=0.1
        As in `LogDeterminant`; rows that are more alike count as one.
    space : Space, default=None
        As in `KCenter`.
    by : {"class", None}, default="class"
        As in `MaxMinDiversification`.
    reweight : discrepancy, default=None
        What the weights of the chosen rows are to make least, such as `MMD()`. None: equal weights.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`; `indices_` holds the chosen rows, in the order of choice. `Pivots` draws
    rows with chances by the same distances, `RandomlyPivotedCholesky`, which is less taken by outliers.

    References
    ----------
    .. [1] Chen, Zhang and Zhou, "Fast Greedy MAP Inference for Determinantal Point Process to Improve Recommendation
       Diversity", 2018.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import DeterminantalSelection
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = DeterminantalSelection(n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn.shape
    (6, 4)
    """

    bandwidth: Literal["median"] | float | Sequence[float] = "median"
    ridge: float = 0.1
    space: Space | None = None
    by: Literal["class"] | None = "class"
    reweight: Objective | None = None

    def recipe(self) -> Recipe:
        """Return the nouns."""
        discrepancy = LogDeterminant(bandwidth=self.bandwidth, ridge=self.ridge, space=self.space, by=self.by)
        return Recipe(discrepancy, Subset(), Greedy(reweight=self.reweight))
