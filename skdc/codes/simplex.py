"""Class probabilities out of any numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def on_simplex(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the nearest probabilities to each row [1]_.

    Parameters
    ----------
    values : ndarray of shape (m, k)

    References
    ----------
    .. [1] Held, Wolfe and Crowder, "Validation of subgradient optimization", 1974.

    Examples
    --------
    >>> import numpy as np
    >>> from skdc.codes import on_simplex
    >>> on_simplex(np.array([[0.7, 0.6, -0.2]])).round(2)
    array([[0.55, 0.45, 0.  ]])
    """
    ordered = -np.sort(-values, axis=1)
    excess = np.cumsum(ordered, axis=1) - 1  # of the first numbers, if they were all that is left
    counts = np.arange(1, values.shape[1] + 1)
    last = (ordered * counts > excess).sum(axis=1) - 1
    shift = excess[np.arange(len(values)), last] / (last + 1)
    return np.maximum(values - shift[:, None], 0.0).astype(np.float64)
