"""The only door to the real data: batches, starting rows and the one streaming pass."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import issparse
from torch import Tensor

from skdc.data import Block, LabeledSet
from skdc.scales import slices
from skdc.seeds import gaussian
from skdc.sources.schema import Schema
from skdc.sources.sparse import sparse_rows


def draw_seed(generator: torch.Generator) -> int:
    """Draw an integer seed from a generator, for libraries that want one."""
    return int(torch.randint(2**31 - 1, (), generator=generator))


class Source(ABC):
    """The door to the real data.

    Rows inside are `(X - shift) / scale` in `dtype`: one shift a feature and one scale for all, an isometry
    up to a factor, so that no geometry is changed by condensing. The shift is the mean; the median, where some rows lie
    so far from the others that these could not be told apart about the mean.

    Attributes
    ----------
    schema : Schema
    shift : ndarray of shape input_shape, float64
    scale : float
    spread : float
        Root of the mean feature variance in working units: the natural unit of a step.
    target_spread : float or ndarray of shape (n_outputs,)
        The same of each target; 1 for class indicators.
    dtype : torch.dtype
    device : torch.device
    """

    schema: Schema
    shift: NDArray[np.float64] | float
    scale: float
    target_shift: NDArray[np.float64] | float
    target_scale: NDArray[np.float64] | float
    spread: float
    target_spread: NDArray[np.float64] | float
    dtype: torch.dtype
    device: torch.device
    _mean: NDArray[np.float64] | float

    @abstractmethod
    def batch(self, size: int, generator: torch.Generator) -> LabeledSet | list[Block]:
        """Return what a discrepancy compares the synthetic set with in one step."""

    @abstractmethod
    def starting_rows(self, sizes: NDArray[np.int64], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return (X, y) of `sizes[c]` distinct rows a class c, chosen by a hash of their content."""

    def noisy_rows(self, sizes: NDArray[np.int64], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return Gaussian rows with the mean and spread of the data, and targets as starting rows have them."""
        X, y = self.starting_rows(sizes, generator)
        noise = gaussian(X.shape, generator, X)
        return self._middle() + self.spread * noise, y

    def _middle(self) -> Tensor | float:
        """Return the mean row in working units."""
        return 0.0

    def attributes(self) -> dict[str, Any]:
        """Return fitted attributes that the condenser shows, by name (none by default)."""
        return {}

    def cannot_tell(self, unknown: str) -> str:
        """Return why a part cannot learn something from this source, and what to do."""
        return (
            f"cannot learn {unknown} from a stream, whose first chunk does not show it; give it as a number, or call "
            "fit on all rows"
        )

    @abstractmethod
    def feature_range(self) -> tuple[NDArray, NDArray]:
        """Return the least and the greatest number of each feature, in the user's units."""

    @abstractmethod
    def target_range(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the least and the greatest of each target, in the user's units."""

    @abstractmethod
    def class_mass(self) -> NDArray[np.float64]:
        """Return the total weight of each class."""

    def encode(self, X: NDArray) -> Tensor:
        """Cast rows in the user's units to working units; a sparse matrix stays one."""
        if issparse(X):
            return cast(Tensor, sparse_rows(X / self.scale, self.dtype))
        encoded = torch.empty(X.shape, dtype=self.dtype, device=self.device)
        for rows in slices(X):
            encoded[rows] = self.tensor((X[rows] - self.shift) / self.scale)
        return encoded

    def decode(self, X: Tensor) -> NDArray[np.floating]:
        """Cast rows in working units back to the user's units and dtype."""
        rows = X.detach().cpu().double().numpy() * self.scale + self.shift
        return rows.astype(self.schema.float_dtype)

    def encode_targets(self, y: NDArray) -> Tensor:
        """Cast targets in the user's units to working units."""
        return self.tensor((y - self.target_shift) / self.target_scale)

    def decode_targets(self, y: Tensor) -> NDArray[np.float64]:
        """Cast targets in working units back to the user's units."""
        return y.detach().cpu().double().numpy() * self.target_scale + self.target_shift

    def no_rows(self) -> LabeledSet:
        """Return a set without rows, which shows shapes and dtypes."""
        weight, key = self.tensor(np.empty(0)), torch.empty(0, dtype=torch.int64, device=self.device)
        X = self.tensor(np.empty((0, *self.schema.input_shape)))
        return LabeledSet(weight, key, X, self.tensor(np.empty((0, self.schema.n_outputs))))

    def tensor(self, values: NDArray) -> Tensor:
        """Return an array as a tensor of the working dtype and device."""
        return torch.tensor(np.asarray(values, dtype=np.float64), dtype=self.dtype, device=self.device)
