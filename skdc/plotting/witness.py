"""Where a set misses mass of the data, and where it has too much."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn.base import clone
from torch import Tensor

from skdc.discrepancies import MMD
from skdc.discrepancies.arrays import compared
from skdc.discrepancies.base import Discrepancy
from skdc.discrepancies.objective import Objective, train_critics
from skdc.isolation import filters_kept
from skdc.plotting.figures import axes_of
from skdc.plotting.rows import condensed_of, count_of_rows, numbers_of, plane_of
from skdc.randomness import randomness
from skdc.sets import LabeledSet
from skdc.sources import Batch, RowSource
from skdc.spaces.base import PointwiseSpace

_GRID = 50  # places along each side
_PIECE = 2000  # places that are asked about at once: a discrepancy may hold the costs between all of them


class WitnessDisplay:
    """The witness function of a discrepancy: large where a set misses mass of the data, small where it has too much.

    It is the first variation of the discrepancy in the mass of the data, and known up to a constant: what is drawn has
    a mean of 0 over the real rows. Of data in two dimensions it is drawn everywhere, of others at real rows in a plane.

    Parameters
    ----------
    real : array-like of shape (n, 2)
        Rows of the data in a plane.
    witness : array-like of shape (n,)
        The function there.
    condensed : array-like of shape (m, 2)
        The points of the set.
    sample_weight : array-like of shape (m,), default=None
        Of the set.
    grid : (x, y, values), default=None
        The function on a grid, of shapes (k,), (l,) and (l, k).
    names : (str, str), default=("first", "second")
        Of the axes.
    n_rows : int, default=None
        How many rows the data have, if not all are given.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    rows_, condensed_ : matplotlib PathCollection
        The rows and the points.
    contours_ : matplotlib QuadContourSet or None
        The function on the grid.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> import numpy as np
    >>> from skdc import KMedoids
    >>> from skdc.plotting import WitnessDisplay
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> condenser = KMedoids(n_samples=5, random_state=0).fit(X[X[:, 0] < 0])
    >>> display = WitnessDisplay.from_condenser(condenser, X)
    >>> bool(display.real[display.witness.argmax(), 0] > 0)  # the half that was left out
    True
    """

    def __init__(
        self,
        real: ArrayLike,
        witness: ArrayLike,
        condensed: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        grid: tuple[ArrayLike, ArrayLike, ArrayLike] | None = None,
        names: tuple[str, str] = ("first", "second"),
        n_rows: int | None = None,
    ) -> None:
        self.real, self.witness, self.condensed = (np.asarray(v, dtype=np.float64) for v in (real, witness, condensed))
        weight = np.ones(len(self.condensed)) if sample_weight is None else sample_weight
        self.sample_weight = np.asarray(weight, dtype=np.float64)
        if self.witness.shape != (len(self.real),):
            raise ValueError(f"witness of shape {self.witness.shape} does not go with {len(self.real)} rows: one each")
        self.grid, self.names = grid, names
        self.n_rows = len(self.real) if n_rows is None else n_rows

    @classmethod
    def from_condenser(
        cls,
        condenser: Any,
        X: ArrayLike,
        *,
        discrepancy: Objective | None = None,
        max_rows: int = 2000,
        random_state: int = 0,
        ax: Any = None,
    ) -> Self:
        """Draw where a condensed set misses mass of the data.

        Rows are compared as a whole, without labels: for one class, pass its rows, and a set of them.

        Parameters
        ----------
        condenser : condenser or CondensedSet
            Fitted.
        X : array, frame or sparse matrix of shape (n, ...)
            The data. Frames are encoded as in `SetDisplay`, in which plane they are shown too.
        discrepancy : Discrepancy or Hybrid, default=None
            Unfitted; of clouds, in a pointwise space. None takes `MMD()`, whatever the condenser minimised.
        max_rows : int, default=2000
            How many real rows are compared at most, chosen at random.
        random_state : int, default=0
            Seed of that choice, and of what a discrepancy draws.
        ax : matplotlib Axes, default=None
            As in `plot`.

        Returns
        -------
        WitnessDisplay

        Raises
        ------
        ValueError
            For a discrepancy that does not compare sets row by row.
        """
        condensed = condensed_of(condenser)
        numbers = numbers_of(X, condensed, max_rows, random_state)
        plane = plane_of(numbers, random_state)
        grid = None if numbers.names is None else _grid(plane.real, plane.condensed)
        real, points = (part.toarray() if issparse(part) else part for part in (numbers.real, numbers.condensed))
        at = real if grid is None else np.concatenate([real, _points(*grid)])
        found = witness_at(
            MMD() if discrepancy is None else discrepancy, real, points, condensed.sample_weight, at, random_state
        )
        found -= found[: len(real)].mean()
        on_grid = None if grid is None else (*grid, found[len(real) :].reshape(len(grid[1]), len(grid[0])))
        return cls(
            plane.real,
            found[: len(real)],
            plane.condensed,
            condensed.sample_weight,
            grid=on_grid,
            names=plane.names,
            n_rows=numbers.n_rows,
        ).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the function, the rows and the points.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a figure.

        Returns
        -------
        self
        """
        ax = axes_of(self, ax)
        self.ax_, self.figure_, self.contours_ = ax, ax.figure, None
        values = self.witness if self.grid is None else np.asarray(self.grid[2])
        scale: dict[str, Any] = {"cmap": "PuOr_r"}
        most = float(np.abs(values).max()) or 1.0
        if self.grid is not None:
            levels = np.linspace(-most, most, 16)
            self.contours_ = shown = ax.contourf(*self.grid, levels=levels, **scale)
            self.rows_ = ax.scatter(*self.real.T, s=3, color="0.35", alpha=0.5, linewidth=0, rasterized=True)
        else:
            shown = self.rows_ = ax.scatter(
                *self.real.T, c=self.witness, s=14, vmin=-most, vmax=most, linewidth=0, rasterized=True, **scale
            )
        sizes = 45.0 * self.sample_weight / (self.sample_weight.mean() or 1.0)
        edge = {"edgecolor": "black", "facecolor": "white", "marker": "D", "linewidth": 1.0, "zorder": 3}
        self.condensed_ = ax.scatter(*self.condensed.T, s=np.minimum(sizes, 500.0), **edge)
        bar = self.figure_.colorbar(shown, ax=ax, ticks=[-most, 0, most])
        bar.ax.set_yticklabels(["too much", "mean", "missing"], fontsize=8)
        ax.set(xlabel=self.names[0], ylabel=self.names[1])
        ax.set_title(f"{len(self.condensed)} points over {count_of_rows(len(self.real), self.n_rows)}", fontsize=8)
        return self


def witness_at(
    discrepancy: Objective,
    real: NDArray[np.float64],
    condensed: NDArray[np.float64],
    sample_weight: NDArray[np.float64] | None,
    at: NDArray[np.float64],
    random_state: int,
) -> NDArray[np.float64]:
    """Return the witness function of a discrepancy between rows as a whole, at some rows."""
    objective, generator = clone(discrepancy), torch.Generator().manual_seed(random_state)
    source, synthetic = compared(real, condensed, None, sample_weight)
    with randomness(random_state), filters_kept():
        objective.fit(source, generator)
        train_critics(objective, Batch(source.rows), synthetic, generator)
        leaves = objective.leaves()
        _refuse_what_has_no_witness(leaves)
        with torch.no_grad():
            pieces = [_values(leaves, source, synthetic, source.encode(piece)) for piece in _pieces(at)]
    return torch.cat(pieces).numpy()


def _pieces(at: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    return [at[start : start + _PIECE] for start in range(0, len(at), _PIECE)]


def _values(leaves: list[Any], source: RowSource, synthetic: LabeledSet, X: Tensor) -> Tensor:
    """Return the sum of the witnesses at some rows, in working units."""
    asked = LabeledSet(X.new_ones(len(X)), torch.zeros(len(X), dtype=torch.int64), X, X.new_empty(len(X), 0))
    total = torch.zeros(len(X), dtype=torch.float64)
    for leaf in leaves:
        p, q, at = (leaf.space_.block(rows) for rows in (source.rows, synthetic, asked))
        total += leaf.weight * leaf.witness(p, q, at.values).detach().double()
    return total


def _refuse_what_has_no_witness(leaves: list[Any]) -> None:
    for leaf in leaves:
        if not isinstance(leaf, Discrepancy) or leaf.compares == "aligned":
            raise ValueError(f"{leaf!r} has no witness: it does not compare clouds of rows; use MMD(), say")
        if not isinstance(leaf.space_, PointwiseSpace):
            raise ValueError(
                f"{type(leaf.space_).__name__} does not show row by row, so that no row has a witness; use a pointwise "
                "space, such as Identity()"
            )


def _grid(*clouds: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the places of a grid over all points along each axis."""
    both = np.concatenate(clouds)
    low, high = both.min(axis=0), both.max(axis=0)
    margin = 0.05 * np.where(high > low, high - low, 1.0)
    x, y = (np.linspace(start, stop, _GRID) for start, stop in zip(low - margin, high + margin, strict=True))
    return x, y


def _points(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
