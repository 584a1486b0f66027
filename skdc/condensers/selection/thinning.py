"""Rows that are left when the data are halved again and again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from skdc.discrepancies.mmd import MMD
from skdc.discrepancies.objective import Objective
from skdc.fitting.base import NamedCondenser
from skdc.fitting.recipe import Recipe
from skdc.parameterizations.subset import Subset
from skdc.solvers.selection.halving import Halving
from skdc.spaces.base import Space


class KernelThinning(NamedCondenser):
    """Kernel thinning (KT) [1]_ by Compress++ [2]_: the real rows left when their class is halved again and again.

    Each half has nearly the mean embedding of the whole (Gaussian kernel); at the end rows are exchanged for better
    ones. Where there are many rows the time is near linear in their number: `KernelHerding`, which comes nearer to the
    data, compares up to 65 536 rows with each other, this one `max_rows`. `KernelThinning(delta=0.5, n_passes=1)` has
    the settings of the papers; see `Halving` for what they cost.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    bandwidth : "median", float or sequence of float, default="median"
        Of the kernel, in the units of the space.
    oversampling : int, default=3
        How large the bins are in which the data are halved; each unit more makes that four times slower.
    delta : float, default=None
        Halve at random, such that the bound of the paper holds but for this probability. None: as well as possible.
    n_passes : int, default=2
        Most passes of exchanges.
    max_rows : int, default=32768
        Rows to which a class (or all, with `by=None`) is halved before the last halvings and the exchanges, at most.
        Fewer take less time, and the set is farther from the data.
    space, by
        As in `KCenter`.
    reweight : discrepancy, default=None
        What the weights of the chosen rows are to make least, such as `MMD()`. None: equal weights.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`; `indices_` holds the chosen rows. They are what is left, in no
    order of choice, and exchanged, so that the first of them are no good set by themselves: `KernelHerding(n_passes=0)`
    gives such.

    References
    ----------
    .. [1] Dwivedi and Mackey, "Kernel Thinning", 2024; "Generalized Kernel Thinning", 2022.
    .. [2] Shetty, Dwivedi and Mackey, "Distribution Compression in Near-Linear Time", 2022.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import KernelThinning
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = KernelThinning(n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn.shape
    (6, 4)
    """

    bandwidth: Literal["median"] | float | Sequence[float] = "median"
    oversampling: int = 3
    delta: float | None = None
    n_passes: int = 2
    max_rows: int = 32_768
    space: Space | None = None
    by: Literal["class", "group"] | None = "class"
    reweight: Objective | None = None

    def recipe(self) -> Recipe:
        """Return the nouns."""
        discrepancy = MMD(bandwidth=self.bandwidth, space=self.space, by=self.by)
        solver = Halving(self.oversampling, self.delta, self.n_passes, self.max_rows, reweight=self.reweight)
        return Recipe(discrepancy, Subset(), solver)
