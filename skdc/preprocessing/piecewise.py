"""Numbers as how far they have come through each of a few bins."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from skdc.fields import Fields, TransformerMixin, require_whole
from skdc.isolation import all_or_nothing
from skdc.preprocessing.checks import weighted_columns


class PiecewiseLinearEncoder(TransformerMixin, Fields):
    r"""Encode each column by piecewise-linear functions, one for each of its quantile bins [1]_.

    A value :math:`x` becomes :math:`(x - b_{t-1}) / (b_t - b_{t-1})` in bin t, cut off at 0 below and at 1 above; the
    first bin is not cut off below nor the last above. Distances between codes are close to distances between ranks, so
    that outliers and skew count little, and the way back is linear: :math:`x = b_0 + \sum_t c_t (b_t - b_{t-1})`.

    Parameters
    ----------
    n_bins : int, default=8
        Bins of equal mass; fewer where values repeat.

    Attributes
    ----------
    edges_ : list of ndarray
        The edges of the bins of each column, in increasing order.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where X is a frame.

    References
    ----------
    .. [1] Gorishniy, Rubachev and Babenko, "On Embeddings for Numerical Features in Tabular Deep Learning", 2022,
       eq. 1.

    Examples
    --------
    >>> import numpy as np
    >>> from skdc.preprocessing import PiecewiseLinearEncoder
    >>> encoder = PiecewiseLinearEncoder(n_bins=2).fit([[0.0], [1.0], [5.0]])
    >>> encoder.transform([[0.5], [3.0]])
    array([[0.5, 0. ],
           [1. , 0.5]])
    >>> encoder.inverse_transform([[1.0, 0.5]])
    array([[3.]])
    """

    n_bins: int = 8

    @all_or_nothing
    def fit(self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None) -> Self:
        """Find the edges of the bins.

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
        levels = np.linspace(0, 1, require_whole("n_bins", self.n_bins, 1) + 1)
        columns, weight = weighted_columns(self, X, sample_weight)
        self.edges_ = [np.unique(weighted_quantiles(column, weight, levels)) for column in columns]
        # A constant column has one edge: its bin is of length 1, so that nothing is divided by zero.
        self.edges_ = [edges if len(edges) > 1 else np.array([edges[0], edges[0] + 1]) for edges in self.edges_]
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the codes of rows X of shape (n, n_features), a column for each bin of each feature."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return np.hstack([_codes(X[:, j], edges) for j, edges in enumerate(self.edges_)])

    def inverse_transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the rows of shape (n, n_features) that codes of shape (n, n_codes) stand for."""
        check_is_fitted(self)
        codes = check_array(X, dtype=np.float64)
        lengths = [np.diff(edges) for edges in self.edges_]
        if codes.shape[1] != sum(map(len, lengths)):
            raise ValueError(f"X has {codes.shape[1]} columns, but there are {sum(map(len, lengths))} bins")
        pieces = np.split(codes, np.cumsum([len(length) for length in lengths])[:-1], axis=1)
        columns = [edges[0] + piece @ length for piece, edges, length in zip(pieces, self.edges_, lengths, strict=True)]
        return np.column_stack(columns)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray:
        """Return the names of the codes: that of the feature, and the number of the bin."""
        check_is_fitted(self)
        names = getattr(self, "feature_names_in_", None) if input_features is None else np.asarray(input_features)
        names = [f"x{j}" for j in range(self.n_features_in_)] if names is None else names
        bins = [f"{name}_bin{t}" for name, edges in zip(names, self.edges_) for t in range(len(edges) - 1)]
        return np.asarray(bins, dtype=object)


def weighted_quantiles(
    values: NDArray[np.float64], weight: NDArray[np.float64], levels: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the least values up to which lies the mass of each level; NumPy has weights from 2.0 on."""
    order = np.argsort(values, kind="stable")
    mass = np.cumsum(weight[order])
    # Sums of weights round: a level is reached that is missed by that only.
    places = np.searchsorted(mass, levels * mass[-1] * (1 - 1e-12))
    return values[order][np.minimum(places, len(values) - 1)]


def _codes(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    codes = (values[:, None] - edges[:-1]) / np.diff(edges)
    codes[:, 1:] = np.maximum(codes[:, 1:], 0)
    codes[:, :-1] = np.minimum(codes[:, :-1], 1)
    return codes
