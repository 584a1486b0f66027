"""Condensers of the parameter regime: training trajectories."""

from __future__ import annotations

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
    n_student_steps : int, default=10
        Steps of the student, each on the whole set.
    step_size : float, default=0.05
        First step size, in units of the spread of the data.
    n_steps : int, default=300
        Steps in all.
    memory : str or joblib.Memory, default=None
        Where trained experts are kept between fits, as pickles, which run what is in them when they are read.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`; `step_size_` is the learned step size of the student.

    References
    ----------
    .. [1] Cazenavette et al., "Dataset Distillation by Matching Training Trajectories", 2022, algorithm 1.

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
    n_student_steps: int = 10
    step_size: float = 0.05
    n_steps: int = 300
    memory: str | Memory | None = None

    def recipe(self) -> Recipe:
        """Return the nouns."""
        lengths = self.n_experts, self.n_segments, self.n_expert_steps
        space = TrainingTrajectories(Experts(self.network, *lengths, memory=self.memory), self.n_student_steps)
        solver = Descent(step_size=self.step_size, n_steps=self.n_steps, batch_size=1)
        return Recipe(SquaredL2(space=space, by=None), Points(), solver)
