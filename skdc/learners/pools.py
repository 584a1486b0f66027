"""Where spaces take their networks from: networks as they are drawn, trained on the data, or trained on the set."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import field
from itertools import islice
from typing import Any, Self

import torch
from torch import Tensor, nn

from skdc.fields import SharedParts
from skdc.learners.teachers import trained_network
from skdc.learners.training import refuse_divergence, train_step, training
from skdc.networks import Builder, build_network
from skdc.sets import LabeledSet
from skdc.sources import Draws, Holds, Source, require, require_targets
from skdc.step import Step


class NetworkPool(SharedParts, ABC):
    """A supply of networks, of which a space sees one at a time; subclasses write `fit` and `after_step`.

    Attributes
    ----------
    network_ : nn.Module
        The one that is seen; its parameters get no gradient.
    frozen_ : frozenset of str
        The names of parameters that the builder has frozen.
    """

    network_: nn.Module = field(init=False)
    frozen_ = frozenset[str]()

    @abstractmethod
    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Build the networks, and show one.

        Raises
        ------
        ValueError
            If a setting makes no sense, training diverges, or the data lack what it needs: two classes, say.
        """

    @abstractmethod
    def after_step(self, synthetic: LabeledSet, source: Holds, state: Step) -> None:
        """Show another network, after a step of the solver."""

    def _build(self, source: Source, generator: torch.Generator) -> nn.Module:
        like = torch.empty(0, dtype=source.dtype, device=source.device)
        schema = source.schema
        network = build_network(self.network, schema.input_shape, max(schema.n_outputs, 1), generator, like)
        self.frozen_ = frozenset(name for name, p in network.named_parameters() if not p.requires_grad)
        return network.requires_grad_(False)


class RandomNetworks(NetworkPool):
    """Networks as they are drawn, a new one each step [1]_.

    Parameters
    ----------
    network : callable, default=None
        Builder `network(input_shape, n_outputs) -> nn.Module`; None takes a ConvNet of width 32 for
        images of 16x16 or more, else an MLP with two hidden layers of 128.

    References
    ----------
    .. [1] Zhao and Bilen, "Dataset Condensation with Distribution Matching", 2023, eq. 4.

    Examples
    --------
    >>> from skdc.learners import RandomNetworks
    >>> from skdc.spaces import NetworkFeatures
    >>> NetworkFeatures(RandomNetworks())
    NetworkFeatures(networks=RandomNetworks())
    """

    network: Builder | None = None

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Draw the first network."""
        self.network_ = self._build(source, generator)
        return self

    def after_step(self, synthetic: LabeledSet, source: Holds, state: Step) -> None:
        """Draw a new network."""
        self.network_ = self._build(source, state.generator)


class TrainedNetworks(NetworkPool):
    """Networks that stay as they are, of which one is drawn each step."""

    networks_: list[nn.Module] = field(init=False)

    def after_step(self, synthetic: LabeledSet, source: Holds, state: Step) -> None:
        """Draw one of the networks."""
        self._draw(state.generator)

    def _draw(self, generator: torch.Generator) -> None:
        self.network_ = self.networks_[int(torch.randint(len(self.networks_), (), generator=generator))]


class PretrainedNetworks(TrainedNetworks):
    """Networks trained on the data beforehand, of which one is drawn each step, at any stage of its training [1]_.

    Parameters
    ----------
    network : callable, default=None
        Builder, as in `RandomNetworks`.
    n_networks : int, default=5
    n_stages : int, default=4
        At which each network is kept, at equal distances; the last is the end of its training.
    n_steps : int, default=200
        Steps of the training, by Adam.
    step_size : float, default=0.003
        Of the training.
    batch_size : int, default=256
        Real rows in a step of the training.

    References
    ----------
    .. [1] Zhao et al., "Improved Distribution Matching for Dataset Condensation", 2023, section 3.2.

    Examples
    --------
    >>> from skdc.discrepancies import MMD
    >>> from skdc.learners import PretrainedNetworks
    >>> from skdc.spaces import NetworkFeatures
    >>> MMD(space=NetworkFeatures(PretrainedNetworks(n_networks=3)))
    MMD(space=NetworkFeatures(networks=PretrainedNetworks(n_networks=3)))
    """

    network: Builder | None = None
    n_networks: int = 5
    n_stages: int = 4
    n_steps: int = 200
    step_size: float = 0.003
    batch_size: int = 256

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Train all networks."""
        require_targets(self, source)
        rows = require(self, source, Draws, "networks")
        if min(self.n_networks, self.n_stages, self.n_steps // max(self.n_stages, 1)) < 1:
            raise ValueError(f"{self!r}: n_networks, n_stages and the steps of a stage must be at least 1")
        self.networks_ = []
        for _ in range(self.n_networks):
            network = self._build(source, generator)
            steps = training(network, rows, self.step_size, self.batch_size, generator)
            for _ in range(self.n_stages):
                for _ in islice(steps, self.n_steps // self.n_stages):
                    pass
                self.networks_.append(copy.deepcopy(network).requires_grad_(False).eval())
        self._draw(generator)
        return self


class GivenNetworks(TrainedNetworks):
    """Trained networks of your own, of which one is drawn each step.

    Parameters
    ----------
    teachers : list of nn.Module or skorch estimator
        A module is taken to be trained, on rows in their own units. An estimator is fitted on the data, or comes
        fitted in scikit-learn's `FrozenEstimator`.

    Examples
    --------
    >>> from skdc.discrepancies import MMD
    >>> from skdc.learners import GivenNetworks, NetworkClassifier
    >>> from skdc.spaces import NetworkFeatures
    >>> MMD(space=NetworkFeatures(GivenNetworks([NetworkClassifier(max_epochs=10)])))
    MMD(space=NetworkFeatures(networks=GivenNetworks(teachers=[NetworkClassifier(max_epochs=10)])))
    """

    teachers: Sequence[Any]

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Train those that are estimators; refuse what is no network."""
        if not self.teachers:
            raise ValueError("GivenNetworks(teachers=[]) has no network; give at least one")
        self.networks_ = [trained_network(self, teacher, source, generator) for teacher in self.teachers]
        self._draw(generator)
        return self


class OnlineNetworks(NetworkPool):
    """Networks trained on the synthetic set as it changes, a step each time one has been seen [1]_.

    One that has taken `max_updates` steps is replaced by a fresh one; they are replaced at different times.

    Parameters
    ----------
    network : callable, default=None
        Builder, as in `RandomNetworks`.
    n_networks : int, default=10
    n_updates : int, default=1
        Steps on the synthetic set each time a network has been seen, by Adam.
    max_updates : int, default=100
        Steps after which a network is replaced.
    step_size : float, default=0.001
        Of these steps; the paper's is 0.0003.

    References
    ----------
    .. [1] Zhou, Nezhadarya and Ba, "Dataset Distillation using Neural Feature Regression", 2022, algorithm 1.

    Examples
    --------
    >>> from skdc.discrepancies import MeanDistance
    >>> from skdc.learners import OnlineNetworks
    >>> from skdc.spaces import NetworkFeatures
    >>> MeanDistance(space=NetworkFeatures(OnlineNetworks(max_updates=50)))
    MeanDistance(space=NetworkFeatures(networks=OnlineNetworks(max_updates=50)))
    """

    network: Builder | None = None
    n_networks: int = 10
    n_updates: int = 1
    max_updates: int = 100
    step_size: float = 0.001

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Build the networks."""
        require_targets(self, source)
        if min(self.n_networks, self.n_updates) < 1 or not self.step_size > 0:
            raise ValueError(f"{self!r}: numbers of networks and steps must be at least 1, and step_size positive")
        if self.max_updates < self.n_updates:
            raise ValueError(f"{self!r}: max_updates must be at least n_updates, or no network is ever trained")
        self.task_ = source.schema.task
        ages = (self.max_updates * i // self.n_networks for i in range(self.n_networks))
        self._trainees = [self._trainee(source, age, generator) for age in ages]
        self._draw(generator)
        return self

    def after_step(self, synthetic: LabeledSet, source: Holds, state: Step) -> None:
        """Train the network that was seen on the set, and draw another."""
        trainee = self._trainees[self._place]
        trainee.age += self.n_updates
        if trainee.age > self.max_updates:
            self._trainees[self._place] = self._trainee(source, 0, state.generator)
        else:
            for _ in range(self.n_updates):
                trainee.step(synthetic, self)
        self._draw(state.generator)

    def _trainee(self, source: Source, age: int, generator: torch.Generator) -> _Trainee:
        return _Trainee(self._build(source, generator), self.step_size, age)

    def _draw(self, generator: torch.Generator) -> None:
        self._place = int(torch.randint(self.n_networks, (), generator=generator))
        self.network_ = self._trainees[self._place].network


class _Trainee:
    """A network in training, and how many steps it has taken."""

    def __init__(self, network: nn.Module, step_size: float, age: int) -> None:
        self.network, self.age = network, age
        self.optimizer = torch.optim.Adam(network.parameters(), lr=step_size)
        self._loss: Tensor | None = None

    def step(self, rows: LabeledSet, pool: OnlineNetworks) -> None:
        """Train it by one step on all rows, for a pool that it is of."""
        loss = train_step(self.network, self.optimizer, rows, pool.task_)
        if self._loss is not None:
            refuse_divergence(pool, self._loss, loss)
        self._loss = loss
