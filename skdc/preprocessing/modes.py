"""Numbers by the mode that they belong to, and where they stand in it."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from skdc.fields import Fields, TransformerMixin, require_whole
from skdc.isolation import all_or_nothing
from skdc.preprocessing.checks import weighted_columns
from skdc.preprocessing.groups import CodeGroup
from skdc.preprocessing.piecewise import weighted_quantiles

_LEAST_SHARE = 0.005  # of the mass: what is rarer is no mode
_MOST_POINTS = 2000  # of a column, to which a mixture is fitted
_REACH = 4.0  # deviations of a mode, in which the codes of its values go from 0 to 1
_LEAST_VARIANCE = 1e-8  # of a mode, as a share of that of the column
_CONCENTRATION = 1e-3  # of the prior: few modes where few will do


class Modes(NamedTuple):
    """The modes of a column, in rising order: means, deviations and shares, each of shape (n_modes,)."""

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    share: NDArray[np.float64]


class ModeEncoder(TransformerMixin, Fields):
    r"""Encode each column by mode-specific normalization, that of CTGAN and TVAE [1]_.

    A variational Gaussian mixture finds the modes of a column. Of a number :math:`c` that most likely belongs to mode
    k, of mean :math:`\eta_k` and deviation :math:`\phi_k`, the codes are

    .. math:: \alpha = (c - \eta_k) / (4 \phi_k), \text{ cut off at } -1 \text{ and } 1,

    and an indicator of each mode, where there are several. So a generator need not blur what lies between modes:
    `TabularEncoder(numbers=ModeEncoder())` is the encoder of tables for `skdc.generators.VariationalGenerator`.

    Parameters
    ----------
    n_modes : int, default=10
        The most modes of a column. Those with less than 0.5% of the mass are dropped.

    Attributes
    ----------
    modes_ : list of (mean, deviation, share)
        Arrays of shape (n_modes,) for each column, in the rising order of the means.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where X is a frame.

    Notes
    -----
    In the paper the mode of a number is drawn by its probability; here it is the most probable one, so that the codes
    of a row are always the same. Numbers farther from it than four deviations come back cut off. The mixture is fitted
    to at most 2000 quantiles of a column.

    References
    ----------
    .. [1] Xu, Skoularidou, Cuesta-Infante and Veeramachaneni, "Modeling Tabular Data using Conditional GAN", 2019,
       section 4.2.

    Examples
    --------
    >>> import numpy as np
    >>> from skdc.preprocessing import ModeEncoder
    >>> rng = np.random.default_rng(0)
    >>> X = rng.choice([-10, 10], (500, 1)) + rng.normal(size=(500, 1))
    >>> encoder = ModeEncoder().fit(X)
    >>> encoder.transform([[-10.0], [10.0]]).round(1) + 0
    array([[0., 1., 0.],
           [0., 0., 1.]])
    >>> encoder.inverse_transform([[0.0, 0.3, 0.7]]).round()
    array([[10.]])
    """

    n_modes: int = 10

    @all_or_nothing
    def fit(self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None) -> Self:
        """Find the modes.

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
        most = require_whole("n_modes", self.n_modes, 1)
        columns, weight = weighted_columns(self, X, sample_weight)
        self.modes_ = [_modes(column, weight, most) for column in columns]
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the codes of rows X of shape (n, n_features), for each feature its place in the mode and the mode."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return np.hstack([_codes(X[:, j], modes) for j, modes in enumerate(self.modes_)])

    def inverse_transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the rows of shape (n, n_features) that codes of shape (n, n_codes) stand for."""
        check_is_fitted(self)
        codes = check_array(X, dtype=np.float64)
        sizes = [_n_codes(modes) for modes in self.modes_]
        if codes.shape[1] != sum(sizes):
            raise ValueError(f"X has {codes.shape[1]} columns, but a row has {sum(sizes)} codes")
        pieces = np.split(codes, np.cumsum(sizes)[:-1], axis=1)
        return np.column_stack([_numbers(piece, modes) for piece, modes in zip(pieces, self.modes_, strict=True)])

    def code_groups(self) -> list[CodeGroup]:
        """Return which codes belong together, in their order."""
        check_is_fitted(self)
        groups = []
        for modes in self.modes_:
            groups += [CodeGroup("bounded")] + [CodeGroup("category", len(modes.mean))] * (len(modes.mean) > 1)
        return groups

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray:
        """Return the names of the codes: that of the feature, and that with the number of the mode."""
        check_is_fitted(self)
        names = getattr(self, "feature_names_in_", None) if input_features is None else np.asarray(input_features)
        names = [f"x{j}" for j in range(self.n_features_in_)] if names is None else names
        found: list[str] = []
        for name, modes in zip(names, self.modes_, strict=True):
            found += [str(name), *(f"{name}_mode{k}" for k in range(_n_codes(modes) - 1))]
        return np.asarray(found, dtype=object)


def _n_codes(modes: Modes) -> int:
    n_modes = len(modes.mean)
    return 1 + (n_modes if n_modes > 1 else 0)


def _modes(values: NDArray[np.float64], weight: NDArray[np.float64], most: int) -> Modes:
    from sklearn.mixture import BayesianGaussianMixture  # slow to load, and rarely needed

    # As many points as rows, of which one of weight 2 is two; weights that are shares leave as many as there are.
    n_points = int(min(_MOST_POINTS, max(len(weight), np.rint(weight.sum()))))
    points = weighted_quantiles(values, weight, (np.arange(n_points) + 0.5) / n_points)
    center, scale = points.mean(), points.std()
    n_distinct = len(np.unique(points))
    if n_distinct < 2:
        return Modes(points[:1], np.ones(1), np.ones(1))
    mixture = BayesianGaussianMixture(
        n_components=min(most, n_distinct),
        weight_concentration_prior=_CONCENTRATION,
        # Modes lie anywhere, and are as narrow as so many of them would be.
        mean_precision_prior=_CONCENTRATION,
        covariance_prior=[[1 / most**2]],
        reg_covar=_LEAST_VARIANCE,
        max_iter=1000,
        random_state=0,
    ).fit(np.round((points - center) / scale, 6)[:, None])  # or the unit of the column would settle ties
    kept = np.flatnonzero(mixture.weights_ > _LEAST_SHARE)
    kept = kept[np.argsort(mixture.means_[kept, 0])]
    means, deviations = mixture.means_[kept, 0], np.sqrt(mixture.covariances_[kept, 0, 0])
    return Modes(center + scale * means, scale * deviations, mixture.weights_[kept])


def _codes(values: NDArray[np.float64], modes: Modes) -> NDArray[np.float64]:
    places = (values[:, None] - modes.mean) / modes.deviation
    mode = (np.log(modes.share / modes.deviation) - places**2 / 2).argmax(axis=1)
    place = np.clip(np.take_along_axis(places, mode[:, None], axis=1) / _REACH, -1, 1)
    if len(modes.mean) == 1:
        return place
    return np.hstack([place, mode[:, None] == np.arange(len(modes.mean))])


def _numbers(codes: NDArray[np.float64], modes: Modes) -> NDArray[np.float64]:
    mode = codes[:, 1:].argmax(axis=1) if codes.shape[1] > 1 else np.zeros(len(codes), np.intp)
    return modes.mean[mode] + _REACH * modes.deviation[mode] * np.clip(codes[:, 0], -1, 1)
