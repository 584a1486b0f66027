"""torch's default dtype is one for the whole process, and the user's: in networks, float32 is taken in its place."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

_ATEN = torch.ops.aten


class CalledInFloat32(TorchFunctionMode):
    """A mode of torch that makes tensors of Python's numbers in float32, and sees whether a function is under way."""

    def __init__(self) -> None:
        super().__init__()
        self.under_way = False

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in (torch.tensor, torch.as_tensor, torch.asarray) and args and _are_floats(args[0]):
            # A number alone comes with the default dtype from the distributions of torch, and no sum takes its dtype.
            unsaid = (None, torch.get_default_dtype()) if isinstance(args[0], float) else (None,)
            if kwargs.get("dtype") in unsaid:
                kwargs["dtype"] = torch.float32
        before, self.under_way = self.under_way, True
        try:
            return func(*args, **kwargs)
        finally:
            self.under_way = before


def _are_floats(data: Any) -> bool:
    """Tell whether data are numbers of Python, which have no dtype of their own, and not all of them whole."""
    kinds = {type(value) for value in tree_leaves(data)}
    return float in kinds and kinds <= {bool, int, float}


def in_float32(func: Any, args: tuple, kwargs: dict[str, Any], under_way: bool) -> tuple[tuple, dict[str, Any]]:
    """Return the arguments with which an operation gives what it would if the default dtype were float32.

    Parameters
    ----------
    func : OpOverload
    args : tuple
    kwargs : dict
    under_way : bool
        Whether it is part of a function that was called; constructors, such as `torch.Tensor`, are none.
    """
    default = torch.get_default_dtype()
    tensors = [value for value in tree_leaves(args) if isinstance(value, Tensor)]
    takes_dtype = any(argument.name == "dtype" for argument in func._schema.arguments)
    if not tensors and takes_dtype:
        # What makes tensors of numbers within another operation says the default dtype.
        said = kwargs.get("dtype") is not None and under_way and func.overloadpacket != _ATEN.scalar_tensor
        if not said and func(*args, **{**kwargs, "device": "meta"}).dtype == default:
            kwargs["dtype"] = torch.float32
    elif func.overloadpacket == _ATEN.lift_fresh:
        if not under_way and tensors[0].dtype == default:
            args = (tensors[0].to(torch.float32),)
    elif tensors and not (takes_dtype or func._schema.is_mutable or any(map(_has_fractions, tensors))):
        # Whole numbers become fractions, as by a division.
        found = func(*args, **kwargs)
        if isinstance(found, Tensor) and found.dtype == default:
            args = tree_map(lambda value: value.to(torch.float32) if isinstance(value, Tensor) else value, args)
    return args, kwargs


def _has_fractions(values: Tensor) -> bool:
    return values.is_floating_point() or values.is_complex()
