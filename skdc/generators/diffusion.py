"""Diffusion generators, in the latents of an autoencoder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, pairwise
from math import cos, pi, sin

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from skdc.codes import Code, Denoised, Inputs, Layer, WithGroups
from skdc.codes.diffusion import FREQUENCIES, angles_of
from skdc.generators.base import Generator, LiveGenerator
from skdc.generators.coded import class_counts, network_code
from skdc.generators.networks import (
    builds_code,
    conditioned,
    count_state,
    n_indicators,
)
from skdc.generators.training import Training, check_training
from skdc.generators.variational import VariationalGenerator
from skdc.networks import MLP, Builder, build_network
from skdc.seeds import gaussian, uniform
from skdc.sources import Draws, Source


# A latent x and noise e are mixed at angles a from 0 to pi / 2, and a network tells the velocity v of the mixture z,
#     z = cos(a) x + sin(a) e,    v = cos(a) e - sin(a) x                                                           (1)
# from which x and e come back (Salimans and Ho, 2022, appendix D):
#     x = cos(a) z - sin(a) v,    e = sin(a) z + cos(a) v                                                           (2)
# A step of DDIM mixes these anew at a smaller angle b (Song, Meng and Ermon, 2021, eq. 12); to a larger one it leads
# from a latent back to its noise:
#     z <- cos(b) x + sin(b) e                                                                                      (3)
class DiffusionGenerator(Generator):
    r"""Diffusion in the latents of a variational autoencoder [1]_, of which DDIM makes a map [2]_.

    A network learns the velocity of mixtures of latents and noise, by class; from noise, which the latents of this
    generator are, a few steps lead to latents of the autoencoder, and these are decoded. Gradients pass through all
    steps, of which each is computed once more for them.

    Parameters
    ----------
    autoencoder : VariationalGenerator, default=None
        None is `VariationalGenerator()`.
    network : callable, default=None
        Builder `network((n_inputs,), n_components) -> nn.Module` of the velocity; None takes `MLP(width=256)`.
    n_diffusion_steps : int, default=20
        From noise to latents.
    skip : bool, default=False
        Mix each estimate of the latent with the one that the steps start from, by a share that falls from one to zero
        [3]_: a short way for gradients; and what a point starts from are the latents of its row.
    n_steps : int, default=2000
        Of the training, by Adam.
    step_size : float, default=0.002
    batch_size : int, default=128

    References
    ----------
    .. [1] Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models", 2022.
    .. [2] Song, Meng and Ermon, "Denoising Diffusion Implicit Models", 2021, eq. 12.
    .. [3] Moser et al., "Latent Dataset Distillation with Diffusion Models", 2024 (LD3M).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import GenerativeModel
    >>> from skdc.generators import DiffusionGenerator, VariationalGenerator
    >>> part = DiffusionGenerator(VariationalGenerator(n_components=2, n_steps=200), n_steps=200)
    >>> X, y = GenerativeModel(part, random_state=0).fit(*load_iris(return_X_y=True)).sample(6)
    >>> X.shape
    (6, 4)
    """

    autoencoder: VariationalGenerator | None = None
    network: Builder | None = None
    n_diffusion_steps: int = 20
    skip: bool = False
    n_steps: int = 2000
    step_size: float = 0.002
    batch_size: int = 128

    def learn(self, source: Source, generator: torch.Generator) -> DiffusionDecoder:
        """Fit the autoencoder, and train the network on its latents."""
        rows = check_training(self, source)
        if self.n_diffusion_steps < 1:
            raise ValueError(f"{self!r}: n_diffusion_steps must be at least 1")
        base = self._autoencoder().fit(source, generator)
        n_classes, (size,) = source.schema.n_classes, base.latent_shape
        network = build_network(self._network(), self._inputs(size, n_classes), size, generator, source.no_rows().X)
        self._train(network, base, rows, generator)
        return DiffusionDecoder(base, network, n_classes, self.n_diffusion_steps, self.skip, source.no_rows().X)

    def _train(self, network: nn.Module, base: LiveGenerator, source: Draws, generator: torch.Generator) -> None:
        optimizer = torch.optim.Adam(network.parameters(), lr=self.step_size)
        training = Training(self, source, generator, [network], [optimizer], self.n_steps)
        for X, key, mass in training:
            with torch.no_grad():
                x = base.encode(X, key)
                e, angle = gaussian(x.shape, generator, x), pi / 2 * uniform((len(x), 1), generator, x)
                z, v = angle.cos() * x + angle.sin() * e, angle.cos() * e - angle.sin() * x  # (1)
            with torch.enable_grad():
                errors = network(_inputs(z, angle, key, source.schema.n_classes)) - v
                training.descend(mass @ errors.square().mean(1))

    def _autoencoder(self) -> VariationalGenerator:
        return self.autoencoder or VariationalGenerator()

    def _network(self) -> Builder:
        return self.network or MLP(width=256)

    def _inputs(self, size: int, n_classes: int) -> tuple[int]:
        return (size + 2 * len(FREQUENCIES) + n_indicators(n_classes),)

    def shape_of_latents(self, row_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return that of the autoencoder."""
        return self._autoencoder().shape_of_latents(row_shape)

    def n_numbers(self, row_shape: tuple[int, ...], n_classes: int) -> int:
        """Count the numbers of the decoder, and those of the network."""
        (size,) = self.shape_of_latents(row_shape)
        own = count_state(self._network(), self._inputs(size, n_classes), size)
        return own + self._autoencoder().n_numbers(row_shape, n_classes)

    def has_code(self, row_shape: tuple[int, ...], n_classes: int) -> bool:
        """Tell whether numpy has the layers of both."""
        (size,) = self.shape_of_latents(row_shape)
        own = builds_code(self._network(), self._inputs(size, n_classes), size)
        return own and self._autoencoder().has_code(row_shape, n_classes)

    def decoder_bytes(self, row_shape: tuple[int, ...], n_classes: int) -> int:
        """Count how many rows each class has twice, for either network."""
        return super().decoder_bytes(row_shape, n_classes) + 4 * n_indicators(n_classes)


class DiffusionDecoder(LiveGenerator):
    """Rows that an autoencoder decodes of latents to which noise leads.

    Parameters
    ----------
    base : LiveGenerator
        The autoencoder.
    network : nn.Module
        Of the velocity.
    n_classes, n_steps : int
    skip : bool
    like : Tensor
    """

    def __init__(
        self, base: LiveGenerator, network: nn.Module, n_classes: int, n_steps: int, skip: bool, like: Tensor
    ) -> None:
        super().__init__(base.latent_shape, like)
        self.base, self.n_steps = base, n_steps
        self._network, self._n_classes = network.requires_grad_(False).eval(), n_classes
        self._skip, self._angles = skip, angles_of(n_steps)

    def decode(self, z: Tensor, key: Tensor) -> Tensor:
        """Return the rows."""
        return self.base.decode(ddim(self._velocity(key), z, self._angles, self._skip), key)

    def sample(self, z: Tensor, key: Tensor, generator: torch.Generator) -> Tensor:
        """Draw rows as the autoencoder does."""
        return self.base.sample(ddim(self._velocity(key), z, self._angles, self._skip), key, generator)

    def encode(self, X: Tensor, key: Tensor) -> Tensor:
        """Return the noise that leads to the latents of rows; with a skip, these themselves."""
        z = self.base.encode(X, key)
        return z if self._skip else ddim(self._velocity(key), z, self._angles[::-1])

    def estimate(self, z: Tensor, start: Tensor, step: int, key: Tensor) -> tuple[Tensor, Tensor]:
        """Return what latents of the autoencoder, and what noise, are expected in mixtures before a step.

        Parameters
        ----------
        z, start : Tensor of shape (m, q)
            The mixtures, and those from which the first step went out.
        step : int
            From 0 to `n_steps` - 1.
        key : int64 Tensor of shape (m,)
        """
        return _estimates(self._velocity(key), z, self._angles[step], self._skip * (1 - step / self.n_steps), start)

    def mix(self, x: Tensor, e: Tensor, step: int) -> Tensor:
        """Return latents and noise mixed as they are before a step; before step `n_steps`, all is latents."""
        return _mixture(x, e, self._angles[step])

    def numbers(self) -> Iterator[Tensor]:
        """Return the numbers of the decoder and of the network."""
        return chain(self.base.numbers(), self._network.state_dict().values())

    def code(self, latents: Code, key: Tensor, offset: Tensor | float) -> Code | None:
        """Return the steps and the layers of both networks, where numpy has all of them."""
        given: Code = Inputs()
        if self._n_classes > 1:
            given = WithGroups(given, class_counts(key, self._n_classes))
        velocity = network_code(self._network, given)
        if not isinstance(velocity, Layer):
            return None
        return self.base.code(Denoised(latents, velocity, self.n_steps, self._skip), key, offset)

    def draw(self, key: Tensor, generator: torch.Generator) -> Tensor:
        """Draw noise; with a skip, latents to which noise leads."""
        noise = super().draw(key, generator)
        return ddim(self._velocity(key), noise, self._angles) if self._skip else noise

    def _velocity(self, key: Tensor) -> Callable[[Tensor, float], Tensor]:
        def velocity(z: Tensor, angle: float) -> Tensor:
            return self._network(_inputs(z, z.new_full((z.shape[0], 1), angle), key, self._n_classes))

        return velocity


def _inputs(z: Tensor, angle: Tensor, key: Tensor, n_classes: int) -> Tensor:
    """Return what a network is told: mixtures, angles of shape (m, 1) and classes."""
    waves = [wave for k in FREQUENCIES for wave in ((k * angle).cos(), (k * angle).sin())]
    return conditioned(torch.cat([z, *waves], dim=1), key, n_classes)


def _estimates(
    velocity: Callable[[Tensor, float], Tensor], z: Tensor, angle: float, share: float, start: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the latents, mixed with a share of the start, and the noise that are expected in mixtures at an angle."""
    v = velocity(z, angle)
    x, e = cos(angle) * z - sin(angle) * v, sin(angle) * z + cos(angle) * v  # (2)
    return (1 - share) * x + share * start, e


def _mixture(x: Tensor, e: Tensor, angle: float) -> Tensor:
    return cos(angle) * x + sin(angle) * e  # (3)


def ddim(velocity: Callable[[Tensor, float], Tensor], z: Tensor, angles: list[float], skip: bool = False) -> Tensor:
    """Return where the steps of DDIM lead from some mixtures, differentiable in these.

    Parameters
    ----------
    velocity : callable
        Of mixtures of shape (m, q) at an angle.
    z : Tensor of shape (m, q)
    angles : list of float
        From pi / 2, where all is noise, to 0; or back.
    skip : bool, default=False
        Whether each estimate of the latents is mixed with where the steps start from.
    """
    start, n_steps = z, len(angles) - 1
    for step, (a, b) in enumerate(pairwise(angles)):

        def advance(z: Tensor, a: float = a, b: float = b, share: float = skip * (1 - step / n_steps)) -> Tensor:
            return _mixture(*_estimates(velocity, z, a, share, start), b)

        moves = torch.is_grad_enabled() and z.requires_grad
        z = checkpoint(advance, z, use_reentrant=False, preserve_rng_state=False) if moves else advance(z)
    return z
