"""A sketch of which only a noisy release is seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from skdc.privacy.ledger import Release
from skdc.privacy.mechanism import COUNT_NOISE, GaussianMechanism
from skdc.privacy.noise import Noise
from skdc.privacy.products import OF_PRODUCTS, Covariances, PrivateProducts
from skdc.privacy.sums import BoundedSums
from skdc.sets import Block

_OF_SQUARES = 0.1  # the share of a row's budget that its squared norm has


class PrivateSketch:
    """Sums of bounded features, of rows and their squares, and numbers of rows by key: released together, once.

    Products of rows with themselves may be released with them.

    Parameters
    ----------
    mechanism : GaussianMechanism
    n_keys : int
    n_columns : int
        Numbers in a row.
    bounds : sequence of float, default=()
        The largest norm that the features of a row have, for each term of the discrepancy; 0 where there are none.
    widths : sequence of int, default=()
        The number of features of each term.
    product_shape : tuple of int, default=None
        Shape of a row of which the products are released, too; None releases none.
    """

    def __init__(
        self,
        mechanism: GaussianMechanism,
        n_keys: int,
        n_columns: int,
        bounds: Sequence[float] = (),
        widths: Sequence[int] = (),
        product_shape: tuple[int, ...] | None = None,
    ) -> None:
        self.mechanism, self.n_keys, self.n_columns = mechanism, n_keys, n_columns
        self.bounds, self.widths, self.product_shape = bounds, widths, product_shape
        low, high = mechanism.ends
        self._middle, radius = (low + high) / 2, (high - low) / 2 * n_columns**0.5
        # A row has norm 1 in all: the count has its share, terms and the row itself have equal ones.
        each = ((1 - COUNT_NOISE**-2) / (np.count_nonzero(bounds) + 1)) ** 0.5
        self._factors = [each / bound if bound else 1.0 for bound in bounds]
        self._factors += [each * (1 - _OF_SQUARES) ** 0.5 / radius, each * _OF_SQUARES**0.5 / radius**2]
        self._factors.append(1 / COUNT_NOISE)
        self._widths = [*widths, n_columns, 1, 1]
        self._sums = BoundedSums(n_keys, sum(self._widths))
        self._products = None if product_shape is None else PrivateProducts(product_shape, n_keys, radius)

    def empty_like(self) -> PrivateSketch:
        """Return a sketch of the same kind that has seen nothing."""
        return self.of_terms(self.bounds, self.widths, self.product_shape)

    def of_terms(
        self, bounds: Sequence[float], widths: Sequence[int], product_shape: tuple[int, ...] | None = None
    ) -> PrivateSketch:
        """Return an empty sketch for some terms."""
        return PrivateSketch(self.mechanism, self.n_keys, self.n_columns, bounds, widths, product_shape)

    def update(
        self, X: NDArray, y: NDArray, weight: NDArray, key: NDArray, features: Sequence[NDArray[np.float64]]
    ) -> None:
        """Add a chunk; of the rows nothing is kept but their sums."""
        rows = X.reshape(len(X), -1).astype(np.float64) - self._middle  # squares of float16 end at 65,504
        parts = [*features, rows, (rows**2).sum(axis=1, keepdims=True), np.ones((len(X), 1))]
        self._sums.add(np.hstack([factor * part for factor, part in zip(self._factors, parts, strict=True)]), key)
        if self._products is not None:
            self._products.add(rows, key)

    def merge(self, other: PrivateSketch) -> None:
        """Add another sketch of the same kind: all of it, or nothing where it is interrupted.

        Raises
        ------
        ValueError
            After the release.
        """
        if "statistics" in vars(self):
            raise ValueError(
                "these rows come after the release of those before; a release of all rows would be a second one: fit "
                "a new condenser to all of them, with a PrivacyLedger"
            )
        sums, products = self._sums.merged(other._sums), self._products
        if products is not None and other._products is not None:
            products = products.merged(other._products)
        # At once: a row that counts in one of them alone would be added again, and count there twice.
        self._sums, self._products = sums, products

    def __getstate__(self) -> dict[str, Any]:
        if "statistics" not in vars(self):
            raise ValueError(
                "a sketch of private rows cannot be copied or pickled before its release: each copy would make another "
                "one; read the set first, for example X_syn_"
            )
        return vars(self)

    @cached_property
    def release(self) -> Release:
        """What is released, with what noise."""
        return self.mechanism.release()

    @cached_property
    def statistics(self) -> Statistics:
        """What is released."""
        return self.noisy(self.release.noise_multiplier, self.mechanism.noise())

    def noisy(self, noise_multiplier: float, noise: Noise) -> Statistics:
        """Return the sums with noise, and forget those without."""
        share = 0.0 if self._products is None else OF_PRODUCTS
        sums = self._sums.released(noise_multiplier / (1 - share) ** 0.5, noise)
        parts = np.split(sums, np.cumsum(self._widths)[:-1], axis=1)
        *terms, rows, squares, counts = (part / factor for factor, part in zip(self._factors, parts, strict=True))
        mass, covariances = np.maximum(counts[:, 0], 1.0), None
        if self._products is not None:
            sigma, means = noise_multiplier / share**0.5, rows / mass[:, None]
            covariances = self._products.released(sigma, noise, mass, means)
        del self._sums, self._products
        return Statistics(terms, rows, squares[:, 0], mass, self.mechanism, covariances)

    @property
    def mass(self) -> NDArray[np.float64]:
        """The noisy numbers of rows of the keys."""
        return self.statistics.mass

    @property
    def counts(self) -> NDArray[np.int64]:
        """The same as whole numbers."""
        return np.rint(self.mass).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Statistics:
    """Noisy sums over the rows of each key, as if there were no noise.

    Parameters
    ----------
    terms : list of ndarray of shape (n_keys, width)
        Of the features, for each term of the discrepancy.
    rows : ndarray of shape (n_keys, n_columns)
        Of the rows, from the middle of their range.
    squares : ndarray of shape (n_keys,)
        Of their squared norms.
    mass : ndarray of shape (n_keys,)
        Numbers of rows, at least one.
    mechanism : GaussianMechanism
        It knows the range.
    covariances : Covariances, default=None
        Of the keys, where products were released.
    """

    terms: list[NDArray[np.float64]]
    rows: NDArray[np.float64]
    squares: NDArray[np.float64]
    mass: NDArray[np.float64]
    mechanism: GaussianMechanism
    covariances: Covariances | None = None

    def means(self) -> NDArray[np.float64]:
        """Return the mean row of each key."""
        return sum(self.mechanism.ends) / 2 + self.rows / self.mass[:, None]

    def spread(self) -> float:
        """Return the root of the mean variance of a column within the keys."""
        within = self.squares.sum() - ((self.rows / self.mass[:, None]) ** 2).sum(axis=1) @ self.mass
        variance = within / self.mass.sum() / self.rows.shape[1]
        # Noise can leave nothing of it, or make it larger than the range.
        widest = self.mechanism.spread
        return float(np.sqrt(np.clip(variance, (0.01 * widest) ** 2, widest**2)))

    def blocks(self, device: torch.device) -> list[Block]:
        """Return, for each term, the mean features of the keys."""
        mass, key = torch.as_tensor(self.mass, device=device), torch.arange(len(self.mass), device=device)
        return [Block(mass, key, torch.as_tensor(sums / self.mass[:, None], device=device)) for sums in self.terms]
