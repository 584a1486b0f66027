"""The space of the function regime: what the learner that a set induces predicts."""

from __future__ import annotations

from typing import Any, Self

import torch
from sklearn.base import clone
from torch import Tensor

from skdc.data import Block, LabeledSet
from skdc.kernels import MEDIAN_ROWS, Gaussian, Kernel
from skdc.learners import KernelRidgeClassifier, KernelRidgeRegressor, dual_weights, target_offset
from skdc.source import Source, require_rows, require_targets
from skdc.spaces.base import Space


class KernelRidgePredictions(Space):
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

    yields = "aligned"
    splits = "never"

    def __init__(self, kernel: Kernel | None = None, regularization: float = 0.01, kernel_rate: float = 0.01) -> None:
        self.kernel = kernel
        self.regularization = regularization
        self.kernel_rate = kernel_rate

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Fit the kernel's scale.

        Raises
        ------
        ValueError
            Without targets, with one class only, if the regularization is not positive, or the rate negative.
        """
        require_targets(self, source)
        if not self.regularization > 0:
            raise ValueError(f"regularization={self.regularization!r} must be positive")
        if not self.kernel_rate >= 0:
            raise ValueError(f"kernel_rate={self.kernel_rate!r} must not be negative")
        sample = require_rows(self, source, "the kernel's scale").sample(MEDIAN_ROWS, generator)
        self.kernel_ = clone(Gaussian(factor=0.3) if self.kernel is None else self.kernel)
        self.scale_ = source.scale
        self.kernel_.fit(sample.X.flatten(1) * self.scale_, sample.mass)
        self.offset_ = target_offset(source.schema.task, source.schema.n_outputs)
        return self

    def parameters(self) -> list[dict[str, Any]]:
        """Return the kernel's own parameters, if they are to be learned."""
        learned = [p.requires_grad_() for p in self.kernel_.parameters()] if self.kernel_rate else []
        return [{"params": learned, "lr": self.kernel_rate}] if learned else []

    def represent(
        self, real: LabeledSet, synthetic: LabeledSet, generator: torch.Generator
    ) -> tuple[list[Block], list[Block]]:
        """Return the true targets of the real rows, and their predictions."""
        predictions = self._predicted(real, synthetic, synthetic.y.double() - self.offset_)
        return [Block(real.weight, real.key, real.y - self.offset_)], [Block(real.weight, real.key, predictions)]

    def response(self, real: LabeledSet, synthetic: LabeledSet) -> Tensor:
        """Return the matrix that makes predictions on the real rows of targets, less their offset, of shape (n, m)."""
        return self._predicted(real, synthetic, torch.eye(len(synthetic), dtype=torch.float64, device=real.X.device))

    def _predicted(self, real: LabeledSet, synthetic: LabeledSet, targets: Tensor) -> Tensor:
        points = synthetic.X.flatten(1) * self.scale_
        # The system is nearly singular by design: it is solved in float64, the products stay in float32.
        with_points = self.kernel_.against(points)
        gram = with_points(points).double()
        dual = dual_weights(gram, targets, synthetic.weight.double(), self.regularization)
        return with_points(real.X.flatten(1) * self.scale_) @ dual.to(points.dtype)

    def attributes(self, synthetic: LabeledSet, source: Source) -> dict[str, Any]:
        """Return the learner for which the set was condensed, fitted on it, as `learner_`."""
        schema = source.schema
        kernel = self.kernel_.resolved()
        if schema.task == "classification":
            learner = KernelRidgeClassifier(kernel, self.regularization, source.shift, schema.classes)
        else:
            learner = KernelRidgeRegressor(kernel, self.regularization, source.shift, source.target_shift)
        weight = synthetic.weight.detach().cpu().numpy()
        targets = source.decode_targets(synthetic.y)
        flat = schema.task == "regression" and schema.flat_targets
        learner.fit(source.decode(synthetic.X), targets[:, 0] if flat else targets, sample_weight=weight)
        if schema.feature_names is not None:
            learner.feature_names_in_ = schema.feature_names
        return {"learner_": learner}
