"""The space of the parameter regime: where training on either set leads a network."""

from __future__ import annotations

from copy import deepcopy
from itertools import chain, count, islice
from typing import Any, Self

import numpy as np
import torch
from joblib import Memory
from joblib import hash as hash_of
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from skdc.data import Block, LabeledSet, unweighted
from skdc.learners.training import unrolled
from skdc.networks import Builder, build_network, training_loss
from skdc.randomness import randomness
from skdc.seeds import epoch
from skdc.sources import Holds, Source, draw_seed, require, require_targets
from skdc.spaces.base import Space


class TrainingTrajectories(Space):
    r"""Parameters after training on either set, from a common point of an expert's path [1]_.

    The real side is the expert's own path, :math:`\theta^*_{t+M}` (M steps on the data); the synthetic side the
    student :math:`\hat\theta_{t+N}` (N steps on the synthetic set). Both are measured from
    :math:`\theta^*_t` in units of the way that the expert went, so that `SquaredL2` is eq. 2 of the paper. Steps are
    counted, and not epochs as in the paper, because few steps of a student cannot follow an epoch of a large data set.

    Parameters
    ----------
    network : callable, default=None
        Builder `network(input_shape, n_outputs) -> nn.Module`; None takes a ConvNet of width 32 for
        images of 16x16 or more, else an MLP with two hidden layers of 128.
    n_experts : int, default=10
        Networks trained on the data.
    n_segments : int, default=5
        Segments of an expert's path, any of which a student is to go.
    n_expert_steps : int, default=40
        M, the steps of a segment.
    expert_step_size : float, default=0.05
        Step size of the experts' stochastic gradient descent, in batches of 128 that are dealt anew every epoch.
    n_student_steps : int, default=10
        N, the steps of the student, each on the whole synthetic set.
    step_size_rate : float, default=0.01
        Step size at which the logarithm of the student's step size is learned; it starts where N steps go as far
        as M of an expert, but at no more than twice the expert's.
    memory : str or joblib.Memory, default=None
        Where trained experts are kept between fits, as pickles, which run what is in them when they are read.

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
        n_segments: int = 5,
        n_expert_steps: int = 40,
        expert_step_size: float = 0.05,
        n_student_steps: int = 10,
        step_size_rate: float = 0.01,
        memory: str | Memory | None = None,
    ) -> None:
        self.network = network
        self.n_experts = n_experts
        self.n_segments = n_segments
        self.n_expert_steps = n_expert_steps
        self.expert_step_size = expert_step_size
        self.n_student_steps = n_student_steps
        self.step_size_rate = step_size_rate
        self.memory = memory

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Train the experts, or read them from the memory.

        Raises
        ------
        ValueError
            Without targets, with one class only, or if there is nothing to be matched.
        """
        require_targets(self, source)
        rows = require(self, source, Holds, "the experts' paths").rows
        for name in ("n_experts", "n_segments", "n_expert_steps", "n_student_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"TrainingTrajectories({name}={getattr(self, name)!r}): it must be at least 1")
        seed = draw_seed(generator)
        schema = source.schema
        network = build_network(self.network, schema.input_shape, schema.n_outputs, generator, rows.X)
        self.network_ = network.requires_grad_(False)
        memory = self.memory if isinstance(self.memory, Memory) else Memory(self.memory, verbose=0)
        # A builder may be a lambda, which has no lasting name: what tells networks apart is what they compute.
        train = memory.cache(train_experts, ignore=["network"])
        arrays = [values.cpu().numpy() for values in (rows.X, rows.y, rows.weight)]
        lengths = self.n_experts, self.n_segments, self.n_expert_steps, self.expert_step_size
        fingerprint = "" if memory.location is None else _fingerprint(arrays, schema.task, self.network, seed, network)
        paths = train(*arrays, schema.task, self.network, fingerprint, *lengths, seed)
        self.task_ = schema.task
        self.paths_ = source.tensor(paths)
        # Few long steps diverge where many short ones do not.
        first = self.expert_step_size * min(self.n_expert_steps / self.n_student_steps, 2)
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
        expert = int(torch.randint(self.n_experts, (), generator=generator))
        start = int(torch.randint(self.n_segments, (), generator=generator))
        origin, goal = self.paths_[expert, start], self.paths_[expert, start + 1]
        way = (goal - origin).norm()
        student = self.train_student(origin, synthetic)
        return [unweighted(((goal - origin) / way)[None])], [unweighted(((student - origin) / way)[None])]

    def train_student(self, origin: Tensor, synthetic: LabeledSet) -> Tensor:
        """Return the parameters after N steps on the synthetic set, differentiable in the set."""
        start = named_parameters(self.network_, origin)
        n, step_size = self.n_student_steps, self.log_step_size_.exp()
        student = unrolled(self.network_, start, synthetic, self.task_, step_size, n, n)
        return torch.cat([value.flatten() for value in student.values()])


_EXPERT_BATCH = 128
_FAR = (10.0, 100.0, 1000.0)  # in units of the rows


def train_experts(
    X: NDArray,
    y: NDArray,
    weight: NDArray,
    task: str,
    network: Builder | None,
    fingerprint: str,
    n_experts: int,
    n_segments: int,
    n_steps: int,
    step_size: float,
    seed: int,
) -> NDArray:
    """Train networks by stochastic gradient descent and return their parameters after each segment.

    Parameters
    ----------
    X, y, weight : ndarray
        Rows, targets and masses in working units.
    task : {"classification", "regression"}
    network : callable or None
        Builder; None takes the default.
    fingerprint : str
        Of what the network computes, by which a cache tells networks apart.
    n_experts, n_segments : int
    n_steps : int
        Steps of a segment.
    step_size : float
    seed : int

    Returns
    -------
    ndarray of shape (n_experts, n_segments + 1, n_parameters)
    """
    generator = torch.Generator().manual_seed(seed)
    rows, targets, weights = torch.as_tensor(X), torch.as_tensor(y), torch.as_tensor(weight)
    paths = []
    with randomness(seed):  # what comes out depends on what is passed alone
        for _ in range(n_experts):
            expert = build_network(network, tuple(rows.shape[1:]), targets.shape[1], generator, rows)
            optimizer = torch.optim.SGD(expert.parameters(), lr=step_size)
            path = [parameters_to_vector(expert.parameters()).detach()]
            batches = chain.from_iterable(
                epoch(weights, map(len, weights.split(_EXPERT_BATCH)), generator) for _ in count()
            )
            for _ in range(n_segments):
                for batch, mass in islice(batches, n_steps):
                    optimizer.zero_grad()
                    training_loss(expert(rows[batch]), targets[batch], mass, task).backward()
                    optimizer.step()
                path.append(parameters_to_vector(expert.parameters()).detach())
            paths.append(torch.stack(path))
    return torch.stack(paths).numpy()


def _fingerprint(arrays: list[NDArray], task: str, builder: Builder | None, seed: int, network: nn.Module) -> str:
    """Return what tells a network from others that print alike.

    That is where a few steps on a few rows lead it, and what it computes there of all rows, and of rows far from them:
    training may lead activations to where those of the first steps are not.
    """
    few = [values[:: max(1, len(values) // _EXPERT_BATCH)] for values in arrays]
    paths = train_experts(*few, task, builder, "", 1, 1, 5, 0.1, seed)
    probe = deepcopy(network).cpu()
    vector_to_parameters(torch.as_tensor(paths[0, -1]), probe.parameters())
    shown = [arrays[0], *(scale * few[0] for scale in _FAR)]
    with randomness(seed), torch.no_grad():
        batches = [torch.as_tensor(rows).tensor_split(-(-len(rows) // _EXPERT_BATCH)) for rows in shown]
        outputs = [probe(batch).numpy() for batch in chain.from_iterable(batches)]
    return str(hash_of((paths, outputs)))


def named_parameters(network: nn.Module, vector: Tensor) -> dict[str, Tensor]:
    """Cut a parameter vector into the named parameters of a network, keeping the graph."""
    sizes = [(name, p) for name, p in network.named_parameters()]
    pieces = vector.split([p.numel() for _, p in sizes])
    return {name: piece.view_as(p) for (name, p), piece in zip(sizes, pieces, strict=True)}
