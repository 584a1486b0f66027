"""Frames and series of polars as tensors of what numpy reads, and their dtypes as an Arrow stream without rows."""

# Columns of one dtype lie together. What numpy has a dtype for is kept as values of it, words as words, and categories
# as codes and words; the dtypes themselves lie beside them, as an Arrow stream without rows. Nested lists, structs,
# decimals, bytes and all others are an Arrow stream. Polars writes and reads these by itself.

from __future__ import annotations

import io
from typing import Any

import numpy as np
import polars as pl

from skdc.condensed.packing import Description, Tensors, refusal
from skdc.condensed.values import (
    MaskedColumn,
    from_ticks,
    pack_codes,
    pack_stream,
    pack_values,
    pack_words,
    to_ticks,
    unpack_codes,
    unpack_stream,
    unpack_values,
    unpack_words,
)

_DTYPES = {
    "Boolean": "?",
    **{f"Int{8 * size}": f"i{size}" for size in (1, 2, 4, 8)},
    **{f"UInt{8 * size}": f"u{size}" for size in (1, 2, 4, 8)},
    **{f"Float{8 * size}": f"f{size}" for size in (2, 4, 8)},
    "Date": "M8[D]",
    "Time": "m8[ns]",
}


def pack(values: Any, name: str, tensors: Tensors) -> Description:
    """Add a frame or series to the tensors and return how it comes back; as `skdc.condensed.packing.pack`."""
    if type(values) not in (pl.DataFrame, pl.Series):
        raise TypeError(f"{name} is a polars {type(values).__name__}, which cannot be kept in a file; collect it first")
    frame = values if isinstance(values, pl.DataFrame) else values.to_frame()
    groups: dict[pl.DataType, list[int]] = {}
    for place, (label, dtype) in enumerate(frame.schema.items()):
        if dtype == pl.Object:
            raise refusal(f"column {label!r} of {name}", dtype, "it holds any objects")
        groups.setdefault(dtype, []).append(place)
    blocks: list[dict[str, Any]] = [
        {"places": places, "values": _packed(frame.select(pl.nth(places)), f"{name}.{places[0]}", tensors)}
        for places in groups.values()
    ]
    dtypes = {
        str(place): dtype
        for place, (dtype, block) in enumerate(zip(groups, blocks, strict=True))
        if block["values"]["kind"] != "stream"  # which has the dtype itself
    }
    return {
        "kind": f"polars.{type(values).__name__}",
        "columns": frame.columns,
        "height": frame.height,
        "dtypes": pack_stream(_stream(pl.DataFrame(schema=dtypes)), f"{name}.dtypes", tensors),
        "blocks": blocks,
    }


def unpack(description: Description, tensors: Tensors) -> Any:
    """Return the frame or series that `pack` described."""
    try:
        frame = _unpack_frame(description, tensors)
    except pl.exceptions.PanicException as error:  # which is no Exception
        raise ValueError(str(error)) from error
    return frame.to_series() if description["kind"] == "polars.Series" else frame


def _unpack_frame(description: Description, tensors: Tensors) -> pl.DataFrame:
    names, height = description["columns"], description["height"]
    found: dict[int, pl.Series] = {}
    dtypes = _frame(unpack_stream(description["dtypes"], tensors)).schema
    for place, block in enumerate(description["blocks"]):
        columns = _unpacked(block["values"], dtypes.get(str(place)), tensors)
        found.update(zip(block["places"], columns, strict=True))
    if not names:
        return pl.DataFrame(height=height) if height else pl.DataFrame()
    frame = pl.DataFrame([found[place].alias(str(place)) for place in range(len(names))])
    frame.columns = names  # a constructor names those that have none
    if frame.height != height:
        raise ValueError(f"its columns have {frame.height} rows, of {height}")
    return frame


def _packed(frame: pl.DataFrame, name: str, tensors: Tensors) -> Description:
    """Add columns of one dtype to the tensors."""
    columns = frame.get_columns()
    dtype = _dtype(columns[0].dtype)
    if dtype is not None:
        return pack_values([_to_numpy(column, dtype) for column in columns], name, tensors)
    if columns[0].dtype == pl.String:
        return pack_words([column.to_list() for column in columns], name, tensors)
    if isinstance(columns[0].dtype, pl.Categorical | pl.Enum):
        packed = [_pack_categories(column, f"{name}.{place}", tensors) for place, column in enumerate(columns)]
        return {"kind": "categories", "columns": packed}
    return pack_stream(_stream(frame), name, tensors)


def _unpacked(description: Description, polars_dtype: pl.DataType | None, tensors: Tensors) -> list[pl.Series]:
    kind, dtype = description["kind"], _dtype(polars_dtype)
    if kind == "stream":
        return _frame(unpack_stream(description, tensors)).get_columns()
    if kind == "values" and dtype is not None:
        return [_from_numpy(column, polars_dtype) for column in unpack_values(description, dtype, tensors)]
    if kind == "words" and polars_dtype == pl.String:
        return [pl.Series(words, dtype=pl.String) for words in unpack_words(description, tensors)]
    if kind == "categories" and isinstance(polars_dtype, pl.Categorical | pl.Enum):
        return [_unpack_categories(column, polars_dtype, tensors) for column in description["columns"]]
    raise ValueError(f"there are no {kind} of the dtype {polars_dtype}")


def _stream(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_ipc_stream(buffer)
    return buffer.getvalue()


def _frame(stream: bytes) -> pl.DataFrame:
    return pl.read_ipc_stream(io.BytesIO(stream))


def _dtype(polars_dtype: pl.DataType | None) -> np.dtype | None:
    """Return the dtype of numpy that has the values of one of polars, if one has."""
    if isinstance(polars_dtype, pl.Datetime | pl.Duration):
        return np.dtype(f"{'M' if isinstance(polars_dtype, pl.Datetime) else 'm'}8[{polars_dtype.time_unit}]")
    name = _DTYPES.get(str(polars_dtype))
    return None if name is None else np.dtype(name)


def _to_numpy(column: pl.Series, dtype: np.dtype) -> MaskedColumn:
    filled = column.to_physical().fill_null(False if dtype.kind == "b" else 0)
    return MaskedColumn(from_ticks(filled.to_numpy(), dtype), column.is_null().to_numpy())


def _from_numpy(column: MaskedColumn, dtype: Any) -> pl.Series:
    series = pl.Series(to_ticks(column.values)).cast(dtype)
    return series.set(pl.Series(column.missing), None) if column.missing.any() else series


def _pack_categories(column: pl.Series, name: str, tensors: Tensors) -> Description:
    # Codes of a Categorical depend on what else the process has seen: here they are those of its own words.
    own = column.drop_nulls().unique(maintain_order=True).cast(pl.String)
    words = column.dtype.categories if isinstance(column.dtype, pl.Enum) else own
    codes = column.cast(pl.String).cast(pl.Enum(words)).to_physical().cast(pl.Int64).fill_null(-1)
    return {
        "codes": pack_codes(codes.to_numpy(), len(words), name, tensors),
        "categories": pack_words([words.to_list()], f"{name}.categories", tensors),
    }


def _unpack_categories(description: Description, dtype: Any, tensors: Tensors) -> pl.Series:
    (words,) = unpack_words(description["categories"], tensors)
    codes = pl.Series(unpack_codes(description["codes"], len(words), tensors))
    categories = pl.Series(words, dtype=pl.String).cast(dtype)
    return categories.gather(codes.set(codes < 0, None))
