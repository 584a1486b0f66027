"""Arrays in the safetensors format, by numpy and json alone."""

# A file is, after the format's own description:
#
#     8 bytes       N, the length of the header, unsigned and little-endian
#     N bytes       the header, padded by spaces: a JSON object {name: {"dtype", "shape", "data_offsets": [from, to]}};
#                   "__metadata__" is no tensor, but an object of strings
#     the rest      the tensors, little-endian, in rows (C order), one behind the other without a gap
#
# Nothing in it is code. References: https://github.com/huggingface/safetensors#format

from __future__ import annotations

import json
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

_DTYPES = {
    "BOOL": "|b1",
    **{f"U{8 * size}": f"<u{size}" for size in (1, 2, 4, 8)},
    **{f"I{8 * size}": f"<i{size}" for size in (1, 2, 4, 8)},
    **{f"F{8 * size}": f"<f{size}" for size in (2, 4, 8)},
}
_NAMES = {np.dtype(dtype): name for name, dtype in _DTYPES.items()}
_LENGTH = 8  # bytes that say how long the header is
_LONGEST_HEADER = 100_000_000  # as the format's own reader has it


class UnreadableError(ValueError):
    """A file that cannot be read; the message is the end of a sentence about it."""


def write_tensors(file: BinaryIO, tensors: Mapping[str, NDArray], metadata: Mapping[str, str]) -> None:
    """Write arrays and words as a safetensors file; the same ones give the same bytes.

    Parameters
    ----------
    file : binary file
    tensors : dict of str to ndarray
        Of booleans, or of integers or floats of up to 64 bits.
    metadata : dict of str to str
    """
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    # The widest numbers go first, so that all of them lie where a reader can map them.
    names, end = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name)), 0
    for name in names:
        tensor = tensors[name]
        begin, end = end, end + tensor.nbytes
        kind = _NAMES[tensor.dtype.newbyteorder("<")]
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _LENGTH)
    if len(text) > _LONGEST_HEADER:
        raise ValueError(f"the set has {len(names)} arrays, too many for one file: make its columns of one dtype")
    file.write(len(text).to_bytes(_LENGTH, "little") + text)
    for name in names:
        file.write(tensors[name].astype(tensors[name].dtype.newbyteorder("<"), copy=False).tobytes())


def read_tensors(path: Path) -> tuple[dict[str, NDArray], dict[str, str]]:
    """Return the arrays of a safetensors file, and its metadata.

    Raises
    ------
    UnreadableError
        If it is none, or not whole.
    """
    held = path.read_bytes()
    start = _LENGTH + int.from_bytes(held[:_LENGTH], "little")
    text = held[_LENGTH:start]
    if len(held) < _LENGTH or start > _LONGEST_HEADER or not b"{".startswith(text[:1]):
        raise UnreadableError("is no file of a set")
    if len(held) < start:
        raise UnreadableError(f"is torn: it has {len(held)} bytes, of at least {start}")
    try:
        header = json.loads(text)
        metadata, end = header.pop("__metadata__", {}), 0
        for entry in sorted(header.values(), key=lambda entry: entry["data_offsets"]):
            if entry["data_offsets"][0] != end:
                raise UnreadableError(f"is damaged: nothing lies at {end}, where an array should begin")
            end = entry["data_offsets"][1]
        if len(held) != start + end:
            what = "torn" if len(held) < start + end else "damaged"
            raise UnreadableError(f"is {what}: it has {len(held)} bytes, of {start + end}")
        return {name: _tensor(memoryview(held)[start:], **entry) for name, entry in header.items()}, metadata
    except UnreadableError:
        raise
    except (KeyError, TypeError, AttributeError, IndexError, ValueError, RecursionError) as error:
        raise UnreadableError(f"is no file of a set: its header is none of safetensors ({error})") from error


def _tensor(data: memoryview, dtype: str, shape: list[int], data_offsets: list[int]) -> NDArray:
    begin, end = data_offsets
    kind = np.dtype(_DTYPES[dtype])
    if prod(shape) * kind.itemsize != end - begin:
        raise UnreadableError(f"is damaged: an array of shape {tuple(shape)} has {end - begin} bytes")
    values = np.frombuffer(data[begin:end], np.uint8 if kind.kind == "b" else kind)
    # A copy may be written to. Any byte but 0 is true.
    return (values != 0 if kind.kind == "b" else values.copy()).reshape(shape)
