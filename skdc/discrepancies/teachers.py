"""Penalties that ask a network trained on the data."""

from __future__ import annotations

from itertools import islice
from math import prod
from typing import Any, Self

import torch
from torch import Tensor

from skdc.discrepancies.penalties import Penalty
from skdc.exceptions import PartsError
from skdc.learners.defenses import curvature
from skdc.learners.teachers import trained_network
from skdc.learners.training import training
from skdc.networks import Builder, build_network, training_loss
from skdc.sets import LabeledSet
from skdc.sources import Draws, Source, require, require_targets


class TeacherPenalty(Penalty, kw_only=True):
    """A wish that a network has, once it is trained on the data.

    Subclasses write `penalty`. What the network has not learned is not asked for, so it is to be added to a
    discrepancy, as all penalties are.

    Parameters
    ----------
    network : callable, default=None
        Builder, as in `RandomNetworks`.
    n_steps : int, default=300
        Steps of its training, by Adam.
    step_size : float, default=0.003
        Step size of its training.
    batch_size : int, default=256
        Real rows in a step of its training.
    teacher : nn.Module or skorch estimator, default=None
        A network of your own, in place of one that is built and trained here: a module that is trained on rows in
        their own units; or an estimator, which is fitted on the data, or comes fitted in scikit-learn's
        `FrozenEstimator`. Its outputs are logits.
    weight : float, default=1.0
        As in `Penalty`.
    """

    compares = "clouds"

    network: Builder | None = None
    n_steps: int = 300
    step_size: float = 0.003
    batch_size: int = 256
    teacher: Any = None

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Refuse to be minimised alone: a network is content with sets that are unlike the data."""
        raise PartsError(
            f"{self!r} asks a network, which is content with sets that are unlike the data; add it to a discrepancy: "
            f"MMD() + {self!r}"
        )

    def fit_scale(self, source: Source, generator: torch.Generator) -> Self:
        """Train the network, on targets of which there must be two classes, and no stream."""
        require_targets(self, source)
        self.task_ = source.schema.task
        if self.teacher is not None:
            self.network_ = trained_network(self, self.teacher, source, generator)
            return self
        if self.n_steps < 1 or self.batch_size < 1 or not self.step_size > 0:
            raise ValueError(
                f"{type(self).__name__}(n_steps={self.n_steps!r}, step_size={self.step_size!r}, "
                f"batch_size={self.batch_size!r}): they must be positive"
            )
        rows, like = require(self, source, Draws, "a network"), torch.empty(0, dtype=source.dtype, device=source.device)
        schema = source.schema
        self.network_ = build_network(self.network, schema.input_shape, schema.n_outputs, generator, like)
        for _ in islice(training(self.network_, rows, self.step_size, self.batch_size, generator), self.n_steps):
            pass
        return self


class TeacherLoss(TeacherPenalty):
    """Loss at the points of a network trained on the data [1]_.

    Cross-entropy in nats; or, of continuous targets, the mean squared error in units of their variance, which is
    squared. Points become typical of their class for that network, which is less than being like the data: in a trial
    on digits, a second network found them less typical than those of `MMD` alone.

    Parameters
    ----------
    network, n_steps, step_size, batch_size, teacher, weight
        As in `TeacherPenalty`.

    References
    ----------
    .. [1] Yin, Xing and Shen, "Squeeze, Recover and Relabel: Dataset Condensation at ImageNet Scale From A New
       Perspective", 2023, where it is the first term of what images are recovered by.

    Examples
    --------
    >>> from skdc.discrepancies import MMD, TeacherLoss
    >>> MMD() + 0.01 * TeacherLoss()
    Hybrid(terms=[('mmd', MMD()), ('teacherloss', TeacherLoss(weight=0.01))])
    """

    def penalty(self, synthetic: LabeledSet, generator: torch.Generator) -> Tensor:
        """Return the weighted mean of the losses."""
        return training_loss(self.network_(synthetic.X), synthetic.y, synthetic.mass, self.task_)


class Curvature(TeacherPenalty):
    r"""Curvature at the points of the loss of a network trained on the data [1]_; in its unit per spread of the data.

    .. math:: E\big[ \| \nabla_x L(x + z) - \nabla_x L(x) \| \big], \quad z = h\, \nabla_x L / \|\nabla_x L\|

    Sets of low curvature are to make models that small changes of a row do not mislead. The paper trains its network
    for low curvature and leaves the points alone; here the network is trained as usual and the points move. In a trial
    on digits the curvature fell for that network, and rose for a second one.

    Parameters
    ----------
    step : float, default=0.05
        h, in units of the root mean squared distance of rows from their mean. The paper's 3 is 0.054 for standardised
        images of 3x32x32.
    network, n_steps, step_size, batch_size, teacher, weight
        As in `TeacherPenalty`.

    References
    ----------
    .. [1] Xue et al., "Towards Adversarially Robust Dataset Distillation by Curvature Regularization", 2025; as
       Moosavi-Dezfooli et al., "Robustness via Curvature Regularization, and Vice Versa", 2019, section 4.

    Examples
    --------
    >>> from skdc.discrepancies import MMD, Curvature
    >>> MMD() + 0.01 * Curvature()
    Hybrid(terms=[('mmd', MMD()), ('curvature', Curvature(weight=0.01))])
    """

    step: float = 0.05

    def fit_scale(self, source: Source, generator: torch.Generator) -> Self:
        """Train the network."""
        if not self.step > 0:
            raise ValueError(f"Curvature(step={self.step!r}): the step must be positive")
        super().fit_scale(source, generator)
        self.spread_ = source.spread
        return self

    @torch.enable_grad()
    def penalty(self, synthetic: LabeledSet, generator: torch.Generator) -> Tensor:
        """Return the weighted mean of the norms of the differences of gradients."""
        here = synthetic.X if synthetic.X.requires_grad else synthetic.X.detach().requires_grad_()
        length = self.step * self.spread_ * prod(here.shape[1:]) ** 0.5
        return self.spread_ * (synthetic.mass @ curvature(self.network_, here, synthetic.y, length, self.task_))
