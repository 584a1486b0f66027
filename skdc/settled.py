"""What stays of a fitted discrepancy: its parameters, and what was learned in numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, clone

_WORDS = (bool, int, float, complex, str, bytes, type(None), np.generic)
_LEFT_OUT = object()


def settled(part: Any) -> Any:
    """Return a clone that has what a fitted part has learned, as numbers and arrays.

    Networks, pools and optimizers are left out, and so are matrices, which may be rows of the data: it takes little
    room, and its pickle needs no device.
    """
    return _settled(clone(part), part, {})


def _settled(fresh: Any, fitted: Any, known: dict[int, Any]) -> Any:
    """Give a clone what a fitted part has learned; `known` has the clones of parts by the identity of the part."""
    known[id(fitted)] = fresh
    parameters = fitted.get_params(deep=False)
    for name, value in parameters.items():
        _settle_parameter(getattr(fresh, name), value, known)
    for name, value in vars(fitted).items():
        if name not in parameters and name.endswith("_") and not name.startswith("_"):
            shown = _shown(value, known)
            if shown is not _LEFT_OUT:
                setattr(fresh, name, shown)
    return fresh


def _settle_parameter(fresh: Any, fitted: Any, known: dict[int, Any]) -> None:
    if isinstance(fitted, list | tuple):
        for one, other in zip(fresh, fitted, strict=True):
            _settle_parameter(one, other, known)
    elif isinstance(fitted, BaseEstimator) and id(fitted) not in known:
        _settled(fresh, fitted, known)


def _shown(value: Any, known: dict[int, Any]) -> Any:
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    if isinstance(value, _WORDS) or (isinstance(value, np.ndarray) and value.ndim <= 1 and value.dtype != object):
        return value.copy() if isinstance(value, np.ndarray) else value
    if isinstance(value, BaseEstimator):
        return known[id(value)] if id(value) in known else _settled(clone(value), value, known)
    if type(value) in (list, tuple, set):
        parts = [_shown(part, known) for part in value]
        return _LEFT_OUT if any(part is _LEFT_OUT for part in parts) else type(value)(parts)
    return _LEFT_OUT
