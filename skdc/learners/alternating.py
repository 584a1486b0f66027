"""Pools of one network at a time, which is trained between the steps of the solver that it serves."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import replace
from itertools import repeat
from typing import Self, cast

import torch
from torch import Tensor, nn

from skdc.augmentation import Augmentation
from skdc.images import image_layout
from skdc.learners.pools import NetworkPool
from skdc.learners.training import refuse_divergence
from skdc.networks import Builder, training_loss
from skdc.sets import LabeledSet
from skdc.sources import Draws, Holds, Source, require, require_targets
from skdc.step import Step


class _ServingNetworks(NetworkPool):
    """One network at a time, trained between two matches, and replaced when it has served; subclasses write `_train`.

    A match is a step of the solver.
    """

    network: Builder | None = None
    n_matches: int = 10
    n_updates: int = 50
    step_size: float = 0.01
    augmentation: Augmentation | None = None

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Draw the first network."""
        require_targets(self, source)
        if self.n_matches < 1 or self.n_updates < 0 or not self.step_size > 0:
            raise ValueError(f"{self!r}: n_matches must be at least 1, n_updates not negative, and step_size positive")
        self.task_ = source.schema.task
        if self.augmentation is not None:
            self.layout_ = image_layout(self, source.schema.input_shape, None, None)
        self._replace(source, generator)
        return self

    def after_step(self, synthetic: LabeledSet, source: Holds, state: Step) -> None:
        """Train the network, or draw a new one when it has served."""
        self._n_served += 1
        if self._n_served >= self.n_matches:
            self._replace(source, state.generator)
        else:
            self._train(synthetic, source, state.generator)

    @abstractmethod
    def _train(self, synthetic: LabeledSet, source: Source, generator: torch.Generator) -> None:
        """Train the network between two matches."""

    def _replace(self, source: Source, generator: torch.Generator) -> None:
        self.network_, self._n_served = self._build(source, generator), 0

    def _moving(self) -> list[nn.Parameter]:
        """Return the parameters that training moves: all that the builder has not frozen."""
        return [p for name, p in self.network_.named_parameters() if name not in self.frozen_]

    @torch.enable_grad()
    def _descend(
        self, optimizer: torch.optim.Optimizer, batches: Iterable[LabeledSet], generator: torch.Generator
    ) -> None:
        """Take a step on each of some batches; the last must not be known worse than the first was at the start."""
        losses = []
        for parameter in self._moving():
            parameter.requires_grad_()
        for batch in batches:
            rows = self._changed(batch, generator)
            optimizer.zero_grad()
            losses.append(self._loss(rows))
            losses[-1].backward()
            optimizer.step()
        self.network_.requires_grad_(False)
        if losses:
            refuse_divergence(self, losses[0].detach(), self._loss(rows))

    def _changed(self, rows: LabeledSet, generator: torch.Generator) -> LabeledSet:
        """Return rows that are changed alike."""
        if self.augmentation is None:
            return rows
        images = self.augmentation.draw(generator)(self.layout_(rows.X))
        return replace(rows, X=self.layout_.rows(images, rows.X.shape[1:]))

    def _loss(self, rows: LabeledSet) -> Tensor:
        return training_loss(self.network_(rows.X), rows.y, rows.mass, self.task_)


class AlternatingNetworks(_ServingNetworks):
    """One network at a time, trained in turn with the synthetic set, and replaced when it has served [1]_.

    Parameters
    ----------
    network : callable, default=None
        Builder, as in `RandomNetworks`.
    n_matches : int, default=10
        Steps of the solver for which a network is kept before a new one is drawn.
    n_updates : int, default=50
        Steps on the synthetic set between two of these, by gradient descent with momentum 0.5, which begins anew each
        time.
    step_size : float, default=0.01
        Of the descent.
    augmentation : Augmentation, default=None
        Change of images, drawn anew for each step; None is none.

    References
    ----------
    .. [1] Zhao, Mopuri and Bilen, "Dataset Condensation with Gradient Matching", 2021, algorithm 1; the
       defaults are its (outer, inner) loops for 10 rows a class.

    Examples
    --------
    >>> from skdc.discrepancies import Cosine
    >>> from skdc.learners import AlternatingNetworks
    >>> from skdc.spaces import NetworkGradients
    >>> Cosine(space=NetworkGradients(AlternatingNetworks(n_matches=5)))
    Cosine(space=NetworkGradients(networks=AlternatingNetworks(n_matches=5)))
    """

    def _train(self, synthetic: LabeledSet, source: Source, generator: torch.Generator) -> None:
        """Train the network on the set."""
        optimizer = torch.optim.SGD(self._moving(), lr=self.step_size, momentum=0.5)
        self._descend(optimizer, repeat(synthetic, self.n_updates), generator)


class DataTrainedNetworks(_ServingNetworks):
    """One network at a time, trained on the data between two steps, and replaced when it has served [1]_.

    What it shows goes from gradients of a network as it is drawn to those of one that has learned the data somewhat,
    as far as `n_matches` times `n_updates` steps lead.

    Parameters
    ----------
    network : callable, default=None
        Builder, as in `RandomNetworks`.
    n_matches : int, default=100
        Steps of the solver for which a network is kept before a new one is drawn.
    n_updates : int, default=8
        Steps on real rows between two of these, by gradient descent with momentum 0.9, which goes on.
    step_size : float, default=0.01
        Of the descent.
    augmentation : Augmentation, default=None
        Change of images, drawn anew for each step; None is none.
    batch_size : int, default=64
        Real rows in a step of it.

    References
    ----------
    .. [1] Kim et al., "Dataset Condensation via Efficient Synthetic-Data Parameterization", 2022, algorithm 1; the
       defaults are those of its code, which takes 500 rows in batches of 64 between two steps, of images that are
       changed one by one and mixed, and has a weight decay of 0.0005.

    Examples
    --------
    >>> from skdc.discrepancies import L1
    >>> from skdc.learners import DataTrainedNetworks
    >>> from skdc.spaces import NetworkGradients
    >>> L1(space=NetworkGradients(DataTrainedNetworks(n_matches=50)))
    L1(space=NetworkGradients(networks=DataTrainedNetworks(n_matches=50)))
    """

    n_matches: int = 100
    n_updates: int = 8
    batch_size: int = 64

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Draw the first network; there must be rows to train it on."""
        require(self, source, Draws, "networks")
        if self.batch_size < 1:
            raise ValueError(f"{self!r}: batch_size must be at least 1")
        return super().fit(source, generator)

    def _train(self, synthetic: LabeledSet, source: Source, generator: torch.Generator) -> None:
        """Train the network on real rows."""
        batches = (source.batch(self.batch_size, generator) for _ in range(self.n_updates))
        self._descend(self._optimizer, (cast(LabeledSet, batch.rows) for batch in batches), generator)

    def _replace(self, source: Source, generator: torch.Generator) -> None:
        super()._replace(source, generator)
        self._optimizer = torch.optim.SGD(self._moving(), lr=self.step_size, momentum=0.9)
