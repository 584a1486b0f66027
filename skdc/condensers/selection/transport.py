"""Points of equal mass to which the data are carried at least cost, and rows near them."""

from __future__ import annotations

from typing import Literal

from skdc.discrepancies.objective import Objective
from skdc.discrepancies.transport import Wasserstein
from skdc.fitting.base import NamedCondenser
from skdc.fitting.recipe import Recipe
from skdc.parameterizations.points import Points
from skdc.parameterizations.subset import Subset
from skdc.solvers.barycenter import Barycenter
from skdc.solvers.selection.snap import Snap
from skdc.sources import Schema
from skdc.spaces.base import Space


class WassersteinCoreset(NamedCondenser):
    """Wasserstein coreset: points of equal mass at the least 2-Wasserstein distance from their class [1]_.

    Found by exact transport, as the free-support barycenter of the class [2]_. The centroids of k-means are nearer
    with the masses of their clusters; these are for learners that take no weights. Real rows near them, `snap=True`,
    are farther from the data than the points themselves; but the points are averages, which of counts, categories and
    indicators are like no row, and which shrink the columns more than the continuous targets that go with them.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    snap : bool or "auto", default="auto"
        Whether to take distinct real rows near the points in their place. "auto" does so for frames of up to 100
        columns, for continuous targets, and where `reweight` is given.
    max_iter : int, default=100
        Most plans of transport of each class.
    space : Space, default=None
        Where distances are taken and rows averaged: one that maps back to rows, such as `Standardized()`. None: the
        rows as they are, joined with continuous targets.
    reweight : discrepancy, default=None
        What the weights of the chosen rows are to make least, such as `MMD()`; with `snap=True` only. None: equal
        weights.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`; where rows are taken, `indices_` holds which. `history_` holds the
    cost of each plan, the mean over the classes, before rows are taken. Of a class with more than 4096 rows as many
    are carried, drawn at random; `Barycenter(max_rows=...)` changes that.

    References
    ----------
    .. [1] Claici, Genevay and Solomon, "Wasserstein Measure Coresets", 2018.
    .. [2] Cuturi and Doucet, "Fast Computation of Wasserstein Barycenters", 2014, algorithm 2.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import WassersteinCoreset
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = WassersteinCoreset(n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn.shape
    (6, 4)
    """

    snap: bool | Literal["auto"] = "auto"
    max_iter: int = 100
    space: Space | None = None
    reweight: Objective | None = None

    def recipe(self) -> Recipe:
        """Return the nouns; for `snap="auto"` those for arrays. Only points that are rows can be weighed anew."""
        discrepancy, solver = Wasserstein(space=self.space), Barycenter(max_iter=self.max_iter)
        if self.snap is True or (self.snap == "auto" and self.reweight is not None):
            return Recipe(discrepancy, Subset(), Snap(solver, reweight=self.reweight))
        if self.snap is not False and self.snap != "auto":
            raise ValueError(f"WassersteinCoreset(snap={self.snap!r}): snap must be 'auto', True or False")
        if self.reweight is not None:
            raise ValueError(
                f"WassersteinCoreset(snap=False, reweight={self.reweight!r}): only rows are weighed anew, and the "
                "points are found for equal masses; use snap=True, or leave reweight out"
            )
        return Recipe(discrepancy, Points(start="spread"), solver)

    def recipe_for(self, recipe: Recipe, schema: Schema) -> Recipe:
        """Return the nouns; for `snap="auto"` rows where averages mislead."""
        if self.snap == "auto" and recipe.parameterization.moves == "values" and schema.averages_mislead:
            return Recipe(recipe.discrepancy, Subset(), Snap(recipe.solver))
        return recipe
