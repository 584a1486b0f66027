"""Generators of the user's own."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from math import prod

import numpy as np
import torch
from torch import Tensor, nn

from skdc.codes import Code, Rescaled
from skdc.exceptions import PartsError
from skdc.generators.base import Generator, LiveGenerator
from skdc.generators.coded import has_code, network_code
from skdc.generators.inversion import inverted
from skdc.randomness import watched
from skdc.seeds import gaussian
from skdc.sources import Source


class GivenGenerator(Generator):
    """A generator of your own that is trained already, such as the decoder of an autoencoder.

    Parameters
    ----------
    module : nn.Module
        Makes rows, in their own units, of latents of shape (m, ...), of which random ones are standard
        Gaussian.
    latent_shape : tuple of int
    takes_classes : bool, default=False
        Whether it is called with the class codes of shape (m,), too: the places of the labels in their order.
    encoder : nn.Module, default=None
        Makes latents of rows, in their own units. None searches for latents of the rows from which points start, by
        descent; parts that look at points by their latents cannot do so.
    n_search_steps : int, default=200
        Steps of that descent.

    Examples
    --------
    >>> import torch
    >>> from sklearn.datasets import load_iris
    >>> from skdc import Condenser
    >>> from skdc.generators import GivenGenerator
    >>> from skdc.parameterizations import Points
    >>> from skdc.parameterizations.storage import Latents
    >>> points = Points(Latents(GivenGenerator(torch.nn.Linear(2, 4), (2,))))
    >>> condenser = Condenser(parameterization=points, n_per_class=2, random_state=0).fit(*load_iris(return_X_y=True))
    >>> condenser.X_syn_.shape
    (6, 4)
    """

    module: nn.Module
    latent_shape: tuple[int, ...]
    takes_classes: bool = False
    encoder: nn.Module | None = None
    n_search_steps: int = 200

    def learn(self, source: Source, generator: torch.Generator) -> GivenDecoder:
        """Return a copy of the module on the device of the rows, once it is seen to make such."""
        for name, module in (("module", self.module), ("encoder", self.encoder)):
            if not isinstance(module, nn.Module) and (name == "module" or module is not None):
                raise TypeError(f"GivenGenerator({name}={module!r}): it must be a torch.nn.Module, which is trained")
        if self.n_search_steps < 0:
            raise ValueError(f"GivenGenerator(n_search_steps={self.n_search_steps!r}): it must not be negative")
        if source.schema.encoder is not None:
            raise PartsError(
                "GivenGenerator makes rows in their own units, but those of a frame are encoded; use encoder=None in "
                "the condenser, or pass an array"
            )
        live = GivenDecoder(self, source)
        live.check(generator)
        return live

    def shape_of_latents(self, row_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return what is given."""
        return tuple(self.latent_shape)

    def n_numbers(self, row_shape: tuple[int, ...], n_classes: int) -> int:
        """Count the numbers of the module."""
        return sum(values.numel() for values in self.module.state_dict().values())

    def has_code(self, row_shape: tuple[int, ...], n_classes: int) -> bool:
        """Tell whether numpy has the layers of the module, and it takes no classes."""
        return not self.takes_classes and has_code(self.module)

    def decoder_bytes(self, row_shape: tuple[int, ...], n_classes: int) -> int:
        """Count the numbers of the module, and the origin of the rows."""
        return 4 * (self.n_numbers(row_shape, n_classes) + prod(row_shape))


class GivenDecoder(LiveGenerator):
    """Rows that a module of the user makes.

    Parameters
    ----------
    part : GivenGenerator
    source : Source
        Of which the rows are.
    """

    def __init__(self, part: GivenGenerator, source: Source) -> None:
        like = source.no_rows().X
        super().__init__(tuple(part.latent_shape), like)
        self._module = _frozen(part.module, like)
        self._encoder = None if part.encoder is None else _frozen(part.encoder, like)
        self.encodes = part.encoder is not None
        self._takes_classes, self._n_steps = part.takes_classes, part.n_search_steps
        self._row_shape, self._n_classes = source.schema.input_shape, source.schema.n_classes
        self._units, self._spread = source.units, source.spread

    def decode(self, z: Tensor, key: Tensor) -> Tensor:
        """Return the rows."""
        return self._units.to_working(self._made(z, key)) / self._spread

    def _made(self, z: Tensor, key: Tensor) -> Tensor:
        """Return rows in their own units."""
        return self._module(z, key) if self._takes_classes else self._module(z)

    def encode(self, X: Tensor, key: Tensor) -> Tensor:
        """Return latents, by the encoder or by search."""
        if self._encoder is None:
            return inverted(self, X, key, self._n_steps)
        return self._encoder(self._units.to_user(X * self._spread))

    def code(self, latents: Code, key: Tensor, offset: Tensor | float) -> Rescaled | None:
        """Return the layers of the module, where numpy has all of them and it takes no classes."""
        rows = None if self._takes_classes else network_code(self._module, latents)
        if rows is None:
            return None
        scale = 1 / (self._units.scale * self._spread)
        origin = torch.as_tensor(offset).cpu().double().numpy() - scale * np.asarray(self._units.shift)
        return Rescaled(rows, scale, np.broadcast_to(origin, self._row_shape).astype(np.float32))

    def numbers(self) -> Iterator[Tensor]:
        """Return the numbers of the module."""
        return iter(self._module.state_dict().values())

    @torch.no_grad()
    def check(self, generator: torch.Generator) -> None:
        """Refuse modules that take other latents, make other rows, or need another device."""
        key = torch.arange(2, device=self._like.device) % self._n_classes
        z = gaussian((2, *self.latent_shape), generator, self._like)
        given = f"latents of shape {tuple(z.shape)}"
        rows = self._tried("module", lambda: self._made(z, key), given, self._row_shape)
        encoder = self._encoder
        if encoder is not None:
            given = f"rows of shape {tuple(rows.shape)}"
            self._tried("encoder", lambda: encoder(rows), given, self.latent_shape)

    def _tried(self, name: str, call: Callable[[], Tensor], given: str, wanted: tuple[int, ...]) -> Tensor:
        """Return what a module makes of two rows or latents, which must be of a shape."""
        try:
            found = call()
        except Exception as error:
            raise PartsError(
                f"GivenGenerator: the {name} cannot be called with {given}, {self._like.dtype} on the device "
                f"{self._like.device}: {error}"
            ) from error
        if found.shape != (2, *wanted) or found.device != self._like.device:
            raise PartsError(
                f"GivenGenerator: of {given} the {name} makes a tensor of shape {tuple(found.shape)} on the device "
                f"{found.device}, which must be of shape {(2, *wanted)} on {self._like.device}; wrap it in a module "
                "that does so, or condense with device= the one that it needs"
            )
        return found


def _frozen(module: nn.Module, like: Tensor) -> nn.Module:
    """Return a copy of a trained module on a device, of which nothing moves."""
    return watched(copy.deepcopy(module).to(like.device, like.dtype).requires_grad_(False).eval())
