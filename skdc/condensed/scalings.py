"""Scalings in a file: short ones in its header, long ones as tensors, which are counted."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdc.condensed.packing import Description, Tensors
from skdc.scaling import Scaling

_MOST_IN_HEADER = 256  # entries, some 5 kB
_HASH = 16  # hexadecimal digits of a level
_NAMES = ("mean", "deviation", "n_levels", "levels")


def pack_scaling(scaling: Scaling | None, tensors: Tensors) -> Description | None:
    """Return what the header says of a scaling, and add the rest of a long one to the tensors."""
    if scaling is None:
        return None
    if scaling.n_entries() <= _MOST_IN_HEADER:
        return {"mean": scaling.mean, "deviation": scaling.deviation, "levels": scaling.levels}
    levels = [0 if level is None else int(level, 16) for column in scaling.levels for level in column]
    parts = [np.array(part, dtype="<f8") for part in (scaling.mean, scaling.deviation)]  # None is NaN
    parts += [np.array([len(column) for column in scaling.levels], dtype="<u4"), np.array(levels, dtype="<u8")]
    tensors |= {f"scaling.{name}": part for name, part in zip(_NAMES, parts, strict=True)}
    return {"kind": "tensors"}


def scaling_bytes(scaling: Scaling | None) -> int:
    """Return what a scaling takes in a file, beside the header."""
    tensors: Tensors = {}
    pack_scaling(scaling, tensors)
    return sum(tensor.nbytes for tensor in tensors.values())


def unpack_scaling(description: Description | None, tensors: Tensors) -> Scaling | None:
    """Return the scaling that `pack_scaling` described.

    Raises
    ------
    ValueError
        If it is none.
    """
    if description is None:
        return None
    if description.get("kind") != "tensors":
        return _checked(Scaling(**description))
    mean, deviation, n_levels, held = (tensors[f"scaling.{name}"] for name in _NAMES)
    if n_levels.sum() != len(held):
        raise ValueError("its scaling has other levels than columns say")
    words = [None if level == 0 else f"{level:0{_HASH}x}" for level in held.tolist()]
    ends = n_levels.cumsum().tolist()
    levels = [words[end - n : end] for n, end in zip(n_levels.tolist(), ends, strict=True)]
    center, spread = ([None if np.isnan(value) else value for value in part.tolist()] for part in (mean, deviation))
    return _checked(Scaling(center, spread, levels))


def _checked(scaling: Scaling) -> Scaling:
    """Refuse what is no scaling, where its kinds and lengths say so."""
    mean, deviation, levels = scaling.mean, scaling.deviation, scaling.levels
    numbers = all(isinstance(part, list) and part and all(map(_is_number, part)) for part in (mean, deviation))
    if not numbers or [value is None for value in mean] != [value is None for value in deviation]:
        raise ValueError("its scaling has no mean and deviation of each column")
    if not isinstance(levels, list) or not all(isinstance(column, list) for column in levels):
        raise ValueError("its scaling has no lists of levels")
    if not all(map(_is_level, (level for column in levels for level in column))):
        raise ValueError("its scaling has levels that are no hashes")
    if (levels or None in mean) and len(mean) not in (1, len(levels)):
        raise ValueError("its scaling has other levels than columns")
    return scaling


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _is_level(value: Any) -> bool:
    return value is None or (isinstance(value, str) and len(value) == _HASH and set(value) <= set("0123456789abcdef"))
