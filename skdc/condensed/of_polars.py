"""Frames and series of polars as tensors: the bytes of an Arrow stream, which polars writes and reads by itself."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from skdc.condensed.packing import Description, Tensors, refusal


def pack(values: Any, name: str, tensors: Tensors) -> Description:
    """Add a frame or series to the tensors and return how it comes back; as `skdc.condensed.packing.pack`."""
    import polars

    if type(values) not in (polars.DataFrame, polars.Series):
        raise TypeError(f"{name} is a polars {type(values).__name__}, which cannot be kept in a file; collect it first")
    frame = values if isinstance(values, polars.DataFrame) else values.to_frame()
    for label, dtype in frame.schema.items():
        if dtype == polars.Object:
            raise refusal(f"column {label!r} of {name}", dtype, "it holds any objects")
    buffer = io.BytesIO()
    frame.write_ipc_stream(buffer)
    tensors[name] = np.frombuffer(buffer.getvalue(), np.uint8)
    return {"kind": f"polars.{type(values).__name__}", "tensor": name}


def unpack(description: Description, tensors: Tensors) -> Any:
    """Return the frame or series that `pack` described."""
    import polars

    try:
        frame = polars.read_ipc_stream(io.BytesIO(tensors[description["tensor"]].tobytes()))
    except polars.exceptions.PanicException as error:  # which is no Exception
        raise ValueError(str(error)) from error
    return frame.to_series() if description["kind"] == "polars.Series" else frame
