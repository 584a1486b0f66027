"""Experts: networks trained on the data, of which the way is kept that their parameters have gone."""

from __future__ import annotations

from copy import deepcopy
from itertools import chain, count, islice
from typing import Self

import torch
from joblib import Memory
from joblib import hash as hash_of
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector

from skdc.learners.pools import NetworkPool
from skdc.networks import Builder, build_network, training_loss
from skdc.randomness import randomness
from skdc.seeds import epoch
from skdc.sets import LabeledSet
from skdc.sources import Holds, Source, draw_seed, require, require_targets
from skdc.step import Step


class Experts(NetworkPool):
    """Networks trained on the data, of which the whole paths are kept, as parameters at equal distances [1]_.

    Spaces of trajectories go along segments of the paths; others see the networks at the ends of the segments, another
    one each step, as they are in training: a path has no running statistics of norms.

    Experts are trained one after the other by stochastic gradient descent, in batches of 128 that are drawn anew every
    epoch. A memory keeps each by itself, by what it computes, the rows and the settings: a fit that was killed goes on
    with the next one, and more experts of the same seed begin with those that are there.

    Parameters
    ----------
    network : callable, default=None
        Builder, as in `RandomNetworks`.
    n_experts : int, default=10
    n_segments : int, default=5
        Segments of each path.
    n_expert_steps : int, default=40
        Steps of a segment.
    expert_step_size : float, default=0.05
        Of the training.
    memory : str or joblib.Memory, default=None
        Where trained experts are kept between fits, as pickles, which run what is in them when they are read.

    Attributes
    ----------
    paths_ : Tensor of shape (n_experts, n_segments + 1, n_parameters)

    References
    ----------
    .. [1] Cazenavette et al., "Dataset Distillation by Matching Training Trajectories", 2022, section 3.1.

    Examples
    --------
    >>> from skdc.discrepancies import SquaredL2
    >>> from skdc.learners import Experts
    >>> from skdc.spaces import TrainingTrajectories
    >>> SquaredL2(space=TrainingTrajectories(Experts(n_experts=3)), by=None)
    SquaredL2(by=None, space=TrainingTrajectories(experts=Experts(n_experts=3)))
    """

    network: Builder | None = None
    n_experts: int = 10
    n_segments: int = 5
    n_expert_steps: int = 40
    expert_step_size: float = 0.05
    memory: str | Memory | None = None

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Train the experts, or read them from the memory."""
        require_targets(self, source)
        rows = require(self, source, Holds, "the experts' paths").rows
        for name in ("n_experts", "n_segments", "n_expert_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"Experts({name}={getattr(self, name)!r}): it must be at least 1")
        seed = draw_seed(generator)
        self.network_ = self._build(source, generator)
        paths = self._train(rows, source.schema.task, seed)
        self.paths_ = torch.stack([torch.as_tensor(path, device=source.device) for path in paths])
        self._show(0, self.n_segments)
        return self

    def after_step(self, synthetic: LabeledSet, source: Holds, state: Step) -> None:
        """Draw one of the experts, and the end of one of its segments."""
        self._show(self._draw(self.n_experts, state.generator), 1 + self._draw(self.n_segments, state.generator))

    def segment(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw a segment of a path, and return the parameters where it begins and where it ends."""
        path = self.paths_[self._draw(self.n_experts, generator)]
        start = self._draw(self.n_segments, generator)
        return path[start], path[start + 1]

    @staticmethod
    def _draw(n: int, generator: torch.Generator) -> int:
        return int(torch.randint(n, (), generator=generator))

    def _show(self, expert: int, place: int) -> None:
        _load(self.network_, self.paths_[expert, place])

    def _train(self, rows: LabeledSet, task: str, seed: int) -> list[NDArray]:
        """Return the paths of the experts, each trained or read from the memory."""
        memory = self.memory if isinstance(self.memory, Memory) else Memory(self.memory, verbose=0)
        # A builder may be a lambda, which has no lasting name: what tells networks apart is what they compute.
        train = memory.cache(train_expert, ignore=["rows", "network"])
        fingerprint = "" if memory.location is None else _fingerprint(rows, task, self.network, seed, self.network_)
        lengths = self.n_segments, self.n_expert_steps, self.expert_step_size
        state, paths = torch.Generator().manual_seed(seed).get_state().numpy(), []
        for i in range(self.n_experts):
            # The next expert draws on from where this one has come to.
            path, state = train(rows, task, self.network, fingerprint, *lengths, seed + i, state)
            paths.append(path)
        return paths


_BATCH = 128
_PROBE_SCALES = (10.0, 100.0, 1000.0)  # in units of the rows


def train_expert(
    rows: LabeledSet,
    task: str,
    network: Builder | None,
    fingerprint: str,
    n_segments: int,
    n_steps: int,
    step_size: float,
    seed: int,
    state: NDArray,
) -> tuple[NDArray, NDArray]:
    """Train a network by stochastic gradient descent, on the device of the rows, and return where it comes by.

    Parameters
    ----------
    rows : LabeledSet
    task : {"classification", "regression"}
    network : callable or None
        Builder; None takes the default.
    fingerprint : str
        Of the rows and of what the network computes, by which a cache tells them apart.
    n_segments : int
    n_steps : int
        Steps of a segment.
    step_size : float
    seed : int
        Of what layers draw.
    state : ndarray
        Of the generator of all other draws.

    Returns
    -------
    path : ndarray of shape (n_segments + 1, n_parameters)
    state : ndarray
        Of the generator, at the end.
    """
    generator = torch.Generator()
    generator.set_state(torch.as_tensor(state))
    with randomness(seed), torch.enable_grad():  # what comes out depends on what is passed alone
        expert = build_network(network, tuple(rows.X.shape[1:]), rows.y.shape[1], generator, rows.X)
        optimizer = torch.optim.SGD(expert.parameters(), lr=step_size)
        path = [parameters_to_vector(expert.parameters()).detach()]
        sizes = [len(batch) for batch in rows.weight.split(_BATCH)]
        batches = chain.from_iterable(epoch(rows.weight, sizes, generator) for _ in count())
        for _ in range(n_segments):
            for batch, mass in islice(batches, n_steps):
                optimizer.zero_grad()
                training_loss(expert(rows.X[batch]), rows.y[batch], mass, task).backward()
                optimizer.step()
            path.append(parameters_to_vector(expert.parameters()).detach())
    return torch.stack(path).cpu().numpy(), generator.get_state().numpy()


def _fingerprint(rows: LabeledSet, task: str, builder: Builder | None, seed: int, network: nn.Module) -> str:
    """Return what tells rows from others, and a network from others that print alike.

    The second is where a few steps on a few rows lead it, and what it computes there of all rows, and of rows far from
    them: training may lead activations to where those of the first steps are not.
    """
    subset = rows.take(torch.arange(0, len(rows), max(1, len(rows) // _BATCH), device=rows.X.device))
    state = torch.Generator().manual_seed(seed).get_state().numpy()
    path, _ = train_expert(subset, task, builder, "", 1, 5, 0.1, seed, state)
    probe = deepcopy(network)
    _load(probe, torch.as_tensor(path[-1], device=rows.X.device))
    shown = [rows.X, *(scale * subset.X for scale in _PROBE_SCALES)]
    with randomness(seed), torch.no_grad():
        batches = chain.from_iterable(X.tensor_split(-(-len(X) // _BATCH)) for X in shown)
        outputs = [probe(batch).cpu().numpy() for batch in batches]
    seen = [values.cpu().numpy() for values in (rows.X, rows.y, rows.weight)]
    return str(hash_of((seen, path, outputs)))


def _load(network: nn.Module, vector: Tensor) -> None:
    """Give a network the parameters of a vector; its buffers stay."""
    network.load_state_dict(named_parameters(network, vector), strict=False)


def named_parameters(network: nn.Module, vector: Tensor) -> dict[str, Tensor]:
    """Cut a parameter vector into the named parameters of a network, keeping the graph."""
    sizes = [(name, p) for name, p in network.named_parameters()]
    pieces = vector.split([p.numel() for _, p in sizes])
    return {name: piece.view_as(p) for (name, p), piece in zip(sizes, pieces, strict=True)}
