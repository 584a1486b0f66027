"""Rows chosen by networks: by the gradients of their losses, or by how hard they are."""

from __future__ import annotations

from typing import Literal

from skdc.discrepancies.moments import MeanDistance
from skdc.discrepancies.objective import Objective
from skdc.fitting.base import NamedCondenser
from skdc.fitting.recipe import Recipe
from skdc.learners import NetworkPool, PretrainedNetworks, RandomNetworks
from skdc.learners.difficulty import Difficulty
from skdc.networks import Builder
from skdc.parameterizations.subset import Subset
from skdc.solvers.selection.pursuit import Pursuit
from skdc.solvers.selection.rank import Rank
from skdc.spaces.last_layer import LastLayerGradients


class GradMatch(NamedCondenser):
    """GRAD-MATCH: real rows, with weights, whose gradients sum to that of their class [1]_.

    The gradients are those in the last layer of a network, and the rows are found by orthogonal matching pursuit.

    The paper trains the network on the chosen rows, and chooses anew every some epochs. Here rows are chosen once, by a
    network as it is drawn, or after `n_train_steps` on the data. In trials on digits with 10 rows a class the first was
    better than random rows; networks that were trained for long chose the hard rows, which were no better.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    regularization : float, default=0.01
        Ridge of the weights, in units of the mean squared norm of the gradients of a class.
    network : callable, default=None
        Builder `network(input_shape, n_outputs) -> nn.Module`, with a linear layer at its end; None takes a ConvNet
        of width 32 for images of 16x16 or more, else an MLP with two hidden layers of 128.
    n_train_steps : int, default=0
        Steps for which the network is trained on the data, by Adam.
    by : {"class", "group", None}, default="class"
        As in `KCenter`.
    reweight : discrepancy, default=None
        What the weights of the chosen rows are to make least, such as `MMD()`. None: the weights of the pursuit.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`; `indices_` holds the chosen rows, in the order of choice, and
    `sample_weight_` their weights, some of which may be zero. Class by class the first rows are those of a set of fewer
    rows a class (`condensed_.shrink`), whose weights are others.

    References
    ----------
    .. [1] Killamsetty et al., "GRAD-MATCH: Gradient Matching based Data Subset Selection for Efficient Deep Model
       Training", 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import GradMatch
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = GradMatch(n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn.shape
    (6, 4)
    """

    regularization: float = 0.01
    network: Builder | None = None
    n_train_steps: int = 0
    by: Literal["class", "group"] | None = "class"
    reweight: Objective | None = None

    def recipe(self) -> Recipe:
        """Return the nouns."""
        pool: NetworkPool = RandomNetworks(self.network)
        if self.n_train_steps:
            pool = PretrainedNetworks(self.network, n_networks=1, n_stages=1, n_steps=self.n_train_steps)
        space = LastLayerGradients(pool)
        return Recipe(
            MeanDistance(space=space, by=self.by), Subset(), Pursuit(self.regularization, reweight=self.reweight)
        )


class UncertaintySubset(NamedCondenser):
    """The hardest rows of each class for networks that are trained on all of them, the easiest, or those between.

    The hardest ones are what [1]_ and [2]_ keep, of which half of the data may do as well as all. Few of them do worse
    than random rows, as [1]_ says: they lie at the borders of the classes, or are labelled wrongly. In trials on digits
    with 10 rows a class neither the hardest nor the easiest rows were better than random ones.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    difficulty : Difficulty, default=None
        `EL2N()`, `GraNd()`, `Margin()`, `LabelLoss()` or `Forgetting()` of `skdc.learners`; None takes the first.
    keep : {"hardest", "easiest", "middle"}, default="hardest"
        Which rows to keep; "middle": those nearest to the median of their class, in the order of the scores.
    reweight : discrepancy, default=None
        What the weights of the chosen rows are to make least, such as `MMD()`. None: equal weights.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`; `indices_` holds the chosen rows, in the order of difficulty: the
    first of each class are the set of fewer rows a class (`condensed_.shrink`).

    References
    ----------
    .. [1] Paul, Ganguli and Dziugaite, "Deep Learning on a Data Diet: Finding Important Examples Early in Training",
       2021, section 3.
    .. [2] Toneva et al., "An Empirical Study of Example Forgetting during Deep Neural Network Learning", 2019.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import UncertaintySubset
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = UncertaintySubset(n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn.shape
    (6, 4)
    """

    difficulty: Difficulty | None = None
    keep: Literal["hardest", "easiest", "middle"] = "hardest"
    reweight: Objective | None = None

    def recipe(self) -> Recipe:
        """Return the nouns."""
        return Recipe(None, Subset(), Rank(self.difficulty, self.keep, reweight=self.reweight))
