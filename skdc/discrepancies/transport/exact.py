"""Optimal transport solved exactly, by linear programming."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import field
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skdc.discrepancies.base import Discrepancy
from skdc.discrepancies.transport.gaussian import bures, fitted_gaussian
from skdc.exceptions import PartsError
from skdc.kernels import distances, power, squared_distances
from skdc.sets import Block
from skdc.sources import Draws, Source, require
from skdc.structures import Transport

_ENTRIES = 20_000_000  # of a cost matrix: above, the linear program takes minutes
_PIVOTS = 10**9  # of the simplex algorithm, which ends by itself
_NO_MASS = 1e-13  # of all: what rounding leaves over
_ROUNDED = 1e-6  # of the largest cost: what is less has few digits left
_CUTOFF = 1e3  # times the largest cost that the plan pays: pairs that cost more are not used
_CLOUD_ROWS = 10_000  # classes are fitted on a sample of this many rows


def check_entries(owner: Discrepancy, n: int, m: int) -> None:
    """Refuse a matrix that is too large to transport by."""
    if n * m > _ENTRIES:
        raise ValueError(
            f"{type(owner).__name__} would solve for a matrix of {n} x {m} = {n * m:.1e} entries, and takes at most "
            f"{_ENTRIES:.0e}; use Sinkhorn or SlicedWasserstein, or fewer rows (Descent(batch_size=...))"
        )


# Let C be the costs of carrying the rows of p to those of q. The linear program and its dual are
#     min_P <P, C>,    P >= 0,    P 1 = p,    P' 1 = q                                                              (1)
#     max_{u, v} <p, u> + <q, v>,    u_i + v_j <= C_ij                                                              (2)
# At a solution the gradient in C is P, that in the masses u and v (envelope theorem), so that all are those of
#     <P, C> + <p, u> + <q, v>, with P, u and v constant, less the value of the last two                            (3)
# Feasible for (2), and equal to u where p has mass, is the c-transform of v, which is defined everywhere:
#     u(x) = min_j C(x, y_j) - v_j                                                                                  (4)
# Costs less a_i + b_j have the same plans, and so have costs that are cut off where no plan is; their potentials are
#     u - a,    v - b                                                                                               (5)
class ExactTransport(Discrepancy):
    """The least cost of carrying one set to the other; subclasses write the cost."""

    compares = "clouds"
    symmetric = nonnegative = True

    @abstractmethod
    def cost_of_pairs(self, p: Block, q: Block) -> Tensor:
        """Return the cost of carrying each row of p to that of q of the same number, with a finite gradient."""

    def costs(self, p: Block, q: Block) -> Tensor:
        """Return the cost of carrying each row of p to each of q, of shape (len(p), len(q)), in float64."""
        return self.costs_of_points(p.values, q)

    def costs_of_points(self, at: Tensor, q: Block) -> Tensor:
        """Return the cost of carrying points to each row of q, of shape (len(at), len(q)), in float64."""
        return squared_distances(at, q.values).double()

    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return the least cost."""
        plan, u, v = self.solve(p, q)
        rows, columns = plan.nonzero(as_tuple=True)
        carried = plan[rows, columns].to(p.values) @ self.cost_of_pairs(p.take(rows), q.take(columns))
        dual = p.mass @ u.to(p.mass) + q.mass @ v.to(q.mass)
        return carried + dual - dual.detach()  # (3)

    @torch.no_grad()
    def witness(self, p: Block, q: Block, at: Tensor) -> Tensor:
        """Return the dual potential of p, extended by its c-transform: the least cost less the potential of q."""
        _, _, v = self.solve(p, q)
        return (self.costs_of_points(at, q) - v).amin(1).to(at)  # (4)

    @torch.no_grad()
    def solve(self, p: Block, q: Block) -> tuple[Tensor, Tensor, Tensor]:
        """Return the plan of shape (len(p), len(q)), if not too large, and the dual potentials of both, in float64."""
        check_entries(self, len(p), len(q))
        weights = (block.weight.double().cpu() for block in (p, q))
        p_mass, q_mass = ((weight / weight.sum()).numpy() for weight in weights)
        costs = self.costs(p, q).cpu().numpy()
        found = _rescaled(p_mass, q_mass, costs, *_solved(p_mass, q_mass, costs))
        plan, u, v = (torch.from_numpy(values).to(p.values.device) for values in found)
        return plan, u, v


Solved = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def _solved(p: NDArray[np.float64], q: NDArray[np.float64], costs: NDArray[np.float64]) -> Solved:
    """Return the plan for two masses and the dual potentials."""
    import ot  # with what it needs it takes half a second to load

    unit = float(np.abs(costs).max()) or 1.0  # the tolerances of POT are absolute
    plan, log = ot.emd(p, q, costs / unit, numItermax=_PIVOTS, log=True, check_marginals=False)  # (1)
    return plan, unit * log["u"], unit * log["v"]  # (2)


def _rescaled(p: NDArray[np.float64], q: NDArray[np.float64], costs: NDArray[np.float64], *found: Any) -> Solved:
    """Solve again in the unit of the costs that the plan pays, if these are rounding next to the largest costs.

    They are, for most rows, where a few are far from all.
    """
    base_q = costs.min(0)
    base_p = (costs - base_q).min(1)
    reduced = costs - base_q - base_p[:, None]
    cutoff = _CUTOFF * float(reduced[found[0] > _NO_MASS].max())
    if not 0 < cutoff < _ROUNDED * float(reduced.max()):
        return found
    plan, u, v = _solved(p, q, np.minimum(reduced, cutoff))
    return found if (reduced[plan > _NO_MASS] >= cutoff).any() else (plan, u + base_p, v + base_q)  # (5)


class Wasserstein(ExactTransport, Transport):
    r"""Wasserstein distance with Euclidean distances, solved exactly [1]_, to the power of its order.

    .. math:: W_r^r(p, q) = \min_{\pi \in \Pi(p, q)} \int \|x - y\|^r \, d\pi(x, y)

    The value is squared for the order 2; in the unit of the space to the power of the order. For n rows and m points
    it takes a matrix of n m entries, and about cubic time: beyond some thousand rows `Sinkhorn` and
    `SlicedWasserstein` are quicker.

    Parameters
    ----------
    order : float, default=2.0
        r, at least 1.
    space, by, reduce, weight
        As in `Discrepancy`.

    References
    ----------
    .. [1] Peyré and Cuturi, "Computational Optimal Transport", 2019, sections 2.4 and 3.5.

    Examples
    --------
    >>> from skdc.discrepancies import Wasserstein
    >>> Wasserstein(order=1)([[0.0], [1.0]], [[1.0], [5.0]])
    2.5
    """

    order: float = 2.0

    def fit_scale(self, source: Source, generator: torch.Generator) -> Self:
        """Check the order."""
        if not 1 <= self.order < float("inf"):
            raise ValueError(f"Wasserstein(order={self.order!r}): the order must be a number of at least 1")
        return self

    def costs_of_points(self, at: Tensor, q: Block) -> Tensor:
        """Return the distances to the power of the order."""
        if self.order == 2:
            return super().costs_of_points(at, q)
        return distances(at, q.values).double().pow_(self.order)

    def cost_of_pairs(self, p: Block, q: Block) -> Tensor:
        """Return the distances of corresponding rows to the power of the order."""
        return power((p.values - q.values).square().sum(1), self.order / 2)


class LabeledTransport(ExactTransport):
    r"""Optimal transport dataset distance (OTDD) [1]_: rows and their classes are carried at once.

    .. math:: \min_\pi \int \|x - x'\|^2 + \lambda W_2^2(\alpha_y, \alpha_{y'}) \, d\pi

    A class y is a Gaussian law :math:`\alpha_y` with the mean and the covariance of its rows in the data, when it is
    fitted. The value is squared, in the squared unit of the space. Classes are in the cost, so the sets are compared
    as a whole: unlike class by class, a synthetic row near the border may stand for rows of a class like its own.

    Parameters
    ----------
    label_weight : float, default=1.0
        Lambda, without unit; towards infinity no row is carried to another class.
    space, by, reduce, weight
        As in `Discrepancy`; `by` must be None.

    References
    ----------
    .. [1] Alvarez-Melis and Fusi, "Geometric Dataset Distances via Optimal Transport", 2020, section 4.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import LabeledTransport
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = Condenser(discrepancy=LabeledTransport(), n_per_class=3, random_state=0).fit(X, y)
    >>> X_syn.shape
    (9, 4)
    """

    label_weight: float = 1.0
    by: Literal["class", "group"] | None = field(default=None, kw_only=True)

    def attach(self, source: Source) -> None:
        """Choose the space; refuse data without classes, and sets that are split by them."""
        if self.by is not None:
            raise PartsError(f"LabeledTransport(by={self.by!r}): classes are in the cost already; use by=None")
        if not self.label_weight > 0:
            raise ValueError(
                f"LabeledTransport(label_weight={self.label_weight!r}): it must be positive; where classes do not "
                "matter, use Wasserstein(by=None)"
            )
        if source.schema.task != "classification":
            given = source.schema.given_targets
            raise PartsError(f"LabeledTransport carries rows with their classes, but {given}; use Wasserstein")
        super().attach(source)

    def fit_scale(self, source: Source, generator: torch.Generator) -> Self:
        """Learn the squared distances between classes, which a stream has not shown yet."""
        with torch.no_grad():
            rows = self.space_.block(require(self, source, Draws, "the classes").sample(_CLOUD_ROWS, generator))
            classes = self.group_of_key_[rows.key]
            clouds = [fitted_gaussian(rows.take(classes == c)).compact() for c in range(source.schema.n_classes)]
            between = rows.values.new_zeros(len(clouds), len(clouds))
            for c, left in enumerate(clouds):
                for other, right in enumerate(clouds[:c]):
                    between[c, other] = between[other, c] = bures(left, right).clamp_min(0)
        self.class_distances_ = between
        return self

    def costs(self, p: Block, q: Block) -> Tensor:
        """Return the squared distances of rows and of their classes."""
        of_classes = self.class_distances_[self.group_of_key_[p.key]][:, q.key]
        # A point without a class, in `costs_of_points`, is taken to be of that of the row of q.
        return super().costs(p, q).add_(of_classes, alpha=self.label_weight)

    def cost_of_pairs(self, p: Block, q: Block) -> Tensor:
        """Return the squared distances of corresponding rows and of their classes."""
        of_classes = self.class_distances_[self.group_of_key_[p.key], q.key]
        return (p.values - q.values).square().sum(1) + self.label_weight * of_classes
