"""What each row is worth to a learner: Shapley values of neighbours, influence in kernel ridge regression."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import issparse
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics import pairwise_distances_chunked
from sklearn.metrics.pairwise import pairwise_kernels
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.multiclass import type_of_target

from skdc.containers import as_numbers, checked_labels, checked_targets

_MOST_LABELS = 100  # distinct numbers that may be labels
_MOST_ROWS = 10_000  # of kernel ridge regression, for a time that grows with their cube
_WORKING_MEMORY = 128  # MiB of distances


def row_values(
    X: ArrayLike,
    y: ArrayLike,
    learner: Any = None,
    *,
    X_valid: ArrayLike | None = None,
    y_valid: ArrayLike | None = None,
    task: Literal["auto", "classification", "regression"] = "auto",
) -> NDArray[np.float64]:
    r"""Return what each row adds to how well a learner predicts others; wrong labels have low, mostly negative values.

    In closed form, without a learner being trained anew: of `KNeighborsClassifier` and `KNeighborsRegressor` the
    Shapley values [1]_, which is what a row adds on average over all orders in which rows may come; of `KernelRidge`
    the influence, which is what is lost when the row is left out and all others are learned from.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n, ...)
        Rows of numbers, in which distances have a meaning; or a frame, of which `skdc.preprocessing.TabularEncoder`
        makes such rows.
    y : array-like of shape (n,)
        Labels, or numbers.
    learner : KNeighborsClassifier, KNeighborsRegressor or KernelRidge, default=None
        Whose parameters count; it is not fitted. None: the first of these that suits y, of 5 neighbours.
    X_valid, y_valid : array-like of shape (m, ...) and (m,), default=None
        Rows to be predicted, of which labels are right. None: each row is predicted from the others, and counts for
        the values of these.
    task : {"auto", "classification", "regression"}, default="auto"
        What y is, where neither learner nor targets tell.

    Returns
    -------
    ndarray of shape (n,)
        In units of what is predicted: the share of right votes among the neighbours of a row, or squared error (of
        labels, the squared distance from indicators of 0 and 1) that the row saves.

    Raises
    ------
    ValueError
        For bad input, and for learners of which no closed form is known; for more than 10,000 rows with `KernelRidge`.

    Notes
    -----
    Neighbours take a time that grows with the number of rows times that of rows to be predicted and its logarithm, in
    bounded memory; `KernelRidge` the cube of the number of rows. With labels of which a fifth is wrong,
    `label_agreement`, which asks a better learner, finds about as many of them (:ref:`benchmarks-values`).

    References
    ----------
    .. [1] Jia et al., "Efficient Task-Specific Data Valuation for Nearest Neighbor Algorithms", 2019, theorems 1 and 6.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import KMedoids
    >>> from skdc.weighting import row_values
    >>> X, y = load_iris(return_X_y=True)
    >>> y[:10] = 2
    >>> value = row_values(X, y)
    >>> (value[:10] < value[10:50].min()).all()
    np.True_
    >>> X_syn, y_syn = KMedoids(3, random_state=0).fit(X, y, sample_weight=value > 0)
    """
    rows = _rows(X, "X")
    targets, learner = _targets_and_learner(y, rows, learner, task)
    is_held_out = X_valid is not None
    if is_held_out != (y_valid is not None):
        raise ValueError("X_valid and y_valid go together; give both or none")
    valid, valid_targets = rows, targets
    if is_held_out:
        valid = _rows(X_valid, "X_valid", X)
        if valid.shape[1] != rows.shape[1]:
            raise ValueError(f"X_valid has {valid.shape[1]} features, X has {rows.shape[1]}; they must be the same")
        valid_targets = checked_targets(y_valid)
        check_consistent_length(valid, valid_targets)
    if isinstance(learner, KernelRidge):
        both = _indicators(targets, valid_targets)
        return _held_out_influence(learner, rows, valid, *both) if is_held_out else _influence(learner, rows, both[0])
    return _shapley(learner, rows, targets, valid, valid_targets, is_held_out)


def _rows(X: Any, name: str, like: Any = None) -> Any:
    """Return rows as a matrix of numbers; those of a frame by the codes that another has."""
    if like is not None and hasattr(like, "iloc"):
        from skdc.preprocessing import TabularEncoder

        return TabularEncoder().fit(like).transform(X)
    numbers = check_array(
        X if issparse(X) else as_numbers(X, name), accept_sparse="csr", allow_nd=True, input_name=name
    )
    return numbers if issparse(numbers) else numbers.reshape(len(numbers), -1)


def _targets_and_learner(y: Any, rows: Any, learner: Any, task: str) -> tuple[NDArray, Any]:
    """Return labels or numbers, and the learner of them."""
    if task not in ("auto", "classification", "regression"):
        raise ValueError(f"task={task!r} must be 'auto', 'classification' or 'regression'")
    targets = checked_targets(y)
    check_consistent_length(rows, targets)
    if targets.ndim > 1:
        raise ValueError(f"y of shape {targets.shape} must hold one label or number a row")
    if isinstance(learner, KNeighborsClassifier):
        task = "classification"
    elif isinstance(learner, KNeighborsRegressor):
        task = "regression"
    elif task == "auto":
        task = "regression" if type_of_target(targets) == "continuous" else "classification"
        if task == "classification" and targets.dtype.kind in "iuf" and len(np.unique(targets)) > _MOST_LABELS:
            raise ValueError(
                f"y holds {len(np.unique(targets))} distinct numbers: say task='regression' if they are quantities, "
                "task='classification' if they are labels"
            )
    targets = checked_labels(y, len(targets)) if task == "classification" else targets.astype(np.float64)
    if learner is None:
        learner = KNeighborsClassifier() if task == "classification" else KNeighborsRegressor()
    if not isinstance(learner, KNeighborsClassifier | KNeighborsRegressor | KernelRidge):
        raise ValueError(
            f"learner={learner!r}: values have a closed form for KNeighborsClassifier(), KNeighborsRegressor() and "
            "KernelRidge()"
        )
    if not isinstance(learner, KernelRidge) and learner.weights != "uniform":
        raise ValueError(
            f"learner={learner!r}: the closed form is of neighbours that count the same; use weights='uniform'"
        )
    return targets, learner


def _indicators(targets: NDArray, others: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return numbers as a column each, and labels as indicators of all classes."""
    if targets.dtype.kind == "f":
        return targets[:, None], others.astype(np.float64)[:, None]
    classes = np.union1d(targets, others)
    return tuple((values[:, None] == classes).astype(np.float64) for values in (targets, others))


# With rows in the order of their distance to one that is predicted, of label y, and a utility of
#     U(S) = 1/K sum over the min(K, |S|) nearest of S of [y_j = y]                                                 (1)
# two neighbours in that order differ in what they add by (Jia et al. 2019, theorem 1)
#     s_j - s_{j+1} = ([y_j = y] - [y_{j+1} = y]) / K  min(K, j) / j,    s_n = [y_n = y] min(K, n) / (n K)          (2)
# For numbers the utility is U(S) = -(1/K sum of the same y_j - y)^2, and (theorem 6)
#     s_j - s_{j+1} = (y_{j+1} - y_j) / K  min(K, j) / j  (1/K sum_l A_l y_l - 2 y)                                 (3)
#     A_l = (min(K, j) - 1) / (j - 1) for l < j,  1 for l = j, j + 1,
#           j min(K, l - 1) (min(K, l - 1) - 1) / ((l - 1) (l - 2) min(K, j)) for l > j + 1
#     s_n = -(K - 1) / (n K) y_n (y_n / K - 2 y + sum_{l < n} y_l / (n - 1)) - (y_n / K - y)^2 / n + y^2 / n
# for n >= K, about which targets are taken so that a prediction from nothing is their mean.
def _shapley(
    learner: Any, rows: Any, targets: NDArray, valid: Any, valid_targets: NDArray, is_held_out: bool
) -> NDArray[np.float64]:
    """Return the mean of the Shapley values over rows that are predicted."""
    n, k = rows.shape[0] - (not is_held_out), learner.n_neighbors
    if not 1 <= k <= n:
        raise ValueError(f"learner={learner!r}: there are {n} rows to be neighbours; lower n_neighbors")
    is_class = targets.dtype.kind != "f" or isinstance(learner, KNeighborsClassifier)
    center = 0.0 if is_class else targets.mean()
    totals, counts = np.zeros(rows.shape[0]), np.zeros(rows.shape[0])
    for start, order in _nearest(learner, rows, valid, is_held_out):
        of_valid = valid_targets[start : start + len(order)]
        if is_class:
            values = _shapley_of_classes((targets[order] == of_valid[:, None]).astype(np.float64), k)
        else:
            values = _shapley_of_numbers(targets[order] - center, of_valid.astype(np.float64) - center, k)
        np.add.at(totals, order, values)
        counts += len(order)
        if not is_held_out:
            counts[start : start + len(order)] -= 1
    return totals / counts


def _nearest(learner: Any, rows: Any, valid: Any, is_held_out: bool) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Yield the positions of rows from the nearest to the farthest, for some rows to be predicted after the other."""
    metric, given = learner.metric, dict(learner.metric_params or {})
    if metric == "minkowski":
        metric = {1: "manhattan", 2: "euclidean"}.get(learner.p, metric)
        given |= {"p": learner.p} if metric == "minkowski" else {}
    start = 0
    pieces = pairwise_distances_chunked(
        valid, rows, metric=metric, n_jobs=None, working_memory=_WORKING_MEMORY, **given
    )
    for distances in pieces:
        if not is_held_out:  # a row is no neighbour of itself
            distances[np.arange(len(distances)), np.arange(start, start + len(distances))] = np.inf
        order = np.argsort(distances, axis=1, kind="stable")
        yield start, order if is_held_out else order[:, :-1]
        start += len(distances)


def _shapley_of_classes(is_right: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """Return (2) of each row of neighbours, from the nearest to the farthest."""
    n = is_right.shape[1]
    places = np.arange(1, n)
    steps = (is_right[:, :-1] - is_right[:, 1:]) / k * (np.minimum(k, places) / places)
    return _from_the_last(steps, is_right[:, -1] * min(k, n) / (n * k))


def _shapley_of_numbers(y: NDArray[np.float64], wanted: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """Return (3) of each row of neighbours, from the nearest to the farthest."""
    n = y.shape[1]
    last = y[:, -1]
    others = y[:, :-1].sum(axis=1) / (n - 1) if n > 1 else np.zeros(len(y))
    final = -(k - 1) / (n * k) * last * (last / k - 2 * wanted + others) - ((last / k - wanted) ** 2 - wanted**2) / n
    j = np.arange(1, n, dtype=np.float64)
    nearest = np.minimum(k, j)
    before = np.cumsum(y, axis=1)[:, :-1] - y[:, :-1]  # sum of y_l, l < j
    share_before = np.divide(nearest - 1, j - 1, out=np.zeros_like(j), where=j > 1)
    place = np.arange(1, n + 1, dtype=np.float64)
    both = np.minimum(k, place - 1)
    product = (place - 1) * (place - 2)
    behind = np.divide(both * (both - 1), product, out=np.zeros_like(place), where=product > 0) * y
    after = np.cumsum(behind[:, ::-1], axis=1)[:, ::-1]  # sum over l >= place
    beyond = np.concatenate([after[:, 2:], np.zeros((len(y), 1))], axis=1)  # l > j + 1
    weighted = share_before * before + y[:, :-1] + y[:, 1:] + j / nearest * beyond
    steps = (y[:, 1:] - y[:, :-1]) / k * nearest / j * (weighted / k - 2 * wanted[:, None])
    return _from_the_last(steps, final)


def _from_the_last(steps: NDArray[np.float64], last: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return numbers of which the last are known, and by how much each is above the next."""
    return np.cumsum(np.column_stack([last, steps[:, ::-1]]), axis=1)[:, ::-1]


# With G = (K + alpha)^-1 and a = G Y, a row j that is not learned from is missed by a_j / G_jj. Without the rows i and
# j both, the part of a for them is that of the 2x2 block of G, so that j is missed by
#     e_j^{-ij} = (G_ii a_j - G_ij a_i) / (G_ii G_jj - G_ij^2)                                                      (4)
# and the value of i is the mean over j of |e_j^{-ij}|^2 - |a_j / G_jj|^2. A row v that was never learned from is
# predicted by k_v a, and without row i by k_v a - (k_v G)_i a_i / G_ii.
def _influence(learner: Any, rows: Any, targets: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean squared error that each row saves for the others, each of which is left out."""
    inverse, dual, _ = _solved(learner, rows, targets)
    own = inverse.diagonal()
    missed = np.square(dual / own[:, None]).sum(axis=1)
    determinant = np.outer(own, own) - inverse**2
    np.fill_diagonal(determinant, 1.0)
    both = np.zeros_like(inverse)  # [i, j]: how far j is missed without both
    for column in dual.T:
        both += np.square((own[:, None] * column - inverse * column[:, None]) / determinant)
    np.fill_diagonal(both, 0.0)
    return (both.sum(axis=1) - (missed.sum() - missed)) / (len(own) - 1)


def _held_out_influence(
    learner: Any, rows: Any, valid: Any, targets: NDArray[np.float64], wanted: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the mean squared error that each row saves for rows that are held out."""
    inverse, dual, kernel = _solved(learner, rows, targets)
    to_valid = kernel(valid)
    missed, shown = wanted - to_valid @ dual, to_valid @ inverse
    values = np.zeros(len(dual))
    for column, error in zip(dual.T, missed.T, strict=True):
        change = shown * (column / inverse.diagonal())
        values += (np.square(error[:, None] + change) - np.square(error)[:, None]).mean(axis=0)
    return values


def _solved(learner: Any, rows: Any, targets: NDArray[np.float64]) -> tuple[NDArray, NDArray, Any]:
    """Return (K + alpha)^-1, its product with the targets, and the kernel of other rows with these."""
    n = rows.shape[0]
    if n > _MOST_ROWS or n < 2:
        raise ValueError(
            f"KernelRidge of {n} rows: influence is known for 2 to {_MOST_ROWS}; take some of the rows, or values of "
            "KNeighborsClassifier() or KNeighborsRegressor()"
        )
    if np.ndim(learner.alpha) or not learner.alpha > 0:
        raise ValueError(f"learner={learner!r}: alpha must be one positive number")

    def kernel(others: Any) -> NDArray:
        if callable(learner.kernel):
            return pairwise_kernels(others, rows, metric=learner.kernel, **(learner.kernel_params or {}))
        given = {"gamma": learner.gamma, "degree": learner.degree, "coef0": learner.coef0}
        return pairwise_kernels(others, rows, metric=learner.kernel, filter_params=True, **given)

    matrix = np.asarray(kernel(rows), dtype=np.float64)
    matrix[np.diag_indices(n)] += learner.alpha
    inverse = cho_solve(cho_factor(matrix, overwrite_a=True), np.eye(n))
    return inverse, inverse @ targets, kernel
