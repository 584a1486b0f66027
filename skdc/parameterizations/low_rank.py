"""Points that share a basis."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from skdc.parameterizations.points import Points


class LowRank(Points):
    r"""Addressable memories: each point is a combination of rows that all share, :math:`X = A B` [1]_.

    The start is the best approximation of the rows with which free points start. For m points of d features it takes
    r (m + d) numbers in place of m d.

    Parameters
    ----------
    rank : int, default=10
        r, the rows of the basis; no more than points or features.
    labels, start, teacher, within
        As in `Points`.

    References
    ----------
    .. [1] Deng and Russakovsky, "Remember the Past: Distilling Datasets into Addressable Memories for Neural
       Networks", 2022, eq. 3.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.parameterizations import LowRank
    >>> Condenser(parameterization=LowRank(rank=5), n_per_class=10)
    Condenser(n_per_class=10, parameterization=LowRank(rank=5))
    """

    def __init__(
        self,
        rank: int = 10,
        labels: Literal["hard", "learned", "probabilities", "teacher"] = "hard",
        start: Any = "rows",
        teacher: Any = None,
        within: Any = "data",
    ) -> None:
        super().__init__(labels, start, teacher, within)
        self.rank = rank

    def rows(self, X: Tensor) -> nn.Module:
        """Return the combinations, from the rows that they are to be like.

        Raises
        ------
        ValueError
            If the rank is less than 1, or more than points or features.
        """
        most = min(len(X), X[0].numel())
        if not 1 <= self.rank <= most:
            raise ValueError(
                f"LowRank(rank={self.rank!r}): {len(X)} points of {X[0].numel()} features have a rank of 1 to {most}"
            )
        return CombinedRows(X, self.rank)


class CombinedRows(nn.Module):
    """Rows that are combinations of a basis.

    Parameters
    ----------
    X : Tensor of shape (m, *input_shape)
        Rows that they are to be like.
    rank : int
    """

    def __init__(self, X: Tensor, rank: int) -> None:
        super().__init__()
        self._shape = X.shape
        combinations, basis = _factors(X.flatten(1), rank)
        self.combinations, self.basis = nn.Parameter(combinations), nn.Parameter(basis)

    def forward(self) -> Tensor:
        """Return the rows."""
        return (self.combinations @ self.basis).reshape(self._shape)

    def load(self, X: Tensor) -> None:
        """Come as near as can be to other rows."""
        combinations, basis = _factors(X.flatten(1), len(self.basis))
        self.combinations.copy_(combinations)
        self.basis.copy_(basis)

    def project(self, low: Tensor, high: Tensor) -> None:
        """Do nothing: no factors are nearest to rows between two ends."""


def _factors(X: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Return factors of the best approximation of some rank; entries of the first are of size 1, as a step has."""
    left, values, right = torch.linalg.svd(X, full_matrices=False)
    size = len(X) ** 0.5
    return size * left[:, :rank], (values[:rank, None] / size) * right[:rank]
