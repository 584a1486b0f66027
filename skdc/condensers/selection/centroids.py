"""Centres of clusters, and the rows nearest to them."""

from __future__ import annotations

from typing import Literal

from skdc.discrepancies.transport import QuantizationError
from skdc.fitting.base import NamedCondenser
from skdc.fitting.recipe import Recipe
from skdc.parameterizations.points import Points
from skdc.parameterizations.subset import Subset
from skdc.solvers.lloyd import Lloyd
from skdc.solvers.selection.snap import Snap
from skdc.sources import Schema
from skdc.spaces.base import Space


class KMeansCondenser(NamedCondenser):
    """The k-means centroids of each class, or the rows nearest to them, with the masses of their clusters [1]_.

    Centroids minimise the squared 2-Wasserstein distance to the data among all sets with free masses. They are
    averages: of a column that is mostly zero, of whole numbers, categories or indicators they are like no row, which
    ruins decision trees, forests and boosting. Of a table take rows, as is the default for frames. Where the rows of a
    class times its centroids are more than 100 million they are found in pieces of near rows, as `Lloyd` says.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    max_iter : int, default=300
        Most iterations of Lloyd's algorithm.
    voting : {"auto", "centroid", "nearest"}, default="auto"
        Whether the set is made of the centroids, or of distinct real rows near them (imbalanced-learn's
        `ClusterCentroids` calls the two "soft" and "hard"). "auto" takes rows for frames of up to 100 columns and
        for continuous targets, and centroids for wider frames, arrays and images.
    space : Space, default=None
        Where rows are clustered: one that maps back to rows, such as `Standardized()`. None: the rows as they are,
        joined with continuous targets.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`; `sample_weight_` holds the cluster masses and, where rows are taken,
    `indices_` which.

    References
    ----------
    .. [1] Lloyd, "Least Squares Quantization in PCM", 1982; Arthur and Vassilvitskii, "k-means++", 2007.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import KMeansCondenser
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = KMeansCondenser(n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn.shape
    (6, 4)
    """

    max_iter: int = 300
    voting: Literal["auto", "centroid", "nearest"] = "auto"
    space: Space | None = None

    def recipe(self) -> Recipe:
        """Return the nouns; for `voting="auto"` those for arrays."""
        discrepancy, solver = QuantizationError(space=self.space), Lloyd(max_iter=self.max_iter)
        if self.voting in ("auto", "centroid"):
            return Recipe(discrepancy, Points(start="spread"), solver)
        if self.voting == "nearest":
            return Recipe(discrepancy, Subset(), Snap(solver))
        raise ValueError(f"KMeansCondenser(voting={self.voting!r}): voting must be 'auto', 'centroid' or 'nearest'")

    def recipe_for(self, recipe: Recipe, schema: Schema) -> Recipe:
        """Return the nouns; for `voting="auto"` rows where averages mislead."""
        if self.voting == "auto" and schema.averages_mislead:
            return Recipe(recipe.discrepancy, Subset(), Snap(recipe.solver))
        return recipe
