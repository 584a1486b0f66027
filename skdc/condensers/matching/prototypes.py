"""Points that nearest neighbours are to tell classes by."""

from __future__ import annotations

from skdc.condensers.selection.centroids import KMeansCondenser
from skdc.discrepancies.prototypes import PrototypeMargin
from skdc.fitting.base import NamedCondenser
from skdc.fitting.recipe import Recipe
from skdc.parameterizations.points import Points
from skdc.solvers.descent import Descent
from skdc.spaces.metric import LearnedMetric


class LearningVectorQuantization(NamedCondenser):
    """Generalized matrix learning vector quantization (GMLVQ): points and a metric for one nearest neighbour [1]_.

    The points of a class move towards its rows that are nearer to points of others, and these away from them, while the
    metric learns which features tell classes apart. `learner_` is one nearest neighbour by that metric, what the
    set is made for; `metric_` shows what features count. Nearest neighbours by other distances do worse on the points
    than `learner_`; for these learn no metric: `Condenser(PrototypeMargin(), Points(start=KMedoids()))`.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    rank : int, default=None
        Of the metric; None: as many as features.
    slope : float, default=10.0
        As in `PrototypeMargin`.
    step_size : float, default=0.02
        First step size, in units of the spread of the data; of the metric half of it.
    n_steps : int, default=600
        Steps.
    batch_size : int, default=512
        Real rows looked at in a step.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`, with `learner_` (not for images) and `metric_`, a matrix of shape
    (n_features, n_features). The paper starts at the means of classes, and takes one row in a step.

    References
    ----------
    .. [1] Schneider, Biehl and Hammer, "Adaptive Relevance Matrices in Learning Vector Quantization", 2009.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import LearningVectorQuantization
    >>> X, y = load_iris(return_X_y=True)
    >>> condenser = LearningVectorQuantization(1, n_steps=200, random_state=0).fit(X, y)
    >>> condenser.learner_.score(X, y) > 0.96
    True
    """

    rank: int | None = None
    slope: float = 10.0
    step_size: float = 0.02
    n_steps: int = 600
    batch_size: int = 512

    def recipe(self) -> Recipe:
        """Return the nouns."""
        space = LearnedMetric(self.rank, self.step_size / 2)
        solver = Descent(step_size=self.step_size, n_steps=self.n_steps, batch_size=self.batch_size)
        return Recipe(PrototypeMargin(self.slope, space=space), Points(start=KMeansCondenser(voting="nearest")), solver)
