"""Paths, checked before anything takes time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from skdc.cli.errors import UsageError, nearest


def ending(path: str | os.PathLike[str]) -> str:
    """Return what tells the format of a file: its ending in small letters, less one that says that it is packed.

    Examples
    --------
    >>> from skdc.cli.paths import ending
    >>> ending("Data.CSV.gz"), ending("images/")
    ('.csv', '')
    """
    suffixes = Path(path).suffixes
    if suffixes and suffixes[-1].lower() == ".gz":
        suffixes.pop()
    return suffixes[-1].lower() if suffixes else ""


def check_input(path: str) -> None:
    """Refuse a path at which there is nothing.

    Raises
    ------
    UsageError
        Naming what is there.
    """
    place = Path(path)
    if place.exists():
        return
    folder = place.parent
    if not folder.is_dir():
        raise UsageError(f"there is no folder {str(folder)!r}, and so no {str(path)!r}")
    hint = nearest(place.name, sorted(other.name for other in folder.iterdir() if not other.name.startswith(".")))
    hint = hint if hint.startswith("; nearest") else ""
    raise UsageError(f"there is no file {str(path)!r}{hint}")


def check_output(path: str, force: bool, endings: Sequence[str]) -> None:
    """Refuse a path at which nothing can be, or something is.

    Parameters
    ----------
    path : str
    force : bool
        Whether what is there may be overwritten.
    endings : sequence of str
        That are known; "" stands for a folder.

    Raises
    ------
    UsageError
    """
    place = Path(path)
    if ending(path) not in endings or place.suffix.lower() == ".gz":
        known = ", ".join(one for one in endings if one)
        folder = " or, for images, nothing: a folder" if "" in endings else ""
        raise UsageError(f"cannot write {str(path)!r}: the ending must be {known}{folder}")
    if not place.parent.is_dir():
        raise UsageError(f"there is no folder {str(place.parent)!r} to write {place.name!r} in; make it first")
    if not os.access(place.parent, os.W_OK):
        raise UsageError(f"nothing may be written in the folder {str(place.parent)!r}; give another one")
    if place.exists() and place.is_dir() != (ending(path) == ""):
        raise UsageError(f"{str(path)!r} is a {'folder' if place.is_dir() else 'file'}; give another path")
    if place.exists() and not force:
        raise UsageError(f"{str(path)!r} is there already; give --force to overwrite it, or another path")
