"""Passes over rows in pieces whose results are kept in files, so that a fit that was killed goes on."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from os import PathLike
from pathlib import Path
from typing import TypeVar

import cloudpickle

from skdc.fitting.checkpoints import StateFile, pass_path
from skdc.partitions import Partitions, RawRows

Result = TypeVar("Result")


class KeptPasses(Partitions):
    """The same pieces; what a pass gives is kept, and given again by the same pass of the same fit.

    Parameters
    ----------
    partitions : Partitions
        The pieces are taken to be what they were: of these no more than their names is compared.
    path : str or path
        Beside it the files are, one for each pass; the end of the fit removes them.
    fingerprint : bytes
        Of the fit.
    """

    def __init__(self, partitions: Partitions, path: str | PathLike[str], fingerprint: bytes) -> None:
        self._partitions, self.max_rows = partitions, partitions.max_rows
        self._path, self._fingerprint, self._n_passes = Path(path), fingerprint, 0

    def __len__(self) -> int:
        return len(self._partitions)

    def __repr__(self) -> str:
        return repr(self._partitions)

    def __iter__(self) -> Iterator[RawRows]:
        return iter(self._partitions)

    def map_reduce(
        self,
        function: Callable[[int, RawRows], Result],
        merge: Callable[[Result, Result], Result],
        n_jobs: int | None = None,
    ) -> Result:
        """Return what a function gives for each piece, merged; that of an earlier process, where it is kept."""
        file = StateFile(pass_path(self._path, self._n_passes), self._fingerprint)
        kept = file.read()
        self._n_passes += 1
        if kept is not None:
            return pickle.load(kept)
        found = self._partitions.map_reduce(function, merge, n_jobs)
        file.write(lambda body: cloudpickle.dump(found, body))
        return found

    def position(self) -> int:
        """Return how many passes there were."""
        return self._n_passes

    def restore(self, position: int) -> None:
        """Go on after so many passes."""
        self._n_passes = position
