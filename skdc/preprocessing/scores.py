"""Numbers as normal scores: where they stand among the others, on the scale of a Gaussian."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from skdc.fields import Fields, OneToOneFeatureMixin, TransformerMixin, require_whole
from skdc.isolation import all_or_nothing
from skdc.preprocessing.checks import FLOATS, weighted_columns


class NormalScores(OneToOneFeatureMixin, TransformerMixin, Fields):
    r"""Encode each column by the normal scores of its values [1]_.

    A value with a mass :math:`m` of the others below it and of :math:`w` equal to it becomes

    .. math:: \Phi^{-1}((m + w / 2) / n),

    where :math:`\Phi` is the distribution function of a Gaussian and n the mass of all. So a column has the shape of a
    Gaussian, whatever its own: heavy tails, skew and sentinels such as 999999 do not blur distances, and no row is far
    from everything. Between the values seen codes are linear, so that the way back is exact but for rounding; outside
    they are those of the ends. scikit-learn's `QuantileTransformer` differs for values that repeat: of a column that is
    mostly zero it puts the zeros at the end of the scale.

    Parameters
    ----------
    n_knots : int, default=1000
        The most values of a column whose scores are kept; of more, as many from all over the ranks.

    Attributes
    ----------
    knots_ : list of (ndarray, ndarray)
        Values of each column in rising order, and their scores.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where X is a frame.

    References
    ----------
    .. [1] van der Waerden, "Order Tests for the Two-Sample Problem and Their Power", 1952, for values without ties.

    Examples
    --------
    >>> from skdc.preprocessing import NormalScores
    >>> encoder = NormalScores().fit([[0.0], [1.0], [2.0], [3.0], [999999.0]])
    >>> codes = encoder.transform([[0.0], [1.5], [2.0], [999999.0]])
    >>> codes.round(2)
    array([[-1.28],
           [-0.26],
           [ 0.  ],
           [ 1.28]])
    >>> encoder.inverse_transform(codes).round(6).ravel().tolist()
    [0.0, 1.5, 2.0, 999999.0]
    """

    n_knots: int = 1000

    @all_or_nothing
    def fit(self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None) -> Self:
        """Find the scores of the values.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
        y : ignored
        sample_weight : array-like of shape (n,), default=None
            A row of weight 2 counts as the row twice.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For bad input.
        """
        n_knots = require_whole("n_knots", self.n_knots, 2)
        columns, weight = weighted_columns(self, X, sample_weight)
        self.knots_ = [_knots(column, weight, n_knots) for column in columns]
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the scores of rows X of shape (n, n_features)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=FLOATS, reset=False)
        return _interpolated(X, self.knots_)

    def inverse_transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the rows that scores X of shape (n, n_features) stand for."""
        check_is_fitted(self)
        X = check_array(X, dtype=FLOATS)
        if X.shape[1] != len(self.knots_):
            raise ValueError(f"X has {X.shape[1]} columns, but {len(self.knots_)} have been fitted")
        return _interpolated(X, [knots[::-1] for knots in self.knots_])


def _interpolated(X: NDArray, knots: list[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> NDArray[np.float64]:
    """Return what is between knots; column by column, as there may be many rows."""
    found = np.empty(X.shape)
    for j, (values, results) in enumerate(knots):
        found[:, j] = np.interp(X[:, j], values, results)
    return found


def _knots(
    values: NDArray[np.float64], weight: NDArray[np.float64], most: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return values in rising order and their scores, which rise too."""
    distinct, place = np.unique(values, return_inverse=True)
    mass = np.bincount(place, weight / weight.max())
    middle = (np.cumsum(mass) - mass / 2) / mass.sum()
    kept = np.unique(np.linspace(0, len(distinct) - 1, min(most, len(distinct))).round().astype(int))
    values, scores = distinct[kept], ndtri(np.clip(middle[kept], _LEAST, 1 - _LEAST))
    # Next to nothing of the mass gets no score of its own.
    rises = np.diff(scores, prepend=-np.inf) > 0
    return values[rises], scores[rises]


_LEAST = 1e-16
