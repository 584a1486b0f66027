"""Spaces of the function regime: what the kernel ridge regression that a set induces predicts."""

from __future__ import annotations

from dataclasses import field
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn.base import clone
from torch import Tensor

from skdc.exceptions import PartsError
from skdc.kernels import KEPT_ENTRIES, MEDIAN_ROWS, FeatureKernel, Gaussian, Kernel, RandomNetworkKernel
from skdc.learners import KernelRidgeClassifier, KernelRidgeRegressor, dual_weights, primal_weights, target_offset
from skdc.sets import Block, LabeledSet, unweighted
from skdc.sources import Asks, Draws, Holds, Passes, Source, require, require_targets
from skdc.spaces.base import Space, Splits, Yields
from skdc.step import Step
from skdc.structures import LinearInTargets

MOST_LEARNED = 4096  # points of a set on which a learner is fitted: a system of so many equations takes half a gibibyte


class KernelRidgePredictions(Space, LinearInTargets):
    """Predictions on the real rows of kernel ridge regression trained on the synthetic set [1]_.

    The real side shows the true targets, the synthetic side the predictions; classes are regressed on as
    indicators minus 1 / n_classes.

    Parameters
    ----------
    kernel : Kernel, default=None
        None takes `Gaussian(factor=0.3)`. It sees the rows in the units of the data, their mean at the origin.
    regularization : float, default=0.01
        Ridge, in units of the mean of the kernel's diagonal.
    kernel_rate : float, default=0.01
        Step size at which the kernel's own parameters (the logarithms of bandwidths) are learned; 0 keeps them.

    References
    ----------
    .. [1] Nguyen, Chen and Lee, "Dataset Meta-Learning from Kernel Ridge-Regression", 2021, eq. 7.

    Examples
    --------
    >>> from skdc.discrepancies import SquaredL2
    >>> from skdc.spaces import KernelRidgePredictions
    >>> SquaredL2(space=KernelRidgePredictions(regularization=1e-3), by=None)
    SquaredL2(by=None, space=KernelRidgePredictions(regularization=0.001))
    """

    yields: ClassVar[Yields] = "aligned"
    splits: ClassVar[Splits] = "rows"
    _default_kernel: ClassVar[Kernel] = Gaussian(factor=0.3)

    kernel: Kernel | None = None
    regularization: float = 0.01
    kernel_rate: float = 0.01

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Fit the kernel's scale."""
        require_targets(self, source)
        if not self.regularization > 0:
            raise ValueError(f"regularization={self.regularization!r} must be positive")
        if not self.kernel_rate >= 0:
            raise ValueError(f"kernel_rate={self.kernel_rate!r} must not be negative")
        self.kernel_ = clone(self._default_kernel if self.kernel is None else self.kernel)
        sample = source.no_rows()
        if source.granted(Draws) is not None or not self.kernel_.knows_scale():
            sample = require(self, source, Draws, "the kernel's scale").sample(MEDIAN_ROWS, generator)
        # A kernel of distances sees rows about their mean, since float32 has no digits for a far origin.
        shift = source.units.shift if self.kernel_.sees_origin() else 0.0
        self.scale_, self.shift_ = source.units.scale, source.tensor(np.ravel(shift))
        self.kernel_.fit(self._seen(sample.X), sample.mass)
        self.offset_ = target_offset(source.schema.task, source.schema.n_outputs)
        return self

    def parameters(self) -> list[dict[str, Any]]:
        """Return the kernel's own parameters, if they are to be learned."""
        learned = [p.requires_grad_() for p in self.kernel_.parameters()] if self.kernel_rate else []
        return [{"params": learned, "lr": self.kernel_rate}] if learned else []

    def represent(self, real: LabeledSet, synthetic: LabeledSet, state: Step) -> tuple[list[Block], list[Block]]:
        """Return the true targets of the real rows, and their predictions."""
        predictions = self._predicted(real, synthetic, synthetic.y.double() - self.offset_)
        return [Block(real.weight, real.key, real.y - self.offset_)], [Block(real.weight, real.key, predictions)]

    def response(self, real: LabeledSet, synthetic: LabeledSet) -> Tensor:
        """Return the matrix that makes predictions on the real rows of targets, less their offset, of shape (n, m)."""
        return self._predicted(real, synthetic, torch.eye(len(synthetic), dtype=torch.float64, device=real.X.device))

    def _predicted(self, real: LabeledSet, synthetic: LabeledSet, targets: Tensor) -> Tensor:
        points = self._seen(synthetic.X)
        # The system is nearly singular by design: it is solved in float64, the products stay in float32.
        with_points = self.kernel_.against(points)
        gram = with_points(points).double()
        dual = dual_weights(gram, targets, synthetic.weight.double(), self.regularization)
        return with_points(self._seen(real.X)) @ dual.to(points.dtype)

    def _seen(self, X: Tensor) -> Tensor:
        """Return rows in working units as the kernel sees them."""
        return X.flatten(1) * self.scale_ + self.shift_

    def attributes(self, synthetic: LabeledSet, source: Source) -> dict[str, Any]:
        """Return the learner for which the set was condensed, fitted on it, as `learner_`; none, of a large set."""
        if len(synthetic) > MOST_LEARNED:
            return {}
        schema = source.schema
        kernel, shift = self.kernel_.resolved(), 0.0 if self.kernel_.sees_origin() else source.units.shift
        if schema.task == "classification":
            learner: Any = KernelRidgeClassifier(kernel, self.regularization, shift, schema.classes)
        else:
            learner = KernelRidgeRegressor(kernel, self.regularization, shift, source.target_units.shift)
        weight = synthetic.weight.detach().cpu().numpy()
        targets = source.decode_targets(synthetic.y)
        flat = schema.task == "regression" and schema.flat_targets
        learner.fit(source.decode(synthetic.X), targets[:, 0] if flat else targets, sample_weight=weight)
        if schema.feature_names is not None:
            learner.feature_names_in_ = schema.feature_names
        return {"learner_": learner}


_MOMENT_ROWS = 4096  # of which the features are multiplied at a time
_JITTERS = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2]  # of the mean second moment


class FeatureRidgePredictions(KernelRidgePredictions):
    """Predictions of kernel ridge regression in finitely many features, on all real rows at once.

    The mean squared error of what is linear in the features is a matter of their second moments, and of their products
    with the targets: rows as many as there are features have the same. Those are shown in place of the data, with their
    targets and predictions. A step sees all data thus, without noise, and takes no longer for it. What is lost is the
    error that the best predictor in the features makes, a constant. Only `SquaredL2` has a use for such rows.

    Parameters
    ----------
    kernel : FeatureKernel, default=None
        None takes `RandomNetworkKernel()`. It sees the rows in the units of the data, their mean at the origin.
    regularization : float, default=0.01
        Ridge, in units of the mean of the kernel's diagonal.
    clip : float, default=sqrt(2)
        For private rows: the norm at which features and targets of a row, together, are cut off. That of features of
        norm 1 and a class is less.

    Notes
    -----
    Private rows release the products of features and targets once; noise is left out of them as far as it makes
    squares negative.

    Examples
    --------
    >>> from skdc.discrepancies import SquaredL2
    >>> from skdc.kernels import RandomNetworkKernel
    >>> from skdc.networks import ConvNet
    >>> from skdc.spaces import FeatureRidgePredictions
    >>> kernel = RandomNetworkKernel(ConvNet(depth=2, image_shape=(28, 28)), n_networks=1)
    >>> discrepancy = SquaredL2(space=FeatureRidgePredictions(kernel), by=None)
    """

    yields = "mixtures"
    splits = "never"
    _default_kernel = RandomNetworkKernel()

    asks = "once"

    kernel: FeatureKernel | None = None
    kernel_rate: float = field(default=0.0, init=False)
    kernel_: FeatureKernel = field(init=False)
    clip: float = 2**0.5

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Fit the kernel, which must have features that fit in memory, and pass over the data for their moments."""
        super().fit(source, generator)
        if not isinstance(self.kernel_, FeatureKernel):
            raise PartsError(
                f"{self!r} needs a kernel of finitely many features, such as RandomNetworkKernel(); for others use "
                "KernelRidgePredictions"
            )
        private = source.granted(Asks)
        if private is not None:
            self._refuse_far(private)
            self._learn(private.products(self._columns, self.clip).double(), source)
            return self
        like = source.tensor(np.zeros((1, int(np.prod(source.schema.input_shape)))))
        n_features = self.kernel_.features(like).shape[1]
        if n_features**2 > KEPT_ENTRIES:
            raise ValueError(
                f"{self!r}: the products of {n_features} features are more than memory is meant for; use a kernel with "
                f"{int(KEPT_ENTRIES**0.5)} features or less, or KernelRidgePredictions"
            )
        passes = require(self, source, Passes, "the moments of features")
        mass, products = passes.map_reduce(partial(self._products, n_features), _added, n_features)
        second, cross = (products / mass).tensor_split([n_features], dim=1)
        root = _root(second)
        targets = torch.linalg.solve_triangular(root, cross, upper=False)
        # The mean over the rows that are shown is to be a sum over them.
        size = n_features**0.5
        self.root_, self.targets_ = (size * root.mT).to(source.dtype), (size * targets).to(source.dtype)
        return self

    def _refuse_far(self, source: Asks) -> None:
        """Refuse a kernel that gives no numbers at the ends of the range that is known."""
        if not all(self._columns(source.row_at(end)).isfinite().all() for end in source.ends):
            low, high = source.ends
            raise PartsError(
                f"{self.kernel_!r} gives no numbers of rows between {low:g} and {high:g}; give a narrower "
                "feature_range, and X and bandwidth in larger units"
            )

    @torch.no_grad()
    def _learn(self, products: Tensor, source: Source) -> None:
        """Take rows whose products are near to some, which noise may have left with negative eigenvalues.

        Noise makes eigenvalues as large as the least one is below zero. What is no larger is not told from noise, and
        is raised to that size: a ridge, without which predictions follow the noise.
        """
        values, vectors = torch.linalg.eigh(products)
        values = values.clamp_min(max(-float(values[0]), 0.0))
        rows = (vectors * values.sqrt()).mT * len(values) ** 0.5
        n_features = len(values) - source.schema.n_outputs
        self.root_, self.targets_ = rows[:, :n_features].to(source.dtype), rows[:, n_features:].to(source.dtype)

    @torch.no_grad()
    def _columns(self, rows: LabeledSet) -> Tensor:
        return torch.cat([self._features(rows), rows.y - self.offset_], 1)

    @torch.no_grad()
    def _products(self, n_features: int, piece: Holds) -> tuple[Tensor, Tensor]:
        """Return the mass of a piece, and the sum of the products of features with features and targets."""
        total = torch.zeros((), dtype=torch.float64, device=piece.device)
        for places in np.array_split(np.arange(len(piece)), -(-len(piece) // _MOMENT_ROWS)):
            rows = piece.take(places)
            columns = self._columns(rows)
            total = total + ((columns[:, :n_features] * rows.weight[:, None]).mT @ columns).double()
        return piece.tensor(piece.weight).double().sum(), total

    def represent(self, real: LabeledSet, synthetic: LabeledSet, state: Step) -> tuple[list[Block], list[Block]]:
        """Return targets and predictions of the rows that stand for the data."""
        return self._shown(synthetic)

    def ask(self, release: Asks, synthetic: LabeledSet, state: Step) -> tuple[list[Block], list[Block]]:
        """Return the same: of private rows all is known since `fit`."""
        return self._shown(synthetic)

    def _shown(self, synthetic: LabeledSet) -> tuple[list[Block], list[Block]]:
        targets = synthetic.y.double() - self.offset_
        weights = primal_weights(self._features(synthetic), targets, synthetic.weight.double(), self.regularization)
        return [unweighted(self.targets_)], [unweighted(self.root_ @ weights)]

    def _features(self, rows: LabeledSet) -> Tensor:
        return self.kernel_.features(self._seen(rows.X))


def _added(one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    return one[0] + other[0], one[1] + other[1]


def _root(second: Tensor) -> Tensor:
    """Return the lower triangular root of second moments, plus as little on the diagonal as rounding asks for."""
    unit = torch.eye(len(second), dtype=second.dtype, device=second.device) * (second.diagonal().mean() or 1.0)
    tries = (torch.linalg.cholesky_ex(second + jitter * unit) for jitter in _JITTERS)
    # Features that depend on each other have moments without a root.
    return next(root for root, failed in tries if not failed)
