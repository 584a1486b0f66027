"""Optimal transport regularized by entropy and debiased, between equal masses or with marginals that may give way."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from skdc.discrepancies.base import Discrepancy
from skdc.kernels import MEDIAN_ROWS, squared_distances
from skdc.sets import Block
from skdc.sources import Draws, Source, require

_ENTRIES = 5 * 10**7  # of a matrix of costs: 200 MB of float32, a few times over
_FIRST, _DECAY = 50.0, 4.0  # the first regularization is this part of the largest cost; the others fall by this factor
_ROUGH_TOLERANCE = 1e-2  # the error of the marginals that ends all regularizations but the last
_MAX_LOG_SCALING = 8.0  # scalings whose logarithm is larger become part of the kernel [Schmitzer 2019, algorithm 2]
_LOG_FLOOR = -40.0  # of a kernel: the square of its exponential is a normal number
_LOG_CEILING = 60.0  # of any exponential: beyond is what has no mass only, infinity times zero


# Let C be the costs, e epsilon, r strength and d = 1 / (1 + e / r). The cost of transport and the divergence are
#     OT(p, q) = min_P <P, C> + e KL(P, p q') + r KL(P 1, p) + r KL(P' 1, q)                                        (1)
#     S(p, q) = OT(p, q) - OT(p, p) / 2 - OT(q, q) / 2                                                              (2)
# where an infinite r, d = 1, holds the marginals. Potentials f and g give the plan P = p q' exp((f + g - C) / e); the
# best f to a g, and the dual objective there, are [Feydy et al. 2019; Sejourne et al. 2019]
#     f(x) = -d e log sum_y q(y) exp((g(y) - C(x, y)) / e)                                                          (3)
#     <p, h(f)> + d <q, h(g)>,    h(f) = -(r + e) (exp(-f / r) - 1), or f                                           (4)
# of which the gradients in p and q are h(f) and, where g is best too, h(g). A set has one potential to itself. Where
# (3) gives T(f) for f, it turns errors round and leaves up to all of them; f := f / 3 + 2 T(f) / 3 leaves a third. With
# u = exp(f / e) and K = exp(-C / e) that is
#     u := u / v^(2/3),    v = u (K p u)^d                                                                          (5)
# Between two sets (4) over e, as a function of psi = g / e, is raised by Newton's steps. Its slope and curvature are
#     t - m,    t = q exp((1 - 1 / d) psi) = q exp(-g / r),    m = P' 1                                             (6)
#     -R^-2 + d P' diag(1 / P 1) P,    R = diag(m + (1 / d - 1) t)^(-1/2)                                           (7)
# so that R^-1 step solves (I - F' F) x = R (t - m), F = diag(d / P 1)^(1/2) P R, by conjugate gradients. Since (4) is
# self-concordant, it rises for certain if the step is shortened to [Sun and Tran-Dinh 2019, section 4]
#     psi := psi + step log(1 + w) / w,    w = 2 max |step|                                                         (8)
# It starts from the solution for a larger e. P is made of exp(f / e + g / e - C / e) with some f and g, as scalings of
# rows and columns, which are absorbed into f and g when they grow [Schmitzer 2019, algorithm 2].
class EntropicTransport(Discrepancy):
    """A debiased divergence of entropic transport costs; subclasses say how firmly the marginals are held."""

    compares = "clouds"
    symmetric = nonnegative = True

    def fit_scale(self, source: Source, generator: torch.Generator) -> Self:
        """Resolve the regularization on a sample of the data."""
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
        """Return the divergence less its real-real term; refuse a matrix of costs that is too large."""
        cost, p_mass, q_mass = self._costs(p, q), p.mass, q.mass
        g = _annealed_potential(cost.detach(), p_mass.detach(), q_mass.detach(), self._scale, self.max_iter)
        return self._scale.dual(cost, p_mass, q_mass, g) - self._within(q) / 2  # (1), less half of it: (2)

    def constant(self, p: Block, generator: torch.Generator) -> Tensor:
        """Return the real-real term; refuse a matrix of costs that is too large."""
        return -self._within(p) / 2

    def _within(self, p: Block) -> Tensor:
        cost, mass = self._costs(p, p), p.mass
        f = _symmetric_potential(cost.detach(), mass.detach(), self._scale, self.max_iter)
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

    blur: float = 0.1
    max_iter: int = 100


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

    blur: float = 0.1
    reach: float = 1.0
    max_iter: int = 100

    def fit_scale(self, source: Source, generator: torch.Generator) -> Self:
        """Resolve the regularization and the reach on a sample of the data."""
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
        return -self.damping * self.epsilon * ((other - cost) / self.epsilon + mass.log()).logsumexp(1)  # (3)

    def dual(self, cost: Tensor, p: Tensor, q: Tensor, g: Tensor) -> Tensor:
        """Return the dual objective of the columns' potentials, which is the cost of transport where they are best.

        By the envelope theorem its gradient is that of the cost of transport, though the potentials are constant;
        what they lack shows in the value to second order only.
        """
        # The gradient in a mass is its potential, also where the mass is zero and its logarithm has none.
        f, value = self.softmin(cost, g, q.detach()), self._conjugate(g)
        return p @ self._conjugate(f) + q @ value - (1 - self.damping) * (q.detach() @ value)  # (4)

    def _conjugate(self, potential: Tensor) -> Tensor:
        """Return h."""
        if self.strength == math.inf:
            return potential
        return -(self.strength + self.epsilon) * (-potential / self.strength).clamp_max(_LOG_CEILING).expm1()


def _tolerance(mass: Tensor) -> float:
    """Return the error of the marginals at which the value, where it is squared, is lost in the rounding."""
    return 0.1 * torch.finfo(mass.dtype).eps ** 0.5


@torch.no_grad()
def _symmetric_potential(cost: Tensor, p: Tensor, scale: _Scale, max_iter: int) -> Tensor:
    """Return the potential of a set to itself; since a row is at no distance from itself, no sum vanishes."""
    kernel = (-cost / scale.epsilon).clamp_min_(_LOG_FLOOR).exp_()
    scaling, tolerance = torch.ones_like(p), _tolerance(p)
    for _ in range(max_iter):
        excess = scaling * (kernel @ (p * scaling)) ** scale.damping
        if float(p @ (excess - 1).abs()) < tolerance:
            break
        scaling = scaling / excess ** (2 / 3)  # (5)
    return scale.softmin(cost, scale.epsilon * scaling.log(), p)


@torch.no_grad()
def _annealed_potential(cost: Tensor, p: Tensor, q: Tensor, scale: _Scale, max_iter: int) -> Tensor:
    """Return the potential of the columns, by way of larger regularizations."""
    if len(p) < len(q):
        f = _annealed_potential(cost.T, q, p, scale, max_iter)
        return scale.softmin(cost.T, f, p)
    f, largest = torch.zeros_like(p), float(cost.max())
    # Below are the rounding errors of the costs.
    last = max(scale.epsilon, 10 * torch.finfo(p.dtype).eps * largest)
    epsilon = largest / _FIRST
    while epsilon > last:
        f = _newton(cost, p, q, f, replace(scale, epsilon=epsilon), max_iter, _ROUGH_TOLERANCE)
        epsilon /= _DECAY
    tolerance = max(_tolerance(p), torch.finfo(p.dtype).eps * largest / last)
    f = _newton(cost, p, q, f, replace(scale, epsilon=last), max_iter, tolerance)
    return scale.softmin(cost.T, f, p)


def _newton(cost: Tensor, p: Tensor, q: Tensor, f: Tensor, scale: _Scale, max_iter: int, tolerance: float) -> Tensor:
    """Return the potential of the rows that solves the problem, from a guess, by Newton's steps."""
    # In the log domain: after these two no row and no column of the kernel vanishes.
    g = scale.softmin(cost.T, f, p)
    f = scale.softmin(cost, g, q)
    phi, psi, drift, damping = f / scale.epsilon, g / scale.epsilon, math.inf, scale.damping
    ridge = 10 * torch.finfo(q.dtype).eps / len(q)
    for _ in range(max_iter):
        if drift > _MAX_LOG_SCALING:
            f, g, drift = phi / damping, psi, 0.0
            kernel = (f[:, None] + g).sub_(cost, alpha=1 / scale.epsilon).clamp_(_LOG_FLOOR, _LOG_CEILING).exp_()
        columns = q * (psi - g).exp()
        sums = kernel @ columns
        phi = damping * (f - sums.log())
        rows = p * (phi - f).clamp_max(_LOG_CEILING).exp()
        marginal = columns * (kernel.T @ rows)
        target = q * ((1 - 1 / damping) * psi).clamp_max(_LOG_CEILING).exp()
        if float((target - marginal).abs().sum()) < tolerance:  # (6)
            break
        root = (marginal + (1 / damping - 1) * target + ridge).rsqrt()  # (7)
        factor = kernel * (damping * rows / sums).sqrt()[:, None] * (columns * root)
        step = root * _conjugate_gradients(factor, root * (target - marginal))
        width = 2 * float(step.abs().max())
        psi = psi + step * (math.log1p(width) / width)  # (8)
        drift += math.log1p(width) / 2
    return phi * scale.epsilon


def _conjugate_gradients(factor: Tensor, target: Tensor) -> Tensor:
    """Solve `(I - factor.T @ factor) x = target` to one percent: so much each of Newton's steps leaves."""
    solution, residual, direction = torch.zeros_like(target), target.clone(), target
    start = last_squared = float(target @ target)
    rounding = torch.finfo(target.dtype).eps
    for _ in range(len(target)):
        image = direction - factor.T @ (factor @ direction)
        length = last_squared / max(float(direction @ image), rounding * last_squared)
        solution.add_(direction, alpha=length)
        residual.sub_(image, alpha=length)
        squared = float(residual @ residual)
        if squared < 1e-4 * start:
            break
        last_squared, direction = squared, residual.add(direction, alpha=squared / last_squared)
    return solution
