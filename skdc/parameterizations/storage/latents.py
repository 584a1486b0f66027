"""Rows that a generator makes of their latents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from skdc.codes import Code
from skdc.exceptions import PartsError
from skdc.generators import Generator, LiveGenerator
from skdc.parameterizations.storage.base import Codec, Coder, Kept, Storage, at
from skdc.parameterizations.storage.free import or_free
from skdc.parameterizations.storage.real import RealRows


class Latents(Storage):
    r"""A generative prior: rows that a generator makes of latents, which move in place of their numbers [1]_.

    So rows stay such as the generator knows from the data. Latents start at the encodings of the rows with which free
    points start. For m rows with q numbers in a latent it takes m q numbers, and what the decoder takes.

    A file keeps latents and decoder, and what comes out is what numpy makes of them, for a `LinearGenerator`; and where
    the rows that come out take more, for a `StyleGenerator`, and for networks of linear layers, `ReLU`, `LeakyReLU` and
    transposed convolutions, as those of a `VariationalGenerator`, an `AdversarialGenerator` or a `DiffusionGenerator`
    are. Else it keeps the rows. Numpy computes in float64 what torch computes in float32; rows differ by less than
    1e-5 of their spread.

    Rows are decoded in chunks, without a graph, and once more in chunks where their gradient is known: memory does not
    grow with the set (as in the code of [1]_).

    Parameters
    ----------
    generator : Generator
        Out of `skdc.generators`; it is fitted to the data.
    inner : Storage, default=None
        How latents are kept; None is `Free()`.
    chunk_size : int, default=256
        Rows that are decoded at a time.

    References
    ----------
    .. [1] Cazenavette et al., "Generalizing Dataset Distillation via Deep Generative Prior", 2023.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdc import Condenser
    >>> from skdc.generators import LinearGenerator
    >>> from skdc.parameterizations import Points
    >>> from skdc.parameterizations.storage import Latents
    >>> X, y = load_digits(n_class=3, return_X_y=True)
    >>> points = Points(Latents(LinearGenerator(n_components=4, by="all")))
    >>> condenser = Condenser(parameterization=points, n_per_class=5, random_state=0).fit(X, y)
    >>> condenser.storage_["shared_bytes"]  # means and four directions, and the range of each feature
    2820
    """

    generator: Generator
    inner: Storage | None = None
    chunk_size: int = 256

    def needs_products(self) -> bool:
        """Tell whether the generator does so."""
        return self.generator.needs_products()

    def build(self, X: Tensor, key: Tensor | None, real: RealRows, generator: torch.Generator) -> GeneratedRows:
        """Return the latents, from the rows that they are to be like."""
        source = real.source
        if self.chunk_size < 1:
            raise ValueError(f"Latents(chunk_size={self.chunk_size!r}): it must be at least 1")
        if key is None or real.through or not real.alike:
            raise PartsError(
                f"{self!r} makes rows of the data, each of a class, but is asked to keep what such rows are made of; "
                "put the other storage inside: Latents(..., inner=...)"
            )
        live = self.generator.fit(source, generator)
        with torch.no_grad():
            latents = live.encode(X - real.offset, key)
        inner = or_free(self.inner).build(latents, None, replace(real, alike=False), generator)
        return GeneratedRows(live, key, inner, self.chunk_size, real.offset)

    def has_code(self, row_shape: tuple[int, ...], n_classes: int) -> bool:
        """Tell whether the generator has one, and the latents."""
        inner = or_free(self.inner).has_code(self.generator.shape_of_latents(row_shape), n_classes)
        return inner and self.generator.has_code(row_shape, n_classes)

    def numbers(self, n_rows: int, row_shape: tuple[int, ...]) -> list[Kept]:
        """Return those of the latents."""
        return or_free(self.inner).numbers(n_rows, self.generator.shape_of_latents(row_shape))

    def other_bytes(self, n_rows: int, row_shape: tuple[int, ...], n_classes: int) -> int:
        """Count the decoder, in float32, and what latents take beside their numbers."""
        inner = or_free(self.inner).other_bytes(n_rows, self.generator.shape_of_latents(row_shape), n_classes)
        return self.generator.decoder_bytes(row_shape, n_classes) + inner


class GeneratedRows(Codec):
    """Rows that are decoded from their latents.

    Parameters
    ----------
    live : LiveGenerator
        It is no part of the module: solvers would copy it with what moves.
    key : int64 Tensor of shape (m,)
        The class codes of the rows.
    latents : Codec
    chunk_size : int
    offset : Tensor or float
        What is added to the rows of the generator.
    """

    key: Tensor

    def __init__(
        self, live: LiveGenerator, key: Tensor, latents: Codec, chunk_size: int, offset: Tensor | float
    ) -> None:
        super().__init__()
        self.latents, self._live, self._chunk_size, self._offset = latents, live, chunk_size, offset
        self.register_buffer("key", key)

    def decode(self, places: Tensor | None = None) -> Tensor:
        """Return the rows."""
        latents, key = self.latents.decode(places), at(self.key, places)
        return _Chunked.apply(self._live.decode, latents, key, self._chunk_size) + self._offset

    def encode(self, X: Tensor) -> None:
        """Move to the latents of other rows."""
        self.latents.encode(self._live.encode(X - self._offset, self.key))

    def project(self, low: Tensor, high: Tensor) -> None:
        """Do nothing: rows that the generator makes are cut off where they are shown."""

    def groups(self) -> list[dict[str, Any]]:
        """Return those of the latents."""
        return self.latents.groups()

    def code(self, coder: Coder) -> Code | None:
        """Return latents and decoder, where that is arithmetic; None keeps the rows of a network."""
        latents = self.latents.code(coder)
        return None if latents is None else self._live.code(latents, self.key, self._offset)


class _Chunked(torch.autograd.Function):
    """What a function gives of chunks, side by side, of which no graph is kept: it is called again for the gradient."""

    @staticmethod
    def forward(ctx: Any, function: Callable[[Tensor, Tensor], Tensor], z: Tensor, key: Tensor, size: int) -> Tensor:
        """Return the rows."""
        ctx.save_for_backward(z, key)
        ctx.function, ctx.size = function, size
        return torch.cat([function(*chunk) for chunk in _chunks(size, z, key)])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor, None, None]:
        """Return the gradient in the latents."""
        found: list[Tensor] = []
        for z, key, gradient in _chunks(ctx.size, *ctx.saved_tensors, gradients[0]):
            with torch.enable_grad():
                z = z.detach().requires_grad_()
                rows = ctx.function(z, key)
            found += torch.autograd.grad(rows, z, gradient)
        return None, torch.cat(found), None, None


def _chunks(size: int, *tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    return zip(*(tensor.split(size) for tensor in tensors), strict=True)
