"""The condenser for learners of many kinds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from sklearn.base import TransformerMixin

from skdc.condensers.base import NamedCondenser
from skdc.condensers.recipe import Recipe
from skdc.condensers.selection.kernels import GreedyKernelPoints
from skdc.discrepancies.aligned import CrossEntropy, SquaredL2
from skdc.kernels import Gaussian, Laplace
from skdc.learners import RandomNetworks
from skdc.networks import MLP, Builder, LinearNetwork
from skdc.parameterizations.edited import EditedRows
from skdc.solvers.descent import Descent
from skdc.spaces.functions import KernelRidgePredictions
from skdc.spaces.neighbors import NeighborPredictions
from skdc.spaces.unrolled import UnrolledPredictions


def _trained(network: Builder, n_steps: int, step_size: float) -> UnrolledPredictions:
    return UnrolledPredictions(RandomNetworks(network), n_steps, None, 0.9, step_size, step_size_rate=0.0)


class GeneralCondenser(NamedCondenser):
    """A set for learners of many kinds: linear models, kernel machines, neighbours, networks and trees.

    A set that is made for one learner is often poor for another. This one minimises the sum of what several learners
    that are trained on it make wrong on the data: kernel ridge regression with a Gaussian and with a Laplace kernel
    [1]_, logistic regression and a small network by steps of gradient descent [2]_, and soft nearest neighbours. It
    starts at rows that are good for a kernel machine by themselves, and edits only numbers that have to change by much,
    for the sake of trees. The weights of the terms were chosen on held-out training rows of MNIST and Fashion-MNIST.

    Parameters
    ----------
    threshold : float, default=1.0
        The least edit, in units of the spread of the data; 0 lets all points move freely.
    step_size : float, default=0.05
        First step size, in units of the spread of the data.
    n_steps : int, default=400
        Steps in all; fewer where they would see each row more than 50 times.
    batch_size : int, default=500
        Real rows predicted in a step.
    n_per_class, n_samples, task, encoder, device, random_state, n_jobs, verbose, warm_start
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`. Classes only.

    References
    ----------
    .. [1] Nguyen, Chen and Lee, "Dataset Meta-Learning from Kernel Ridge-Regression", 2021, eq. 7, for one kernel.
    .. [2] Wang et al., "Dataset Distillation", 2018, algorithm 1, for one network.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import GeneralCondenser
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = GeneralCondenser(n_steps=20, n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn.shape
    (6, 4)
    """

    def __init__(
        self,
        threshold: float = 1.0,
        step_size: float = 0.05,
        n_steps: int = 400,
        batch_size: int = 500,
        *,
        n_per_class: int | Mapping[Any, int] | None = None,
        n_samples: float | None = None,
        task: Literal["auto", "classification", "regression"] = "auto",
        encoder: TransformerMixin | Literal["auto"] | None = "auto",
        device: str = "auto",
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
        verbose: int = 0,
        warm_start: bool = False,
    ) -> None:
        super().__init__(
            n_per_class=n_per_class,
            n_samples=n_samples,
            task=task,
            encoder=encoder,
            device=device,
            random_state=random_state,
            n_jobs=n_jobs,
            verbose=verbose,
            warm_start=warm_start,
        )
        self.threshold = threshold
        self.step_size = step_size
        self.n_steps = n_steps
        self.batch_size = batch_size

    def recipe(self) -> Recipe:
        """Return the nouns."""
        gaussian, laplace = (
            0.5 * SquaredL2(space=KernelRidgePredictions(kernel, kernel_rate=0.0), by=None)
            for kernel in (Gaussian(), Laplace())
        )
        neighbors = 0.5 * CrossEntropy(space=NeighborPredictions(), by=None)
        logistic = CrossEntropy(space=_trained(LinearNetwork(), 30, 8.0), by=None)
        network = 0.5 * CrossEntropy(space=_trained(MLP(width=100, depth=1), 15, 0.1), by=None)
        discrepancy = gaussian + laplace + neighbors + logistic + network
        solver = Descent(step_size=self.step_size, n_steps=self.n_steps, batch_size=self.batch_size, max_passes=50)
        return Recipe(discrepancy, EditedRows(self.threshold, start=GreedyKernelPoints()), solver)
