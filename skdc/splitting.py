"""Splits of data into sets of which each is like the whole."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral, Real
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state
from sklearn.utils.metadata_routing import UNUSED

from skdc.containers import as_array, has_units
from skdc.fields import Fields, TransformerMixin, require_whole
from skdc.fitting.input import read
from skdc.fitting.runtime import isolated
from skdc.kernels import MATRIX_ENTRIES
from skdc.preprocessing import TabularEncoder

_N_FEATURES = 512  # of which each compares the sets along one direction, at one place
_SMOOTHING = 12  # parts of the range of a direction, over one of which a step is spread out
_COMPARED = 20_000  # rows of which all distances are computed
_TAIL, _FARTHEST = 0.001, 20.0  # share of far values at each end of a column, and where they are cut off, in its units
_SAMPLE = 2048  # rows by which is seen in which column others differ most


class CondensingSplit(Fields):
    r"""Splits of which each test set is like the whole: for cross-validation, a train and a test set, or batches.

    A random test set is like the data by chance, and scores on it vary by how it was drawn. Here rows are put in groups
    of near ones, within their class, of which each set gets one; and which of them is chosen so that the energy
    distance of each set to the whole, in X and y together, is small [1]_. The sets are disjoint. It is a splitter of
    scikit-learn, for `cross_val_score`, `GridSearchCV(cv=...)` and others.

    Parameters
    ----------
    n_splits : int, default=5
        Sets, each of which is the test set once.
    test_size : float, default=None
        Share of the rows in each set, no more than `1 / n_splits`; rows that are in no set are in every training set.
        None: `1 / n_splits`, so that each row is in one test set. `CondensingSplit(1, test_size=0.25)` makes one split
        in a training and a test set.
    task : {"auto", "classification", "regression"}, default="auto"
        What y is, as in the condensers.
    encoder : transformer, "auto" or None, default="auto"
        Makes numbers of X whose distances have a meaning. "auto" takes columns of arrays and frames in units of their
        deviations, and categories of frames as indicators; images and other rows of one scale stay as they are.
    random_state : int, RandomState or None, default=None

    Notes
    -----
    The time grows with the number of rows times its logarithm, and up to 20,000 rows with its square: as many have all
    their distances computed, which is what brings the sets nearest to the whole. Test scores are those of rows like the
    whole, and vary less; rows that depend on each other (of one patient, say) are torn apart, which `GroupKFold` of
    scikit-learn does not do, and so are those that follow each other in time.

    References
    ----------
    .. [1] Vakayil and Joseph, "Data Twinning", 2022, which has the objective; groups and exchanges are not theirs.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import cross_val_score
    >>> from skdc import CondensingSplit
    >>> X, y = load_iris(return_X_y=True)
    >>> scores = cross_val_score(LogisticRegression(max_iter=1000), X, y, cv=CondensingSplit(5, random_state=0))
    >>> len(scores)
    5
    >>> train, test = next(CondensingSplit(1, test_size=0.2, random_state=0).split(X, y))
    >>> len(train), len(test)
    (120, 30)
    """

    __metadata_request__split = {"groups": UNUSED}  # noqa: RUF012  # groups are refused

    n_splits: int = 5
    test_size: float | None = None
    task: Literal["auto", "classification", "regression"] = "auto"
    encoder: TransformerMixin | Literal["auto"] | None = "auto"
    random_state: int | np.random.RandomState | None = None

    def get_n_splits(self, X: object = None, y: object = None, groups: object = None) -> int:
        """Return the number of splits.

        Parameters
        ----------
        X, y, groups : ignored
        """
        return require_whole("n_splits", self.n_splits, 1 if self.test_size is not None else 2)

    def split(
        self, X: ArrayLike, y: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Yield the rows of the training set and those of the test set, split by split.

        Parameters
        ----------
        X : array, frame or tensor of shape (n, ...)
        y : array-like of shape (n,) or (n, n_outputs), default=None
            Labels, of which each set has its share; or numbers, which are compared beside X.
        groups : None
            Rows of a group would be torn apart.

        Yields
        ------
        train, test : ndarray of int

        Raises
        ------
        ValueError
            For bad input, groups, and sets that the rows are too few for.
        """
        which = self.sets(X, y, groups)
        for i in range(self.get_n_splits()):
            yield np.flatnonzero(which != i), np.flatnonzero(which == i)

    def sets(self, X: ArrayLike, y: ArrayLike | None = None, groups: ArrayLike | None = None) -> NDArray[np.intp]:
        """Return the number of the set that each row is in, from 0; -1 for rows that are in none.

        Parameters
        ----------
        X, y, groups
            As in `split`.

        Returns
        -------
        ndarray of shape (n,)
        """
        n_splits = self.get_n_splits()
        share = self._share(n_splits)
        if groups is not None:
            raise ValueError(
                "CondensingSplit puts near rows in different sets, and would tear groups apart; leave groups=None, or "
                "use GroupKFold of sklearn.model_selection"
            )
        values, codes = self._compared(X, y)
        if (len(values) // n_splits if self.test_size is None else round(share * len(values))) < 1:
            raise ValueError(
                f"{self!r}: of {len(values)} rows there are none for each of {n_splits} set(s); lower n_splits, or "
                "raise test_size"
            )
        with isolated(None):
            return balanced_sets(values, codes, n_splits, share, check_random_state(self.random_state))

    def _share(self, n_splits: int) -> float:
        if self.test_size is None:
            return 1 / n_splits
        size = self.test_size
        if isinstance(size, Integral) or not isinstance(size, Real) or not 0 < size <= min(1 / n_splits, 0.5) + 1e-9:
            raise ValueError(
                f"CondensingSplit(n_splits={n_splits}, test_size={size!r}): it must be a share of rows, above 0 and "
                f"no more than {min(1 / n_splits, 0.5):.3g}, for sets are disjoint"
            )
        return float(size)

    def _compared(self, X: ArrayLike, y: ArrayLike | None) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return rows and targets as numbers, in columns of like size, and the class of each row."""
        encoder, own_units = self.encoder, False
        if isinstance(encoder, str) and encoder == "auto":
            own_units = hasattr(X, "iloc") or has_units(np.asarray(as_array(X)))
            encoder = TabularEncoder(numbers=StandardScaler()) if hasattr(X, "iloc") else None
        problem = read(clone(self), X, y, task=self.task, encoder=encoder)
        values = problem.X.reshape(len(problem.X), -1).astype(np.float64)
        values = in_own_units(values) if own_units else (values - values.mean(axis=0)) / (values.std() or 1.0)
        compared = [values] if problem.y is None else [values, in_own_units(problem.y)]
        return np.concatenate(compared, axis=1).astype(np.float32), problem.codes


def in_own_units(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return columns about their medians, in units of their deviations, on which a few far values have no influence.

    Parameters
    ----------
    values : ndarray of shape (n, d)
        Two values that a column has are two units apart.
    """
    low, middle, high = np.quantile(values, [_TAIL, 0.5, 1 - _TAIL], axis=0)
    unit = np.clip(values, low, high).std(axis=0)
    least, greatest = values.min(axis=0), values.max(axis=0)
    is_rare = (unit == 0) | ((values == least) | (values == greatest)).all(axis=0)
    unit = np.where(is_rare, (greatest - least) / 2, unit)
    return np.clip((values - middle) / np.where(unit > 0, unit, 1.0), -_FARTHEST, _FARTHEST)


# With f(x) the features of a row, less their mean over its group, and S_k the sum of those in set k, of n rows each,
# sum_k |S_k|^2 / n^2 is the squared distance of the sets to the whole. A row i that comes to set k adds
#     2 f(i)' S_k + |f(i)|^2                                                                                        (1)
# to |S_k|^2. For the energy distance features are steps 1[u'x <= t] along directions u, at all t, the products of which
#     f(i)' f(j) = r(i) + r(j) - |x_i - x_j| + const.,    r(i) the mean distance of row i to all,
# so that (1) is, but for what all sets share, with d(i, k) the sum of the distances of row i to the rows of set k
#     2 n r(i) - 2 d(i, k)                                                                                          (2)
# A group of near rows gives one to each set: the best assignment is that of least sum of (1) or (2), which is linear,
# since no set gets two of them. First the groups are gone through once, with some features by (1), which takes a time
# linear in the rows; then, of not too many rows, once more by (2), which is exact.
def balanced_sets(
    values: NDArray[np.float32],
    codes: NDArray[np.int64],
    n_sets: int,
    share: float,
    random: np.random.RandomState,
) -> NDArray[np.intp]:
    """Return sets of rows that are like the whole.

    Parameters
    ----------
    values : ndarray of shape (n, d)
    codes : ndarray of shape (n,)
        The class of each row, of which each set gets its share.
    n_sets : int
    share : float
        Of the rows, that each set gets.
    random : RandomState

    Returns
    -------
    ndarray of shape (n,)
        The set of each row; -1 for none.
    """
    groups = _groups(values, codes, n_sets, share)
    which = np.full(len(values), -1, dtype=np.intp)
    _assign_by_features(values, groups, which, n_sets, random)
    if len(values) <= _COMPARED:
        _assign_by_distances(values, groups, which, n_sets, share)
    return which


def _groups(values: NDArray, codes: NDArray, n_sets: int, share: float) -> list[NDArray[np.intp]]:
    """Return groups of near rows of one class, about `1 / share` in each; one of the rows that classes leave over.

    The rows of a class are cut in two again and again, across the column in which they differ most.
    """
    groups, rest = [], []
    for c in np.unique(codes):
        rows = np.flatnonzero(codes == c)
        n_groups = int(share * len(rows) + 1e-9)
        ends = np.floor(np.arange(n_groups + 1) / share + 1e-9).astype(np.intp)  # of groups, if rows were in order
        if n_groups == 0:
            rest.append(rows)
            continue
        over = len(rows) - ends[-1]
        if over:  # those that are farthest from the others go about as well as any
            away = np.square(values[rows] - values[rows].mean(axis=0)).sum(axis=1)
            order = np.argsort(away, kind="stable")
            rest.append(rows[order[len(rows) - over :]])
            rows = np.sort(rows[order[: len(rows) - over]])
        waiting = [(rows, ends)]
        while waiting:
            some, cuts = waiting.pop()
            if len(cuts) == 2:
                groups.append(some)
                continue
            middle = len(cuts) // 2
            cut = cuts[middle] - cuts[0]
            widest = values[some[:: -(-len(some) // _SAMPLE)]].var(axis=0).argmax()
            order = np.argpartition(values[some, widest], cut - 1)
            waiting += [(some[order[cut:]], cuts[middle:]), (some[order[:cut]], cuts[: middle + 1])]
    left = np.concatenate(rest) if rest else np.empty(0, dtype=np.intp)
    if n_sets * share < 1 - 1e-9:  # what is over stays outside, but for what is missing of the sets
        left = left[: max(0, round(share * len(values)) - len(groups)) * n_sets]
    return groups + [left[start : start + n_sets] for start in range(0, len(left), n_sets)]


def _assign_by_features(
    values: NDArray, groups: list[NDArray[np.intp]], which: NDArray[np.intp], n_sets: int, random: np.random.RandomState
) -> None:
    """Give a row of each group to each set, by (1)."""
    steps = _Steps(values, random)
    sums, sizes = np.zeros((n_sets, _N_FEATURES), dtype=np.float32), np.zeros(n_sets, dtype=np.int64)
    block = max(1, MATRIX_ENTRIES // (_N_FEATURES * max(map(len, groups))))
    for start in range(0, len(groups), block):
        some = groups[start : start + block]
        features = np.split(steps(values[np.concatenate(some)]), np.cumsum([len(rows) for rows in some])[:-1])
        for rows, of_group in zip(some, features, strict=True):
            of_rows = of_group - of_group.mean(axis=0)  # else sets would make up for groups that are still to come
            cost = 2 * of_rows @ sums.T + np.square(of_rows).sum(axis=1, keepdims=True)
            places, sets = _matched(cost, sizes)
            which[rows[places]] = sets
            sums[sets] += of_rows[places]
            sizes[sets] += 1


def _matched(cost: NDArray, sizes: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return which rows of a group go to which sets; of fewer rows than sets, to the smallest ones."""
    n_rows, n_sets = cost.shape
    sets = np.arange(n_sets) if n_rows >= n_sets else np.sort(np.argsort(sizes, kind="stable")[:n_rows])
    places, columns = linear_sum_assignment(cost[:, sets])
    return places, sets[columns]


class _Steps:
    """Random features of the energy distance: steps along directions, which are spread out a little.

    Parameters
    ----------
    values : ndarray of shape (n, d)
    random : RandomState
    """

    def __init__(self, values: NDArray[np.float32], random: np.random.RandomState) -> None:
        d = values.shape[1]
        shape = d, min(d, _N_FEATURES)
        blocks = [np.linalg.qr(random.normal(size=shape))[0] for _ in range(-(-_N_FEATURES // d))]
        self._directions = np.concatenate(blocks, axis=1)[:, :_N_FEATURES].astype(np.float32)
        low, high = np.full(_N_FEATURES, np.inf, np.float32), np.full(_N_FEATURES, -np.inf, np.float32)
        pieces = np.array_split(values, -(-len(values) * _N_FEATURES // MATRIX_ENTRIES))
        for piece in pieces:
            along = piece @ self._directions
            low, high = np.minimum(low, along.min(axis=0)), np.maximum(high, along.max(axis=0))
        span = high - low
        places = (random.permutation(_N_FEATURES) + random.uniform(size=_N_FEATURES)) / _N_FEATURES
        self._at = (low + span * places).astype(np.float32)
        self._width = (np.where(span > 0, span, 1) / _SMOOTHING).astype(np.float32)
        self._height = np.sqrt(span)

    def __call__(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the features of rows."""
        along = (self._at - values @ self._directions) / self._width + np.float32(0.5)
        return np.asarray(np.clip(along, 0, 1, out=along) * self._height, dtype=np.float32)


def _assign_by_distances(
    values: NDArray, groups: list[NDArray[np.intp]], which: NDArray[np.intp], n_sets: int, share: float
) -> None:
    """Give the rows of each group to the sets anew, by (2)."""
    n = len(values)
    rows_of = torch.from_numpy(values)
    block = max(1, MATRIX_ENTRIES // (n * max(map(len, groups))))
    for start in range(0, len(groups), block):
        some = groups[start : start + block]
        together = np.concatenate(some)
        distances = torch.cdist(rows_of[together], rows_of)
        own = (which[:, None] == np.arange(n_sets)).astype(np.float32)
        to_sets, to_all = (distances @ torch.from_numpy(own)).numpy(), distances.sum(dim=1).numpy()
        among, first = distances[:, together].numpy(), 0
        for rows in some:
            places = slice(first, first + len(rows))
            first += len(rows)
            taken = np.flatnonzero(which[rows] >= 0)
            before = which[rows[taken]]
            without = to_sets[places].copy()
            without[:, before] -= among[places, places][:, taken]
            cost = share * to_all[places, None] - without
            columns = before if len(taken) < n_sets else np.arange(n_sets)
            found, order = linear_sum_assignment(cost[:, columns])
            sets = columns[order]
            moved = np.full(len(rows), -1, dtype=np.intp)
            moved[found] = sets
            for i in np.flatnonzero(moved != which[rows]):
                column = among[:, places.start + i]
                for k, sign in ((which[rows[i]], -1), (moved[i], 1)):
                    if k >= 0:
                        to_sets[:, k] += sign * column
            which[rows] = moved
