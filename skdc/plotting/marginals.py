"""The columns of a condensed set beside those of the data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse

from skdc.containers import as_array
from skdc.plotting.columns import Marginal, bins_of, columns_of, distance, ecdf, histogram
from skdc.plotting.figures import (
    CONDENSED,
    REAL,
    axes_of,
    divided,
    inches_of,
    legend_beside,
    panels_for,
    short,
)
from skdc.plotting.rows import condensed_of, count_of_rows, thinned

_LEVELS = 7  # categories that are shown; the others are one
_PANEL = 1.1, 0.85  # inches that a panel needs at least
_WIDE = 1.4  # inches from which on words and ticks have more room
_OTHER = "others"
_THOUSANDS = 5000  # numbers from which on ticks are written as 10k, 2M


class MarginalsDisplay:
    """Columns of a condensed set beside those of the data, the most different first.

    Numbers and dates are drawn as histograms or as distribution functions, categories as bars. Weights count, and the
    shares of missing values are said where there are any. The difference of a column is the Kolmogorov-Smirnov distance
    of numbers, the total variation of categories, or the difference of the missing shares, where that is larger: 0 of
    columns that are alike, 1 at most.

    Parameters
    ----------
    X, X_syn : array or frame of shape (n, ...) and (m, ...)
        Rows of the data and of the set. Arrays are flattened.
    sample_weight, sample_weight_syn : array-like of shape (n,) and (m,), default=None
    y, y_syn : array, series or frame of shape (n, ...) and (m, ...), default=None
        Labels or targets, which are more columns.
    n_rows : int, default=None
        How many rows the data have, if not all are given.

    Attributes
    ----------
    differences : dict of str to float
        By column, the largest first.
    axes_ : list of matplotlib Axes
        One a column.
    figure_ : matplotlib Figure
    legend_ : matplotlib Legend

    Raises
    ------
    ValueError
        For other columns in the set than in the data.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from sklearn.datasets import load_iris
    >>> from skdc import KCenter
    >>> from skdc.plotting import MarginalsDisplay
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> condenser = KCenter(n_per_class=5, random_state=0).fit(X, y)
    >>> display = MarginalsDisplay.from_condenser(condenser, X, y)
    >>> len(display.axes_), list(display.differences)[-1]
    (5, 'target')
    """

    def __init__(
        self,
        X: Any,
        X_syn: Any,
        sample_weight: ArrayLike | None = None,
        sample_weight_syn: ArrayLike | None = None,
        *,
        y: Any = None,
        y_syn: Any = None,
        n_rows: int | None = None,
    ) -> None:
        both = y is not None and y_syn is not None
        given = (
            (X, y if both else None, sample_weight, "X"),
            (X_syn, y_syn if both else None, sample_weight_syn, "X_syn"),
        )
        sides = [_columns(*side) for side in given]
        names = [[column.name for column in side] for side in sides]
        if names[0] != names[1]:
            other = sorted(set(names[0]) ^ set(names[1])) or names[1]
            raise ValueError(f"the columns of X_syn are not those of X: {other[:5]} differ; give the data of the set")
        pairs = [_of_one_kind(*pair) for pair in zip(*sides, strict=True)]
        found = np.array([distance(*pair) for pair in pairs])
        order = np.argsort(-found, kind="stable")
        self._pairs = [pairs[j] for j in order]
        self.differences = {pairs[j][0].name: float(found[j]) for j in order}
        self._counts = _length(X_syn), _length(X)
        self.n_rows = self._counts[1] if n_rows is None else n_rows

    @classmethod
    def from_condenser(
        cls,
        condenser: Any,
        X: Any,
        y: Any = None,
        *,
        n_columns: int = 9,
        cumulative: bool = False,
        max_rows: int = 20_000,
        random_state: int = 0,
        ax: Any = None,
    ) -> Self:
        """Draw the columns of a condensed set beside those of the data.

        Parameters
        ----------
        condenser : condenser or CondensedSet
            Fitted.
        X : array, frame or sparse matrix of shape (n, ...)
            The data.
        y : array-like of shape (n,), default=None
            Their labels or targets, which are one more column.
        max_rows : int, default=20000
            How many real rows are looked at, chosen at random.
        random_state : int, default=0
            Seed of that choice.
        n_columns, cumulative, ax
            As in `plot`.

        Returns
        -------
        MarginalsDisplay
        """
        condensed, X = condensed_of(condenser), as_array(X)
        n = _length(X)
        positions = thinned(n, max_rows, random_state)
        X = X.tocsr() if issparse(X) else X
        rows = X.iloc[positions] if hasattr(X, "iloc") else X[positions] if issparse(X) else np.asarray(X)[positions]
        targets = None if y is None else as_array(y, "y")
        if targets is not None:
            targets = targets.iloc[positions] if hasattr(targets, "iloc") else np.asarray(targets)[positions]
        of_set = {"y": targets, "y_syn": condensed.y, "sample_weight_syn": condensed.sample_weight}
        return cls(rows, condensed.X, **of_set, n_rows=n).plot(ax, n_columns=n_columns, cumulative=cumulative)

    def plot(self, ax: Any = None, *, n_columns: int = 9, cumulative: bool = False) -> Self:
        """Draw the columns that differ most.

        Parameters
        ----------
        ax : matplotlib Axes or sequence of them, default=None
            The place of one is divided; of several, each gets a column. None makes a figure.
        n_columns : int, default=9
            How many columns are drawn at most; fewer where the place is too small for them, as the legend says.
        cumulative : bool, default=False
            Distribution functions of numbers and dates in place of histograms.

        Returns
        -------
        self
        """
        wanted = min(n_columns, len(self._pairs))
        top, axes = self._places(ax, wanted)
        self.axes_, self.figure_ = axes[:wanted], axes[0].figure
        for axis, (real, condensed) in zip(self.axes_, self._pairs, strict=False):
            if real.kind == "categories":
                _draw_categories(axis, real, condensed)
            else:
                _draw_numbers(axis, real, condensed, cumulative)
            _say(axis, real, condensed, self.differences[real.name])
        for axis in axes[wanted:]:
            axis.set_axis_off()
        self.legend_ = self._legend(top)
        return self

    def _places(self, ax: Any, wanted: int) -> tuple[Any, list[Any]]:
        """Return where the legend stands, None for beside the last, and the axes to draw in."""
        if isinstance(ax, Sequence | np.ndarray):
            return None, list(np.ravel(np.asarray(ax, dtype=object)))
        if ax is None:
            panels = panels_for(wanted, (7.2, 6.4), (2.3, 1.9))
            ax = axes_of(self, None, figsize=(2.4 * panels.columns + 0.2, 1.75 * panels.rows + 0.6))
        else:
            panels = panels_for(wanted, inches_of(ax), _PANEL)
        return divided(ax, panels)

    def _legend(self, top: Any) -> Any:
        from matplotlib.patches import Patch

        count = count_of_rows(self._counts[1], self.n_rows), f"{self._counts[0]} points"
        handles = [Patch(color=color, label=said) for color, said in zip((REAL, CONDENSED), count, strict=True)]
        shown, n = len(self.axes_), len(self._pairs)
        title = f"{n} columns" if shown == n else f"{shown} of {n} columns"
        title += ", differences in brackets"
        if top is None:
            return legend_beside(self.axes_[-1], handles, title=title.replace(", ", ",\n"))
        size = 8.0 if inches_of(top)[0] > 3 else 7.0
        style = {"fontsize": size, "title_fontsize": size, "frameon": False, "handlelength": 1.2, "columnspacing": 1.0}
        return top.legend(handles=handles, title=title, loc="center", ncols=2, borderpad=0, **style)


def _of_one_kind(real: Marginal, condensed: Marginal) -> tuple[Marginal, Marginal]:
    """Return columns of one kind; one without values has that of the other."""
    if real.kind == condensed.kind or not len(condensed.values) or not len(real.values):
        return real, condensed
    raise ValueError(f"column {real.name!r} holds {real.kind} in X, but {condensed.kind} in X_syn; give rows of a kind")


def _columns(rows: Any, y: Any, weight: ArrayLike | None, name: str) -> list[Marginal]:
    """Return the columns of rows, and those of their targets."""
    rows = as_array(rows, name)
    rows = rows.toarray() if issparse(rows) else rows
    masses = np.ones(len(rows)) if weight is None else np.asarray(weight, dtype=np.float64)
    if masses.shape != (len(rows),) or not masses.sum() > 0:
        raise ValueError(f"{name} has {len(rows)} rows: its weights must be as many, and some of them positive")
    targets = [] if y is None else list(columns_of(as_array(y, "y"), masses, "target"))
    return [*columns_of(rows, masses), *targets]


def _length(rows: Any) -> int:
    return rows.shape[0] if hasattr(rows, "shape") else len(rows)


def _draw_numbers(ax: Any, real: Marginal, condensed: Marginal, cumulative: bool) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.ticker import EngFormatter

    if cumulative:
        both = [column for column in (real, condensed) if len(column.values)]
        for column, color in zip((real, condensed), (REAL, CONDENSED), strict=True):
            at = np.unique(np.concatenate([part.values for part in both])) if both else np.zeros(1)
            ax.step(at, ecdf(column, at), where="post", color=color, linewidth=3.0 if column is real else 1.4)
        ax.set_ylim(-0.03, 1.03)
    else:
        edges = bins_of(real, condensed)
        ax.stairs(histogram(real, edges), edges, fill=True, color=REAL)
        ax.stairs(histogram(condensed, edges), edges, color=CONDENSED, linewidth=1.4)
        ax.set_ylim(bottom=0)
    if real.kind == "dates":
        locator = AutoDateLocator(minticks=2, maxticks=4)
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    else:
        ax.locator_params(axis="x", nbins=3 if inches_of(ax)[0] > _WIDE else 2)
        if np.abs(ax.get_xlim()).max() >= _THOUSANDS:
            ax.xaxis.set_major_formatter(EngFormatter(sep=""))
    ax.locator_params(axis="y", nbins=3)


def _draw_categories(ax: Any, real: Marginal, condensed: Marginal) -> None:
    levels = list(dict.fromkeys([*real.levels, *condensed.levels]))
    shares = [real.shares(levels), condensed.shares(levels)]
    most = min(_LEVELS, max(2, int(inches_of(ax)[1] * 72 / 9) - 1))
    kept = np.sort(np.argsort(-np.maximum(*shares), kind="stable")[: most if len(levels) > most + 1 else None])
    letters = 14 if inches_of(ax)[0] > _WIDE else 8
    names = [short(levels[j], letters) for j in kept]
    shares = [part[kept] for part in shares]
    if len(kept) < len(levels):
        names.append(f"{len(levels) - len(kept)} {_OTHER}")
        shares = [np.append(part, max(0.0, 1 - part.sum()) if part.any() else 0.0) for part in shares]
    place = np.arange(len(names))
    for part, color, shift in zip(shares, (REAL, CONDENSED), (-0.2, 0.2), strict=True):
        ax.barh(place + shift, part, height=0.4, color=color)
    ax.set_yticks(place, names)
    ax.invert_yaxis()
    ax.locator_params(axis="x", nbins=3)


def _say(ax: Any, real: Marginal, condensed: Marginal, difference: float) -> None:
    """Write the name of a column, how much it differs, and what is missing."""
    ax.tick_params(labelsize=7)
    ax.xaxis.get_offset_text().set_fontsize(7)
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_title(f"{short(real.name, 22 if inches_of(ax)[0] > _WIDE else 10)} ({difference:.2f})", fontsize=8)
    if real.missing or condensed.missing:
        of_set = "set " if inches_of(ax)[0] > _WIDE else ""
        ax.set_xlabel(f"missing: {real.missing:.0%}, {of_set}{condensed.missing:.0%}", fontsize=7)
