"""Discrepancies that are squared distances between mean embeddings: what kernels and mean features share."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace

import torch
from torch import Tensor

from skdc.data import Block, LabeledSet
from skdc.discrepancies.base import Discrepancy

_TILE = 1024  # rows of a kernel tile: small enough for the cache, large enough for the matrix product


class EmbeddingDistance(Discrepancy):
    """The squared distance between the mean embeddings of two clouds, for some kernel of rows."""

    @abstractmethod
    def kernel(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the kernel matrix of rows of the space, of shape (len(x), len(y))."""

    @abstractmethod
    def diagonal(self, x: Tensor) -> Tensor:
        """Return the kernel of each row with itself, of shape (len(x),)."""

    def potential(self, p: Block, at: Tensor) -> Tensor:
        """Return the mean embedding of p at some points, of shape (n,), without a full kernel matrix."""
        return torch.cat([self.kernel(x, p.values) @ p.mass for x in at.split(_TILE)])

    def own_potential(self, p: Block) -> Tensor:
        """Return the mean embedding of p at its own rows, of shape (n,), with half of the matrix products."""
        tiles = list(zip(p.values.split(_TILE), p.mass.split(_TILE), strict=True))
        potentials = [torch.zeros_like(mass) for _, mass in tiles]
        for i, (x, x_mass) in enumerate(tiles):
            for j, (y, y_mass) in enumerate(tiles[: i + 1]):
                tile = self.kernel(x, y)
                potentials[i] += tile @ y_mass
                if j < i:
                    potentials[j] += x_mass @ tile
        return torch.cat(potentials)

    def witness(self, p: Block, q: Block, at: Tensor) -> Tensor:
        """Return twice the difference of the mean embeddings: where q misses mass of p."""
        return 2 * (self.potential(p, at) - self.potential(q, at))


class MeanDiscrepancy(EmbeddingDistance):
    """A discrepancy that sees the data through the mean of row-wise features only, so that a sketch will do."""

    compares = "means"

    @abstractmethod
    def features(self, values: Tensor) -> Tensor:
        """Return the features psi of each row of the space, of shape (n, d)."""

    def statistic(self, block: Block) -> Tensor:
        """Return the mean feature of a block of the space, of shape (d,)."""
        return block.mass @ self.features(block.values)

    def lift(self, rows: LabeledSet) -> Block:
        """Return the features of a set as the space shows it."""
        block = self.space_.block(rows)
        return replace(block, values=self.features(block.values))

    def represent(
        self, real: LabeledSet | list[Block], synthetic: LabeledSet, generator: torch.Generator
    ) -> tuple[list[Block], list[Block]]:
        """Return the features of both sets; those of the real set may come from a sketch."""
        return real if isinstance(real, list) else [self.lift(real)], [self.lift(synthetic)]

    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return the squared distance between the mean features of two lifted blocks."""
        return (p.mean() - q.mean()).square().sum()

    def kernel(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the inner products of the features."""
        return self.features(x) @ self.features(y).T

    def diagonal(self, x: Tensor) -> Tensor:
        """Return the squared norms of the features."""
        return self.features(x).square().sum(1)

    def potential(self, p: Block, at: Tensor) -> Tensor:
        """Return the mean embedding of p at some points: their features times the mean feature."""
        return self.features(at) @ self.statistic(p)

    def own_potential(self, p: Block) -> Tensor:
        """Return the mean embedding of p at its own rows."""
        return self.potential(p, p.values)
