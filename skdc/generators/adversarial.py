"""Adversarial generators."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor, nn

from skdc.generators.base import Generator
from skdc.generators.moments import ClassUnits
from skdc.generators.networks import (
    NetworkDecoder,
    conditioned,
    count_numbers,
    decoder_has_code,
    default_decoder,
    default_encoder,
    n_indicators,
)
from skdc.generators.training import Training, check_training
from skdc.networks import Builder, build_network
from skdc.seeds import gaussian, uniform
from skdc.sources import Draws, Source


class AdversarialGenerator(Generator):
    r"""Conditional Wasserstein GAN with a penalty on slopes [1]_, and an encoder that is trained afterwards [2]_.

    A critic f with an output for each class ascends, and a decoder G descends, for rows x of class c and standard
    Gaussian z,

    .. math:: E[f_c(x)] - E[f_c(G(z, c))] - \lambda\, E[(\|\nabla f_c(u)\| - 1)^2]

    with u at random between x and G(z, c). Then an encoder learns to tell z of G(z, c), and latents whose rows are near
    to those of the data. Rows are sharper than those of a `VariationalGenerator`, but not all rows have latents: the
    encodings of the data are farther from them.

    Parameters
    ----------
    n_components : int, default=16
        Numbers in a latent.
    encoder : callable, default=None
        Builder of the encoder, `encoder(row_shape, n_components) -> nn.Module`, and of the critic; None is as in
        `VariationalGenerator`.
    decoder : callable, default=None
        As in `VariationalGenerator`.
    n_steps : int, default=500
        Of the decoder, and then of the encoder.
    n_critic_steps : int, default=3
        For each of the decoder; the paper has 5.
    penalty : float, default=1.0
        :math:`\lambda`; the paper has 10. In so few steps that gave rows far from two rings that are to be learned, and
        this rows on them.
    step_size : float, default=0.002
    batch_size : int, default=128

    References
    ----------
    .. [1] Gulrajani et al., "Improved Training of Wasserstein GANs", 2017, eq. 3.
    .. [2] Zhu et al., "In-Domain GAN Inversion for Real Image Editing", 2020, section 3.1.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import GenerativeModel
    >>> from skdc.generators import AdversarialGenerator
    >>> model = GenerativeModel(AdversarialGenerator(n_components=2, n_steps=50), random_state=0)
    >>> X, y = model.fit(*load_iris(return_X_y=True)).sample(6)
    >>> X.shape
    (6, 4)
    """

    n_components: int = 16
    encoder: Builder | None = None
    decoder: Builder | None = None
    n_steps: int = 500
    n_critic_steps: int = 3
    penalty: float = 1.0
    step_size: float = 0.002
    batch_size: int = 128

    def learn(self, source: Source, generator: torch.Generator) -> NetworkDecoder:
        """Train decoder and critic, then the encoder."""
        rows = check_training(self, source)
        if self.n_critic_steps < 1 or not self.penalty > 0:
            raise ValueError(f"{self!r}: n_critic_steps must be at least 1, and penalty positive")
        schema, like = source.schema, source.no_rows().X
        shape, see = schema.input_shape, self.encoder or default_encoder(schema.input_shape)
        inputs = (self.n_components + n_indicators(schema.n_classes),)
        decoder = build_network(self._decoder(shape), inputs, prod(shape), generator, like)
        critic = build_network(see, shape, schema.n_classes, generator, like)
        encoder = build_network(see, shape, self.n_components, generator, like)
        units = ClassUnits.of_sample(rows, generator)
        self._compete(decoder, critic, units, rows, generator)
        live = NetworkDecoder(decoder, encoder, units, self.n_components)
        self._train_encoder(live, rows, generator)
        return live

    def _compete(
        self, decoder: nn.Module, critic: nn.Module, units: ClassUnits, source: Draws, generator: torch.Generator
    ) -> None:
        """Train a decoder and its critic in turn."""
        networks = critic, decoder
        optimizers = [torch.optim.Adam(part.parameters(), lr=self.step_size, betas=(0.0, 0.9)) for part in networks]

        def scores(values: Tensor, key: Tensor) -> Tensor:
            return critic(values).gather(1, key[:, None])[:, 0]

        def made(key: Tensor) -> Tensor:
            z = gaussian((len(key), self.n_components), generator, units.means)
            rows = decoder(conditioned(z, key, len(units.means))).reshape(-1, *units.means.shape[1:])
            return units(rows, key)

        n_steps = self.n_steps * self.n_critic_steps
        training = Training(self, source, generator, networks, optimizers, n_steps)
        for X, key, mass in training:
            with torch.enable_grad():
                real = units(X, key)
                with torch.no_grad():
                    false = made(key)
                gap = mass @ (scores(false, key) - scores(real, key))
                place = uniform((len(X), *[1] * (X.ndim - 1)), generator, X)
                between = (place * real + (1 - place) * false).requires_grad_()
                training.descend(gap + self.penalty * (mass @ _excess(scores(between, key), between)))
                if training.step % self.n_critic_steps == self.n_critic_steps - 1:
                    training.descend(-(mass @ scores(made(key), key)), optimizer=1)

    def _train_encoder(self, live: NetworkDecoder, source: Draws, generator: torch.Generator) -> None:
        """Train the encoder to tell the latents of rows that are made, and to come near to rows of the data."""
        encoder = live.encoder.requires_grad_(True).train()
        optimizer = torch.optim.Adam(encoder.parameters(), lr=self.step_size)
        training = Training(self, source, generator, [encoder], [optimizer], self.n_steps, "encoder")
        for X, key, mass in training:
            z = live.draw(key, generator)
            with torch.enable_grad():
                of_latents = (live.encode(live.decode(z, key), key) - z).square().mean(1)
                errors = (live.decode(live.encode(X, key), key) - X) / live.units.scale
                training.descend(mass @ (of_latents + errors.square().flatten(1).mean(1)))
        encoder.requires_grad_(False).eval()

    def _decoder(self, row_shape: tuple[int, ...]) -> Builder:
        return self.decoder or default_decoder(row_shape)

    def shape_of_latents(self, row_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the number of components."""
        return (self.n_components,)

    def n_numbers(self, row_shape: tuple[int, ...], n_classes: int) -> int:
        """Count the numbers of the decoder."""
        return count_numbers(self._decoder(row_shape), self.n_components, row_shape, n_classes)

    def has_code(self, row_shape: tuple[int, ...], n_classes: int) -> bool:
        """Tell whether numpy has the layers of the decoder."""
        return decoder_has_code(self._decoder(row_shape), self.n_components, row_shape, n_classes)


def _excess(scores: Tensor, points: Tensor) -> Tensor:
    """Return by how much the slope of the critic at each point differs from one, squared."""
    (slopes,) = torch.autograd.grad(scores.sum(), points, create_graph=True)
    norms = (slopes.square().flatten(1).sum(1) + torch.finfo(slopes.dtype).tiny).sqrt()
    return (norms - 1).square()
