"""The space of the gradient regime: what a network would learn from either set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn.modules.batchnorm import _BatchNorm

from skdc.data import Block, LabeledSet, unweighted
from skdc.exceptions import PartsError
from skdc.networks import Builder, build_network, training_loss
from skdc.sources import Asks, Holds, Source, require_targets
from skdc.spaces.base import Space


class NetworkGradients(Space):
    """Gradients of a network's training loss on either set, layer by layer, the network trained on the way [1]_.

    Each weight tensor gives one block, one row an output unit; biases and norms are left out, as in the paper.

    Parameters
    ----------
    network : callable, default=None
        Builder `network(input_shape, n_outputs) -> nn.Module`; None takes a ConvNet of width 32 for
        images of 16x16 or more, else an MLP with two hidden layers of 128.
    n_matches : int, default=10
        Steps of the solver for which a network is kept before a new one is drawn.
    n_train_steps : int, default=50
        Steps for which the network is trained on the synthetic set between two matches.
    network_step_size : float, default=0.01
        Step size of that training.

    References
    ----------
    .. [1] Zhao, Mopuri and Bilen, "Dataset Condensation with Gradient Matching", 2021, algorithm 1; the
       defaults are its (outer, inner) loops for 10 rows a class.

    Examples
    --------
    >>> from skdc.discrepancies import Cosine
    >>> from skdc.spaces import NetworkGradients
    >>> Cosine(space=NetworkGradients(n_matches=5))
    Cosine(space=NetworkGradients(n_matches=5))
    """

    yields = "aligned"
    splits = "before"

    def __init__(
        self,
        network: Builder | None = None,
        n_matches: int = 10,
        n_train_steps: int = 50,
        network_step_size: float = 0.01,
    ) -> None:
        self.network = network
        self.n_matches = n_matches
        self.n_train_steps = n_train_steps
        self.network_step_size = network_step_size

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Draw the first network.

        Raises
        ------
        ValueError
            Without targets, or with one class only.
        """
        require_targets(self, source)
        self.schema_ = source.schema
        self._draw(source, generator)
        return self

    def _draw(self, source: Source, generator: torch.Generator) -> None:
        like = torch.empty(0, dtype=source.dtype, device=source.device)
        schema = source.schema
        self.network_ = build_network(self.network, schema.input_shape, schema.n_outputs, generator, like)
        self.n_matches_ = 0

    def represent(
        self, real: LabeledSet, synthetic: LabeledSet, generator: torch.Generator
    ) -> tuple[list[Block], list[Block]]:
        """Return the gradients of the loss on both sets, one block a weight tensor."""
        return self._gradients(real, create_graph=real.X.requires_grad), self._gradients(synthetic, create_graph=True)

    @torch.enable_grad()
    def _gradients(self, rows: LabeledSet, create_graph: bool) -> list[Block]:
        weights = list(self._matrices().values())
        # A network may have parameters that it does not use.
        unused = {"allow_unused": True, "materialize_grads": True}
        loss = training_loss(self.network_(rows.X), rows.y, rows.mass, self.schema_.task)
        gradients = torch.autograd.grad(loss, weights, create_graph=create_graph, **unused)
        return [unweighted(gradient.flatten(1)) for gradient in gradients]

    def _matrices(self) -> dict[str, Tensor]:
        """Return the weight tensors that are not frozen."""
        return {name: p for name, p in self.network_.named_parameters() if p.ndim > 1 and p.requires_grad}

    def after_step(self, synthetic: LabeledSet, source: Holds, generator: torch.Generator) -> None:
        """Train the network on the synthetic set, or draw a new one when it has served."""
        self.n_matches_ += 1
        if self.n_matches_ >= self.n_matches:
            self._draw(source, generator)
            return
        optimizer = torch.optim.SGD(self.network_.parameters(), lr=self.network_step_size, momentum=0.5)
        for _ in range(self.n_train_steps):
            optimizer.zero_grad()
            training_loss(self.network_(synthetic.X), synthetic.y, synthetic.mass, self.schema_.task).backward()
            optimizer.step()


class ClippedGradients(NetworkGradients):
    """Gradients of a network's training loss, those of each real row cut off at a norm.

    No row can then say much, which private fits live by: they see the noisy sum over a few rows in each step [1]_. The
    gradient on the synthetic set is not cut off; compare directions, by `Cosine(by=None)`.

    Parameters
    ----------
    clip : float, default=0.1
        The norm of the gradient of a row in all weight tensors together.
    network, n_matches, n_train_steps, network_step_size
        As in `NetworkGradients`.

    References
    ----------
    .. [1] Chen, Kerkouche and Fritz, "Private Set Generation with Discriminative Information", 2022, algorithm 1.

    Examples
    --------
    >>> from skdc.discrepancies import Cosine
    >>> from skdc.spaces import ClippedGradients
    >>> Cosine(space=ClippedGradients(clip=1.0), by=None)
    Cosine(by=None, space=ClippedGradients(clip=1.0))
    """

    splits = "never"
    asks = "each step"

    def __init__(
        self,
        clip: float = 0.1,
        network: Builder | None = None,
        n_matches: int = 10,
        n_train_steps: int = 50,
        network_step_size: float = 0.01,
    ) -> None:
        super().__init__(network, n_matches, n_train_steps, network_step_size)
        self.clip = clip

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Draw the first network.

        Raises
        ------
        ValueError
            Without targets, with one class only, or if the norm is not positive.
        """
        if not self.clip > 0:
            raise ValueError(f"ClippedGradients(clip={self.clip!r}): the norm must be positive")
        return super().fit(source, generator)

    def represent(
        self, real: LabeledSet, synthetic: LabeledSet, generator: torch.Generator
    ) -> tuple[list[Block], list[Block]]:
        """Return the mean gradient of the real rows, and that of the loss on the set."""
        gradients = self._of_rows(real)
        factor = (self.clip / gradients.norm(dim=1)).clamp(max=1.0)
        return self._blocks((real.mass * factor) @ gradients), self._gradients(synthetic, create_graph=True)

    def ask(self, release: Asks, synthetic: LabeledSet, generator: torch.Generator) -> tuple[list[Block], list[Block]]:
        """Return the noisy mean gradient of private rows, and that of the loss on the set."""
        mean = release.mean(self._of_rows, self.clip)
        return self._blocks(mean), self._gradients(synthetic, create_graph=True)

    def _blocks(self, mean: Tensor) -> list[Block]:
        """Return a gradient layer by layer."""
        shapes = [p.shape for p in self._matrices().values()]
        pieces = mean.split([shape.numel() for shape in shapes])
        return [unweighted(piece.reshape(shape).flatten(1)) for piece, shape in zip(pieces, shapes, strict=True)]

    def _of_rows(self, rows: LabeledSet) -> Tensor:
        """Return the gradient of the loss at each row, of shape (n, number of weights)."""
        weights = {name: p.detach() for name, p in self.network_.named_parameters()}
        matrices = {name: weights[name] for name in self._matrices()}
        one = rows.weight.new_ones(1)

        def loss(matrices: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
            outputs = functional_call(self.network_, weights | matrices, (x[None],))
            return training_loss(outputs, y[None], one, self.schema_.task)

        with one_row_at_a_time(self, self.network_):
            gradients = vmap(grad(loss), in_dims=(None, 0, 0), randomness="different")(matrices, rows.X, rows.y)
        return torch.cat([gradients[name].flatten(1) for name in matrices], dim=1)


@contextmanager
def one_row_at_a_time(part: object, *networks: nn.Module) -> Iterator[None]:
    """Say which networks cannot show the gradient at each row by itself, in place of what torch says.

    Raises
    ------
    PartsError
        For batch norm, in which rows depend on each other, and for layers that torch cannot map over rows.
    """
    advice = f"{type(part).__name__} takes the gradient at each row by itself, and"
    for layer in [layer for network in networks for layer in network.modules()]:
        if isinstance(layer, _BatchNorm) and (layer.training or layer.running_mean is None):
            raise PartsError(
                f"{advice} {type(layer).__name__} makes that of a row depend on the others; take a network with group "
                "or layer norm, such as ConvNet()"
            )
    try:
        yield
    except RuntimeError as error:
        if not any(word in str(error) for word in ("vmap", "grad (vjp")):
            raise
        raise PartsError(
            f"{advice} this network has a layer for which torch cannot ({str(error).splitlines()[0]}); take one "
            "without batch norm, RReLU, draws in place, and branches that depend on values, such as MLP() or ConvNet()"
        ) from error
