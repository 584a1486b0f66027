"""What condensed sets gain by one measure, and what that costs by another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.metrics import get_scorer

from skdc.fitting.base import BaseCondenser
from skdc.meta import CondensedEstimator
from skdc.plotting.figures import axes_of, front_of, label_points, legend_beside

Scorer = str | Callable[[CondensedEstimator, Any, Any], float]


class ObjectiveFrontDisplay:
    """Two measures of models that are trained on condensed sets, one point a condenser.

    Objectives beyond accuracy cost some: fairness, robustness, privacy. The front are the sets that no other is better
    than by both measures. It is made by `from_condensers` or `from_parameter`.

    Parameters
    ----------
    names : sequence of str
        What the points stand for.
    objective, score : array-like of shape (n_points,) or (n_points, n_repeats)
        The measures on the horizontal and on the vertical axis.
    lower_is_better : bool, default=True
        Whether small objectives are good ones, as an epsilon or a difference between groups is; else large ones.
    objective_name, score_name : str, default="objective" and "score"
        What the axes are called.

    Attributes
    ----------
    objective, score : ndarray of shape (n_points, n_repeats)
    ax_ : matplotlib Axes
        Where it is drawn.
    figure_ : matplotlib Figure

    Examples
    --------
    >>> from skdc.plotting import ObjectiveFrontDisplay
    >>> display = ObjectiveFrontDisplay(["a", "b", "c"], objective=[0.1, 0.2, 0.3], score=[0.7, 0.9, 0.8])
    >>> display.front()  # c is worse than b by both
    array([ True,  True, False])
    """

    def __init__(
        self,
        names: Sequence[str],
        objective: ArrayLike,
        score: ArrayLike,
        *,
        lower_is_better: bool = True,
        objective_name: str = "objective",
        score_name: str = "score",
    ) -> None:
        self.names = list(names)
        self.objective, self.score = (_by_repeat(values, len(self.names)) for values in (objective, score))
        if self.objective.shape != self.score.shape:
            shapes = self.objective.shape, self.score.shape
            raise ValueError(f"objective and score of shapes {shapes[0]} and {shapes[1]} must have as many repeats")
        self.lower_is_better = lower_is_better
        self.objective_name = objective_name
        self.score_name = score_name

    @classmethod
    def from_condensers(
        cls,
        condensers: Mapping[str, BaseCondenser],
        estimator: Any,
        X: Any,
        y: Any,
        X_test: Any,
        y_test: Any,
        *,
        objective: Scorer,
        score: Scorer = "accuracy",
        lower_is_better: bool = True,
        objective_name: str = "objective",
        score_name: str | None = None,
        fit_params: Mapping[str, Any] | None = None,
        random_states: Sequence[int] | None = None,
        ax: Any = None,
        name: str | None = None,
    ) -> Self:
        """Condense, train a model on each set, measure it twice, and draw.

        Parameters
        ----------
        condensers : dict of str to condenser
            Unfitted; they are cloned.
        estimator : estimator
            The model: a clone is trained on each set, as in `CondensedEstimator`.
        X, y : array-like of shape (n, ...) and (n,)
            What is condensed.
        X_test, y_test : array-like of shape (m, ...) and (m,)
            What models are measured on.
        objective, score : str or callable
            scikit-learn's name of a scorer, or `scorer(model, X_test, y_test)`, which returns a number. The model is a
            `CondensedEstimator`, so that `model.condenser_` can be asked too.
        lower_is_better, objective_name, score_name
            As in the class; None takes the name of the scorer, if it is one.
        fit_params : dict of str to object, default=None
            What `fit` of a condenser takes beside X and y, such as `{"sensitive_features": groups}`.
        random_states : sequence of int, default=None
            Seeds of the condensers, one repeat each; None makes one, with the seeds that they have.
        ax, name
            As in `plot`.

        Returns
        -------
        ObjectiveFrontDisplay

        Raises
        ------
        ValueError
            Without condensers, or if a measure is no finite number.
        ImportError
            Without matplotlib.
        """
        if not condensers:
            raise ValueError("condensers={} has nothing to draw; give at least one condenser")
        found = np.empty((2, len(condensers), 1 if random_states is None else len(random_states)))
        scorers = [get_scorer(scorer) if isinstance(scorer, str) else scorer for scorer in (objective, score)]
        for i, (point, condenser) in enumerate(condensers.items()):
            for j, seed in enumerate([None] if random_states is None else random_states):
                fresh = clone(condenser) if seed is None else clone(condenser).set_params(random_state=seed)
                model = CondensedEstimator(fresh, estimator).fit(X, y, **(fit_params or {}))
                found[:, i, j] = [scorer(model, X_test, y_test) for scorer in scorers]
            if not np.isfinite(found[:, i]).all():
                raise ValueError(f"the scorers gave {found[:, i].tolist()} for {point!r}: points need finite numbers")
        if score_name is None:
            score_name = score if isinstance(score, str) else "score"
        names = {"objective_name": objective_name, "score_name": score_name}
        return cls(list(condensers), *found, lower_is_better=lower_is_better, **names).plot(ax, name=name)

    @classmethod
    def from_parameter(
        cls,
        condenser: BaseCondenser,
        parameter: str,
        values: Sequence[Any],
        estimator: Any,
        X: Any,
        y: Any,
        X_test: Any,
        y_test: Any,
        *,
        objective: Scorer,
        score: Scorer = "accuracy",
        lower_is_better: bool = True,
        objective_name: str = "objective",
        score_name: str | None = None,
        fit_params: Mapping[str, Any] | None = None,
        random_states: Sequence[int] | None = None,
        ax: Any = None,
        name: str | None = None,
    ) -> Self:
        """Do so for one condenser with several values of a parameter, such as the weight of a term.

        Parameters
        ----------
        condenser : condenser
            Unfitted; it is cloned.
        parameter : str
            As `set_params` takes it: "discrepancy__equalizedodds__weight".
        values : sequence
            What it is set to in turn.
        estimator, X, y, X_test, y_test, objective, score, lower_is_better, objective_name, score_name, fit_params, \
random_states, ax, name
            As in `from_condensers`.

        Returns
        -------
        ObjectiveFrontDisplay
        """
        return cls.from_condensers(
            {f"{value}": clone(condenser).set_params(**{parameter: value}) for value in values},
            estimator,
            X,
            y,
            X_test,
            y_test,
            objective=objective,
            score=score,
            lower_is_better=lower_is_better,
            objective_name=objective_name,
            score_name=score_name,
            fit_params=fit_params,
            random_states=random_states,
            ax=ax,
            name=name,
        )

    def front(self) -> NDArray[np.bool_]:
        """Tell which points no other is better than: not worse by both measures, in the mean, and better by one."""
        sign = -1 if self.lower_is_better else 1
        return front_of(np.stack([sign * self.objective.mean(axis=1), self.score.mean(axis=1)], axis=1))

    def plot(self, ax: Any = None, *, name: str | None = None, color: Any = None) -> Self:
        """Draw the points with their names, standard deviations over repeats, and a line through the front.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a figure.
        name : str, default=None
            What the legend says of the front.
        color : matplotlib color, default=None

        Returns
        -------
        self
        """
        ax = axes_of(self, ax)
        x, y, front = self.objective.mean(axis=1), self.score.mean(axis=1), self.front()
        spread = {"xerr": self.objective.std(axis=1), "yerr": self.score.std(axis=1)}
        order = np.flatnonzero(front)[np.lexsort((y[front], x[front]))]
        (line,) = ax.plot(x[order], y[order], color=color, alpha=0.5, label=name)
        spread = spread if self.score.shape[1] > 1 else {}
        ax.errorbar(x, y, **spread, fmt="o", color=line.get_color())
        ax.set(xlabel=self.objective_name, ylabel=self.score_name)
        label_points(ax, x, y, self.names)
        if name is not None:
            legend_beside(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _by_repeat(values: ArrayLike, n_points: int) -> NDArray[np.float64]:
    """Return measures as a matrix with one column a repeat."""
    found = np.asarray(values, dtype=np.float64)
    found = found[:, None] if found.ndim == 1 else found
    if found.ndim != 2 or len(found) != n_points:
        raise ValueError(f"measures of shape {np.shape(values)} do not go with {n_points} name(s): one row a name")
    return found
