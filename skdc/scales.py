"""Units in which rows are seen: their centre, their scale, and how many digits it takes to tell them apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import frexp, sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn.utils.validation import _check_sample_weight, _num_samples

from skdc.finite import not_finite

_CAST_BYTES = 1 << 21  # rows are cast in pieces of this many float64 bytes, which stay in the cache
LARGEST = 1e152  # of a number whose square, and sums of such squares, are numbers
_NEAR_ONE = 1e12  # scales up to here, and down to its inverse, leave float32 room for squares
_LEAST_WEIGHT = 1e-15  # relative weights down to here leave float32 room for products
_MAX_ROUNDING = 1e-2  # the rounding of squared distances that is borne, as a share of those of neighbours
_SAMPLE = 256  # rows that show how near neighbours are
_PAIR_NUMBERS = 5 * 10**7  # and numbers in all their pairs
_MEDIAN_ROWS = 4096  # rows of which a median is taken
_NEARLY_ALL = 0.9  # of the variance
_FEW = 0.1  # of the rows; of more, up to half, the others have to be alike in float32
_FEWEST = 20  # rows of which some can be far
_GAP = 10.0  # how many times farther from the middle than any other


def refuse_extremes(values: Any, name: str, positions: NDArray[np.intp] | None = None) -> None:
    """Refuse numbers whose squares are no numbers; `positions` says where the rows stand for the user."""
    entries = values.data if issparse(values) else values
    if not entries.size or entries.dtype.kind != "f":
        return
    high, low = float(entries.max()), float(entries.min())
    largest = max(high, -low)
    if 1 / LARGEST < largest < LARGEST or not largest:
        return
    if largest < 1:
        raise ValueError(f"no number in {name} is larger than {largest:.4g}: give it in a smaller unit, 1e-150 or more")
    where = ""
    if not issparse(values):
        place = np.unravel_index((values.argmax if high == largest else values.argmin)(), values.shape)
        row = place[0] if positions is None else positions[place[0]]
        where = f" in row {row}" + "".join(f", column {int(column)}" for column in place[1:])
    raise ValueError(
        f"{name} holds {high if high == largest else low:.4g}{where}: give it in a larger unit, in which no number is "
        "above 1e150, or leave the row out"
    )


def numeric_weight(sample_weight: Any, rows: Any, name: str = "sample_weight") -> NDArray[np.float64]:
    """Return the weight of each row, 1 for None; a number is that of all."""
    given = np.asarray(sample_weight)
    if given.dtype.kind == "f":
        odd = not_finite(given if given.ndim else np.broadcast_to(given, _num_samples(rows)))
        if odd:
            raise ValueError(f"Input {name} contains {odd}; give finite numbers, 0 to leave a row out")
    try:
        return _check_sample_weight(sample_weight, rows, dtype=np.float64, ensure_non_negative=True)
    except (TypeError, ValueError) as error:
        if isinstance(sample_weight, Mapping) or np.asarray(sample_weight).dtype.kind not in "fiub":
            raise ValueError(
                f"{name}={sample_weight!r:.60} must be one number a row, such as "
                "sklearn.utils.class_weight.compute_sample_weight('balanced', y) gives"
            ) from error
        raise


Spread = tuple[Any, Any, Any]  # mass, mean of each column, and sum of squares about it, as arrays or tensors


def merged_spread(one: Spread, other: Spread) -> Spread:
    """Return the spread of two parts together: no cancellation where means are far apart.

    Source: Chan, Golub and LeVeque (1979), eq. 2.1.
    """
    (mine, mean, scatter), (theirs, other_mean, other_scatter) = one, other
    total, difference = mine + theirs, other_mean - mean
    together = scatter + other_scatter + difference**2 * (mine * theirs / total)
    return total, mean + difference * (theirs / total), together


class Far(NamedTuple):
    """Rows that lie far from all others, and hold nearly all of the variance.

    Parameters
    ----------
    n_rows : int
    farthest : tuple of (int, int)
        The farthest of them, and the column in which it is.
    share : float
        The part of the squared distances from the middle that is theirs.
    """

    n_rows: int
    farthest: tuple[int, int]
    share: float


class RowMoments(NamedTuple):
    """What one look at all rows tells.

    Parameters
    ----------
    mean : ndarray of shape (d,)
        Of each feature; exactly the value of one that has a single one.
    deviation : float
        Root of the mean variance of the features.
    size : float
        The largest mean.
    far : Far or None
        The rows that lie far from all others, if there are some.
    """

    mean: NDArray[np.float64]
    deviation: float
    size: float
    far: Far | None

    @classmethod
    def of(cls, X: Any, weight: NDArray[np.float64]) -> RowMoments:
        """Return the moments of weighted rows; of sparse ones about zero: centred they would be dense."""
        if issparse(X):
            return cls._of_sparse(X, weight)
        (mean, farthest), center = middle(X, weight), weighted_median(X, weight, _SAMPLE)
        unit = _power_of_two(float(farthest.max()))
        scatter, squares, differ = 0.0, [], []
        for rows, part in pieces(X, weight):
            about_mean, about_median = rows - mean, rows - center
            if unit != 1:
                about_mean, about_median = about_mean / unit, about_median / unit
            scatter += float(part @ (about_mean**2).sum(axis=1))
            squares.append(np.einsum("ij,ij->i", about_median, about_median))
            differ.append(about_median.any(axis=1))
        deviation = unit * sqrt(scatter / (weight.sum() * max(mean.size, 1)))
        far = _far(np.concatenate(squares), np.concatenate(differ), weight, lambda row: X[row].reshape(-1) - center)
        return cls(mean, deviation, float(np.abs(mean).max(initial=0)), far)

    @classmethod
    def _of_sparse(cls, X: Any, weight: NDArray[np.float64]) -> RowMoments:
        mean = weight @ X / weight.sum()
        unit = _power_of_two(float(np.abs(X.data).max(initial=0)))
        squares = (((X / unit) if unit != 1 else X) ** 2).sum(axis=1)
        scatter = float((weight * squares).sum()) / weight.sum()
        variance = max(scatter - (mean / unit) @ (mean / unit), 0) / mean.size
        far = _far(squares, np.diff(X.indptr) > 0, weight, lambda row: X[[row]].toarray()[0])
        return cls(np.zeros_like(mean), unit * sqrt(variance), float(np.abs(mean).max()), far)


def _far(
    squares: NDArray[np.float64],
    differ: NDArray[np.bool_],
    weight: NDArray[np.float64],
    from_median: Callable[[int], NDArray[np.float64]],
) -> Far | None:
    """Return the rows that are far from the others, given squared distances from the middle and which are not zero.

    Between them and the others is a gap, which tells them from the tail of what is skewed; and the others differ, which
    tells them from what is rare among equals, such as the ones of an indicator.
    """
    near = squares <= squares.max(initial=0) / _GAP**2
    if len(squares) < _FEWEST or weight[near].sum() < 0.49 * weight.sum():  # below a gap lies half of the mass
        return None
    order = squares.argsort(kind="stable")
    ordered, mass = squares[order], weight[order]
    scatter, below = (mass * ordered).cumsum(), mass.cumsum()
    gap = (ordered[1:] >= _GAP**2 * ordered[:-1]) & np.logical_or.accumulate(differ[order])[:-1] & (ordered[1:] > 0)
    rest, of_mass = scatter[:-1] / (scatter[-1] or 1.0), 1 - below[:-1] / below[-1]
    few = (of_mass <= _FEW) & (rest < 1 - _NEARLY_ALL)
    starts = np.flatnonzero(gap & (few | (of_mass <= 0.5) & (rest < np.finfo(np.float32).eps))) + 1
    if not len(starts):
        return None
    farthest = int(order[-1])
    return Far(
        len(order) - int(starts[0]), (farthest, int(np.abs(from_median(farthest)).argmax())), 1 - rest[starts[0] - 1]
    )


def hold_names(n_levels: int, n_rows: int, most: int) -> bool:
    """Tell whether a column holds names or texts: of more values than `most`, and of more than half as many as rows."""
    return n_levels > max(most, n_rows // 2)


def middle(X: NDArray, weight: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the weighted mean of each feature, exactly the value of one that has a single one, and how far it goes."""
    sums, low, high = 0.0, np.inf, -np.inf
    for rows, part in pieces(X, weight):
        sums = sums + part @ rows
        low, high = np.minimum(low, rows.min(axis=0)), np.maximum(high, rows.max(axis=0))
    mean = np.clip(sums / weight.sum(), low, high)
    return mean, np.maximum(high - mean, mean - low)


def pieces(X: NDArray, weight: NDArray[np.float64]) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Yield rows as float64, each of one dimension, some at a time, and their weights."""
    for rows in slices(X):
        yield X[rows].reshape(rows.stop - rows.start, -1).astype(np.float64), weight[rows]


def piece_length(X: NDArray, n_bytes: int, width: int = 1) -> int:
    """Return how many rows take so many bytes, counting float64 entries or `width` float64 numbers for each row.

    Of sparse rows the entries that are there are counted.
    """
    matrix: Any = X
    n_entries = matrix.nnz // max(1, matrix.shape[0]) if issparse(X) else int(np.prod(X.shape[1:]))
    return max(1, n_bytes // (8 * max(n_entries, width, 1)))


def slices(X: NDArray, n_bytes: int = _CAST_BYTES, width: int = 1) -> Iterator[slice]:
    """Cut rows into pieces of so many bytes, counted as in `piece_length`."""
    step = piece_length(X, n_bytes, width)
    for start in range(0, X.shape[0], step):
        yield slice(start, min(start + step, X.shape[0]))


def _power_of_two(size: float) -> float:
    """Return a power of two near a size whose square may be no number; 1 for others, and for zero."""
    return 1.0 if not size or 1e-100 < size < 1e100 else 2.0 ** frexp(size)[1]


def unit_of(deviation: ArrayLike, size: ArrayLike) -> NDArray[np.float64]:
    """Return a deviation to divide by; that of rounding, for numbers of that size, where it is no more.

    What does not vary so has a unit in which a step is rounding; zeros have the least unit that squares leave room for.
    """
    rounding = np.maximum(8 * np.finfo(np.float64).eps * np.asarray(size), 1 / LARGEST)
    return np.maximum(deviation, rounding)


def _spread_out(n: int, size: int) -> NDArray[np.intp]:
    """Return up to `size` of n positions, evenly spread, but not in steps of one length that an order could have."""
    if n <= size:
        return np.arange(n)
    return np.unique((np.arange(size) * 0.6180339887498949 % 1 * n).astype(np.intp))


def exceeds_float32_range(weight: NDArray[np.float64], scale: float) -> bool:
    """Tell whether squares in the user's units, or products with weights, would be no numbers in float32."""
    return not 1 / _NEAR_ONE < scale < _NEAR_ONE or bool(weight.min() < _LEAST_WEIGHT)


def exceeds_float32_precision(X: Any, shift: NDArray[np.float64], scale: float) -> bool:
    """Tell whether float32 would lose what tells rows apart, so that they are to be seen in float64.

    Squared distances are off by the rounding of squared norms. That is compared with the squared distances of
    neighbours, on a sample: one row far from all, or classes far apart, make norms large and leave neighbours near.
    """
    import torch  # it takes seconds to load, and sets, which know their scaling, are read without

    d = int(np.prod(X.shape[1:]))
    some = X[_spread_out(X.shape[0], max(16, min(_SAMPLE, int(sqrt(_PAIR_NUMBERS / max(d, 1))))))]
    rows = (some.toarray() if issparse(some) else some).reshape(some.shape[0], -1).astype(np.float64)
    rows = torch.as_tensor((rows - np.reshape(shift, -1)) / scale)
    pairwise = torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist")
    nearest = torch.where(pairwise > 0, pairwise, torch.inf).amin(1)
    nearest = nearest[nearest.isfinite()]
    if not len(nearest):
        return False
    # The mean square of all rows is d in these units, whatever the sample shows.
    norms = max(float(d), float(rows.square().sum(1).mean()))
    return bool(np.finfo(np.float32).eps * norms > _MAX_ROUNDING * float(nearest.median()) ** 2)


def weighted_median(X: NDArray, weight: NDArray[np.float64], n_rows: int = _MEDIAN_ROWS) -> NDArray[np.float64]:
    """Return the weighted median of each feature, of shape (d,); of some rows, where they are many."""
    some = _spread_out(X.shape[0], n_rows)
    rows, weight = X[some].reshape(len(some), -1).astype(np.float64), weight[some]
    order = rows.argsort(axis=0, kind="stable")
    below = weight[order].cumsum(axis=0)
    place = (below >= below[-1] * (0.5 - 1e-9)).argmax(axis=0)
    columns = np.arange(rows.shape[1])
    return rows[order[place, columns], columns]
