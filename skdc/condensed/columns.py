"""Columns of pandas of one dtype as tensors, and back to the same dtype."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from skdc.condensed.packing import Description, Tensors, pack_array, refusal, unpack_array
from skdc.condensed.scalars import scalar_from_json, scalar_to_json, zone_name

Columns = list[Any]  # arrays of pandas or numpy, all of one dtype and length


def array_of(values: Any) -> Any:
    """Return what a series or an index holds: an array of numpy, or one of pandas where numpy has no such dtype."""
    return values.to_numpy() if isinstance(values.dtype, np.dtype) else values.array


def pack_columns(columns: Columns, whose: str, name: str, tensors: Tensors) -> Description:
    """Add columns of one dtype to the tensors and return how they come back.

    Parameters
    ----------
    columns : list of arrays
    whose : str
        What the user knows the first of them by.
    name : str
        Under which the tensors are.
    tensors : dict of str to ndarray

    Raises
    ------
    TypeError
        If the dtype cannot be kept.
    """
    try:
        return _packed(columns, name, tensors)
    except TypeError as error:
        raise refusal(whose, columns[0].dtype, error) from error


def _packed(columns: Columns, name: str, tensors: Tensors) -> Description:
    for kind, codec in _CODECS.items():
        if isinstance(columns[0].dtype, codec.dtypes):
            return {"kind": kind, **codec.pack(columns, name, tensors)}
    raise TypeError("it is neither of numpy nor of pandas")


def unpack_columns(description: Description, tensors: Tensors) -> Columns:
    """Return the columns that `pack_columns` described."""
    return _CODECS[description["kind"]].unpack(description, tensors)


class _Codec(NamedTuple):
    dtypes: Any
    pack: Callable[[Columns, str, Tensors], Description]
    unpack: Callable[[Description, Tensors], Columns]


def _stacked(columns: Columns, name: str, tensors: Tensors) -> Description:
    return pack_array(np.stack(columns), name, tensors)


def _pack_plain(columns: Columns, name: str, tensors: Tensors) -> Description:
    return {"values": _stacked(columns, name, tensors)}


def _unpack_plain(description: Description, tensors: Tensors) -> Columns:
    return list(unpack_array(description["values"], tensors))


def _pack_masked(columns: Columns, name: str, tensors: Tensors) -> Description:
    dtype = columns[0].dtype.numpy_dtype
    values = [column.to_numpy(dtype=dtype, na_value=dtype.type(0)) for column in columns]
    missing = [column.isna() for column in columns]  # where they are NA; NaN is a number here
    return {"values": _stacked(values, name, tensors), "missing": _stacked(missing, f"{name}.missing", tensors)}


def _unpack_masked(description: Description, tensors: Tensors) -> Columns:
    values, missing = (unpack_array(description[part], tensors) for part in ("values", "missing"))
    arrays = {"b": pd.arrays.BooleanArray, "f": pd.arrays.FloatingArray}
    make = arrays.get(values.dtype.kind, pd.arrays.IntegerArray)
    return [make(column, there) for column, there in zip(values, missing, strict=True)]


def _pack_words(columns: Columns, name: str, tensors: Tensors) -> Description:
    dtype = columns[0].dtype
    # pandas 2.2 calls those of arrow that mark by NaN "pyarrow_numpy".
    storage, marked = dtype.storage.removesuffix("_numpy"), "NA" if dtype.na_value is pd.NA else "NaN"
    words = [column.to_numpy(dtype=object) for column in columns]
    return {"storage": storage, "missing": marked, "values": _stacked(words, name, tensors)}


def _unpack_words(description: Description, tensors: Tensors) -> Columns:
    storage = description["storage"]
    if description["missing"] == "NA":
        dtype = pd.StringDtype(storage)
    else:
        old = pd.__version__.startswith("2.2.")
        dtype = pd.StringDtype(f"{storage}_numpy") if old else pd.StringDtype(storage, na_value=np.nan)
    return [pd.array(column, dtype=dtype) for column in unpack_array(description["values"], tensors)]


def _pack_categories(columns: Columns, name: str, tensors: Tensors) -> Description:
    dtype = columns[0].dtype
    categories = _packed([array_of(dtype.categories)], f"{name}.categories", tensors)
    label = scalar_to_json(dtype.categories.name)
    codes = _stacked([column.codes for column in columns], name, tensors)
    return {"codes": codes, "categories": categories, "name": label, "ordered": dtype.ordered}


def _unpack_categories(description: Description, tensors: Tensors) -> Columns:
    (array,) = unpack_columns(description["categories"], tensors)
    label = scalar_from_json(description["name"])
    categories = pd.Index(array, dtype=array.dtype, name=label, tupleize_cols=False)
    dtype = pd.CategoricalDtype(categories, description["ordered"])
    return [pd.Categorical.from_codes(codes, dtype=dtype) for codes in unpack_array(description["codes"], tensors)]


def _pack_zoned(columns: Columns, name: str, tensors: Tensors) -> Description:
    dtype = columns[0].dtype
    moments = [np.asarray(column.tz_convert(None), dtype=f"M8[{dtype.unit}]") for column in columns]
    return {"zone": zone_name(dtype.tz), "values": _stacked(moments, name, tensors)}


def _unpack_zoned(description: Description, tensors: Tensors) -> Columns:
    moments = unpack_array(description["values"], tensors)
    return [pd.DatetimeIndex(column).tz_localize("UTC").tz_convert(description["zone"]).array for column in moments]


def _pack_periods(columns: Columns, name: str, tensors: Tensors) -> Description:
    ordinals = [pd.PeriodIndex(column).asi8 for column in columns]
    return {"freq": columns[0].freqstr, "values": _stacked(ordinals, name, tensors)}


def _unpack_periods(description: Description, tensors: Tensors) -> Columns:
    dtype = pd.PeriodDtype(description["freq"])
    return [pd.arrays.PeriodArray(column, dtype=dtype) for column in unpack_array(description["values"], tensors)]


def _pack_intervals(columns: Columns, name: str, tensors: Tensors) -> Description:
    ends = {
        end: _packed([array_of(getattr(column, end)) for column in columns], f"{name}.{end}", tensors)
        for end in ("left", "right")
    }
    return {"closed": columns[0].closed, **ends}


def _unpack_intervals(description: Description, tensors: Tensors) -> Columns:
    left, right = (unpack_columns(description[end], tensors) for end in ("left", "right"))
    closed = description["closed"]
    return [pd.arrays.IntervalArray.from_arrays(low, high, closed) for low, high in zip(left, right, strict=True)]


def _pack_sparse(columns: Columns, name: str, tensors: Tensors) -> Description:
    fill, dense = columns[0].dtype.fill_value, [np.asarray(column.to_dense()) for column in columns]
    filled = [(column == fill) | (pd.isna(column) & pd.isna(fill)) for column in dense]
    places = [np.flatnonzero(~there) for there in filled]
    values = np.concatenate([column[there] for column, there in zip(dense, places, strict=True)])
    return {
        "fill": scalar_to_json(fill),
        "length": len(columns[0]),
        "values": pack_array(values, name, tensors),
        "places": pack_array(np.concatenate(places), f"{name}.places", tensors),
        "counts": pack_array(np.array([len(there) for there in places]), f"{name}.counts", tensors),
    }


def _unpack_sparse(description: Description, tensors: Tensors) -> Columns:
    fill = scalar_from_json(description["fill"])
    values, places, counts = (unpack_array(description[part], tensors) for part in ("values", "places", "counts"))
    ends = np.cumsum(counts)[:-1]
    columns = []
    for there, column in zip(np.split(places, ends), np.split(values, ends), strict=True):
        dense = np.full(description["length"], fill, values.dtype)
        dense[there] = column
        columns.append(pd.arrays.SparseArray(dense, dtype=pd.SparseDtype(values.dtype, fill)))
    return columns


def _pack_arrow(columns: Columns, name: str, tensors: Tensors) -> Description:
    from skdc.condensed import of_arrow

    return of_arrow.pack(columns, name, tensors)


def _unpack_arrow(description: Description, tensors: Tensors) -> Columns:
    from skdc.condensed import of_arrow

    return of_arrow.unpack(description, tensors)


_MASKED = (pd.BooleanDtype, pd.Float32Dtype, pd.Float64Dtype)
_MASKED += (pd.Int8Dtype, pd.Int16Dtype, pd.Int32Dtype, pd.Int64Dtype)
_MASKED += (pd.UInt8Dtype, pd.UInt16Dtype, pd.UInt32Dtype, pd.UInt64Dtype)
_CODECS = {
    "plain": _Codec(np.dtype, _pack_plain, _unpack_plain),
    "masked": _Codec(_MASKED, _pack_masked, _unpack_masked),
    "words": _Codec(pd.StringDtype, _pack_words, _unpack_words),
    "categories": _Codec(pd.CategoricalDtype, _pack_categories, _unpack_categories),
    "zoned": _Codec(pd.DatetimeTZDtype, _pack_zoned, _unpack_zoned),
    "periods": _Codec(pd.PeriodDtype, _pack_periods, _unpack_periods),
    "intervals": _Codec(pd.IntervalDtype, _pack_intervals, _unpack_intervals),
    "sparse": _Codec(pd.SparseDtype, _pack_sparse, _unpack_sparse),
    "arrow": _Codec(pd.ArrowDtype, _pack_arrow, _unpack_arrow),
}
