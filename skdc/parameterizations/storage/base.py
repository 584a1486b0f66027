"""The contract of a storage: how rows are kept, and what of them may move."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

import torch
from torch import Tensor, nn

from skdc.codes import Code
from skdc.fields import SharedParts
from skdc.parameterizations.storage.real import RealRows

Coder = Callable[[Tensor], Code]  # makes a code of the numbers of a codec


class Codec(nn.Module, ABC):
    """Live rows, as a storage keeps them.

    Rows are in units of the spread of the data (the root of the mean feature variance), and so should be all numbers
    that move, that one step size may fit all. Its torch parameters are all numbers that are kept of rows, whether they
    move or not, in the order of `Storage.numbers`; and those of `Unkept`, which move, and are not kept as numbers.
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

    def forward(self, places: Tensor | None = None) -> Tensor:
        """Return `decode(places)`."""
        return self.decode(places)

    def code(self, coder: Coder) -> Code | None:
        """Return what a file keeps, from which numpy alone decodes the same rows; None keeps the rows (the default).

        Parameters
        ----------
        coder : callable
            Makes a code of each of its parameters.
        """
        return None


class Unkept(nn.Module):
    """Numbers of a codec that move and are not kept, but for what follows from them, such as which colour is nearest.

    Parameters
    ----------
    values : Tensor
    """

    def __init__(self, values: Tensor) -> None:
        super().__init__()
        self.values = nn.Parameter(values)


def kept_parameters(codec: Codec) -> dict[str, nn.Parameter]:
    """Return the parameters of a codec that are kept, by name, in their order."""
    others = {id(part.values) for part in codec.modules() if isinstance(part, Unkept)}
    return {name: values for name, values in codec.named_parameters() if id(values) not in others}


@dataclass(frozen=True)
class Kept:
    """Numbers that are kept.

    Parameters
    ----------
    shape : tuple of int
    by_feature : bool
        Whether those of one column are of a kind, over many rows; else all are.
    """

    shape: tuple[int, ...]
    by_feature: bool

    @property
    def n_features(self) -> int:
        """How many kinds there are."""
        return prod(self.shape[1:]) if self.by_feature else 1


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

    def has_code(self, row_shape: tuple[int, ...], n_classes: int) -> bool:
        """Tell whether codecs have a code, where codes are what it `keeps`, so that budgets count it (the default).

        Else the rows are what a file keeps, and what is counted.

        Parameters
        ----------
        row_shape : tuple of int
        n_classes : int
            1 where there are no classes.
        """
        return True

    def needs_products(self) -> bool:
        """Tell whether it learns from the means and products of rows, and nothing else of the data (not by default).

        A stream keeps these for it.
        """
        return False

    def shows_images(self) -> bool:
        """Tell whether rows are images, whose numbers have one origin (not by default)."""
        return False

    def few_bits(self) -> bool:
        """Tell whether images take so few bits that they have one range, and not one a pixel (not by default)."""
        return False

    def row_by_row(self) -> bool:
        """Tell whether each row has numbers of its own, which those of others do not change (the default)."""
        return True

    def elementwise(self) -> bool:
        """Tell whether the numbers that are kept are those of the rows, each for itself (not by default)."""
        return False

    @abstractmethod
    def build(self, X: Tensor, key: Tensor | None, real: RealRows, generator: torch.Generator) -> Codec:
        """Return a codec of rows that start at others, or as near to them as can be.

        Parameters
        ----------
        X : Tensor of shape (m, ...)
            The rows to start from, in units of the spread of the data.
        key : int64 Tensor of shape (m,) or None
            The class code of each; None where they are no points, but what points are made of.
        real : RealRows
            Those of the data, in the same units.
        generator : torch.Generator

        Raises
        ------
        ValueError
            If a parameter makes no sense, or the rows do not suit the storage.
        """

    @abstractmethod
    def numbers(self, n_rows: int, row_shape: tuple[int, ...]) -> list[Kept]:
        """Return the numbers that rows are kept as, by arithmetic, before any are built.

        Parameters
        ----------
        n_rows : int
            0 asks for what does not grow with the rows, such as a basis.
        row_shape : tuple of int
        """

    def other_bytes(self, n_rows: int, row_shape: tuple[int, ...], n_classes: int) -> int:
        """Return how many bytes other things take, such as masks (none by default)."""
        return 0

    def n_bytes(self, n_rows: int, row_shape: tuple[int, ...], itemsize: int, n_classes: int = 1) -> int:
        """Return how many bytes rows take, by arithmetic, before any are built.

        Parameters
        ----------
        n_rows, row_shape
            As in `numbers`.
        itemsize : int
            Bytes of a number that is kept.
        n_classes : int, default=1
            Of the rows.
        """
        numbers = sum(prod(kept.shape) for kept in self.numbers(n_rows, row_shape))
        return numbers * itemsize + self.other_bytes(n_rows, row_shape, n_classes)


def group_of(module: nn.Module) -> list[dict[str, Any]]:
    """Return the parameters of a module that move as one torch parameter group, or no group without any."""
    moving = [parameter for parameter in module.parameters() if parameter.requires_grad]
    return [{"params": moving}] if moving else []


def at(values: Tensor, places: Tensor | None) -> Tensor:
    """Return the rows of a tensor at some places, or all for None."""
    return values if places is None else values.index_select(0, places)
