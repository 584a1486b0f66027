"""What spaces have in common that look through the networks of a pool."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import torch

from skdc.learners.pools import NetworkPool
from skdc.sets import LabeledSet
from skdc.sources import Holds, Source
from skdc.spaces.base import Space, is_first
from skdc.step import Step


class PooledSpace(Space):
    """A space that looks through one network of a pool at a time, `pool_.network_`; subclasses call `fit_networks`."""

    networks: NetworkPool | None = None

    def fit_networks(self, default: Callable[[], NetworkPool], source: Source, generator: torch.Generator) -> Self:
        """Build the networks: those of a pool of the default kind, as it comes, where none is given."""
        self.pool_ = default() if self.networks is None else self.networks
        if is_first(self.pool_):
            self.pool_.fit(source, generator)
        return self

    def after_step(self, synthetic: LabeledSet, source: Holds, state: Step) -> None:
        """Go on to another network."""
        if is_first(self.pool_):
            self.pool_.after_step(synthetic, source, state)
