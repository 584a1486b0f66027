"""Points in which a teacher sees the statistics of the data."""

from __future__ import annotations

from typing import Any, Literal

from skdc.augmentation import Augmentation
from skdc.discrepancies.classification import NetworkLoss
from skdc.discrepancies.moments import StatisticsDistance
from skdc.discrepancies.objective import Objective
from skdc.fitting.base import NamedCondenser
from skdc.fitting.recipe import Recipe
from skdc.learners import PretrainedNetworks
from skdc.networks import Builder, batch_normed
from skdc.parameterizations.points import Points
from skdc.solvers.descent import Descent
from skdc.spaces.augmented import augmented
from skdc.spaces.statistics import LayerStatistics

Whose = Literal["class", "group"] | None


def statistics_matching(
    network: Builder | None,
    n_networks: int,
    n_train_steps: int,
    by: Whose,
    classification_weight: float,
    augmentation: Augmentation | None = None,
) -> Objective:
    """Return the distance of statistics and the loss of the classes, in the same networks."""
    builder = batch_normed if network is None else network
    pool = PretrainedNetworks(builder, n_networks, n_stages=1, n_steps=n_train_steps)
    space = augmented(LayerStatistics(pool), augmentation)
    discrepancy: Objective = StatisticsDistance(space=space, by=by)
    if classification_weight:
        discrepancy = discrepancy + classification_weight * NetworkLoss(space, of="classes")
    return discrepancy


class StatisticsMatching(NamedCondenser):
    """Squeeze, recover and relabel (SRe2L): points in whose layers a teacher sees the statistics of the data [1]_.

    Networks with batch norm are trained on the data (squeeze). Then points move until what is fed to the batch norms
    has the mean and the variance that it has over the data, and the networks recognise their classes (recover). In the
    end a teacher labels them (relabel).

    Published settings of images of 32x32: noise, 1000 steps of size 0.25 by Adam with beta (0.5, 0.9), a weight of
    0.01 of the statistics, of which the first layer counts ten times, of the whole set; and labels made anew in each
    batch of the training on the set, of images that are mixed and cropped, so that the teacher goes with the set. What
    differs here: points are moved together, so that they are to have the statistics as a set, and not each handful by
    itself; statistics are those of each class [2]_, from one pass over all rows, weights included, in place of running
    averages; the distances are roots of mean squares in units of the layer, so that no weight has to be tuned to the
    network; points start at rows; and each has one label, which is stored and counted. Several networks are seen in
    turn, as in [3]_; random crops that get smaller (CDA) are `augmentation=CropCurriculum()`.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    network : callable, default=None
        Builder, as in `RandomNetworks`. None takes a ConvNet of width 32 for images of 16x16 or more, else an MLP with
        two hidden layers of 128, both with batch norm. Of networks without it the inputs of layers are compared.
    n_networks : int, default=1
        Of which one is seen in each step.
    n_train_steps : int, default=200
        Steps for which each is trained, by Adam.
    by : {"class", "group", None}, default="class"
        Whose statistics are compared; None: those of all rows, as in the paper.
    classification_weight : float, default=1.0
        Weight of the loss of the networks at the points; 0 leaves it out.
    augmentation : Augmentation, default=None
        Change of images that points undergo before they are seen, such as `CropCurriculum()`; None is none.
    start : {"rows", "spread", "noise"} or condenser, default="rows"
        As in `Points`.
    teacher : estimator, default=None
        Of the labels, as in `Points`.
    label_bits, top_labels : int, default=None
        Of soft labels, as in `Points`.
    step_size : float, default=0.05
        First step size, in units of the spread of the data.
    n_steps : int, default=300
        Steps in all.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`. The teacher's labels are `y_soft_`; `y_syn_` are the classes that were
    asked for.

    References
    ----------
    .. [1] Yin, Xing and Shen, "Squeeze, Recover and Relabel: Dataset Condensation at ImageNet Scale From A New
       Perspective", 2023.
    .. [2] Xiao and He, "Are Large-scale Soft Labels Necessary for Large-scale Dataset Distillation?", 2024.
    .. [3] Shao et al., "Elucidating the Design Space of Dataset Condensation" (EDC), 2024.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skdc import StatisticsMatching
    >>> X, y = load_iris(return_X_y=True)
    >>> condenser = StatisticsMatching(n_train_steps=50, n_steps=20, teacher=GaussianNB(), n_per_class=2)
    >>> condenser.fit(X, y).y_soft_.shape
    (6, 3)
    """

    network: Builder | None = None
    n_networks: int = 1
    n_train_steps: int = 200
    by: Whose = "class"
    classification_weight: float = 1.0
    augmentation: Augmentation | None = None
    start: Any = "rows"
    teacher: Any = None
    label_bits: int | None = None
    top_labels: int | None = None
    step_size: float = 0.05
    n_steps: int = 300

    def recipe(self) -> Recipe:
        """Return the nouns."""
        given = self.network, self.n_networks, self.n_train_steps, self.by, self.classification_weight
        points = Points(
            start=self.start,
            labels="teacher",
            teacher=self.teacher,
            label_bits=self.label_bits,
            top_labels=self.top_labels,
        )
        # The data are in the statistics: of each step's batch nothing is used.
        solver = Descent(step_size=self.step_size, n_steps=self.n_steps, batch_size=1)
        return Recipe(statistics_matching(*given, self.augmentation), points, solver)
