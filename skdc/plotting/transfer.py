"""Scores of many learners on sets, as a table of colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skdc.plotting.figures import axes_of, inches_of, short

_SMALLEST = 4.5  # size of a font that can be read


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
        The scores, line by line; none where there is no room for them.

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
        variants = [name for name in table.measures if any(name in found for found in table.scores.values())]
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
        letters = 34 if inches_of(ax)[0] > 3 else 12
        slanted = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
        ax.set_xticks(range(n_learners), [short(name, letters) for name in self.learners], **slanted)
        ax.set_yticks(range(n_sets), [short(name, letters) for name in self.sets])
        ax.tick_params(labelsize=8, length=0)
        scale = ax.figure.colorbar(self.image_, ax=ax, label=self.score_name)
        scale.ax.tick_params(labelsize=8)
        self.texts_ = self._write_scores((low + high) / 2)
        return self

    def _write_scores(self, middle: float) -> list[Any]:
        """Write the scores into their fields, unless these are too small."""
        ax = self.ax_
        ax.figure.canvas.figure.draw_without_rendering()  # how large fields are is known then
        width, height = inches_of(ax)
        size = min(9.0, 72 * width / self.scores.shape[1] / 2.4, 72 * height / self.scores.shape[0] / 1.2)
        if size < _SMALLEST:
            return []
        written = []
        for (line, column), score in np.ndenumerate(self.scores):
            said = "–" if np.isnan(score) else f"{score:.2f}"
            style = {"fontsize": size, "color": "white" if score <= middle else "black"}
            written.append(ax.text(column, line, said, ha="center", va="center", **style))
        return written


def _of_variant(found: Mapping[str, float], variant: str) -> float:
    if variant == "best":
        return max(found.values(), default=np.nan)
    return found.get(variant, np.nan)
