"""Experts: networks trained on the data, of which the way is kept that their parameters have gone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from itertools import chain, count, islice
from typing import Self

import torch
from joblib import Memory, Parallel, delayed
from joblib import hash as hash_of
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector

from skdc.isolation import limited_threads
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

    Experts are trained by stochastic gradient descent, in batches of 128 that are drawn anew every epoch. A memory
    keeps each by itself, by what it computes, the rows and the settings: a fit that was killed goes on with those that
    are not there, and more experts of the same seed begin with those that are.

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
    sharpness : float, default=0.0
        More than 0 trains flat experts (FTD) [2]_: each step takes the gradient where the loss is largest at so great
        a distance, nearly [3]_, which takes twice the time. Published are 0.01 with a step that also looks at the gap
        between the two losses, which this one does not.
    memory : str or joblib.Memory, default=None
        Where trained experts are kept between fits, as pickles, which run what is in them when they are read.
    n_jobs : int, default=None
        Experts that are trained at once, each in a thread; the paths are the same. None is one.

    Attributes
    ----------
    paths_ : Tensor of shape (n_experts, n_segments + 1, n_parameters)

    References
    ----------
    .. [1] Cazenavette et al., "Dataset Distillation by Matching Training Trajectories", 2022, section 3.1.
    .. [2] Du et al., "Minimizing the Accumulated Trajectory Error to Improve Dataset Distillation", 2023, section 3.3.
    .. [3] Foret et al., "Sharpness-Aware Minimization for Efficiently Improving Generalization", 2021, algorithm 1.

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
    sharpness: float = 0.0
    memory: str | Memory | None = None
    n_jobs: int | None = None

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Train the experts, or read them from the memory."""
        require_targets(self, source)
        rows = require(self, source, Holds, "the experts' paths").rows
        for name in ("n_experts", "n_segments", "n_expert_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"Experts({name}={getattr(self, name)!r}): it must be at least 1")
        if not (self.expert_step_size > 0 and self.sharpness >= 0):
            raise ValueError(f"{self!r}: expert_step_size must be positive, and sharpness not negative")
        seed = draw_seed(generator)
        self.network_ = self._build(source, generator)
        paths = self._train(rows, source.schema.task, seed)
        self.paths_ = torch.stack([torch.as_tensor(path, device=source.device) for path in paths])
        self._show(0, self.n_segments)
        return self

    def after_step(self, synthetic: LabeledSet, source: Holds, state: Step) -> None:
        """Draw one of the experts, and the end of one of its segments."""
        self._show(self._draw(self.n_experts, state.generator), 1 + self._draw(self.n_segments, state.generator))

    def segment(self, generator: torch.Generator, window: tuple[int, int] | None = None) -> tuple[Tensor, Tensor]:
        """Draw a segment of a path, and return the parameters where it begins and where it ends.

        Parameters
        ----------
        generator : torch.Generator
        window : (int, int), default=None
            The first segment of those to draw from, and the first after them. None takes all.
        """
        first, end = (0, self.n_segments) if window is None else window
        path = self.paths_[self._draw(self.n_experts, generator)]
        start = first + self._draw(end - first, generator)
        return path[start], path[start + 1]

    @staticmethod
    def _draw(n: int, generator: torch.Generator) -> int:
        return int(torch.randint(n, (), generator=generator))

    def _show(self, expert: int, place: int) -> None:
        load_parameters(self.network_, self.paths_[expert, place])

    def _train(self, rows: LabeledSet, task: str, seed: int) -> list[NDArray]:
        """Return the paths of the experts, each trained or read from the memory."""
        memory = self.memory if isinstance(self.memory, Memory) else Memory(self.memory, verbose=0)
        # A builder may be a lambda, which has no lasting name: what tells networks apart is what they compute.
        train = memory.cache(train_expert, ignore=["rows", "network"])
        fingerprint = "" if memory.location is None else _fingerprint(rows, task, self.network, seed, self.network_)
        how = self.n_segments, self.n_expert_steps, self.expert_step_size, self.sharpness
        draws = torch.Generator().manual_seed(seed)
        seeds = [int(torch.randint(2**31 - 1, (), generator=draws)) for _ in range(self.n_experts)]
        given, n_threads = (rows, task, self.network, fingerprint, *how), torch.get_num_threads()
        if self.n_jobs in (None, 1):
            return [train(*given, seed) for seed in seeds]

        def train_alike(seed: int) -> NDArray:
            # Sums are rounded by how many threads of OpenMP there are, which each thread is to be told.
            with limited_threads("openmp", n_threads):
                return train(*given, seed)

        return list(Parallel(self.n_jobs, prefer="threads")(delayed(train_alike)(seed) for seed in seeds))


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
    sharpness: float,
    seed: int,
) -> NDArray:
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
    sharpness : float
        How far from the parameters the gradient is taken.
    seed : int

    Returns
    -------
    ndarray of shape (n_segments + 1, n_parameters)

    Raises
    ------
    ValueError
        If the training diverges.
    """
    generator = torch.Generator().manual_seed(seed)
    seed = int(torch.randint(2**31 - 1, (), generator=generator))  # layers are not to draw the same numbers
    with randomness(seed), torch.enable_grad():  # what comes out depends on what is passed alone
        expert = build_network(network, tuple(rows.X.shape[1:]), rows.y.shape[1], generator, rows.X)
        optimizer = torch.optim.SGD(expert.parameters(), lr=step_size)
        path = [parameters_to_vector(expert.parameters()).detach()]
        sizes = [len(batch) for batch in rows.weight.split(_BATCH)]
        batches = chain.from_iterable(epoch(rows.weight, sizes, generator) for _ in count())
        for _ in range(n_segments):
            for batch, mass in islice(batches, n_steps):
                X, y = rows.X[batch], rows.y[batch]
                _differentiate(expert, X, y, mass, task)
                if sharpness:
                    with _ascended(expert, sharpness):
                        _differentiate(expert, X, y, mass, task)
                optimizer.step()
            path.append(parameters_to_vector(expert.parameters()).detach())
            if not path[-1].isfinite().all():
                raise ValueError(
                    f"the training of an expert diverged: expert_step_size={step_size:g} is too large; try "
                    f"expert_step_size={step_size / 10:g}"
                )
    return torch.stack(path).cpu().numpy()


def _differentiate(network: nn.Module, X: Tensor, y: Tensor, mass: Tensor, task: str) -> None:
    """Give the parameters the gradient of the loss."""
    network.zero_grad()
    training_loss(network(X), y, mass, task).backward()


@contextmanager
def _ascended(network: nn.Module, distance: float) -> Iterator[None]:
    """Move the parameters along their gradient, all together so far; afterwards they are where they were."""
    pairs = [(p, p.grad) for p in network.parameters() if p.grad is not None]
    moving, gradients = [p for p, _ in pairs], [gradient for _, gradient in pairs]
    norm = torch.stack([gradient.square().sum() for gradient in gradients]).sum().sqrt()
    scale = torch.where(norm > 0, distance / norm, 0.0)
    before = [p.detach().clone() for p in moving]
    with torch.no_grad():
        for parameter, gradient in zip(moving, gradients, strict=True):
            parameter.add_(scale * gradient)
    yield
    with torch.no_grad():
        for parameter, value in zip(moving, before, strict=True):
            parameter.copy_(value)


def _fingerprint(rows: LabeledSet, task: str, builder: Builder | None, seed: int, network: nn.Module) -> str:
    """Return what tells rows from others, and a network from others that print alike.

    The second is where a few steps on a few rows lead it, and what it computes there of all rows, and of rows far from
    them: training may lead activations to where those of the first steps are not.
    """
    subset = rows.take(torch.arange(0, len(rows), max(1, len(rows) // _BATCH), device=rows.X.device))
    path = train_expert(subset, task, builder, "", 1, 5, 0.1, 0.0, seed)
    probe = deepcopy(network)
    load_parameters(probe, torch.as_tensor(path[-1], device=rows.X.device))
    shown = [rows.X, *(scale * subset.X for scale in _PROBE_SCALES)]
    with randomness(seed), torch.no_grad():
        batches = chain.from_iterable(X.tensor_split(-(-len(X) // _BATCH)) for X in shown)
        outputs = [probe(batch).cpu().numpy() for batch in batches]
    seen = [values.cpu().numpy() for values in (rows.X, rows.y, rows.weight)]
    return str(hash_of((seen, path, outputs)))


def load_parameters(network: nn.Module, vector: Tensor) -> None:
    """Give a network the parameters of a vector; its buffers stay."""
    network.load_state_dict(named_parameters(network, vector), strict=False)


def named_parameters(network: nn.Module, vector: Tensor) -> dict[str, Tensor]:
    """Cut a parameter vector into the named parameters of a network, keeping the graph."""
    sizes = [(name, p) for name, p in network.named_parameters()]
    pieces = vector.split([p.numel() for _, p in sizes])
    return {name: piece.view_as(p) for (name, p), piece in zip(sizes, pieces, strict=True)}
