"""Condensers of the function regime: kernel ridge regression."""

from __future__ import annotations

from typing import Literal

from skdc.discrepancies.aligned import SquaredL2
from skdc.discrepancies.duality import DualityGap
from skdc.discrepancies.objective import Objective
from skdc.fitting.base import NamedCondenser
from skdc.fitting.recipe import Recipe
from skdc.kernels import Kernel
from skdc.parameterizations.points import Points
from skdc.parameterizations.storage import Storage
from skdc.solvers.descent import Descent
from skdc.spaces.functions import KernelRidgePredictions


class KernelInducingPoints(NamedCondenser):
    """Kernel inducing points (KIP): kernel ridge regression on the set predicts the data [1]_.

    The published settings are `KernelInducingPoints(kernel=NeuralTangent(), regularization=1e-6, step_size=0.04,
    batch_size=5000)`. The defaults here were chosen on held-out training rows of MNIST and Fashion-MNIST: a Gaussian
    kernel of which the bandwidth is learned too, smaller batches, and a larger step that decays.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    kernel : Kernel, default=None
        None takes `Gaussian(factor=0.3)`.
    labels : {"hard", "learned", "teacher"}, default="learned"
        As in `Points`.
    storage : Storage, default=None
        How points are kept, as in `Points`; `Quantized(4, Frequencies(49))` makes thirty of one image.
    label_bits, top_labels : int, default=None
        Bits of each number of soft labels, and of how many classes a point keeps them, as in `Points`.
    loss : {"squared", "cross_entropy", "hinge"}, default="squared"
        That of kernel ridge regression; or of a kernel machine for another loss by its duality gap (DGKIP) [2]_, of
        which the learned targets are the dual variables.
    regularization : float, default=0.01
        Ridge, in units of the mean of the kernel's diagonal.
    step_size : float, default=0.05
        First step size, in units of the spread of the data.
    n_steps : int, default=4000
        Steps in all; fewer where they would see each row more than 100 times.
    batch_size : int, default=500
        Real rows predicted in a step.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`; `learner_` is the fitted kernel-ridge classifier or regressor that the
    set is made for. Other learners gain less from learned labels: give them a set with `labels="hard"`.

    With learned labels the points may leave the range of the data (`Points(within=None)`), and come out as floats: that
    learner is 0.1 points better for it on MNIST, and 0.4 on Fashion-MNIST. With other labels, and in frames, nothing
    comes out that is outside of the range of the data.

    For a kernel of finitely many features, such as `RandomNetworkKernel`, `Condenser` with
    `SquaredL2(space=FeatureRidgePredictions(kernel), by=None)` and `Points(labels="learned")` does the same in a
    fraction of the time, and sees all rows in each step.

    References
    ----------
    .. [1] Nguyen, Chen and Lee, "Dataset Meta-Learning from Kernel Ridge-Regression", 2021, algorithm 1.
    .. [2] Aoyama et al., "Generalized Kernel Inducing Points by Duality Gap for Dataset Distillation", 2025.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import KernelInducingPoints
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = KernelInducingPoints(n_steps=50, n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn.shape
    (6, 4)
    """

    kernel: Kernel | None = None
    labels: Literal["hard", "learned", "teacher"] = "learned"
    storage: Storage | None = None
    label_bits: int | None = None
    top_labels: int | None = None
    loss: Literal["squared", "cross_entropy", "hinge"] = "squared"
    regularization: float = 0.01
    step_size: float = 0.05
    n_steps: int = 4000
    batch_size: int = 500

    def recipe(self) -> Recipe:
        """Return the nouns."""
        if self.loss == "squared":
            space = KernelRidgePredictions(kernel=self.kernel, regularization=self.regularization)
            discrepancy: Objective = SquaredL2(space=space, by=None)
        else:
            discrepancy = DualityGap(self.loss, self.kernel, self.regularization)
        solver = Descent(step_size=self.step_size, n_steps=self.n_steps, batch_size=self.batch_size, max_passes=100)
        within = None if self.labels == "learned" else "data"
        points = Points(
            self.storage, labels=self.labels, label_bits=self.label_bits, top_labels=self.top_labels, within=within
        )
        return Recipe(discrepancy, points, solver)
