"""A sketch in place of rows."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skdc.scales import unit_of
from skdc.sets import Block
from skdc.sources.base import Ability, Sums
from skdc.sources.batch import Batch
from skdc.sources.moments import GaussianMoments
from skdc.sources.schema import Schema
from skdc.sources.sketch import Sketch


class SketchSource(Sums):
    """A sketch in place of rows: what a solver sees when the data have gone by. Working units are those of the user.

    Parameters
    ----------
    sketch : Sketch
    schema : Schema
    device : torch.device
    """

    dtype = torch.float64

    def __init__(self, sketch: Sketch, schema: Schema, device: torch.device) -> None:
        self.sketch, self.schema, self.device = sketch, schema, device

    @cached_property
    def _spreads(self) -> NDArray[np.float64]:
        return self.sketch.spreads()

    @property
    def spread(self) -> float:  # type: ignore[override]  # the sums tell
        """Root of the mean feature variance of what the sketch has seen."""
        n_features = len(self._spreads) - self.schema.n_outputs
        size = np.abs(self.sketch.mean[:n_features]).max(initial=0)
        return float(unit_of(np.sqrt(np.mean(self._spreads[:n_features] ** 2)), size))

    @property
    def target_spread(self) -> NDArray[np.float64] | float:  # type: ignore[override]  # the sums tell
        """Root of the variance of each target of what the sketch has seen."""
        if self.schema.task != "regression":
            return 1.0
        n_outputs = self.schema.n_outputs
        return unit_of(self._spreads[-n_outputs:], np.abs(self.sketch.mean[-n_outputs:]))

    def batch(self, size: int, generator: torch.Generator) -> Batch:
        """Return the mean features of each key, one block a term of the discrepancy."""
        return Batch(means=self._blocks)

    def feature_range(self) -> tuple[NDArray, NDArray]:
        """Return the least and the greatest number of each feature, in the user's units."""
        return self.sketch.feature_range

    def target_range(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the least and the greatest of each target, in the user's units."""
        return self.sketch.target_range

    def _middle(self) -> Tensor:
        return self.tensor(self.sketch.mean[: len(self.sketch.mean) - self.schema.n_outputs]).reshape(
            self.schema.input_shape
        )

    @cached_property
    def _blocks(self) -> list[Block]:
        return self.sketch.blocks(self.device)

    def granted(self, ability: type[Ability]) -> Ability | None:
        """Return itself if it has an ability: products are those that the sketch was asked to keep."""
        return None if ability is Sums and not self.sketch.has_products else super().granted(ability)

    def class_moments(self, c: int | None) -> GaussianMoments:
        """Return those of the rows of a class that were seen, or of all for None, flattened, in working units."""
        classes = self.schema.class_of_key
        found = self.sketch.moments(np.flatnonzero(np.full(len(classes), True) if c is None else classes == c))
        return GaussianMoments._make(part.to(self.device) for part in found)

    def class_mass(self) -> NDArray[np.float64]:
        """Return the total weight of each class."""
        classes = self.schema.class_of_key
        return np.bincount(classes, self.sketch.mass, self.schema.n_classes).astype(np.float64)

    def starting_rows(self, sizes: NDArray[np.int64], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return (X, y) of `sizes[c]` sampled rows a class c; repeated in turn where there are fewer."""
        X, y = [], []
        for c, size in enumerate(sizes):
            if not size:
                continue
            rows, targets = self.sketch.sample(np.flatnonzero(self.schema.class_of_key == c))
            take = np.resize(np.arange(len(rows)), int(size))
            X.append(rows[take])
            y.append(targets[take])
        return self.encode(np.concatenate(X)), self.encode_targets(np.concatenate(y))
