"""Style-based generators of images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, pairwise
from math import prod
from typing import Any, Literal, Self, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from skdc.codes import Code, Cropped, Layer, ModulatedConvolution, Normalized, StyledImages, WithGroups
from skdc.generators.base import Generator, LiveGenerator
from skdc.generators.coded import class_counts, float32, network_code
from skdc.generators.inversion import inverted
from skdc.generators.networks import (
    DownConvolutions,
    n_indicators,
    plus_offset,
)
from skdc.generators.training import Training, check_training
from skdc.images import Channels, ImageLayout, image_layout
from skdc.networks import build_network
from skdc.seeds import gaussian
from skdc.sources import Draws, Source

_N_DRAWS = 1024  # of each class, by which the mean and the spread of styles are known
_N_FEATURE_DRAWS = 16  # of each class, by which the spread of feature maps is known, which have many numbers each


# A style s scales the inputs i of a convolution with kernel W, whose outputs o are brought back to unit variance,
#     y_o = d_o sum_i W_oi * (s_i x_i),    d_o = (sum_ik (s_i W_oik)^2 + 1e-8)^(-1/2)                               (1)
# (Karras et al., 2020, eq. 1 and 3). With softplus h(t) = log(1 + e^t) and scores f_c of a network for each class, the
# generator G descends h(-f_c(G(z, c))), and the scores (Goodfellow et al., 2014; Mescheder et al., 2018, eq. 9)
#     h(-f_c(x)) + h(f_c(G(z, c))) + gamma / 2 |grad f_c(x)|^2                                                      (2)
class StyleGenerator(Generator):
    r"""Style-based generator of images [1]_ [2]_: a mapping of latents to styles, which modulate convolutions.

    It is small, and adds no noise: rows are functions of their latents. It is for those who can wait, or have an
    accelerator.

    Parameters
    ----------
    n_components : int, default=32
        Numbers in a latent, and in a style.
    latents : {"styles", "inputs", "both"}, default="styles"
        What points are kept as: a style for each layer (w+ in the literature), or the input that one is made of (z), or
        styles and what is added to the feature maps after the first layer (w+ and F of GLaD [4]_). These have `width`
        times 4 numbers for each 4x4 pixels, which is more than an image has, mostly: such sets are better, not smaller.
        Of digits, five a class by `GenerativePrior`, a forest learned with an accuracy of 0.87, with styles alone of
        0.74 (200 steps, a width of 8, one seed).
    truncation : float, default=1.0
        Styles of random rows are drawn to the mean of their class: this share of the way remains.
    width : int, default=16
        Channels of the last layer; the two before have two and four times as many.
    penalty : float, default=10.0
        :math:`\gamma` of the penalty on the slopes at the data, R1 [3]_. Of digits, with 1.0 the images of a class
        became alike: a forest that learned from 2000 of them had an accuracy of 0.49, with 10.0 of 0.81.
    n_steps : int, default=600
    step_size : float, default=0.005
    batch_size : int, default=64
    n_search_steps : int, default=200
        Steps of the search for the latents of rows from which points start: there is no encoder.
    image_shape : tuple of int, default=None
        Shape of an image that comes flattened; None takes the shape of the rows.
    channels : {"first", "last"}, default=None
        Where the channels of (C, H, W) or (H, W, C) images are, as in `ConvNet`.

    References
    ----------
    .. [1] Karras, Laine and Aila, "A Style-Based Generator Architecture for Generative Adversarial Networks", 2019.
    .. [2] Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", 2020, eq. 1 and 3.
    .. [3] Mescheder, Geiger and Nowozin, "Which Training Methods for GANs do actually Converge?", 2018, eq. 9.
    .. [4] Cazenavette et al., "Generalizing Dataset Distillation via Deep Generative Prior", 2023, section 3.2.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdc import GenerativeModel
    >>> from skdc.generators import StyleGenerator
    >>> digits = load_digits()
    >>> model = GenerativeModel(StyleGenerator(n_steps=10), random_state=0).fit(digits.images, digits.target)
    >>> model.sample(3)[0].shape
    (3, 8, 8)
    """

    n_components: int = 32
    latents: Literal["styles", "inputs", "both"] = "styles"
    truncation: float = 1.0
    width: int = 16
    penalty: float = 10.0
    n_steps: int = 600
    step_size: float = 0.005
    batch_size: int = 64
    n_search_steps: int = 200
    image_shape: tuple[int, ...] | None = None
    channels: Channels = None

    def learn(self, source: Source, generator: torch.Generator) -> StyleDecoder:
        """Train the generator against a network that scores images."""
        if self.latents not in ("styles", "inputs", "both"):
            raise ValueError(f"{self!r}: latents must be 'styles', 'inputs' or 'both'")
        rows = check_training(self, source)
        if self.width < 1 or self.n_search_steps < 0 or not self.penalty >= 0 or not 0 < self.truncation <= 1:
            raise ValueError(
                f"{self!r}: width must be at least 1, n_search_steps and penalty not negative, and truncation in (0, 1]"
            )
        schema, like = source.schema, source.no_rows().X
        network: Any = build_network(self._build, schema.input_shape, schema.n_classes, generator, like)
        see = DownConvolutions(image_shape=self.image_shape, channels=self.channels)
        scores = build_network(see, schema.input_shape, schema.n_classes, generator, like)
        self._compete(network, scores, rows, generator)
        network = network.measured(generator)
        unit = network.spread_of_features(generator) if self.latents == "both" else None
        return StyleDecoder(network, self, schema.input_shape, like, unit)

    def _compete(self, network: nn.Module, scores: nn.Module, source: Draws, generator: torch.Generator) -> None:
        """Train both networks in turn."""
        shape = source.schema.input_shape
        optimizers = [torch.optim.Adam(part.parameters(), self.step_size, (0.0, 0.99)) for part in (scores, network)]

        def score(X: Tensor, key: Tensor) -> Tensor:
            return scores(X).gather(1, key[:, None])[:, 0]

        def made(key: Tensor) -> Tensor:
            z = gaussian((len(key), self.n_components), generator, source.no_rows().X)
            return network(z, key).reshape(-1, *shape)

        training = Training(self, source, generator, [scores, network], optimizers, self.n_steps)
        for X, key, mass in training:
            with torch.enable_grad():
                real = score(X.requires_grad_(), key)
                (slopes,) = torch.autograd.grad(real.sum(), X, create_graph=True)
                with torch.no_grad():
                    false = made(key)
                losses = functional.softplus(-real) + functional.softplus(score(false, key))
                training.descend(mass @ (losses + self.penalty / 2 * slopes.square().flatten(1).sum(1)))  # (2)
                training.descend(mass @ functional.softplus(-score(made(key), key)), optimizer=1)

    def _build(self, row_shape: tuple[int, ...], n_classes: int) -> StyleNetwork:
        layout = image_layout(self, row_shape, self.image_shape, self.channels)
        return StyleNetwork(layout, self.n_components, n_classes, self.width)

    def shape_of_latents(self, row_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the number of components, for each layer that has a style; of both, those and the feature maps."""
        if self.latents == "both":
            layout = image_layout(self, row_shape, self.image_shape, self.channels)
            return (N_LAYERS * self.n_components + prod(shape_of_features(layout, self.width)),)
        return (N_LAYERS, self.n_components) if self.latents == "styles" else (self.n_components,)

    def n_numbers(self, row_shape: tuple[int, ...], n_classes: int) -> int:
        """Count the numbers of the generator, and the unit of feature maps where these are kept."""
        with torch.device("meta"):
            network = self._build(row_shape, n_classes)
        return sum(values.numel() for values in network.kept(self.latents)) + (self.latents == "both")

    def has_code(self, row_shape: tuple[int, ...], n_classes: int) -> bool:
        """Tell that it has: the layers are its own."""
        return True

    def decoder_bytes(self, row_shape: tuple[int, ...], n_classes: int) -> int:
        """Count how many rows each class has, also where there is one, and for inputs twice."""
        n_counts = (1 + (self.latents == "inputs")) * n_classes - n_indicators(n_classes)
        return super().decoder_bytes(row_shape, n_classes) + 4 * n_counts


N_LAYERS = 4  # that have a style: three of convolutions, and what makes colours


def shape_of_features(layout: ImageLayout, width: int) -> tuple[int, int, int]:
    """Return the shape of the feature maps after the first layer."""
    _, height, breadth = layout.shape
    return 4 * width, -(-height // 4), -(-breadth // 4)


class StyleNetwork(nn.Module):
    """A mapping to styles, and what makes images of these: a constant image that is convolved, and doubled twice.

    Parameters
    ----------
    layout : ImageLayout
    n_components : int
    n_classes : int
    width : int
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, layout: ImageLayout, n_components: int, n_classes: int, width: int) -> None:
        super().__init__()
        self.layout = layout
        self.classes = nn.Embedding(n_classes, n_components)
        self.mapping = nn.Sequential(
            nn.Linear(2 * n_components, n_components),
            nn.LeakyReLU(0.2),
            nn.Linear(n_components, n_components),
            nn.LeakyReLU(0.2),
        )
        self.start = nn.Parameter(torch.randn(1, *shape_of_features(layout, width)))
        widths = 4 * width, 4 * width, 2 * width, width
        self.layers = nn.ModuleList(StyledConvolution(*pair, n_components) for pair in pairwise(widths))
        self.colours = StyledConvolution(width, layout.shape[0], n_components, size=1, demodulates=False)
        self.register_buffer("mean", torch.zeros(n_classes, n_components))
        self.register_buffer("spread", torch.ones(n_components))

    def kept(self, latents: str) -> Iterator[Tensor]:
        """Yield the numbers that images of some latents are made by: styles need no mapping."""
        for name, values in self.state_dict().items():
            if latents == "inputs" or not name.startswith(("classes.", "mapping.")):
                yield values

    def forward(self, z: Tensor, key: Tensor) -> Tensor:
        """Return images of latents, flat, in the layout that rows come in."""
        return self.images(self.styles(z, key)[:, None].expand(-1, N_LAYERS, -1))

    def styles(self, z: Tensor, key: Tensor) -> Tensor:
        """Return the style of each latent, of shape (m, n_components)."""
        return self.mapping(torch.cat([_normalized(z), _normalized(self.classes(key))], dim=1))

    def features(self, styles: Tensor) -> Tensor:
        """Return the feature maps that the first layer makes of styles of shape (m, n_components)."""
        return functional.leaky_relu(self.layers[0](self.start.expand(styles.shape[0], -1, -1, -1), styles), 0.2)

    def images(self, styles: Tensor, moved: Tensor | float = 0.0) -> Tensor:
        """Return images of styles of shape (m, N_LAYERS, n_components), and of what is added to the feature maps."""
        x = self.features(styles[:, 0]) + moved
        for place, layer in enumerate(self.layers[1:], start=1):
            x = functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = functional.leaky_relu(layer(x, styles[:, place]), 0.2)
        _, height, breadth = self.layout.shape
        images = self.colours(x, styles[:, -1])[:, :, :height, :breadth]
        return self.layout.rows(images, (images[0].numel(),))

    @torch.no_grad()
    def measured(self, generator: torch.Generator) -> Self:
        """Learn the mean of the styles of each class, and their spread within."""
        key = torch.arange(len(self.mean), device=self.mean.device).repeat_interleave(_N_DRAWS)
        styles = self.styles(gaussian((len(key), self.mean.shape[1]), generator, self.mean), key)
        styles = styles.unflatten(0, (-1, _N_DRAWS))
        self.mean.copy_(styles.mean(1))
        self.spread.copy_(styles.var(1).mean(0).sqrt())
        return self

    @torch.no_grad()
    def spread_of_features(self, generator: torch.Generator) -> Tensor:
        """Return the spread of the feature maps of random rows, over channels and places, too.

        What styles make of them within a class is a small part of it, by which points would hardly move.
        """
        key = torch.arange(len(self.mean), device=self.mean.device).repeat_interleave(_N_FEATURE_DRAWS)
        styles = self.styles(gaussian((len(key), self.mean.shape[1]), generator, self.mean), key)
        return self.features(styles).std()


class StyledConvolution(nn.Module):
    """A convolution whose inputs a style scales.

    Parameters
    ----------
    n_inputs, n_outputs : int
        Channels.
    n_components : int
        Numbers in a style.
    size : int, default=3
        Of the kernel.
    demodulates : bool, default=True
        Whether outputs are brought back to unit variance.
    """

    def __init__(
        self, n_inputs: int, n_outputs: int, n_components: int, size: int = 3, demodulates: bool = True
    ) -> None:
        super().__init__()
        self.scale = nn.Linear(n_components, n_inputs)
        nn.init.ones_(self.scale.bias)
        self.weight = nn.Parameter(torch.randn(n_outputs, n_inputs, size, size) / (n_inputs * size**2) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(n_outputs))
        self.demodulates = demodulates

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Return the outputs."""
        scales = self.scale(style)
        outputs = functional.conv2d(x * scales[:, :, None, None], self.weight, padding=self.weight.shape[2] // 2)
        if self.demodulates:
            squares = scales.square() @ self.weight.square().sum((2, 3)).T
            outputs = outputs * (squares + 1e-8).rsqrt()[:, :, None, None]  # (1)
        return outputs + self.bias[:, None, None]

    def code(self) -> ModulatedConvolution:
        """Return what a file keeps."""
        scale_weight, scale_bias = float32(self.scale.weight), float32(self.scale.bias)
        return ModulatedConvolution(
            scale_weight, scale_bias, float32(self.weight), float32(self.bias), self.demodulates
        )


class StyleDecoder(LiveGenerator):
    """Images of styles, of styles and of what is added to feature maps, or of what styles are made of.

    Parameters
    ----------
    network : StyleNetwork
    part : StyleGenerator
    row_shape : tuple of int
    like : Tensor
    unit : Tensor of shape () or None
        Of what is added to feature maps; None where nothing is.
    """

    encodes = False

    def __init__(
        self,
        network: StyleNetwork,
        part: StyleGenerator,
        row_shape: tuple[int, ...],
        like: Tensor,
        unit: Tensor | None,
    ) -> None:
        super().__init__(part.shape_of_latents(row_shape), like)
        self._network, self._row_shape = network.requires_grad_(False).eval(), row_shape
        self._truncation, self._n_steps, self._unit = part.truncation, part.n_search_steps, unit
        self._latents = part.latents

    def decode(self, z: Tensor, key: Tensor) -> Tensor:
        """Return the rows."""
        network, moved = self._network, z.new_zeros(())
        offsets = self._offsets(z, key)[:, None].expand(-1, N_LAYERS, -1) if self._latents == "inputs" else z
        if self._unit is not None:
            shape = N_LAYERS, network.mean.shape[1]
            offsets, moved = z[:, : prod(shape)].unflatten(1, shape), z[:, prod(shape) :]
            moved = self._unit * moved.unflatten(1, network.start.shape[1:])
        styles = network.mean.index_select(0, key)[:, None] + network.spread * offsets
        return network.images(styles, moved).reshape(-1, *self._row_shape)

    def encode(self, X: Tensor, key: Tensor) -> Tensor:
        """Search for the latents of rows."""
        return inverted(self, X, key, self._n_steps)

    def draw(self, key: Tensor, generator: torch.Generator) -> Tensor:
        """Draw inputs, or their styles, to which nothing is added."""
        z = gaussian((len(key), self._network.mean.shape[1]), generator, self._like)
        if self._latents == "inputs":
            return z
        styles = self._offsets(z, key)[:, None].repeat(1, N_LAYERS, 1)
        return styles if self._unit is None else functional.pad(styles.flatten(1), (0, self._network.start.numel()))

    def _offsets(self, z: Tensor, key: Tensor) -> Tensor:
        """Return how far styles are from the mean of their class, in units of their spread, as truncation leaves it."""
        network = self._network
        offsets = (network.styles(z, key) - network.mean.index_select(0, key)) / network.spread
        return self._truncation * offsets

    def numbers(self) -> Iterable[Tensor]:
        """Return the numbers of the network, and the unit."""
        return chain(self._network.kept(self._latents), [] if self._unit is None else [self._unit])

    def code(self, latents: Code, key: Tensor, offset: Tensor | float) -> Layer | None:
        """Return the mapping, where latents are what it is applied to, and the convolutions."""
        network, share = self._network, self._truncation
        layout, counts = network.layout, class_counts(key, len(network.mean))
        means, spread, styles = network.mean, network.spread, latents
        if self._latents == "inputs":  # the mapping gives styles, which truncation draws to their means
            given = WithGroups(Normalized(latents), counts, float32(_normalized(network.classes.weight)))
            styles = cast(Layer, network_code(network.mapping, given))
            means, spread = (1 - share) * means, torch.full_like(spread, share)
        unit = None if self._unit is None else float32(self._unit.reshape(1))
        convolutions = (layer.code() for layer in (*network.layers, network.colours))
        numbers = float32(means), float32(spread), float32(network.start[0])
        images = StyledImages(styles, counts, *numbers, unit, *convolutions)
        return plus_offset(Cropped(images, self._row_shape, layout.shape, layout.last), offset, self._row_shape)


def _normalized(values: Tensor) -> Tensor:
    """Return rows divided by the root of their mean square."""
    return values * (values.square().mean(1, keepdim=True) + 1e-8).rsqrt()
