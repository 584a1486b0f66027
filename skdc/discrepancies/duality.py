"""The duality gap that a kernel machine of the synthetic points leaves on the data."""

from __future__ import annotations

from dataclasses import field
from typing import Any, Literal, Self, cast

import numpy as np
import torch
from sklearn.base import clone
from torch import Tensor

from skdc.discrepancies.objective import Term
from skdc.exceptions import PartsError
from skdc.kernels import MEDIAN_ROWS, Gaussian, Kernel, KernelSum
from skdc.learners import KernelExpansionClassifier
from skdc.sets import LabeledSet
from skdc.sources import Batch, Holds, Source, require, require_targets
from skdc.spaces.invertible import Identity
from skdc.step import Step

_SMOOTHING = 0.5  # width of the margins over which the hinge is quadratic


class DualityGap(Term):
    r"""Duality gap of kernel inducing points (DGKIP): how far a kernel machine is from that of all the data [1]_.

    The machine is :math:`f(x) = \sum_j w_j y_j k(x, x_j)` over the points, whose learned targets are its dual
    variables, and is to solve

    .. math:: \min_f\; P(f) = E\, \ell(y, f(x)) + \frac{\lambda}{2} \|f\|^2

    over the data, for a convex loss. With the dual variables :math:`a = -\ell'(y, f(x))` of the data the gap between P
    and its dual is

    .. math:: G = \frac{1}{2 \lambda} \big\| \lambda f - E\, a\, k(x, \cdot) \big\|^2

    (the inequality of Fenchel and Young is an equation there), and the solution is no farther from f than
    :math:`\sqrt{2 G / \lambda}`. So nothing is trained while points and targets move. The kernel is divided by the mean
    of its diagonal. Batches estimate the gap without bias.

    Parameters
    ----------
    classification_loss : {"cross_entropy", "hinge"}, default="cross_entropy"
        Of all classes together; or of each against the others, with a hinge that is smooth over a margin of 0.5.
    kernel : Kernel, default=None
        None takes `Gaussian(factor=0.3)`. It sees the rows in the units of the data, their mean at the origin.
    regularization : float, default=1e-3
        :math:`\lambda`.
    weight : float, default=1.0
        Factor of the value in a sum.

    References
    ----------
    .. [1] Aoyama et al., "Generalized Kernel Inducing Points by Duality Gap for Dataset Distillation", 2025.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import DualityGap
    >>> from skdc.parameterizations import Points
    >>> condenser = Condenser(DualityGap(), Points(labels="learned"), n_per_class=5)
    """

    compares = "clouds"
    space = None
    by = None

    classification_loss: Literal["cross_entropy", "hinge"] = "cross_entropy"
    kernel: Kernel | None = None
    regularization: float = 1e-3

    def attach(self, source: Source) -> None:
        """Check what is asked for; there must be two classes."""
        require_targets(self, source)
        self.check_weight()
        if source.schema.task != "classification":
            given = source.schema.given_targets
            raise PartsError(f"{self!r} tells classes apart, but {given}; use SquaredL2 of predictions")
        if self.classification_loss not in ("cross_entropy", "hinge"):
            raise ValueError(f"{self!r}: classification_loss must be 'cross_entropy' or 'hinge'")
        if not self.regularization > 0:
            raise ValueError(f"regularization={self.regularization!r} must be positive")
        self.space_ = _Machine()

    def fit_scale(self, source: Source, generator: torch.Generator) -> Self:
        """Fit the kernel's scale."""
        rows = require(self, source, Holds, "the kernel's scale")
        sample = rows.sample(MEDIAN_ROWS, generator)
        # A sum of one kernel is that kernel in units of its diagonal.
        self.kernel_ = KernelSum([clone(Gaussian(factor=0.3) if self.kernel is None else self.kernel)])
        self.kernel_.fit(sample.X.flatten(1) * source.units.scale, sample.mass)
        self.space_.kernel_, self.scale_ = self.kernel_, source.units.scale
        self.counts_, self.total_ = source.tensor(np.bincount(rows.key)), float(rows.weight.sum())
        return self

    def loss(self, real: Batch, synthetic: LabeledSet, state: Step) -> Tensor:
        """Return the weighted gap; the targets of the points must be learned."""
        if synthetic.X.requires_grad and not synthetic.y.requires_grad:
            raise PartsError(f"the targets of the points are dual variables in {self!r}; use Points(labels='learned')")
        return self.weight * self._gap(cast(LabeledSet, real.rows), synthetic)

    def value(self, real: Batch, synthetic: LabeledSet, generator: torch.Generator) -> Tensor:
        """Return the weighted gap."""
        return self.loss(real, synthetic, Step(generator))

    def _gap(self, real: LabeledSet, synthetic: LabeledSet) -> Tensor:
        rows, points = real.X.flatten(1) * self.scale_, synthetic.X.flatten(1) * self.scale_
        machine = synthetic.weight[:, None] * synthetic.y
        with_points = self.kernel_.against(points)
        outputs = with_points(rows) @ machine
        dual = (real.weight / self.total_)[:, None] * self._dual(outputs, real.y)
        square = (machine * (with_points(points) @ machine)).sum()
        own = (dual * ((self._pair_weights(real.key) * self.kernel_(rows, rows)) @ dual)).sum()
        return self.regularization / 2 * square - (dual * outputs).sum() + own / (2 * self.regularization)

    def _pair_weights(self, key: Tensor) -> Tensor:
        """Return what pairs of rows of a batch count for, of shape (n, n), so that they stand for those of the data.

        The weights of n rows that are drawn of N make up for N / n, and for its square in a pair.
        """
        n_drawn, counts = torch.bincount(key, minlength=len(self.counts_)).to(self.counts_), self.counts_
        pairs = n_drawn * (counts - 1) / (counts * (n_drawn - 1).clamp_min(1))
        weights = torch.where(key[:, None] == key, pairs[key], 1.0)
        return weights.diagonal_scatter((n_drawn / counts)[key])

    def _dual(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return minus the slope of the loss at the outputs, of shape (n, n_classes)."""
        if self.classification_loss == "cross_entropy":
            return targets - outputs.softmax(1)
        side = 2 * targets - 1
        return side * ((1 - side * outputs) / _SMOOTHING).clamp(0, 1)


class _Machine(Identity):
    """The rows themselves; it declares the machine that the points are."""

    kernel_: Kernel = field(init=False)

    def attributes(self, synthetic: LabeledSet, source: Source) -> dict[str, Any]:
        """Return the kernel machine as `learner_`."""
        schema = source.schema
        learner = KernelExpansionClassifier(self.kernel_.resolved(), source.units.shift, schema.classes)
        weight = synthetic.weight.detach().cpu().numpy()
        learner.fit(source.decode(synthetic.X), source.decode_targets(synthetic.y), sample_weight=weight)
        return {"learner_": learner}
