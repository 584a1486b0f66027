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


def network_code(network: nn.Module, inputs: Code) -> Code | None:
    """Return the code of what a network gives, once it is trained; None where a layer is none that numpy has.

    These are `Linear`, `ReLU`, `LeakyReLU`, `Flatten`, `Unflatten` and `ConvTranspose2d`, in a `Sequential`, and each
    `CodedModule`.

    Parameters
    ----------
    network : nn.Module
    inputs : Code
        Of shape (m, ...).
    """
    if network._forward_hooks or network._forward_pre_hooks or "forward" in vars(network):
        return None  # it does more than its class says
    if type(network) is nn.Sequential:
        for layer in network:
            found = network_code(layer, inputs)
            if found is None:
                return None
            inputs = found
        return inputs
    return _layer_code(network, inputs)


def _layer_code(layer: Any, inputs: Code) -> Code | None:
    if isinstance(layer, CodedModule):
        return layer.code(inputs)
    kind = type(layer)  # a subclass may do something else
    if kind is nn.Flatten and (layer.start_dim, layer.end_dim) == (1, -1):
        return Flattened(inputs)
    if kind is nn.Unflatten and layer.dim == 1:
        return Reshaped(inputs, tuple(layer.unflattened_size))
    if kind is nn.Linear:
        return Affine(inputs, float32(layer.weight), _bias(layer))
    if kind in (nn.ReLU, nn.LeakyReLU):
        return Rectified(inputs, getattr(layer, "negative_slope", 0.0))
    if kind is nn.ConvTranspose2d and layer.groups == 1 and layer.dilation == (1, 1) and layer.output_padding == (0, 0):
        return TransposedConvolution(inputs, float32(layer.weight), _bias(layer), layer.stride, layer.padding)
    return None


def class_counts(key: Tensor, n_classes: int) -> NDArray[np.uint32]:
    """Return how many rows each class has."""
    return key.bincount(minlength=n_classes).cpu().numpy().astype(np.uint32)


def _bias(layer: Any) -> NDArray[np.float32] | None:
    return None if layer.bias is None else float32(layer.bias)


def float32(values: Tensor) -> NDArray[np.float32]:
    """Return numbers as a file keeps them."""
    return values.detach().cpu().numpy().astype(np.float32)
