"""Condensers for ridge regression on features of networks."""

from __future__ import annotations

from typing import Literal

from skdc.discrepancies.aligned import CrossEntropy, SquaredL2
from skdc.fitting.base import NamedCondenser
from skdc.fitting.recipe import Recipe
from skdc.learners import OnlineNetworks, RandomNetworks
from skdc.networks import Builder
from skdc.parameterizations.points import Points
from skdc.solvers.descent import Descent
from skdc.spaces.linearized import LinearizedPredictions
from skdc.spaces.ridge import NetworkRidgePredictions


class FRePo(NamedCondenser):
    """Neural feature regression with pooling (FRePo): ridge regression on features of networks trained on the set [1]_.

    The networks of a pool are trained on the set as it changes, and replaced when they are old. Published are 500000
    steps of LAMB with 1024 rows, on 10 networks of up to 100 updates, with learned labels and a margin of them.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    network : callable, default=None
        Builder, as in `RandomNetworks`.
    labels : {"hard", "learned", "teacher"}, default="hard"
        As in `Points`.
    label_bits, top_labels : int, default=None
        Of soft labels, as in `Points`.
    n_networks : int, default=10
        Networks in the pool.
    max_updates : int, default=100
        Steps on the set after which a network is replaced.
    regularization : float, default=0.1
        Ridge, in units of the mean of the kernel's diagonal. The paper's is 1e-6; small networks want more.
    step_size : float, default=0.05
        First step size, in units of the spread of the data.
    n_steps : int, default=500
        Steps in all.
    batch_size : int, default=500
        Real rows compared with in a step.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`.

    References
    ----------
    .. [1] Zhou, Nezhadarya and Ba, "Dataset Distillation using Neural Feature Regression", 2022, algorithm 1.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import FRePo
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = FRePo(n_networks=2, n_steps=20, n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn.shape
    (6, 4)
    """

    network: Builder | None = None
    labels: Literal["hard", "learned", "teacher"] = "hard"
    label_bits: int | None = None
    top_labels: int | None = None
    n_networks: int = 10
    max_updates: int = 100
    regularization: float = 0.1
    step_size: float = 0.05
    n_steps: int = 500
    batch_size: int = 500

    def recipe(self) -> Recipe:
        """Return the nouns."""
        networks = OnlineNetworks(self.network, n_networks=self.n_networks, max_updates=self.max_updates)
        space = NetworkRidgePredictions(networks, self.regularization)
        solver = Descent(step_size=self.step_size, n_steps=self.n_steps, batch_size=self.batch_size)
        points = Points(labels=self.labels, label_bits=self.label_bits, top_labels=self.top_labels)
        return Recipe(SquaredL2(space=space, by=None), points, solver)


class RFAD(NamedCondenser):
    """Random feature approximation distillation (RFAD): ridge regression on random networks [1]_.

    Features of random networks approximate a neural-network Gaussian process. Predictions are compared by the
    cross-entropy of a softmax (Platt scaling), of which the paper learns the temperature. Published are 8 networks of
    4096 features drawn each step, on 5120 rows, until the accuracy on held-out rows stops growing.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    network : callable, default=None
        Builder, as in `RandomNetworks`.
    labels : {"hard", "learned", "teacher"}, default="hard"
        As in `Points`.
    label_bits, top_labels : int, default=None
        Of soft labels, as in `Points`.
    temperature : float, default=0.2
        What predictions are divided by in the softmax.
    regularization : float, default=0.1
        Ridge, in units of the mean of the kernel's diagonal. The paper's is 5e-3; small networks want more.
    step_size : float, default=0.05
        First step size, in units of the spread of the data.
    n_steps : int, default=500
        Steps in all.
    batch_size : int, default=500
        Real rows compared with in a step.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`.

    References
    ----------
    .. [1] Loo et al., "Efficient Dataset Distillation using Random Feature Approximation", 2022, algorithm 1.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import RFAD
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = RFAD(n_steps=20, n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn.shape
    (6, 4)
    """

    network: Builder | None = None
    labels: Literal["hard", "learned", "teacher"] = "hard"
    label_bits: int | None = None
    top_labels: int | None = None
    temperature: float = 0.2
    regularization: float = 0.1
    step_size: float = 0.05
    n_steps: int = 500
    batch_size: int = 500

    def recipe(self) -> Recipe:
        """Return the nouns."""
        space = NetworkRidgePredictions(RandomNetworks(self.network), self.regularization)
        solver = Descent(step_size=self.step_size, n_steps=self.n_steps, batch_size=self.batch_size)
        points = Points(labels=self.labels, label_bits=self.label_bits, top_labels=self.top_labels)
        return Recipe(CrossEntropy(self.temperature, space=space, by=None), points, solver)


class RCIG(NamedCondenser):
    """Convexified implicit gradients (RCIG): linearised networks that are trained on the set to the end [1]_.

    Published are 10000 steps with 30 networks of up to 100 updates, and 20 iterations for each solution; there the last
    layer is solved for by itself.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    network : callable, default=None
        Builder, as in `RandomNetworks`.
    labels : {"hard", "learned", "teacher"}, default="hard"
        As in `Points`.
    label_bits, top_labels : int, default=None
        Of soft labels, as in `Points`.
    n_networks : int, default=10
        Networks in the pool.
    max_updates : int, default=100
        Steps on the set after which a network is replaced.
    regularization : float, default=1e-2
        Ridge, in units of the mean of the kernel's diagonal.
    n_iterations : int, default=20
        Of conjugate gradients for each solution, and for its gradient.
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
    Fitted attributes are those of `Condenser`.

    References
    ----------
    .. [1] Loo et al., "Dataset Distillation with Convexified Implicit Gradients", 2023.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import RCIG
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = RCIG(n_networks=2, n_steps=10, n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn.shape
    (6, 4)
    """

    network: Builder | None = None
    labels: Literal["hard", "learned", "teacher"] = "hard"
    label_bits: int | None = None
    top_labels: int | None = None
    n_networks: int = 10
    max_updates: int = 100
    regularization: float = 1e-2
    n_iterations: int = 20
    step_size: float = 0.05
    n_steps: int = 200
    batch_size: int = 500

    def recipe(self) -> Recipe:
        """Return the nouns."""
        networks = OnlineNetworks(self.network, n_networks=self.n_networks, max_updates=self.max_updates)
        space = LinearizedPredictions(networks, self.regularization, self.n_iterations)
        solver = Descent(step_size=self.step_size, n_steps=self.n_steps, batch_size=self.batch_size)
        points = Points(labels=self.labels, label_bits=self.label_bits, top_labels=self.top_labels)
        return Recipe(SquaredL2(space=space, by=None), points, solver)
