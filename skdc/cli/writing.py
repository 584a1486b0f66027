"""Sets and tables as files, each of them whole or not there."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from skdc.cli.errors import UsageError
from skdc.cli.images import write_images
from skdc.cli.packages import pandas, pyarrow
from skdc.cli.paths import ending
from skdc.condensed import CondensedSet
from skdc.containers import plain_labels
from skdc.files import written_whole


def check_packages(path: str) -> None:
    """Refuse a format for which a package is missing, before anything is computed."""
    kind = ending(path)
    if kind in (".csv", ".parquet", ".feather", ""):
        pandas()
    if kind in (".parquet", ".feather"):
        pyarrow("lib")


def refuse_rows(X: Any, path: str) -> None:
    """Refuse a format that cannot hold rows of a kind, before anything is computed.

    Parameters
    ----------
    X : frame or array of shape (n, ...)
    path : str

    Raises
    ------
    UsageError
    """
    kind = ending(path)
    if kind == "" and (hasattr(X, "columns") or np.ndim(X) < 3):
        raise UsageError(f"only images are written as a folder; give --out {path!r} an ending, such as .csv or .skdc")
    if kind == ".npz" and hasattr(X, "columns") and any(getattr(d, "kind", "O") not in "iufb" for d in X.dtypes):
        raise UsageError(
            "an .npz file holds arrays of numbers, but columns are words or dates; give --out .parquet or .skdc"
        )


def write_set(condensed: CondensedSet, path: str) -> None:
    """Write a set in the format of the ending.

    Raises
    ------
    UsageError
        If the format cannot hold it.
    """
    _write: dict[str, Callable[[CondensedSet, str], None]] = {
        ".skdc": CondensedSet.save,
        ".csv": CondensedSet.to_csv,
        ".parquet": CondensedSet.to_parquet,
        ".feather": _write_feather,
        ".npz": _write_npz,
        "": write_images,
    }
    try:
        _write[ending(path)](condensed, path)
    except TypeError as error:
        raise UsageError(str(error)) from error


def write_frame(frame: Any, path: str) -> None:
    """Write a frame in the format of the ending."""
    kind = ending(path)
    if kind == ".csv":
        held = frame.to_csv(index=False, lineterminator="\n").encode()
    else:
        buffer = io.BytesIO()
        getattr(frame, f"to_{kind[1:]}")(buffer)
        held = buffer.getvalue()
    write_bytes(held, path)


def write_bytes(held: bytes, path: str) -> None:
    """Write a file."""
    with written_whole(path) as file:
        file.write(held)


def n_bytes(path: str) -> int:
    """Return what a file, or all files of a folder, take."""
    place = Path(path)
    files = [file for file in place.rglob("*") if file.is_file()] if place.is_dir() else [place]
    return sum(file.stat().st_size for file in files)


def _write_feather(condensed: CondensedSet, path: str) -> None:
    frame = condensed.to_frame().reset_index(drop=True)
    write_frame(frame.set_axis([str(name) for name in frame.columns], axis=1), path)


def _write_npz(condensed: CondensedSet, path: str) -> None:
    X = condensed.X
    parts: dict[str, Any] = {
        "X": X.toarray() if hasattr(X, "toarray") else np.asarray(X),
        "y": None if condensed.y is None else np.asarray(plain_labels(condensed.y)),
        **{name: getattr(condensed, name) for name in ("sample_weight", "y_soft", "classes")},
        "columns": np.array([str(name) for name in X.columns]) if hasattr(X, "columns") else None,
    }
    words = [name for name in ("y", "classes") if parts[name] is not None and parts[name].dtype.kind not in "iufbU"]
    parts |= {name: parts[name].astype(str) for name in words}
    with written_whole(path) as file:
        np.savez(file, **{name: part for name, part in parts.items() if part is not None})
