"""Products of private rows with themselves, in one release with other sums, and the covariances that they tell."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skdc.exceptions import PartsError
from skdc.privacy.frequencies import LowFrequencies
from skdc.privacy.noise import Noise
from skdc.privacy.sums import BoundedProducts

OF_PRODUCTS = 0.5  # the share of the budget that they have beside other sums
_LARGEST = 1 << 26  # numbers: half a gigabyte, of which chunks and their pieces take several times as much
_LEAST_TRACE = 1e-4
_LEAST = 0.02  # classes may differ in a direction as if it had this share of the largest variance


class PrivateProducts:
    """Sums over the rows of each key of their products with themselves, in low frequencies.

    Parameters
    ----------
    row_shape : tuple of int
    n_keys : int
    radius : float
        The largest norm of a row.

    Raises
    ------
    PartsError
        If they take too much memory.
    """

    def __init__(self, row_shape: tuple[int, ...], n_keys: int, radius: float) -> None:
        self.basis, self._radius = LowFrequencies(row_shape), radius
        width = self.basis.width
        if n_keys * width**2 > _LARGEST:
            raise PartsError(
                f"GaussianMechanism: the products of {width:,} columns with each other take "
                f"{8e-9 * n_keys * width**2:.1f} GB for {n_keys} class(es), and as much for each piece of the data; "
                "parts that learn from them, such as LinearGenerator, need fewer columns. Give images as arrays of "
                "shape (n, height, width), of which low frequencies are released; for tables use "
                "ClassGaussians(n_directions=...), which needs the products of all classes together alone"
            )
        self._sums = [BoundedProducts(self.basis.width) for _ in range(n_keys)]

    def add(self, rows: NDArray[np.float64], key: NDArray[np.int64]) -> None:
        """Add rows of shape (n, ...), as seen from the middle of their range, and the keys of each."""
        seen = self.basis.transform(rows.reshape(-1, *self.basis.shape)) / self._radius
        for k in np.unique(key):
            self._sums[k].add(seen[key == k])

    def merged(self, other: PrivateProducts) -> PrivateProducts:
        """Return the sums of these and of other rows."""
        both = copy(self)
        both._sums = [mine.merged(theirs) for mine, theirs in zip(self._sums, other._sums, strict=True)]
        return both

    def released(
        self, noise_multiplier: float, noise: Noise, mass: NDArray[np.float64], means: NDArray[np.float64]
    ) -> Covariances:
        """Return the covariances of the keys, by the products with noise, and by masses and means that are released.

        Parameters
        ----------
        noise_multiplier : float
        noise : Noise
        mass : ndarray of shape (n_keys,)
        means : ndarray of shape (n_keys, ...)
            From the middle of the range.
        """
        # All in units of the radius: fourth powers of variances in those of the user would leave float64.
        centers = self.basis.transform(means.reshape(-1, *self.basis.shape)) / self._radius
        # No mean of rows is further from the middle than rows can be, however large its noise.
        centers /= np.maximum(1, np.linalg.norm(centers, axis=1, keepdims=True))
        seconds = np.stack([sums.released(noise_multiplier, noise) for sums in self._sums])
        about = seconds / mass[:, None, None] - centers[:, :, None] * centers[:, None, :]
        values = without_noise(about, (noise_multiplier / mass) ** 2, mass, 1.0)
        return Covariances(self.basis, values * self._radius**2)


@dataclass(frozen=True, eq=False)
class Covariances:
    """Covariances of keys in a basis of few directions; there is none beside these.

    Parameters
    ----------
    basis : LowFrequencies
    values : ndarray of shape (n_keys, d, d)
    """

    basis: LowFrequencies
    values: NDArray[np.float64]

    def directions(self) -> NDArray[np.float64]:
        """Return the basis, orthonormal rows of shape (d, n_columns)."""
        width = self.basis.width
        return self.basis.inverse_transform(np.eye(width)).reshape(width, -1)

    def full(self, k: int) -> NDArray[np.float64]:
        """Return the covariance of all columns of a key."""
        directions = self.directions()
        found: NDArray[np.float64] = directions.T @ self.values[k] @ directions
        return found

    def roots(self) -> NDArray[np.float64]:
        """Return, for each key, the matrix of shape (d, n_columns) that makes such rows of standard Gaussian ones."""
        values, vectors = np.linalg.eigh(self.values)
        # The symmetric root: the signs of eigenvectors have no meaning.
        roots = (vectors * np.sqrt(np.maximum(values, 0))[:, None, :]) @ vectors.transpose(0, 2, 1)
        found: NDArray[np.float64] = roots @ self.directions()
        return found


# Of rows x, as seen from the middle of their range, of norm r at most, the products x x' / r^2 have norm 1. Their sums
# S_c over the n_c rows of a class are released with the share b of the budget, and sums of rows, counts and features
# with 1 - b: both at once, which is worth one release of noise s, as the precisions of Gaussian ones add up,
#     1 / s^2 = b / s^2 + (1 - b) / s^2                                                                             (1)
# With the means m_c of the same release the covariances of the classes, and of all, are
#     C_c = S_c / n_c - m_c m_c',    C = sum_c n_c C_c / sum_c n_c                                                  (2)
# C has noise as if all rows were one class. That in C_c has the variance v_c = (s r^2 / n_c)^2 / b on the diagonal, and
# half of it beside. C_c - C has less, as C shares it with a class that has the share p_c of the rows,
#     v = (1 - p_c)^2 v_c + sum_k p_k^2 v_k,    k /= c                                                              (3)
# and none where there is one class. In the eigenvectors of C, of eigenvalues l without noise, the classes are taken to
# differ from it by numbers d of variance a l_i l_j: of all of them, with weights w of least squares,
#     a = max(0, sum w (d^2 - v) / sum w l_i l_j),    w = l_i l_j / v^2                                             (4)
# and what is expected of the differences is
#     d a l_i l_j / (a l_i l_j + v)                                                                                 (5)
# Noise makes some eigenvalues negative and others too large: each matrix becomes the nearest one of its trace that is a
# covariance, for which all eigenvalues lose the same, down to zero [Duchi et al. 2008, figure 1].                  (6)
def without_noise(
    covariances: NDArray[np.float64], variance: NDArray[np.float64], mass: NDArray[np.float64], most: float
) -> NDArray[np.float64]:
    """Return what is expected of covariances that have symmetric noise.

    Parameters
    ----------
    covariances : ndarray of shape (n, d, d)
    variance : ndarray of shape (n,)
        Of the noise on the diagonal; beside it there is half of it.
    mass : ndarray of shape (n,)
        Numbers of rows.
    most : float
        The largest trace.
    """
    proportions = mass / mass.sum()
    mean = np.tensordot(proportions, covariances, 1)
    values, vectors = _nearest(mean, most)  # (2)
    pooled = (vectors * values) @ vectors.T
    values = np.maximum(values, _LEAST * values[-1])
    sizes, width = np.outer(values, values), len(values)
    shared = proportions**2 * variance
    own = (1 - proportions) ** 2 * variance + (shared.sum() - shared)  # (3)
    noise = np.maximum(own[:, None, None] * (1 + np.eye(width)) / 2, 1e-12 * sizes.max())
    beside = vectors.T @ (covariances - mean) @ vectors
    weight = sizes / noise**2
    share = max(0.0, float((weight * (beside**2 - noise)).sum() / (weight * sizes).sum()))  # (4)
    beside *= share * sizes / (share * sizes + noise)  # (5)
    return np.stack([nearest_covariance(pooled + vectors @ part @ vectors.T, most) for part in beside])


def nearest_covariance(matrix: NDArray[np.float64], most: float) -> NDArray[np.float64]:
    """Return the nearest symmetric matrix of the same trace that has no negative eigenvalue.

    Parameters
    ----------
    matrix : ndarray of shape (d, d)
        Symmetric.
    most : float
        The largest trace. Where noise leaves hardly one, the ten thousandth part of that is taken.
    """
    values, vectors = _nearest(matrix, most)
    found: NDArray[np.float64] = (vectors * values) @ vectors.T
    return found


def _nearest(matrix: NDArray[np.float64], most: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the eigenvalues of the nearest covariance, and the eigenvectors, which the noisy matrix has, too."""
    values, vectors = np.linalg.eigh(matrix)
    trace = np.clip(values.sum(), _LEAST_TRACE * most, most)
    descending = values[::-1]
    excess = (np.cumsum(descending) - trace) / np.arange(1, len(values) + 1)
    lost = excess[np.flatnonzero(descending > excess)[-1]]
    return np.maximum(values - lost, 0), vectors  # (6)
