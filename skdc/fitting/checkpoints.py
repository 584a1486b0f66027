"""The state of a solve, kept in a file, from which the same solve goes on."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import warnings
from pathlib import Path
from time import monotonic
from typing import Any

import cloudpickle

from skdc.solvers.base import State
from skdc.sources import Source

_MAGIC = b"skdc checkpoint 1\n"
_DIGEST = hashlib.sha256().digest_size
_SECONDS = 30.0  # between two savings


class Checkpoint:
    """A file that holds the state of a solve, whole or not at all.

    A file is: a magic line, the fingerprint of the fit, a digest of what follows, and a pickle of the state, in which
    the data are left out. Like any pickle it is to be trusted as code is.

    Parameters
    ----------
    path : str or path
        Its folder must be there.
    fingerprint : bytes of length 32
        Of the data, parameters and version of a fit: the state of another one is not taken.
    seconds : float, default=30.0
        Time between two savings.
    """

    def __init__(self, path: str | os.PathLike[str], fingerprint: bytes, seconds: float = _SECONDS) -> None:
        self.path, self._fingerprint, self._seconds = Path(path), fingerprint, seconds
        self._saved = monotonic()

    def load(self, source: Source) -> State | None:
        """Return the state that is kept, with the source in it; None where there is none that can be taken.

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
            state, position = _Unpickler(io.BytesIO(body), source).load()
            state.source = source
            source.restore(position)
            return state
        return None

    def _warn(self, what: str) -> None:
        warnings.warn(f"checkpoint={str(self.path)!r} {what}: the fit begins anew", UserWarning, stacklevel=2)

    def offer(self, state: State) -> None:
        """Keep the state, if the last saving was long enough ago."""
        if monotonic() - self._saved >= self._seconds:
            self.save(state)
            self._saved = monotonic()

    def save(self, state: State) -> None:
        """Keep the state; a file that is there stays whole until the new one is."""
        body = io.BytesIO()
        _Pickler(body, state.source).dump((state, state.source.position()))
        written = self.path.with_name(f"{self.path.name}.{os.getpid()}.tmp")
        try:
            with written.open("wb") as file:
                digest = hashlib.sha256(body.getbuffer()).digest()
                file.write(_MAGIC + self._fingerprint + digest)
                file.write(body.getbuffer())
                file.flush()
                os.fsync(file.fileno())
            written.replace(self.path)
        finally:
            written.unlink(missing_ok=True)

    def remove(self) -> None:
        """Forget the state: the solve has come to its end."""
        self.path.unlink(missing_ok=True)


class _Pickler(cloudpickle.Pickler):
    """A pickler that leaves the data out, wherever something refers to them."""

    def __init__(self, file: io.BytesIO, source: Source) -> None:
        super().__init__(file)
        self._source = source

    def persistent_id(self, obj: Any) -> str | None:
        return "source" if obj is self._source else None


class _Unpickler(pickle.Unpickler):
    """An unpickler that puts the data back."""

    def __init__(self, file: io.BytesIO, source: Source) -> None:
        super().__init__(file)
        self._source = source

    def persistent_load(self, pid: Any) -> Source:
        return self._source
