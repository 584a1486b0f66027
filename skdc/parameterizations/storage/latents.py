"""Rows that a generator makes of their latents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from skdc.exceptions import PartsError
from skdc.generators import Generator, LiveGenerator
from skdc.parameterizations.storage.base import Codec, Storage, at
from skdc.parameterizations.storage.free import or_free
from skdc.sources import Schema, Source


class Latents(Storage):
    r"""A generative prior: rows that a generator makes of latents, which move in place of their numbers [1]_.

    So rows stay such as the generator knows from the data. Latents start at the encodings of the rows with which free
    points start. For m rows with q numbers in a latent it takes m q numbers, and what the decoder takes.

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
    >>> X, y = load_digits(return_X_y=True)
    >>> points = Points(Latents(LinearGenerator(n_components=4, by="all")))
    >>> condenser = Condenser(parameterization=points, n_per_class=5, random_state=0).fit(X, y)
    >>> condenser.storage_["shared_bytes"]  # the mean and the four directions
    2560
    """

    generator: Generator
    inner: Storage | None = None
    chunk_size: int = 256

    def build(self, X: Tensor, key: Tensor | None, source: Source, generator: torch.Generator) -> GeneratedRows:
        """Return the latents, from the rows that they are to be like."""
        if self.chunk_size < 1:
            raise ValueError(f"Latents(chunk_size={self.chunk_size!r}): it must be at least 1")
        if key is None or tuple(X.shape[1:]) != source.schema.input_shape:
            raise PartsError(
                f"{self!r} makes rows of the data, each of a class, but is asked to keep what such rows are made of; "
                "put the other storage inside: Latents(..., inner=...)"
            )
        live = self.generator.fit(source, generator)
        with torch.no_grad():
            latents = live.encode(X, key)
        return GeneratedRows(live, key, or_free(self.inner).build(latents, None, source, generator), self.chunk_size)

    def n_bytes(self, n_rows: int, row_shape: tuple[int, ...], itemsize: int) -> int:
        """Count the latents; the decoder depends on the classes, too."""
        return or_free(self.inner).n_bytes(n_rows, self.generator.shape_of_latents(row_shape), itemsize)

    def decoder_bytes(self, schema: Schema) -> int:
        """Count the numbers that rows are decoded by."""
        return self.generator.n_numbers(schema.input_shape, schema.n_classes) * schema.float_dtype.itemsize


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
    """

    key: Tensor

    def __init__(self, live: LiveGenerator, key: Tensor, latents: Codec, chunk_size: int) -> None:
        super().__init__()
        self.latents, self._live, self._chunk_size = latents, live, chunk_size
        self.register_buffer("key", key)

    def decode(self, places: Tensor | None = None) -> Tensor:
        """Return the rows."""
        return _Chunked.apply(self._live.decode, self.latents.decode(places), at(self.key, places), self._chunk_size)

    def encode(self, X: Tensor) -> None:
        """Move to the latents of other rows."""
        self.latents.encode(self._live.encode(X, self.key))

    def project(self, low: Tensor, high: Tensor) -> None:
        """Do nothing: rows that the generator makes are cut off where they are shown."""


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
