"""The source of private rows for methods that ask in each step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skdc.privacy.ledger import Release
from skdc.privacy.mechanism import GaussianMechanism
from skdc.privacy.noise import Noise
from skdc.privacy.sketch import PrivateSketch, Statistics
from skdc.privacy.source import PublicSource, of_classes
from skdc.privacy.sums import BoundedProducts, BoundedSums
from skdc.sets import LabeledSet
from skdc.sources import Asks, Batch, Holds, Units

_PIECE = 1 << 23  # numbers of bounded rows that are held at a time


class PrivateRows(PublicSource, Asks):
    """Rows that are seen through noisy means of bounded functions of a few random ones.

    Parameters
    ----------
    rows : Holds
        In the user's units, within the range that is known.
    mechanism : GaussianMechanism
    n_releases : int
        How many means, or means of products, will be asked for.
    """

    dtype = torch.float32

    def __init__(self, rows: Holds, mechanism: GaussianMechanism, n_releases: int) -> None:
        super().__init__(rows.schema, mechanism, rows.device)
        self.units, self.ends = Units(sum(mechanism.ends) / 2, mechanism.spread), mechanism.ends
        self._rows, self._noise, self._n_releases, self._n_left = rows, mechanism.noise(), n_releases, n_releases

    @cached_property
    def release(self) -> Release:
        """What is released, with what noise."""
        return self.mechanism.releases(self._n_releases)

    @cached_property
    def statistics(self) -> Statistics:
        """What is known of the classes by the first release."""
        rows = self._rows
        sketch = PrivateSketch(self.mechanism, len(self.schema.class_of_key), math.prod(self.schema.input_shape))
        sketch.update(rows.X, rows.targets(), rows.weight, rows.key, [])
        return sketch.noisy(self.release.first_noise, self._noise)

    def describe(self) -> str:
        """Return what is released, in words."""
        return f"once, {of_classes(self.schema)}; and in each step the sum of a bounded function of some rows"

    def batch(self, size: int, generator: torch.Generator) -> Batch:
        """Return the source itself, which is asked."""
        return Batch(release=self)

    def mean(self, of_rows: Callable[[LabeledSet], Tensor], bound: float) -> Tensor:
        """Return the noisy mean of a function of rows, each cut off at a norm.

        Parameters
        ----------
        of_rows : callable
            Gives numbers of shape (n, d) for n rows, of each row by itself.
        bound : float
            The norm at which they are cut off.

        Returns
        -------
        Tensor of shape (d,)

        Raises
        ------
        RuntimeError
            If it is asked for more often than was accounted for.
        """
        drawn = self._drawn()
        sums = BoundedSums(1, self._width(of_rows))
        for values in self._values(of_rows, drawn, sums.width):
            sums.add(values / bound, np.zeros(len(values), np.int64))
        return self._noisy(sums.released, bound)[0]

    def products(self, of_rows: Callable[[LabeledSet], Tensor], bound: float) -> Tensor:
        """Return the noisy mean of the products of a function of rows with itself, each row cut off at a norm.

        Parameters
        ----------
        of_rows, bound
            As in `mean`.

        Returns
        -------
        Tensor of shape (d, d)
            Symmetric, and by noise not positive definite.

        Raises
        ------
        RuntimeError
            As in `mean`.
        """
        drawn = self._drawn()
        products = BoundedProducts(self._width(of_rows))
        for values in self._values(of_rows, drawn, products.width):
            products.add(values / bound)
        return self._noisy(products.released, bound**2)

    def _drawn(self) -> NDArray[np.intp]:
        """Return which rows are part of a release, which is counted."""
        self.release  # noqa: B018  what the ledger refuses is refused before anything is seen
        if not self._n_left:
            raise RuntimeError(
                f"all {self.release.n_releases} releases that were accounted for have been made; another one would "
                "break the promise of privacy"
            )
        self._n_left -= 1
        rate = self.release.sampling_rate
        return np.arange(len(self._rows)) if rate == 1 else self._noise.sampled(len(self._rows), rate)

    def _noisy(self, released: Callable[[float, Noise], NDArray[np.float64]], bound: float) -> Tensor:
        """Return a released sum as a mean."""
        noisy = released(self.release.noise_multiplier, self._noise)
        return self.tensor(noisy * (bound / (self.release.sampling_rate * self.statistics.mass.sum())))

    def _values(
        self, of_rows: Callable[[LabeledSet], Tensor], drawn: NDArray[np.intp], width: int
    ) -> Iterator[NDArray[np.float64]]:
        """Yield the function of the drawn rows, in pieces."""
        step = max(1, _PIECE // width)
        for start in range(0, len(drawn), step):
            some = drawn[start : start + step]
            yield of_rows(self._shown(self._rows.X[some], self._rows.targets(some))).double().cpu().numpy()

    def _width(self, of_rows: Callable[[LabeledSet], Tensor]) -> int:
        return of_rows(self.row_at(sum(self.mechanism.ends) / 2)).shape[1]

    def row_at(self, value: float) -> LabeledSet:
        """Return a row that is made up of a number, in the user's units, without a class."""
        return self._shown(np.full((1, *self.schema.input_shape), value), np.zeros((1, self.schema.n_outputs)))

    def _shown(self, X: NDArray, y: NDArray) -> LabeledSet:
        key = torch.zeros(len(X), dtype=torch.int64, device=self.device)
        return LabeledSet(self.tensor(np.ones(len(X))), key, self.encode(X), self.encode_targets(y))
