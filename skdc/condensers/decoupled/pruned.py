"""Points in which a teacher sees the statistics of the data, with few soft labels in few bits."""

from __future__ import annotations

from typing import Any

from skdc.condensers.decoupled.statistics import statistics_matching
from skdc.fitting.base import NamedCondenser
from skdc.fitting.recipe import Recipe
from skdc.networks import Builder
from skdc.parameterizations.points import Points
from skdc.solvers.descent import Descent


class SoftLabelPruning(NamedCondenser):
    """Label pruning (LPLD): statistics matching by class, with soft labels of few classes in few bits [1]_.

    As `StatisticsMatching`, of whose points the soft labels are cut to those of the likeliest classes, and rounded;
    `storage_` and `n_bytes` count them so. The paper counts the labels of all batches of the training on the set, of
    which it keeps a random part. Here each point has one label, and what is left out of it are classes; and those that
    are left are the likeliest, not random ones.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    network : callable, default=None
        Builder, as in `StatisticsMatching`.
    n_networks : int, default=1
        Of which one is seen in each step.
    n_train_steps : int, default=200
        Steps for which each is trained, by Adam.
    classification_weight : float, default=1.0
        As in `StatisticsMatching`.
    teacher : estimator, default=None
        Of the labels, as in `Points`.
    label_bits : int, default=8
        Bits of each soft label, from 1 to 16; None keeps float64.
    top_labels : int, default=2
        Of how many classes a point keeps soft labels; None keeps those of all.
    step_size : float, default=0.05
        First step size, in units of the spread of the data.
    n_steps : int, default=300
        Steps in all.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`. What is left of the labels is `y_soft_`; `y_syn_` are the classes that
    were asked for. Random rows with pruned labels are `SoftLabelRandom(label_bits=8, top_labels=2)`.

    References
    ----------
    .. [1] Xiao and He, "Are Large-scale Soft Labels Necessary for Large-scale Dataset Distillation?", 2024.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skdc import SoftLabelPruning
    >>> X, y = load_iris(return_X_y=True)
    >>> condenser = SoftLabelPruning(n_train_steps=50, n_steps=20, teacher=GaussianNB(), n_per_class=2)
    >>> int((condenser.fit(X, y).y_soft_ > 0).sum(axis=1).max())
    2
    """

    network: Builder | None = None
    n_networks: int = 1
    n_train_steps: int = 200
    classification_weight: float = 1.0
    teacher: Any = None
    label_bits: int | None = 8
    top_labels: int | None = 2
    step_size: float = 0.05
    n_steps: int = 300

    def recipe(self) -> Recipe:
        """Return the nouns."""
        discrepancy = statistics_matching(
            self.network, self.n_networks, self.n_train_steps, "class", self.classification_weight
        )
        points = Points(labels="teacher", teacher=self.teacher, label_bits=self.label_bits, top_labels=self.top_labels)
        solver = Descent(step_size=self.step_size, n_steps=self.n_steps, batch_size=1)
        return Recipe(discrepancy, points, solver)
