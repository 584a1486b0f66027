"""The space of the parameter regime: where training on either set leads a network."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import torch
from joblib import Memory
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils import parameters_to_vector

from skdc.data import Block, LabeledSet, unweighted
from skdc.networks import Builder, build_network, training_loss
from skdc.source import Source, draw_seed, require_rows
from skdc.spaces.base import Space, require_targets


class TrainingTrajectories(Space):
    r"""Parameters after training on either set, from a common point of an expert's path [1]_.

    The real side is the expert's own path, :math:`\theta^*_{t+M}` (M epochs on the data); the synthetic side the
    student :math:`\hat\theta_{t+N}` (N steps on the synthetic set). Both are measured from
    :math:`\theta^*_t` in units of the way that the expert went, so that `SquaredL2` is eq. 2 of the paper.

    Parameters
    ----------
    network : callable, default=None
        Builder `network(input_shape, n_outputs) -> nn.Module`; None takes a ConvNet of width 32 for images,
        else an MLP with two hidden layers of 128.
    n_experts : int, default=10
    n_epochs : int, default=7
        Epochs for which each expert is trained on the data.
    expert_step_size : float, default=0.05
        Step size of the experts' stochastic gradient descent, in batches of 128.
    n_expert_epochs : int, default=2
        M, the epochs that the student is to catch up in.
    max_start_epoch : int, default=5
        Starting points are drawn from the first epochs up to this one.
    n_student_steps : int, default=10
        N, the steps of the student, each on the whole synthetic set.
    step_size_rate : float, default=0.01
        Step size at which the logarithm of the student's step size is learned; it starts where N steps go as far
        as M epochs of an expert, but at no more than twice the expert's.
    memory : str or joblib.Memory, default=None
        Where trained experts are kept between fits.

    References
    ----------
    .. [1] Cazenavette et al., "Dataset Distillation by Matching Training Trajectories", 2022, eq. 2 and
       algorithm 1.

    Examples
    --------
    >>> from skdc.discrepancies import SquaredL2
    >>> from skdc.spaces import TrainingTrajectories
    >>> SquaredL2(space=TrainingTrajectories(n_experts=3), by=None)
    SquaredL2(by=None, space=TrainingTrajectories(n_experts=3))
    """

    yields = "aligned"
    splits = "never"

    def __init__(
        self,
        network: Builder | None = None,
        n_experts: int = 10,
        n_epochs: int = 7,
        expert_step_size: float = 0.05,
        n_expert_epochs: int = 2,
        max_start_epoch: int = 5,
        n_student_steps: int = 10,
        step_size_rate: float = 0.01,
        memory: str | Memory | None = None,
    ) -> None:
        self.network = network
        self.n_experts = n_experts
        self.n_epochs = n_epochs
        self.expert_step_size = expert_step_size
        self.n_expert_epochs = n_expert_epochs
        self.max_start_epoch = max_start_epoch
        self.n_student_steps = n_student_steps
        self.step_size_rate = step_size_rate
        self.memory = memory

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Train the experts, or read them from the memory.

        Raises
        ------
        ValueError
            Without targets, with one class only, or if the paths are shorter than what is to be matched.
        """
        require_targets(self, source)
        rows = require_rows(self, source, "the experts' paths").rows
        if self.n_expert_epochs > self.n_epochs:
            raise ValueError(
                f"n_expert_epochs={self.n_expert_epochs} cannot be matched on paths of "
                f"n_epochs={self.n_epochs} epochs; train the experts for longer"
            )
        seed = draw_seed(generator)
        schema = source.schema
        network = build_network(self.network, schema.input_shape, schema.n_outputs, generator, rows.X)
        self.network_ = network.requires_grad_(False)
        memory = self.memory if isinstance(self.memory, Memory) else Memory(self.memory, verbose=0)
        # What experts depend on is the network that is built; a builder may be a lambda, which has no lasting name.
        train = memory.cache(train_experts, ignore=["network"])
        arrays = [values.cpu().numpy() for values in (rows.X, rows.y, rows.weight)]
        lengths = self.n_experts, self.n_epochs, self.expert_step_size
        paths = train(*arrays, schema.task, self.network, repr(network), *lengths, seed)
        self.task_ = schema.task
        self.paths_ = source.tensor(paths)
        n_batches = -(-len(rows) // _EXPERT_BATCH)
        first = self.expert_step_size * self.n_expert_epochs * n_batches / self.n_student_steps
        # Few long steps diverge where many short ones do not.
        first = min(first, 2 * self.expert_step_size)
        self.log_step_size_ = source.tensor(np.log(first)).requires_grad_()
        return self

    def parameters(self) -> list[dict[str, Any]]:
        """Return the logarithm of the student's step size."""
        return [{"params": [self.log_step_size_], "lr": self.step_size_rate}]

    def attributes(self, synthetic: LabeledSet, source: Source) -> dict[str, Any]:
        """Return the learned step size as `step_size_`."""
        return {"step_size_": float(self.log_step_size_.detach().exp())}

    def represent(
        self, real: LabeledSet, synthetic: LabeledSet, generator: torch.Generator
    ) -> tuple[list[Block], list[Block]]:
        """Return the expert's and the student's way, one row each."""
        latest = min(self.max_start_epoch, self.n_epochs - self.n_expert_epochs)
        expert = int(torch.randint(len(self.paths_), (), generator=generator))
        start = int(torch.randint(latest + 1, (), generator=generator))
        origin, goal = self.paths_[expert, start], self.paths_[expert, start + self.n_expert_epochs]
        way = (goal - origin).norm()
        student = self.train_student(origin, synthetic)
        return [unweighted(((goal - origin) / way)[None])], [unweighted(((student - origin) / way)[None])]

    def train_student(self, origin: Tensor, synthetic: LabeledSet) -> Tensor:
        """Return the parameters after N steps on the synthetic set, differentiable in the set."""
        step_size = self.log_step_size_.exp()
        student = origin.clone().requires_grad_()
        for _ in range(self.n_student_steps):
            outputs = functional_call(self.network_, named_parameters(self.network_, student), synthetic.X)
            loss = training_loss(outputs, synthetic.y, synthetic.mass, self.task_)
            (gradient,) = torch.autograd.grad(loss, student, create_graph=True)
            student = student - step_size * gradient
        return student


_EXPERT_BATCH = 128


def train_experts(
    X: NDArray,
    y: NDArray,
    weight: NDArray,
    task: str,
    network: Builder | None,
    architecture: str,
    n_experts: int,
    n_epochs: int,
    step_size: float,
    seed: int,
) -> NDArray:
    """Train networks by stochastic gradient descent and return their parameters after each epoch.

    Parameters
    ----------
    X, y, weight : ndarray
        Rows, targets and masses in working units.
    task : {"classification", "regression"}
    network : callable or None
        Builder; None takes the default.
    architecture : str
        What the builder builds, by which a cache tells networks apart.
    n_experts, n_epochs : int
    step_size : float
    seed : int

    Returns
    -------
    ndarray of shape (n_experts, n_epochs + 1, n_parameters)
    """
    generator = torch.Generator().manual_seed(seed)
    rows, targets, weights = torch.as_tensor(X), torch.as_tensor(y), torch.as_tensor(weight)
    paths = []
    for _ in range(n_experts):
        expert = build_network(network, tuple(rows.shape[1:]), targets.shape[1], generator, rows)
        optimizer = torch.optim.SGD(expert.parameters(), lr=step_size)
        path = [parameters_to_vector(expert.parameters()).detach()]
        for _ in range(n_epochs):
            for batch in torch.randperm(len(rows), generator=generator).split(_EXPERT_BATCH):
                optimizer.zero_grad()
                mass = weights[batch] / weights[batch].sum()
                training_loss(expert(rows[batch]), targets[batch], mass, task).backward()
                optimizer.step()
            path.append(parameters_to_vector(expert.parameters()).detach())
        paths.append(torch.stack(path))
    return torch.stack(paths).numpy()


def named_parameters(network: nn.Module, vector: Tensor) -> dict[str, Tensor]:
    """Cut a parameter vector into the named parameters of a network, keeping the graph."""
    sizes = [(name, p) for name, p in network.named_parameters()]
    pieces = vector.split([p.numel() for _, p in sizes])
    return {name: piece.view_as(p) for (name, p), piece in zip(sizes, pieces, strict=True)}
