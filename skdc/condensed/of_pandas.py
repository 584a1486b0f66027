"""Frames and series of pandas as tensors: by blocks of columns of one dtype, with their index and their names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from skdc.condensed.columns import array_of, pack_columns, unpack_columns
from skdc.condensed.packing import Description, Tensors, pack_array, unpack_array
from skdc.condensed.scalars import scalar_from_json, scalar_to_json


def pack(values: Any, name: str, tensors: Tensors) -> Description:
    """Add a frame or series to the tensors and return how it comes back; as `skdc.condensed.packing.pack`."""
    if type(values) is pd.Series:
        column = pack_columns([array_of(values)], f"{name}, a series,", name, tensors)
        index, label = (
            _pack_index(values.index, f"the index of {name}", f"{name}.index", tensors),
            _name(values.name, name),
        )
        return {"kind": "pandas.Series", "name": label, "values": column, "index": index}
    if type(values) is pd.DataFrame:
        columns = _pack_index(values.columns, f"the names of the columns of {name}", f"{name}.columns", tensors)
        index = _pack_index(values.index, f"the index of {name}", f"{name}.index", tensors)
        blocks = _pack_blocks(values, name, tensors)
        return {"kind": "pandas.DataFrame", "columns": columns, "index": index, "blocks": blocks}
    kind = f"{type(values).__module__.partition('.')[0]} {type(values).__name__}"
    raise TypeError(f"{name} is a {kind}, which cannot be kept in a file; pass a frame or a series")


def unpack(description: Description, tensors: Tensors) -> Any:
    """Return the frame or series that `pack` described."""
    index = _unpack_index(description["index"], tensors)
    if description["kind"] == "pandas.Series":
        (array,) = unpack_columns(description["values"], tensors)
        return pd.Series(array, dtype=array.dtype, index=index, name=scalar_from_json(description["name"]))
    columns, found = _unpack_index(description["columns"], tensors), {}
    for block in description["blocks"]:
        for place, array in zip(block["places"], unpack_columns(block["values"], tensors), strict=True):
            found[place] = pd.Series(array, dtype=array.dtype)
    frame = pd.DataFrame({place: found[place] for place in range(len(columns))}, index=pd.RangeIndex(len(index)))
    return frame.set_axis(index, axis=0).set_axis(columns, axis=1)


def _pack_blocks(frame: pd.DataFrame, name: str, tensors: Tensors) -> list[Description]:
    groups: dict[Any, list[int]] = {}
    for place, dtype in enumerate(frame.dtypes):
        # Dtypes of categories in another order are equal; and of objects, messages name the column.
        alone = isinstance(dtype, pd.CategoricalDtype) or dtype == np.dtype(object)
        groups.setdefault((dtype, place if alone else None), []).append(place)
    blocks = []
    for places in groups.values():
        whose = f"column {frame.columns[places[0]]!r} of {name}"
        arrays = [array_of(frame.iloc[:, place]) for place in places]
        blocks.append({"places": places, "values": pack_columns(arrays, whose, f"{name}.{places[0]}", tensors)})
    return blocks


def _name(label: Any, whose: str) -> Any:
    try:
        return scalar_to_json(label)
    except TypeError as error:
        raise TypeError(f"the name of {whose} cannot be kept in a file: {error}; give it a word for a name") from error


def _pack_index(index: pd.Index, whose: str, name: str, tensors: Tensors) -> Description:
    names = [_name(label, whose) for label in index.names]
    if isinstance(index, pd.MultiIndex):
        levels = [_pack_index(level, whose, f"{name}.{j}", tensors) for j, level in enumerate(index.levels)]
        codes = [pack_array(np.asarray(c), f"{name}.{j}.codes", tensors) for j, c in enumerate(index.codes)]
        return {"kind": "levels", "names": names, "levels": levels, "codes": codes}
    if isinstance(index, pd.RangeIndex):
        return {"kind": "range", "names": names, "range": [index.start, index.stop, index.step]}
    freq = getattr(index, "freqstr", None) if isinstance(index, pd.DatetimeIndex | pd.TimedeltaIndex) else None
    return {
        "kind": "values",
        "names": names,
        "freq": freq,
        "values": pack_columns([array_of(index)], whose, name, tensors),
    }


def _unpack_index(description: Description, tensors: Tensors) -> pd.Index:
    names = [scalar_from_json(name) for name in description["names"]]
    if description["kind"] == "levels":
        levels = [_unpack_index(level, tensors) for level in description["levels"]]
        codes = [unpack_array(c, tensors) for c in description["codes"]]
        return pd.MultiIndex(levels=levels, codes=codes, names=names)
    if description["kind"] == "range":
        return pd.RangeIndex(*description["range"], name=names[0])
    (array,) = unpack_columns(description["values"], tensors)
    index = pd.Index(array, dtype=array.dtype, name=names[0], tupleize_cols=False)
    if description["freq"] is not None:
        index.freq = description["freq"]
    return index
