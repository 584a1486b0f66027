"""Penalties by what a generator knows of the data."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor

from skdc.discrepancies.penalties import Penalty
from skdc.generators import Generator, LiveGenerator, require_encoder
from skdc.sets import LabeledSet
from skdc.sources import Source


class LatentPrior(Penalty):
    r"""How unlikely the latents of points are under the standard Gaussian prior of a generator [1]_; without unit.

    .. math:: E_x\, \|z(x)\|^2 / 2

    with z(x) as the generator encodes the point: minus its log density, less a constant. It keeps points, of whatever
    storage, where a generator knows rows. For points that are kept as latents of one like it, which is fitted once,
    these are the latents themselves, as far as the encoder inverts the decoder.

    Parameters
    ----------
    generator : Generator
        Out of `skdc.generators`; it is fitted to the data.
    weight : float, default=1.0
        As in `Penalty`.

    References
    ----------
    .. [1] Bora et al., "Compressed Sensing using Generative Models", 2017, section 4.

    Examples
    --------
    >>> from skdc.discrepancies import LatentPrior, MMD
    >>> from skdc.generators import LinearGenerator
    >>> MMD() + 0.01 * LatentPrior(LinearGenerator())
    Hybrid(terms=[('mmd', MMD()),
                  ('latentprior',
                   LatentPrior(generator=LinearGenerator(), weight=0.01))])
    """

    generator: Generator

    def fit_scale(self, source: Source, generator: torch.Generator) -> Self:
        """Fit the generator, or take what others of the fit have learned by one like it."""
        self.live_: LiveGenerator = require_encoder(self, self.generator.fit(source, generator))
        self.spread_ = source.spread
        return self

    def penalty(self, synthetic: LabeledSet, generator: torch.Generator) -> Tensor:
        """Return the weighted mean of half the squared norms of the latents."""
        z = self.live_.encode(synthetic.X / self.spread_, synthetic.key)
        return synthetic.mass @ z.flatten(1).square().sum(1) / 2
