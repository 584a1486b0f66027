"""Codes of rows, labels and weights as tensors, and back."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from skdc.codes import (
    Affine,
    Code,
    CodedRows,
    Cosines,
    Cropped,
    Denoised,
    DrawnLatents,
    Enlarged,
    Flattened,
    Indexed,
    Inputs,
    LinearRows,
    Mapped,
    ModulatedConvolution,
    Normalized,
    PlainNumbers,
    Products,
    Record,
    Rectified,
    Rescaled,
    Reshaped,
    SineFields,
    SparsePatches,
    Stacked,
    StyledImages,
    TopLabels,
    TransposedConvolution,
    UniformLevels,
    WithGroups,
    label_bits,
    label_probabilities,
    on_simplex,
    packed_bits,
    unpacked_bits,
)
from skdc.condensed.packing import Description, Tensors, pack, pack_array, unpack, unpack_array
from skdc.condensed.scalars import plain_dtype, scalar_from_json, scalar_to_json

PARTS = ("classes", "X", "y", "sample_weight", "y_soft", "y_learned")  # of a set, what others are made of first
_HELD: tuple[type[Record], ...] = (CodedRows, Cosines, Enlarged, Indexed, LinearRows, Mapped, PlainNumbers, Products)
_HELD += (SineFields, SparsePatches, Stacked, TopLabels, UniformLevels)
_HELD += (Affine, Cropped, Flattened, Inputs, Rectified, Reshaped, Rescaled, TransposedConvolution, WithGroups)
_HELD += (Denoised, DrawnLatents, Normalized, ModulatedConvolution, StyledImages)
_CODES: dict[str, type[Record]] = {code.__name__: code for code in _HELD}


def pack_code(code: Record, name: str, tensors: Tensors) -> Description:
    """Add the arrays of a code to the tensors, and return how it comes back.

    Parameters
    ----------
    code : Code or another record
    name : str
        Under which the tensors are.
    tensors : dict of str to ndarray
    """
    held: dict[str, Any] = {}
    for field in fields(code):  # type: ignore[arg-type]  # codes are dataclasses
        value, whose = getattr(code, field.name), f"{name}.{field.name}"
        if isinstance(value, Record):
            held[field.name] = pack_code(value, whose, tensors)
        elif isinstance(value, np.ndarray) and value.ndim:
            held[field.name] = pack_array(value, whose, tensors)
        else:
            held[field.name] = {"kind": "value", "value": _to_json(value)}
    return {"kind": "code", "code": type(code).__name__, "fields": held}


def unpack_code(description: Description, tensors: Tensors) -> Any:
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


def pack_set(
    parts: dict[str, Any], coded: Code | None, coded_labels: Code | None, tensors: Tensors
) -> dict[str, Description | None]:
    """Add the parts of a set to the tensors, in as few bytes as they need, and return how they come back.

    Rows and soft labels are kept as codes, where they are what these give; learned ones that the soft labels were made
    of with them; labels by their places in the classes, which are in the description; weights that are alike, or alike
    in each class, once.

    Parameters
    ----------
    parts : dict of str to array or frame, or None
        "X", "y", "sample_weight", "y_soft", "classes" and "y_learned".
    coded, coded_labels : Code or None
        What the rows and the soft labels are made of.
    tensors : dict of str to ndarray

    Raises
    ------
    TypeError
        For what cannot be kept.
    """
    found = {name: _pack_plainly(name, parts, tensors) for name in parts if name not in ("X", "y_soft", "y_learned")}
    if is_code_of(coded, parts["X"]):
        found["X"] = pack_code(coded, "X", tensors)
    else:
        found["X"] = pack(parts["X"], "X", tensors)
    soft, learned = (parts[name] for name in ("y_soft", "y_learned"))
    if is_code_of_labels(coded_labels, soft):
        found["y_soft"] = pack_code(coded_labels, "y_soft", tensors)
    elif learned is not None and learned.ndim == 2 and soft is not None and _is_same(on_simplex(learned), soft):
        found["y_soft"] = pack_code(PlainNumbers(learned), "y_soft", tensors)
    else:
        found["y_soft"] = pack(soft, "y_soft", tensors)
        return found | {"y_learned": pack(learned, "y_learned", tensors)}
    return found | {"y_learned": None if learned is None else {"kind": "those of y_soft"}}


def _pack_plainly(name: str, parts: dict[str, Any], tensors: Tensors) -> Description | None:
    part = parts[name]
    if name == "y" and _are_labels(part, parts["classes"]):
        tensors[name] = packed_bits(_places(part, parts["classes"]), label_bits(len(parts["classes"])))
        return {"kind": "labels", "tensor": name, "length": len(part)}
    if name == "sample_weight" and part is not None:
        if (part == part[0]).all():
            return {"kind": "alike", "value": float(part[0]), "length": len(part)}
        of_classes = _of_classes(part, parts)
        if of_classes is not None:
            return {"kind": "of classes", "values": pack_array(of_classes, name, tensors)}
    if name == "classes" and _are_plain(part):
        return {"kind": "listed", "dtype": part.dtype.str, "values": part.tolist()}
    return pack(part, name, tensors)


def unpack_set(descriptions: dict[str, Description | None], tensors: Tensors) -> dict[str, Any]:
    """Return the parts that `pack_set` described, and "coded" and "coded_labels"."""
    found: dict[str, Any] = {"coded": None, "coded_labels": None}
    for name in PARTS:
        description = descriptions[name]
        match name, description:
            case _, None:
                found[name] = None
            case "X", {"kind": "code"}:
                found["coded"] = unpack_code(description, tensors)
                found[name] = found["coded"].decode()
            case "y_soft", {"kind": "code"}:
                found["coded_labels"] = unpack_code(description, tensors)
                found[name] = label_probabilities(found["coded_labels"])
            case "y_learned", {"kind": "those of y_soft"}:
                found[name] = found["coded_labels"].decode()
            case "y", {"kind": "labels", "tensor": tensor, "length": length}:
                places = unpacked_bits(tensors[tensor], label_bits(len(found["classes"])), length)
                found[name] = found["classes"][places]
            case "sample_weight", {"kind": "alike", "value": value, "length": length}:
                found[name] = np.full(length, value)
            case "sample_weight", {"kind": "of classes", "values": values}:
                found[name] = unpack_array(values, tensors)[_places(found["y"], found["classes"])]
            case "classes", {"kind": "listed", "dtype": dtype, "values": values}:
                found[name] = np.array(values, plain_dtype(dtype))
            case _:
                found[name] = unpack(description, tensors)
    return found | {"coded_labels": None if isinstance(found["coded_labels"], PlainNumbers) else found["coded_labels"]}


def is_code_of(coded: Code | None, X: Any) -> TypeGuard[Code]:
    """Tell whether there is a code that gives such rows."""
    return coded is not None and _is_same(coded.decode(), X)


def is_code_of_labels(coded: Code | None, soft: Any) -> TypeGuard[Code]:
    """Tell whether there is a code that gives such class probabilities."""
    return coded is not None and _is_same(label_probabilities(coded), soft)


def _is_same(first: NDArray, other: Any) -> bool:
    return type(other) is np.ndarray and first.dtype == other.dtype and np.array_equal(first, other, equal_nan=True)


def _are_plain(classes: Any) -> bool:
    """Tell whether classes are what JSON holds as they are."""
    return type(classes) is np.ndarray and classes.dtype.kind in "biuU" and classes.ndim == 1


def _are_labels(y: Any, classes: Any) -> bool:
    """Tell whether targets are some of the classes, of the same dtype."""
    plain = type(y) is np.ndarray and y.ndim == 1 and _are_plain(classes) and y.dtype == classes.dtype
    return plain and 0 < len(classes) <= 2**_MOST_BITS and bool(np.isin(y, classes).all())


def _places(y: NDArray, classes: NDArray) -> NDArray[np.uint16]:
    """Return where labels are in the classes."""
    order = np.argsort(classes, kind="stable")
    places: NDArray[np.uint16] = order[np.searchsorted(classes, y, sorter=order)].astype(np.uint16)
    return places


def _of_classes(weight: NDArray[np.float64], parts: dict[str, Any]) -> NDArray[np.float64] | None:
    """Return the weight of a point of each class, where labels tell it."""
    if not _are_labels(parts["y"], parts["classes"]):
        return None
    return weights_of_classes(weight, _places(parts["y"], parts["classes"]), len(parts["classes"]))


def weights_of_classes(
    weight: NDArray[np.float64], codes: NDArray[np.integer], n_classes: int
) -> NDArray[np.float64] | None:
    """Return the weight of a point of each class, 0 for one that has none; None where those of a class differ."""
    found = np.zeros(n_classes)
    found[codes] = weight
    return found if np.array_equal(found[codes], weight) else None


_MOST_BITS = 16
