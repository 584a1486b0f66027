"""Numbers of few bits."""

from __future__ import annotations

from math import prod
from numbers import Integral
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call

from skdc.codes import Code, UniformLevels, packed_bits
from skdc.codes.bits import packed_bytes
from skdc.exceptions import PartsError
from skdc.parameterizations.storage.base import Codec, Coder, Kept, Storage, kept_parameters
from skdc.parameterizations.storage.free import or_free
from skdc.parameterizations.storage.real import RealRows

# Numbers are kept as whole ones, b = 2^bits of them, between two ends of their feature:
#
#     level(x) = round((clip(x, low, high) - low) / step),   step = (high - low) / (b - 1)          (1)
#     q(x)     = low + step * level(x),   dq/dx = 1                                                 (2)
#
# The derivative in (2) is the straight-through estimator. The ends are those between which the mean squared error of
# (1) on rows of the data is least: of a feature with tails, levels are worth more in the middle.

_RANGE_ROWS = 4096
_SHRINKS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
_WHOLE = 1e-2  # how far from whole numbers rounding leaves such
_RANGE_BYTES = 2 * 4  # of the ends of a feature, float32


class Quantized(Storage):
    """Numbers of few bits: those that another storage keeps are rounded to so many levels.

    Rounding is seen in each step, and gradients pass as if there were none [1]_. Whole numbers of the data that have no
    more values than there are levels come out exactly: images of bytes by 8 bits.

    Parameters
    ----------
    bits : int, default=8
        Of each number, from 1 to 16.
    inner : Storage, default=None
        What numbers are kept; None is `Free()`.

    References
    ----------
    .. [1] Bengio, Leonard and Courville, "Estimating or Propagating Gradients Through Stochastic Neurons for
       Conditional Computation", 2013: the straight-through estimator.

    Examples
    --------
    Random rows of digits in a quarter of their bytes:

    >>> from sklearn.datasets import load_digits
    >>> from skdc import Condenser
    >>> from skdc.parameterizations import Subset
    >>> from skdc.parameterizations.storage import Quantized
    >>> from skdc.solvers import Draw
    >>> X, y = load_digits(return_X_y=True)
    >>> images = X.reshape(-1, 8, 8).astype("uint8")
    >>> condenser = Condenser(None, Subset(Quantized(bits=2)), Draw(), n_bytes=1000, random_state=0).fit(images, y)
    >>> condenser.storage_["points"], condenser.storage_["bytes"]
    (55, 996)
    """

    bits: int = 8
    inner: Storage | None = None

    def shows_images(self) -> bool:
        """Tell whether what is inside does."""
        return or_free(self.inner).shows_images()

    def few_bits(self) -> bool:
        """Tell that they do."""
        return True

    def row_by_row(self) -> bool:
        """Tell whether what is inside is so."""
        return or_free(self.inner).row_by_row()

    def takes_distinct_rows(self) -> bool:
        """Tell whether what is inside does."""
        return or_free(self.inner).takes_distinct_rows()

    def elementwise(self) -> bool:
        """Tell whether those of what is inside are."""
        return or_free(self.inner).elementwise()

    def build(self, X: Tensor, key: Tensor | None, real: RealRows, generator: torch.Generator) -> QuantizedRows:
        """Return the rows, of which the numbers have levels."""
        if not isinstance(self.bits, Integral) or not 1 <= self.bits <= 16:
            raise ValueError(f"Quantized(bits={self.bits!r}): numbers have 1 to 16 bits, a whole number")
        inner = or_free(self.inner)
        if inner.keeps() == "changes":
            raise PartsError(f"{self!r}: {inner!r} keeps rows as they come out, so that fewer bits would save nothing")
        if any(isinstance(part, Quantized) for part in inner.get_params().values()) or isinstance(inner, Quantized):
            raise PartsError(f"{self!r}: numbers have bits in two places; leave one Quantized out")
        codec = inner.build(X, key, real, generator)
        grid = real.grid if inner.keeps() == "rows" else None
        by_feature = [kept.by_feature for kept in inner.numbers(len(X), tuple(X.shape[1:]))]
        rows = QuantizedRows(codec, by_feature, int(self.bits), grid)
        if real.alike and inner.row_by_row():  # of rows of the data there are more than of those to start from
            some, codes = real.sample(self, "the range of numbers", _RANGE_ROWS, generator)
            rows.learn_ends(inner.build(some, codes, real, generator))
        return rows

    def has_code(self, row_shape: tuple[int, ...], n_classes: int) -> bool:
        """Tell whether the inner storage has one."""
        return or_free(self.inner).has_code(row_shape, n_classes)

    def numbers(self, n_rows: int, row_shape: tuple[int, ...]) -> list[Kept]:
        """Return none: all have fewer bits."""
        return []

    def other_bytes(self, n_rows: int, row_shape: tuple[int, ...], n_classes: int) -> int:
        """Count the levels, the ends of each feature, and what the inner storage keeps beside its numbers."""
        inner = or_free(self.inner)
        of_numbers = sum(
            packed_bytes(prod(kept.shape), self.bits) + _RANGE_BYTES * kept.n_features
            for kept in inner.numbers(n_rows, row_shape)
        )
        return of_numbers + inner.other_bytes(n_rows, row_shape, n_classes)


class QuantizedRows(Codec):
    """Rows of a codec whose numbers have levels.

    Parameters
    ----------
    inner : Codec
    by_feature : list of bool
        Of each of its parameters, whether the numbers of a feature have levels of their own.
    bits : int
    grid : float or None
        As in `RealRows`.
    """

    def __init__(self, inner: Codec, by_feature: list[bool], bits: int, grid: float | None) -> None:
        super().__init__()
        self.inner, self._by_feature, self._bits, self._grid = inner, by_feature, bits, grid
        for place, (low, step) in enumerate(self._ends_of(inner)):
            self.register_buffer(f"low{place}", low)
            self.register_buffer(f"step{place}", step)
        self._learned = False

    @torch.no_grad()
    def learn_ends(self, like: Codec) -> None:
        """Take the ends that suit the numbers of another codec, whatever rows are encoded later."""
        self._learned = True
        self._take(like)

    def _take(self, like: Codec) -> None:
        for place, ends in enumerate(self._ends_of(like)):
            for kept, end in zip(self._ends(place), ends, strict=True):
                kept.copy_(end)

    def _ends_of(self, codec: Codec) -> list[tuple[Tensor, Tensor]]:
        parameters = zip(kept_parameters(codec).values(), self._by_feature, strict=True)
        return [_ends(values.detach(), 2**self._bits - 1, by_feature, self._grid) for values, by_feature in parameters]

    def decode(self, places: Tensor | None = None) -> Tensor:
        """Return the rows."""
        seen = {}
        for place, (name, values) in enumerate(kept_parameters(self.inner).items()):
            low, step = self._ends(place)
            rounded = low + step * self._levels(values.detach(), place)  # (2)
            seen[name] = values + (rounded - values.detach())
        rows: Tensor = functional_call(self.inner, seen, (places,))
        return rows

    def encode(self, X: Tensor) -> None:
        """Come as near as can be to other rows; ends that are theirs change with them."""
        self.inner.encode(X)
        if not self._learned:
            self._take(self.inner)

    def project(self, low: Tensor, high: Tensor) -> None:
        """Bring the rows between two ends, and the numbers where they have levels."""
        self.inner.project(low, high)
        for place, values in enumerate(kept_parameters(self.inner).values()):
            least, step = self._ends(place)
            values.copy_(torch.minimum(torch.maximum(values, least), least + step * (2**self._bits - 1)))

    def groups(self) -> list[dict[str, Any]]:
        """Return those of the inner codec."""
        return self.inner.groups()

    def code(self, coder: Coder) -> Code | None:
        """Return the code of the inner codec, of levels."""
        places = {id(values): place for place, values in enumerate(kept_parameters(self.inner).values())}

        def levels(values: Tensor) -> Code:
            place = places[id(values)]
            low, step = (end.detach().cpu().float().numpy()[0] for end in self._ends(place))
            whole = self._levels(values.detach(), place).cpu().numpy()
            packed = packed_bits(whole.astype("uint16").ravel(), self._bits)
            return UniformLevels(packed, self._bits, tuple(whole.shape), low, step)

        return self.inner.code(levels)

    def _ends(self, place: int) -> tuple[Tensor, Tensor]:
        return getattr(self, f"low{place}"), getattr(self, f"step{place}")

    def _levels(self, values: Tensor, place: int) -> Tensor:
        low, step = self._ends(place)
        return torch.clamp(torch.round((values - low) / step), 0, 2**self._bits - 1)  # (1)


def _ends(values: Tensor, levels: int, by_feature: bool, grid: float | None) -> tuple[Tensor, Tensor]:
    """Return the lowest level and the distance of levels, of each feature or of all numbers; as a file keeps them."""
    flat = values.reshape(len(values), -1) if by_feature else values.reshape(-1, 1)
    low, high = flat.amin(0), flat.amax(0)
    start, step = _best_ends(flat, low, high, levels)
    if grid is not None:
        steps = (flat - low) / grid
        whole = ((steps - steps.round()).abs().amax(0) < _WHOLE) & (high - low < (levels + 0.5) * grid)
        start, step = torch.where(whole, low, start), torch.where(whole, torch.full_like(step, grid), step)
    step = torch.where(step > 0, step, torch.ones_like(step))  # of a feature that is the same everywhere
    shape = (1, *values.shape[1:]) if by_feature else (1,) * values.ndim
    low, step = (end.float().to(values.dtype).reshape(shape) for end in (start, step))
    return low, step


def _best_ends(flat: Tensor, low: Tensor, high: Tensor, levels: int) -> tuple[Tensor, Tensor]:
    """Return the ends, of some that are nearer to the mean than all numbers, that cost least."""
    middle = flat.mean(0)
    least = torch.full_like(low, torch.inf)
    found = low, (high - low) / levels
    for below in _SHRINKS:
        for above in _SHRINKS:
            start, stop = middle + below * (low - middle), middle + above * (high - middle)
            step = (stop - start) / levels
            unit = torch.where(step > 0, step, torch.ones_like(step))
            error = (start + unit * torch.clamp(torch.round((flat - start) / unit), 0, levels) - flat).square().sum(0)
            better = error < least
            least = torch.where(better, error, least)
            found = torch.where(better, start, found[0]), torch.where(better, step, found[1])
    return found
