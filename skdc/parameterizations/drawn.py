"""Rows that a generator draws: what is kept, and what moves, is the generator."""

from __future__ import annotations

from copy import deepcopy
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
from skdc.parameterizations.storage.latents import Latents
from skdc.parameterizations.units import KeptUnits, is_coded, kept_bytes
from skdc.parameterizations.within import Span, cut, in_units, span_of
from skdc.sets import LabeledSet
from skdc.sources import Draws, Schema, Source, draw_seed, require


class Drawn(Parameterization):
    """Rows that a generator draws, anew after each step: the set is the generator, whose decoder moves [1]_.

    It starts as it is fitted to the data. What the decoder takes is what the set takes, however many rows are drawn,
    but for their labels. A file keeps it, where rows are arrays and numpy has its layers (see `Latents`); of others it
    keeps the rows that were drawn in the end.

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
        span, storage = span_of(self, source), Latents(part)
        units = KeptUnits.of(storage, source, span)
        key, weight = class_keys(source, sizes), class_weights(source, sizes)
        return DrawnSet(key, weight, live, source, span, units, draw_seed(generator))

    def is_generator(self) -> bool:
        """Tell that it is."""
        return True

    def n_bytes(self, n_points: int, schema: Schema) -> int:
        """Return what decoder, Gaussians of latents and labels take; or rows and labels, where no decoder is kept."""
        storage, of_draws = Latents(self._generator()), 0
        if is_coded(storage, schema) and storage.has_code(schema.input_shape, schema.n_classes):
            of_draws = 4 * (storage.generator.n_of_draws(schema.input_shape, schema.n_classes) + schema.n_classes)
        n_kept = 0 if of_draws else n_points
        rows = kept_bytes(storage, n_kept, schema, within=self.within is not None)
        return rows + of_draws + target_bytes(schema, n_points, soft=False)

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
    units : KeptUnits
        Of the rows in a file.
    seed : int
        Of the latents.
    """

    latents: Tensor

    def __init__(
        self,
        key: Tensor,
        weight: Tensor,
        live: NetworkDecoder,
        source: Source,
        span: Span | None,
        units: KeptUnits,
        seed: int,
    ) -> None:
        super().__init__(key, weight)
        self.decoder = deepcopy(live.decoder).requires_grad_(True)
        self._live = live.decoding_by(self.decoder)
        self._spread, self._span, self._units, self._seed = source.spread, span, units, seed
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
        """Return rows that are drawn, and the generator, which draws others."""
        live, key, code = self._live.on_cpu(), self.key.cpu(), None
        if self._units.coded:
            offset = self._units.offset
            offset = offset.cpu() if isinstance(offset, Tensor) else offset
            code = live.code(live.drawn_latents(key, self._seed), key, offset)
        coded = None if code is None else self._units.coded_rows(code, source.schema, containers.dtype)
        return containers.drawn(source, rows.X, y_syn, self._span, live, coded)
