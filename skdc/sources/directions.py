"""The directions of rows, dense or sparse: rows at a length of one."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array, issparse
from sklearn.preprocessing import normalize
from torch import Tensor

from skdc.sources.base import Holds
from skdc.sources.sparse import SparseRows, sparse_rows

_LEAST_NORM = 1e-15  # of a row, whose square, and that of its inverse, float32 holds


def unit_rows(source: Holds, places: NDArray[np.intp]) -> Any:
    """Return rows in the user's units at a length of one, in the working dtype; those of zeros alone stay zero."""
    X = source.X[places]
    if issparse(X):
        # The largest number first, of which the square may be none.
        return sparse_rows(normalize(normalize(csr_array(X), norm="max")), source.dtype)
    X = X.reshape(len(X), -1)
    rows = torch.from_numpy(X if X.dtype in (np.float32, np.float64) else X.astype(np.float32)).to(source.device)
    norms = rows.norm(dim=1, keepdim=True)
    if not ((norms > _LEAST_NORM) & (norms < 1 / _LEAST_NORM)).all():
        rows = rows / torch.where(rows.any(1, keepdim=True), rows.abs().amax(1, keepdim=True), 1)
        norms = rows.norm(dim=1, keepdim=True)
    return (rows / torch.where(norms > 0, norms, 1)).to(source.dtype)


def mean_directions(rows: Any, home: Tensor, centers: Any) -> Any:
    """Return the mean row of each cluster at a length of one; the centre as it is, of one without rows."""
    if isinstance(rows, SparseRows):
        some, place = home.unique(return_inverse=True)
        others = torch.as_tensor(np.setdiff1d(np.arange(len(centers)), some.numpy()))
        members = csr_array((np.ones(len(rows)), (place.numpy(), np.arange(len(rows)))), shape=(len(some), len(rows)))
        sums = rows.combined(members)
        lengths = sums.squared_norms().sqrt().clamp_min(torch.finfo(sums.dtype).tiny)
        return SparseRows.joined([sums.combined(diags_array(1 / lengths.numpy())), centers[others]])
    sums = torch.zeros_like(centers).index_add_(0, home, rows)
    norms = sums.norm(dim=1, keepdim=True)
    return torch.where(norms > 0, sums / norms.clamp_min(torch.finfo(norms.dtype).tiny), centers)
