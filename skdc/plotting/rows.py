"""What displays of rows share: the fitted set, rows of the data thinned at random, and a plane to show them in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from skdc.condensed import CondensedSet
from skdc.containers import EncodedRows, as_array, checked_targets, has_units, not_numeric


def condensed_of(condenser: Any) -> CondensedSet:
    """Return the set of a fitted condenser; a set as it is."""
    if isinstance(condenser, CondensedSet):
        return condenser
    check_is_fitted(condenser)
    return condenser.condensed_


def classes_of(condensed: CondensedSet) -> NDArray | None:
    """Return the label of each point; None without labels, with continuous targets, and with several labels a row."""
    if condensed.y is None:
        return None
    labels = checked_targets(condensed.y)
    return None if labels.ndim > 1 or (condensed.classes is None and labels.dtype.kind in "iuf") else labels


def thinned(n: int, most: int, random_state: int) -> NDArray[np.intp]:
    """Return the positions of all of n rows, or of as many as are wanted, drawn at random; in order."""
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(random_state).choice(n, most, replace=False))


def count_of_rows(shown: int, n: int) -> str:
    """Say how many rows of the data are shown."""
    return f"{n:,} real rows" if shown == n else f"{shown:,} of {n:,} real rows"


@dataclass(frozen=True)
class NumericRows:
    """Rows of the data and of a set as numbers.

    Parameters
    ----------
    real : array or sparse matrix of shape (n, n_features)
        Those that are shown.
    condensed : array or sparse matrix of shape (m, n_features)
    positions : ndarray of shape (n,)
        Where the first stand in the data.
    n_rows : int
        How many rows the data have.
    names : list of str or None
        Of the columns, where they are those of the data.
    """

    real: Any
    condensed: Any
    positions: NDArray[np.intp]
    n_rows: int
    names: list[str] | None

    @property
    def label(self) -> str:
        """How many rows are shown."""
        return count_of_rows(len(self.positions), self.n_rows)


def numbers_of(X: Any, condensed: CondensedSet, max_rows: int, random_state: int) -> NumericRows:
    """Return rows of the data, and those of a set, as numbers; frames are encoded, and columns of two stay as are."""
    X, X_syn = as_array(X), as_array(condensed.X, "the set")
    if hasattr(X, "iloc") and X.shape[1] == 2 and not len(not_numeric(X)):
        names: list[str] | None = [str(name) for name in X.columns]
        rows, points = X.to_numpy(dtype=float), np.asarray(X_syn, dtype=float)
    else:
        encoded, names = EncodedRows(X), None
        rows, points = X if hasattr(X, "iloc") else encoded(X), encoded(X_syn, "the set")
    n = rows.shape[0] if hasattr(rows, "shape") else len(rows)
    positions = thinned(n, max_rows, random_state)
    if hasattr(rows, "iloc"):
        shown = encoded(rows.iloc[positions])
    else:
        shown = (rows.tocsr() if issparse(rows) else np.asarray(rows))[positions]
    shown, points = (_flat(part) for part in (shown, points))
    if shown.shape[1] != points.shape[1]:
        raise ValueError(f"rows of X have {shown.shape[1]} numbers, those of the set {points.shape[1]}; give its data")
    return NumericRows(shown, points, positions, n, names or ["x0", "x1"] if shown.shape[1] == 2 else None)


def _flat(rows: Any) -> Any:
    if issparse(rows):
        return rows.astype(np.float64)
    rows = np.asarray(rows.toarray() if hasattr(rows, "toarray") else rows, dtype=np.float64)
    return rows.reshape(len(rows), -1)


@dataclass(frozen=True)
class Plane:
    """Where rows stand in two dimensions: `real` (n, 2), `condensed` (m, 2), and what the axes are called."""

    real: NDArray[np.float64]
    condensed: NDArray[np.float64]
    names: tuple[str, str]


def plane_of(numbers: NumericRows, random_state: int) -> Plane:
    """Return two columns as they are, and the first two principal components of the real rows of others."""
    real, condensed = numbers.real, numbers.condensed
    if real.shape[1] < 2:
        raise ValueError("rows of one column have no plane to be shown in; MarginalsDisplay shows columns")
    if numbers.names is not None:
        real, condensed = (part.toarray() if issparse(part) else part for part in (real, condensed))
        return Plane(real, condensed, (numbers.names[0], numbers.names[1]))
    if not issparse(real) and has_units(real):
        scaler = StandardScaler().fit(real)
        real, condensed = scaler.transform(real), scaler.transform(condensed)
    solver = "arpack" if issparse(real) else "auto"
    projection = PCA(2, svd_solver=solver, random_state=random_state).fit(real)
    names = [
        f"component {place} ({share:.0%})"
        for place, share in zip((1, 2), projection.explained_variance_ratio_, strict=True)
    ]
    return Plane(projection.transform(real), projection.transform(condensed), (names[0], names[1]))
