"""Builders of small networks: callables `builder(input_shape, n_outputs) -> nn.Module`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from skdc.fields import Fields, require_whole
from skdc.images import ImageLayout, image_layout
from skdc.randomness import drawing_from, watched
from skdc.seeds import epoch
from skdc.sets import LabeledSet
from skdc.sources import Schema

__all__ = ["MLP", "ConvNet", "LinearNetwork"]

Builder = Callable[[tuple[int, ...], int], nn.Module]


class MLP(Fields):
    """Builder of a fully connected ReLU network.

    The defaults are the field's standard evaluation network: two hidden layers of 128 [1]_.

    Parameters
    ----------
    width : int, default=128
    depth : int, default=2
        Number of hidden layers.
    norm : {"batch", None}, default=None
        What stands before each ReLU: a batch norm, whose running averages start at the first batch; or nothing.

    References
    ----------
    .. [1] Zhao, Mopuri and Bilen, "Dataset Condensation with Gradient Matching", 2021.

    Examples
    --------
    >>> from skdc.networks import MLP
    >>> MLP(width=8, depth=1)((4,), 3)
    Sequential(
      (0): Flatten(start_dim=1, end_dim=-1)
      (1): Linear(in_features=4, out_features=8, bias=True)
      (2): ReLU()
      (3): Linear(in_features=8, out_features=3, bias=True)
    )
    """

    width: int = 128
    depth: int = 2
    norm: Literal["batch"] | None = None

    def __call__(self, input_shape: tuple[int, ...], n_outputs: int) -> nn.Module:
        """Build the network for rows of a shape."""
        if self.norm not in ("batch", None):
            raise ValueError(f"MLP(norm={self.norm!r}): norm must be 'batch' or None")
        layers: list[nn.Module] = [nn.Flatten()]
        size = prod(input_shape)
        for _ in range(self.depth):
            norm = [] if self.norm is None else [_BatchNorm1d(self.width)]
            layers += [nn.Linear(size, self.width), *norm, nn.ReLU()]
            size = self.width
        return nn.Sequential(*layers, nn.Linear(size, n_outputs))


class LinearNetwork(Fields):
    """Builder of a linear model that starts at zero, which plain training makes a logistic or linear regression.

    It sees rows divided by the root of the number of features, so that one step size serves few features and many.

    Examples
    --------
    >>> import torch
    >>> from skdc.networks import LinearNetwork
    >>> LinearNetwork()((4,), 3)(torch.ones(1, 4))
    tensor([[0., 0., 0.]], grad_fn=<AddmmBackward0>)
    """

    def __call__(self, input_shape: tuple[int, ...], n_outputs: int) -> nn.Module:
        """Build the network for rows of a shape."""
        size = prod(input_shape)
        linear = nn.Linear(size, n_outputs)
        nn.init.zeros_(linear.weight)
        nn.init.zeros_(linear.bias)
        return nn.Sequential(nn.Flatten(), Scaled(size**-0.5), linear)


class Scaled(nn.Module):
    """Rows times a number."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """Return the rows."""
        return self.factor * x


class ConvNet(Fields):
    """Builder of the field's standard convolutional network.

    `depth` blocks of 3x3 convolution, norm, ReLU and 2x2 average pooling, then a linear layer [1]_.

    Parameters
    ----------
    width : int, default=128
        Channels of each block.
    depth : int, default=3
        Number of blocks; each halves the image.
    image_shape : tuple of int, default=None
        Shape of an image that comes flattened; None takes the shape of the rows.
    channels : {"first", "last"}, default=None
        Where the channels of (C, H, W) or (H, W, C) rows are. None finds out: the one of the two outer axes
        that has 1, 3 or 4 entries.
    norm : {"instance", "batch"}, default="instance"
        Of each channel in each image, as is the standard; or a batch norm, whose running averages start at the first
        batch.
    padding : int, default=0
        Rows and columns of zeros around the image. The field has 2 around grey images, which makes 32x32 of 28x28.

    References
    ----------
    .. [1] Zhao, Mopuri and Bilen, "Dataset Condensation with Gradient Matching", 2021.

    Examples
    --------
    >>> import torch
    >>> from skdc.networks import ConvNet
    >>> ConvNet(width=4, depth=2)((8, 8), 10)(torch.zeros(5, 8, 8)).shape
    torch.Size([5, 10])
    """

    width: int = 128
    depth: int = 3
    image_shape: tuple[int, ...] | None = None
    channels: Literal["first", "last"] | None = None
    norm: Literal["instance", "batch"] = "instance"
    padding: int = 0

    def __call__(self, input_shape: tuple[int, ...], n_outputs: int) -> nn.Module:
        """Build the network for rows of a shape.

        Raises
        ------
        ValueError
            If the rows are no images, their channels cannot be told, or they are too small for the depth.
        """
        if self.norm not in ("instance", "batch"):
            raise ValueError(f"ConvNet(norm={self.norm!r}): norm must be 'instance' or 'batch'")
        images = image_layout(self, input_shape, self.image_shape, self.channels)
        padding = require_whole("padding", self.padding, 0)
        channels, height, width = images.shape
        height, width = height + 2 * padding, width + 2 * padding
        if min(height, width) < 2**self.depth:
            raise ValueError(
                f"{self.depth} blocks halve a {height}x{width} image below one pixel; use depth="
                f"{int(min(height, width)).bit_length() - 1} or less"
            )
        layers: list[nn.Module] = [images, nn.ZeroPad2d(padding)] if padding else [images]
        for _ in range(self.depth):
            norm = _BatchNorm2d(self.width) if self.norm == "batch" else nn.GroupNorm(self.width, self.width)
            layers += [nn.Conv2d(channels, self.width, 3, padding=1), norm, nn.ReLU(inplace=True), nn.AvgPool2d(2)]
            channels, height, width = self.width, height // 2, width // 2
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * height * width, n_outputs))


class _StartingBatchNorm(nn.modules.batchnorm._BatchNorm):
    """A batch norm whose running averages start at the first batch: torch's start at 0 and 1, and lag for long.

    A single number a channel has no variance: it is seen as in evaluation, so that batches of any size will do.
    """

    takes_one_row = True

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised rows."""
        if not self.training or self.num_batches_tracked is None:
            return super().forward(x)
        if x.numel() <= x.shape[1]:
            given = self.running_mean, self.running_var, self.weight, self.bias
            return nn.functional.batch_norm(x, *given, training=False, eps=self.eps)
        self.momentum = max(_MOMENTUM, 1 / (1 + int(self.num_batches_tracked)))
        return super().forward(x)


_MOMENTUM = 0.1  # what a batch counts for in the running averages, as in torch


class _BatchNorm1d(_StartingBatchNorm, nn.BatchNorm1d):
    pass


class _BatchNorm2d(_StartingBatchNorm, nn.BatchNorm2d):
    pass


def default_builder(input_shape: tuple[int, ...]) -> MLP | ConvNet:
    """Return the quick default: a ConvNet of width 32 for images of 16x16 or more, else the standard MLP."""
    if len(input_shape) not in (2, 3):
        return MLP()
    return ConvNet(width=32) if min(ImageLayout(input_shape, None).shape[1:]) >= 16 else MLP()


def batch_normed(input_shape: tuple[int, ...], n_outputs: int) -> nn.Module:
    """Build the quick default, with batch norm."""
    return default_builder(input_shape).set_params(norm="batch")(input_shape, n_outputs)


def build_network(
    builder: Builder | None,
    input_shape: tuple[int, ...],
    n_outputs: int,
    generator: torch.Generator,
    like: Tensor,
) -> nn.Module:
    """Build a freshly initialised network with the randomness of a generator.

    Parameters
    ----------
    builder : callable or None
        `builder(input_shape, n_outputs) -> nn.Module`; None takes `default_builder`.
    generator : torch.Generator
        Seeds what layers draw, now; what they draw later is that of the fit under way.
    like : Tensor
        The network gets its dtype and device.
    """
    builder = default_builder(input_shape) if builder is None else builder
    if isinstance(builder, nn.Module) or not callable(builder):
        raise TypeError(
            f"network={builder!r} is no builder; pass a callable network(input_shape, n_outputs) that returns a fresh "
            "torch.nn.Module, such as skdc.networks.MLP()"
        )
    with drawing_from(int(torch.randint(2**31 - 1, (), generator=generator))):
        network = builder(input_shape, n_outputs)
    if not isinstance(network, nn.Module):
        raise TypeError(
            f"the network builder must return a torch.nn.Module, got {type(network).__name__}; "
            "pass a callable builder(input_shape, n_outputs)"
        )
    return watched(network.to(like.device, like.dtype))


def penultimate(network: nn.Module, x: Tensor) -> Tensor:
    """Return what a network feeds to its last linear layer, flattened; its output if it has none."""
    return last_layer(network, x)[0]


def last_layer(network: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return what a network feeds to its last linear layer, flattened (its output if it has none), and its output."""
    seen, outputs = _seen(network, x, [m for m in network.modules() if isinstance(m, nn.Linear)])
    return (seen[-1] if seen else outputs).flatten(1), outputs


def layer_inputs(network: nn.Module, x: Tensor) -> list[Tensor]:
    """Return what a network feeds to each layer with weights but the first: what comes out of each hidden block.

    A network of one layer, or none, gives its output.
    """
    layers = [m for m in network.modules() if isinstance(m, nn.Linear | nn.Conv1d | nn.Conv2d)][1:]
    seen, outputs = _seen(network, x, layers)
    return seen or [outputs]


def norm_inputs(network: nn.Module, x: Tensor) -> list[Tensor]:
    """Return what a network feeds to each batch norm; to its layers, as `layer_inputs`, if it has none."""
    norms = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    return _seen(network, x, norms)[0] or layer_inputs(network, x)


def _seen(network: nn.Module, x: Tensor, layers: Sequence[nn.Module]) -> tuple[list[Tensor], Tensor]:
    """Return what is fed to those of some layers that are used, in the order of their use, and the output."""
    seen: list[Tensor] = []
    hooks = [layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0])) for layer in layers]
    try:
        outputs = network(x)
    finally:
        for hook in hooks:
            hook.remove()
    return seen, outputs


def pieces_without_gradient(network: nn.Module, x: Tensor) -> Sequence[Tensor]:
    """Cut rows so that what convolutions make of a piece fits into memory that is used again, which is much quicker.

    They stay whole on an accelerator, where a gradient is asked for, whose graph keeps everything, and in a network of
    layers that may look at several rows at once, as batch norms do, or draw.
    """
    modules = list(network.modules())
    widths = [module.out_channels for module in modules if isinstance(module, nn.Conv2d)]
    taped = torch.is_grad_enabled() and (x.requires_grad or any(p.requires_grad for p in network.parameters()))
    if not widths or taped or x.device.type != "cpu" or not {*map(type, modules)} <= _ROW_BY_ROW:
        return [x]
    n_entries = max(widths) * max(
        image.shape[1] * image.shape[2] for image in modules if isinstance(image, ImageLayout)
    )
    return x.tensor_split(-(-len(x) * n_entries // _PIECE_ENTRIES))


# Of the largest layer: eight mebibytes in float32. From 32 on memory is fetched from the system each time.
_PIECE_ENTRIES = 1 << 21
_ROW_BY_ROW = {
    nn.Sequential,
    ImageLayout,
    nn.ZeroPad2d,
    nn.Conv2d,
    nn.GroupNorm,
    nn.ReLU,
    nn.AvgPool2d,
    nn.Flatten,
    nn.Linear,
}


def is_finite(network: nn.Module) -> bool:
    """Tell whether all parameters are finite; an accelerator is waited for once, and not for each parameter."""
    return bool(torch.stack([parameter.isfinite().all() for parameter in network.parameters()]).all())


def training_loss(outputs: Tensor, targets: Tensor, mass: Tensor, task: str) -> Tensor:
    """Return the weighted mean loss: cross-entropy against class probabilities, or squared error.

    Parameters
    ----------
    outputs, targets : Tensor of shape (n, n_outputs)
    mass : Tensor of shape (n,)
        Weights that sum to one.
    task : {"classification", "regression"}
    """
    if task == "classification":
        return -(mass @ (targets * outputs.log_softmax(1)).sum(1))
    return mass @ (outputs - targets).square().mean(1)


class Trained(Protocol):
    """What says how a network is trained: parameters of a space or a score."""

    network: Builder | None
    n_epochs: int
    step_size: float
    batch_size: int


def training_epochs(how: Trained, rows: LabeledSet, schema: Schema, generator: torch.Generator) -> Iterator[nn.Module]:
    """Train a network on rows by Adam, and yield it as it is built and after each epoch.

    It is one network, which changes; it is ready to be evaluated.

    Parameters
    ----------
    how : object
        Its `network`, `n_epochs`, `step_size` and `batch_size` are taken.
    rows : LabeledSet
    schema : Schema
    generator : torch.Generator
    """
    if how.n_epochs < 0 or how.batch_size < 1 or not how.step_size > 0:
        raise ValueError(f"{how!r}: n_epochs must not be negative, batch_size at least 1, and step_size positive")
    network = build_network(how.network, schema.input_shape, schema.n_outputs, generator, rows.X)
    optimizer = torch.optim.Adam(network.parameters(), lr=how.step_size)
    yield network.eval()
    for _ in range(how.n_epochs):
        sizes = map(len, rows.weight.tensor_split(-(-len(rows) // how.batch_size)))
        network.train()
        with torch.enable_grad():
            for batch, mass in epoch(rows.weight, sizes, generator):
                optimizer.zero_grad()
                training_loss(network(rows.X[batch]), rows.y[batch], mass, schema.task).backward()
                optimizer.step()
        if not is_finite(network):
            raise ValueError(f"training diverged: step_size={how.step_size:g} of {how!r} is too large; try a tenth")
        yield network.eval()
