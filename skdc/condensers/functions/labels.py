"""Condensers that learn or borrow labels, and keep rows as they are."""

from __future__ import annotations

from typing import Any

from skdc.discrepancies.aligned import SquaredL2
from skdc.fitting.base import NamedCondenser
from skdc.fitting.recipe import Recipe
from skdc.kernels import Kernel
from skdc.learners import OnlineNetworks
from skdc.networks import Builder
from skdc.parameterizations.points import Points
from skdc.parameterizations.storage import Fixed
from skdc.parameterizations.subset import Subset
from skdc.solvers.descent import Descent
from skdc.solvers.least_squares import LeastSquares
from skdc.solvers.selection.draw import Draw
from skdc.spaces.functions import KernelRidgePredictions
from skdc.spaces.ridge import NetworkRidgePredictions


class LabelDistillation(NamedCondenser):
    """Label distillation (LD): real rows that stay, with learned targets [1]_.

    The targets are those of which ridge regression on features of networks, which are trained on the set, predicts the
    data best.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    network : callable, default=None
        Builder, as in `RandomNetworks`.
    label_bits, top_labels : int, default=None
        Of soft labels, as in `Points`.
    n_networks : int, default=10
        Networks in the pool.
    regularization : float, default=0.01
        Ridge, in units of the mean of the kernel's diagonal.
    step_size : float, default=0.05
        First step size, in units of the spread of the data.
    n_steps : int, default=300
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
    .. [1] Bohdal, Yang and Hospedales, "Flexible Dataset Distillation: Learn Labels Instead of Images", 2020,
       section 3.2.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import LabelDistillation
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = LabelDistillation(n_networks=2, n_steps=20, n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn.shape
    (6, 4)
    """

    network: Builder | None = None
    label_bits: int | None = None
    top_labels: int | None = None
    n_networks: int = 10
    regularization: float = 0.01
    step_size: float = 0.05
    n_steps: int = 300
    batch_size: int = 500

    def recipe(self) -> Recipe:
        """Return the nouns."""
        space = NetworkRidgePredictions(OnlineNetworks(self.network, n_networks=self.n_networks), self.regularization)
        solver = Descent(step_size=self.step_size, n_steps=self.n_steps, batch_size=self.batch_size)
        points = Points(Fixed(), labels="learned", label_bits=self.label_bits, top_labels=self.top_labels)
        return Recipe(SquaredL2(space=space, by=None), points, solver)


class LabelSolve(NamedCondenser):
    """Label solve (LS): real rows that stay, with the best targets for kernel ridge regression, in closed form [1]_.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    kernel : Kernel, default=None
        None takes `Gaussian(factor=0.3)`.
    label_bits, top_labels : int, default=None
        Of soft labels, as in `Points`; the best ones are rounded, or cut to few classes, once they are known.
    regularization : float, default=0.01
        Ridge, in units of the mean of the kernel's diagonal.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`; `learner_` is the fitted kernel-ridge classifier or regressor that the
    targets are made for.

    References
    ----------
    .. [1] Nguyen, Chen and Lee, "Dataset Meta-Learning from Kernel Ridge-Regression", 2021, section 3.1.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import LabelSolve
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = LabelSolve(n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn.shape
    (6, 4)
    """

    kernel: Kernel | None = None
    label_bits: int | None = None
    top_labels: int | None = None
    regularization: float = 0.01

    def recipe(self) -> Recipe:
        """Return the nouns."""
        space = KernelRidgePredictions(kernel=self.kernel, regularization=self.regularization)
        points = Points(Fixed(), labels="learned", label_bits=self.label_bits, top_labels=self.top_labels)
        return Recipe(SquaredL2(space=space, by=None), points, LeastSquares())


class SoftLabelRandom(NamedCondenser):
    """Random rows with the soft labels of a teacher [1]_: the baseline that many methods fail to beat.

    The default teacher is a network whose training stops early.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    teacher : estimator, default=None
        Classifier with `predict_proba`, which is fitted on the data, or comes fitted in scikit-learn's
        `FrozenEstimator`. None takes a network that stops early.
    label_bits, top_labels : int, default=None
        Of soft labels, as in `Points`.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`, and `indices_`. The teacher's labels are `y_soft_`, for the classes of
    which it tells rows held out better than the class shares do; `y_syn_` are those of the rows.

    References
    ----------
    .. [1] Qin, Deng and Alvarez-Melis, "A Label is Worth a Thousand Images in Dataset Distillation", 2024.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import SoftLabelRandom
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = SoftLabelRandom(n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn.shape
    (6, 4)
    """

    teacher: Any = None
    label_bits: int | None = None
    top_labels: int | None = None

    def recipe(self) -> Recipe:
        """Return the nouns."""
        chosen = Subset(labels="teacher", teacher=self.teacher, label_bits=self.label_bits, top_labels=self.top_labels)
        return Recipe(None, chosen, Draw())
