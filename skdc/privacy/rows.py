"""The door to private rows for methods that ask in each step."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skdc.data import LabeledSet
from skdc.privacy.ledger import Release
from skdc.privacy.mechanism import SubsampledGaussianMechanism
from skdc.privacy.sketch import PrivateSketch, Statistics
from skdc.privacy.source import PublicSource, of_classes
from skdc.privacy.sums import BoundedSums
from skdc.source import RowSource

_PIECE = 1 << 23  # numbers of bounded rows that are held at a time


class PrivateRows(PublicSource):
    """Rows that are seen through noisy means of bounded functions of a few random ones.

    Parameters
    ----------
    rows : RowSource
        In the user's units, within the range that is known.
    mechanism : SubsampledGaussianMechanism
    n_releases : int
        How many means will be asked for.
    """

    dtype = torch.float32
    mechanism: SubsampledGaussianMechanism

    def __init__(self, rows: RowSource, mechanism: SubsampledGaussianMechanism, n_releases: int) -> None:
        super().__init__(rows.schema, mechanism, rows.device)
        self.shift, self.scale = sum(mechanism.ends) / 2, mechanism.spread
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
        sketch.update(rows.X.astype(np.float64), rows.y, rows.weight, rows.key, [])
        return sketch.noisy(self.release.first_noise, self._noise)

    def describe(self) -> str:
        """Return what is released, in words."""
        return f"once, {of_classes(self.schema)}; and in each step the sum of a bounded function of some rows"

    def batch(self, size: int, generator: torch.Generator) -> PrivateRows:
        """Return the door itself."""
        return self

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
        rate, mass = self.release.sampling_rate, self.statistics.mass.sum()
        if not self._n_left:
            raise RuntimeError(
                f"all {self.release.n_releases} releases that were accounted for have been made; another one would "
                "break the promise of privacy"
            )
        self._n_left -= 1
        drawn = self._noise.chosen(len(self._rows), rate)
        middle = np.full((1, *self.schema.input_shape), sum(self.mechanism.ends) / 2)
        width = of_rows(self._shown(middle, np.zeros((1, self.schema.n_outputs)))).shape[1]
        sums = BoundedSums(1, width)
        for piece in np.array_split(drawn, -(-len(drawn) * width // _PIECE) or 1):
            if len(piece):
                values = of_rows(self._shown(self._rows.X[piece], self._rows.y[piece])).double().cpu().numpy()
                sums.add(values / bound, np.zeros(len(piece), np.int64))
        noisy = sums.released(self.release.noise_multiplier, self._noise)[0]
        return self.tensor(noisy * (bound / (rate * mass)))

    def _shown(self, X: NDArray, y: NDArray) -> LabeledSet:
        key = torch.zeros(len(X), dtype=torch.int64, device=self.device)
        return LabeledSet(self.tensor(np.ones(len(X))), key, self.encode(X), self.encode_targets(y))
