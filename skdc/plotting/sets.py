"""A condensed set among the rows of the data, in two dimensions."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skdc.containers import checked_targets
from skdc.plotting.figures import CONDENSED, REAL, axes_of, inches_of, legend_beside, short, styles
from skdc.plotting.rows import classes_of, condensed_of, count_of_rows, numbers_of, plane_of

_MOST_CLASSES = 20  # more are not told apart by colours and markers
_AREA, _LARGEST_AREA = 45.0, 500.0  # of a point of mean weight, and of any, in squared points, in large axes
_LARGE = 16.0  # squared inches


class SetDisplay:
    """A condensed set, over rows of the data, in a plane.

    The area of a point is its weight. Colours and markers are classes, or the colour is a continuous target; of more
    than 20 classes all points have one colour.

    Parameters
    ----------
    real : array-like of shape (n, 2)
        Rows of the data.
    condensed : array-like of shape (m, 2)
        The points of the set.
    y_real, y : array-like of shape (n,) and (m,), default=None
        Their labels, or continuous targets. Rows without are grey.
    sample_weight : array-like of shape (m,), default=None
        Of the set.
    names : (str, str), default=("first", "second")
        Of the axes.
    n_rows : int, default=None
        How many rows the data have, if not all are given.
    continuous : bool, default=False
        Whether y are numbers to be shown on a scale of colours.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    real_, condensed_ : list of matplotlib PathCollection
        The points, one entry a class.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from sklearn.datasets import load_iris
    >>> from skdc import KMedoids
    >>> from skdc.plotting import SetDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> condenser = KMedoids(n_per_class=5, random_state=0).fit(X, y)
    >>> display = SetDisplay.from_condenser(condenser, X, y)
    >>> display.condensed.shape
    (15, 2)
    >>> display.ax_.get_xlabel()
    'component 1 (73%)'
    """

    def __init__(
        self,
        real: ArrayLike,
        condensed: ArrayLike,
        y_real: ArrayLike | None = None,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        *,
        names: tuple[str, str] = ("first", "second"),
        n_rows: int | None = None,
        continuous: bool = False,
    ) -> None:
        self.real, self.condensed = (np.asarray(rows, dtype=np.float64) for rows in (real, condensed))
        for name, rows in (("real", self.real), ("condensed", self.condensed)):
            if rows.ndim != 2 or rows.shape[1] != 2:
                raise ValueError(f"{name} of shape {rows.shape} is no set of points in a plane: give two columns")
        self.y_real, self.y = (None if labels is None else np.asarray(labels) for labels in (y_real, y))
        weight = np.ones(len(self.condensed)) if sample_weight is None else sample_weight
        self.sample_weight = np.asarray(weight, dtype=np.float64)
        of_set, of_data = len(self.condensed), len(self.real)
        for name, given, n in (
            ("y_real", self.y_real, of_data),
            ("y", self.y, of_set),
            ("sample_weight", self.sample_weight, of_set),
        ):
            if given is not None and given.shape != (n,):
                raise ValueError(f"{name} of shape {given.shape} does not go with {n} rows: one value each")
        self.names, self.continuous = names, continuous
        self.n_rows = of_data if n_rows is None else n_rows

    @classmethod
    def from_condenser(
        cls,
        condenser: Any,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        max_rows: int = 5000,
        random_state: int = 0,
        ax: Any = None,
    ) -> Self:
        """Draw a condensed set over the data.

        Two columns of numbers are drawn as they are. Of others, the first two principal components of the real rows are
        taken: of frames as condensers encode them, of columns that may each have a unit in units of their deviations.

        Parameters
        ----------
        condenser : condenser or CondensedSet
            Fitted.
        X : array, frame or sparse matrix of shape (n, ...)
            The data.
        y : array-like of shape (n,), default=None
            Their labels or continuous targets; None draws real rows in grey.
        max_rows : int, default=5000
            How many real rows are drawn at most, chosen at random.
        random_state : int, default=0
            Seed of that choice.
        ax : matplotlib Axes, default=None
            As in `plot`.

        Returns
        -------
        SetDisplay
        """
        condensed = condensed_of(condenser)
        numbers = numbers_of(X, condensed, max_rows, random_state)
        plane = plane_of(numbers, random_state)
        labels, targets = classes_of(condensed), None if y is None else checked_targets(y)
        continuous = labels is None and condensed.y is not None and np.ndim(checked_targets(condensed.y)) == 1
        if continuous:
            labels = checked_targets(condensed.y)
        if targets is not None and len(targets) != numbers.n_rows:
            raise ValueError(f"X has {numbers.n_rows} rows, y has {len(targets)}: there must be as many")
        return cls(
            plane.real,
            plane.condensed,
            None if targets is None or labels is None else targets[numbers.positions],
            labels,
            condensed.sample_weight,
            names=plane.names,
            n_rows=numbers.n_rows,
            continuous=continuous,
        ).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the rows and the points, with a legend to the right.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a figure.

        Returns
        -------
        self
        """
        ax = axes_of(self, ax)
        self.ax_, self.figure_ = ax, ax.figure
        relative = self.sample_weight / (self.sample_weight.mean() or 1.0)
        shrunk = min(1.0, np.prod(inches_of(ax)) / _LARGE)
        self._areas = relative * shrunk * min(_AREA, _LARGEST_AREA / max(relative.max(), 1e-12))
        ax.set(xlabel=self.names[0], ylabel=self.names[1])
        ax.set_title(self._note(), fontsize=8)
        self.real_: list[Any] = []
        self.condensed_: list[Any] = []
        classes = self._classes()
        if self.continuous and self.y is not None:
            self._draw_scale(self.y)
        elif classes is not None:
            self._draw_classes(classes)
        else:
            self._draw_rows(self.real, slice(None), color=REAL, label="data")
            self._draw_points(slice(None), color=CONDENSED, label="set")
            legend_beside(ax).legend_handles[0].set_sizes([30])
        return self

    def _classes(self) -> NDArray | None:
        """Return the classes, if they can be told apart."""
        if self.y is None or self.continuous:
            return None
        found = np.unique(self.y if self.y_real is None else np.concatenate([self.y, self.y_real]))
        return found if len(found) <= _MOST_CLASSES else None

    def _draw_classes(self, classes: NDArray) -> None:
        if self.y_real is None:
            self._draw_rows(self.real, slice(None), color=REAL)
        handles = []
        for label, style in zip(classes, styles(len(classes)), strict=True):
            if self.y_real is not None:
                self._draw_rows(self.real, self.y_real == label, alpha=0.35, **style)
            handles.append(self._draw_points(self.y == label, label=short(label), **style))
        legend_beside(self.ax_, handles)

    def _draw_scale(self, y: NDArray) -> None:
        both = y if self.y_real is None else np.concatenate([y, self.y_real])
        scale = {"cmap": "viridis", "vmin": float(both.min()), "vmax": float(both.max())}
        if self.y_real is None:
            self._draw_rows(self.real, slice(None), color=REAL)
        else:
            self._draw_rows(self.real, slice(None), c=self.y_real, alpha=0.35, **scale)
        drawn = self._draw_points(slice(None), c=y, **scale)
        self.figure_.colorbar(drawn, ax=self.ax_, label="target")

    def _draw_rows(self, rows: NDArray, which: Any, **style: Any) -> None:
        size = 9.0 if len(rows) <= 1000 else 4.0
        self.real_.append(self.ax_.scatter(*rows[which].T, s=size, linewidth=0, rasterized=True, **style))

    def _draw_points(self, which: Any, **style: Any) -> Any:
        edge = {"edgecolor": "black", "linewidth": 0.7, "zorder": 3}
        drawn = self.ax_.scatter(*self.condensed[which].T, s=self._areas[which], **edge, **style)
        self.condensed_.append(drawn)
        return drawn

    def _note(self) -> str:
        """Say how many points and rows there are."""
        n_classes = "" if self.y is None or self.continuous else f" of {len(np.unique(self.y))} classes"
        return f"{len(self.condensed)} points{n_classes} over\n{count_of_rows(len(self.real), self.n_rows)}"
