"""Rows like those of a query."""

from __future__ import annotations

from typing import Any

from skdc.discrepancies.objective import Objective
from skdc.discrepancies.query import QueryMMD
from skdc.fitting.base import NamedCondenser
from skdc.fitting.recipe import Recipe
from skdc.kernels import Kernel
from skdc.parameterizations.subset import Subset
from skdc.solvers.selection.any_class import AnyClass
from skdc.spaces.base import Space


class QuerySelection(NamedCondenser):
    """Rows like those of a query: real rows, with their targets, whose mean embedding is that of a query [1]_.

    For covariate shift: the rows on which a model will be used are others than the data, and have no targets. Each next
    row is the one, of whatever class, that makes the maximum mean discrepancy from the query least (Laplace kernel);
    then each may be exchanged for a better one. Classes have the shares that they have among the rows of the data that
    are like the query, one row at least.

    Parameters
    ----------
    n_per_class : None
        Refused, since the query says how many rows of each class there are: `n_samples` is how many in all.
    query : array-like or frame of shape (n_query, ...)
        Rows of the columns of X, without targets; they go through the same encoder.
    kernel : Kernel, default=None
        As in `QueryMMD`: None is `Laplace()`.
    n_passes : int, default=2
        Most passes of exchanges.
    space : Space, default=None
        As in `KCenter`; the rows as they are, for None.
    reweight : discrepancy, default=None
        What the weights of the chosen rows are to make least, such as `QueryMMD(query)`. None: equal weights.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`; `indices_` holds the chosen rows. The rows of X are held as the space
    shows them, and each choice looks at all; their weights do not count. A copy of the query is made with each clone.

    References
    ----------
    .. [1] Chen, Welling and Smola, "Super-Samples from Kernel Herding", 2010, eq. 8, towards the mean embedding of
       other rows, as Huang et al., "Correcting Sample Selection Bias by Unlabeled Data", 2006, eq. 8, weigh all rows.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import QuerySelection
    >>> X, y = load_iris(return_X_y=True)
    >>> query = X[X[:, 2] > 4]  # long petals
    >>> X_syn, y_syn = QuerySelection(query=query, n_samples=12, random_state=0).fit(X, y)
    >>> X_syn[:, 2].mean() > X[:, 2].mean()
    np.True_
    """

    query: Any = None
    kernel: Kernel | None = None
    n_passes: int = 2
    space: Space | None = None
    reweight: Objective | None = None

    def recipe(self) -> Recipe:
        """Return the nouns."""
        discrepancy = QueryMMD(self.query, kernel=self.kernel, space=self.space)
        return Recipe(discrepancy, Subset(), AnyClass(self.n_passes, reweight=self.reweight))
