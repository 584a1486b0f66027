"""Few rows with weights that have exactly the mean features of all: recombination."""

from __future__ import annotations

from copy import copy, deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from skdc.exceptions import PartsError
from skdc.solvers.base import Solution
from skdc.solvers.selection.base import Choice, Selection, SelectionState
from skdc.solvers.selection.cells import Cell
from skdc.sources import Holds
from skdc.structures import MeanFeatures

_ROUNDING = 1e-12  # of the largest weight or singular value: what is smaller is none


class Recombination(Selection):
    r"""Choose rows and weights with exactly the mean features of all rows, by Caratheodory's theorem [1]_ [2]_.

    Of a discrepancy between means of D features of each row (`MeanDistance`, `Moments`, `RandomFeatureMMD` ...) the
    value is zero, but for rounding, with at most D + 1 rows of each class; how many there are follows from the data.
    What a model learns from these moments alone it learns from the few rows, too, given their weights: linear
    regression and ridge from `Moments(covariance=True)` of rows and targets, discriminant analysis and naive Bayes
    from those of each class. The features are computed in float64.

    With `by=None` moments are those of all rows together, and each class keeps its mass.

    Parameters
    ----------
    reweight : discrepancy, default=None
        As in `Selection`; the weights are then other than those that keep the means.

    References
    ----------
    .. [1] Tchernychova, "Caratheodory Cubature Measures", 2016; Litterer and Lyons, "High Order Recombination and an
       Application to Cubature on Wiener Space", 2012, algorithm 3.
    .. [2] Maalouf, Jubran and Feldman, "Fast and Accurate Least-Mean-Squares Solvers", 2019, algorithm 2.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import LinearRegression
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import Moments
    >>> from skdc.parameterizations import Subset
    >>> from skdc.solvers import Recombination
    >>> X, y = load_diabetes(return_X_y=True)
    >>> moments = Moments(covariance=True)
    >>> condenser = Condenser(moments, Subset(), Recombination(), task="regression", random_state=0).fit(X, y)
    >>> len(condenser.indices_)  # 11 columns, their products, and one
    77
    >>> few = LinearRegression().fit(*condenser, sample_weight=condenser.sample_weight_)
    >>> bool(np.allclose(few.coef_, LinearRegression().fit(X, y).coef_))
    True
    """

    def finds_size(self) -> bool:
        """Tell that it does."""
        return True

    def choose(self, objective: Any, cell: Cell, source: Holds, generator: torch.Generator) -> Choice:
        """Recombine the rows of a cell; the objective must be of means of features."""
        features = _features(self, objective, cell, source)
        if len(cell.quotas) > 1 and cell.c is None:  # so that no class loses its mass
            present = np.unique(cell.codes)
            features = np.column_stack([features, cell.codes[:, None] == present[1:]])
        order = torch.randperm(len(cell), generator=generator).numpy()
        weight = np.empty(len(cell))
        weight[order] = recombined(features[order], source.weight[cell.members][order])
        rows = np.flatnonzero(weight)
        return Choice(rows.tolist(), torch.as_tensor(weight[rows]))

    def finish(self, state: SelectionState) -> Solution:
        """Return the chosen rows, with weights in float64."""
        solution = super().finish(state)
        if state.n_drawn or state.interrupted or self.reweight is not None:
            return solution
        weight = torch.cat(state.mass)
        synthetic = replace(solution.synthetic, weight=weight / weight.mean())
        return replace(solution, synthetic=synthetic)


def _features(solver: Any, objective: Any, cell: Cell, source: Any) -> NDArray[np.float64]:
    """Return the features of the rows of a cell, of all terms of an objective, in float64."""
    columns, precise = [], source.in_double()
    for leaf in objective.leaves():
        if leaf.by == "group" or not isinstance(leaf, MeanFeatures):
            raise PartsError(
                f"{type(solver).__name__} keeps means of features by class or of all rows, which {leaf!r} has not; use "
                "MeanDistance(), Moments() or RandomFeatureMMD(bandwidth=1.0)"
            )
        leaf = _in_double(leaf)
        pieces = [leaf.features(leaf.space_.block(rows).values) for rows in precise.pieces(cell.members)]
        columns.append(torch.cat(pieces).double().flatten(1).cpu().numpy())
    return np.concatenate(columns, axis=1)


def _in_double(part: Any) -> Any:
    """Return a copy of a fitted part that computes in float64."""
    part = copy(part)
    for name, value in vars(part).items():
        if isinstance(value, Tensor) and value.is_floating_point():
            setattr(part, name, value.double())
        elif isinstance(value, nn.Module):
            setattr(part, name, deepcopy(value).double())
        elif name == "space_":
            setattr(part, name, _in_double(value))
    return part


# Rows f_i with weights w_i have the moments b = sum_i w_i (1, f_i) = A w. With more of them than A has rows, D + 1,
# there is a v with A v = 0, of which some entry is positive, and
#     w - a v,    a = min over v_i > 0 of w_i / v_i                                                                 (1)
# has the same moments, is not negative and has a zero more [Caratheodory]. Of 2 (D + 1) rows a basis of all such v is
# found once; when row i is left out by v, the others u of the basis go on without it,
#     u - v u_i / v_i                                                                                               (2)
# Of many rows 2 (D + 1) groups are made, whose means, with the weights of the groups, are recombined: half of the
# groups, and so of the rows, are left out, the others keep their rows with weights in the same proportion.
def recombined(features: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return weights with the same sum and the same weighted sum of features; at most d + 1 of them are positive.

    Parameters
    ----------
    features : ndarray of shape (n, d)
    weight : ndarray of shape (n,)
        Positive.

    Returns
    -------
    ndarray of shape (n,)

    Examples
    --------
    >>> import numpy as np
    >>> from skdc.solvers.selection.recombination import recombined
    >>> rows = np.random.default_rng(0).normal(size=(1000, 3))
    >>> weight = recombined(rows, np.ones(1000))
    >>> int((weight > 0).sum()), bool(np.allclose(weight @ rows, rows.sum(axis=0)))
    (4, True)
    """
    total = weight.sum()
    about = features - weight @ features / total
    spread = np.sqrt(weight @ about**2 / total)
    about = about[:, spread > 0] / spread[spread > 0]
    columns = np.column_stack([np.ones(len(about)), about])
    n_groups = 2 * columns.shape[1]
    rows, left = np.arange(len(weight)), weight / total
    while len(rows) > n_groups:
        parts = np.array_split(np.arange(len(rows)), n_groups)
        starts = [part[0] for part in parts]
        sums = np.add.reduceat(columns[rows] * left[:, None], starts)
        mass = sums[:, 0]
        scaled = _sparser(sums / mass[:, None], mass) / mass
        factors = np.repeat(scaled, [len(part) for part in parts])
        rows, left = rows[factors > 0], (left * factors)[factors > 0]
    left = _sparser(columns[rows], left)
    rows, left = rows[left > 0], left[left > 0]
    found = np.zeros(len(weight))
    found[rows] = total * _polished(columns[rows], left, np.eye(1, columns.shape[1])[0])
    return found


def _sparser(columns: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return weights with the same moments, with no more that are positive than there are columns."""
    left, singular, _ = np.linalg.svd(columns, full_matrices=True)
    rank = int((singular > _ROUNDING * singular[0] * len(columns)).sum())
    basis, weight = left[:, rank:].copy(), weight.copy()
    for k in range(basis.shape[1]):
        direction = basis[:, k]
        direction = direction if direction.max() >= -direction.min() else -direction
        ratios = np.divide(weight, direction, out=np.full(len(weight), np.inf), where=direction > _ROUNDING)
        row = ratios.argmin()
        weight -= ratios[row] * direction  # (1)
        weight[row] = 0
        later = basis[:, k + 1 :]
        later -= np.outer(direction / direction[row], later[row])  # (2)
        later[row] = 0
    return np.where(weight > _ROUNDING * weight.max(), weight, 0.0)


def _polished(columns: NDArray[np.float64], weight: NDArray[np.float64], moments: NDArray[np.float64]) -> NDArray:
    """Return weights from which rounding errors of the moments are taken."""
    for _ in range(2):
        change = np.linalg.lstsq(columns.T, moments - weight @ columns, rcond=None)[0]
        if (weight + change < 0).any():
            break
        weight = weight + change
    return weight
