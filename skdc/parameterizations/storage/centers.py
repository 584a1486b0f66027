"""Centres of clusters, of which there may be more than different values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from torch import Tensor

_ALIKE = 1e-4  # values that are nearer are one
_MOST = 2**14  # different values that are clustered


def centers_of(values: Tensor, n_centers: int, seed: int, weight: Tensor | None = None) -> Tensor:
    """Return the centres of the k-means of values; all that there are, in turn, where these are no more.

    Parameters
    ----------
    values : Tensor of shape (n, d)
        Of size 1, or so.
    n_centers : int
    seed : int
    weight : Tensor of shape (n,), default=None

    Returns
    -------
    Tensor of shape (n_centers, d)
    """
    X = values.detach().cpu().double().numpy()
    mass = np.ones(len(X)) if weight is None else weight.detach().cpu().double().numpy()
    index = np.unique(np.round(X / _ALIKE), axis=0, return_inverse=True)[1].reshape(-1)
    sums, masses = np.zeros((index.max() + 1, X.shape[1])), np.bincount(index, mass).astype(np.float64)
    np.add.at(sums, index, X * mass[:, None])
    return values.new_tensor(_centers(sums / masses[:, None], masses, n_centers, seed))


def _centers(found: NDArray[np.float64], masses: NDArray[np.float64], n: int, seed: int) -> NDArray[np.float64]:
    if len(found) <= n:
        return np.resize(found, (n, found.shape[1]))
    some = np.random.default_rng(seed).permutation(len(found))[: max(_MOST, n)]
    kmeans = KMeans(n, n_init=1, random_state=seed).fit(found[some], sample_weight=masses[some])
    centers: NDArray[np.float64] = kmeans.cluster_centers_
    return centers
