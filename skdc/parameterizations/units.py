"""The units in which a storage keeps rows, and the way back to those of the user."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from skdc.codes import Code, CodedRows, Layer, PlainNumbers
from skdc.parameterizations.storage.base import Codec, Storage
from skdc.parameterizations.storage.real import RealRows
from skdc.parameterizations.within import Span, cut, in_units, mirrored
from skdc.sources import Schema, Source

# With w rows in working units, u those of the user, and s the spread of the data in working units, a storage keeps
#
#     k = w / s + offset,     u = shift + scale k                                                          (1)
#
# Each feature has an origin of its own, and the offset is nothing, but where rows are images: what is shared by all
# pixels takes no bytes. A range of each pixel is kept, but for images of few bits, beside which it would weigh: these
# have one range.


@dataclass(frozen=True, eq=False)
class KeptUnits:
    """The units of kept rows.

    Parameters
    ----------
    unit : float
        s in (1).
    offset : Tensor or float
    shift : float or ndarray of the shape of a row
    scale : float
    span : (low, high) or None
        Where the numbers of rows lie, in the user's units: two numbers, or two of each feature.
    ends : (Tensor, Tensor) or None
        The same in kept units.
    coded : bool
        Whether what is kept is codes, that come out as arrays.
    """

    unit: float
    offset: Tensor | float
    shift: float | NDArray[np.floating]
    scale: float
    span: Span | None
    ends: tuple[Tensor, Tensor] | None
    coded: bool

    @classmethod
    def of(cls, storage: Storage, source: Source, span: Span | None) -> KeptUnits:
        """Return the units in which a storage keeps the rows of a source, which lie in a span."""
        schema, unit, working = source.schema, source.spread, source.units
        coded, offset = is_coded(storage, schema), 0.0
        shift: Any = working.shift
        if coded and of_images(storage, schema):
            shift = float(np.mean(working.shift))
            offset = source.tensor((working.shift - shift) / (working.scale * unit))
            if storage.few_bits() and span is not None:
                span = np.min(span[0]), np.max(span[1])
        elif coded:
            shift = np.asarray(shift, dtype=schema.float_dtype)
        ends = None if span is None else in_units(span, source, unit)
        if ends is not None:
            ends = ends[0] + offset, ends[1] + offset
        return cls(unit, offset, shift, working.scale * unit, span, ends, coded)

    def real(self, source: Source) -> RealRows:
        """Return the rows of the data in these units."""
        return RealRows(source, self.unit, self.offset, 1 / self.scale)

    def kept(self, X: Tensor) -> Tensor:
        """Return rows in working units as they are kept, mirrored at the ends."""
        return mirrored(X / self.unit + self.offset, self.ends)

    def clipped(self, X: Tensor) -> Tensor:
        """Return rows in working units as they are kept, cut off at the ends."""
        return cut(X / self.unit + self.offset, self.ends)

    def working(self, kept: Tensor) -> Tensor:
        """Return rows as they are kept in working units, cut off at the ends."""
        return (cut(kept, self.ends) - self.offset) * self.unit

    def rows(self, codec: Codec, n_rows: int, schema: Schema, dtype: np.dtype | None) -> CodedRows | None:
        """Return the `n_rows` rows of a codec as a file keeps them; None if as they are.

        They are for a user whose rows have a dtype.
        Those that a network makes of latents are kept as such only where that takes less.
        """

        def numbers(values: Tensor) -> Code:
            return PlainNumbers(values.detach().cpu().numpy().astype(schema.float_dtype, order="C"))

        code = codec.code(numbers) if self.coded else None
        if code is None:
            return None
        coded = self.coded_rows(code, schema, dtype)
        # A network may take more than all the rows that it makes.
        decoded = n_rows * prod(schema.input_shape) * np.dtype(coded.dtype).itemsize
        return None if isinstance(code, Layer) and coded.nbytes >= decoded else coded

    def coded_rows(self, code: Code, schema: Schema, dtype: np.dtype | None) -> CodedRows:
        """Return rows of a code as a user gets them, whose rows have a dtype."""
        low, high = (None, None) if self.span is None else self.span
        # Lists have no dtype, and objects none that a file has.
        if low is None or dtype is None or dtype.kind not in "biuf":
            dtype = schema.float_dtype
        return CodedRows(code, self.shift, self.scale, low, high, dtype.str)


def is_coded(storage: Storage, schema: Schema) -> bool:
    """Tell whether rows are kept as codes: they come out as arrays, since a frame is kept as it is."""
    return storage.keeps() == "codes" and schema.encoder is None and not schema.n_columns


def of_images(storage: Storage, schema: Schema) -> bool:
    """Tell whether rows are images, whose pixels have one origin."""
    return storage.shows_images() or len(schema.input_shape) > 1


def kept_bytes(storage: Storage, n_rows: int, schema: Schema, within: bool) -> int:
    """Return how many bytes rows take as a storage keeps them.

    Parameters
    ----------
    storage : Storage
    n_rows : int
    schema : Schema
    within : bool
        Whether rows have a range.
    """
    numbers = prod(schema.input_shape) * schema.float_dtype.itemsize
    coded = storage.keeps() == "codes"
    if coded and not is_coded(storage, schema):
        return n_rows * schema.row_bytes
    if not (coded and storage.has_code(schema.input_shape, schema.n_classes)):
        # As they come out, in the dtypes of the data where they have its range.
        return n_rows * (schema.row_bytes if within else numbers)
    taken = storage.n_bytes(n_rows, schema.input_shape, schema.float_dtype.itemsize, schema.n_classes)
    images = of_images(storage, schema)
    origin = 0 if images else numbers
    ends = 0 if images and storage.few_bits() else 2 * schema.row_bytes
    return taken + origin + ends * within
