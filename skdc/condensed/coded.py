"""Codes of rows, labels and weights as tensors, and back."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skdc.codes import (
    Code,
    CodedRows,
    Cosines,
    Enlarged,
    Indexed,
    Levels,
    Mapped,
    Numbers,
    Products,
    SineFields,
    SparsePatches,
    label_bits,
    packed_bits,
    unpacked_bits,
)
from skdc.condensed.packing import Description, Tensors, pack, pack_array, unpack, unpack_array
from skdc.condensed.scalars import plain_dtype, scalar_from_json, scalar_to_json

_CODES: dict[str, type[Code]] = {
    code.__name__: code
    for code in (CodedRows, Cosines, Enlarged, SineFields, Indexed, Levels, Mapped, Numbers, Products, SparsePatches)
}


def pack_code(code: Code, name: str, tensors: Tensors) -> Description:
    """Add the arrays of a code to the tensors, and return how it comes back.

    Parameters
    ----------
    code : Code
    name : str
        Under which the tensors are.
    tensors : dict of str to ndarray
    """
    held: dict[str, Any] = {}
    for field in fields(code):  # type: ignore[arg-type]  # codes are dataclasses
        value, whose = getattr(code, field.name), f"{name}.{field.name}"
        if isinstance(value, Code):
            held[field.name] = pack_code(value, whose, tensors)
        elif isinstance(value, np.ndarray) and value.ndim:
            held[field.name] = pack_array(value, whose, tensors)
        else:
            held[field.name] = {"kind": "value", "value": _to_json(value)}
    return {"kind": "code", "code": type(code).__name__, "fields": held}


def unpack_code(description: Description, tensors: Tensors) -> Code:
    """Return the code that `pack_code` described."""
    held: dict[str, Any] = {}
    for name, part in description["fields"].items():
        if part["kind"] == "code":
            held[name] = unpack_code(part, tensors)
        elif part["kind"] == "value":
            held[name] = _from_json(part["value"])
        else:
            held[name] = unpack_array(part, tensors)
    return _CODES[description["code"]](**held)


def _to_json(value: Any) -> Any:
    if isinstance(value, tuple):
        return [int(size) for size in value]
    return scalar_to_json(value[()] if isinstance(value, np.ndarray) else value)


def _from_json(held: Any) -> Any:
    return tuple(held) if isinstance(held, list) else scalar_from_json(held)


def pack_set(parts: dict[str, Any], coded: CodedRows | None, tensors: Tensors) -> dict[str, Description | None]:
    """Add the parts of a set to the tensors, in as few bytes as they need, and return how they come back.

    Rows are kept as codes, where they are what these give; labels by their places in the classes, which are in the
    description; and weights that are all 1 as their number.

    Parameters
    ----------
    parts : dict of str to array or frame, or None
        "X", "y", "sample_weight", "y_soft" and "classes".
    coded : CodedRows or None
        What the rows were made of.
    tensors : dict of str to ndarray

    Raises
    ------
    TypeError
        For what cannot be kept.
    """
    found: dict[str, Description | None] = {}
    for name, part in parts.items():
        if name == "X" and coded is not None and _is_same(coded.decode(), part):
            found[name] = pack_code(coded, name, tensors)
        elif name == "y" and _are_labels(part, parts["classes"]):
            found[name] = _pack_labels(part, parts["classes"], name, tensors)
        elif name == "sample_weight" and part is not None and (part == 1).all():
            found[name] = {"kind": "ones", "length": len(part)}
        elif name == "classes" and _are_plain(part):
            found[name] = {"kind": "listed", "dtype": part.dtype.str, "values": part.tolist()}
        else:
            found[name] = pack(part, name, tensors)
    return found


def unpack_set(descriptions: dict[str, Description | None], tensors: Tensors) -> dict[str, Any]:
    """Return the parts that `pack_set` described, and "coded"."""
    found: dict[str, Any] = {"coded": None}
    for name in sorted(descriptions):  # "classes" comes before "y"
        description = descriptions[name]
        kind = None if description is None else description["kind"]
        if kind == "code":
            found["coded"] = unpack_code(description, tensors)
            found[name] = found["coded"].decode()
        elif kind == "labels":
            packed, length = tensors[description["tensor"]], description["length"]
            found[name] = found["classes"][unpacked_bits(packed, label_bits(len(found["classes"])), length)]
        elif kind == "ones":
            found[name] = np.ones(description["length"])
        elif kind == "listed":
            found[name] = np.array(description["values"], plain_dtype(description["dtype"]))
        else:
            found[name] = unpack(description, tensors)
    return found


def _is_same(first: NDArray, other: Any) -> bool:
    return type(other) is np.ndarray and first.dtype == other.dtype and np.array_equal(first, other, equal_nan=True)


def _are_plain(classes: Any) -> bool:
    """Tell whether classes are what JSON holds as they are."""
    return type(classes) is np.ndarray and classes.dtype.kind in "biuU" and classes.ndim == 1


def _are_labels(y: Any, classes: Any) -> bool:
    """Tell whether targets are some of the classes, of the same dtype."""
    plain = type(y) is np.ndarray and y.ndim == 1 and _are_plain(classes) and y.dtype == classes.dtype
    return plain and 0 < len(classes) <= 2**_MOST_BITS and bool(np.isin(y, classes).all())


def _pack_labels(y: NDArray, classes: NDArray, name: str, tensors: Tensors) -> Description:
    order = np.argsort(classes, kind="stable")
    places = order[np.searchsorted(classes, y, sorter=order)]
    tensors[name] = packed_bits(places.astype(np.uint16), label_bits(len(classes)))
    return {"kind": "labels", "tensor": name, "length": len(y)}


_MOST_BITS = 16
