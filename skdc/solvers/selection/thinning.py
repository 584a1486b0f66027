"""Kernel halving: of each pair of rows one is kept, such that the mean embedding of the cloud stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import log, sqrt
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skdc.kernels import MATRIX_ENTRIES
from skdc.seeds import proportional, uniform
from skdc.sets import Block
from skdc.solvers.selection.cells import Cell, completed

_PAIRS = 64  # of a bin, whose kernel with those before them is computed together


# Let the i-th pair of a bin be x_i and y_i, both of mass m_i, f_i = m_i (k(y_i, .) - k(x_i, .)), and psi the mean
# embedding of the rows kept less that of the rows left. A sign s = 1 keeps y_i:
#     psi_i = psi_{i-1} + s_i f_i,    |psi_i|^2 = |psi_{i-1}|^2 + 2 s_i <psi_{i-1}, f_i> + |f_i|^2                  (1)
# so that the best sign is that of -<psi_{i-1}, f_i>. KT-SPLIT [Dwivedi and Mackey 2022, algorithm 1a] draws it, by
#     P(s_i = 1) = min(1, (1 - <psi_{i-1}, f_i> / a_i)_+ / 2)                                                       (2)
#     a_i = max(sigma_{i-1} |f_i| b, |f_i|^2),    b = sqrt(2 log(2 / delta_i))                                      (3)
#     sigma_i^2 = sigma_{i-1}^2 + |f_i|^2 (1 + (|f_i|^2 - 2 a_i) sigma_{i-1}^2 / a_i^2)_+                           (4)
# with which psi is sub-Gaussian of parameter sigma, but for the probability of all delta_i together. a_i near zero
# makes (2) the better sign for certain. Products with psi_{i-1} are brought up to date by the Gram matrix of the f:
#     <psi_i, f_j> = <psi_{i-1}, f_j> + s_i <f_i, f_j>                                                              (5)
def halve(
    kernel: Callable[[Tensor, Tensor], Tensor],
    pairs: Tensor,
    mass: Tensor,
    tail: float | None,
    generator: torch.Generator,
) -> Tensor:
    r"""Keep one row of each pair, such that those kept and those left have nearly one mean embedding.

    Of a pair it keeps the row that brings these two nearest, for certain or with the probability of kernel thinning
    [1]_, pair after pair. All bins are walked through at once.

    Parameters
    ----------
    kernel : callable
        `kernel(rows, others)` of int64 tensors of shape (B, n) and (B, m) returns the kernel, of shape (B, n, m).
    pairs : int64 Tensor of shape (B, h, 2)
        The rows of each bin, in the order of the walk.
    mass : Tensor of shape (B, h)
        What each row of a pair weighs.
    tail : float or None
        :math:`b = \sqrt{2 \log(2 / \delta_i)}`; None: the better row for certain.
    generator : torch.Generator

    Returns
    -------
    int64 Tensor of shape (B, h)

    References
    ----------
    .. [1] Dwivedi and Mackey, "Generalized Kernel Thinning", 2022, KT-SPLIT.
    """
    n_bins, n_pairs = mass.shape
    # Symmetric about zero: a half and what it leaves have the same law.
    uniforms = 2 * uniform((n_pairs, n_bins), generator, mass) - 1
    signed, proxy = torch.zeros_like(mass), mass.new_zeros(n_bins)
    for start in range(0, n_pairs, _PAIRS):
        current, up_to_current = slice(start, start + _PAIRS), slice(0, start + _PAIRS)
        matrix = kernel(pairs[:, current].flatten(1), pairs[:, up_to_current].flatten(1))
        before, among = matrix[..., : 2 * start], matrix[..., 2 * start :]
        of_rows = torch.stack([-signed[:, :start], signed[:, :start]], 2).flatten(1)
        products = mass[:, current] * _differences((before @ of_rows[..., None])[..., 0], 1)  # <psi, f>
        gram = mass[:, current, None] * mass[:, None, current] * _differences(_differences(among, 1), 2)  # <f, f>
        # One pair behind the other, for all bins.
        products, gram = products.T.contiguous(), gram.permute(1, 2, 0).contiguous()
        thresholds, proxy = _thresholds(gram.diagonal().T.clamp_min(0), proxy, tail)
        cutoffs = thresholds * uniforms[current]
        for i in range(len(gram)):
            sign = torch.where(products[i] < cutoffs[i], 1.0, -1.0)  # (2)
            products[i + 1 :].addcmul_(gram[i, i + 1 :], sign)  # (5), by (1)
            signed[:, start + i] = sign
        signed[:, current] *= mass[:, current]
    return torch.where(signed > 0, pairs[..., 1], pairs[..., 0])


def _differences(values: Tensor, dim: int) -> Tensor:
    """Return the second less the first of each pair along a dimension."""
    first, second = values.unflatten(dim, (-1, 2)).unbind(dim + 1)
    return second - first


def _thresholds(squares: Tensor, proxy: Tensor, tail: float | None) -> tuple[Tensor, Tensor]:
    """Return a_i, of shape (n_pairs, B) as the squared norms of f_i are, and the last sigma^2."""
    if tail is None:
        return torch.finfo(squares.dtype).eps * squares, proxy  # chance breaks ties
    thresholds = torch.empty_like(squares)
    for i, square in enumerate(squares):
        least = torch.finfo(square.dtype).tiny
        thresholds[i] = torch.maximum(tail * (square * proxy).sqrt(), square).clamp_min_(least)  # (3)
        growth = 1 + (square / thresholds[i] - 2) * proxy / thresholds[i]
        proxy = proxy + square * growth.clamp_min_(0)  # (4)
    return thresholds, proxy


def thinned(
    leaves: list[Any],
    cell: Cell,
    sizes: NDArray[np.int64],
    oversampling: int,
    delta: float | None,
    generator: torch.Generator,
) -> NDArray[np.intp]:
    r"""Return rows of a cell whose mean embedding is that of the cell, in a time near linear in their number.

    Of each class as many rows are drawn as can be halved to what is wanted, by weight, a heavy one several times. They
    are halved in bins that double in size, so that four bins become one that is twice as large [1]_. All classes end
    together.

    Parameters
    ----------
    leaves : list of discrepancy
        Distances of mean embeddings, which are summed.
    cell : Cell
    sizes : ndarray of shape (n_classes,)
        How many rows of each class are wanted.
    oversampling : int
        g: the first bins hold :math:`4^{g+1}` rows.
    delta : float or None
        The probability that the bound of kernel thinning does not hold; None: no bound, and better halves.
    generator : torch.Generator

    Returns
    -------
    ndarray of shape (sum of sizes,)
        Their positions, class after class; heavy rows may be there several times.

    References
    ----------
    .. [1] Shetty, Dwivedi and Mackey, "Distribution Compression in Near-Linear Time", 2022, Compress.
    """
    terms = [(leaf, cell.block(leaf)) for leaf in leaves]
    weight = terms[0][1].weight
    members = {c: np.flatnonzero(cell.codes == c) for c in np.flatnonzero(sizes)}
    halvings = {c: int(len(rows) // sizes[c]).bit_length() - 1 for c, rows in members.items()}
    rows = {c: _drawn(weight, members[c], int(sizes[c]) << halvings[c], generator) for c in members}
    mass = _per_row(cell, sizes)
    tail = None if delta is None else sqrt(2 * log(2 * sum(map(len, rows.values())) / delta))
    n_halvings = max(halvings.values())
    for done in range(n_halvings):
        due = [c for c in members if halvings[c] >= n_halvings - done]
        size = 4 ** (oversampling + 1) << done
        half = _halved(terms, torch.cat([rows[c] for c in due]), mass, size, tail, generator)
        rows |= zip(due, half.split([len(rows[c]) // 2 for c in due]), strict=True)
    return torch.cat(list(rows.values())).cpu().numpy()


def _per_row(cell: Cell, sizes: NDArray[np.int64]) -> Tensor:
    """Return the mass of the class of each row over the number of rows that are to stand for it."""
    return replace(cell, quotas=sizes).shares()[torch.as_tensor(cell.codes, device=cell.weight.device)]


def _drawn(weight: Tensor, members: NDArray[np.intp], size: int, generator: torch.Generator) -> Tensor:
    """Return rows in random order, each as often as its share in the weight says, rounded up or down."""
    order = torch.as_tensor(members)[torch.randperm(len(members), generator=generator)].to(weight.device)
    return order[proportional(weight[order], size, generator)]


def _halved(
    terms: list[tuple[Any, Block]],
    rows: Tensor,
    mass: Tensor,
    size: int,
    tail: float | None,
    generator: torch.Generator,
) -> Tensor:
    """Return one of each two rows that follow each other, in bins of a given size; the last one may be smaller."""
    n_whole = len(rows) // size
    most_rows = MATRIX_ENTRIES // max(2 * _PAIRS, *(block.values.shape[1] for _, block in terms))
    bins = rows[: n_whole * size].view(n_whole, size).split(max(1, most_rows // size))
    halves = []
    for some in [*bins, rows[None, n_whole * size :]]:
        if not some.numel():
            continue
        parts = [(leaf.weight, leaf.submatrix(block.take(some.flatten()))) for leaf, block in terms]
        pairs = torch.arange(some.numel(), device=rows.device).view(len(some), -1, 2)

        def kernel(left: Tensor, right: Tensor) -> Tensor:
            return sum(factor * submatrix(left, right) for factor, submatrix in parts)  # noqa: B023

        halves.append(some.flatten()[halve(kernel, pairs, mass[some[:, ::2]], tail, generator).flatten()])
    return torch.cat(halves)


def compressed(
    leaves: list[Any],
    cell: Cell,
    size: int,
    generator: torch.Generator,
    oversampling: int = 3,
    delta: float | None = None,
) -> tuple[NDArray[np.intp], Cell]:
    """Return the positions of about `size` rows that stand for a cell, and the cell of these rows.

    There are at most `size` rows: of each class more than half of its share by weight, or all if it has fewer, but at
    least as many as are to be chosen. Rows of the new cell weigh what they stand for.

    Parameters
    ----------
    leaves, cell, oversampling, delta, generator
        As in `thinned`.
    size : int

    Returns
    -------
    positions : ndarray
    cell : Cell
    """
    counts = np.bincount(cell.codes, minlength=len(cell.quotas))
    share = np.bincount(cell.codes, cell.weight.double().cpu().numpy(), len(counts))
    sizes = np.maximum(1, size * share / share.sum())
    halvings = np.ceil(np.log2(np.maximum(1, counts / sizes))).astype(np.int64)
    while (short := counts >> halvings < cell.quotas).any():
        halvings -= short
    sizes = counts >> halvings
    chosen = thinned(leaves, cell, sizes, oversampling, delta, generator)
    rows = completed(cell, chosen, generator)
    copies = torch.as_tensor(np.bincount(chosen, minlength=len(cell))[rows]).to(cell.weight)
    some = cell.take(rows)
    # Rows that only fill a quota stand for next to nothing.
    weight = copies.clamp_min(torch.finfo(copies.dtype).eps) * _per_row(cell, sizes)[torch.as_tensor(rows)]
    return rows, replace(some, weight=weight)
