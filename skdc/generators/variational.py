"""Variational autoencoders."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor

from skdc.generators.base import Generator
from skdc.generators.mixed import MixedColumns, MixedDecoder
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
from skdc.seeds import gaussian
from skdc.sources import Source


class VariationalGenerator(Generator):
    r"""Conditional variational autoencoder [1]_ [2]_, whose decoder has the best variance of its errors [3]_.

    An encoder reads from a row the Gaussian of its latent z, a decoder makes the row of z and the class. They minimise,
    for rows x of d numbers with errors e,

    .. math:: \frac{d}{2} \log E[e^2] + E[\mathrm{KL}(q(z | x) \| N(0, 1))]

    the negative evidence with the variance of the errors for which it is least: rows are as sharp as the decoder can
    make them, with no weight of the two terms to choose. The second grows from nothing over the first half of the
    steps.

    The encoder sees rows less the mean of their class. Random rows are drawn by the mean and the covariance that the
    latents have in their class [4]_: from 2000 such rows of MNIST a forest learned digits with an accuracy of 0.82,
    from rows of standard Gaussian latents with one of 0.58, from real ones with one of 0.88.

    Of a frame with categories, and of numbers that `skdc.preprocessing.ModeEncoder` has encoded by their modes, it is
    TVAE [5]_: categories and modes are decoded as their probabilities, of which the cross-entropy takes the place of
    squared errors, and each column of numbers has a variance of its own. Random rows are then drawn by these
    probabilities and variances, too. For TVAE's encoding give `encoder=TabularEncoder(numbers=ModeEncoder())` to the
    condenser or the `GenerativeModel`. Unlike TVAE it is told the class; variances are those of most likelihood in a
    batch, and no parameters.

    Parameters
    ----------
    n_components : int, default=16
        Numbers in a latent.
    encoder : callable, default=None
        Builder `encoder(row_shape, 2 * n_components) -> nn.Module`; None takes strided convolutions for images of
        16x16 or more, else an `MLP` of width 256.
    decoder : callable, default=None
        Builder `decoder((n_components + n_classes,), n_features) -> nn.Module`, of which the rows come out flat; None
        takes transposed convolutions, or an `MLP` of width 256.
    n_steps : int, default=1000
        Steps of Adam, of which the size falls to zero as a cosine does.
    step_size : float, default=0.002
    batch_size : int, default=128
        Rows in a step.

    References
    ----------
    .. [1] Kingma and Welling, "Auto-Encoding Variational Bayes", 2014.
    .. [2] Sohn, Lee and Yan, "Learning Structured Output Representation using Deep Conditional Generative Models",
       2015.
    .. [3] Rybkin, Daniilidis and Levine, "Simple and Effective VAE Training with Calibrated Decoders", 2021, eq. 5.
    .. [4] Ghosh et al., "From Variational to Deterministic Autoencoders", 2020, section 4.
    .. [5] Xu, Skoularidou, Cuesta-Infante and Veeramachaneni, "Modeling Tabular data using Conditional GAN", 2019,
       section 4.5.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import GenerativeModel
    >>> from skdc.generators import VariationalGenerator
    >>> model = GenerativeModel(VariationalGenerator(n_components=2, n_steps=200), random_state=0)
    >>> X, y = model.fit(*load_iris(return_X_y=True)).sample(6)
    >>> X.shape
    (6, 4)
    """

    n_components: int = 16
    encoder: Builder | None = None
    decoder: Builder | None = None
    n_steps: int = 1000
    step_size: float = 0.002
    batch_size: int = 128

    def learn(self, source: Source, generator: torch.Generator) -> NetworkDecoder:
        """Train both networks."""
        rows = check_training(self, source)
        schema, like = source.schema, source.no_rows().X
        shape, n_classes = schema.input_shape, schema.n_classes
        encoder = build_network(self._encoder(shape), shape, 2 * self.n_components, generator, like)
        inputs = (self.n_components + n_indicators(n_classes),)
        decoder = build_network(self._decoder(shape), inputs, prod(shape), generator, like)
        units, columns = ClassUnits.of_sample(rows, generator), MixedColumns.of(source)
        optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=self.step_size)
        training = Training(self, rows, generator, [encoder, decoder], [optimizer], self.n_steps)
        for X, key, mass in training:
            # Latents are told from noise before they have to be near it, or all would be noise.
            warmth = min(1.0, training.step / (_WARM_UP * self.n_steps))
            with torch.enable_grad():
                mean, log_variance = encoder(units(X, key)).chunk(2, dim=1)
                z = mean + (log_variance / 2).exp() * gaussian(mean.shape, generator, mean)
                outputs = decoder(conditioned(z, key, n_classes))
                surprise = (
                    gaussian_surprise(outputs - X.flatten(1), mass)
                    if columns is None
                    else columns.surprise(outputs, X.flatten(1), mass)
                )
                training.descend(surprise + warmth * (mass @ divergence(mean, log_variance)))
        if columns is None:
            return NetworkDecoder(decoder, encoder, units, self.n_components).draws_as(rows, generator)
        live = MixedDecoder(decoder, encoder, units, self.n_components, columns)
        return live.learn_deviations(rows, generator).draws_as(rows, generator)

    def _encoder(self, row_shape: tuple[int, ...]) -> Builder:
        return self.encoder or default_encoder(row_shape)

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

    def n_of_draws(self, row_shape: tuple[int, ...], n_classes: int) -> int:
        """Count the mean and the root of the covariance of the latents of each class."""
        return n_classes * self.n_components * (self.n_components + 1)


_WARM_UP = 0.5  # of the steps


# The bound of minus the log evidence of rows is their surprise and the divergence of their latents from the prior.
def gaussian_surprise(errors: Tensor, mass: Tensor) -> Tensor:
    """Return minus the log likelihood of rows, for the best variance of the decoder, on average and less a constant.

    Parameters
    ----------
    errors : Tensor of shape (n, d)
        Of the decoder.
    mass : Tensor of shape (n,)
        Weights that sum to one.
    """
    variance = mass @ errors.square().mean(1) + torch.finfo(errors.dtype).tiny
    return errors.shape[1] / 2 * variance.log()


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the divergence of Gaussian latents from standard ones, of shape (n,), for moments of shape (n, q)."""
    return (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2
