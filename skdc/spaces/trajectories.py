"""The space of the parameter regime: where training on either set leads a network."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Literal, Self

import numpy as np
import torch
from torch import Tensor

from skdc.learners.experts import Experts, load_parameters, named_parameters
from skdc.learners.held import held
from skdc.learners.training import unrolled
from skdc.sets import Block, LabeledSet, unweighted
from skdc.sources import Source, require_targets
from skdc.spaces.base import Space, is_first
from skdc.step import Step

_RANGE = 10.0  # how far the student's step size may come from where it starts, either way, as a factor


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
        as M of an expert, but at no more than twice the expert's, and stays between a tenth and ten times of that.
    window : (int, int), default=None
        The first segment of those that are followed, and the first after them: late ones hold what is hard to learn
        [2]_. None takes all.
    growth : (int, float), default=None
        Where the window ends at first, and the share of the steps in which its end moves on to where `window` says
        [2]_. None begins with the whole window.
    gradient : {"exact", "held"}, default="exact"
        Whether the student is differentiated as a whole; or step by step, with its parameters held constant (TESLA)
        [3]_, which takes memory for one step, however many there are. That is another gradient, since what a step
        changes of the next ones is left out: with few small steps it points nearly the same way.

    References
    ----------
    .. [1] Cazenavette et al., "Dataset Distillation by Matching Training Trajectories", 2022, eq. 2 and
       algorithm 1.
    .. [2] Guo et al., "Towards Lossless Dataset Distillation via Difficulty-Aligned Trajectory Matching", 2024,
       sections 4.1 and 4.2.
    .. [3] Cui et al., "Scaling Up Dataset Distillation to ImageNet-1K with Constant Memory", 2023, section 3.2. The
       code of the paper leaves out a factor of 2.

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
    window: tuple[int, int] | None = None
    growth: tuple[int, float] | None = None
    gradient: Literal["exact", "held"] = "exact"

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Train the experts, which must have paths, or read them from their memory."""
        require_targets(self, source)
        if self.n_student_steps < 1:
            raise ValueError(f"TrainingTrajectories(n_student_steps={self.n_student_steps!r}): it must be at least 1")
        if self.gradient not in ("exact", "held"):
            raise ValueError(f"TrainingTrajectories(gradient={self.gradient!r}): it must be 'exact' or 'held'")
        experts = Experts() if self.experts is None else self.experts
        if not isinstance(experts, Experts):
            raise TypeError(
                f"TrainingTrajectories(experts={experts!r}) has no paths to follow; give Experts(), such as "
                "Experts(network): from skdc.learners import Experts"
            )
        self._check_window(experts.n_segments)
        if is_first(experts):
            experts.fit(source, generator)
        self.experts_, self.task_ = experts, source.schema.task
        self.network_ = deepcopy(experts.network_)  # others may see that of the experts
        # Few long steps diverge where many short ones do not.
        first = experts.expert_step_size * min(experts.n_expert_steps / self.n_student_steps, 2)
        self.log_step_size_ = source.tensor(np.log(first)).requires_grad_()
        self._ends = float(np.log(first / _RANGE)), float(np.log(first * _RANGE))
        return self

    def _check_window(self, n_segments: int) -> None:
        """Refuse a window that is none of the segments that there are."""
        first, end = (0, n_segments) if self.window is None else self.window
        if self.window is not None and not 0 <= first < end <= n_segments:
            raise ValueError(
                f"TrainingTrajectories(window={self.window!r}): it must hold one of the n_segments={n_segments} "
                f"segments of the experts at least, such as (0, {n_segments})"
            )
        if self.growth is not None and not (first < self.growth[0] <= end and 0 < self.growth[1] <= 1):
            raise ValueError(
                f"TrainingTrajectories(growth={self.growth!r}): the window ends at first after segment {first} and "
                f"not after {end}, and grows in a share of the steps above 0 and up to 1, such as ({first + 1}, 0.5)"
            )

    def window_at(self, state: Step) -> tuple[int, int]:
        """Return the first segment that may be followed in a step, and the first after those that may."""
        first, end = (0, self.experts_.n_segments) if self.window is None else self.window
        if self.growth is None:
            return first, end
        start, share = self.growth
        return first, start + int((end - start) * min(1.0, state.step / (share * state.n_steps)))

    def parameters(self) -> list[dict[str, Any]]:
        """Return the logarithm of the student's step size."""
        return [{"params": [self.log_step_size_], "lr": self.step_size_rate}]

    def attributes(self, synthetic: LabeledSet, source: Source) -> dict[str, Any]:
        """Return the learned step size as `step_size_`."""
        return {"step_size_": float(self.step_size().detach())}

    def step_size(self) -> Tensor:
        """Return the step size of the student, brought back to where it may be."""
        with torch.no_grad():
            self.log_step_size_.clamp_(*self._ends)
        return self.log_step_size_.exp()

    def represent(self, real: LabeledSet, synthetic: LabeledSet, state: Step) -> tuple[list[Block], list[Block]]:
        """Return the expert's and the student's way, one row each."""
        origin, target = self.experts_.segment(state.generator, self.window_at(state))
        length = (target - origin).norm()
        student = self.train_student(origin, synthetic)
        return [unweighted(((target - origin) / length)[None])], [unweighted(((student - origin) / length)[None])]

    def train_student(self, origin: Tensor, synthetic: LabeledSet) -> Tensor:
        """Return the parameters after N steps on the synthetic set, differentiable in the set."""
        network, n = self.network_, self.n_student_steps
        load_parameters(network, origin)  # for those that the builder has frozen
        named = named_parameters(network, origin)
        start = {name: value for name, value in named.items() if name not in self.experts_.frozen_}
        given = network, start, synthetic, self.task_, self.step_size(), n
        student = held(*given) if self.gradient == "held" else unrolled(*given, n)
        return torch.cat([value.flatten() for value in (named | student).values()])
