"""Columns of Arrow's types as what numpy reads: values and where they are missing, words, codes, or else a stream."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skdc.condensed.packing import Description, Tensors, pack_array, unpack_array

Words = list[str | None]


class MaskedColumn(NamedTuple):
    """The values of a column, and where they are missing, which hold zero there."""

    values: NDArray
    missing: NDArray


def from_ticks(ticks: NDArray, dtype: np.dtype) -> NDArray:
    """Return whole numbers as the dates, moments or durations of a dtype, and other values as they are."""
    return ticks.astype(np.int64).view(dtype) if dtype.kind in "mM" else ticks.view(dtype)


def to_ticks(values: NDArray) -> NDArray:
    """Return dates, moments and durations as whole numbers, and other values as they are."""
    return values.view(np.int64) if values.dtype.kind in "mM" else values


def pack_values(columns: list[MaskedColumn], name: str, tensors: Tensors) -> Description:
    """Add columns of one dtype to the tensors and return how they come back."""
    values, missing = (np.stack(parts) for parts in zip(*columns, strict=True))
    packed = pack_array(missing, f"{name}.missing", tensors) if missing.any() else None
    return {"kind": "values", "values": pack_array(values, name, tensors), "missing": packed}


def unpack_values(description: Description, dtype: np.dtype, tensors: Tensors) -> list[MaskedColumn]:
    """Return the columns, of a dtype, that `pack_values` described."""
    values, held = unpack_array(description["values"], tensors), description["missing"]
    missing = np.zeros(values.shape, bool) if held is None else unpack_array(held, tensors)
    if (values.dtype, missing.dtype, missing.shape) != (dtype, bool, values.shape):
        raise ValueError(f"its values are {values.dtype}, of {dtype}, or where they are missing is not said")
    return [MaskedColumn(*parts) for parts in zip(values, missing, strict=True)]


def pack_words(columns: list[Words], name: str, tensors: Tensors) -> Description:
    """Add columns of words to the tensors and return how they come back."""
    return {"kind": "words", "values": pack_array(np.array(columns, dtype=object), name, tensors)}


def unpack_words(description: Description, tensors: Tensors) -> list[Words]:
    """Return the columns that `pack_words` described."""
    words: list[Words] = unpack_array(description["values"], tensors).tolist()
    return words


def pack_codes(codes: NDArray, n_categories: int, name: str, tensors: Tensors) -> Description:
    """Add the places of values among their categories, -1 where they are missing, to the tensors."""
    return pack_array(codes.astype(np.min_scalar_type(-max(n_categories, 1))), name, tensors)


def unpack_codes(description: Description, n_categories: int, tensors: Tensors) -> NDArray:
    """Return the places that `pack_codes` described."""
    codes = unpack_array(description, tensors).astype(np.int64, casting="safe")
    if codes.ndim != 1 or not ((codes >= -1) & (codes < n_categories)).all():
        raise ValueError(f"its codes are none of {n_categories} categories")
    return codes


def pack_stream(stream: bytes, name: str, tensors: Tensors) -> Description:
    """Add the bytes of an Arrow stream to the tensors and return how they come back."""
    tensors[name] = np.frombuffer(stream, np.uint8)
    return {"kind": "stream", "tensor": name}


def unpack_stream(description: Description, tensors: Tensors) -> bytes:
    """Return the bytes that `pack_stream` described."""
    return tensors[description["tensor"]].tobytes()
