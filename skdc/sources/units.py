"""The units in which rows are seen: a value object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Numbers = TypeVar("Numbers", Tensor, NDArray)
Scale = TypeVar("Scale", float, NDArray[np.float64])


@dataclass(frozen=True, eq=False)
class Units(Generic[Scale]):
    """Working units: `(numbers - shift) / scale`; both ways are differentiable on tensors.

    Parameters
    ----------
    shift : ndarray of the shape of a row, or float, default=0.0
        What is subtracted, in the user's units.
    scale : ndarray or float, default=1.0
        What is divided by.

    Examples
    --------
    >>> import numpy as np
    >>> from skdc.sources import Units
    >>> units = Units(shift=np.array([1.0, 2.0]), scale=10.0)
    >>> units.to_working(np.array([[11.0, 2.0]]))
    array([[1., 0.]])
    >>> units.to_user(units.to_working(np.array([[11.0, 2.0]])))
    array([[11.,  2.]])
    """

    shift: NDArray[np.float64] | float = 0.0
    scale: Scale = 1.0  # type: ignore[assignment]  # mypy gives a type variable no default

    def to_working(self, values: Numbers) -> Numbers:
        """Return numbers of the user in working units."""
        shifted, scale = values - _like(self.shift, values), _like(self.scale, values)
        if isinstance(shifted, Tensor) or np.result_type(shifted, scale) != shifted.dtype:
            return shifted / scale
        shifted /= scale  # many rows need no more memory
        return shifted

    def to_user(self, values: Numbers) -> Numbers:
        """Return numbers in working units in those of the user."""
        return values * _like(self.scale, values) + _like(self.shift, values)


def _like(part: NDArray[np.float64] | float, values: Tensor | NDArray) -> Any:
    if isinstance(values, Tensor):
        return torch.as_tensor(part, dtype=values.dtype, device=values.device)
    return part
