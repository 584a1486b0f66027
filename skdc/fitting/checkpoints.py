"""The state of a solve, kept in a file, from which the same solve goes on."""

from __future__ import annotations

import glob
import hashlib
import io
import os
import pickle
import re
import warnings
from collections.abc import Callable
from importlib.metadata import version
from inspect import isclass, ismodule
from pathlib import Path
from time import monotonic
from types import FunctionType
from typing import Any

import cloudpickle
import joblib
import numpy as np
import torch

from skdc.devices import find_device
from skdc.exceptions import PartsError
from skdc.files import unfinished, written_whole
from skdc.fitting.input import Problem
from skdc.randomness import current_randomness
from skdc.solvers.base import State
from skdc.sources import Source

_MAGIC = b"skdc checkpoint 1\n"
_DIGEST = hashlib.sha256().digest_size
_SECONDS = 30.0  # between two savings


class StateFile:
    """A file that holds what a fit goes on from, whole or not at all.

    It is: a magic line, the fingerprint of the fit, a digest of what follows, and a pickle, to be trusted as code is.

    Parameters
    ----------
    path : str or path
        Its folder must be there.
    fingerprint : bytes of length 32
        Of the data, parameters and version of a fit: what is kept of another one is not taken.

    Raises
    ------
    ValueError
        If no file can be at the path.
    """

    def __init__(self, path: str | os.PathLike[str], fingerprint: bytes) -> None:
        self.path, self._fingerprint = Path(path), fingerprint
        if self.path.is_dir() or not self.path.parent.is_dir():
            what = "is a folder" if self.path.is_dir() else f"lies in {str(self.path.parent)!r}, which is no folder"
            raise ValueError(f"checkpoint={str(self.path)!r} {what}; give the path of a file in a folder that is there")

    def read(self) -> io.BytesIO | None:
        """Return the pickle; None where there is none that can be taken.

        Warns
        -----
        UserWarning
            If the file is torn, or of another fit; it will be overwritten.
        """
        try:
            held = self.path.read_bytes()
        except FileNotFoundError:
            return None
        start, end = len(_MAGIC), len(_MAGIC) + 2 * _DIGEST
        fingerprint, digest, body = held[start : start + _DIGEST], held[start + _DIGEST : end], held[end:]
        if not held.startswith(_MAGIC) or hashlib.sha256(body).digest() != digest:
            self._warn("holds no whole checkpoint")
        elif fingerprint != self._fingerprint:
            self._warn("is of other data, other parameters or another version")
        else:
            return io.BytesIO(body)
        return None

    def _warn(self, what: str) -> None:
        warnings.warn(f"checkpoint={str(self.path)!r} {what}: the fit begins anew", UserWarning, stacklevel=2)

    def write(self, dump: Callable[[io.BytesIO], None]) -> None:
        """Keep what is pickled into a buffer; a file that is there stays whole until the new one is."""
        body = io.BytesIO()
        try:
            dump(body)
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            raise PartsError(
                f"checkpoint={str(self.path)!r}: the state of the fit cannot be pickled ({error}); build networks of "
                "modules that can, or leave checkpoint out"
            ) from error
        try:
            self._put(body)
        except OSError as error:  # of a folder that is gone, or a disk that is full, no set is to be lost
            warnings.warn(f"checkpoint={str(self.path)!r} cannot be written: {error}", UserWarning, stacklevel=2)

    def _put(self, body: io.BytesIO) -> None:
        with written_whole(self.path, mode=0o600) as file:
            file.write(_MAGIC + self._fingerprint + hashlib.sha256(body.getbuffer()).digest())
            file.write(body.getbuffer())

    def remove(self) -> None:
        """Forget the state, and what a killed process has left half written: the fit has come to its end."""
        for file in (self.path, *unfinished(self.path)):
            file.unlink(missing_ok=True)


class Checkpoint(StateFile):
    """A file that holds the trainings before a solve, and then its state, in which the data are left out.

    Parameters
    ----------
    path, fingerprint
        As in `StateFile`.
    seconds : float, default=30.0
        Time between two savings.

    Attributes
    ----------
    trainings : list
        Where each has come to, in their order.
    """

    def __init__(self, path: str | os.PathLike[str], fingerprint: bytes, seconds: float = _SECONDS) -> None:
        super().__init__(path, fingerprint)
        self.trainings: list[Any] = []
        self._seconds, self._saved = seconds, monotonic()

    def load(self, source: Source) -> State | None:
        """Return the state that is kept, with the source in it; None where there is none that can be taken."""
        held = self.read()
        if held is None:
            return None
        kept = _Unpickler(held, source).load()
        if isinstance(kept, list):
            self.trainings = kept
            return None
        state, position, draws = kept
        state.source = source
        source.restore(position)
        current_randomness().restore(draws)
        return state

    def offer(self, state: State) -> None:
        """Keep the state, if the last saving was long enough ago."""
        if self.is_due():
            self.save(state)

    def is_due(self) -> bool:
        """Tell whether the last saving was long enough ago."""
        return monotonic() - self._saved >= self._seconds

    def save(self, state: State) -> None:
        """Keep the state; the trainings before it need not be kept any longer."""
        kept = state, state.source.position(), current_randomness().position()
        self.write(lambda file: _Pickler(file, state.source).dump(kept))
        self.trainings, self._saved = [], monotonic()

    def remove(self) -> None:
        """Forget the state, and what passes over rows in pieces gave."""
        super().remove()
        for file in self.path.parent.glob(glob.escape(pass_path(self.path, "").name) + "*"):
            file.unlink(missing_ok=True)

    def save_trainings(self) -> None:
        """Keep the trainings."""
        self.write(lambda file: cloudpickle.dump(self.trainings, file))
        self._saved = monotonic()


def pass_path(path: Path, number: int | str) -> Path:
    """Return where what a pass over rows in pieces gives is kept, beside a checkpoint."""
    return path.with_name(f"{path.name}.pass{number}")


def fingerprint(condenser: Any, problem: Problem) -> bytes:
    """Return what tells a fit from others: parameters, data and versions; where it starts from is in the state."""
    return fingerprint_of(condenser, (problem.X, problem.y, problem.weight, problem.key, problem.schema.class_of_key))


def fingerprint_of(condenser: Any, data: tuple[Any, ...]) -> bytes:
    """Return the same of data of any kind."""
    parameters = {
        name: _told(value) for name, value in condenser.get_params(deep=False).items() if name not in _NO_MATTER
    }
    versions, device = (version("skdc"), torch.__version__), str(find_device(condenser.device))
    named = type(condenser).__qualname__, sorted(parameters.items()), versions, device
    return hashlib.sha256(repr((named, joblib.hash(data))).encode()).digest()


_NO_MATTER = ("checkpoint", "verbose", "n_jobs", "device", "memory")  # the device that is found does


def _told(value: Any, met: tuple[int, ...] = ()) -> str:
    """Return a description of a parameter that is the same in another process, and not for another content."""
    if isinstance(value, FunctionType):
        named = f"{value.__module__}.{value.__qualname__}"
        return named if id(value) in met else named + _content(value, (*met, id(value)))
    if isinstance(value, np.ndarray):
        return joblib.hash(value)
    if isinstance(value, list | tuple):
        return repr([_told(part, met) for part in value])
    if ismodule(value):
        return value.__name__
    if isclass(value) or value is None or isinstance(value, bool | int | float | str | os.PathLike):
        return _plain(value)
    if hasattr(value, "get_params"):
        return repr(
            (_plain(type(value)), {name: _told(part, met) for name, part in value.get_params(deep=False).items()})
        )
    try:
        return hashlib.sha256(cloudpickle.dumps(value)).hexdigest()
    except (pickle.PicklingError, TypeError, AttributeError):
        return _plain(value)


def _content(function: FunctionType, met: tuple[int, ...]) -> str:
    """Return a description of what a function does: its code, what it holds, and what it reads of its module."""
    code, held = function.__code__, [cell.cell_contents for cell in function.__closure__ or ()]
    read = {name: function.__globals__[name] for name in code.co_names if name in function.__globals__}
    parts = _told([held, function.__defaults__, list(read.values())], met)
    return repr((code.co_code.hex(), code.co_names, _plain(code.co_consts), parts))


def _plain(value: Any) -> str:
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


class _Pickler(cloudpickle.Pickler):
    """A pickler that leaves the data out, wherever something refers to them."""

    def __init__(self, file: io.BytesIO, source: Source) -> None:
        super().__init__(file)
        self._source = source

    def persistent_id(self, obj: Any) -> str | None:
        return "source" if obj is self._source else None

    def reducer_override(self, obj: Any) -> Any:
        # Older versions of torch cannot pickle generators.
        if isinstance(obj, torch.Generator):
            return _generator, (str(obj.device), obj.get_state())
        return super().reducer_override(obj)


def _generator(device: str, state: torch.Tensor) -> torch.Generator:
    return torch.Generator(device).set_state(state)


class _Unpickler(pickle.Unpickler):
    """An unpickler that puts the data back."""

    def __init__(self, file: io.BytesIO, source: Source) -> None:
        super().__init__(file)
        self._source = source

    def persistent_load(self, pid: Any) -> Source:
        return self._source


def refuse_checkpoint(condenser: Any) -> None:
    """Refuse to keep what is private in a checkpoint."""
    if condenser.checkpoint is not None:
        raise PartsError(
            f"checkpoint={str(condenser.checkpoint)!r} would write what is made of private rows into a file, and a fit "
            "that goes on from it would release more than was accounted for; leave it out"
        )
