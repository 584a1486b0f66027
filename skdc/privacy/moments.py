"""The first two moments of classes, by noisy releases that are worth one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skdc.privacy.clusters import Clusters, released_clusters
from skdc.privacy.noise import Noise
from skdc.privacy.sums import BoundedProducts, BoundedSums

# Shares of the budget: class sizes, means and squares; the directions in which rows differ; covariances of the classes;
# how many rows are in each cluster, and where.
_SHARES = np.array([0.05, 0.11, 0.39, 0.45])
# Of the budget of the first of them, that of the rows, of their squared norm, and of their number.
_FACTORS = np.sqrt([0.7, 0.05, 0.25])
_CLIP_FACTOR = 1.25  # rows are clipped at so many times their root mean squared distance from the mean
_EVEN_CLIP_FACTOR = 0.8  # and rows of many directions, which are nearly all as far from it once these are made alike
_POOL = 6000  # rows of a class that are drawn to find clusters
_SPARE = 4  # rows drawn for each that is chosen by its cluster
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
    clusters : list of Clusters
        Where the rows of each class are beside that; None where all directions are those of the columns.
    """

    mass: NDArray[np.float64]
    means: NDArray[np.float64]
    covariances: NDArray[np.float64]
    directions: NDArray[np.float64]
    clusters: list[Clusters] | None

    def sample(self, size: int, generator: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return about `size` rows, each class with its released share, none with hardly a row; and their classes."""
        least = max(1, min(_MIN_DRAWN, size // len(self.mass)))
        sizes = np.maximum(least, np.rint(size * self.mass / self.mass.sum())).astype(np.int64)
        rows = []
        for c, (n, mean, covariance) in enumerate(zip(sizes, self.means, self.covariances, strict=True)):
            spare = 1 if self.clusters is None else _SPARE
            offsets = _drawn(covariance, spare * n, generator)
            offsets = offsets if self.clusters is None else self.clusters[c].chosen(offsets, n, generator)
            rows.append(mean + offsets @ self.directions.T)
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
# variance s^2 on the diagonal and s^2 / 2 beside it, in units of r^2 / n; eigenvalues that it has made negative count
# as zero. Where directions are found first, rows are
# divided by the fourth root of their variance in each, as released, before they are clipped at 0.8 times their own
# V^(1/2): most are, so that their noise is small, and what is lost of their trace is made good by the first releases.
# The last release is of clusters, which are told by rows drawn from the Gaussians. Where no directions are found, there
# are none: rows of few columns have skewed ones, and the mean of rows that are cut off is another.
def released_gaussians(
    rows: NDArray[np.float64],
    codes: NDArray[np.int64],
    n_classes: int,
    radius: float,
    n_directions: int,
    noise_multiplier: float,
    noise: Noise,
    seed: int,
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
    seed : int
        Of the clusters, of which nothing is private.
    """
    is_reduced = n_directions < rows.shape[1]
    shares = _SHARES if is_reduced else np.array([_SHARES[0], 0.0, 1 - _SHARES[0], 0.0])
    first, second, third, last = noise_multiplier / np.sqrt(np.maximum(shares, 1e-9))  # (1)
    mass, means, square = _means(rows, codes, n_classes, radius, first, noise)
    mean = mass @ means / mass.sum()
    variance = float(np.clip(square - mean @ mean, 1e-4 * radius**2, radius**2))  # (3)
    directions, scale, clip_factor = np.eye(rows.shape[1]), np.ones(rows.shape[1]), _CLIP_FACTOR
    if is_reduced:
        products = _products(rows - mean, _CLIP_FACTOR * variance**0.5, second, noise) / mass.sum()
        values, vectors = np.linalg.eigh(products)
        directions, values = vectors[:, ::-1][:, :n_directions], np.maximum(values[::-1][:n_directions], 0)
        variance, clip_factor = float(values.sum()), _EVEN_CLIP_FACTOR
        scale = np.maximum(values / variance, 1e-3 / n_directions) ** 0.25
    offsets = (means - mean) @ directions
    between = mass @ offsets**2 / mass.sum()
    within = max(variance - float(between.sum()), 0.05 * variance)
    spread = np.maximum(values - between, 0.05 * values) / scale**2 if is_reduced else within
    clip = clip_factor * float(np.sum(spread)) ** 0.5
    centered = [(rows[codes == c] - means[c]) @ directions for c in range(n_classes)]
    covariances = [_products(some / scale, clip, third, noise) / n for some, n in zip(centered, mass, strict=True)]
    found = np.stack(covariances) * scale[:, None] * scale
    if is_reduced:
        found *= within / max(float(mass @ found.trace(axis1=1, axis2=2)) / mass.sum(), 0.05 * within)
    if not is_reduced:
        return Gaussians(mass, mean + offsets @ directions.T, found, directions, None)
    seeds = np.random.SeedSequence(seed).spawn(n_classes)  # none is that of the rows that are drawn
    pools = [_drawn(each, _POOL, np.random.default_rng(child)) for each, child in zip(found, seeds, strict=True)]
    clusters = released_clusters(centered, pools, mass, last, noise, seed)
    return Gaussians(mass, mean + offsets @ directions.T, found, directions, clusters)


def _drawn(covariance: NDArray[np.float64], size: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Return rows about zero; what noise has made negative varies not at all."""
    values, vectors = np.linalg.eigh(covariance)
    return (generator.normal(size=(size, len(values))) * np.sqrt(np.maximum(values, 0))) @ vectors.T


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
