"""Rows whose mean embedding is that of the data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from torch import Tensor

from skdc.discrepancies.mmd import MMD
from skdc.discrepancies.objective import Objective
from skdc.discrepancies.stein import KernelDensityScore, KernelStein, Score
from skdc.fitting.base import NamedCondenser
from skdc.fitting.recipe import Recipe
from skdc.parameterizations.subset import Subset
from skdc.solvers.selection.greedy import Greedy
from skdc.spaces.base import Space


class KernelHerding(NamedCondenser):
    """Kernel herding: real rows whose mean embedding is that of their class [1]_.

    Each next row is the one that makes the maximum mean discrepancy (Gaussian kernel) least. Then each may be exchanged
    for a better one, which the paper does not do: `n_passes=0` is the published method.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    bandwidth : "median", float or sequence of float, default="median"
        Of the kernel, in the units of the space.
    n_passes : int, default=2
        Most passes of exchanges.
    space, by
        As in `KCenter`.
    reweight : discrepancy, default=None
        What the weights of the chosen rows are to make least, such as `MMD()`. None: equal weights.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`; `indices_` holds the chosen rows. With `n_passes=0` they are in the
    order of choice, and class by class the first of them are the set of fewer rows a class (`condensed_.shrink`); rows
    that were exchanged are good together only.

    References
    ----------
    .. [1] Chen, Welling and Smola, "Super-Samples from Kernel Herding", 2010, eq. 8.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import KernelHerding
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = KernelHerding(n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn.shape
    (6, 4)
    """

    bandwidth: Literal["median"] | float | Sequence[float] = "median"
    n_passes: int = 2
    space: Space | None = None
    by: Literal["class", "group"] | None = "class"
    reweight: Objective | None = None

    def recipe(self) -> Recipe:
        """Return the nouns."""
        discrepancy = MMD(bandwidth=self.bandwidth, space=self.space, by=self.by)
        return Recipe(discrepancy, Subset(), Greedy(n_passes=self.n_passes, reweight=self.reweight))


class SteinThinning(NamedCondenser):
    """Stein thinning: real rows that fit a density of their class [1]_.

    Each next row is the one that makes the kernel Stein discrepancy least; then each may be exchanged for a better one,
    which the paper does not do: `n_passes=0` is the published method. The density is fitted to the rows, or given by
    its score.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    density : Score or callable, default=None
        By its score, as in `KernelStein`: `GaussianScore()`, `KernelDensityScore()` (also for None), `MixtureScore()`,
        or the gradient of a log-density.
    bandwidth : "median" or float, default="median"
        Of the inverse multiquadric kernel, in the units of the space.
    n_passes : int, default=2
        Most passes of exchanges.
    space, by
        As in `KCenter`.
    reweight : discrepancy, default=None
        What the weights of the chosen rows are to make least, such as `MMD()`. None: equal weights.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`; `indices_` holds the chosen rows. With `n_passes=0` they are in the
    order of choice, and class by class the first of them are the set of fewer rows a class (`condensed_.shrink`); rows
    that were exchanged are good together only.
    The set is as good as the density. One Gaussian is too coarse for digits: learners did worse on its rows than on
    random ones, where the kernel density did as well as `KernelHerding`, which needs none.

    References
    ----------
    .. [1] Riabiz et al., "Optimal Thinning of MCMC Output", 2022, algorithm 1.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import SteinThinning
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = SteinThinning(n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn.shape
    (6, 4)
    """

    density: Score | Callable[[Tensor], Tensor] | None = None
    bandwidth: Literal["median"] | float = "median"
    n_passes: int = 2
    space: Space | None = None
    by: Literal["class", "group"] | None = "class"
    reweight: Objective | None = None

    def recipe(self) -> Recipe:
        """Return the nouns."""
        score = KernelDensityScore() if self.density is None else self.density
        discrepancy = KernelStein(score, self.bandwidth, space=self.space, by=self.by)
        return Recipe(discrepancy, Subset(), Greedy(n_passes=self.n_passes, reweight=self.reweight))
