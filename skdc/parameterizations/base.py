"""The contract of a parameterization: how the synthetic set is stored, and what of it may move."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from skdc.fields import SharedParts
from skdc.parameterizations.labels import KeptLabels
from skdc.parameterizations.storage.base import group_of
from skdc.sets import LabeledSet
from skdc.sources import Passes, Schema, Source


class LiveSet(nn.Module, ABC):
    """A synthetic set in the making; calling it gives the set, or the part of it at some places.

    Its torch parameters are in units of the spread of the data, so that one step size fits all.

    Parameters
    ----------
    key : Tensor of shape (m,)
        The class code of each point.
    weight : Tensor of shape (m,)
        The mass of each point, 1 on average.
    learned : bool, default=False
        Whether the targets move.
    soft : bool, default=False
        Whether the targets say more than a label each.
    kept_labels : KeptLabels, default=None
        What is kept of soft labels, where that is not all.
    """

    key: Tensor
    weight: Tensor

    def __init__(
        self,
        key: Tensor,
        weight: Tensor,
        learned: bool = False,
        soft: bool = False,
        kept_labels: KeptLabels | None = None,
    ) -> None:
        super().__init__()
        self.learned, self.soft, self.kept_labels = learned, soft, kept_labels
        self.register_buffer("key", key)
        self.register_buffer("weight", weight)

    @abstractmethod
    def forward(self, places: Tensor | None = None) -> LabeledSet:
        """Return the points at some positions, or all for None, differentiable in the parameters."""

    def groups(self) -> list[dict[str, Any]]:
        """Return the torch parameter groups, each with the step size "lr" where it has one of its own."""
        return group_of(self)

    def project(self) -> None:
        """Bring the parameters back to where they may be, after a step (nothing by default)."""

    @abstractmethod
    def shown(self, rows: LabeledSet, y_syn: NDArray | None, source: Any, containers: Any) -> Any:
        """Return the set as a condenser shows it, which the containers of the data make of it.

        Parameters
        ----------
        rows : LabeledSet
            The solution.
        y_syn : ndarray or None
            Its targets, in the user's units.
        source : Source
        containers : Containers
            Asked for rows that were `made`, or for rows of the data that were `chosen`.
        """


class Parameterization(SharedParts, ABC):
    """How the synthetic set is stored; a parameter object that builds live sets.

    Attributes
    ----------
    moves : {"values", "indices"}
        Whether a solver moves numbers by their gradient, or chooses rows.
    """

    moves: ClassVar[Literal["values", "indices"]]

    def streams(self) -> bool:
        """Tell whether a sketch is enough to build from."""
        return False

    def passes(self) -> bool:
        """Tell whether it can be built in passes over the rows: where a sketch is enough, unless it says otherwise."""
        return self.streams()

    def is_generator(self) -> bool:
        """Tell whether the set is a generator, of which rows are draws (not by default)."""
        return False

    def needs_products(self) -> bool:
        """Tell whether a sketch has to keep the means and products of rows, too (not by default)."""
        return False

    def takes_sparse(self) -> bool:
        """Tell whether it is built of rows that are sparse (not by default)."""
        return False

    def takes_distinct_rows(self) -> bool:
        """Tell whether each point takes a row of the data for itself, so that there must be enough of them."""
        return self.moves == "indices"

    def seen(self, source: Passes, sizes: NDArray[np.int64], generator: torch.Generator) -> Passes:
        """Return the data as all parts are to see them, of which a set of `sizes[c]` points of class c is made: as is.

        What it returns may be a part of them, of which `places` tells the positions.
        """
        return source

    @abstractmethod
    def build(self, source: Source, sizes: NDArray[np.int64], generator: torch.Generator) -> LiveSet:
        """Return a live set of `sizes[c]` points of class c."""

    @abstractmethod
    def n_bytes(self, n_points: int, schema: Schema) -> int:
        """Return how many bytes points and their targets take, by arithmetic, before any are built.

        Parameters
        ----------
        n_points : int
            0 asks for what does not grow with the points, such as a basis.
        schema : Schema
            Of the data.
        """


def class_weights(source: Source, sizes: NDArray[np.int64]) -> Tensor:
    """Return point masses, 1 on average, that give each class the mass that it has in the data."""
    share = np.divide(source.class_mass(), sizes, out=np.zeros(len(sizes)), where=sizes > 0)
    weight = np.repeat(share, sizes)
    return source.tensor(weight / weight.mean())


def class_keys(source: Source, sizes: NDArray[np.int64]) -> Tensor:
    """Return the class code of each point, class after class."""
    return torch.as_tensor(np.repeat(np.arange(len(sizes)), sizes), device=source.device)
