"""Discrepancies that are squared distances between mean embeddings: what kernels and mean features share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from skdc.discrepancies.base import Discrepancy
from skdc.sets import Block, LabeledSet
from skdc.sources import Batch
from skdc.step import Step
from skdc.structures import Embedding, MeanFeatures, OwnKernel

TILE = 384  # rows of a kernel tile: small enough for the cache, large enough for the matrix product


class EmbeddingDistance(Discrepancy, Embedding):
    """The squared distance between the mean embeddings of two clouds, for some kernel of rows."""

    symmetric = nonnegative = True

    @abstractmethod
    def kernel_matrix(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the kernel matrix of rows of the space, of shape (len(x), len(y))."""

    def potential(self, p: Block, at: Tensor) -> Tensor:
        """Return the mean embedding of p at some points, of shape (n,), without a full kernel matrix."""
        pieces = (at[start : start + TILE] for start in range(0, len(at), TILE))
        return torch.cat([self.kernel_matrix(x, p.values) @ p.mass for x in pieces])

    def witness(self, p: Block, q: Block, at: Tensor) -> Tensor:
        """Return twice the difference of the mean embeddings: where q misses mass of p."""
        return 2 * (self.potential(p, at) - self.potential(q, at))


class MeanDiscrepancy(Discrepancy):
    """A discrepancy that sees the data through the mean of row-wise features only, so that a sketch will do.

    Subclasses write `features`, and `between` for blocks of them.
    """

    compares = "means"

    def bound(self) -> float | None:
        """Return the largest norm that features of a row can have, which a private release needs; None if unknown."""
        return None

    @abstractmethod
    def features(self, values: Tensor) -> Tensor:
        """Return the features psi of each row of the space, of shape (n, d)."""

    def statistic(self, block: Block) -> Tensor:
        """Return the mean feature of a block of the space, of shape (d,)."""
        return block.mass @ self.features(block.values)

    def lift(self, rows: LabeledSet) -> Block:
        """Return the features of a set as the space shows it."""
        return self._lifted(self.space_.block(rows))

    def _lifted(self, block: Block) -> Block:
        return replace(block, values=self.features(block.values))

    def represent(self, real: Batch, synthetic: LabeledSet, state: Step) -> tuple[list[Block], list[Block]]:
        """Return the features of both sets; those of the real set may come from a sketch."""
        if real.means is not None:
            return real.means, [self.lift(synthetic)]
        p, q = super().represent(real, synthetic, state)
        return [self._lifted(block) for block in p], [self._lifted(block) for block in q]

    def witness(self, p: Block, q: Block, at: Tensor) -> Tensor:
        """Return the first variation in the mass of p at some points: that of the mean features."""
        return super().witness(self._lifted(p), self._lifted(q), self.features(at))


class MeanEmbedding(MeanDiscrepancy, EmbeddingDistance, MeanFeatures):
    """The squared distance between mean features, which is that of the kernel of their inner products."""

    def witness(self, p: Block, q: Block, at: Tensor) -> Tensor:
        """Return twice the difference of the mean embeddings."""
        return EmbeddingDistance.witness(self, p, q, at)

    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return the squared distance between the mean features of two lifted blocks."""
        return (p.mean() - q.mean()).square().sum()

    def kernel_matrix(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the inner products of the features."""
        return self.features(x) @ self.features(y).T

    def potential(self, p: Block, at: Tensor) -> Tensor:
        """Return the mean embedding of p at some points: their features times the mean feature."""
        return self.features(at) @ self.statistic(p)

    def own_kernel(self, p: Block, n_columns: int) -> OwnKernel:
        """Return products of the features, which are computed once."""
        features = self.features(p.values)
        potential = features @ (p.mass @ features)
        return OwnKernel(potential, features.square().sum(1), lambda rows: features @ features[rows].T)

    def submatrix(self, p: Block) -> Callable[[Tensor, Tensor], Tensor]:
        """Return a function that gives products of the features, which are computed once."""
        features = self.features(p.values)
        return lambda rows, others: features[rows] @ features[others].mT
