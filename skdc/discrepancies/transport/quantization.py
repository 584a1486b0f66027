"""The squared distance of the data to the nearest synthetic point."""

from __future__ import annotations

import torch
from torch import Tensor

from skdc.data import Block
from skdc.discrepancies.base import Discrepancy
from skdc.kernels import MATRIX_ENTRIES, squared_distances


class QuantizationError(Discrepancy):
    r"""Mean squared distance of the data to the nearest synthetic point, the k-means objective [1]_.

    It is the squared 2-Wasserstein distance to the points with the best masses; in the squared unit of the
    space. The weights of the points do not matter: `Lloyd` gives each the mass of its cluster.

    Parameters
    ----------
    space, by, reduce, weight
        As in `Discrepancy`.

    References
    ----------
    .. [1] Lloyd, "Least Squares Quantization in PCM", 1982, eq. 2.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import QuantizationError
    >>> Condenser(discrepancy=QuantizationError(), n_per_class=5)
    Condenser(discrepancy=QuantizationError(), n_per_class=5)
    """

    compares = "clouds"
    squared = True
    symmetric = False
    nonnegative = True

    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return the mean squared distance to the nearest point."""
        return p.mass @ self.nearest(p.values, q.values)

    def nearest(self, values: Tensor, points: Tensor) -> Tensor:
        """Return the squared distance of each row to the nearest point, of shape (n,)."""
        pieces = values.split(max(1, MATRIX_ENTRIES // len(points)))
        return torch.cat([squared_distances(rows, points).min(1).values for rows in pieces])
