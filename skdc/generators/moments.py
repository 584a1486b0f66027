"""How rows and latents of the classes are distributed."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from skdc.generators.base import by_class
from skdc.sources import Draws, GaussianMoments, class_codes

_SAMPLE = 4096  # rows by which the latents of the classes are known


class ClassUnits(NamedTuple):
    """Rows less the mean of their class, in units of the spread within the classes.

    What an encoder sees in them tells no classes apart, and is large enough however far apart these are.

    Parameters
    ----------
    means : Tensor of shape (n_classes, ...)
    scale : float
    """

    means: Tensor
    scale: float

    @classmethod
    def of_sample(cls, source: Draws, generator: torch.Generator) -> ClassUnits:
        """Return those of some thousand rows, in units of the spread of the data."""
        rows, schema = source.sample(_SAMPLE, generator), source.schema
        X, indicators = (rows.X / source.spread).flatten(1), one_hot(class_codes(rows, schema), schema.n_classes)
        weight = indicators.T * rows.weight.double()
        means = ((weight @ X.double()) / weight.sum(1, keepdim=True).clamp_min(torch.finfo(X.dtype).tiny)).to(X)
        variance = rows.mass @ (X - means[indicators.argmax(1)]).square().mean(1)
        return cls(means.reshape(-1, *schema.input_shape), float(variance.sqrt()) + torch.finfo(X.dtype).eps)

    def __call__(self, X: Tensor, key: Tensor) -> Tensor:
        """Return rows, in units of the spread of the data, in these."""
        return (X - self.means.index_select(0, key)) / self.scale


class LatentGaussians(NamedTuple):
    """How the latents of each class are distributed.

    Parameters
    ----------
    centers : Tensor of shape (n_classes, q)
    roots : Tensor of shape (n_classes, q, q)
        Of the covariances.
    """

    centers: Tensor
    roots: Tensor

    @classmethod
    def of(cls, moments: list[GaussianMoments], dtype: torch.dtype) -> LatentGaussians:
        """Return those of some moments, one a class."""
        roots = []
        for part in moments:
            values, vectors = torch.linalg.eigh(part.covariance)
            roots.append((vectors * values.clamp_min(0).sqrt()) @ vectors.T)
        return cls(torch.stack([part.mean for part in moments]).to(dtype), torch.stack(roots).to(dtype))

    @classmethod
    @torch.no_grad()
    def of_sample(
        cls, encode: Callable[[Tensor, Tensor], Tensor], source: Draws, generator: torch.Generator
    ) -> LatentGaussians:
        """Return those of some thousand rows, as they are encoded in units of the spread of the data."""
        rows = source.sample(_SAMPLE, generator)
        codes = class_codes(rows, source.schema)
        z = encode(rows.X / source.spread, codes).flatten(1)
        return cls.of(
            [GaussianMoments.of(z, rows.weight * (codes == c)) for c in range(source.schema.n_classes)], z.dtype
        )

    def draw(self, noise: Tensor, key: Tensor) -> Tensor:
        """Return latents of some classes, from standard Gaussian ones of shape (m, q)."""
        return by_class(lambda part, c: part @ self.roots[c] + self.centers[c], noise, key, len(self.centers))
