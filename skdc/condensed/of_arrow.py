"""Columns of pandas of Arrow's types as tensors of what numpy reads, and their type beside them."""

# What numpy has a dtype for is kept as values of it, words as words, and dictionaries as codes and what they stand for;
# the type itself lies beside them. Nested lists, structs, decimals, bytes and all others are an Arrow stream.

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from skdc.condensed.packing import Description, Tensors
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

_WORDS = ("string", "large_string", "string_view")


def pack(columns: list[Any], name: str, tensors: Tensors) -> Description:
    """Add columns of one type to the tensors and return how they come back."""
    arrays = [_whole_array(column.__arrow_array__()) for column in columns]
    values = _packed(arrays, name, tensors)
    if values["kind"] == "stream":  # which has the type itself
        return {"values": values}
    schema = pa.schema([("", arrays[0].type)]).serialize().to_pybytes()
    return {"type": pack_stream(schema, f"{name}.type", tensors), "values": values}


def unpack(description: Description, tensors: Tensors) -> list[Any]:
    """Return the columns that `pack` described."""
    values, arrow_type = description["values"], None
    if values["kind"] != "stream":
        arrow_type = pa.ipc.read_schema(pa.py_buffer(unpack_stream(description["type"], tensors))).field(0).type
    arrays = _unpacked(values, arrow_type, tensors)
    for array in arrays:
        array.validate(full=True)
    return [pd.arrays.ArrowExtensionArray(array) for array in arrays]


def _packed(arrays: list[pa.Array], name: str, tensors: Tensors) -> Description:
    arrow_type = arrays[0].type
    dtype = _dtype(arrow_type)
    if dtype is not None:
        return pack_values([_to_numpy(array, dtype) for array in arrays], name, tensors)
    if str(arrow_type) in _WORDS:
        return pack_words([array.to_pylist() for array in arrays], name, tensors)
    if pa.types.is_dictionary(arrow_type):
        columns = [_pack_dictionary(array, f"{name}.{place}", tensors) for place, array in enumerate(arrays)]
        return {"kind": "categories", "columns": columns}
    table, buffer = pa.table(arrays, names=[str(place) for place in range(len(arrays))]), io.BytesIO()
    with pa.ipc.new_stream(buffer, table.schema) as stream:
        stream.write_table(table)
    return pack_stream(buffer.getvalue(), name, tensors)


def _unpacked(description: Description, arrow_type: Any, tensors: Tensors) -> list[pa.Array]:
    kind, dtype = description["kind"], _dtype(arrow_type)
    if kind == "stream":
        return pa.ipc.open_stream(unpack_stream(description, tensors)).read_all().columns
    if kind == "values" and dtype is not None:
        return [_from_numpy(column, arrow_type) for column in unpack_values(description, dtype, tensors)]
    if kind == "words" and str(arrow_type) in _WORDS:
        return [pa.array(words, arrow_type) for words in unpack_words(description, tensors)]
    if kind == "categories" and pa.types.is_dictionary(arrow_type):
        return [_unpack_dictionary(column, arrow_type, tensors) for column in description["columns"]]
    raise ValueError(f"there are no {kind} of the type {arrow_type}")


def _whole_array(chunked: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(chunked.chunks or [pa.nulls(0, chunked.type)])


def _dtype(arrow_type: Any) -> np.dtype | None:
    """Return the dtype of numpy that has the values of a type, if one has."""
    kinds = pa.types
    if arrow_type is None:
        return None
    if kinds.is_boolean(arrow_type) or kinds.is_integer(arrow_type) or kinds.is_floating(arrow_type):
        return np.dtype(arrow_type.to_pandas_dtype())
    if kinds.is_date(arrow_type):
        return np.dtype("M8[D]" if kinds.is_date32(arrow_type) else "M8[ms]")
    if kinds.is_timestamp(arrow_type):
        return np.dtype(f"M8[{arrow_type.unit}]")
    if kinds.is_time(arrow_type) or kinds.is_duration(arrow_type):
        return np.dtype(f"m8[{arrow_type.unit}]")
    return None


def _to_numpy(array: pa.Array, dtype: np.dtype) -> MaskedColumn:
    missing = array.is_null().to_numpy(zero_copy_only=False)
    if dtype.kind == "b":
        return MaskedColumn(array.fill_null(False).to_numpy(zero_copy_only=False), missing)
    # As whole numbers, which keep all bits: NaN is a number here.
    whole = array.view(_integer(array.type)).fill_null(0)
    return MaskedColumn(from_ticks(whole.to_numpy(zero_copy_only=False), dtype), missing)


def _from_numpy(column: MaskedColumn, arrow_type: pa.DataType) -> pa.Array:
    array = pa.array(to_ticks(column.values), mask=column.missing)
    # Dates and times of 32 bits are kept in the 64 of numpy's.
    return array.cast(_integer(arrow_type)).view(arrow_type) if column.values.dtype.kind in "mM" else array


def _integer(arrow_type: pa.DataType) -> pa.DataType:
    return pa.type_for_alias(f"int{arrow_type.bit_width}")


def _pack_dictionary(array: pa.DictionaryArray, name: str, tensors: Tensors) -> Description:
    values, missing = _to_numpy(array.indices, np.dtype(array.type.index_type.to_pandas_dtype()))
    codes = np.where(missing, -1, values.astype(np.int64))
    return {
        "codes": pack_codes(codes, len(array.dictionary), name, tensors),
        "categories": _packed([array.dictionary], f"{name}.categories", tensors),
    }


def _unpack_dictionary(description: Description, arrow_type: pa.DictionaryType, tensors: Tensors) -> pa.Array:
    (categories,) = _unpacked(description["categories"], arrow_type.value_type, tensors)
    categories = _whole_array(categories) if isinstance(categories, pa.ChunkedArray) else categories  # of a stream
    codes = unpack_codes(description["codes"], len(categories), tensors)
    places = pa.array(np.maximum(codes, 0), mask=codes < 0).cast(arrow_type.index_type)
    return pa.DictionaryArray.from_arrays(places, categories, ordered=arrow_type.ordered)
