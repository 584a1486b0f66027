"""Condensers that match what layers of networks show: attention, all layers, characteristic functions."""

from __future__ import annotations

from skdc.discrepancies.characteristic import CharacteristicFunction, LearnedCharacteristicFunction
from skdc.discrepancies.classification import CenterCrossEntropy
from skdc.discrepancies.moments import MeanDistance
from skdc.discrepancies.objective import Objective
from skdc.fitting.base import NamedCondenser
from skdc.fitting.recipe import Recipe
from skdc.learners import OnlineNetworks, PretrainedNetworks, RandomNetworks
from skdc.networks import Builder
from skdc.parameterizations.points import Points
from skdc.solvers.descent import Descent
from skdc.spaces.features import AttentionMaps, NetworkFeatures


class CAFE(NamedCondenser):
    """Condensation by aligning features (CAFE): equal mean features in all layers, and classes that stay apart [1]_.

    The networks are trained on the set as it changes. The real rows are also classified by the class means of the set.
    The paper has one network at a time, weighs the layers, and decides by thresholds how long each is trained.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    network : callable, default=None
        Builder, as in `RandomNetworks`.
    discrimination_weight : float, default=0.01
        Weight of the classification by class means; 0 leaves it out.
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
    .. [1] Wang et al., "CAFE: Learning to Condense Dataset by Aligning Features", 2022.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import CAFE
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = CAFE(n_steps=20, n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn.shape
    (6, 4)
    """

    network: Builder | None = None
    discrimination_weight: float = 0.01
    step_size: float = 0.05
    n_steps: int = 300
    batch_size: int = 1024

    def recipe(self) -> Recipe:
        """Return the nouns."""
        space = NetworkFeatures(OnlineNetworks(self.network), layers="all")
        discrepancy: Objective = MeanDistance(space=space)
        if self.discrimination_weight:
            discrepancy = discrepancy + self.discrimination_weight * CenterCrossEntropy(space=space)
        solver = Descent(step_size=self.step_size, n_steps=self.n_steps, batch_size=self.batch_size)
        return Recipe(discrepancy, Points(), solver)


class DataDAM(NamedCondenser):
    """Attention matching (DataDAM): equal mean attention maps in random convolutional networks [1]_.

    Images only. The published settings are 20000 steps of size 1 on 256 rows a class, with augmentation:
    `DataDAM(network=ConvNet(), feature_weight=0.01, n_steps=20_000, batch_size=2560)` with `SGD` in `Descent`.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    network : callable, default=None
        Builder `network(input_shape, n_outputs) -> nn.Module` of a network with convolutions; None takes a ConvNet of
        width 32, for images of 16x16 or more.
    power : float, default=4.0
        Of the activations in a map.
    feature_weight : float, default=0.01
        Weight of the mean distance of the last hidden layer.
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
    .. [1] Sajedi et al., "DataDAM: Efficient Dataset Distillation with Attention Matching", 2023, eq. 5.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdc import DataDAM
    >>> from skdc.networks import ConvNet
    >>> X, y = load_digits(return_X_y=True)
    >>> images = X.reshape(-1, 8, 8)
    >>> condenser = DataDAM(network=ConvNet(width=8), n_steps=5, n_per_class=1, random_state=0)
    >>> X_syn, y_syn = condenser.fit(images, y)
    >>> X_syn.shape
    (10, 8, 8)
    """

    network: Builder | None = None
    power: float = 4.0
    feature_weight: float = 0.01
    step_size: float = 0.05
    n_steps: int = 300
    batch_size: int = 1024

    def recipe(self) -> Recipe:
        """Return the nouns."""
        networks = RandomNetworks(self.network)
        discrepancy: Objective = MeanDistance(space=AttentionMaps(networks, self.power))
        if self.feature_weight:
            discrepancy = discrepancy + self.feature_weight * MeanDistance(space=NetworkFeatures(networks))
        solver = Descent(step_size=self.step_size, n_steps=self.n_steps, batch_size=self.batch_size)
        return Recipe(discrepancy, Points(), solver)


class NCFM(NamedCondenser):
    """Neural characteristic function matching (NCFM): equal characteristic functions of trained features [1]_.

    Features have norm 1. The published settings, which leave the sampler out for 10 rows a class too, are 20 networks
    of the standard kind, 4096 frequencies of bandwidth 1, and 20000 steps of AdamW on 1024 rows, four images stored in
    one.

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
    sampler : bool, default=False
        Whether frequencies are learned, where the sets differ most, as the min-max form of the paper has it; else they
        are Gaussian.
    n_frequencies : int, default=1024
        Frequencies at which the functions are compared.
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
    .. [1] Wang et al., "Dataset Distillation with Neural Characteristic Function: A Minmax Perspective", 2025.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import NCFM
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = NCFM(n_networks=1, n_steps=20, n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn.shape
    (6, 4)
    """

    network: Builder | None = None
    n_networks: int = 5
    n_train_steps: int = 200
    sampler: bool = False
    n_frequencies: int = 1024
    step_size: float = 0.05
    n_steps: int = 300
    batch_size: int = 1024

    def recipe(self) -> Recipe:
        """Return the nouns."""
        pool = PretrainedNetworks(self.network, self.n_networks, n_steps=self.n_train_steps)
        space = NetworkFeatures(pool, normalize=True)
        functions = LearnedCharacteristicFunction if self.sampler else CharacteristicFunction
        solver = Descent(step_size=self.step_size, n_steps=self.n_steps, batch_size=self.batch_size)
        return Recipe(functions(n_frequencies=self.n_frequencies, space=space), Points(), solver)
