"""What an automatic search tried, best first."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from skdc.plotting.figures import COLORS, axes_of, inches_of, legend_beside, short, styles

_RANDOM = "random rows"


class LeaderboardDisplay:
    """Scores of the candidates of `AutoCondenser`, the best at the top.

    A marker each for the numbers of rows that a candidate was tried on. What random rows scored on the most rows is a
    line; what gave no set is said beside its name.

    Parameters
    ----------
    leaderboard : DataFrame
        A line for each trial, best first: `candidate`, `rows`, `score`, `seconds` and `error`.
    score_name : str, default="score"
        What the horizontal axis is called.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    candidates_ : list of str
        Those that are drawn, from the top.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skdc import AutoCondenser, KMeansCondenser, KMedoids
    >>> from skdc.plotting import LeaderboardDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> candidates = {"k-means": KMeansCondenser(), "k-medoids": KMedoids()}
    >>> tree = DecisionTreeClassifier(random_state=0)
    >>> auto = AutoCondenser(tree, candidates=candidates, n_per_class=3, random_state=0).fit(X, y)
    >>> sorted(LeaderboardDisplay.from_condenser(auto).candidates_)
    ['k-means', 'k-medoids', 'random rows']
    """

    def __init__(self, leaderboard: Any, *, score_name: str = "score") -> None:
        lacking = [name for name in ("candidate", "rows", "score", "error") if name not in leaderboard.columns]
        if lacking:
            raise ValueError(f"a leaderboard needs the column {lacking[0]!r}: {list(leaderboard.columns)} are no lines")
        if not len(leaderboard):
            raise ValueError("the leaderboard is empty: there is no trial to draw")
        self.leaderboard, self.score_name = leaderboard, score_name

    @classmethod
    def from_condenser(
        cls, condenser: Any, *, n_candidates: int = 20, score_name: str = "score", ax: Any = None
    ) -> Self:
        """Draw what an `AutoCondenser` tried.

        Parameters
        ----------
        condenser : AutoCondenser
            Fitted.
        n_candidates, score_name, ax
            As in `plot` and in the class.

        Returns
        -------
        LeaderboardDisplay
        """
        return cls(condenser.leaderboard_, score_name=score_name).plot(ax, n_candidates=n_candidates)

    def plot(self, ax: Any = None, *, n_candidates: int = 20) -> Self:
        """Draw the scores.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a figure.
        n_candidates : int, default=20
            How many are drawn at most; random rows are always there.

        Returns
        -------
        self
        """
        trials = self.leaderboard
        order = list(dict.fromkeys(trials["candidate"]))
        shown = order[:n_candidates]
        if _RANDOM in order and _RANDOM not in shown:
            shown = [*shown[:-1], _RANDOM]
        ax = axes_of(self, ax, figsize=(6.4, 0.26 * len(shown) + 1.2))
        self.ax_, self.figure_, self.candidates_ = ax, ax.figure, shown
        scored = trials[np.isfinite(trials["score"].to_numpy(dtype=float)) & trials["candidate"].isin(shown)]
        rungs = sorted(scored["rows"].unique())
        for n_rows, style in zip(rungs, styles(len(rungs)), strict=True):
            part = scored[scored["rows"] == n_rows]
            places = [shown.index(name) for name in part["candidate"]]
            size = 60 if n_rows == rungs[-1] else 25
            ax.scatter(
                part["score"],
                places,
                s=size,
                label=f"{n_rows:,} rows",
                zorder=3,
                edgecolor="black",
                linewidth=0.4,
                **style,
            )
        random = scored[scored["candidate"] == _RANDOM]
        if len(random):
            best = float(random.loc[random["rows"] == random["rows"].max(), "score"].max())
            ax.axvline(best, color=COLORS[-2], linewidth=1, linestyle="--", label=_RANDOM)
        letters = 34 if inches_of(ax)[0] > 3 else 18
        failed = set(shown) - set(scored["candidate"])
        ax.set_yticks(
            range(len(shown)), [short(name, letters) + (" (gave none)" if name in failed else "") for name in shown]
        )
        ax.tick_params(labelsize=8)
        ax.grid(axis="y", linewidth=0.4)
        ax.set_axisbelow(True)
        ax.set(xlabel=self.score_name, ylim=(len(shown) - 0.5, -0.5))
        if len(shown) < len(order):
            ax.set_title(f"{len(shown)} of {len(order)} candidates", fontsize=8)
        legend_beside(ax)
        return self
