"""Condensers that match the distributions of features."""

from __future__ import annotations

from skdc.discrepancies.classification import NetworkLoss
from skdc.discrepancies.mmd import MMD
from skdc.discrepancies.moments import MeanDistance, Moments
from skdc.discrepancies.objective import Objective
from skdc.discrepancies.transport import Sinkhorn, Wasserstein
from skdc.fitting.base import NamedCondenser
from skdc.fitting.recipe import Recipe
from skdc.learners import PretrainedNetworks
from skdc.networks import Builder
from skdc.parameterizations.points import Points
from skdc.parameterizations.storage import LowResolution
from skdc.solvers.descent import Descent
from skdc.spaces.features import NetworkFeatures, RandomNetwork


class ImprovedDistributionMatching(NamedCondenser):
    """Improved distribution matching (IDM): equal mean features in networks that are trained on the data [1]_.

    The points are to be recognised by these networks too. In the paper the pool of networks grows as the set is made,
    the loss at the points counts by the accuracy of the network, and four images are stored in one: give `factor=2`
    and four times the rows.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    network : callable, default=None
        Builder, as in `RandomNetworks`.
    n_networks : int, default=5
        Networks trained on the data beforehand, each kept at four stages.
    n_train_steps : int, default=200
        Steps for which each is trained, by Adam.
    classification_weight : float, default=0.1
        Weight of the loss of the networks at the points; 0 leaves it out.
    factor : int, default=1
        More than 1 stores images with sides that many times smaller, as in `LowResolution`.
    step_size : float, default=0.05
        First step size, in units of the spread of the data.
    n_steps : int, default=300
        Steps in all.
    batch_size : int, default=1024
        Real rows compared with in a step.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`.

    References
    ----------
    .. [1] Zhao et al., "Improved Distribution Matching for Dataset Condensation", 2023.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import ImprovedDistributionMatching
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = ImprovedDistributionMatching(n_networks=1, n_steps=20, n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn.shape
    (6, 4)
    """

    network: Builder | None = None
    n_networks: int = 5
    n_train_steps: int = 200
    classification_weight: float = 0.1
    factor: int = 1
    step_size: float = 0.05
    n_steps: int = 300
    batch_size: int = 1024

    def recipe(self) -> Recipe:
        """Return the nouns."""
        pool = PretrainedNetworks(self.network, self.n_networks, n_steps=self.n_train_steps)
        space = NetworkFeatures(pool)
        discrepancy: Objective = MeanDistance(space=space)
        if self.classification_weight:
            discrepancy = discrepancy + self.classification_weight * NetworkLoss(space)
        solver = Descent(step_size=self.step_size, n_steps=self.n_steps, batch_size=self.batch_size)
        points = Points() if self.factor == 1 else Points(LowResolution(self.factor))
        return Recipe(discrepancy, points, solver)


class M3D(NamedCondenser):
    """Minimised maximum mean discrepancy (M3D): equal distributions of features of trained networks [1]_.

    Where distribution matching compares the means of features, this compares their distributions, by a Gaussian
    kernel. Features have norm 1, so that one bandwidth, the median distance in the first network, serves all networks.
    The paper stores four images in one, and changes both sides alike.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    network : callable, default=None
        Builder, as in `RandomNetworks`.
    n_networks : int, default=5
        Networks trained on the data beforehand, each kept at four stages.
    n_train_steps : int, default=200
        Steps for which each is trained, by Adam.
    step_size : float, default=0.05
        First step size, in units of the spread of the data.
    n_steps : int, default=300
        Steps in all.
    batch_size : int, default=1024
        Real rows compared with in a step.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`.

    References
    ----------
    .. [1] Zhang et al., "M3D: Dataset Condensation by Minimizing Maximum Mean Discrepancy", 2024, eq. 6.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import M3D
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = M3D(n_networks=1, n_steps=20, n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn.shape
    (6, 4)
    """

    network: Builder | None = None
    n_networks: int = 5
    n_train_steps: int = 200
    step_size: float = 0.05
    n_steps: int = 300
    batch_size: int = 1024

    def recipe(self) -> Recipe:
        """Return the nouns."""
        pool = PretrainedNetworks(self.network, self.n_networks, n_steps=self.n_train_steps)
        space = NetworkFeatures(pool, normalize=True)
        solver = Descent(step_size=self.step_size, n_steps=self.n_steps, batch_size=self.batch_size)
        return Recipe(MMD(space=space), Points(), solver)


class OptimalTransportMatching(NamedCondenser):
    """Optimal transport matching: the least Sinkhorn divergence of features in random networks [1]_.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    network : callable, default=None
        Builder, as in `RandomNetworks`.
    step_size : float, default=0.05
        First step size, in units of the spread of the data.
    n_steps : int, default=300
        Steps in all.
    batch_size : int, default=1024
        Real rows compared with in a step.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`.

    References
    ----------
    .. [1] Feydy et al., "Interpolating between Optimal Transport and MMD using Sinkhorn Divergences", 2019, in place
       of the mean distance of Zhao and Bilen, "Dataset Condensation with Distribution Matching", 2023.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import OptimalTransportMatching
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = OptimalTransportMatching(n_steps=20, n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn.shape
    (6, 4)
    """

    network: Builder | None = None
    step_size: float = 0.05
    n_steps: int = 300
    batch_size: int = 1024

    def recipe(self) -> Recipe:
        """Return the nouns."""
        solver = Descent(step_size=self.step_size, n_steps=self.n_steps, batch_size=self.batch_size)
        return Recipe(Sinkhorn(space=RandomNetwork(network=self.network)), Points(), solver)


class WMDD(NamedCondenser):
    """Wasserstein metric-based distillation (WMDD): the Wasserstein barycenters of classes in trained networks [1]_.

    The paper finds the barycenter of each class first, as points and masses in the last hidden layer of one network,
    and then images whose features are near them, with the moments that batch norms have stored. Here images are moved
    to the least Wasserstein distance at once, all of one mass, and moments are compared with the data's: in all hidden
    layers of several networks at several stages of their training, which serves networks that are new.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    network : callable, default=None
        Builder, as in `RandomNetworks`.
    n_networks : int, default=5
        Networks trained on the data beforehand, each kept at four stages.
    n_train_steps : int, default=200
        Steps for which each is trained, by Adam.
    moment_weight : float, default=0.1
        Weight of the moments; 0 leaves them out.
    step_size : float, default=0.05
        First step size, in units of the spread of the data.
    n_steps : int, default=300
        Steps in all.
    batch_size : int, default=1024
        Real rows compared with in a step.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`.

    References
    ----------
    .. [1] Liu et al., "Dataset Distillation via the Wasserstein Metric", 2025, algorithm 1.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import WMDD
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = WMDD(n_networks=1, n_steps=20, n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn.shape
    (6, 4)
    """

    network: Builder | None = None
    n_networks: int = 5
    n_train_steps: int = 200
    moment_weight: float = 0.1
    step_size: float = 0.05
    n_steps: int = 300
    batch_size: int = 1024

    def recipe(self) -> Recipe:
        """Return the nouns."""
        pool = PretrainedNetworks(self.network, self.n_networks, n_steps=self.n_train_steps)
        space = NetworkFeatures(pool, layers="all")
        discrepancy: Objective = Wasserstein(space=space)
        if self.moment_weight:
            discrepancy = discrepancy + self.moment_weight * Moments(space=space)
        solver = Descent(step_size=self.step_size, n_steps=self.n_steps, batch_size=self.batch_size)
        return Recipe(discrepancy, Points(), solver)
