"""What networks and kernel machines compute, as ONNX files: other programs run these, without Python or torch."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from skdc.files import written_whole


class _Computed(nn.Module):
    """A function as a module, which is what torch exports."""

    def __init__(self, compute: Callable[..., Tensor]) -> None:
        super().__init__()
        self._compute = compute

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return the outputs."""
        return self._compute(*inputs)


def write_onnx(
    compute: Callable[..., Tensor], inputs: dict[str, Tensor], output: str, path: str | os.PathLike[str]
) -> None:
    """Write what a function computes as an ONNX file, whole or not at all.

    Parameters
    ----------
    compute : callable
        Of tensors of one row each along their first axis; it returns such a one.
    inputs : dict of str to Tensor
        Tensors to try it on, of two rows or more, by their names in the file, where there may be any number of rows.
    output : str
        The name of what comes out.
    path : str or path

    Raises
    ------
    ImportError
        Without the packages that torch exports by.
    TypeError
        If torch cannot export the function, or not for any number of rows.
    """
    try:
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError("ONNX files are written by onnxscript: pip install 'skdc[onnx]'", name=error.name) from error
    rows = torch.export.Dim("rows")
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, on its own code
        try:
            program = torch.onnx.export(
                _Computed(compute).eval(),
                tuple(inputs.values()),
                input_names=list(inputs),
                output_names=[output],
                dynamic_shapes=(tuple({0: rows} for _ in inputs),),
                dynamo=True,
                verbose=False,
            )
        except Exception as error:  # each of its stages has errors of its own
            raise TypeError(f"this cannot be exported to ONNX: {type(error).__name__}: {error}") from error
    assert program is not None
    sizes = [value.type.tensor_type.shape.dim[0] for value in program.model_proto.graph.input]
    if not all(size.dim_param for size in sizes):
        raise TypeError(
            f"this cannot be exported to ONNX: it is computed for {sizes[0].dim_value} rows, and for no other number"
        )
    with written_whole(path) as file:
        file.write(program.model_proto.SerializeToString())
