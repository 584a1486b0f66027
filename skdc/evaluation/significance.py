"""Means over repeats whose training rows overlap: intervals, and tests of differences."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

# Scores of repeated splits are no independent draws, since the splits share training rows: with J splits, n rows to
# train on and t to test by, and the sample variance s^2 of the scores, the variance of their mean is about
#
#     s^2 (1 / J + t / n)                                                     (Nadeau and Bengio, 2003, equation 9)
#
# and not s^2 / J. The mean by its root follows about Student's law with J - 1 degrees of freedom; with splits of
# repeated cross validation too (Bouckaert and Frank, 2004). One set of test rows for all repeats, t / n = 0 here,
# leaves the plain t test: it tells what the seeds do, and nothing of other rows.


def confidence_interval(scores: NDArray[np.float64], ratio: float, confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval of a mean; NaN for less than two scores.

    Parameters
    ----------
    scores : ndarray of shape (n_repeats,)
    ratio : float
        Test rows by training rows of a split; 0 where all repeats have the same test rows.
    confidence : float, default=0.95

    Examples
    --------
    >>> import numpy as np
    >>> from skdc.evaluation.significance import confidence_interval
    >>> low, high = confidence_interval(np.array([0.8, 0.9, 1.0]), ratio=0.5)
    >>> round(low, 3), round(high, 3)
    (0.507, 1.293)
    """
    error = _standard_error(scores, ratio)
    half = float(student.ppf((1 + confidence) / 2, max(len(scores) - 1, 1))) * error
    return float(scores.mean()) - half, float(scores.mean()) + half


def p_value_of(differences: NDArray[np.float64], ratio: float) -> float:
    """Return the p-value of a mean of paired differences for 0, two-sided; NaN where they tell nothing.

    Differences that are all 0 have p-value 1. Others without spread, or less than two, have none.

    Parameters
    ----------
    differences : ndarray of shape (n_repeats,)
    ratio : float
        As in `confidence_interval`.
    """
    if len(differences) > 1 and not differences.any():
        return 1.0
    error = _standard_error(differences, ratio)
    if not error > _ROUNDING * np.abs(differences).max():
        return np.nan
    return float(2 * student.sf(abs(differences.mean()) / error, len(differences) - 1))


_ROUNDING = 1e-12  # relatively smaller deviations are those of sums of floats


def _standard_error(values: NDArray[np.float64], ratio: float) -> float:
    """Return the root of the variance of the mean above; NaN for less than two values."""
    return float(values.std(ddof=1) * np.sqrt(1 / len(values) + ratio)) if len(values) > 1 else np.nan
