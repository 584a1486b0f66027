"""Randomness of networks: what layers draw without a generator comes from one of the fit's own, in its thread alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import RLock
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils._python_dispatch import TorchDispatchMode

_BORROWED = RLock()


class Randomness(TorchDispatchMode):
    """A mode of torch in which whatever draws without a generator gets one; it holds for one thread.

    Layers such as dropout know the global generator only, which is one for all threads and belongs to the user.

    Parameters
    ----------
    seed : int
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed, self._depth = seed, 0
        self._generators: dict[str, torch.Generator] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None) -> Any:
        kwargs = dict(kwargs or {})
        if func.overloadpacket in _FACTORIES and not _has_tensor(args):
            # The default dtype is the user's, and says nothing of the network.
            kwargs.setdefault("dtype", torch.float32)
        if torch.Tag.nondeterministic_seeded not in func.tags or kwargs.get("generator") is not None:
            return func(*args, **kwargs)
        generator = self._generator(next((str(a.device) for a in args if isinstance(a, Tensor)), kwargs.get("device")))
        name = "generator" if func._overloadname == "default" else f"{func._overloadname}_generator"
        takes_one = any(argument.name == "generator" for argument in func._schema.arguments)
        seeded = func if takes_one else getattr(func.overloadpacket, name, None)
        if seeded is not None:
            return seeded(*args, **kwargs, generator=generator)
        return _with_borrowed(generator, lambda: func(*args, **kwargs))

    def _generator(self, device: Any) -> torch.Generator:
        name = "cpu" if device is None else str(device)
        if name not in self._generators:
            self._generators[name] = torch.Generator(name).manual_seed(self._seed)
        return self._generators[name]

    def enter(self) -> None:
        """Begin to hand out generators."""
        self._depth += 1
        self.__enter__()

    def leave(self) -> None:
        """Hand out none any longer."""
        if self._depth:
            self._depth -= 1
            self.__exit__(None, None, None)

    def end(self) -> None:
        """Leave as often as was entered: an interrupt lets a network go without a word."""
        while self._depth:
            self.leave()


_FACTORIES = {
    getattr(torch.ops.aten, name) for name in ("empty", "zeros", "ones", "rand", "randn", "eye", "linspace", "logspace")
}
_CURRENT: ContextVar[Randomness | None] = ContextVar("_CURRENT", default=None)


@contextmanager
def randomness(seed: int) -> Iterator[None]:
    """Say what the networks that `watched` has seen draw from, in this thread."""
    own = Randomness(seed)
    token = _CURRENT.set(own)
    try:
        yield
    finally:
        own.end()
        _CURRENT.reset(token)


@contextmanager
def built_from(seed: int) -> Iterator[None]:
    """Let layers that are built draw from a seed, also by numpy's global generator, which is borrowed and given back.

    That generator is one for all threads: one of them borrows it at a time.
    """
    with _BORROWED, Randomness(seed):
        state = np.random.get_state()  # noqa: NPY002
        np.random.seed(seed)  # noqa: NPY002
        try:
            yield
        finally:
            np.random.set_state(state)  # noqa: NPY002


def watched(network: nn.Module) -> nn.Module:
    """Return a network that draws from the randomness of the fit under way, if it draws, and refuses rows too few."""
    if not all(_is_plain(module) for module in network.modules()) and _enter not in _hooks(network):
        network.register_forward_pre_hook(_enter)
        network.register_forward_hook(_leave, always_call=True)
    for module in network.modules():
        if isinstance(module, _BatchNorm) and _refuse_one_row not in _hooks(module):
            module.register_forward_pre_hook(_refuse_one_row)
    return network


_PLAIN = {
    f"torch.nn.modules.{name}"
    for name in ("activation", "batchnorm", "container", "conv", "flatten", "instancenorm", "linear", "normalization")
} | {f"torch.nn.modules.{name}" for name in ("padding", "pooling", "upsampling")}
_DRAWING = (nn.RReLU, nn.MultiheadAttention, nn.FractionalMaxPool2d, nn.FractionalMaxPool3d)


def _is_plain(module: nn.Module) -> bool:
    """Tell whether a layer is known to draw nothing."""
    origin = type(module).__module__
    known = origin in _PLAIN or origin.startswith("skdc.")
    strange = any(hook not in (_enter, _leave, _refuse_one_row) for hook in _hooks(module))
    return known and not isinstance(module, _DRAWING) and not strange and "forward" not in vars(module)


def _hooks(module: nn.Module) -> list[Any]:
    return [*module._forward_pre_hooks.values(), *module._forward_hooks.values()]


def _enter(module: nn.Module, inputs: Any) -> None:
    current = _CURRENT.get()
    if current is not None:
        current.enter()


def _leave(module: nn.Module, inputs: Any, outputs: Any) -> None:
    current = _CURRENT.get()
    if current is not None:
        current.leave()


def _refuse_one_row(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    rows = inputs[0]
    if module.training and rows.shape[0] == 1 and rows.numel() == rows.shape[1]:
        raise ValueError(
            f"{type(module).__name__} cannot train on one row, whose deviation is none: give each class two rows or more "
            "(n_per_class=2) and batches of more than one, or take a network with group or layer norm"
        )


def _has_tensor(args: tuple) -> bool:
    return any(isinstance(argument, Tensor) for argument in args)


def _with_borrowed(generator: torch.Generator, draw: Any) -> Any:
    """Draw by an operation that takes no generator: the global one is set, and given back as it was."""
    index = generator.device.index
    owner = torch.random.default_generator
    if generator.device.type == "cuda":
        owner = torch.cuda.default_generators[torch.cuda.current_device() if index is None else index]
    with _BORROWED:
        state = owner.get_state()
        owner.set_state(generator.get_state())
        try:
            return draw()
        finally:
            generator.set_state(owner.get_state())
            owner.set_state(state)
