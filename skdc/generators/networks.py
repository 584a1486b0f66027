"""Networks of generators: what they are built of by default, and how they are conditioned."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy, deepcopy
from math import prod
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from skdc.codes import Code, Cropped, DrawnLatents, Layer, Rescaled, Reshaped, WithGroups
from skdc.fields import Fields
from skdc.generators.base import LiveGenerator
from skdc.generators.coded import CodedModule, class_counts, float32, has_code, network_code
from skdc.generators.moments import ClassUnits, LatentGaussians
from skdc.images import Channels, ImageLayout, image_layout
from skdc.networks import MLP, Builder
from skdc.randomness import watched
from skdc.sources import Draws

_LEAST_SIDE = 16  # of images that are convolved; smaller ones are rows of numbers


class DownConvolutions(Fields):
    """Builder of a network that halves images twice, by strided convolutions, and ends in a linear layer.

    Parameters
    ----------
    width : int, default=32
        Channels after the first halving; twice as many after the second.
    image_shape : tuple of int, default=None
        Shape of an image that comes flattened; None takes the shape of the rows.
    channels : {"first", "last"}, default=None
        Where the channels of (C, H, W) or (H, W, C) images are, as in `ConvNet`.

    Examples
    --------
    >>> import torch
    >>> from skdc.generators import DownConvolutions
    >>> DownConvolutions(width=4)((28, 28), 10)(torch.zeros(5, 28, 28)).shape
    torch.Size([5, 10])
    """

    width: int = 32
    image_shape: tuple[int, ...] | None = None
    channels: Channels = None

    def __call__(self, input_shape: tuple[int, ...], n_outputs: int) -> nn.Module:
        """Build the network for images of a shape."""
        layout = image_layout(self, input_shape, self.image_shape, self.channels)
        channels, height, width = layout.shape
        return nn.Sequential(
            layout,
            nn.Conv2d(channels, self.width, 3, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(self.width, 2 * self.width, 3, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            nn.Linear(2 * self.width * _quarter(height) * _quarter(width), n_outputs),
        )


class UpConvolutions(Fields):
    """Builder of a network that makes images, by two transposed convolutions that double them.

    Parameters
    ----------
    image_shape : tuple of int
        Of the images, which come out flat.
    width : int, default=32
        Channels before the last doubling; twice as many before the first.
    channels : {"first", "last"}, default=None
        Where the channels of (C, H, W) or (H, W, C) images are, as in `ConvNet`.

    Examples
    --------
    >>> import torch
    >>> from skdc.generators import UpConvolutions
    >>> UpConvolutions((28, 28), width=4)((10,), 784)(torch.zeros(5, 10)).shape
    torch.Size([5, 784])
    """

    image_shape: tuple[int, ...]
    width: int = 32
    channels: Channels = None

    def __call__(self, input_shape: tuple[int, ...], n_outputs: int) -> nn.Module:
        """Build the network for latents of a shape; it has as many outputs as an image has numbers."""
        layout = ImageLayout(self.image_shape, self.channels)
        channels, height, width = layout.shape
        small = 2 * self.width, _quarter(height), _quarter(width)
        return nn.Sequential(
            nn.Flatten(),
            nn.Linear(prod(input_shape), prod(small)),
            nn.ReLU(),
            nn.Unflatten(1, small),
            nn.ConvTranspose2d(2 * self.width, self.width, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(self.width, channels, 4, stride=2, padding=1),
            _Cut(layout),
        )


class _Cut(CodedModule):
    """Images, cut off at their size, as flat rows of the layout that they came in."""

    def __init__(self, layout: ImageLayout) -> None:
        super().__init__()
        self.layout = layout

    def forward(self, images: Tensor) -> Tensor:
        """Return the rows."""
        _, height, width = self.layout.shape
        return self.layout.rows(images[:, :, :height, :width], (prod(self.layout.image_shape),))

    def code(self, inputs: Code) -> Cropped:
        """Return the rows of images as a code."""
        return Cropped(inputs, (prod(self.layout.image_shape),), self.layout.shape, self.layout.last)


def _quarter(side: int) -> int:
    return -(-side // 4)


def are_images(row_shape: tuple[int, ...]) -> bool:
    """Tell whether rows are images that are large enough for convolutions."""
    return len(row_shape) in (2, 3) and min(ImageLayout(row_shape, None).shape[1:]) >= _LEAST_SIDE


def default_encoder(row_shape: tuple[int, ...]) -> Builder:
    """Return a builder of networks that see rows."""
    return DownConvolutions() if are_images(row_shape) else MLP(width=256)


def default_decoder(row_shape: tuple[int, ...]) -> Builder:
    """Return a builder of networks that make rows."""
    return UpConvolutions(row_shape) if are_images(row_shape) else MLP(width=256)


def conditioned(values: Tensor, key: Tensor, n_classes: int) -> Tensor:
    """Return flat values beside the indicators of their classes, where there are several."""
    if n_classes < 2:
        return values.flatten(1)
    return torch.cat([values.flatten(1), one_hot(key, n_classes).to(values)], dim=1)


def n_indicators(n_classes: int) -> int:
    """Return how many indicators of classes `conditioned` adds."""
    return n_classes if n_classes > 1 else 0


class NetworkDecoder(LiveGenerator):
    """Rows that a network makes of latents, and latents that another reads from rows.

    Parameters
    ----------
    decoder : nn.Module
        Of latents beside the indicators of classes, to flat rows.
    encoder : nn.Module
        Of rows, to latents in the first of its outputs.
    units : ClassUnits
        Of the rows, as the encoder sees them.
    n_components : int
        Numbers in a latent.
    """

    def __init__(self, decoder: nn.Module, encoder: nn.Module, units: ClassUnits, n_components: int) -> None:
        super().__init__((n_components,), units.means)
        self.decoder, self.encoder = (network.requires_grad_(False).eval() for network in (decoder, encoder))
        self.units = units
        self.gaussians: LatentGaussians | None = None

    def decoding_by(self, decoder: nn.Module) -> Self:
        """Return the same with another decoder, built like its own."""
        other = copy(self)
        other.decoder = decoder
        return other

    def on_cpu(self) -> Self:
        """Return a copy that decodes and draws on the CPU, and no longer encodes."""
        other = self.decoding_by(deepcopy(self.decoder).cpu().requires_grad_(False))
        other.encoder, other._like = nn.Identity(), self._like.cpu()
        other.units = self.units._replace(means=self.units.means.cpu())
        other.gaussians = None if self.gaussians is None else LatentGaussians(*(part.cpu() for part in self.gaussians))
        return other

    def decode(self, z: Tensor, key: Tensor) -> Tensor:
        """Return the rows."""
        means = self.units.means
        return self.decoder(conditioned(z, key, len(means))).reshape(-1, *means.shape[1:])

    def encode(self, X: Tensor, key: Tensor) -> Tensor:
        """Return the latents."""
        return self.encoder(self.units(X, key))[:, : self.latent_shape[0]]

    def numbers(self) -> Iterator[Tensor]:
        """Return the numbers of the decoder."""
        return iter(self.decoder.state_dict().values())

    def code(self, latents: Code, key: Tensor, offset: Tensor | float) -> Layer | None:
        """Return the layers of the decoder, where numpy has all of them."""
        row_shape, n_classes = tuple(self.units.means.shape[1:]), len(self.units.means)
        if n_classes > 1:
            latents = WithGroups(latents, class_counts(key, n_classes))
        rows = network_code(self.decoder, latents)
        if rows is None:
            return None
        return plus_offset(Reshaped(rows, row_shape), offset, row_shape)

    def drawn_latents(self, key: Tensor, seed: int) -> DrawnLatents:
        """Return the code of random latents of some classes, drawn as `draw` does by numpy's numbers.

        Parameters
        ----------
        key : int64 Tensor of shape (m,)
            The class codes, in order.
        seed : int
        """
        counts, (size,) = class_counts(key, len(self.units.means)), self.latent_shape
        gaussians = (None, None) if self.gaussians is None else map(float32, self.gaussians)
        return DrawnLatents(seed, size, counts, *gaussians)

    def draws_as(self, source: Draws, generator: torch.Generator) -> Self:
        """Draw latents, from now on, as those of the data are distributed in each class."""
        self.gaussians = LatentGaussians.of_sample(self.encode, source, generator)
        return self

    def draw(self, key: Tensor, generator: torch.Generator) -> Tensor:
        """Draw latents."""
        noise = super().draw(key, generator)
        return noise if self.gaussians is None else self.gaussians.draw(noise, key)


def plus_offset(rows: Layer, offset: Tensor | float, row_shape: tuple[int, ...]) -> Layer:
    """Return rows as a code, plus an offset where that is a tensor; else it is none."""
    return Rescaled(rows, 1.0, float32(offset.expand(row_shape))) if isinstance(offset, Tensor) else rows


def count_numbers(decoder: Builder, n_components: int, row_shape: tuple[int, ...], n_classes: int) -> int:
    """Return how many numbers a `NetworkDecoder` has, without any being drawn."""
    return count_state(decoder, (n_components + n_indicators(n_classes),), prod(row_shape))


def decoder_has_code(decoder: Builder, n_components: int, row_shape: tuple[int, ...], n_classes: int) -> bool:
    """Tell whether a `NetworkDecoder` has a code, without any numbers being drawn."""
    return builds_code(decoder, (n_components + n_indicators(n_classes),), prod(row_shape))


def builds_code(builder: Builder, input_shape: tuple[int, ...], n_outputs: int) -> bool:
    """Tell whether a network has a code, without any numbers being drawn."""
    with torch.device("meta"):
        return has_code(watched(builder(input_shape, n_outputs)))  # as `build_network` gives it


def count_state(builder: Builder, input_shape: tuple[int, ...], n_outputs: int) -> int:
    """Return how many numbers a network has, without any being drawn."""
    with torch.device("meta"):
        return sum(values.numel() for values in builder(input_shape, n_outputs).state_dict().values())
