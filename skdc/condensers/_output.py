"""From a solution to what a user gets: the pair, in the containers that went in."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

_NOT_ROWS = (
    "a condenser gives a pair (X_syn, y_syn), with other rows than X, which a plain Pipeline or FeatureUnion cannot "
    "pass on; use skdc.CondensingPipeline (make_condensing_pipeline), or put "
    "skdc.CondensedEstimator(condenser, estimator) at the end of the Pipeline"
)


class CondensedPair(tuple):
    """The pair (X_syn, y_syn); it unpacks like any tuple and refuses to be taken for rows."""

    __slots__ = ()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NoReturn:
        raise TypeError(_NOT_ROWS)

    @property
    def shape(self) -> NoReturn:
        """Refused: a pair has no shape."""
        raise TypeError(_NOT_ROWS)

    @property
    def ndim(self) -> NoReturn:
        """Refused: a pair has no dimensions."""
        raise TypeError(_NOT_ROWS)


def template(values: Any) -> Any:
    """Return what `like_rows` and `like_targets` need to know of a container: an empty copy of a frame or series."""
    return values.iloc[:0].copy() if hasattr(values, "iloc") else None


def like_rows(values: Any, like: Any) -> Any:
    """Return synthetic rows in the container of the data: a frame with the same columns, if it was one."""
    if not hasattr(like, "iloc") or hasattr(values, "iloc"):
        return values
    frame = type(like)(values, columns=like.columns).infer_objects()
    # Whole numbers become fractions on the way; columns of other kinds keep their dtype.
    kept = {name: dtype for name, dtype in like.dtypes.items() if getattr(dtype, "kind", "O") not in "iub"}
    return frame.astype(kept)


def like_targets(values: NDArray | None, like: Any, index: Any) -> Any:
    """Return synthetic targets in the container of the targets: a series of the same name, if it was one."""
    if values is None or not hasattr(like, "iloc"):
        return values
    if values.ndim == 2:
        frame = type(like)(values, columns=like.columns, index=index)
        return frame if values.dtype.kind == "f" else frame.astype(like.dtypes)
    if like.ndim == 2:
        return type(like)(values[:, None], columns=like.columns, index=index)
    dtype = like.dtype
    keeps = getattr(dtype, "kind", "O") != "f" and values.dtype.kind != "f"
    return type(like)(values, name=like.name, index=index, dtype=dtype if keeps else None)


def chosen_rows(values: Any, indices: NDArray[np.intp]) -> Any:
    """Return some rows of the data in their container: frames and series stay what they are, with their index."""
    if issparse(values):
        return values.tocsr()[indices]
    # A copy, or pandas before 3 warns whoever writes to the set.
    return values.iloc[indices].copy() if hasattr(values, "iloc") else np.asarray(values)[indices]


def chosen_targets(values: Any, indices: NDArray[np.intp]) -> Any:
    """Return some targets in their container; an array of one column comes out flat, as scikit-learn takes it."""
    chosen = chosen_rows(values, indices)
    return chosen.ravel() if isinstance(chosen, np.ndarray) and chosen.shape[1:] == (1,) else chosen


def whole(values: NDArray) -> NDArray:
    """Make numbers whole that are so but for rounding: an encoder may cut off what stands behind the point."""
    nearest = np.round(values)
    return np.where(np.abs(values - nearest) < 1e-5, nearest, values)
