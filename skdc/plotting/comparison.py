"""What condensers score, against what that takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skdc.plotting.figures import axes_of, front_of, have_room, inches_of, label_points, legend_beside, short, styles

_ALL_ROWS = "all rows"  # which takes no condensing: a line, and no point


class ComparisonDisplay:
    """Scores of sets against seconds, bytes or rows; the front of those that no other beats by both is marked.

    Parameters
    ----------
    names : sequence of str
        What the points stand for. They stand beside the points; or in a legend, where there is no room for them, or
        where several points have one name, such as sizes of one condenser, which are joined by a line.
    cost, score : array-like of shape (n_points,)
        Less cost and a larger score are better.
    low, high : array-like of shape (n_points,), default=None
        Between which the scores lie, such as a confidence interval.
    all_score : float, default=None
        The score with all rows.
    cost_name, score_name : str, default="cost" and "score"
        What the axes are called.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    front_line_ : matplotlib Line2D
        Through the front.
    labels_ : list of matplotlib Annotation
        The names beside the points; empty where there is a legend.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from skdc.plotting import ComparisonDisplay
    >>> display = ComparisonDisplay(["random", "k-means", "DM"], cost=[0.01, 0.1, 9.0], score=[0.7, 0.9, 0.85])
    >>> display.front()  # DM is slower than k-means, and no better
    array([ True,  True, False])
    >>> [label.get_text() for label in display.plot().labels_]
    ['random', 'k-means', 'DM']
    """

    def __init__(
        self,
        names: Sequence[str],
        cost: ArrayLike,
        score: ArrayLike,
        low: ArrayLike | None = None,
        high: ArrayLike | None = None,
        *,
        all_score: float | None = None,
        cost_name: str = "cost",
        score_name: str = "score",
    ) -> None:
        self.names = list(names)
        self.cost, self.score = (np.asarray(values, dtype=np.float64) for values in (cost, score))
        self.low, self.high = (
            self.score if ends is None else np.asarray(ends, dtype=np.float64) for ends in (low, high)
        )
        for what in ("cost", "score", "low", "high"):
            values = getattr(self, what)
            if values.shape != (len(self.names),) or not len(values):
                raise ValueError(f"{what} of shape {values.shape} does not go with {len(self.names)} names: one each")
        if not np.isfinite([self.cost, self.score]).all() or self.cost.min() < 0:
            raise ValueError("points need finite scores and costs of at least 0; leave out what gave no set")
        self.all_score, self.cost_name, self.score_name = all_score, cost_name, score_name

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        *,
        cost: Literal["seconds", "bytes", "size"] = "seconds",
        learner: str = "mean",
        score_name: str = "score",
        ax: Any = None,
    ) -> Self:
        """Draw what `skdc.evaluation.compare` found.

        Parameters
        ----------
        frame : DataFrame
            Its columns `condenser`, `size`, `learner`, `score`, `low` and `high`, and the cost. Lines without a score
            or a cost are left out; that of all rows is a line across.
        cost : {"seconds", "bytes", "size"}, default="seconds"
            What stands on the horizontal axis.
        learner : str, default="mean"
            Which lines are drawn: the mean over learners, or one of them.
        score_name : str, default="score"
        ax : matplotlib Axes, default=None
            As in `plot`.

        Returns
        -------
        ComparisonDisplay

        Raises
        ------
        ValueError
            If a column or the learner is missing.
        """
        wanted = ["condenser", "learner", "score", cost]
        lacking = [column for column in wanted if column not in frame.columns]
        if lacking:
            raise ValueError(f"a comparison needs the column {lacking[0]!r}, but there are {list(frame.columns)}")
        chosen = frame[frame["learner"] == learner]
        if not len(chosen):
            raise ValueError(f"learner={learner!r} is none of {sorted(set(frame['learner']))}")
        everything = chosen[chosen["condenser"] == _ALL_ROWS]
        points = chosen[chosen["condenser"] != _ALL_ROWS].dropna(subset=["score", cost])
        if not len(points):
            raise ValueError(f"no line of learner={learner!r} but that of all rows has a score and {cost}")
        ends = [points[end].fillna(points["score"]) if end in points.columns else None for end in ("low", "high")]
        return cls(
            [str(name) for name in points["condenser"]],
            points[cost],
            points["score"],
            *ends,
            all_score=float(everything["score"].mean()) if len(everything) else None,
            cost_name={"seconds": "seconds", "bytes": "bytes", "size": "rows"}[cost],
            score_name=score_name,
        ).plot(ax)

    def front(self) -> NDArray[np.bool_]:
        """Tell which points no other is better than: not worse by both, and better by one."""
        return front_of(np.stack([-self.cost, self.score], axis=1))

    def plot(self, ax: Any = None) -> Self:
        """Draw the points with their names beside them.

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
        self._set_scale()
        if self.all_score is not None:
            ax.axhline(self.all_score, color="black", linestyle="--", linewidth=1)
            beside = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
            ax.annotate(_ALL_ROWS, (1, self.all_score), (-2, 2), ha="right", va="bottom", fontsize=8, **beside)
        front = np.flatnonzero(self.front())
        front = front[np.lexsort((self.score[front], self.cost[front]))]
        self.front_line_ = ax.plot(self.cost[front], self.score[front], color="0.75", linewidth=5, zorder=0)[0]
        found = list(dict.fromkeys(self.names))
        letters = 28 if inches_of(ax)[0] > 3 else 14
        handles, names = [], np.array(self.names, dtype=object)
        for name, style in zip(found, styles(len(found)), strict=True):
            places = np.flatnonzero(names == name)
            places = places[np.argsort(self.cost[places], kind="stable")]
            spread = self.score[places] - self.low[places], self.high[places] - self.score[places]
            drawn = ax.errorbar(
                self.cost[places],
                self.score[places],
                yerr=np.maximum(spread, 0) if np.any(spread) else None,
                **style,
                label=short(name, letters),
                markersize=5,
                linewidth=1,
                elinewidth=0.7,
            )
            handles.append(drawn)
        ax.margins(0.12)
        ax.set(xlabel=self.cost_name, ylabel=self.score_name)
        shown = [short(name, letters) for name in found]
        if len(found) == len(self.names) and have_room(ax, shown):
            self.labels_ = label_points(ax, self.cost, self.score, shown)
        else:
            self.labels_ = []
            legend_beside(ax, handles)
        return self

    def _set_scale(self) -> None:
        """Take logarithms of costs that differ much; what costs nothing keeps a place beside them."""
        positive = self.cost[self.cost > 0]
        if not len(positive) or positive.max() <= 10 * positive.min():
            return
        if len(positive) < len(self.cost):
            self.ax_.set_xscale("symlog", linthresh=float(positive.min()))
            return
        from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

        self.ax_.set_xscale("log")
        steps = (1, 2, 5) if positive.max() < 100 * positive.min() and inches_of(self.ax_)[0] > 3 else (1,)
        self.ax_.xaxis.set_major_locator(LogLocator(subs=steps))
        self.ax_.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        self.ax_.xaxis.set_minor_formatter(NullFormatter())
