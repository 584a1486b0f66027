"""How near a set is to rows of a query, in place of the data."""

from __future__ import annotations

from dataclasses import field
from typing import Any, Literal, Self, cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse
from torch import Tensor

from skdc.containers import as_array
from skdc.discrepancies.mmd import KernelDistance
from skdc.exceptions import PartsError
from skdc.finite import not_finite
from skdc.kernels import Kernel, Laplace
from skdc.sets import Block, LabeledSet
from skdc.sources import Batch, Schema, Source
from skdc.spaces.base import PointwiseSpace
from skdc.spaces.invertible import Identity
from skdc.step import Step
from skdc.structures import OwnKernel


class QueryMMD(KernelDistance):
    r"""Maximum mean discrepancy (MMD) [1]_ of a set from rows of a query, whatever the data.

    The rows of the query, which need no targets, take the place of the data; these give units and bandwidth. A set
    that is chosen by it is like the query, as far as the data have such rows: its classes have the shares that they
    have among these.

    Parameters
    ----------
    query : array-like or frame of shape (n_query, ...)
        Rows like those of X, of the same columns; they go through the encoder of X.
    kernel : Kernel, default=None
        None: `Laplace()`, whose bandwidth is the median distance of the data. By kernels of light tails, such as
        Gaussian ones, rows that are far from all serve to take up mass where the data have few rows like the query.
    space, reduce, weight
        As in `Discrepancy`; sets are compared as a whole.

    References
    ----------
    .. [1] Gretton et al., "A Kernel Two-Sample Test", 2012, eq. 5.

    Examples
    --------
    >>> from skdc.discrepancies import MMD, QueryMMD
    >>> data, query, chosen = [[0.0], [1.0], [2.0]], [[2.0]], [[2.0]]
    >>> round(QueryMMD(query)(data, chosen), 3)
    0.0
    >>> MMD(by=None)(data, chosen) > 0.1
    True
    """

    nonnegative = symmetric = False  # what is nearest to it is the query, and not the data

    query: Any = None
    kernel: Kernel | None = None
    by: Literal["class", "group"] | None = field(default=None, init=False)

    def named_kernel(self) -> Kernel:
        """Return the kernel that is given, or a Laplace one."""
        return Laplace() if self.kernel is None else self.kernel

    def attach(self, source: Source) -> None:
        """Choose the space: the rows alone, since a query has no targets."""
        self.by = None
        super().attach(source)
        self.space_ = Identity() if self.space is None else self.space

    def fit_scale(self, source: Source, generator: torch.Generator) -> Self:
        """Fit the kernel on a sample of the data, and read the query."""
        super().fit_scale(source, generator)
        X = source.encode(read_query(self.query, source.schema))
        n_rows, n_outputs = X.shape[0], source.schema.n_outputs
        weight, unknown = source.tensor(np.ones(n_rows)), source.tensor(np.full((n_rows, n_outputs), np.nan))
        key = torch.zeros(n_rows, dtype=torch.int64, device=source.device)
        self.rows_ = LabeledSet(weight, key, X, unknown)
        values = self._shown().values  # sparse ones are shown as they are
        if isinstance(values, Tensor) and not values.isfinite().all():
            raise PartsError(f"QueryMMD: {self.space_!r} looks at targets, which a query has not; use Identity()")
        return self

    def represent(self, real: Batch, synthetic: LabeledSet, state: Step) -> tuple[list[Block], list[Block]]:
        """Return the blocks of the query, in place of the data, and of the set."""
        return super().represent(Batch(self.rows_), synthetic, state)

    def _shown(self) -> Block:
        """Return the query as the space shows it now."""
        return cast(PointwiseSpace, self.space_).block(self.rows_)

    def potential(self, p: Block, at: Tensor) -> Tensor:
        """Return the mean embedding of the query at some points."""
        return super().potential(self._shown(), at)

    def witness(self, p: Block, q: Block, at: Tensor) -> Tensor:
        """Return twice the difference of the mean embeddings: where q misses mass of the query."""
        return 2 * (self.potential(p, at) - super().potential(q, at))

    def own_kernel(self, p: Block, n_columns: int) -> OwnKernel:
        """Return the kernel of p with itself, and the mean embedding of the query at its rows."""
        submatrix, potential = self.submatrix(p), self.potential(p, p.values)
        return OwnKernel(potential, self.kernel_.diagonal(p.values), lambda rows: submatrix(slice(None), rows))


def read_query(query: Any, schema: Schema) -> Any:
    """Return the rows of a query as numbers, as the rows of the data are: encoded, where these are.

    Raises
    ------
    ValueError
        If there are none, or they are not like the rows of the data.
    """
    if query is None:
        raise ValueError("query is None: give rows that the set is to be like, with the columns of X")
    rows = as_array(query, "query")
    if schema.encoder is not None:
        return _encoded(rows, schema.encoder)
    names = schema.feature_names
    if names is not None and hasattr(rows, "columns") and list(rows.columns) != list(names):
        raise ValueError(_other_columns(rows.columns, names))
    rows = csr_array(rows) if issparse(rows) else np.asarray(rows)
    if rows.dtype.kind not in "fiub":
        raise ValueError(f"query holds values of dtype {rows.dtype}, and X numbers; give rows of the columns of X")
    if rows.ndim < 2 or tuple(rows.shape[1:]) != tuple(schema.input_shape) or not rows.shape[0]:
        one = "x".join(map(str, schema.input_shape))
        raise ValueError(f"query of shape {rows.shape} must hold one row or more like those of X, of {one} numbers")
    odd = not_finite(rows) if rows.dtype.kind == "f" else ""
    if odd:
        raise ValueError(f"query contains {odd}; leave such rows out, or fill them as those of X")
    return rows


def _encoded(rows: Any, encoder: Any) -> NDArray:
    """Return what the encoder of X makes of the rows of a query."""
    names = getattr(encoder, "feature_names_in_", None)
    if names is not None:
        if not hasattr(rows, "columns"):
            raise ValueError(f"query is no frame, but X is one with the columns {list(names)}; give a frame of these")
        if list(rows.columns) != list(names):
            raise ValueError(_other_columns(rows.columns, names))
    try:
        codes = encoder.transform(rows)
    except (TypeError, ValueError) as error:
        raise ValueError(f"query is not like X, whose encoder refuses it: {error}") from error
    return np.asarray(codes.toarray() if issparse(codes) else codes)


def _other_columns(columns: Any, names: Any) -> str:
    """Return a message of columns that are others than those of X."""
    missing = [name for name in names if name not in set(columns)]
    spare = [name for name in columns if name not in set(names)]
    if missing or spare:
        parts = [f"lacks {missing!r:.80}"] * bool(missing) + [f"has {spare!r:.80}, which X has not"] * bool(spare)
        return f"query {' and '.join(parts)}; give the columns of X"
    return f"query has the columns of X in another order; give query[{list(names)!r:.80}]"
