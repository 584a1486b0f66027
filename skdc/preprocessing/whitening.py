"""Rows whose features do not go together: whitening that keeps each row as near as can be to what it was."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, reduce
from itertools import chain
from math import frexp, prod
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import Tags
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from skdc.fields import Fields, OneToOneFeatureMixin, TransformerMixin
from skdc.isolation import all_or_nothing
from skdc.scales import numeric_weight, slices

_MOST_FEATURES = 1 << 14  # of which the products take two gibibytes, as images of 73x73 in colour have
_CHUNK_BYTES = 1 << 27  # of rows in float64 at a time


class ZCAWhitening(OneToOneFeatureMixin, TransformerMixin, Fields):
    r"""Zero-phase component analysis (ZCA): images whose pixels do not go together, and back [1]_.

    For the mean :math:`\mu` of the rows and the eigenvalues :math:`\lambda` and eigenvectors :math:`U` of their
    covariance, a row :math:`x` becomes

    .. math:: (x - \mu)\, U (\lambda + r \bar\lambda)^{-1/2} U^\top,

    with the regularization r and the mean eigenvalue. Of all that make the covariance the identity (with r = 0), this
    changes rows least, so that images stay images, which convolutional networks can look at. Methods for photographs
    are published with it; as an encoder, `Condenser(encoder=ZCAWhitening())`, it gives back images in the range of the
    data.

    Parameters
    ----------
    regularization : float, default=0.1
        r, in units of the mean variance of the features; the published value [2]_. More leaves more of what the rows
        have in common; with 0 directions in which they hardly vary are magnified to the others.

    Attributes
    ----------
    mean_ : ndarray of the shape of a row
    covariance_ : ndarray of shape (n_numbers, n_numbers)
        Of the numbers of a row, flattened.
    n_samples_seen_ : int
        Rows of positive weight.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where X is a frame.

    Notes
    -----
    Rows may be of any shape. Directions in which rows do not vary at all keep the scale of the mean variance, so that
    the way back is there for all codes. Numbers come as float32 of float32 and of 8 and 16 bits, else as float64;
    covariances are summed in float64, chunk by chunk. Memory for four matrices of the size of the covariance is needed.

    Whitening magnifies what varies little, noise too. Kernel ridge regression and `KernelInducingPoints` lose by it
    on a few thousand photographs, which points then learn by heart: rows that are held out tell whether it serves
    (`benchmarks/whitening.py`).

    References
    ----------
    .. [1] Bell and Sejnowski, "The Independent Components of Natural Scenes are Edge Filters", 1997.
    .. [2] Nguyen et al., "Dataset Distillation with Infinitely Wide Convolutional Networks", 2021, appendix.

    Examples
    --------
    >>> import numpy as np
    >>> from skdc.preprocessing import ZCAWhitening
    >>> X = np.random.default_rng(0).normal(size=(500, 2, 2)).cumsum(axis=1)
    >>> encoder = ZCAWhitening(regularization=0).fit(X)
    >>> codes = encoder.transform(X)
    >>> np.allclose(np.cov(codes.reshape(500, -1).T, bias=True), np.eye(4))
    True
    >>> np.allclose(encoder.inverse_transform(codes), X)
    True
    """

    regularization: float = 0.1

    @all_or_nothing
    def fit(self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None) -> Self:
        """Learn mean and covariance.

        Parameters
        ----------
        X : array-like of shape (n, ...)
        y : ignored
        sample_weight : array-like of shape (n,), default=None
            A row of weight 2 counts as the row twice.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For bad input, and rows of too many numbers for a matrix of their covariances.
        """
        vars(self).pop("_moments", None)
        return self._learn(X, sample_weight, first=True)

    @all_or_nothing
    def partial_fit(self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None) -> Self:
        """Learn from more rows, as if they had come with those before.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            As `fit`, and for rows of another shape.
        """
        return self._learn(X, sample_weight, first="_moments" not in vars(self))

    def transform(self, X: ArrayLike) -> NDArray[np.floating]:
        """Return white rows, of the shape of rows X, (n, ...)."""
        check_is_fitted(self)
        X = validate_data(self, X, allow_nd=True, reset=False)
        self._require_shape(X)
        return _mapped(X, self.mean_, self._roots.white, 0.0)

    def inverse_transform(self, X: ArrayLike) -> NDArray[np.floating]:
        """Return the rows that white ones X, of shape (n, ...), stand for."""
        check_is_fitted(self)
        X = check_array(X, allow_nd=True)
        self._require_shape(X)
        return _mapped(X, 0.0, self._roots.back, self.mean_)

    def _learn(self, X: Any, sample_weight: Any, first: bool) -> Self:
        if not self.regularization >= 0:
            raise ValueError(f"regularization={self.regularization!r} must not be negative")
        X = validate_data(self, X, allow_nd=True, reset=first)
        if first:
            _require_few(X)
        else:
            self._require_shape(X)
        weight = numeric_weight(sample_weight, X)
        before: list[_Moments] = [] if first else [self._moments]
        seen: int = 0 if first else self.n_samples_seen_
        found = reduce(_Moments.merged, chain(before, _moments_of_chunks(X, weight)))
        self._moments: _Moments = found
        self.n_samples_seen_: int = seen + int((weight > 0).sum())
        self.mean_, self.covariance_ = found.mean.reshape(X.shape[1:]), found.covariance
        self._roots = _Roots(self.covariance_, float(self.regularization))
        return self

    def _require_shape(self, X: NDArray) -> None:
        if X.shape[1:] != self.mean_.shape:
            raise ValueError(f"rows of X have shape {X.shape[1:]}, but rows of shape {self.mean_.shape} were fitted")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def _require_few(X: NDArray) -> None:
    n_numbers = prod(X.shape[1:])
    if n_numbers > _MOST_FEATURES:
        raise ValueError(
            f"rows of shape {X.shape[1:]} have {n_numbers} numbers, whose covariances take "
            f"{8 * n_numbers**2 / 2**30:.0f} GiB; whiten rows of {_MOST_FEATURES} numbers at most: smaller images"
        )


def _mapped(X: NDArray, before: Any, matrix: NDArray[np.float64], after: Any) -> NDArray[np.floating]:
    """Return rows less something, times a matrix, plus something: chunk by chunk, as there may be many rows."""
    dtype = np.result_type(X.dtype, np.float32)
    found, matrix = np.empty(X.shape, dtype), matrix.astype(dtype)
    for rows in slices(X, _CHUNK_BYTES):
        chunk = X[rows]
        centred = (chunk - before).astype(dtype).reshape(len(chunk), -1)
        found[rows] = (centred @ matrix).reshape(chunk.shape) + after
    return found


class _Moments(NamedTuple):
    """Mass, mean, and sum of products about it, in squares of a unit, a power of two of which there is an overflow."""

    mass: float
    mean: NDArray[np.float64]
    scatter: NDArray[np.float64]
    unit: float

    @classmethod
    def of(cls, X: NDArray[np.float64], weight: NDArray[np.float64]) -> _Moments:
        """Return those of rows."""
        mass = float(weight.sum())
        mean = X[0] + (weight / mass) @ (X - X[0])  # exactly the value of a feature that has a single one
        about = X - mean
        unit = 2.0 ** frexp(float(np.abs(about).max()) or 1.0)[1]
        about *= np.sqrt(weight)[:, None] / unit
        return cls(mass, mean, about.T @ about, unit)

    def merged(self, other: _Moments) -> _Moments:
        """Return those of both, as `skdc.scales.merged_spread` does for squares."""
        unit = max(self.unit, other.unit)
        total, difference = self.mass + other.mass, other.mean - self.mean
        share = other.mass / total
        apart = (self.mass * share) * np.outer(difference / unit, difference / unit)
        scatter = self.scatter * (self.unit / unit) ** 2 + other.scatter * (other.unit / unit) ** 2 + apart
        return _Moments(total, self.mean + share * difference, scatter, unit)

    @property
    def covariance(self) -> NDArray[np.float64]:
        """The mean of the products."""
        return self.scatter / self.mass * self.unit**2


def _moments_of_chunks(X: NDArray, weight: NDArray[np.float64]) -> Iterator[_Moments]:
    for rows in slices(X, _CHUNK_BYTES):
        there = weight[rows] > 0
        if there.any():
            chunk = X[rows][there].astype(np.float64)
            yield _Moments.of(chunk.reshape(len(chunk), -1), weight[rows][there])


class _Roots:
    """The matrices that make rows white, and back; they are computed when they are asked for.

    Parameters
    ----------
    covariance : ndarray of shape (d, d)
    regularization : float
        In units of the mean variance.
    """

    def __init__(self, covariance: NDArray[np.float64], regularization: float) -> None:
        self.covariance, self.regularization = covariance, regularization

    @cached_property
    def _spectrum(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The variances of white directions, and the directions."""
        mean = float(self.covariance.trace()) / len(self.covariance) or 1.0
        values, vectors = np.linalg.eigh(self.covariance / mean)
        variances = values.clip(0) + self.regularization
        variances[variances <= len(values) * np.finfo(np.float64).eps * values[-1]] = 1.0
        return mean * variances, vectors

    @cached_property
    def white(self) -> NDArray[np.float64]:
        """What rows about their mean are multiplied by."""
        variances, vectors = self._spectrum
        return (vectors / np.sqrt(variances)) @ vectors.T

    @cached_property
    def back(self) -> NDArray[np.float64]:
        """The inverse."""
        variances, vectors = self._spectrum
        return (vectors * np.sqrt(variances)) @ vectors.T
