"""Files that are written whole or not at all."""

from __future__ import annotations

import glob
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_UNFINISHED = ".tmp"  # the end of the name of a file that is not whole yet


@contextmanager
def written_whole(path: str | os.PathLike[str], mode: int = 0o666) -> Iterator[BinaryIO]:
    """Open a binary file that is at the path once all is written, and nothing else ever is.

    Until then it has another name in the same folder, one of its own: others may write at the same path. A file that
    is there stays whole, whatever happens; a process that is killed leaves the unfinished one (`unfinished`).

    Parameters
    ----------
    path : str or path
        Its folder must be there.
    mode : int, default=0o666
        Who may read and write it, less what the umask of the process forbids.

    Yields
    ------
    binary file

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If no file can be at the path.

    Examples
    --------
    >>> import tempfile
    >>> from skdc.files import written_whole
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "numbers"
    ...     with written_whole(path) as file:
    ...         size = file.write(b"1 2 3")
    ...         path.exists()
    ...     path.read_bytes()
    False
    b'1 2 3'
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{str(path)!r} is a folder; give the path of a file")
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"{str(path.parent)!r}, where {path.name!r} is to be written, is no folder; make it first"
        )
    name = path.with_name(f"{path.name}.{secrets.token_hex(4)}{_UNFINISHED}")
    try:
        with open(name, "xb", opener=lambda path, flags: os.open(path, flags, mode)) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    finally:
        name.unlink(missing_ok=True)


def unfinished(path: str | os.PathLike[str]) -> list[Path]:
    """Return what killed processes have left of files that they were to write at a path."""
    path = Path(path)
    return sorted(path.parent.glob(f"{glob.escape(path.name)}.*{_UNFINISHED}"))
