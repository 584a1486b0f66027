"""Discrepancies between blocks whose rows correspond one to one."""

from __future__ import annotations

import torch
from torch import Tensor

from skdc.data import Block
from skdc.discrepancies.base import Discrepancy


class SquaredL2(Discrepancy):
    """Weighted mean over rows of the squared Euclidean distance; in the squared unit of the space.

    Parameters
    ----------
    space, by, reduce, weight
        As in `Discrepancy`; a space that yields aligned blocks.

    Examples
    --------
    >>> from skdc.discrepancies import SquaredL2
    >>> from skdc.spaces import KernelRidgePredictions
    >>> SquaredL2(space=KernelRidgePredictions(), by=None)
    SquaredL2(by=None, space=KernelRidgePredictions())
    """

    compares = "aligned"

    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return the weighted mean of the squared distances of the rows."""
        return p.mass @ (p.values - q.values).square().sum(1)


class Cosine(Discrepancy):
    """Sum over rows of one minus their cosine, as gradient matching compares output units [1]_; without unit.

    Parameters
    ----------
    space, by, reduce, weight
        As in `Discrepancy`; a space that yields aligned blocks.

    References
    ----------
    .. [1] Zhao, Mopuri and Bilen, "Dataset Condensation with Gradient Matching", 2021, eq. 10.

    Examples
    --------
    >>> from skdc.discrepancies import Cosine
    >>> from skdc.spaces import NetworkGradients
    >>> Cosine(space=NetworkGradients())
    Cosine(space=NetworkGradients())
    """

    compares = "aligned"

    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return the sum of 1 - cos over the rows; a row of zeros counts as orthogonal."""
        return (1 - (_directions(p.values) * _directions(q.values)).sum(1)).sum()


def _directions(rows: Tensor) -> Tensor:
    # The norm has no gradient at a row of zeros: its root is kept away from there.
    tiny = torch.finfo(rows.dtype).tiny
    return rows / (rows.square().sum(1, keepdim=True) + tiny).sqrt()
