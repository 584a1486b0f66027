"""The discrepancy between conditional laws: what the targets are, given the features."""

from __future__ import annotations

from dataclasses import field
from typing import Literal, Self

import torch
from sklearn.base import clone
from torch import Tensor

from skdc.discrepancies.base import Discrepancy
from skdc.exceptions import PartsError
from skdc.kernels import MEDIAN_ROWS, Energy, Gaussian, Kernel
from skdc.sets import Block
from skdc.sources import Draws, Source, require
from skdc.spaces.invertible import Joint

_SMALL = 1e-4  # a ridge, in the unit of the kernel
_MAX_ROWS = 10_000  # a system of so many equations takes 800 MB and minutes


class ConditionalMMD(Discrepancy):
    r"""Conditional maximum mean discrepancy [1]_: compares the laws of y given x; the value is squared.

    It is in the unit of the target kernel (none for a Gaussian one). Each set gives a ridge regression of the features
    :math:`\psi(y)` on the features :math:`\varphi(x)`, whose operator C is its conditional mean embedding [2]_; the
    value is :math:`\| C_p - C_q \|^2_{\mathrm{HS}}`, or with
    :math:`A = (K + \lambda \, \mathrm{diag}(1 / m))^{-1}` and masses m of sum one

    .. math:: \mathrm{tr}(K_p A_p L_p A_p) + \mathrm{tr}(K_q A_q L_q A_q) - 2 \, \mathrm{tr}(K_{qp} A_p L_{pq} A_q)

    where K are kernels of x and L of y. With n rows of equal weight, :math:`\lambda / m` is :math:`\lambda n`, so that
    sets of different sizes are regularised alike and a row of weight 2 is the row twice. It asks where x is only as far
    as the ridge does; the MMD of the joint law of (x, y) is `MMD(space=Joint(), by=None)`. Targets are continuous, or
    the class indicators or probabilities of labels, hard or soft. The cost grows with the cube of the rows in a batch,
    so that `Descent(batch_size=512)` is three times as quick; a small ridge is inverted in float64.

    Parameters
    ----------
    kernel : Kernel, default=None
        Of the features; None: a Gaussian one of median bandwidth.
    target_kernel : Kernel, default=None
        Of the targets; None: a Gaussian one of median bandwidth. `Linear()` compares conditional means alone.
    regularization : float, default=1e-3
        :math:`\lambda`, positive, in the unit of the kernel of the features.
    space : Joint, default=None
        Shows features and targets; None: `Joint()`.
    by : {"class", "group", None}, default=None
        Groups within which the laws are compared; None with classes, since they are the targets.
    reduce, weight
        As in `Discrepancy`.

    Attributes
    ----------
    kernel_, target_kernel_ : Kernel
        Fitted.

    References
    ----------
    .. [1] Ren, Zhu, Li and Luo, "Conditional Generative Moment-Matching Networks", 2016, eq. 5.
    .. [2] Song, Fukumizu and Gretton, "Kernel Embeddings of Conditional Distributions", 2013, eq. 4.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import ConditionalMMD
    >>> from skdc.solvers import Descent
    >>> X, y = load_diabetes(return_X_y=True)
    >>> condenser = Condenser(ConditionalMMD(), solver=Descent(n_steps=10), n_samples=20, random_state=0)
    >>> X_syn, y_syn = condenser.set_params(task="regression").fit(X, y)
    >>> X_syn.shape, y_syn.shape
    ((20, 10), (20,))
    """

    compares = "clouds"
    symmetric = nonnegative = True

    kernel: Kernel | None = None
    target_kernel: Kernel | None = None
    regularization: float = 1e-3
    by: Literal["class", "group"] | None = field(default=None, kw_only=True)

    def attach(self, source: Source) -> None:
        """Join features and targets, of which neither is the other, and remember how many columns are targets."""
        super().attach(source)
        schema = source.schema
        if schema.task == "none":
            raise PartsError(
                "ConditionalMMD compares targets given features, but there are no targets: pass y to a condenser, or "
                "compare the rows alone with MMD()"
            )
        if schema.task == "classification" and schema.n_outputs < 2:
            raise PartsError("ConditionalMMD needs at least two classes, but y has one; compare the rows with MMD()")
        if schema.task == "classification" and self.by is not None:
            raise PartsError(
                f"ConditionalMMD(by={self.by!r}): within a class there is no label left to predict; use by=None"
            )
        if self.space is None:
            self.space_ = Joint()
        if not isinstance(self.space_, Joint):
            raise PartsError(
                f"ConditionalMMD needs features and targets side by side, which {type(self.space_).__name__} does not "
                "show; use space=Joint()"
            )
        self.n_outputs_ = schema.n_outputs

    def fit_scale(self, source: Source, generator: torch.Generator) -> Self:
        """Fit both kernels on a sample of the data."""
        if not self.regularization > 0:
            raise ValueError(f"ConditionalMMD(regularization={self.regularization!r}): it must be positive")
        for name, kernel in (("kernel", self.kernel), ("target_kernel", self.target_kernel)):
            if isinstance(kernel, Energy):
                raise PartsError(
                    f"ConditionalMMD({name}={kernel!r}): a regression needs a kernel that is positive definite, not "
                    "only on differences of masses; use Gaussian() or Laplace()"
                )
        rows = require(self, source, Draws, "the scales of its kernels").sample(MEDIAN_ROWS, generator)
        with torch.no_grad():
            x, y = self._parts(self.space_.block(rows))
        self.kernel_ = (Gaussian() if self.kernel is None else clone(self.kernel)).fit(x, rows.weight.to(x))
        target_kernel = Gaussian() if self.target_kernel is None else clone(self.target_kernel)
        self.target_kernel_ = target_kernel.fit(y, rows.weight.to(y))
        return self

    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return the squared distance less its real-real term."""
        (x, y), (x_q, y_q) = self._parts(p), self._parts(q)
        of_targets = self._solved(p, x, self.target_kernel_(y, y_q))
        of_features = self._solved(q, x_q, self.kernel_(x_q, x))
        across = (of_targets * of_features.T).sum()
        return self._within(q) - 2 * across.to(q.values.dtype)

    def constant(self, p: Block, generator: torch.Generator) -> Tensor:
        """Return the real-real term."""
        return self._within(p)

    def _parts(self, rows: Block) -> tuple[Tensor, Tensor]:
        """Return features and targets; in float64 where single precision could not invert so small a ridge."""
        values = rows.values.double() if self.regularization < _SMALL else rows.values
        return values[:, : -self.n_outputs_], values[:, -self.n_outputs_ :]

    def _within(self, rows: Block) -> Tensor:
        x, y = self._parts(rows)
        kernels = torch.cat([self.kernel_(x, x), self.target_kernel_(y, y)], dim=1)
        of_features, of_targets = self._solved(rows, x, kernels).chunk(2, dim=1)
        return (of_features * of_targets.T).sum().to(rows.values.dtype)

    def _solved(self, rows: Block, x: Tensor, rhs: Tensor) -> Tensor:
        """Return (K + lambda diag(1 / m))^-1 times a matrix; refuse a system that is too large."""
        if len(x) > _MAX_ROWS:
            raise ValueError(
                f"ConditionalMMD solves a system of as many equations as there are rows, {len(x)}, and takes at most "
                f"{_MAX_ROWS}; use Descent(batch_size=...), or MMD(space=Joint(), by=None) for the joint law"
            )
        # As (diag(m) K + lambda)^-1 diag(m), which exists and has a gradient where a mass is zero.
        mass = rows.mass.to(x)[:, None]
        ridge = self.regularization * torch.eye(len(x), dtype=x.dtype, device=x.device)
        return torch.linalg.solve(mass * self.kernel_(x, x) + ridge, mass * rhs)
