"""Scores of many learners on sets, as a table of colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skdc.plotting.figures import axes_of, short


class TransferDisplay:
    """Scores of learners, a column each, on condensed sets, a line each.

    Parameters
    ----------
    scores : array-like of shape (n_sets, n_learners)
        NaN is drawn as a gap.
    sets, learners : sequence of str
        Their names.
    score_name : str, default="accuracy"
        What the scale of colours is called.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    image_ : matplotlib AxesImage
    texts_ : list of matplotlib Text
        The scores, line by line.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from skdc import KMedoids, RandomSubset
    >>> from skdc.evaluation import transfer_table
    >>> from skdc.plotting import TransferDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> learners = {"logistic": LogisticRegression(), "1-NN": KNeighborsClassifier(1)}
    >>> condensers = {"random": RandomSubset(3, random_state=0), "medoids": KMedoids(3, random_state=0)}
    >>> fitted = {name: condenser.fit(X[::2], y[::2]) for name, condenser in condensers.items()}
    >>> tables = {name: transfer_table(one, X[1::2], y[1::2], learners=learners) for name, one in fitted.items()}
    >>> display = TransferDisplay.from_tables(tables)
    >>> display.scores.shape
    (2, 2)
    """

    def __init__(
        self, scores: ArrayLike, sets: Sequence[str], learners: Sequence[str], *, score_name: str = "accuracy"
    ) -> None:
        self.scores = np.asarray(scores, dtype=np.float64)
        self.sets, self.learners, self.score_name = list(sets), list(learners), score_name
        if self.scores.shape != (len(self.sets), len(self.learners)) or not self.scores.size:
            raise ValueError(
                f"scores of shape {self.scores.shape} do not go with {len(self.sets)} sets and {len(self.learners)} "
                "learners: a line a set, a column a learner"
            )

    @classmethod
    def from_tables(cls, tables: Mapping[str, Any], *, variant: str = "hard labels", ax: Any = None) -> Self:
        """Draw one variant of the tables of several sets.

        Parameters
        ----------
        tables : dict of str to TransferTable
            By the name of the set, as `skdc.evaluation.transfer_table` returns them.
        variant : {"hard labels", "weights", "soft labels", "best"}, default="hard labels"
            What learners were given; "best" is the best of those that a learner could use.
        ax : matplotlib Axes, default=None
            As in `plot`.

        Returns
        -------
        TransferDisplay

        Raises
        ------
        ValueError
            Without tables, or for a variant that none of them has.
        """
        if not tables:
            raise ValueError("tables={} has nothing to draw; give at least one table")
        learners = list(dict.fromkeys(learner for table in tables.values() for learner in table.scores))
        cells = [
            [_of_variant(table.scores.get(learner, {}), variant) for learner in learners] for table in tables.values()
        ]
        if np.isnan(cells).all():
            known = sorted({name for table in tables.values() for found in table.scores.values() for name in found})
            raise ValueError(f"variant={variant!r} is in none of the tables, which have {known}, and 'best'")
        return cls(cells, list(tables), learners).plot(ax)

    @classmethod
    def from_table(cls, table: Any, *, ax: Any = None) -> Self:
        """Draw all variants of one table: a line each.

        Parameters
        ----------
        table : TransferTable
        ax : matplotlib Axes, default=None
            As in `plot`.

        Returns
        -------
        TransferDisplay
        """
        found = {variant: None for scores in table.scores.values() for variant in scores}
        variants = sorted(found, key=lambda name: ("hard labels", "weights", "soft labels").index(name))
        cells = [[scores.get(variant, np.nan) for scores in table.scores.values()] for variant in variants]
        return cls(cells, variants, list(table.scores)).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the scores as colours, and as numbers where there is room for them.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a figure that has the size of the table.

        Returns
        -------
        self
        """
        n_sets, n_learners = self.scores.shape
        ax = axes_of(self, ax, figsize=(0.7 * n_learners + 2.6, 0.36 * n_sets + 1.6))
        self.ax_, self.figure_ = ax, ax.figure
        low, high = np.nanmin(self.scores), np.nanmax(self.scores)
        self.image_ = ax.imshow(self.scores, cmap="cividis", vmin=low, vmax=high, aspect="auto")
        ax.set_xticks(range(n_learners), [short(name, 22) for name in self.learners], rotation=40, ha="right")
        ax.set_yticks(range(n_sets), [short(name, 28) for name in self.sets])
        for label in ax.get_xticklabels():
            label.set_rotation_mode("anchor")
        ax.tick_params(labelsize=8, length=0)
        ax.figure.draw_without_rendering()
        place = ax.get_window_extent()
        room = min(place.width / n_learners / 2.6, place.height / n_sets / 1.2) * 72 / ax.figure.dpi
        middle, self.texts_ = (low + high) / 2, []
        for (line, column), score in np.ndenumerate(self.scores):
            said, color = "–" if np.isnan(score) else f"{score:.2f}", "black" if score > middle else "white"
            self.texts_.append(
                ax.text(column, line, said, ha="center", va="center", fontsize=min(9.0, room), color=color)
            )
        scale = ax.figure.colorbar(self.image_, ax=ax, label=self.score_name)
        scale.ax.tick_params(labelsize=8)
        return self


def _of_variant(found: Mapping[str, float], variant: str) -> float:
    if variant == "best":
        return max(found.values(), default=np.nan)
    return found.get(variant, np.nan)
