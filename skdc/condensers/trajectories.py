"""Condensers of the parameter regime: training trajectories."""

from __future__ import annotations

from typing import Any, Literal

from joblib import Memory

from skdc.discrepancies.aligned import SquaredL2
from skdc.fitting.base import NamedCondenser
from skdc.fitting.recipe import Recipe
from skdc.learners import Experts
from skdc.networks import Builder
from skdc.parameterizations.points import Points
from skdc.solvers.descent import Descent
from skdc.spaces.trajectories import TrainingTrajectories


class TrajectoryMatching(NamedCondenser):
    """Matching training trajectories (MTT): training on the set leads where the data lead [1]_.

    By other fields it is TESLA (`gradient="held"`) [2]_, FTD (`sharpness`, `average`) [3]_, or DATM (`window`,
    `growth`, `max_loss`, and `labels="probabilities"` that start at what a `teacher` says) [4]_.

    The published settings have 100 experts of 50 epochs in the ConvNet of width 128, students of 20 steps that catch
    up in 3 epochs of the expert, and 5000 steps of SGD with step size 1000. Here segments are short, and counted in
    steps: a student of 10 steps cannot follow two epochs of 60,000 rows, and a set matched to them is worse than random
    rows.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    network : callable, default=None
        Builder, as in `RandomNetworks`.
    n_experts : int, default=5
        Networks trained on the data.
    n_segments : int, default=5
        Segments of each expert's path.
    n_expert_steps : int, default=40
        Steps of an expert in a segment, which the student is to follow.
    sharpness : float, default=0.0
        More than 0 trains flat experts, as in `Experts`; 0.01 in [3]_.
    n_student_steps : int, default=10
        Steps of the student, each on the whole set.
    window : (int, int), default=None
        Which segments are followed, as in `TrainingTrajectories`; None takes all.
    growth : (int, float), default=None
        How the window grows, as in `TrainingTrajectories`.
    gradient : {"exact", "held"}, default="exact"
        As in `TrainingTrajectories`.
    labels : {"hard", "probabilities"}, default="hard"
        As in `Points`.
    teacher : estimator, default=None
        Where probabilities start, as in `Points`; None starts near hard labels.
    label_bits, top_labels : int, default=None
        Of soft labels, as in `Points`.
    step_size : float, default=0.05
        First step size, in units of the spread of the data.
    n_steps : int, default=300
        Steps in all.
    average : float, default=None
        Of the set over the steps, as in `Descent`; 0.9995 in the code of [3]_, with 5000 steps.
    max_loss : float, default=None
        Above which a step is skipped, as in `Descent`; 1 in the code of [4]_.
    memory : str or joblib.Memory, default=None
        Where trained experts are kept between fits, as pickles, which run what is in them when they are read.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`; `step_size_` is the learned step size of the student.

    Of the variants there is published: TESLA, students of 50 steps that catch up in 2 epochs (1 a class) or of 80 (50 a
    class). FTD, experts by GSAM, which also looks at the gap between the two losses of a step; here by SAM. DATM,
    students of 80 steps that catch up in 2 epochs, from epochs below 4 (1 a class), or below 10 and in the end 20
    (10 a class); labels start at what the experts say that are right, here at a teacher's, and have a step size and
    momentum of their own, here those of the rows.

    References
    ----------
    .. [1] Cazenavette et al., "Dataset Distillation by Matching Training Trajectories", 2022, algorithm 1.
    .. [2] Cui et al., "Scaling Up Dataset Distillation to ImageNet-1K with Constant Memory", 2023.
    .. [3] Du et al., "Minimizing the Accumulated Trajectory Error to Improve Dataset Distillation", 2023.
    .. [4] Guo et al., "Towards Lossless Dataset Distillation via Difficulty-Aligned Trajectory Matching", 2024.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import TrajectoryMatching
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = TrajectoryMatching(n_experts=2, n_steps=10, n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn.shape
    (6, 4)
    """

    network: Builder | None = None
    n_experts: int = 5
    n_segments: int = 5
    n_expert_steps: int = 40
    sharpness: float = 0.0
    n_student_steps: int = 10
    window: tuple[int, int] | None = None
    growth: tuple[int, float] | None = None
    gradient: Literal["exact", "held"] = "exact"
    labels: Literal["hard", "probabilities"] = "hard"
    teacher: Any = None
    label_bits: int | None = None
    top_labels: int | None = None
    step_size: float = 0.05
    n_steps: int = 300
    average: float | None = None
    max_loss: float | None = None
    memory: str | Memory | None = None

    def recipe(self) -> Recipe:
        """Return the nouns."""
        lengths = self.n_experts, self.n_segments, self.n_expert_steps
        experts = Experts(self.network, *lengths, sharpness=self.sharpness, memory=self.memory, n_jobs=self.n_jobs)
        space = TrainingTrajectories(
            experts, self.n_student_steps, window=self.window, growth=self.growth, gradient=self.gradient
        )
        points = Points(
            labels=self.labels, teacher=self.teacher, label_bits=self.label_bits, top_labels=self.top_labels
        )
        solver = Descent(self.step_size, self.n_steps, batch_size=1, average=self.average, max_loss=self.max_loss)
        return Recipe(SquaredL2(space=space, by=None), points, solver)
