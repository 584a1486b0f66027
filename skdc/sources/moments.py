"""Means and products of rows: a value object."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class GaussianMoments(NamedTuple):
    """Mass, mean, and sum of products about it, in float64.

    Parameters
    ----------
    mass : Tensor of shape ()
    mean : Tensor of shape (d,)
    scatter : Tensor of shape (d, d)
    """

    mass: Tensor
    mean: Tensor
    scatter: Tensor

    @classmethod
    def of(cls, values: Tensor, weight: Tensor) -> GaussianMoments:
        """Return those of rows; of none, zeros."""
        values, weight = values.double(), weight.double()
        mass = weight.sum()
        mean = weight @ values / torch.where(mass > 0, mass, 1.0)
        about = weight.sqrt()[:, None] * (values - mean)
        return cls(mass, mean, about.T @ about)

    def merged(self, other: GaussianMoments) -> GaussianMoments:
        """Return those of both, as `skdc.scales.merged_spread` does for squares."""
        total, difference = self.mass + other.mass, other.mean - self.mean
        share = torch.where(total > 0, other.mass / total, 0.0)
        products = torch.outer(difference, difference) * (self.mass * share)
        return GaussianMoments(total, self.mean + difference * share, self.scatter + other.scatter + products)

    @property
    def covariance(self) -> Tensor:
        """The covariance of the model of most likelihood, which divides by the mass."""
        return self.scatter / torch.where(self.mass > 0, self.mass, 1.0)

    @property
    def second(self) -> Tensor:
        """The mean of the products of rows with themselves."""
        return self.covariance + torch.outer(self.mean, self.mean)

    def scaled(self, factor: float, shift: Tensor | float = 0.0) -> GaussianMoments:
        """Return those of the rows times a number, plus a shift."""
        return GaussianMoments(self.mass, self.mean * factor + shift, self.scatter * factor**2)

    def mapped(self, matrix: Tensor) -> GaussianMoments:
        """Return those of the rows times a matrix of shape (d, n)."""
        matrix = matrix.to(self.mean)
        return GaussianMoments(self.mass, self.mean @ matrix, matrix.T @ self.scatter @ matrix)
