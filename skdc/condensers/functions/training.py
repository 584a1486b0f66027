"""Condensers that train networks on the set as it changes."""

from __future__ import annotations

from typing import Literal

from skdc.discrepancies.aligned import CrossEntropy
from skdc.fitting.base import NamedCondenser
from skdc.fitting.recipe import Recipe
from skdc.learners import RandomNetworks
from skdc.networks import Builder
from skdc.parameterizations.points import Points
from skdc.solvers.descent import Descent
from skdc.spaces.unrolled import UnrolledPredictions


class UnrolledTraining(NamedCondenser):
    """Dataset distillation (DD): networks trained on the set predict the data [1]_.

    The whole training is differentiated, or its last steps; its step size is learned. Published are 10 steps without
    momentum.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    network : callable, default=None
        Builder, as in `RandomNetworks`.
    n_train_steps : int, default=40
        Steps of the training, each on the whole set.
    n_backward : int, default=10
        Last steps through which gradients go; None takes all.
    momentum : float, default=0.9
        Of the training.
    labels : {"hard", "learned", "teacher"}, default="hard"
        As in `Points`.
    label_bits, top_labels : int, default=None
        Of soft labels, as in `Points`.
    step_size : float, default=0.05
        First step size, in units of the spread of the data.
    n_steps : int, default=200
        Steps in all.
    batch_size : int, default=500
        Real rows compared with in a step.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`; `step_size_` is the learned step size of the training.

    References
    ----------
    .. [1] Wang et al., "Dataset Distillation", 2018, algorithm 1.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import UnrolledTraining
    >>> X, y = load_iris(return_X_y=True)
    >>> condenser = UnrolledTraining(n_train_steps=5, n_backward=5, n_steps=10, n_per_class=2, random_state=0)
    >>> X_syn, y_syn = condenser.fit(X, y)
    >>> X_syn.shape
    (6, 4)
    """

    network: Builder | None = None
    n_train_steps: int = 40
    n_backward: int | None = 10
    momentum: float = 0.9
    labels: Literal["hard", "learned", "teacher"] = "hard"
    label_bits: int | None = None
    top_labels: int | None = None
    step_size: float = 0.05
    n_steps: int = 200
    batch_size: int = 500

    def recipe(self) -> Recipe:
        """Return the nouns."""
        networks = RandomNetworks(self.network)
        space = UnrolledPredictions(networks, self.n_train_steps, self.n_backward, self.momentum, first_step_size=0.02)
        points = Points(labels=self.labels, label_bits=self.label_bits, top_labels=self.top_labels)
        solver = Descent(step_size=self.step_size, n_steps=self.n_steps, batch_size=self.batch_size)
        return Recipe(CrossEntropy(space=space, by=None), points, solver)
