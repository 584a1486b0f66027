"""Rows that share a basis."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from skdc.codes import Code, Products
from skdc.parameterizations.storage.base import Codec, Coder, Kept, Storage, at
from skdc.parameterizations.storage.free import or_free
from skdc.parameterizations.storage.real import RealRows


class LowRank(Storage):
    r"""Addressable memories: each row is a combination of a few that all share, :math:`X = A B` [1]_.

    The start is the best approximation of the rows with which free points start. For m points of d features it takes
    r (m + d) numbers in place of m d.

    Parameters
    ----------
    rank : int, default=10
        r, the rows of the basis; no more than points or features.
    inner : Storage, default=None
        How the basis is kept; None is `Free()`. With `Fixed()` the combinations alone move.

    References
    ----------
    .. [1] Deng and Russakovsky, "Remember the Past: Distilling Datasets into Addressable Memories for Neural
       Networks", 2022, eq. 3.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.parameterizations import Points
    >>> from skdc.parameterizations.storage import LowRank
    >>> Condenser(parameterization=Points(LowRank(rank=5)), n_per_class=10)
    Condenser(n_per_class=10, parameterization=Points(storage=LowRank(rank=5)))
    """

    rank: int = 10
    inner: Storage | None = None

    def build(self, X: Tensor, key: Tensor | None, real: RealRows, generator: torch.Generator) -> CombinedRows:
        """Return the combinations, from the rows that they are to be like."""
        most = min(len(X), X[0].numel())
        if not 1 <= self.rank <= most:
            raise ValueError(
                f"LowRank(rank={self.rank!r}): {len(X)} points of {X[0].numel()} features have a rank of 1 to {most}"
            )
        combinations, basis = _factors(X, self.rank)
        return CombinedRows(combinations, or_free(self.inner).build(basis, None, replace(real, alike=False), generator))

    def shows_images(self) -> bool:
        """Tell whether the basis does."""
        return or_free(self.inner).shows_images()

    def row_by_row(self) -> bool:
        """Tell that the basis is of all rows."""
        return False

    def numbers(self, n_rows: int, row_shape: tuple[int, ...]) -> list[Kept]:
        """Return the combinations, and the numbers of the basis."""
        basis = or_free(self.inner).numbers(self.rank, row_shape)
        return [Kept((n_rows, self.rank), by_feature=True), *(replace(kept, by_feature=False) for kept in basis)]

    def other_bytes(self, n_rows: int, row_shape: tuple[int, ...], n_classes: int) -> int:
        """Return what the basis takes beside its numbers."""
        return or_free(self.inner).other_bytes(self.rank, row_shape, n_classes)


class CombinedRows(Codec):
    """Rows that are combinations of a basis.

    Parameters
    ----------
    combinations : Tensor of shape (m, rank)
    basis : Codec
        Of `rank` rows.
    """

    def __init__(self, combinations: Tensor, basis: Codec) -> None:
        super().__init__()
        self.combinations, self.basis = nn.Parameter(combinations), basis

    def decode(self, places: Tensor | None = None) -> Tensor:
        """Return the rows."""
        basis = self.basis.decode()
        return (at(self.combinations, places) @ basis.flatten(1)).reshape(-1, *basis.shape[1:])

    def encode(self, X: Tensor) -> None:
        """Come as near as can be to other rows."""
        combinations, basis = _factors(X, self.combinations.shape[1])
        self.combinations.copy_(combinations)
        self.basis.encode(basis)

    def project(self, low: Tensor, high: Tensor) -> None:
        """Do nothing: no factors are nearest to rows between two ends."""

    def code(self, coder: Coder) -> Code | None:
        """Return the factors."""
        basis = self.basis.code(coder)
        return None if basis is None else Products(coder(self.combinations), basis)


def _factors(X: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Return factors of the best approximation of some rank, the second of the shape of rows.

    Entries of the first are of size 1, as a step has.
    """
    left, values, right = torch.linalg.svd(X.flatten(1), full_matrices=False)
    size = len(X) ** 0.5
    return size * left[:, :rank], ((values[:rank, None] / size) * right[:rank]).reshape(rank, *X.shape[1:])
