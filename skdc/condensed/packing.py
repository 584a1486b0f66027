"""Arrays and frames as tensors of numbers, and a description in JSON of how they come back."""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, csr_matrix, issparse, sparray

from skdc.condensed.scalars import plain_dtype, scalar_from_json, scalar_to_json

Tensors = dict[str, NDArray]
Description = dict[str, Any]


def pack(values: Any, name: str, tensors: Tensors) -> Description | None:
    """Add what holds the values to the tensors, and return how they come back.

    Parameters
    ----------
    values : array, frame or series, or None
    name : str
        Under which the tensors are, and what the user knows the values by.
    tensors : dict of str to ndarray

    Raises
    ------
    TypeError
        For what cannot be kept, naming the column and the dtype.
    """
    if values is None:
        return None
    package = type(values).__module__.partition(".")[0]
    if package == "pandas":
        from skdc.condensed import of_pandas

        return of_pandas.pack(values, name, tensors)
    if package == "polars":
        from skdc.condensed import of_polars

        return of_polars.pack(values, name, tensors)
    try:
        if issparse(values) and values.format == "csr":
            parts = {part: pack_array(getattr(values, part), f"{name}.{part}", tensors) for part in _CSR}
            return {"kind": "csr", "array": isinstance(values, sparray), "shape": list(values.shape), **parts}
        if type(values) in (np.ndarray, np.memmap):
            return pack_array(values, name, tensors)
    except TypeError as error:
        raise refusal(name, values.dtype, error) from error
    what = (
        f"a sparse matrix in the format {values.format}" if issparse(values) else f"a {package} {type(values).__name__}"
    )
    instead = ".tocsr() is kept" if issparse(values) else "arrays, sparse rows, and frames of pandas and polars are"
    raise TypeError(f"{name} is {what}, which cannot be kept in a file; {instead}")


def refusal(whose: str, dtype: Any, reason: object) -> TypeError:
    """Return the error of values whose dtype cannot be kept."""
    return TypeError(
        f"{whose} has dtype {dtype}, which cannot be kept in a file: {reason}; make numbers, words, dates or "
        "categories of it"
    )


def unpack(description: Description | None, tensors: Tensors) -> Any:
    """Return the values that `pack` described."""
    if description is None:
        return None
    kind: str = description["kind"]
    if kind.startswith("pandas"):
        from skdc.condensed import of_pandas

        return of_pandas.unpack(description, tensors)
    if kind.startswith("polars"):
        from skdc.condensed import of_polars

        return of_polars.unpack(description, tensors)
    if kind == "csr":
        return _unpack_csr(description, tensors)
    return unpack_array(description, tensors)


_CSR = ("data", "indices", "indptr")


def _unpack_csr(description: Description, tensors: Tensors) -> Any:
    data, indices, indptr = parts = tuple(unpack_array(description[part], tensors) for part in _CSR)
    m, d = description["shape"]
    # Scipy would read places that are none from outside of memory, and does not look for all of them.
    whole = len(indptr) == m + 1 and indptr[0] == 0 and indptr[-1] == len(data) == len(indices)
    if not (whole and (np.diff(indptr) >= 0).all() and ((indices >= 0) & (indices < d)).all()):
        raise ValueError(f"its sparse rows are none of shape {(m, d)}")
    return (csr_array if description["array"] else csr_matrix)(parts, shape=(m, d))


def pack_array(values: NDArray, name: str, tensors: Tensors) -> Description:
    """Add an array to the tensors, by a name, and return how it comes back.

    Raises
    ------
    TypeError
        If its values cannot be kept; the message is a reason.
    """
    if values.dtype.kind == "O":
        text = json.dumps([scalar_to_json(value) for value in values.flat], separators=(",", ":"))
        tensors[name] = np.frombuffer(text.encode(), np.uint8)
        return {"kind": "objects", "shape": list(values.shape), "tensor": name}
    dtype = plain_dtype(values.dtype.str)
    little = np.array(values, dtype.newbyteorder("<"), order="C")
    if dtype.kind in "mM":
        little = little.view(np.int64)
    elif dtype.kind in "SU":  # the bytes of each word
        little = little[..., None].view(np.uint8)
    tensors[name] = little
    return {"kind": "array", "dtype": dtype.str, "tensor": name}


def unpack_array(description: Description, tensors: Tensors) -> NDArray:
    """Return the array that `pack_array` described."""
    tensor, kind = tensors[description["tensor"]], description["kind"]
    if kind == "objects":
        held = json.loads(tensor.tobytes())
        values = np.empty(len(held), object)
        for place, value in enumerate(held):  # one by one: a tuple is a value, and no row
            values[place] = scalar_from_json(value)
        return values.reshape(description["shape"])
    if kind != "array":
        raise ValueError(f"there are no arrays of the kind {kind!r}")
    dtype = plain_dtype(description["dtype"])
    little = dtype.newbyteorder("<")
    if dtype.kind in "SU":
        if dtype.kind == "U" and (tensor.view(little.byteorder + "u4") > sys.maxunicode).any():
            raise ValueError("its words are none")
        return tensor.view(little)[..., 0].astype(dtype, copy=False)
    return (tensor.view(little) if dtype.kind in "mM" else tensor).astype(dtype, copy=False)
