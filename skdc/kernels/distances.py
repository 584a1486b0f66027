"""Distances between rows, and the scale that a sample of rows has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from skdc.sources import scaled_products, squared_norms, squares_from

MEDIAN_ROWS = 1000  # a median distance is measured on a sample of this many rows
# Of a matrix of pairs, that are held at once: sixteen mebibytes, for which memory is used again; more than 32 are
# fetched from the system and given back each time, which takes longer than most of what is done with them.
MATRIX_ENTRIES = 1 << 22
KEPT_ENTRIES = 1 << 28  # and that are kept, to be read again and again: a gibibyte, all pairs of 16 384 rows


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """Return the squared Euclidean distances of rows, of shape (..., n, m); the gradient is finite everywhere.

    A row of a set is at no distance from itself, exactly: x and y are to be one object then. Products would leave a
    rounding error, which depends on the processor, and of which a root or a logarithm makes more.
    """
    squares = distances_of_norms(x, y, squared_norms(x), squared_norms(y))
    return with_diagonal(squares, 0.0) if x is y else squares


def with_diagonal(matrix: Tensor, value: float) -> Tensor:
    """Set the diagonal of matrices, of shape (..., n, n), where they are."""
    matrix.diagonal(dim1=-2, dim2=-1).fill_(value)
    return matrix


def distances_of_norms(x: Tensor, y: Tensor, x_norms: Tensor, y_norms: Tensor) -> Tensor:
    """Return the squared distances of rows of which the squared norms are known."""
    return scaled_products(x, y, -2, y_norms).add_(x_norms[..., None]).clamp_min_(0)


def distances(x: Tensor, y: Tensor) -> Tensor:
    """Return the Euclidean distances of rows, of shape (..., n, m); coincident rows have distance and gradient zero."""
    x_norms, y_norms = squared_norms(x), squared_norms(y)
    squares = distances_of_norms(x, y, x_norms, y_norms)
    # Rows that are a rounding error apart coincide: the root has no gradient at zero.
    distinct = squares > _rounding(x) * (x_norms[..., None] + y_norms[..., None, :])
    distinct = with_diagonal(distinct, False) if x is y else distinct
    return power(torch.where(distinct, squares, 0.0), 0.5)


def distance_columns(x: Tensor, exponent: float) -> Callable[[Tensor], Tensor]:
    """Return a function of some rows that gives the distances of all to them, to a power, of shape (len(x), m).

    It is `distances` without a gradient, for those who ask again and again: the squared norms are computed once. Rows
    far from zero are to be made `relative` before, all of them together: some may lie elsewhere than most.
    """
    # Rows that are a rounding error apart coincide, so that much is taken off all squares: one pass less than a mask.
    squares_at = squares_from(x, (1 - _rounding(x)) * squared_norms(x))

    def columns(rows: Tensor) -> Tensor:
        squares = squares_at(rows).clamp_min_(0)
        squares[rows, torch.arange(len(rows), device=rows.device)] = 0
        return squares if exponent == 2 else squares.sqrt_() if exponent == 1 else squares.pow_(exponent / 2)

    return columns


def _rounding(x: Tensor) -> float:
    """Return the share of the squared norms by which the squared distance of two equal rows may be off."""
    return 8 * torch.finfo(x.dtype).eps


def power(values: Tensor, exponent: float) -> Tensor:
    """Return a power of values that are not negative; at zero it is zero, and so is its gradient."""
    positive = values > 0
    return torch.where(positive, torch.where(positive, values, 1.0) ** exponent, 0.0)


def resolve_bandwidth(
    bandwidth: Literal["median"] | float | Sequence[float], values: Tensor, mass: Tensor
) -> np.ndarray:
    """Return the bandwidths as an array of shape (n_bandwidths,).

    Raises
    ------
    ValueError
        If a bandwidth is not a positive number, or a word other than "median".
    """
    if isinstance(bandwidth, str):
        if bandwidth != "median":
            raise ValueError(f"bandwidth={bandwidth!r} is not known; use 'median', a number or a list of numbers")
        return np.array([median_distance(values, mass)])
    bandwidths = np.atleast_1d(np.asarray(bandwidth, dtype=float))
    if bandwidths.size == 0 or not np.all(np.isfinite(bandwidths)) or np.any(bandwidths <= 0):
        raise ValueError(f"bandwidth={bandwidth!r} must be 'median', or positive numbers in the units of the rows")
    return bandwidths


def median_distance(values: Tensor, mass: Tensor) -> float:
    """Return the weighted median distance between rows; their root mean square if that is 0; 1 if it is too."""
    values, mass = values.double(), mass.double()
    left, right = torch.triu_indices(len(values), len(values), device=values.device)
    squares, norms = squared_distances(values, values)[left, right], squared_norms(values)
    # Rows that are equal are a rounding error apart, which is no distance; that of others, far off, says nothing here.
    squares[squares < _rounding(values) * (norms[left] + norms[right])] = 0
    # A pair of two rows stands for both of its orders.
    pair_mass = mass[left] * mass[right] * torch.where(left == right, 1.0, 2.0)
    order = squares.argsort()
    cumulative = pair_mass[order].cumsum(0)
    # A little under one half: at exactly one half, rounding would decide between two distances.
    half = (0.5 - 1e-9) * cumulative[-1]
    median = squares[order][torch.searchsorted(cumulative, half)]
    mean = (squares * pair_mass).sum() / cumulative[-1]
    return float(median.sqrt()) or float(mean.sqrt()) or 1.0
