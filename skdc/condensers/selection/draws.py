"""Rows drawn at random."""

from __future__ import annotations

from skdc.discrepancies.objective import Objective
from skdc.fitting.base import NamedCondenser
from skdc.fitting.recipe import Recipe
from skdc.parameterizations.subset import Subset
from skdc.solvers.selection.draw import Draw


class RandomSubset(NamedCondenser):
    """Random rows of each class: the baseline that any other condenser has to beat.

    Rows are drawn in proportion to their weights, without replacement.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    reweight : discrepancy, default=None
        What the weights of the drawn rows are to make least, such as `MMD()`. None: equal weights.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`; `indices_` holds the chosen rows, as they were drawn: the first
    of each class are the set of fewer rows a class (`condensed_.shrink`).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import RandomSubset
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = RandomSubset(n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn.shape
    (6, 4)
    """

    reweight: Objective | None = None

    def recipe(self) -> Recipe:
        """Return the nouns."""
        return Recipe(None, Subset(), Draw(reweight=self.reweight))
