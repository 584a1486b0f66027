"""The space of the gradient regime: what a network would learn from either set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field
from typing import ClassVar, Literal, Self

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn.modules.batchnorm import _BatchNorm

from skdc.exceptions import PartsError
from skdc.learners.alternating import AlternatingNetworks
from skdc.networks import training_loss
from skdc.sets import Block, LabeledSet, unweighted
from skdc.sources import Asks, Source, require_targets
from skdc.spaces.base import Splits
from skdc.spaces.pooled import PooledSpace
from skdc.step import Step


class NetworkGradients(PooledSpace):
    """Gradients of the training loss of a network of a pool on either set, layer by layer [1]_.

    Each weight tensor gives one block, one row an output unit; biases and norms are left out, as in the paper, and so
    are weights that the builder has frozen.

    Parameters
    ----------
    networks : NetworkPool, default=None
        Where they come from; None takes `AlternatingNetworks()`, as in the paper.
    layers : {"all", "hidden"}, default="all"
        Whether the last of the weight tensors that a network lists counts, as in the paper; without it there are those
        of hidden layers, which are the convolutions of a `ConvNet`, as in [2]_.

    References
    ----------
    .. [1] Zhao, Mopuri and Bilen, "Dataset Condensation with Gradient Matching", 2021, algorithm 1.
    .. [2] Kim et al., "Dataset Condensation via Efficient Synthetic-Data Parameterization", 2022, of which the code
       leaves out what is fully connected.

    Examples
    --------
    >>> from skdc.discrepancies import Cosine
    >>> from skdc.learners import AlternatingNetworks
    >>> from skdc.spaces import NetworkGradients
    >>> Cosine(space=NetworkGradients(AlternatingNetworks(n_matches=5)))
    Cosine(space=NetworkGradients(networks=AlternatingNetworks(n_matches=5)))
    """

    yields = "aligned"
    splits: ClassVar[Splits] = "before"

    layers: Literal["all", "hidden"] = field(default="all", kw_only=True)

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Build the networks."""
        if self.layers not in ("all", "hidden"):
            raise ValueError(f"{type(self).__name__}(layers={self.layers!r}): layers must be 'all' or 'hidden'")
        require_targets(self, source)
        self.task_ = source.schema.task
        return self.fit_networks(AlternatingNetworks, source, generator)

    def represent(self, real: LabeledSet, synthetic: LabeledSet, state: Step) -> tuple[list[Block], list[Block]]:
        """Return the gradients of the loss on both sets, one block a weight tensor."""
        return self._gradients(real, create_graph=real.X.requires_grad), self._gradients(synthetic, create_graph=True)

    @torch.enable_grad()
    def _gradients(self, rows: LabeledSet, create_graph: bool) -> list[Block]:
        matrices = {name: value.requires_grad_() for name, value in self._matrices().items()}
        outputs = functional_call(self.pool_.network_, matrices, (rows.X,))
        loss = training_loss(outputs, rows.y, rows.mass, self.task_)
        # A network may have parameters that it does not use.
        gradients = torch.autograd.grad(
            loss, list(matrices.values()), create_graph=create_graph, allow_unused=True, materialize_grads=True
        )
        return [unweighted(gradient.flatten(1)) for gradient in gradients]

    def _matrices(self) -> dict[str, Tensor]:
        """Return the weight tensors that count and are not frozen, of which there must be some, outside the graph."""
        named = [(name, p.detach()) for name, p in self.pool_.network_.named_parameters() if p.ndim > 1]
        counted = named[:-1] if self.layers == "hidden" else named
        matrices = {name: p for name, p in counted if name not in self.pool_.frozen_}
        if not matrices:
            what = "hidden layers" if self.layers == "hidden" else "weights"
            raise PartsError(
                f"{type(self).__name__} compares gradients of {what}, but all weights of the network are frozen, or "
                f"it has no {what}; the builder must return a fresh network each time that it is called, with weights "
                f"that want a gradient{', or say layers=' + repr('all') if self.layers == 'hidden' else ''}"
            )
        return matrices


class ClippedGradients(NetworkGradients):
    """Gradients of a network's training loss, those of each real row cut off at a norm.

    No row can then say much, which private fits live by: they see the noisy sum over a few rows in each step [1]_. The
    gradient on the synthetic set is not cut off; compare directions, by `Cosine(by=None)`.

    Parameters
    ----------
    networks : NetworkPool, default=None
        As in `NetworkGradients`. One that is trained on the data itself asks for rows that are not private.
    clip : float, default=0.1
        The norm of the gradient of a row in all weight tensors together.
    layers : {"all", "hidden"}, default="all"
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

    clip: float = 0.1

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Build the networks."""
        if not self.clip > 0:
            raise ValueError(f"ClippedGradients(clip={self.clip!r}): the norm must be positive")
        return super().fit(source, generator)

    def represent(self, real: LabeledSet, synthetic: LabeledSet, state: Step) -> tuple[list[Block], list[Block]]:
        """Return the mean gradient of the real rows, and that of the loss on the set."""
        gradients = self._of_rows(real)
        factor = (self.clip / gradients.norm(dim=1)).clamp(max=1.0)
        return self._blocks((real.mass * factor) @ gradients), self._gradients(synthetic, create_graph=True)

    def ask(self, release: Asks, synthetic: LabeledSet, state: Step) -> tuple[list[Block], list[Block]]:
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
        network, matrices = self.pool_.network_, self._matrices()
        one = rows.weight.new_ones(1)

        def loss(matrices: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
            outputs = functional_call(network, matrices, (x[None],))
            return training_loss(outputs, y[None], one, self.task_)

        with one_row_at_a_time(self, network):
            gradients = vmap(grad(loss), in_dims=(None, 0, 0), randomness="different")(matrices, rows.X, rows.y)
        return torch.cat([gradients[name].flatten(1) for name in matrices], dim=1)


@contextmanager
def one_row_at_a_time(part: object, *networks: nn.Module) -> Iterator[None]:
    """Say which networks, such as with batch norm, cannot show a gradient at each row, in place of what torch says."""
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
