"""How many rows are enough."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skdc.plotting.figures import COLORS, axes_of, inches_of, legend_beside

_TICK = 0.1  # inches that a figure takes


class BudgetCurveDisplay:
    """Scores of models that are trained on sets of several sizes, beside random rows and all rows.

    Bands are one spread to each side. The least size whose score is that of all rows, but for a tolerance, is marked.

    Parameters
    ----------
    size : array-like of shape (n_sizes,)
        How many rows the sets have.
    score : array-like of shape (n_sizes,)
        Larger is better.
    spread : array-like of shape (n_sizes,), default=None
        Such as the standard deviation over seeds.
    random_score, random_spread : array-like of shape (n_sizes,), default=None
        The same, of as many random rows.
    all_score : float, default=None
        The score with all rows.
    tolerance : float, default=0.01
        By how much less a score may be than that of all rows to be enough.
    name, score_name : str, default="condensed" and "score"
        Of the line, and of the vertical axis.

    Attributes
    ----------
    least_size : int or None
        The least size that is enough; None if none is.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    line_, random_line_, all_line_, least_line_ : matplotlib Line2D or None
        What is drawn, if there is any.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from skdc.plotting import BudgetCurveDisplay
    >>> display = BudgetCurveDisplay([10, 20, 50], [0.8, 0.91, 0.93], random_score=[0.6, 0.8, 0.9], all_score=0.915)
    >>> display.least_size
    20
    >>> [text.get_text() for text in display.plot().ax_.get_legend().get_texts()]
    ['condensed', 'random rows', 'all rows', '20 rows are enough']
    """

    def __init__(
        self,
        size: ArrayLike,
        score: ArrayLike,
        spread: ArrayLike | None = None,
        *,
        random_score: ArrayLike | None = None,
        random_spread: ArrayLike | None = None,
        all_score: float | None = None,
        tolerance: float = 0.01,
        name: str = "condensed",
        score_name: str = "score",
    ) -> None:
        sizes = np.asarray(size)
        order = np.argsort(sizes, kind="stable")
        if sizes.ndim != 1 or not len(sizes):
            raise ValueError(f"size of shape {sizes.shape} must hold at least one size")
        self.size = sizes[order]

        def by_size(values: ArrayLike | None, what: str) -> NDArray[np.float64] | None:
            if values is None:
                return None
            found = np.asarray(values, dtype=np.float64)
            if found.shape != sizes.shape:
                raise ValueError(f"{what} of shape {found.shape} does not go with {len(sizes)} sizes: one value each")
            return found[order]

        scores = by_size(score, "score")
        assert scores is not None
        self.score, self.spread = scores, by_size(spread, "spread")
        self.random_score = by_size(random_score, "random_score")
        self.random_spread = by_size(random_spread, "random_spread")
        self.all_score, self.tolerance, self.name, self.score_name = all_score, tolerance, name, score_name

    @classmethod
    def from_curve(
        cls, curve: Any, *, tolerance: float = 0.01, name: str | None = None, score_name: str = "score", ax: Any = None
    ) -> Self:
        """Draw what `skdc.evaluation.budget_curve` found.

        Parameters
        ----------
        curve : BudgetCurve
        tolerance, score_name
            As in the class.
        name : str, default=None
            Of the line; None takes that of the condenser.
        ax : matplotlib Axes, default=None
            As in `plot`.

        Returns
        -------
        BudgetCurveDisplay
        """
        return cls(
            curve.sizes,
            curve.scores,
            curve.spreads,
            random_score=curve.random_scores,
            random_spread=curve.random_spreads,
            all_score=curve.all_score,
            tolerance=tolerance,
            name=curve.condenser if name is None else name,
            score_name=score_name,
        ).plot(ax)

    @classmethod
    def from_frame(
        cls, frame: Any, *, tolerance: float = 0.01, name: str = "condensed", score_name: str = "score", ax: Any = None
    ) -> Self:
        """Draw the columns of a frame.

        Parameters
        ----------
        frame : DataFrame
            With the columns `size` and `score`, and with `spread`, `random_score`, `random_spread` and `all_score`, if
            those are known.
        tolerance, name, score_name
            As in the class.
        ax : matplotlib Axes, default=None
            As in `plot`.

        Returns
        -------
        BudgetCurveDisplay

        Raises
        ------
        ValueError
            If a column is missing.
        """
        columns = {str(label): frame[label].to_numpy() for label in frame.columns}
        lacking = [label for label in ("size", "score") if label not in columns]
        if lacking:
            raise ValueError(f"a curve needs the column {lacking[0]!r}, but there are {list(columns)}")
        every = columns.get("all_score")
        return cls(
            columns["size"],
            columns["score"],
            columns.get("spread"),
            random_score=columns.get("random_score"),
            random_spread=columns.get("random_spread"),
            all_score=None if every is None else float(np.nanmean(every)),
            tolerance=tolerance,
            name=name,
            score_name=score_name,
        ).plot(ax)

    @property
    def least_size(self) -> int | None:
        """The least size whose score is that of all rows, but for the tolerance; None if none is, or it is unknown."""
        if self.all_score is None:
            return None
        enough = self.size[self.score >= self.all_score - self.tolerance]
        return int(enough[0]) if len(enough) else None

    def plot(self, ax: Any = None) -> Self:
        """Draw the lines over a scale of logarithms, with a legend to the right.

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
        self.line_ = self._draw(self.score, self.spread, self.name, COLORS[0], "o")
        self.random_line_ = self.all_line_ = self.least_line_ = None
        if self.random_score is not None:
            self.random_line_ = self._draw(self.random_score, self.random_spread, "random rows", COLORS[1], "s")
        if self.all_score is not None:
            self.all_line_ = ax.axhline(self.all_score, color="black", linestyle="--", linewidth=1, label="all rows")
        least = self.least_size
        if least is not None:
            dotted = {"color": COLORS[2], "linestyle": ":", "linewidth": 1.5}
            self.least_line_ = ax.axvline(least, label=f"{least:,} rows are enough", **dotted)
        ax.set_xscale("log")
        ax.set(xlabel="rows", ylabel=self.score_name)
        legend_beside(ax)
        ax.figure.canvas.figure.draw_without_rendering()
        ticks = self._ticks(inches_of(ax)[0])
        ax.set_xticks(ticks, [f"{size:,}" for size in ticks])
        ax.minorticks_off()
        return self

    def _ticks(self, width: float) -> list[int]:
        """Return sizes that stand far enough from each other to be written below the axis."""
        places = np.log(self.size) / (np.ptp(np.log(self.size)) or 1.0) * width
        kept = [0]
        for i in range(1, len(self.size)):
            if places[i] - places[kept[-1]] > _TICK * (1 + len(f"{self.size[i]:,}")):
                kept.append(i)
        return [int(self.size[i]) for i in kept]

    def _draw(self, score: NDArray, spread: NDArray | None, name: str, color: str, marker: str) -> Any:
        if spread is not None:
            self.ax_.fill_between(self.size, score - spread, score + spread, color=color, alpha=0.2, linewidth=0)
        return self.ax_.plot(self.size, score, color=color, marker=marker, markersize=5, label=name)[0]
