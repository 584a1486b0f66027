"""The latents of a generator as a space."""

from __future__ import annotations

from dataclasses import replace
from typing import Self

import torch
from torch import Tensor

from skdc.generators import Generator, LiveGenerator, require_encoder
from skdc.sets import LabeledSet
from skdc.sources import Source
from skdc.spaces.invertible import InvertibleSpace


class Encoded(InvertibleSpace):
    """Rows as a generator encodes them, in units of the spread of each latent.

    Each row is encoded as one of the class that its label says. The means of rows are decoded: k-means in this space,
    with the masses of the clusters as weights, is optimal quantization of the latents [1]_, of which D4M [2]_ is the
    case without weights.

    Parameters
    ----------
    generator : Generator
        Out of `skdc.generators`; it is fitted to the data.

    References
    ----------
    .. [1] Tan and Slade, "Dataset Distillation as Pushforward Optimal Quantization", 2026 (DDOQ).
    .. [2] Su et al., "D4M: Dataset Distillation via Disentangled Diffusion Model", 2024.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdc import KMeansCondenser
    >>> from skdc.generators import LinearGenerator
    >>> from skdc.spaces import Encoded
    >>> X, y = load_digits(return_X_y=True)
    >>> condenser = KMeansCondenser(n_per_class=3, space=Encoded(LinearGenerator(8)), random_state=0).fit(X, y)
    >>> condenser.X_syn_.shape
    (30, 64)
    """

    generator: Generator

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Fit the generator, or take what others of the fit have learned by one like it."""
        self.live_: LiveGenerator = require_encoder(self, self.generator.fit(source, generator))
        self.spread_, self.has_classes_ = source.spread, source.schema.task == "classification"
        return self

    def embed(self, rows: LabeledSet) -> Tensor:
        """Return the latents of rows, flattened."""
        return self.live_.encode(rows.X / self.spread_, self._codes(rows)).flatten(1)

    def unembed(self, values: Tensor, rows: LabeledSet) -> LabeledSet:
        """Return the rows that are decoded of latents."""
        z = values.reshape(-1, *self.live_.latent_shape)
        return replace(rows, X=self.live_.decode(z, self._codes(rows)) * self.spread_)

    def _codes(self, rows: LabeledSet) -> Tensor:
        # Keys of real rows tell sensitive groups, too.
        return rows.y.argmax(1) if self.has_classes_ else torch.zeros_like(rows.key)
