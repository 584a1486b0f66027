"""The first two moments of classes, by noisy releases that are worth one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skdc.privacy.noise import Noise
from skdc.privacy.sums import BoundedProducts, BoundedSums

# Shares of the budget: class sizes, means and squares; the directions in which rows differ; covariances of the classes.
_SHARES = np.array([0.05, 0.2, 0.75])
# Of the budget of the first of them, that of the rows, of their squared norm, and of their number.
_FACTORS = np.sqrt([0.7, 0.05, 0.25])
_CLIP_FACTOR = 1.25  # rows are clipped at so many times their root mean squared distance from the mean
_NOISE_KEPT = 0.75  # of the largest eigenvalue that noise has, in what a class has beside all classes
_MIN_DRAWN = 100  # rows of each class, however rare it is, or noise makes it
_PIECE = 1 << 23  # numbers of rows that are multiplied at a time


@dataclass(frozen=True, eq=False)
class Gaussians:
    """A Gaussian for each class, within some directions.

    Parameters
    ----------
    mass : ndarray of shape (n_classes,)
        Numbers of rows, at least one.
    means : ndarray of shape (n_classes, d)
    covariances : ndarray of shape (n_classes, n_directions, n_directions)
    directions : ndarray of shape (d, n_directions)
        Orthonormal.
    """

    mass: NDArray[np.float64]
    means: NDArray[np.float64]
    covariances: NDArray[np.float64]
    directions: NDArray[np.float64]

    def sample(self, size: int, generator: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return about `size` rows, each class with its released share, none with hardly a row; and their classes."""
        least = max(1, min(_MIN_DRAWN, size // len(self.mass)))
        sizes = np.maximum(least, np.rint(size * self.mass / self.mass.sum())).astype(np.int64)
        rows = []
        for n, mean, covariance in zip(sizes, self.means, self.covariances, strict=True):
            values, vectors = np.linalg.eigh(covariance)
            noise = generator.normal(size=(n, len(values))) * np.sqrt(np.maximum(values, 0))
            rows.append(mean + noise @ vectors.T @ self.directions.T)
        return np.concatenate(rows), np.repeat(np.arange(len(sizes)), sizes)


# One Gaussian release of noise s is worth several whose shares of the budget b_i sum to one, since precisions add up:
#     s_i = s / b_i^(1/2)                                                                                           (1)
# The first is of sums over each class of vectors of norm 1 at most, for rows of norm up to R and a + b + c = 1,
#     (a^(1/2) x / R, b^(1/2) |x|^2 / R^2, c^(1/2))                                                                 (2)
# which give the number n of rows, their mean and their mean squared norm, and so the variance
#     V = E |x|^2 - |E x|^2                                                                                         (3)
# The others are of products of rows y that are clipped at the norm r = 1.25 V^(1/2), where y y' / r^2 has norm 1,
#     C = sum_i y_i y_i' / n                                                                                        (4)
# about the mean of all for the directions U of most variance, then, in U, about the mean of each class. Its noise has
# variance s^2 on the diagonal and s^2 / 2 beside it, in units of r^2 / n: the largest eigenvalue tends (Wigner) to
#     (2 d)^(1/2) s r^2 / n                                                                                         (5)
# by a share of which the eigenvalues of what a class has beside the mean of all classes are shrunk towards zero.
def released_gaussians(
    rows: NDArray[np.float64],
    codes: NDArray[np.int64],
    n_classes: int,
    radius: float,
    n_directions: int,
    noise_multiplier: float,
    noise: Noise,
) -> Gaussians:
    """Release the first two moments of each class: once, or several times with more noise that are worth once.

    Parameters
    ----------
    rows : ndarray of shape (n, d)
    codes : ndarray of shape (n,)
        Their classes.
    n_classes : int
    radius : float
        The largest norm of a row.
    n_directions : int
        Of covariances, d at most.
    noise_multiplier : float
        The noise of one release with the whole budget.
    noise : Noise
    """
    is_reduced = n_directions < rows.shape[1]
    shares = _SHARES if is_reduced else np.array([_SHARES[0], 0.0, 1 - _SHARES[0]])
    first, second, third = noise_multiplier / np.sqrt(np.maximum(shares, 1e-9))  # (1)
    mass, means, square = _means(rows, codes, n_classes, radius, first, noise)
    mean = mass @ means / mass.sum()
    variance = float(np.clip(square - mean @ mean, 1e-4 * radius**2, radius**2))  # (3)
    directions = np.eye(rows.shape[1])
    if is_reduced:
        products = _products(rows - mean, _CLIP_FACTOR * variance**0.5, second, noise) / mass.sum()
        values, vectors = np.linalg.eigh(products)
        directions, variance = vectors[:, ::-1][:, :n_directions], float(np.maximum(values[-n_directions:], 0).sum())
    offsets = (means - mean) @ directions
    within = max(variance - float(mass @ (offsets**2).sum(axis=1)) / mass.sum(), 0.05 * variance)
    clip = _CLIP_FACTOR * within**0.5
    covariances = [
        _products(((rows[codes == c] - means[c]) @ directions), clip, third, noise) / mass[c] for c in range(n_classes)
    ]
    noise_level = (1 - _NOISE_KEPT) * (2 * n_directions) ** 0.5 * third * clip**2 / mass  # (5)
    return Gaussians(mass, mean + offsets @ directions.T, _shrunk(np.stack(covariances), mass, noise_level), directions)


def _means(
    rows: NDArray[np.float64], codes: NDArray[np.int64], n_classes: int, radius: float, sigma: float, noise: Noise
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Release numbers of rows and their mean by class, and the mean of their squared norms."""
    of_rows, of_squares, of_counts = _FACTORS
    sums = BoundedSums(n_classes, rows.shape[1] + 2)
    squares = (rows**2).sum(axis=1, keepdims=True)
    counts = np.full((len(rows), 1), of_counts)
    sums.add(np.hstack([rows * (of_rows / radius), squares * (of_squares / radius**2), counts]), codes)  # (2)
    released = sums.released(sigma, noise)
    mass = np.maximum(released[:, -1] / of_counts, 1.0)
    square = released[:, -2].sum() / of_squares * radius**2 / mass.sum()
    return mass, released[:, :-2] / of_rows * radius / mass[:, None], float(square)


def _products(rows: NDArray[np.float64], clip: float, sigma: float, noise: Noise) -> NDArray[np.float64]:
    """Release the sum of the products of rows with themselves, each cut off at a norm."""
    products, step = BoundedProducts(rows.shape[1]), max(1, _PIECE // rows.shape[1])
    for start in range(0, len(rows), step):
        products.add(rows[start : start + step] / clip)
    return products.released(sigma, noise) * clip**2  # (4)


def _shrunk(
    covariances: NDArray[np.float64], mass: NDArray[np.float64], noise_level: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return covariances of which what is beside their mean is made smaller, by as much as may be noise."""
    mean = np.tensordot(mass / mass.sum(), covariances, 1)
    values, vectors = np.linalg.eigh(covariances - mean)
    kept = np.sign(values) * np.maximum(np.abs(values) - noise_level[:, None], 0)
    return mean + (vectors * kept[:, None]) @ vectors.mT
