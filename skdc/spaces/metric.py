"""The space in which distances are learned with the set."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import torch
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor

from skdc.sets import LabeledSet
from skdc.sources import Holds, Source
from skdc.spaces.base import PointwiseSpace
from skdc.step import Step


class LearnedMetric(PointwiseSpace):
    r"""Rows times a matrix that is learned with the points: :math:`x \mapsto \Omega x`, a relevance matrix [1]_.

    Distances are those of the metric :math:`\Lambda = \Omega^\top \Omega`, of trace 1. It is for discrepancies that
    tell classes apart, such as `PrototypeMargin`; a distance of distributions would shrink it to where they agree.

    Parameters
    ----------
    rank : int, default=None
        Rows of the matrix; None: as many as features.
    step_size : float, default=0.01
        Of the matrix.

    References
    ----------
    .. [1] Schneider, Biehl and Hammer, "Adaptive Relevance Matrices in Learning Vector Quantization", 2009, section 3.

    Examples
    --------
    >>> from skdc.discrepancies import PrototypeMargin
    >>> from skdc.spaces import LearnedMetric
    >>> PrototypeMargin(space=LearnedMetric(rank=2))
    PrototypeMargin(space=LearnedMetric(rank=2))
    """

    rank: int | None = None
    step_size: float = 0.01

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Begin with distances of all features; of a lower rank, with random directions."""
        d = int(np.prod(source.schema.input_shape))
        rank = d if self.rank is None else self.rank
        if not 1 <= rank <= d:
            raise ValueError(f"LearnedMetric(rank={self.rank!r}): rows of {d} features have ranks from 1 to {d}")
        if not self.step_size > 0:
            raise ValueError(f"LearnedMetric(step_size={self.step_size!r}): it must be positive")
        matrix = torch.eye(d, dtype=torch.float32)
        if rank < d:
            matrix = torch.linalg.qr(torch.randn(d, rank, generator=generator, dtype=torch.float32)).Q.T
        self.matrix_ = (matrix / matrix.norm()).to(source.device, source.dtype).requires_grad_()
        return self

    def embed(self, rows: LabeledSet) -> Tensor:
        """Return the rows times the matrix."""
        return rows.X.flatten(1) @ self.matrix_.T

    def parameters(self) -> list[dict[str, Any]]:
        """Return the matrix."""
        return [{"params": [self.matrix_], "lr": self.step_size}]

    @torch.no_grad()
    def after_step(self, synthetic: LabeledSet, source: Holds, state: Step) -> None:
        """Bring the trace back to 1."""
        self.matrix_ /= self.matrix_.norm()

    def attributes(self, synthetic: LabeledSet, source: Source) -> dict[str, Any]:
        """Return the metric in the units of the data as `metric_`, and one nearest neighbour by it as `learner_`."""
        matrix = self.matrix_.detach().double().cpu().numpy()
        metric = matrix.T @ matrix
        schema = source.schema
        if schema.task != "classification" or len(schema.input_shape) > 1:
            return {"metric_": metric}
        learner = KNeighborsClassifier(1, algorithm="brute", metric="mahalanobis", metric_params={"VI": metric})
        class_codes = schema.class_of_key[synthetic.key.cpu().numpy()]
        learner.fit(source.decode(synthetic.X), schema.labels[class_codes])
        if schema.feature_names is not None:
            learner.feature_names_in_ = schema.feature_names
        return {"metric_": metric, "learner_": learner}
