"""Flow generators: maps between rows and Gaussian latents that lose nothing (the extra ``flows``)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from math import log, pi, prod
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from skdc.exceptions import PartsError
from skdc.generators.base import Generator, LiveGenerator, require_encoder
from skdc.generators.networks import n_indicators
from skdc.generators.training import Training, check_training
from skdc.networks import build_network
from skdc.randomness import drawing_from
from skdc.seeds import gaussian
from skdc.sources import Draws, Source, class_codes

_WIDEST = 256  # numbers in a row: the splines of each take 23
_SAMPLE = 4096  # rows by which the units of the features are known
_FARTHEST = 3.0  # of the numbers in their units: splines bend those up to 5, and Gaussian latents reach as far


# Splines T lead from rows x to latents z = T(x | y), of which the density is Gaussian, so that
#     log p(x | y) = log N(z; 0, 1) + log |det dT / dx|                                                             (1)
class FlowGenerator(Generator):
    r"""Neural spline flow [1]_: a bijection between rows and latents, by class; it needs `zuko`, the extra ``flows``.

    Latents are standard Gaussian, have as many numbers as rows, and are encoded and decoded without loss. Each of some
    transforms bends every feature by a monotonic rational-quadratic spline, whose knots are those of the class and,
    for the second half of the features, of the first half too: a coupling, which is as quick to invert as to apply.
    Features are put in a random order before each. The likelihood of the rows is what is maximised.

    It is for rows of tables and for embeddings, of no more than 256 numbers. For images and wider rows give an
    autoencoder, in whose latents the flow then is.

    Parameters
    ----------
    autoencoder : Generator, default=None
        One that encodes, such as `VariationalGenerator()` or `LinearGenerator()`: the flow is of its latents, and is
        as exact as that is. None takes the rows themselves.
    n_transforms : int, default=3
    width : int, default=128
        Of the two hidden layers of the networks that choose knots.
    noise : float, default=0.05
        Deviation of Gaussian noise that is added to rows while it trains, in units of the spread of each feature.
        Without, whole numbers and indicators of categories have no density.
    n_steps : int, default=1000
        Steps of Adam, of which the size falls to zero as a cosine does.
    step_size : float, default=0.005
    batch_size : int, default=256
        Rows in a step.

    References
    ----------
    .. [1] Durkan, Bekasov, Murray and Papamakarios, "Neural Spline Flows", 2019.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import GenerativeModel
    >>> from skdc.generators import FlowGenerator
    >>> X, y = load_iris(return_X_y=True)
    >>> model = GenerativeModel(FlowGenerator(n_steps=100), random_state=0).fit(X, y)
    >>> float(abs(model.decode(model.encode(X, y), y) - X).max()) < 1e-4
    True
    """

    autoencoder: Generator | None = None
    n_transforms: int = 3
    width: int = 128
    noise: float = 0.05
    n_steps: int = 1000
    step_size: float = 0.005
    batch_size: int = 256

    def learn(self, source: Source, generator: torch.Generator) -> FlowDecoder:
        """Fit the autoencoder, if there is one, and train the flow.

        Raises
        ------
        ImportError
            Without `zuko`, saying how to install it.
        PartsError
            For rows that are too wide, and an autoencoder that does not encode.
        """
        splines()
        rows = check_training(self, source)
        if min(self.n_transforms, self.width) < 1 or not self.noise >= 0:
            raise ValueError(f"{self!r}: n_transforms and width must be at least 1, and noise not negative")
        shape, n_classes = source.schema.input_shape, source.schema.n_classes
        like = source.no_rows().X
        if self.autoencoder is None:
            self._refuse_wide(shape)
            base: LiveGenerator = _Rows(shape, like)
        else:
            base = require_encoder(self, self.autoencoder.fit(source, generator))
        size = prod(base.latent_shape)
        network = build_network(self._build, (size,), n_indicators(n_classes), generator, like)
        units = FeatureUnits.of_sample(base, rows, generator)
        live = FlowDecoder(base, network.get_submodule("transform"), units)
        self._train(live, rows, generator)
        live.transform.requires_grad_(False)
        return live

    def _train(self, live: FlowDecoder, source: Draws, generator: torch.Generator) -> None:
        optimizer = torch.optim.Adam(live.transform.parameters(), lr=self.step_size)
        training = Training(self, source, generator, [live.transform], [optimizer], self.n_steps)
        for X, key, mass in training:
            with torch.no_grad():
                x = live.units(live.base.encode(X, key).flatten(1), key)
                x = x + self.noise * gaussian(x.shape, generator, x)
            with torch.enable_grad():
                training.descend(-mass @ live.log_density_in_units(x, key))

    def _refuse_wide(self, row_shape: tuple[int, ...]) -> None:
        if prod(row_shape) > _WIDEST:
            raise PartsError(
                f"FlowGenerator makes a latent of as many numbers as a row has, at most {_WIDEST}, but these rows have "
                f"{prod(row_shape)}; give it an autoencoder, as in FlowGenerator(VariationalGenerator()) for images or "
                "FlowGenerator(LinearGenerator(64)) for wide tables and embeddings"
            )

    def _build(self, input_shape: tuple[int, ...], n_indicators: int) -> nn.Module:
        """Build a flow of rows of a width, told so many indicators of classes."""
        (size,), hidden = input_shape, (self.width, self.width)
        settings = {"transforms": self.n_transforms, "hidden_features": hidden, "passes": 2, "randperm": True}
        return splines()(size, n_indicators, **settings)

    def shape_of_latents(self, row_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the number of numbers in a row, or in a latent of the autoencoder."""
        return (prod(row_shape if self.autoencoder is None else self.autoencoder.shape_of_latents(row_shape)),)

    def n_numbers(self, row_shape: tuple[int, ...], n_classes: int) -> int:
        """Count the numbers of the networks and the units, and those of the autoencoder."""
        size = self.shape_of_latents(row_shape)
        with drawing_from(0):  # what the layers draw is not needed
            network = self._build(size, n_indicators(n_classes))
        own = sum(values.numel() for values in network.parameters()) + (n_classes + 1) * prod(size)
        return own + (0 if self.autoencoder is None else self.autoencoder.n_numbers(row_shape, n_classes))


def splines() -> Any:
    """Return the class of flows of `zuko`.

    Raises
    ------
    ImportError
        Saying how to install it.
    """
    try:
        from zuko.flows import NSF
    except ImportError as error:
        raise ImportError('FlowGenerator needs zuko; install it by: pip install "skdc[flows]"') from error
    return NSF


class FeatureUnits(NamedTuple):
    """Numbers less their mean in the class, each in units of its own spread, in which none is far off.

    Parameters
    ----------
    means : Tensor of shape (n_classes, d)
    scale : Tensor of shape (d,)
    """

    means: Tensor
    scale: Tensor

    @classmethod
    @torch.no_grad()
    def of_sample(cls, base: LiveGenerator, source: Draws, generator: torch.Generator) -> FeatureUnits:
        """Return those of the latents of some thousand rows."""
        rows = source.sample(_SAMPLE, generator)
        key = class_codes(rows, source.schema)
        x = base.encode(rows.X / source.spread, key).flatten(1).double()
        weight = one_hot(key, source.schema.n_classes).T * rows.weight.double()
        means = (weight @ x) / weight.sum(1, keepdim=True).clamp_min(torch.finfo(x.dtype).tiny)
        about = x - means.index_select(0, key)
        deviation = (rows.mass.double() @ about.square()).sqrt()
        # What is rare, such as the indicator of a category, has to lie where splines bend, or would not be drawn.
        scale = torch.maximum(deviation, about.abs().amax(0) / _FARTHEST)
        return cls(means.to(rows.X), scale.to(rows.X) + torch.finfo(rows.X.dtype).eps)

    def __call__(self, x: Tensor, key: Tensor) -> Tensor:
        """Return numbers in these units."""
        return (x - self.means.index_select(0, key)) / self.scale

    def undone(self, x: Tensor, key: Tensor) -> Tensor:
        """Return numbers that are in these units as they were."""
        return x * self.scale + self.means.index_select(0, key)


class FlowDecoder(LiveGenerator):
    """Rows, or latents of an autoencoder, that splines make of Gaussian latents.

    Parameters
    ----------
    base : LiveGenerator
        The autoencoder.
    transform : nn.Module
        Returns the bijection from what the units show to latents, for some indicators of classes.
    units : FeatureUnits
    """

    def __init__(self, base: LiveGenerator, transform: nn.Module, units: FeatureUnits) -> None:
        super().__init__((len(units.scale),), units.scale)
        self.base, self.transform, self.units = base, transform.eval(), units

    def decode(self, z: Tensor, key: Tensor) -> Tensor:
        """Return the rows."""
        return self.base.decode(self._decoded(z, key), key)

    def sample(self, z: Tensor, key: Tensor, generator: torch.Generator) -> Tensor:
        """Draw rows as the autoencoder does."""
        return self.base.sample(self._decoded(z, key), key, generator)

    def _decoded(self, z: Tensor, key: Tensor) -> Tensor:
        """Return the latents of the autoencoder."""
        x = self.units.undone(self._bijection(key, z).inv(z), key)
        return x.reshape(-1, *self.base.latent_shape)

    def encode(self, X: Tensor, key: Tensor) -> Tensor:
        """Return the latents."""
        x = self.units(self.base.encode(X, key).flatten(1), key)
        return self._bijection(key, x)(x)

    def log_density(self, X: Tensor, key: Tensor) -> Tensor:
        """Return the log density of rows in their class, or of their latents of the autoencoder.

        Parameters
        ----------
        X : Tensor of shape (m, ...)
            In units of the spread of the data.
        key : int64 Tensor of shape (m,)
            Their class codes.

        Returns
        -------
        Tensor of shape (m,)
        """
        x = self.units(self.base.encode(X, key).flatten(1), key)
        return self.log_density_in_units(x, key) - self.units.scale.log().sum()

    def log_density_in_units(self, x: Tensor, key: Tensor) -> Tensor:
        """Return the log density of what the units show."""
        z, log_determinant = self._bijection(key, x).call_and_ladj(x)
        return log_determinant - (z.square() + log(2 * pi)).sum(1) / 2  # (1)

    def _bijection(self, key: Tensor, like: Tensor) -> Any:
        n_classes = len(self.units.means)
        return self.transform(one_hot(key, n_classes).to(like) if n_classes > 1 else None)

    def numbers(self) -> Iterator[Tensor]:
        """Return the numbers of the networks, the units and the autoencoder."""
        return chain(self.transform.parameters(), self.units, self.base.numbers())


class _Rows(LiveGenerator):
    """Rows as they are."""

    def decode(self, z: Tensor, key: Tensor) -> Tensor:
        """Return the rows."""
        return z

    def encode(self, X: Tensor, key: Tensor) -> Tensor:
        """Return the rows."""
        return X

    def numbers(self) -> tuple[()]:
        """Return none."""
        return ()
