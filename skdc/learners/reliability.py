"""Where a teacher is reliable: where it predicts held-out rows better than class shares, or the mean, do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def reliable_classes(
    predicted: NDArray[np.float64], codes: NDArray[np.int64], weight: NDArray[np.float64], shares: NDArray[np.float64]
) -> NDArray[np.bool_]:
    r"""Tell for which classes a teacher is reliable.

    By the log loss of rows held out: it has to be less than that of the class shares :math:`q`, on the rows of the
    class and on all,

    .. math:: \sum_i w_i \log(p'_i / q_i) > \tfrac12 \log(n + 1), \qquad p'_i = (n p_i + q_i) / (n + 1),

    for n such rows. A teacher may be good but for a rare class, or good for one class because it says nothing else.
    The row more, of which the teacher knows the shares only, bounds the loss of a probability of 0; what it has to gain
    is that of the Bayesian information criterion, so that chance is not taken for skill.

    Parameters
    ----------
    told : ndarray of shape (n,)
        The probability that the teacher gives to the class of each held-out row.
    codes : ndarray of shape (n,)
        Those classes.
    weight : ndarray of shape (n,)
        Masses of the rows.
    shares : ndarray of shape (n_classes,)
        Of the classes in the mass of the data.

    Returns
    -------
    ndarray of shape (n_classes,)
        False for a class without held-out rows.
    """
    counts = np.bincount(codes, weight, len(shares))
    there = np.where(counts > 0, shares, 0)
    # All rows count as many as they are, but each class as in the data.
    scale = np.divide(there * counts.sum(), counts * there.sum(), out=np.zeros(len(shares)), where=counts > 0)
    if not _is_better(predicted, shares[codes], weight * scale[codes]):
        return np.zeros(len(shares), dtype=bool)
    own = [codes == c for c in range(len(shares))]
    return np.array([_is_better(predicted[rows], shares[codes[rows]], weight[rows]) for rows in own])


def _is_better(predicted: NDArray[np.float64], shares: NDArray[np.float64], weight: NDArray[np.float64]) -> bool:
    n = weight.sum()
    return bool(weight @ np.log((n * predicted / shares + 1) / (n + 1)) > np.log(n + 1) / 2)


def reliable_outputs(
    predicted: NDArray[np.float64], values: NDArray[np.float64], weight: NDArray[np.float64], mean: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Tell for which targets a teacher is reliable: where its squared error on rows held out is less than the mean's.

    Parameters
    ----------
    told, values : ndarray of shape (n, n_outputs)
        Predictions of held-out rows, and their targets.
    weight : ndarray of shape (n,)
    mean : ndarray of shape (n_outputs,)
        Of the targets in the data.

    Returns
    -------
    ndarray of shape (n_outputs,)
    """
    n = weight.sum()
    return weight @ (predicted - values) ** 2 * (n + 1) < weight @ (mean - values) ** 2 * n
