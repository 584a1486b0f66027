"""Randomness of networks: what layers draw without a generator comes from one of the fit's own, in its thread alone."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from threading import RLock
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils._python_dispatch import TorchDispatchMode

from skdc.dtypes import CalledInFloat32, in_float32

_BORROWED = RLock()
Result = TypeVar("Result")


class Randomness(TorchDispatchMode):
    """A mode of torch in which whatever draws without a generator gets one; it holds for one thread.

    Layers such as dropout know the global generator only, which is one for all threads and belongs to the user. Those
    of numpy and `random` can only be borrowed, by one thread at a time; they are given back as they were.

    Parameters
    ----------
    seed : int
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = seed
        self._generators: dict[str, torch.Generator] = {}
        self._entered: list[CalledInFloat32 | None] = []
        self._own: tuple[Any, Any] | None = None
        self._borrowed: tuple[Any, Any] | None = None
        self._locked = False

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None) -> Any:
        kwargs = dict(kwargs or {})
        if self._entered and self._entered[-1] is not None:
            args, kwargs = in_float32(func, args, kwargs, self._entered[-1].under_way)
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

    def enter(self, foreign: bool) -> None:
        """Begin to hand out generators; those of numpy and `random` too, if what is foreign to torch may draw."""
        if foreign and not self._entered:
            self._borrow()
        # The default dtype is the user's, and says nothing of the network.
        self._entered.append(None if torch.get_default_dtype() == torch.float32 else CalledInFloat32())
        self.__enter__()
        if self._entered[-1] is not None:
            self._entered[-1].__enter__()

    def leave(self) -> None:
        """Hand out none any longer."""
        if not self._entered:
            return
        if self._entered[-1] is not None:
            self._entered[-1].__exit__(None, None, None)
        self._entered.pop()
        self.__exit__(None, None, None)
        if not self._entered:
            self._give_back()

    def end(self) -> None:
        """Leave as often as was entered: an interrupt lets a network go without a word."""
        while self._entered:
            self.leave()
        self._give_back()

    def _borrow(self) -> None:
        own = self._own or (np.random.RandomState(self._seed).get_state(), random.Random(self._seed).getstate())
        _BORROWED.acquire()
        self._locked = True
        self._borrowed = _states()
        _set_states(own)

    def _give_back(self) -> None:
        if self._borrowed is not None:
            self._own = _states()
            _set_states(self._borrowed)
            self._borrowed = None
        if self._locked:
            self._locked = False
            _BORROWED.release()

    def position(self) -> Any:
        """Return where the draws have come to, from which `restore` goes on."""
        drawn = {name: generator.get_state() for name, generator in self._generators.items()}
        return drawn, _states() if self._borrowed is not None else self._own

    def restore(self, position: Any) -> None:
        """Go on with the draws from a position."""
        drawn, self._own = position
        self._generators = {name: torch.Generator(name).set_state(state) for name, state in drawn.items()}


def _states() -> tuple[Any, Any]:
    return np.random.get_state(), random.getstate()  # noqa: NPY002


def _set_states(states: tuple[Any, Any]) -> None:
    np.random.set_state(states[0])  # noqa: NPY002
    random.setstate(states[1])


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


def current_randomness() -> Randomness:
    """Return what the networks of the fit under way draw from; there is none outside of `randomness`."""
    current = _CURRENT.get()
    if current is None:
        raise LookupError("no fit is under way in this thread")
    return current


def drawn_once_more() -> Callable[[Callable[[], Result]], Result]:
    """Return what calls a function, from any thread, whose networks draw what they would draw now, and then go on."""
    own, context = _CURRENT.get(), copy_context()
    here = None if own is None else own.position()

    def call(function: Callable[[], Result]) -> Result:
        if own is None:
            return function()
        now = own.position()
        own.restore(here)
        try:
            return context.run(function)
        finally:
            own.restore(now)

    return call


@contextmanager
def drawing_from(seed: int) -> Iterator[None]:
    """Let all that draws in this thread, also by the generators of numpy and `random`, draw from a seed."""
    own = Randomness(seed)
    try:
        own.enter(foreign=True)
        yield
    finally:
        own.end()


def watched(network: nn.Module) -> nn.Module:
    """Return a network that draws from the randomness of the fit under way, if it draws, and refuses rows too few."""
    strange = [module for module in network.modules() if not _is_plain(module)]
    if strange and not any(hook in _HOOKS for hook in _hooks(network)):
        foreign = any(not type(module).__module__.startswith("torch.") or _is_changed(module) for module in strange)
        network.register_forward_pre_hook(_enter_foreign if foreign else _enter)
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
    return known and not isinstance(module, _DRAWING) and not _is_changed(module)


def _is_changed(module: nn.Module) -> bool:
    """Tell whether a layer does more than its class says."""
    return "forward" in vars(module) or any(hook not in _HOOKS for hook in _hooks(module))


def _hooks(module: nn.Module) -> list[Any]:
    return [*module._forward_pre_hooks.values(), *module._forward_hooks.values()]


def _enter(module: nn.Module, inputs: Any) -> None:
    current = _CURRENT.get()
    if current is not None:
        current.enter(foreign=False)


def _enter_foreign(module: nn.Module, inputs: Any) -> None:
    current = _CURRENT.get()
    if current is not None:
        current.enter(foreign=True)


def _leave(module: nn.Module, inputs: Any, outputs: Any) -> None:
    current = _CURRENT.get()
    if current is not None:
        current.leave()


def _refuse_one_row(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    rows = inputs[0]
    if getattr(module, "takes_one_row", False):
        return
    if module.training and rows.shape[0] == 1 and rows.numel() == rows.shape[1]:
        raise ValueError(
            f"{type(module).__name__} cannot train on one row, whose deviation is none: give each class two rows or "
            "more (n_per_class=2) and batches of more than one, or take a network with group or layer norm"
        )


_HOOKS = (_enter, _enter_foreign, _leave, _refuse_one_row)


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
