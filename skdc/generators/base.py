"""The contract of a generator: rows of the data out of latents, and latents of rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from hashlib import sha256
from math import prod
from weakref import WeakKeyDictionary

import cloudpickle
import torch
from sklearn.base import clone
from torch import Tensor

from skdc.codes import Code
from skdc.exceptions import PartsError
from skdc.fields import SharedParts
from skdc.seeds import gaussian
from skdc.sets import positions_of
from skdc.sources import Source


class LiveGenerator(ABC):
    """A fitted generator, of which nothing moves any longer.

    Rows are in units of the spread of the data, as those of a codec are, and latents in units of their own: those of
    random rows are standard Gaussian, or nearly so.

    Parameters
    ----------
    latent_shape : tuple of int
        Of the latent of a row.
    like : Tensor
        Latents that are drawn get its dtype and device.

    Attributes
    ----------
    encodes : bool
        Whether `encode` is differentiable in the rows.
    """

    encodes: bool = True

    def __init__(self, latent_shape: tuple[int, ...], like: Tensor) -> None:
        self.latent_shape, self._like = latent_shape, like.new_empty(0)

    @abstractmethod
    def decode(self, z: Tensor, key: Tensor) -> Tensor:
        """Return rows of latents, differentiable in them.

        Parameters
        ----------
        z : Tensor of shape (m, ...)
        key : int64 Tensor of shape (m,)
            The class code of each; zeros where there are no classes.

        Returns
        -------
        Tensor of shape (m, ...)
        """

    @abstractmethod
    def encode(self, X: Tensor, key: Tensor) -> Tensor:
        """Return latents that give rows as near as can be to others.

        Parameters
        ----------
        X : Tensor of shape (m, ...)
        key : int64 Tensor of shape (m,)
            As in `decode`.

        Returns
        -------
        Tensor of shape (m, ...)
        """

    @abstractmethod
    def numbers(self) -> Iterable[Tensor]:
        """Return all numbers that rows are decoded by."""

    def draw(self, key: Tensor, generator: torch.Generator) -> Tensor:
        """Draw the latents of random rows of some classes: standard Gaussian ones, unless a subclass knows better."""
        return gaussian((len(key), *self.latent_shape), generator, self._like)

    def sample(self, z: Tensor, key: Tensor, generator: torch.Generator) -> Tensor:
        """Draw a row of each latent: what is decoded of it, unless a subclass knows how rows of a latent differ.

        Parameters
        ----------
        z, key
            As in `decode`.
        generator : torch.Generator

        Returns
        -------
        Tensor of shape (m, ...)
        """
        return self.decode(z, key)

    def code(self, latents: Code, key: Tensor, offset: Tensor | float) -> Code | None:
        """Return what numpy alone decodes rows of latents by, plus an offset; None for what it cannot (the default).

        Parameters
        ----------
        latents : Code
            Of shape (m, ...).
        key : int64 Tensor of shape (m,)
            Their class codes, in order.
        offset : Tensor or float
        """
        return None

    def n_bytes(self) -> int:
        """Return what the decoder takes."""
        return sum(values.numel() * values.element_size() for values in self.numbers())


_FITTED: WeakKeyDictionary[Source, dict[str, LiveGenerator]] = WeakKeyDictionary()


class Generator(SharedParts, ABC):
    """What makes rows that are like those of the data, class by class where there are classes.

    A parameter object: `fit` learns from a source what a live generator knows. Subclasses write `learn`.
    """

    def fit(self, source: Source, generator: torch.Generator) -> LiveGenerator:
        """Learn from the data; once for a source, so that a storage, a space and a penalty share what is learned.

        Parameters
        ----------
        source : Source
        generator : torch.Generator

        Raises
        ------
        ValueError
            If a parameter makes no sense, or the data lack what is needed; if what was learned gives numbers that are
            not finite, or the same row for all latents.
        """
        # Of a clone, in which a part that stands in two places is pickled as two, whether it is one or not.
        known, name = _FITTED.setdefault(source, {}), sha256(cloudpickle.dumps(clone(self))).hexdigest()
        if name not in known:
            live = self.learn(source, generator)
            self._refuse_collapse(live, source)
            known[name] = live
        return known[name]

    @abstractmethod
    def learn(self, source: Source, generator: torch.Generator) -> LiveGenerator:
        """Return what is learned from the data."""

    def needs_products(self) -> bool:
        """Tell whether means and products of rows are all that it learns from (not by default)."""
        return False

    @abstractmethod
    def shape_of_latents(self, row_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the latent of a row, by arithmetic, before there are any."""

    @abstractmethod
    def n_numbers(self, row_shape: tuple[int, ...], n_classes: int) -> int:
        """Return how many numbers rows are decoded by, by arithmetic, before there are any.

        Parameters
        ----------
        row_shape : tuple of int
        n_classes : int
            1 where there are no classes.
        """

    def has_code(self, row_shape: tuple[int, ...], n_classes: int) -> bool:
        """Tell whether the `code` of what is fitted gives one, before there is any (not by default).

        Parameters
        ----------
        row_shape, n_classes
            As in `n_numbers`.
        """
        return False

    def n_of_draws(self, row_shape: tuple[int, ...], n_classes: int) -> int:
        """Return how many numbers tell how latents of random rows are distributed (none by default).

        Parameters
        ----------
        row_shape, n_classes
            As in `n_numbers`.
        """
        return 0

    def decoder_bytes(self, row_shape: tuple[int, ...], n_classes: int) -> int:
        """Return what the decoder takes, in float32, with the mean image of rows that are images.

        How many rows each class has is counted too.

        Parameters
        ----------
        row_shape, n_classes
            As in `n_numbers`.
        """
        counts, image = n_classes if n_classes > 1 else 0, prod(row_shape) if len(row_shape) > 1 else 0
        return 4 * (self.n_numbers(row_shape, n_classes) + counts + image)

    @torch.no_grad()
    def _refuse_collapse(self, live: LiveGenerator, source: Source) -> None:
        draws = torch.Generator().manual_seed(0)
        key = torch.arange(source.schema.n_classes, device=source.device).repeat_interleave(_N_DRAWN)
        rows = live.decode(live.draw(key, draws), key)
        if not rows.isfinite().all():
            raise ValueError(
                f"{self!r} has not converged: it gives numbers that are not finite; train it by smaller steps"
            )
        spread = rows.unflatten(0, (-1, _N_DRAWN)).var(1, correction=0).mean().sqrt()
        if not spread > _ALIKE:
            raise ValueError(
                f"{self!r} has not converged: the rows that it gives of random latents are all alike; train it longer, "
                "or give it data that vary, of more than 1 sample"
            )


_N_DRAWN = 16  # rows of each class that are drawn to see whether they differ
_ALIKE = 1e-4  # of the spread of the data, by which they have to


def require_encoder(part: object, live: LiveGenerator) -> LiveGenerator:
    """Return a generator, if its encodings are differentiable, for a part that looks at rows through them."""
    if live.encodes:
        return live
    raise PartsError(
        f"{part!r} looks at rows by their encodings, but the generator has no encoder, and searches for them; give it "
        "an encoder"
    )


def by_class(function: Callable[[Tensor, int], Tensor], values: Tensor, key: Tensor, n_classes: int) -> Tensor:
    """Return what a function makes of the values of each class, in the order of the values.

    Parameters
    ----------
    function : callable
        Of the values of a class and its code.
    values : Tensor of shape (m, ...)
    key : int64 Tensor of shape (m,)
    n_classes : int
    """
    if not len(values):
        return function(values, 0)
    places = positions_of(key, range(n_classes))
    found = torch.cat([function(values.index_select(0, rows), c) for c, rows in enumerate(places) if len(rows)])
    return found.index_select(0, torch.cat(places).argsort())
