"""Small problems on which the published checks run."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.datasets import make_blobs
from torch import Tensor

from skdc.sets import Block, LabeledSet
from skdc.sources import RowSource, Schema


def blobs(dtype: type = np.float64) -> tuple[np.ndarray, np.ndarray]:
    """Return labelled rows with uneven classes, an offset and a scale, so that lost priors and units show."""
    X, y = make_blobs([20, 30, 40], n_features=3, cluster_std=0.5, random_state=0)
    return (50 + 10 * X).astype(dtype), np.array(["a", "b", "c"])[y]


def source(dtype: torch.dtype = torch.float64, device: str = "cpu") -> RowSource:
    """Return them as a source."""
    X, labels = blobs()
    codes = np.unique(labels, return_inverse=True)[1]
    schema = Schema((3,), 3, "classification", np.arange(3), np.dtype(np.float64), np.array(["a", "b", "c"]))
    return RowSource(X, None, np.ones(len(X)), codes, schema, torch.device(device), dtype)


def generator() -> torch.Generator:
    """Return a seeded generator."""
    return torch.Generator().manual_seed(0)


def cloud(n: int, seed: int) -> Tensor:
    """Return Gaussian points of shape (n, 3)."""
    return 10 * torch.randn(n, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def block(values: Tensor, weight: Tensor | None = None) -> Block:
    """Return points as a block, of equal mass unless weights are given."""
    weight = torch.ones(len(values), dtype=values.dtype) if weight is None else weight
    return Block(weight, torch.zeros(len(values), dtype=torch.int64), values)


def synthetic(source: RowSource) -> LabeledSet:
    """Return two rows of each class as a synthetic set that wants a gradient."""
    rows = source.rows.take(torch.tensor([0, 1, 30, 31, 60, 61]))
    return LabeledSet(torch.ones(6, dtype=source.dtype), rows.key, rows.X.clone().requires_grad_(), rows.y)
