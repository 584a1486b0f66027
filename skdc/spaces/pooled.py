"""What spaces have in common that look through the networks of a pool."""

from __future__ import annotations

from typing import ClassVar, Self

import torch

from skdc.learners.pools import NetworkPool
from skdc.sets import LabeledSet
from skdc.sources import Holds, Source
from skdc.spaces.base import Space, is_first
from skdc.step import Step


class PooledSpace(Space):
    """A space that looks through one network of a pool at a time, `pool_.network_`.

    Attributes
    ----------
    default_pool : type
        The pool that `networks=None` takes, as it comes.
    """

    networks: NetworkPool | None = None
    default_pool: ClassVar[type[NetworkPool]]

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Build the networks."""
        self.pool_ = self._pool()
        if is_first(self.pool_):
            self.pool_.fit(source, generator)
        return self

    def _pool(self) -> NetworkPool:
        return self.default_pool() if self.networks is None else self.networks

    def after_step(self, synthetic: LabeledSet, source: Holds, state: Step) -> None:
        """Go on to another network."""
        if is_first(self.pool_):
            self.pool_.after_step(synthetic, source, state)
