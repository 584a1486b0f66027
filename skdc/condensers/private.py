"""Condensers that see private rows through noisy sums alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from skdc.discrepancies.aligned import Cosine, SquaredL2
from skdc.discrepancies.characteristic import RandomFeatureMMD
from skdc.fitting.base import NamedCondenser
from skdc.fitting.recipe import Recipe
from skdc.kernels import RandomFourierKernel
from skdc.learners import AlternatingNetworks
from skdc.networks import Builder
from skdc.parameterizations.points import Points
from skdc.privacy import GaussianMechanism
from skdc.solvers.descent import Descent
from skdc.spaces.functions import FeatureRidgePredictions
from skdc.spaces.gradients import ClippedGradients


class PrivateMeanEmbedding(NamedCondenser):
    """Points with the mean embedding of the data, which is released once with noise (DP-MERF) [1]_.

    [1]_ trains a generator on the release; here the points themselves are fitted to it.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    bandwidth : float or sequence of float
        Of the Gaussian kernel, in the units of the rows, as known without looking at them: about half of the usual
        distance between two rows. Several share the features. The default, "median", is refused: it tells of the rows.
    n_features : int, default=1000
        Random frequencies.
    step_size : float, default=0.05
        First step size, in units of the spread of the data, as released.
    n_steps : int, default=300
    privacy : GaussianMechanism, default=None
        The budget and the range of the rows; None is `GaussianMechanism()`, which asks for the range.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`, and `privacy_`, which says what was released. `ClassGaussians` makes
    better sets at the same epsilon, if classes are not far from Gaussian.

    References
    ----------
    .. [1] Harder, Adamczewski and Park, "DP-MERF: Differentially Private Mean Embeddings with Random Features for
       Practical Privacy-Preserving Data Generation", 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import PrivateMeanEmbedding
    >>> from skdc.privacy import GaussianMechanism
    >>> X, y = load_iris(return_X_y=True)
    >>> privacy = GaussianMechanism(epsilon=10.0, feature_range=(0, 8))
    >>> X_syn, y_syn = PrivateMeanEmbedding(bandwidth=1.5, privacy=privacy, n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn.shape
    (6, 4)
    """

    bandwidth: Literal["median"] | float | Sequence[float] = "median"
    n_features: int = 1000
    step_size: float = 0.05
    n_steps: int = 300
    privacy: GaussianMechanism | None = None

    def recipe(self) -> Recipe:
        """Return the nouns."""
        discrepancy = RandomFeatureMMD(self.bandwidth, self.n_features)
        solver = Descent(step_size=self.step_size, n_steps=self.n_steps)
        return Recipe(discrepancy, Points(start="noise"), solver, self.privacy or GaussianMechanism())


class PrivateGradientMatching(NamedCondenser):
    """Gradient matching with the gradients of some rows, each cut off, summed, with noise, in each step (PSG) [1]_.

    Most steps see no given row: set the `sampling_rate` of the mechanism to a small share, such as 256 rows in all.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    network : callable, default=None
        Builder `network(input_shape, n_outputs) -> nn.Module`; None as in `GradientMatching`.
    clip : float, default=0.1
        The norm at which the gradient of a row is cut off.
    n_matches : int, default=10
        Steps for which a network is kept.
    n_train_steps : int, default=10
        Steps for which it is trained on the set between two matches.
    step_size : float, default=0.05
        First step size, in units of the spread of the data, as released.
    n_steps : int, default=200
        Steps in all, each of which is a release; [1]_ takes 10,000 and more.
    privacy : GaussianMechanism, default=None
        The budget and the range of the rows; None is `GaussianMechanism()`, which asks for the range.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`, and `privacy_`, which says what was released. `ClassGaussians` makes
    better sets at the same epsilon, if classes are not far from Gaussian.

    References
    ----------
    .. [1] Chen, Kerkouche and Fritz, "Private Set Generation with Discriminative Information", 2022, algorithm 1.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import PrivateGradientMatching
    >>> from skdc.privacy import GaussianMechanism
    >>> X, y = load_iris(return_X_y=True)
    >>> privacy = GaussianMechanism(epsilon=10.0, feature_range=(0, 8), sampling_rate=0.2)
    >>> condenser = PrivateGradientMatching(n_steps=10, privacy=privacy, n_per_class=2, random_state=0)
    >>> condenser.fit(X, y).privacy_["n_releases"]
    10
    """

    network: Builder | None = None
    clip: float = 0.1
    n_matches: int = 10
    n_train_steps: int = 10
    step_size: float = 0.05
    n_steps: int = 200
    privacy: GaussianMechanism | None = None

    def recipe(self) -> Recipe:
        """Return the nouns."""
        networks = AlternatingNetworks(self.network, self.n_matches, self.n_train_steps)
        space = ClippedGradients(networks, self.clip)
        solver = Descent(step_size=self.step_size, n_steps=self.n_steps)
        return Recipe(Cosine(space=space, by=None), Points(start="noise"), solver, self.privacy or GaussianMechanism())


class PrivateKernelInducingPoints(NamedCondenser):
    """Points from which kernel ridge regression predicts private rows, by one noisy release (after DP-KIP) [1]_.

    For a kernel of finitely many features the loss depends on the rows through mean products of features and targets
    alone. These are released once, and the rest is free, where [1]_ adds noise to the gradient in each step, as
    `PrivateDescent` does.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    bandwidth : float or sequence of float
        Of the Gaussian kernel, in the units of the rows, as known without looking at them: about the usual distance
        between two rows. Several share the features. The default, "median", is refused: it tells of the rows.
    n_frequencies : int, default=250
        Random frequencies: more are nearer to the kernel, and have more noise.
    labels : {"hard", "learned"}, default="hard"
        Whether targets are classes, or learned with the points for kernel ridge regression.
    label_bits, top_labels : int, default=None
        Of soft labels, as in `Points`.
    regularization : float, default=0.01
        Ridge, in units of the mean of the kernel's diagonal.
    step_size : float, default=0.05
        First step size, in units of the spread of the data, as released.
    n_steps : int, default=1000
    privacy : GaussianMechanism, default=None
        The budget and the range of the rows; None is `GaussianMechanism()`, which asks for the range.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`, and `privacy_`, which says what was released. `ClassGaussians` makes
    better sets at the same epsilon, if classes are not far from Gaussian.

    References
    ----------
    .. [1] Vinaroz and Park, "Differentially Private Kernel Inducing Points using features from ScatterNets (DP-KIP-
       ScatterNet) for Privacy Preserving Data Distillation", 2023, algorithm 1.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import PrivateKernelInducingPoints
    >>> from skdc.privacy import GaussianMechanism
    >>> X, y = load_iris(return_X_y=True)
    >>> privacy = GaussianMechanism(epsilon=10.0, feature_range=(0, 8))
    >>> condenser = PrivateKernelInducingPoints(2, bandwidth=3.0, n_steps=50, privacy=privacy, random_state=0)
    >>> condenser.fit(X, y).X_syn_.shape
    (6, 4)
    """

    bandwidth: Literal["median"] | float | Sequence[float] = "median"
    n_frequencies: int = 250
    labels: Literal["hard", "learned"] = "hard"
    label_bits: int | None = None
    top_labels: int | None = None
    regularization: float = 0.01
    step_size: float = 0.05
    n_steps: int = 1000
    privacy: GaussianMechanism | None = None

    def recipe(self) -> Recipe:
        """Return the nouns."""
        kernel = RandomFourierKernel(self.bandwidth, self.n_frequencies)
        discrepancy = SquaredL2(space=FeatureRidgePredictions(kernel, self.regularization), by=None)
        solver = Descent(step_size=self.step_size, n_steps=self.n_steps)
        # What this learner learns from lies outside the range of the rows, as in `KernelInducingPoints`.
        points = Points(
            start="noise", labels=self.labels, label_bits=self.label_bits, top_labels=self.top_labels, within=None
        )
        return Recipe(discrepancy, points, solver, self.privacy or GaussianMechanism())
