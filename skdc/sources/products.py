"""What is computed of rows that may be dense or sparse: the one place where the two are told apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

import torch
from torch import Tensor

from skdc.sets import Block
from skdc.sources.sparse import SparseRows

TILE = 2048  # rows at a time: what is made of them stays in the cache
_MIDDLE_ROWS = 100  # where rows lie is seen on about so many


def squared_norms(x: Tensor) -> Tensor:
    """Return the squared Euclidean norms of rows, of shape (..., n)."""
    return x.squared_norms() if isinstance(x, SparseRows) else x.square().sum(-1)


def products(x: Tensor, y: Tensor) -> Tensor:
    """Return the inner products of rows, of shape (..., n, m)."""
    return x.products(y) if isinstance(x, SparseRows) else x @ y.mT


def products_above(x: Tensor, bound: float) -> Callable[[Tensor], Tensor]:
    """Return a function of other rows that gives their products with some, as far as these are above a bound.

    All are of length one. Of sparse rows, products that are not above the bound may be given as zero.
    """
    return x.above(bound) if isinstance(x, SparseRows) else partial(products, x)


def scaled_products(x: Tensor, y: Tensor, factor: float, offset: Tensor) -> Tensor:
    """Return the inner products of rows, times a number, plus a number for each row of y, in a tensor of their own."""
    # In place: nothing but the result is as large as the result.
    if isinstance(x, SparseRows):
        return x.products(y).mul_(factor).add_(offset)
    product = torch.addmm if x.ndim == 2 else torch.baddbmm
    return product(offset[..., None, :], x, _paired(y).mT, alpha=factor)[..., : y.shape[-2]].contiguous()


def squares_from(x: Tensor, norms: Tensor) -> Callable[[Tensor], Tensor]:
    """Return a function of some rows that gives the squared distances of all to them, of shape (n, len(rows)).

    Parameters
    ----------
    x : rows of shape (n, d)
    norms : Tensor of shape (n,)
        What counts for their squared norms.
    """
    if isinstance(x, SparseRows):
        return lambda rows: scaled_products(x, x[rows], -2, norms[rows]).add_(norms[:, None])
    # The norms come in as two features more, for the product is by far the quickest pass, in tiles quicker still.
    right = torch.cat([x, torch.ones_like(norms[:, None]), norms[:, None]], 1)
    tiles = [tile.T for tile in right.split(TILE)]

    def squares(rows: Tensor) -> Tensor:
        values, one, norm = right[rows].tensor_split([-2, -1], 1)
        left = torch.cat([-2 * values, norm, one], 1)
        if len(rows) == 1:
            return (right @ _paired(left).T)[:, :1].contiguous()
        # One column after the other in memory, as they are asked for.
        return torch.cat([left @ tile for tile in tiles], 1).T

    return squares


def _paired(y: Tensor) -> Tensor:
    """Return a single row twice: two columns of a product take less time than one, which has a routine of its own."""
    return y.repeat(2, 1) if y.ndim == 2 and len(y) == 1 else y


def relative(x: Tensor) -> Tensor:
    """Return rows without what no distance knows of: features that are the same in all, and where the rows lie.

    What is left has smaller norms, and these have smaller rounding errors. Sparse rows stay as they are, or they would
    be dense.
    """
    if isinstance(x, SparseRows) or not len(x):
        return x
    varies = x.amax(0) > x.amin(0)
    x = x if varies.all() else x.index_select(1, varies.nonzero()[:, 0])
    # About the median, of some rows for speed: a mean follows one absurd row.
    return x - x.detach()[:: max(1, len(x) // _MIDDLE_ROWS)].median(0).values


def copied(x: Tensor) -> Tensor:
    """Return a copy of rows outside the graph; sparse ones, which nothing changes, as they are."""
    return x if isinstance(x, SparseRows) else x.detach().clone()


def joined(parts: Sequence[Tensor]) -> Tensor:
    """Return rows that come in pieces as one."""
    if len(parts) == 1:
        return parts[0]
    if isinstance(parts[0], SparseRows):
        return cast(Tensor, SparseRows.joined(cast(Sequence[SparseRows], parts)))
    return torch.cat(list(parts))


def joined_block(parts: Sequence[Block]) -> Block:
    """Return a block that comes in pieces as one."""
    weight, key = (torch.cat([getattr(part, name) for part in parts]) for name in ("weight", "key"))
    return Block(weight, key, joined([part.values for part in parts]))
