"""The contract of a storage: how rows are kept, and what of them may move."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Literal

import torch
from torch import Tensor, nn

from skdc.fields import SharedParts
from skdc.sources import Schema, Source


class Codec(nn.Module, ABC):
    """Live rows, as a storage keeps them.

    Rows are in units of the spread of the data (the root of the mean feature variance), and so should be all numbers
    that move, that one step size may fit all.
    """

    @abstractmethod
    def decode(self, places: Tensor | None = None) -> Tensor:
        """Return rows, differentiable in the parameters.

        Parameters
        ----------
        places : int64 Tensor of shape (k,), default=None
            Which rows, by their positions; no others are computed. None returns all.

        Returns
        -------
        Tensor of shape (k, ...)
        """

    @abstractmethod
    def encode(self, X: Tensor) -> None:
        """Move all rows as near as can be to others; it is called under `torch.no_grad`.

        Parameters
        ----------
        X : Tensor of shape (m, ...)
        """

    @abstractmethod
    def project(self, low: Tensor, high: Tensor) -> None:
        """Bring the parameters back to where rows are between two ends, or nearly so; called under `torch.no_grad`.

        Parameters
        ----------
        low, high : Tensor
            They broadcast to the rows. Whatever is left beyond them is cut off where the set is shown.
        """

    def groups(self) -> list[dict[str, Any]]:
        """Return the torch parameter groups, each with the step size "lr" where it has one of its own."""
        return group_of(self)


class Storage(SharedParts, ABC):
    """How rows are kept; a parameter object that builds codecs."""

    def takes_distinct_rows(self) -> bool:
        """Tell whether rows stay those of the data, so that all must be different, and none can be noise."""
        return False

    def keeps(self) -> Literal["codes", "rows", "changes"]:
        """Tell what is kept.

        Codes that rows are computed from, which are floats (the default); the rows as they come out, so that whole
        numbers stay whole; or what changes of such rows, so that they have to move.
        """
        return "codes"

    @abstractmethod
    def build(self, X: Tensor, key: Tensor | None, source: Source, generator: torch.Generator) -> Codec:
        """Return a codec of rows that start at others, or as near to them as can be.

        Parameters
        ----------
        X : Tensor of shape (m, ...)
            The rows to start from, in units of the spread of the data.
        key : int64 Tensor of shape (m,) or None
            The class code of each; None where they are no points, but what points are made of.
        source : Source
            The data.
        generator : torch.Generator

        Raises
        ------
        ValueError
            If a parameter makes no sense, or the rows do not suit the storage.
        """

    @abstractmethod
    def n_bytes(self, n_rows: int, row_shape: tuple[int, ...], itemsize: int) -> int:
        """Return how many bytes rows take, by arithmetic, before any are built.

        Parameters
        ----------
        n_rows : int
            0 asks for what does not grow with the rows, such as a basis.
        row_shape : tuple of int
        itemsize : int
            Bytes of a number that is kept.
        """

    def decoder_bytes(self, schema: Schema) -> int:
        """Return how many bytes all rows share beside those of `n_bytes`: what depends on the classes, too."""
        return 0


def group_of(module: nn.Module) -> list[dict[str, Any]]:
    """Return the parameters of a module that move as one torch parameter group, or no group without any."""
    moving = [parameter for parameter in module.parameters() if parameter.requires_grad]
    return [{"params": moving}] if moving else []


def at(values: Tensor, places: Tensor | None) -> Tensor:
    """Return the rows of a tensor at some places, or all for None."""
    return values if places is None else values.index_select(0, places)
