"""How the loss of a condenser fell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skdc.plotting.figures import axes_of, legend_beside, styles

_SPAN = 30.0  # losses of one sign that differ by more than such a factor are drawn on a scale of logarithms


class HistoryDisplay:
    """Losses by step, a line each; those of different discrepancies are in different units.

    Parameters
    ----------
    losses : dict of str to array-like of shape (n_steps,)
        By name.
    loss_name : str, default="loss"
        What the vertical axis is called.

    Attributes
    ----------
    losses : dict of str to ndarray
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : list of matplotlib Line2D

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from sklearn.datasets import load_iris
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import MMD
    >>> from skdc.plotting import HistoryDisplay
    >>> from skdc.solvers import Descent
    >>> X, y = load_iris(return_X_y=True)
    >>> condenser = Condenser(MMD(), solver=Descent(n_steps=50), n_per_class=2, random_state=0).fit(X, y)
    >>> display = HistoryDisplay.from_condenser(condenser)
    >>> len(display.lines_[0].get_xdata())
    50
    """

    def __init__(self, losses: Mapping[str, ArrayLike], *, loss_name: str = "loss") -> None:
        self.losses = {name: np.asarray(values, dtype=np.float64) for name, values in losses.items()}
        self.loss_name = loss_name
        if not self.losses:
            raise ValueError("losses={} has nothing to draw; give at least one line")
        for name, values in self.losses.items():
            if values.ndim != 1 or not len(values):
                raise ValueError(f"losses of {name!r} of shape {values.shape} are no line: give a number a step")

    @classmethod
    def from_condenser(cls, condenser: Any, *, ax: Any = None) -> Self:
        """Draw what a fitted condenser kept of each step.

        Parameters
        ----------
        condenser : condenser
            Fitted.
        ax : matplotlib Axes, default=None
            As in `plot`.

        Returns
        -------
        HistoryDisplay

        Raises
        ------
        ValueError
            If it kept nothing, as what takes no steps does.
        """
        history = _history(condenser, type(condenser).__name__)
        return cls(history, loss_name=next(iter(history)) if len(history) == 1 else "value").plot(ax)

    @classmethod
    def from_condensers(cls, condensers: Mapping[str, Any], *, ax: Any = None) -> Self:
        """Draw the losses of several fitted condensers.

        Parameters
        ----------
        condensers : dict of str to condenser
            Fitted.
        ax : matplotlib Axes, default=None
            As in `plot`.

        Returns
        -------
        HistoryDisplay

        Raises
        ------
        ValueError
            If one of them kept no loss.
        """
        found = {name: _history(condenser, name) for name, condenser in condensers.items()}
        lacking = [name for name, history in found.items() if "loss" not in history]
        if lacking:
            raise ValueError(f"{lacking[0]!r} has no loss in its history, which holds {sorted(found[lacking[0]])}")
        return cls({name: history["loss"] for name, history in found.items()}).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the lines; on a scale of logarithms where losses are positive and differ much.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a figure.

        Returns
        -------
        self
        """
        ax = axes_of(self, ax)
        self.ax_, self.figure_, self.lines_ = ax, ax.figure, []
        for (name, values), style in zip(self.losses.items(), styles(len(self.losses)), strict=True):
            told_apart = len(self.losses) > 1 or len(values) == 1
            marked = {"marker": style["marker"] if told_apart else None, "markevery": max(1, len(values) // 8)}
            steps = np.arange(1, len(values) + 1)
            self.lines_ += ax.plot(
                steps, values, color=style["color"], label=name, linewidth=1.2, markersize=5, **marked
            )
        every = np.concatenate([values[np.isfinite(values)] for values in self.losses.values()])
        if len(every) and every.min() > 0 and every.max() > _SPAN * every.min():
            ax.set_yscale("log")
        ax.set(xlabel="step", ylabel=self.loss_name)
        if len(self.losses) > 1:
            legend_beside(ax)
        return self


def _history(condenser: Any, name: str) -> dict[str, Any]:
    check_is_fitted(condenser)
    history = getattr(condenser, "history_", {})
    if not history:
        raise ValueError(f"{name} has no history: it kept no loss of its steps, or takes none")
    return history
