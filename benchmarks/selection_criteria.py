"""What selections of rows are judged by: the MMD to all rows, and what each family minimises."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import torch
from sklearn.neural_network import MLPClassifier
from torch import Tensor

from skdc.discrepancies import KernelStein
from skdc.discrepancies.stein import GaussianScore
from skdc.kernels import MEDIAN_ROWS, Gaussian

TILE = 2048  # rows of a tile of a matrix of pairs
RIDGE = 0.01  # of kernel ridge regression, in units of the diagonal of the kernel


@dataclass(frozen=True)
class Data:
    """Rows of float32, codes of their classes and the bandwidth that all methods are handed."""

    X: np.ndarray
    y: np.ndarray
    bandwidth: float

    @classmethod
    def of(cls, X: np.ndarray, y: np.ndarray) -> Self:
        """Measure the bandwidth: the median distance of a sample of rows."""
        some = np.random.default_rng(0).permutation(len(X))[:MEDIAN_ROWS]
        kernel = Gaussian().fit(torch.as_tensor(X[some]), torch.ones(len(some)))
        return cls(X, y, float(kernel.bandwidth_[0]))

    def centered(self) -> Data:
        """Return the rows less their mean, the origin of the space in which a score is asked."""
        return Data(self.X - self.X.mean(0), self.y, self.bandwidth)

    def signs(self) -> np.ndarray:
        """Return -1 for the first half of the classes, 1 for the others."""
        return np.where(2 * self.y > self.y.max(), 1.0, -1.0)

    @cached_property
    def rows(self) -> Tensor:
        """The rows in float64."""
        return torch.as_tensor(self.X, dtype=torch.float64)

    @cached_property
    def potential(self) -> Tensor:
        """The mean of the kernel of each row with all: exact, in tiles on and under the diagonal."""
        tiles, total = self.rows.split(TILE), torch.zeros(len(self.rows), dtype=torch.float64)
        places = torch.arange(len(self.rows)).split(TILE)
        for i, left in enumerate(tiles):
            for j, right in enumerate(tiles[: i + 1]):
                kernel = self.kernel(left, right)
                total[places[i]] += kernel.sum(1)
                if j < i:
                    total[places[j]] += kernel.sum(0)
        return total / len(self.rows)

    @cached_property
    def confidence(self) -> np.ndarray:
        """The probability that a network, trained on all rows, gives to the class of each."""
        network = MLPClassifier((128, 128), early_stopping=True, random_state=0).fit(self.X, self.y)
        return network.predict_proba(self.X)[np.arange(len(self.y)), self.y]

    def points(self, chosen: np.ndarray) -> Tensor:
        """Return chosen rows in float64; points, which are no rows, as they are."""
        return self.rows[chosen] if chosen.ndim == 1 else torch.as_tensor(chosen, dtype=torch.float64)

    def kernel(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the Gaussian kernel matrix of float64 rows."""
        return squares(x, y).mul_(-1 / (2 * self.bandwidth**2)).exp_()


def squares(x: Tensor, y: Tensor) -> Tensor:
    """Return the squared distances of rows."""
    return torch.addmm(y.square().sum(1), x, y.T, alpha=-2).add_(x.square().sum(1)[:, None]).clamp_min_(0)


def mmd(data: Data, chosen: np.ndarray) -> float:
    """Return the maximum mean discrepancy between chosen rows, or points, and all rows."""
    points = data.points(chosen)
    if chosen.ndim == 1:
        potential = data.potential[chosen].mean()
    else:
        potential = sum(data.kernel(tile, points).sum() for tile in data.rows.split(TILE)) / (
            len(data.rows) * len(points)
        )
    square = data.kernel(points, points).mean() - 2 * potential + data.potential.mean()
    return max(float(square), 0.0) ** 0.5


def nearest(data: Data, chosen: np.ndarray) -> Tensor:
    """Return the squared distance of each row to the nearest chosen row, or point."""
    points = data.points(chosen)
    return torch.cat([squares(tile, points).amin(1) for tile in data.rows.split(TILE)])


def mean_distance(data: Data, chosen: np.ndarray) -> float:
    """Return the mean distance to the nearest chosen row."""
    return float(nearest(data, chosen).sqrt().mean())


def mean_square(data: Data, chosen: np.ndarray) -> float:
    """Return the mean squared distance to the nearest point."""
    return float(nearest(data, chosen).mean())


def radius(data: Data, chosen: np.ndarray) -> float:
    """Return the largest distance to the nearest chosen row."""
    return float(nearest(data, chosen).max().sqrt())


def trace_error(data: Data, chosen: np.ndarray) -> float:
    """Return the trace of the kernel matrix less its Nyström approximation, as a share of the trace."""
    rows = data.rows[chosen]
    gram = data.kernel(rows, rows)
    gram.diagonal().add_(1e-10)
    root = torch.linalg.cholesky(gram)
    explained = sum(
        float(torch.linalg.solve_triangular(root, data.kernel(rows, tile), upper=False).square().sum())
        for tile in data.rows.split(TILE)
    )
    return 1 - explained / len(data.rows)


def fitted_score(data: Data) -> GaussianScore:
    """Return the score of a Gaussian density of the rows."""
    mass = torch.full((len(data.X),), 1 / len(data.X), dtype=torch.float64)
    return GaussianScore().fit(data.rows, mass, torch.Generator())


class Fixed:
    """A score that is not fitted again."""

    def __init__(self, score: GaussianScore) -> None:
        self.score = score

    def __call__(self, x: Tensor) -> Tensor:
        """Return the score at some points."""
        return self.score(x)


def stein_discrepancy(data: Data, chosen: np.ndarray) -> float:
    """Return the kernel Stein discrepancy to a Gaussian density of the rows."""
    data = data.centered()
    discrepancy = KernelStein(Fixed(fitted_score(data)), data.bandwidth)
    return float(discrepancy(data.X, data.X[chosen])) ** 0.5


def ridge_error(data: Data, chosen: np.ndarray) -> float:
    """Return the mean squared error, on all rows, of kernel ridge regression of the signs on the chosen ones."""
    rows, signs = data.rows[chosen], torch.as_tensor(data.signs())
    gram = data.kernel(rows, rows)
    gram.diagonal().add_(RIDGE)
    coefficients = torch.linalg.solve(gram, signs[chosen])
    predictions = torch.cat([data.kernel(tile, rows) @ coefficients for tile in data.rows.split(TILE)])
    return float((predictions - signs).square().mean())


def confidence(data: Data, chosen: np.ndarray) -> float:
    """Return the mean probability that a network, trained on all rows, gives to the class of the chosen ones."""
    return float(data.confidence[chosen].mean())
