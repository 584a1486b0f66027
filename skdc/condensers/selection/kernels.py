"""Rows that serve a kernel: they span the others, or a kernel ridge regression learns from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from skdc.discrepancies.aligned import SquaredL2
from skdc.discrepancies.nystrom import NystromError
from skdc.discrepancies.objective import Objective
from skdc.fitting.base import NamedCondenser
from skdc.fitting.recipe import Recipe
from skdc.kernels import Gaussian, Kernel
from skdc.parameterizations.subset import Subset
from skdc.solvers.selection.greedy import Greedy
from skdc.solvers.selection.pivots import Pivots
from skdc.spaces.base import Space
from skdc.spaces.functions import KernelRidgePredictions


class RandomlyPivotedCholesky(NamedCondenser):
    """Randomly pivoted Cholesky (RPCholesky): real rows that span their class in the space of a kernel [1]_.

    Each next row is drawn in proportion to its weight times its squared distance to the span of those chosen, for a
    Gaussian kernel. A good choice of landmarks for a Nystrom approximation; where `MMD` asks for the mean of a class
    only, `NystromError` asks for all of it.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    bandwidth : "median", float or sequence of float, default="median"
        Of the kernel, in the units of the space.
    space, by
        As in `KCenter`.
    reweight : discrepancy, default=None
        What the weights of the chosen rows are to make least; `MMD()` makes them a quadrature rule. None: equal
        weights.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`; `indices_` holds the chosen rows, `history_["loss"]` the trace error
    after each choice. Class by class the first of them were drawn as those of a smaller set are, so that they are as
    good as one (`condensed_.shrink`). More than 1024 rows of more than 8192 are chosen in pieces of near rows, as
    `Pivots` says. Other kernels: `Condenser(NystromError(Laplace()), Subset(), Pivots())`. The rows are landmarks for
    kernel methods, not a training set: learners did no better on ten a class of the digits than on random rows.

    References
    ----------
    .. [1] Chen, Epperly, Tropp and Webber, "Randomly Pivoted Cholesky: Practical Approximation of a Kernel Matrix with
       Few Entry Evaluations", 2025.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import RandomlyPivotedCholesky
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = RandomlyPivotedCholesky(n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn.shape
    (6, 4)
    """

    bandwidth: Literal["median"] | float | Sequence[float] = "median"
    space: Space | None = None
    by: Literal["class", "group"] | None = "class"
    reweight: Objective | None = None

    def recipe(self) -> Recipe:
        """Return the nouns."""
        discrepancy = NystromError(bandwidth=self.bandwidth, space=self.space, by=self.by)
        return Recipe(discrepancy, Subset(), Pivots(reweight=self.reweight))


class GreedyKernelPoints(NamedCondenser):
    """Greedy kernel points: real rows from which kernel ridge regression learns the others [1]_.

    Kernel inducing points [2]_ that are rows of the data: each next row is the one that most lowers the squared error,
    on all rows, of kernel ridge regression on the chosen ones; then each may be exchanged for a better one. Where there
    are more than 4096 rows, as many are drawn at random, to choose from and to measure the error on. More than 512 rows
    are chosen in pieces of near rows, as `Greedy` says. The defaults were chosen on held-out training rows of digits.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    kernel : Kernel, default=None
        None takes `Gaussian(factor=0.5)`. The ridge of kernels whose diagonal is not constant is in units of its mean
        over all rows.
    regularization : float, default=0.01
        Ridge, in units of the mean of the kernel's diagonal.
    n_passes : int, default=1
        Most passes of exchanges.
    reweight : discrepancy, default=None
        What the weights of the chosen rows are to make least, such as `MMD()`. None: equal weights.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`; `indices_` holds the chosen rows, `learner_` the fitted kernel-ridge
    classifier or regressor that they are chosen for, where they are no more than 4096. Rows are chosen for all classes
    together, and exchanged, so that the first of each class are no good set by themselves.

    References
    ----------
    .. [1] `GreedyKernelPoints` of the package coreax, https://coreax.readthedocs.io.
    .. [2] Nguyen, Chen and Lee, "Dataset Meta-Learning from Kernel Ridge-Regression", 2021, eq. 7.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import GreedyKernelPoints
    >>> X, y = load_iris(return_X_y=True)
    >>> condenser = GreedyKernelPoints(n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn, y_syn = condenser
    >>> X_syn.shape
    (6, 4)
    >>> round(condenser.learner_.score(X, y), 2)
    0.97
    """

    kernel: Kernel | None = None
    regularization: float = 0.01
    n_passes: int = 1
    reweight: Objective | None = None

    def recipe(self) -> Recipe:
        """Return the nouns."""
        kernel = Gaussian(factor=0.5) if self.kernel is None else self.kernel
        space = KernelRidgePredictions(kernel=kernel, regularization=self.regularization, kernel_rate=0.0)
        solver = Greedy(n_passes=self.n_passes, reweight=self.reweight)
        return Recipe(SquaredL2(space=space, by=None), Subset(), solver)
