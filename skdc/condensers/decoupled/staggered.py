"""Points in which a teacher sees the statistics of the data, and which enter in rounds."""

from __future__ import annotations

from typing import Any

from skdc.condensers.decoupled.statistics import Whose, statistics_matching
from skdc.condensers.selection.gradients import UncertaintySubset
from skdc.fitting.base import NamedCondenser
from skdc.fitting.recipe import Recipe
from skdc.learners import LabelLoss
from skdc.networks import Builder, batch_normed
from skdc.parameterizations.points import Points
from skdc.solvers.descent import Descent


class StaggeredMatching(NamedCondenser):
    """Diversity-driven early-late training (DELT): statistics matching of points that enter in rounds [1]_.

    As `StatisticsMatching`, of which points start at the rows of each class whose probability, as a network says, is
    nearest to the median, and start to move in rounds: those of the first move in all steps, and those of the last in
    few, so that they stay near to rows of the data and unlike the first.

    In the paper a round is 500 steps, of 4000 in all, and the points of a round are a batch, which has to have the
    statistics by itself. Here points that do not move yet are part of the set, which has them as a whole.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    network : callable, default=None
        Builder, as in `StatisticsMatching`; the network that tells probabilities is built by it, too.
    n_networks : int, default=1
        Of which one is seen in each step.
    n_train_steps : int, default=200
        Steps for which each is trained, by Adam.
    n_epochs : int, default=5
        Passes over the rows for which the network is trained that tells their probabilities.
    by : {"class", "group", None}, default="class"
        As in `StatisticsMatching`.
    classification_weight : float, default=1.0
        As in `StatisticsMatching`.
    n_rounds : int, default=5
        In which the points of a class enter, of which there are as many in each round as can be.
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
    .. [1] Shen et al., "DELT: A Simple Diversity-driven EarlyLate Training for Dataset Distillation", 2025.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skdc import StaggeredMatching
    >>> X, y = load_iris(return_X_y=True)
    >>> condenser = StaggeredMatching(n_train_steps=50, n_steps=20, teacher=GaussianNB(), n_per_class=2)
    >>> condenser.fit(X, y).y_soft_.shape
    (6, 3)
    """

    network: Builder | None = None
    n_networks: int = 1
    n_train_steps: int = 200
    n_epochs: int = 5
    by: Whose = "class"
    classification_weight: float = 1.0
    n_rounds: int = 5
    teacher: Any = None
    label_bits: int | None = None
    top_labels: int | None = None
    step_size: float = 0.05
    n_steps: int = 300

    def recipe(self) -> Recipe:
        """Return the nouns."""
        builder = batch_normed if self.network is None else self.network
        difficulty = LabelLoss(builder, n_networks=1, n_epochs=self.n_epochs)
        points = Points(
            start=UncertaintySubset(difficulty=difficulty, keep="middle"),
            labels="teacher",
            teacher=self.teacher,
            label_bits=self.label_bits,
            top_labels=self.top_labels,
        )
        given = self.network, self.n_networks, self.n_train_steps, self.by, self.classification_weight
        solver = Descent(step_size=self.step_size, n_steps=self.n_steps, batch_size=1, stagger=self.n_rounds)
        return Recipe(statistics_matching(*given), points, solver)
