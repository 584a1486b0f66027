"""Optimal transport regularized by entropy and debiased, between equal masses or with marginals that may give way."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, Self

import torch
from torch import Tensor

from skdc.discrepancies.base import Discrepancy
from skdc.discrepancies.reduce import Reduction
from skdc.kernels import MEDIAN_ROWS, squared_distances
from skdc.sets import Block
from skdc.sources import Draws, Source, require
from skdc.spaces.base import Space

_ENTRIES = 5 * 10**7  # of a matrix of costs: 200 MB of float32, a few times over
_FIRST, _FALL = 50.0, 4.0  # the first regularization is this part of the largest cost, the next falls by this factor
_ROUGH = 1e-2  # the error of the marginals that ends all regularizations but the last
_ABSORBED = 8.0  # scalings whose logarithm is larger become part of the kernel [Schmitzer 2019, algorithm 2]
_NEAR = 40.0  # the least logarithm in a kernel: its square is a normal number
_FAR = 60.0  # the largest of any exponential; beyond is what has no mass only, infinity times zero


class EntropicTransport(Discrepancy):
    """A debiased divergence of entropic transport costs; subclasses say how firmly the marginals are held."""

    compares = "clouds"
    squared = True
    symmetric = True
    nonnegative = True
    blur: float
    max_iter: int
    strength_: float

    def fit_scale(self, source: Source, generator: torch.Generator) -> Self:
        """Resolve the regularization on a sample of the data.

        Raises
        ------
        ValueError
            If a parameter is not positive.
        """
        name = type(self).__name__
        if not 0 < self.blur < math.inf:
            raise ValueError(f"{name}(blur={self.blur!r}): the blur must be a positive number")
        if self.max_iter < 1:
            raise ValueError(f"{name}(max_iter={self.max_iter!r}) needs at least one iteration")
        with torch.no_grad():
            rows = self.space_.block(
                require(self, source, Draws, "the scale of the blur").sample(MEDIAN_ROWS, generator)
            )
            mean_square = rows.mass @ squared_distances(rows.values, rows.values) @ rows.mass
        self.mean_square_ = float(mean_square) or 1.0
        self.epsilon_ = self.blur * self.mean_square_
        return self

    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return the divergence less its real-real term.

        Raises
        ------
        ValueError
            If the matrix of costs would be too large.
        """
        cost, p_mass, q_mass = self._costs(p, q), p.mass, q.mass
        g = _potential(cost.detach(), p_mass.detach(), q_mass.detach(), self._scale, self.max_iter)
        return self._scale.dual(cost, p_mass, q_mass, g) - self._within(q) / 2

    def constant(self, p: Block, generator: torch.Generator) -> Tensor:
        """Return the real-real term.

        Raises
        ------
        ValueError
            If the matrix of costs would be too large.
        """
        return -self._within(p) / 2

    def _within(self, p: Block) -> Tensor:
        cost, mass = self._costs(p, p), p.mass
        f = _own_potential(cost.detach(), mass.detach(), self._scale, self.max_iter)
        return self._scale.dual(cost, mass, mass, f)

    @property
    def _scale(self) -> _Scale:
        return _Scale(self.epsilon_, self.strength_)

    def _costs(self, p: Block, q: Block) -> Tensor:
        if len(p) * len(q) > _ENTRIES:
            raise ValueError(
                f"{type(self).__name__} holds the costs between all rows, but {len(p)} times {len(q)} are more than "
                f"{_ENTRIES:g}; use fewer rows or smaller batches, or SlicedWasserstein, MMD or RandomFeatureMMD"
            )
        return squared_distances(p.values, q.values)


class Sinkhorn(EntropicTransport):
    r"""Debiased Sinkhorn divergence with the squared Euclidean cost [1]_; squared, in the squared unit of the space.

    .. math:: S(p, q) = \mathrm{OT}_\varepsilon(p, q) - \mathrm{OT}_\varepsilon(p, p) / 2
              - \mathrm{OT}_\varepsilon(q, q) / 2

    It is zero for equal sets only, and :math:`\|t\|^2` for a set and its translation by t. Between much blur, the
    squared distance of the means, and none, the squared 2-Wasserstein distance.

    Parameters
    ----------
    blur : float, default=0.1
        The regularization epsilon, in units of the mean squared distance between rows of the data. The blur of
        geomloss is a length, ``(epsilon_ / 2) ** 0.5``; its cost and its value are half as large.
    max_iter : int, default=100
        Most of Newton's steps [2]_ at each of the regularizations that lead to epsilon. They end when the marginals
        are right to a tenth of the root of the rounding error, mostly within 10.
    space, by, reduce, weight
        As in `Discrepancy`.

    Attributes
    ----------
    epsilon_ : float
        The regularization, in the squared unit of the space.

    References
    ----------
    .. [1] Feydy et al., "Interpolating between Optimal Transport and MMD using Sinkhorn Divergences", 2019, eq. 3.
    .. [2] Sun and Tran-Dinh, "Generalized Self-Concordant Functions: A Recipe for Newton-Type Methods", 2019, sec. 4.

    Examples
    --------
    >>> from skdc.discrepancies import Sinkhorn
    >>> round(Sinkhorn()([[0.0], [1.0]], [[3.0], [4.0]]), 6)
    9.0
    """

    strength_ = math.inf

    def __init__(
        self,
        blur: float = 0.1,
        max_iter: int = 100,
        space: Space | None = None,
        by: Literal["class", "group"] | None = "class",
        reduce: Reduction = "mean",
        weight: float = 1.0,
    ) -> None:
        super().__init__(space, by, reduce, weight)
        self.blur = blur
        self.max_iter = max_iter


class UnbalancedSinkhorn(EntropicTransport):
    r"""Sinkhorn divergence that may leave mass where it is [1]_; squared, in the squared unit of the space.

    In place of marginals that are met, each costs its Kullback-Leibler divergence times rho: what lies farther off
    than :math:`\sqrt{2\rho}`, an outlier, is paid for and not moved. Both sets have mass one.

    Parameters
    ----------
    blur : float, default=0.1
        As in `Sinkhorn`.
    reach : float, default=1.0
        A length, in units of the root mean squared distance between rows of the data; its square is rho. The reach of
        geomloss is ``(strength_ / 2) ** 0.5``. With a long reach it is `Sinkhorn`.
    max_iter : int, default=100
        As in `Sinkhorn`.
    space, by, reduce, weight
        As in `Discrepancy`.

    Attributes
    ----------
    epsilon_, strength_ : float
        The regularization and rho, in the squared unit of the space.

    References
    ----------
    .. [1] Sejourne et al., "Sinkhorn Divergences for Unbalanced Optimal Transport", 2019, Proposition 12.

    Examples
    --------
    >>> from skdc.discrepancies import Sinkhorn, UnbalancedSinkhorn
    >>> X, outlier = [[0.0], [1.0], [2.0]], [[0.0], [1.0], [100.0]]
    >>> UnbalancedSinkhorn()(X, outlier) < Sinkhorn()(X, outlier) / 1000
    True
    """

    def __init__(
        self,
        blur: float = 0.1,
        reach: float = 1.0,
        max_iter: int = 100,
        space: Space | None = None,
        by: Literal["class", "group"] | None = "class",
        reduce: Reduction = "mean",
        weight: float = 1.0,
    ) -> None:
        super().__init__(space, by, reduce, weight)
        self.blur = blur
        self.reach = reach
        self.max_iter = max_iter

    def fit_scale(self, source: Source, generator: torch.Generator) -> Self:
        """Resolve the regularization and the reach on a sample of the data.

        Raises
        ------
        ValueError
            If a parameter is not positive.
        """
        if not 0 < self.reach < math.inf:
            raise ValueError(
                f"UnbalancedSinkhorn(reach={self.reach!r}): the reach must be a positive number; Sinkhorn() has none"
            )
        super().fit_scale(source, generator)
        self.strength_ = self.reach**2 * self.mean_square_
        return self


@dataclass(frozen=True)
class _Scale:
    """What the entropy of a plan and the divergence of its marginals cost."""

    epsilon: float
    strength: float

    @property
    def damping(self) -> float:
        return 1 / (1 + self.epsilon / self.strength)

    def softmin(self, cost: Tensor, other: Tensor, mass: Tensor) -> Tensor:
        """Return the best potential of the rows to that of the columns, also where a row has no mass."""
        return -self.damping * self.epsilon * ((other - cost) / self.epsilon + mass.log()).logsumexp(1)

    def dual(self, cost: Tensor, p: Tensor, q: Tensor, g: Tensor) -> Tensor:
        """Return the dual objective of the columns' potentials, which is the cost of transport where they are best.

        By the envelope theorem its gradient is that of the cost of transport, though the potentials are constant;
        what they lack shows in the value to second order only.
        """
        # The gradient in a mass is its potential, also where the mass is zero and its logarithm has none.
        f, earned = self.softmin(cost, g, q.detach()), self._earned(g)
        return p @ self._earned(f) + q @ earned - (1 - self.damping) * (q.detach() @ earned)

    def _earned(self, potential: Tensor) -> Tensor:
        if self.strength == math.inf:
            return potential
        return -(self.strength + self.epsilon) * (-potential / self.strength).clamp_max(_FAR).expm1()


def _tolerance(mass: Tensor) -> float:
    """Return the error of the marginals at which the value, where it is squared, is lost in the rounding."""
    return 0.1 * torch.finfo(mass.dtype).eps ** 0.5


@torch.no_grad()
def _own_potential(cost: Tensor, p: Tensor, scale: _Scale, max_iter: int) -> Tensor:
    """Return the potential of a set to itself, which its two sides share.

    Sinkhorn's step turns each part of the error round, and leaves up to all of it; so two thirds of the step leave at
    most a third of the error, whatever epsilon. Since a row is at no distance from itself, no sum vanishes.
    """
    kernel = (-cost / scale.epsilon).clamp_min_(-_NEAR).exp_()
    scaling, tolerance = torch.ones_like(p), _tolerance(p)
    for _ in range(max_iter):
        excess = scaling * (kernel @ (p * scaling)) ** scale.damping
        if float(p @ (excess - 1).abs()) < tolerance:
            break
        scaling = scaling / excess ** (2 / 3)
    return scale.softmin(cost, scale.epsilon * scaling.log(), p)


@torch.no_grad()
def _potential(cost: Tensor, p: Tensor, q: Tensor, scale: _Scale, max_iter: int) -> Tensor:
    """Return the potential of the columns, by way of larger regularizations."""
    if len(p) < len(q):
        f = _potential(cost.T, q, p, scale, max_iter)
        return scale.softmin(cost.T, f, p)
    f, largest = torch.zeros_like(p), float(cost.max())
    # Below are the rounding errors of the costs.
    last = max(scale.epsilon, 10 * torch.finfo(p.dtype).eps * largest)
    epsilon = largest / _FIRST
    while epsilon > last:
        f = _matched(cost, p, q, f, replace(scale, epsilon=epsilon), max_iter, _ROUGH)
        epsilon /= _FALL
    tolerance = max(_tolerance(p), torch.finfo(p.dtype).eps * largest / last)
    f = _matched(cost, p, q, f, replace(scale, epsilon=last), max_iter, tolerance)
    return scale.softmin(cost.T, f, p)


def _matched(cost: Tensor, p: Tensor, q: Tensor, f: Tensor, scale: _Scale, max_iter: int, tolerance: float) -> Tensor:
    """Return the potential of the rows that solves the problem, from a guess.

    The dual objective is a function of the columns' potentials, those of the rows being the best to them; Newton's
    steps raise it for certain, since it is self-concordant.
    """
    # In the log domain: after these two no row and no column of the kernel vanishes.
    g = scale.softmin(cost.T, f, p)
    f = scale.softmin(cost, g, q)
    phi, psi, moved, damping = f / scale.epsilon, g / scale.epsilon, math.inf, scale.damping
    ridge = 10 * torch.finfo(q.dtype).eps / len(q)
    for _ in range(max_iter):
        if moved > _ABSORBED:
            f, g, moved = phi / damping, psi, 0.0
            kernel = (f[:, None] + g).sub_(cost, alpha=1 / scale.epsilon).clamp_(-_NEAR, _FAR).exp_()
        columns = q * (psi - g).exp()
        sums = kernel @ columns
        phi = damping * (f - sums.log())
        rows = p * (phi - f).clamp_max(_FAR).exp()
        marginal = columns * (kernel.T @ rows)
        target = q * ((1 - 1 / damping) * psi).clamp_max(_FAR).exp()
        if float((target - marginal).abs().sum()) < tolerance:
            break
        # Newton's equations, scaled: their matrix is the identity less the mass that columns share by their rows.
        root = (marginal + (1 / damping - 1) * target + ridge).rsqrt()
        shares = kernel * (damping * rows / sums).sqrt()[:, None] * (columns * root)
        step = root * _conjugate_gradients(shares, root * (target - marginal))
        # The size makes up for the change of the curvature along the step [Sun and Tran-Dinh 2019, section 4].
        width = 2 * float(step.abs().max())
        psi = psi + step * (math.log1p(width) / width)
        moved += math.log1p(width) / 2
    return phi * scale.epsilon


def _conjugate_gradients(shares: Tensor, right: Tensor) -> Tensor:
    """Solve `(I - shares.T @ shares) x = right` to one percent: so much each of Newton's steps leaves."""
    solution, residual, direction = torch.zeros_like(right), right.clone(), right
    start = before = float(right @ right)
    rounding = torch.finfo(right.dtype).eps
    for _ in range(len(right)):
        image = direction - shares.T @ (shares @ direction)
        length = before / max(float(direction @ image), rounding * before)
        solution.add_(direction, alpha=length)
        residual.sub_(image, alpha=length)
        after = float(residual @ residual)
        if after < 1e-4 * start:
            break
        before, direction = after, residual.add(direction, alpha=after / before)
    return solution
