"""Rows that a generator draws: what is kept, and what moves, is the generator."""

from __future__ import annotations

from copy import deepcopy
from math import prod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import one_hot

from skdc.exceptions import PartsError
from skdc.generators import Generator, VariationalGenerator
from skdc.generators.networks import NetworkDecoder
from skdc.parameterizations.base import LiveSet, Parameterization, class_keys, class_weights
from skdc.parameterizations.labels import target_bytes
from skdc.parameterizations.storage.base import at
from skdc.parameterizations.within import Span, cut, in_units, span_of
from skdc.sets import LabeledSet
from skdc.sources import Draws, Schema, Source, draw_seed, require


class Drawn(Parameterization):
    """Rows that a generator draws, anew after each step: the set is the generator, whose decoder moves [1]_.

    It starts as it is fitted to the data. What the decoder takes is what the set takes, however many rows are drawn,
    but for their labels.

    Parameters
    ----------
    generator : VariationalGenerator or AdversarialGenerator, default=None
        Another is refused that does not decode by a network of latents and classes. None is `VariationalGenerator()`.
    within : "data", (low, high) or None, default="data"
        As in `Points`.

    References
    ----------
    .. [1] Wang et al., "DiM: Distilling Dataset into Generative Model", 2023.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import MMD
    >>> from skdc.generators import VariationalGenerator
    >>> from skdc.parameterizations import Drawn
    >>> from skdc.solvers import Descent
    >>> drawn = Drawn(VariationalGenerator(2, n_steps=50))
    >>> condenser = Condenser(MMD(), drawn, Descent(0.001, n_steps=5), n_per_class=5, random_state=0)
    >>> condenser.fit(*load_iris(return_X_y=True)).X_syn_.shape
    (15, 4)
    """

    moves = "values"

    generator: Generator | None = None
    within: Any = "data"

    def build(self, source: Source, sizes: NDArray[np.int64], generator: torch.Generator) -> DrawnSet:
        """Return the generator as it is fitted, and rows that it draws.

        Raises
        ------
        ValueError
            For continuous targets, which are not drawn, and for a generator without a network that could move.
        """
        schema = source.schema
        if schema.task == "regression":
            raise PartsError(
                f"{self!r} draws rows of classes, or without targets, but {schema.given_targets}; use Points()"
            )
        part = self._generator()
        live = part.fit(require(self, source, Draws, "a generator"), generator)
        if not isinstance(live, NetworkDecoder):
            raise PartsError(
                f"{self!r} moves the network that decodes latents, which {type(part).__name__} has not for itself; use "
                "VariationalGenerator() or AdversarialGenerator()"
            )
        key, weight = class_keys(source, sizes), class_weights(source, sizes)
        return DrawnSet(key, weight, live, source, span_of(self, source), draw_seed(generator))

    def is_generator(self) -> bool:
        """Tell that it is."""
        return True

    def n_bytes(self, n_points: int, schema: Schema) -> int:
        """Return what the decoder takes, the Gaussians of the latents of each class, in float32, and the labels."""
        generator = self._generator()
        n_latent = prod(generator.shape_of_latents(schema.input_shape))
        decoder = generator.decoder_bytes(schema.input_shape, schema.n_classes)
        decoder += 4 * schema.n_classes * n_latent * (n_latent + 1)
        return decoder + target_bytes(schema, n_points, soft=False, label_bits=None)

    def _generator(self) -> Generator:
        return VariationalGenerator() if self.generator is None else self.generator


class DrawnSet(LiveSet):
    """Rows that a decoder makes of latents, which are drawn anew after each step.

    Parameters
    ----------
    key, weight
        As in `LiveSet`.
    live : NetworkDecoder
        The generator as it is fitted, of which a copy moves.
    source : Source
    span : (low, high) or None
        Where rows stay, in the user's units.
    seed : int
        Of the latents.
    """

    latents: Tensor

    def __init__(
        self, key: Tensor, weight: Tensor, live: NetworkDecoder, source: Source, span: Span | None, seed: int
    ) -> None:
        super().__init__(key, weight)
        self.decoder = deepcopy(live.decoder).requires_grad_(True)
        self._live = live.decoding_by(self.decoder)
        self._spread, self._span = source.spread, span
        self._ends = None if span is None else in_units(span, source, 1.0)
        self._n_outputs, self._draws = source.schema.n_outputs, torch.Generator().manual_seed(seed)
        self.register_buffer("latents", self._live.draw(key, self._draws))

    def forward(self, places: Tensor | None = None) -> LabeledSet:
        """Return the rows, differentiable in the decoder."""
        key = at(self.key, places)
        X = cut(self._live.decode(at(self.latents, places), key) * self._spread, self._ends)
        y = one_hot(key, self._n_outputs).to(X) if self._n_outputs else X.new_empty(len(key), 0)
        return LabeledSet(at(self.weight, places), key, X, y)

    @torch.no_grad()
    def project(self) -> None:
        """Draw other rows."""
        self.latents.copy_(self._live.draw(self.key, self._draws))

    def shown(self, rows: LabeledSet, y_syn: NDArray | None, source: Any, containers: Any) -> Any:
        """Return the rows that were drawn last, and the generator, which draws others."""
        return containers.drawn(source, rows.X, y_syn, self._span, self._live.on_cpu())
