"""What is known of private rows, and what a sketch of them has released."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skdc.exceptions import PartsError
from skdc.privacy.ledger import Release
from skdc.privacy.mechanism import GaussianMechanism
from skdc.privacy.sketch import PrivateSketch, Statistics
from skdc.sources import Batch, GaussianMoments, Schema, Source, Sums
from skdc.sources.base import Ability


class PublicSource(Source):
    """A source of private rows, of which the schema and the range of their numbers are known.

    Parameters
    ----------
    schema : Schema
    mechanism : GaussianMechanism
    device : torch.device
    """

    target_spread = 1.0

    def __init__(self, schema: Schema, mechanism: GaussianMechanism, device: torch.device) -> None:
        # Rows that are made of a release come out as floats.
        self.schema, self.mechanism, self.device = replace(schema, given_bytes=None), mechanism, device

    @property
    @abstractmethod
    def release(self) -> Release:
        """What is released, with what noise."""

    @property
    @abstractmethod
    def statistics(self) -> Statistics:
        """What is known of the classes by a release."""

    @abstractmethod
    def describe(self) -> str:
        """Return what is released, in words."""

    @property
    def spread(self) -> float:  # type: ignore[override]  # the release tells
        """Root of the mean variance of a column within the classes, as released, in working units."""
        return self.statistics.spread() / self.units.scale

    def class_mass(self) -> NDArray[np.float64]:
        """Return the released numbers of rows of the classes."""
        return self.statistics.mass

    def starting_rows(self, sizes: NDArray[np.int64], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Refuse to give rows, and say what to use."""
        raise PartsError("rows of the data are private, and no set can start from them; use Points(start='noise')")

    def noisy_rows(self, sizes: NDArray[np.int64], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return Gaussian rows around the released means of the classes, and their targets."""
        shape = int(sizes.sum()), *self.schema.input_shape
        noise = torch.randn(shape, generator=generator, dtype=self.dtype).to(self.device)
        y = np.repeat(np.eye(len(sizes))[:, : self.schema.n_outputs], sizes, axis=0)
        means = np.repeat(self.statistics.means(), sizes, axis=0).reshape(shape)
        return self.encode(means) + self.spread * noise, self.tensor(y)

    def feature_range(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the range that is known."""
        low, high = self.mechanism.ends
        return np.asarray(low), np.asarray(high)

    def target_range(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the range of class indicators."""
        return np.zeros(self.schema.n_outputs), np.ones(self.schema.n_outputs)

    def decode(self, X: Tensor) -> NDArray[np.floating]:
        """Cast rows to the user's units and dtype, brought into the range that is known."""
        return super().decode(X).clip(*self.mechanism.ends)

    def cannot_tell(self, unknown: str) -> str:
        """Return why a part cannot learn something from private rows, and what to do."""
        return (
            f"cannot learn {unknown} from private rows, as it would be released without noise; give it as a number "
            "that is known without them, or use another part"
        )

    def attributes(self) -> dict[str, Any]:
        """Return what was released and what was taken for known, as `privacy_`."""
        return {"privacy_": self.mechanism.statement(self.release, self.schema, self.describe())}


class PrivateSource(PublicSource, Sums):
    """A release of bounded sums in place of rows, in the user's units.

    Parameters
    ----------
    sketch : PrivateSketch
        Without terms before there is a release.
    schema, device
        As in `PublicSource`.
    """

    dtype = torch.float64

    def __init__(self, sketch: PrivateSketch, schema: Schema, device: torch.device) -> None:
        super().__init__(schema, sketch.mechanism, device)
        self.sketch = sketch

    @property
    def release(self) -> Release:
        """What is released, with what noise."""
        return self.sketch.release

    @property
    def statistics(self) -> Statistics:
        """What is known of the classes by the release."""
        return self.sketch.statistics

    def describe(self) -> str:
        """Return what is released, in words."""
        products = "" if self.sketch.product_shape is None else ", the products of their columns or low frequencies"
        return f"once, {of_classes(self.schema)}{products}, and the sums of {sum(self.sketch.widths)} features"

    def granted(self, ability: type[Ability]) -> Ability | None:
        """Return itself if it has an ability: products are those that the sketch was asked to release."""
        return None if ability is Sums and self.sketch.product_shape is None else super().granted(ability)

    def class_moments(self, c: int | None) -> GaussianMoments:
        """Return those of the rows of a class, or of all for None, as released, flattened, in working units."""
        keys = range(self.sketch.n_keys) if c is None else [c]
        return reduce(GaussianMoments.merged, map(self._key_moments, keys))

    def _key_moments(self, k: int) -> GaussianMoments:
        statistics = self.statistics
        assert statistics.covariances is not None  # as `granted` tells
        mass, covariance = statistics.mass[k], statistics.covariances.full(k)
        moments = mass, statistics.means()[k], mass * covariance
        return GaussianMoments._make(torch.as_tensor(part, device=self.device) for part in moments)

    def noisy_rows(self, sizes: NDArray[np.int64], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return Gaussian rows with the released means of the classes, and their covariances where they are, too."""
        rows, y = super().noisy_rows(sizes, generator)
        covariances = self.statistics.covariances
        if covariances is None:
            return rows, y
        noise = torch.randn(len(rows), covariances.basis.width, generator=generator, dtype=self.dtype).numpy()
        each = np.split(noise, np.cumsum(sizes)[:-1])
        offsets = [some @ root for some, root in zip(each, covariances.roots(), strict=True)]
        X = np.repeat(self.statistics.means(), sizes, axis=0) + np.concatenate(offsets)
        return self.encode(X.reshape(rows.shape)), y

    def batch(self, size: int, generator: torch.Generator) -> Batch:
        """Return the released mean features of each key, one block a term of the discrepancy."""
        return Batch(means=self.statistics.blocks(self.device))


def of_classes(schema: Schema) -> str:
    """Return what is released of each class, in words."""
    return f"for each of {schema.n_classes} class(es) the number of rows, their sum and the sum of their squares"
