"""Networks as codes, which numpy alone decodes."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from skdc.codes import Affine, Code, Flattened, Rectified, Reshaped, TransposedConvolution


class CodedModule(nn.Module):
    """A layer that says what numpy does in its place."""

    @abstractmethod
    def code(self, inputs: Code) -> Code:
        """Return the code of its outputs for inputs."""


def has_code(network: nn.Module) -> bool:
    """Tell whether numpy has all layers of a network, of which the numbers need not be there.

    These are `Linear`, `ReLU`, `LeakyReLU`, `Flatten`, `Unflatten` and `ConvTranspose2d`, in a `Sequential`, and each
    `CodedModule`.
    """
    if network._forward_hooks or network._forward_pre_hooks or "forward" in vars(network):
        return False  # it does more than its class says
    if type(network) is nn.Sequential:
        return all(map(has_code, network))
    return isinstance(network, CodedModule) or _is_known(network)


def _is_known(layer: Any) -> bool:
    kind = type(layer)  # a subclass may do something else
    if kind is nn.Flatten:
        return (layer.start_dim, layer.end_dim) == (1, -1)
    if kind is nn.Unflatten:
        return bool(layer.dim == 1)
    if kind is nn.ConvTranspose2d:
        return (layer.groups, layer.dilation, layer.output_padding) == (1, (1, 1), (0, 0))
    return kind in (nn.Linear, nn.ReLU, nn.LeakyReLU)


def network_code(network: nn.Module, inputs: Code) -> Code | None:
    """Return the code of what a network gives, once it is trained; None where it has none, as `has_code` tells.

    Parameters
    ----------
    network : nn.Module
    inputs : Code
        Of shape (m, ...).
    """
    return _code(network, inputs) if has_code(network) else None


def _code(layer: Any, inputs: Code) -> Code:
    if isinstance(layer, CodedModule):
        return layer.code(inputs)
    kind = type(layer)
    if kind is nn.Sequential:
        for part in layer:
            inputs = _code(part, inputs)
        return inputs
    if kind is nn.Flatten:
        return Flattened(inputs)
    if kind is nn.Unflatten:
        return Reshaped(inputs, tuple(layer.unflattened_size))
    if kind is nn.Linear:
        return Affine(inputs, float32(layer.weight), _bias(layer))
    if kind is nn.ConvTranspose2d:
        return TransposedConvolution(inputs, float32(layer.weight), _bias(layer), layer.stride, layer.padding)
    return Rectified(inputs, getattr(layer, "negative_slope", 0.0))


def class_counts(key: Tensor, n_classes: int) -> NDArray[np.uint32]:
    """Return how many rows each class has."""
    return key.bincount(minlength=n_classes).cpu().numpy().astype(np.uint32)


def _bias(layer: Any) -> NDArray[np.float32] | None:
    return None if layer.bias is None else float32(layer.bias)


def float32(values: Tensor) -> NDArray[np.float32]:
    """Return numbers as a file keeps them."""
    return values.detach().cpu().numpy().astype(np.float32)
