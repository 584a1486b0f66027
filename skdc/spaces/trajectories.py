"""The space of the parameter regime: where training on either set leads a network."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from skdc.learners.experts import Experts, named_parameters
from skdc.learners.training import unrolled
from skdc.sets import Block, LabeledSet, unweighted
from skdc.sources import Source, require_targets
from skdc.spaces.base import Space, is_first
from skdc.step import Step


class TrainingTrajectories(Space):
    r"""Parameters after training on either set, from a common point of an expert's path [1]_.

    The real side is the expert's own path, :math:`\theta^*_{t+M}` (M steps on the data); the synthetic side the
    student :math:`\hat\theta_{t+N}` (N steps on the synthetic set). Both are measured from
    :math:`\theta^*_t` in units of the way that the expert went, so that `SquaredL2` is eq. 2 of the paper. Steps are
    counted, and not epochs as in the paper, because few steps of a student cannot follow an epoch of a large data set.

    Parameters
    ----------
    experts : Experts, default=None
        Whose paths are followed; None takes `Experts()`.
    n_student_steps : int, default=10
        N, the steps of the student, each on the whole synthetic set.
    step_size_rate : float, default=0.01
        Step size at which the logarithm of the student's step size is learned; it starts where N steps go as far
        as M of an expert, but at no more than twice the expert's.

    References
    ----------
    .. [1] Cazenavette et al., "Dataset Distillation by Matching Training Trajectories", 2022, eq. 2 and
       algorithm 1.

    Examples
    --------
    >>> from skdc.discrepancies import SquaredL2
    >>> from skdc.learners import Experts
    >>> from skdc.spaces import TrainingTrajectories
    >>> SquaredL2(space=TrainingTrajectories(Experts(n_experts=3)), by=None)
    SquaredL2(by=None, space=TrainingTrajectories(experts=Experts(n_experts=3)))
    """

    yields = "aligned"
    splits = "never"

    experts: Experts | None = None
    n_student_steps: int = 10
    step_size_rate: float = 0.01

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Train the experts, which must have paths, or read them from their memory."""
        require_targets(self, source)
        if self.n_student_steps < 1:
            raise ValueError(f"TrainingTrajectories(n_student_steps={self.n_student_steps!r}): it must be at least 1")
        experts = Experts() if self.experts is None else self.experts
        if not isinstance(experts, Experts):
            raise TypeError(
                f"TrainingTrajectories(experts={experts!r}) has no paths to follow; give Experts(), such as "
                "Experts(network): from skdc.learners import Experts"
            )
        if is_first(experts):
            experts.fit(source, generator)
        self.experts_, self.task_ = experts, source.schema.task
        # Few long steps diverge where many short ones do not.
        first = experts.expert_step_size * min(experts.n_expert_steps / self.n_student_steps, 2)
        self.log_step_size_ = source.tensor(np.log(first)).requires_grad_()
        return self

    def parameters(self) -> list[dict[str, Any]]:
        """Return the logarithm of the student's step size."""
        return [{"params": [self.log_step_size_], "lr": self.step_size_rate}]

    def attributes(self, synthetic: LabeledSet, source: Source) -> dict[str, Any]:
        """Return the learned step size as `step_size_`."""
        return {"step_size_": float(self.log_step_size_.detach().exp())}

    def represent(self, real: LabeledSet, synthetic: LabeledSet, state: Step) -> tuple[list[Block], list[Block]]:
        """Return the expert's and the student's way, one row each."""
        origin, target = self.experts_.segment(state.generator)
        length = (target - origin).norm()
        student = self.train_student(origin, synthetic)
        return [unweighted(((target - origin) / length)[None])], [unweighted(((student - origin) / length)[None])]

    def train_student(self, origin: Tensor, synthetic: LabeledSet) -> Tensor:
        """Return the parameters after N steps on the synthetic set, differentiable in the set."""
        network, n, step_size = self.experts_.network_, self.n_student_steps, self.log_step_size_.exp()
        start = named_parameters(network, origin)
        student = unrolled(network, start, synthetic, self.task_, step_size, n, n)
        return torch.cat([value.flatten() for value in student.values()])
