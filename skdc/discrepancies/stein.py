"""The kernel Stein discrepancy, which sees the data through the score of their density, and such scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Literal, Self

import numpy as np
import torch
from sklearn.base import clone
from sklearn.mixture import GaussianMixture
from torch import Tensor

from skdc.discrepancies.base import Discrepancy
from skdc.discrepancies.mmd import fit_kernel
from skdc.discrepancies.moments import mean_variance, shrunk_covariance
from skdc.exceptions import PartsError
from skdc.fields import Fields
from skdc.kernels import InverseMultiquadric, resolve_bandwidth, squared_distances
from skdc.sets import Block
from skdc.sources import Draws, Source, draw_seed, require
from skdc.spaces.base import PointwiseSpace
from skdc.structures import Embedding, OwnKernel

_SCORE_ROWS = 10_000  # densities are fitted to a sample of this many rows


class Score(Fields, ABC):
    r"""The score :math:`\nabla \log p` of a density that is fitted to rows; a parameter object.

    Subclasses write `fit` and `__call__`.
    """

    @abstractmethod
    def fit(self, values: Tensor, mass: Tensor, generator: torch.Generator) -> Self:
        """Fit the density to rows of shape (n, d) and their masses, which sum to one.

        Raises
        ------
        ValueError
            If a parameter makes no sense.
        """

    @abstractmethod
    def __call__(self, x: Tensor) -> Tensor:
        """Return the score at some points, of shape (n, d), with a gradient."""


class GaussianScore(Score):
    r"""Score of a Gaussian density, :math:`\Sigma^{-1} (\mu - x)`; in the inverse unit of the rows.

    Parameters
    ----------
    shrinkage : float, default=0.1
        The covariance is `(1 - shrinkage)` times that of the rows, plus `shrinkage` times their mean variance in every
        direction [1]_; above 0 and at most 1, so that it has an inverse whatever the rows.

    References
    ----------
    .. [1] Ledoit and Wolf, "A Well-Conditioned Estimator for Large-Dimensional Covariance Matrices", 2004, eq. 14.

    Examples
    --------
    >>> from skdc.discrepancies import KernelStein
    >>> from skdc.discrepancies.stein import GaussianScore
    >>> KernelStein(score=GaussianScore(shrinkage=0.5))
    KernelStein(score=GaussianScore(shrinkage=0.5))
    """

    shrinkage: float = 0.1

    def fit(self, values: Tensor, mass: Tensor, generator: torch.Generator) -> Self:
        """Learn mean and covariance."""
        if not 0 < self.shrinkage <= 1:
            raise ValueError(f"GaussianScore(shrinkage={self.shrinkage!r}): it must be above 0 and at most 1")
        self.mean_ = mass @ values
        variance = mean_variance(values, mass, self.mean_)
        covariance = shrunk_covariance(values, mass, self.mean_, variance, self.shrinkage)
        self.precision_ = torch.cholesky_inverse(torch.linalg.cholesky(covariance))
        return self

    def __call__(self, x: Tensor) -> Tensor:
        """Return the score at some points."""
        return (self.mean_.to(x.dtype) - x) @ self.precision_.to(x.dtype)


class _MixtureOfGaussians(Score):
    """The score of a mixture of Gaussians whose axes are the coordinates, as `fit` leaves it in four attributes."""

    def __call__(self, x: Tensor) -> Tensor:
        """Return the score at some points: that of each component, by its responsibility."""
        x, means, precisions = x - self.center_.to(x.dtype), self.mean_.to(x.dtype), self.precision_.to(x.dtype)
        weighted_means = precisions * means
        squares = x.square() @ precisions.T - 2 * x @ weighted_means.T + (weighted_means * means).sum(1)
        log_weight = self.log_weight_.to(x.dtype) + precisions.log().sum(1) / 2
        responsibility = (log_weight - squares / 2).softmax(1)
        return responsibility @ weighted_means - x * (responsibility @ precisions)


class KernelDensityScore(_MixtureOfGaussians):
    r"""Score of a Gaussian kernel density estimate [1]_, in the inverse unit of the rows.

    Each call compares with all rows of the group (with 10 000 shared by the groups, where there are more), which the
    fitted score keeps.

    Parameters
    ----------
    bandwidth : "median" or float, default="median"
        Standard deviation of the kernel along each of d coordinates, in the units of the space. "median" is the median
        distance of two rows of the group over :math:`\sqrt{2 d}`, for Gaussian rows their own standard deviation; the
        distance itself would blur all coordinates together.

    References
    ----------
    .. [1] Parzen, "On Estimation of a Probability Density Function and Mode", 1962, eq. 1.6.

    Examples
    --------
    >>> from skdc.discrepancies import KernelStein
    >>> from skdc.discrepancies.stein import KernelDensityScore
    >>> KernelStein(score=KernelDensityScore(bandwidth=0.5))
    KernelStein(score=KernelDensityScore(bandwidth=0.5))
    """

    bandwidth: Literal["median"] | float = "median"

    def fit(self, values: Tensor, mass: Tensor, generator: torch.Generator) -> Self:
        """Keep the rows, and resolve the bandwidth, which must be one."""
        bandwidth = resolve_bandwidth(self.bandwidth, values, mass)
        if len(bandwidth) > 1:
            raise ValueError(f"KernelDensityScore(bandwidth={self.bandwidth!r}): give one number, or 'median'")
        share = (2 * values.shape[1]) ** 0.5 if self.bandwidth == "median" else 1.0
        self.center_ = mass @ values
        self.log_weight_, self.mean_ = mass.log(), values - self.center_
        self.precision_ = torch.full_like(values, (share / float(bandwidth[0])) ** 2)
        return self


class MixtureScore(_MixtureOfGaussians):
    """Score of a mixture of Gaussians with diagonal covariances, in the inverse unit of the rows.

    The mixture is fitted by `sklearn.mixture.GaussianMixture`, which knows no weights: where rows have different ones
    as many rows are drawn by weight, with replacement. So a row of weight 2 is the row twice in law only.

    Parameters
    ----------
    n_components : int, default=3
        Components; fewer where the group has fewer distinct rows.
    regularization : float, default=0.01
        Added to the variances, in units of the mean variance of the rows.

    Examples
    --------
    >>> from skdc.discrepancies import KernelStein
    >>> from skdc.discrepancies.stein import MixtureScore
    >>> KernelStein(score=MixtureScore(n_components=5))
    KernelStein(score=MixtureScore(n_components=5))
    """

    n_components: int = 3
    regularization: float = 0.01

    def fit(self, values: Tensor, mass: Tensor, generator: torch.Generator) -> Self:
        """Fit the mixture."""
        if self.n_components < 1 or not self.regularization > 0:
            raise ValueError(
                f"MixtureScore(n_components={self.n_components!r}, regularization={self.regularization!r}): there must "
                "be at least one component, and a positive regularization"
            )
        self.center_ = mass @ values
        variance = mean_variance(values, mass, self.center_)
        rows = ((values - self.center_) / variance**0.5).cpu()
        if not torch.allclose(mass, mass[0]):
            rows = rows[torch.multinomial(mass.cpu(), len(rows), replacement=True, generator=generator)]
        n_distinct = len(np.unique(rows.numpy(), axis=0))
        mixture = GaussianMixture(
            min(self.n_components, n_distinct),
            covariance_type="diag",
            reg_covar=self.regularization,
            max_iter=1000,
            random_state=draw_seed(generator),
        )
        # scikit-learn wants two rows.
        mixture.fit(np.resize(rows.numpy(), (max(2, len(rows)), rows.shape[1])))
        found = (np.log(mixture.weights_), mixture.means_ * variance**0.5, 1 / (mixture.covariances_ * variance))
        self.log_weight_, self.mean_, self.precision_ = (torch.as_tensor(part, device=mass.device) for part in found)
        return self


class KernelStein(Discrepancy, Embedding):
    r"""Kernel Stein discrepancy with the inverse multiquadric kernel [1]_; the value is squared.

    The value has no unit: lengths are in units of the bandwidth c. The data are seen through the score
    :math:`s = \nabla \log p` of their density alone: each group gives one when the discrepancy is fitted, and the real
    rows of a step are not looked at.

    .. math:: \mathrm{KSD}^2 = E_{x, y \sim q} \left[ \nabla_x \cdot \nabla_y k + s(x)^\top \nabla_y k +
              s(y)^\top \nabla_x k + k \, s(x)^\top s(y) \right], \quad k(x, y) = (1 + \|x - y\|^2)^{-1/2}

    This is the V-statistic: biased, since a row meets itself, and never negative. It is zero for no finite set, and its
    value is as good as the density. Greedy selection with it is Stein thinning [2]_.

    Parameters
    ----------
    score : Score or callable, default=None
        `GaussianScore()` (also for None), `KernelDensityScore()` or `MixtureScore()` are fitted to each group. A
        callable takes points of the space, of shape (n, d), to the score there, of the same shape and with a gradient.
        It is one for the whole set (`by=None`, or a single class), in the units of the space: in `Identity` the origin
        is the mean of the data.
    bandwidth : "median" or float, default="median"
        c, in the units of the space.
    space : Space, default=None
        A pointwise one that does not change from step to step.
    by, reduce, weight
        As in `Discrepancy`.

    Attributes
    ----------
    scores_ : dict of int to callable
        The score of each group.
    bandwidth_ : float

    References
    ----------
    .. [1] Gorham and Mackey, "Measuring Sample Quality with Kernels", 2017, section 3.
    .. [2] Riabiz et al., "Optimal Thinning of MCMC Output", 2022, algorithm 1.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import KernelStein
    >>> X, y = load_iris(return_X_y=True)
    >>> KernelStein()(X[:50], X[:25]) < KernelStein()(X[:50], X[50:75])
    True
    >>> X_syn, y_syn = Condenser(discrepancy=KernelStein(), n_per_class=3, random_state=0).fit(X, y)
    >>> X_syn.shape
    (9, 4)
    """

    compares = "clouds"
    nonnegative = True

    score: Score | Callable[[Tensor], Tensor] | None = None
    bandwidth: Literal["median"] | float = "median"

    def attach(self, source: Source) -> None:
        """Choose the space, which must stay as it is; refuse one score for several groups."""
        super().attach(source)
        if not (isinstance(self.space_, PointwiseSpace) and self.space_.frozen()):
            raise PartsError(
                f"KernelStein fits a density once, but {type(self.space_).__name__} shows other rows in each step; use "
                "a space that stays, such as Identity() or Standardized()"
            )
        if self.score is not None and not isinstance(self.score, Score):
            if not callable(self.score):
                raise ValueError(f"KernelStein(score={self.score!r}): give a callable, or one such as GaussianScore()")
            if self.n_groups > 1:
                raise PartsError(
                    f"KernelStein(score=...) is given one score for {self.n_groups} groups; use by=None, or a score "
                    "that is fitted to each group, such as GaussianScore()"
                )

    def fit_scale(self, source: Source, generator: torch.Generator) -> Self:
        """Fit a density to each group, and check the shapes of scores."""
        bandwidth = fit_kernel(self, InverseMultiquadric(self.bandwidth), source, generator).bandwidth_
        if len(bandwidth) > 1:
            raise ValueError(f"KernelStein(bandwidth={self.bandwidth!r}): give one number, or 'median'")
        self.bandwidth_ = float(bandwidth[0])
        with torch.no_grad():
            rows = self.space_.block(require(self, source, Draws, "a density").sample(_SCORE_ROWS, generator))
            group = torch.zeros_like(rows.key) if self.by is None else self.group_of_key_[rows.key]
            self.scores_ = {g: self._score(rows.take(group == g), generator) for g in group.unique().tolist()}
        return self

    def _score(self, p: Block, generator: torch.Generator) -> Callable[[Tensor], Tensor]:
        score = GaussianScore() if self.score is None else self.score
        if isinstance(score, Score):
            return clone(score).fit(p.values.double(), p.mass.double(), generator)
        shape = tuple(score(p.values).shape)
        if shape != tuple(p.values.shape):
            raise ValueError(
                f"KernelStein(score=...) gives shape {shape} for points of shape {tuple(p.values.shape)}; it must give "
                "one gradient a point"
            )
        return score

    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return the discrepancy of q from the density of the group of p."""
        points = self._scaled(q.values, self.scores_[self.group_of(p)](q.values))
        return q.mass @ _stein_kernel(*points, *points) @ q.mass

    def witness(self, p: Block, q: Block, at: Tensor) -> Tensor:
        """Return where q misses mass: the mean embedding of the density by its Stein kernel is zero."""
        score = self.scores_[self.group_of(p)]
        points = self._scaled(q.values, score(q.values))
        return -2 * _stein_kernel(*self._scaled(at, score(at)), *points) @ q.mass

    def own_kernel(self, p: Block, n_columns: int) -> OwnKernel:
        """Return the Stein kernel of p, of one group, with itself, and a potential of zeros, that of the density."""
        x, scores = self._scaled(p.values, self._scores_of(p))
        diagonal = scores.square().sum(1) + x.shape[1]

        def columns(rows: Tensor) -> Tensor:
            return _stein_kernel(x, scores, x[rows], scores[rows])

        return OwnKernel(torch.zeros_like(diagonal), diagonal, columns)

    def submatrix(self, p: Block) -> Callable[[Tensor, Tensor], Tensor]:
        """Return a function `submatrix(rows, others)`: the Stein kernel of some rows of p, of one group, with others.

        From indices of shape (..., n) and (..., m) it makes a matrix of shape (..., n, m).
        """
        x, scores = self._scaled(p.values, self._scores_of(p))
        return lambda rows, others: _stein_kernel(x[rows], scores[rows], x[others], scores[others])

    def _scores_of(self, p: Block) -> Tensor:
        """Return the score at each row of a block, which may hold one group only."""
        if self.by == "group" and len(self.group_of_key_[p.key].unique()) > 1:
            raise PartsError("KernelStein(by='group') has a density a group, and chooses rows by none; use 'class'")
        return self.scores_[self.group_of(p)](p.values)

    def potential(self, p: Block, at: Tensor) -> Tensor:
        """Return zeros: the mean embedding of the density by its Stein kernel."""
        return at.new_zeros(len(at))

    def _scaled(self, x: Tensor, score: Tensor) -> tuple[Tensor, Tensor]:
        """Return points and scores in units of the bandwidth."""
        return x / self.bandwidth_, score * self.bandwidth_


def _stein_kernel(x: Tensor, x_score: Tensor, y: Tensor, y_score: Tensor) -> Tensor:
    """Return the Stein kernel of points and scores in units of the bandwidth, of shape (..., n, m)."""
    squares = squared_distances(x, y)
    base = (squares + 1).rsqrt()
    # (s(x) - s(y))^T (x - y), without a tensor of shape (..., n, m, d)
    drift = (x_score * x).sum(-1)[..., None] + (y_score * y).sum(-1)[..., None, :] - x_score @ y.mT - x @ y_score.mT
    return base * (x_score @ y_score.mT) + base**3 * (x.shape[-1] + drift) - 3 * squares * base**5
