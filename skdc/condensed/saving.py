"""The file of a set: its arrays as tensors, and one entry of JSON that says how they come back and where it is from."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from skdc.codes import Code
from skdc.condensed.coded import pack_set, unpack_set
from skdc.condensed.packing import Tensors
from skdc.condensed.safetensors import UnreadableError, read_tensors, write_tensors
from skdc.condensed.scalings import pack_scaling, unpack_scaling
from skdc.files import written_whole
from skdc.provenance import Provenance

FORMAT = 3  # goes up by one whenever a skdc that reads this one could not read what is written then
_ENTRY = "skdc"  # of the metadata


def write_set(
    path: str | os.PathLike[str],
    parts: dict[str, Any],
    coded: tuple[Code | None, Code | None],
    provenance: Provenance | None,
) -> None:
    """Write arrays and frames, and where they come from, whole or not at all.

    Raises
    ------
    TypeError
        For what cannot be kept, before anything is written.
    """
    tensors: Tensors = {}
    packed = pack_set(parts, *coded, tensors)
    origin = None
    if provenance is not None:
        origin = provenance.without_scaling() | {"scaling": pack_scaling(provenance.scaling, tensors)}
    entry = {"format": FORMAT, "version": version("skdc"), "parts": packed, "provenance": origin}
    try:
        metadata = {_ENTRY: json.dumps(entry, separators=(",", ":"))}
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"the provenance of the set cannot be kept in a file: {error}; give it values of JSON"
        ) from error
    with written_whole(path) as file:
        write_tensors(file, tensors, metadata)


def read_set(path: str | os.PathLike[str], names: Sequence[str]) -> dict[str, Any]:
    """Return what `write_set` has written: the parts, of these names, "coded", "coded_labels" and "provenance".

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If there is no file.
    ValueError
        If it is none of a set, is torn, or of a newer format.
    ImportError
        If what it holds is of a package that is not installed.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{str(path)!r} is a folder; give the path of a file that save(path) has written")
    if not path.exists():
        raise FileNotFoundError(f"there is no file {str(path)!r}; give the path of one that save(path) has written")
    try:
        tensors, metadata = read_tensors(path)
        entry = _entry(metadata)
        origin, packed = entry["provenance"], entry["parts"]
        if set(packed) != set(names):
            raise UnreadableError(f"is damaged: a set has {', '.join(names)}, and it has {', '.join(packed)}")
        parts = unpack_set(packed, tensors)
        rows = {name: part for name, part in parts.items() if name in names and name != "classes"}
        lengths = {part.shape[:1] for part in rows.values() if part is not None}
        if len(lengths) > 1:
            raise UnreadableError("is damaged: its parts have different numbers of rows")
        return {**parts, "provenance": None if origin is None else _provenance(origin, tensors)}
    except ImportError as error:
        package = (error.name or "pyarrow").partition(".")[0]
        raise ImportError(f"{str(path)!r} holds what needs {package}: pip install {package}", name=package) from error
    except UnreadableError as error:
        raise ValueError(f"{str(path)!r} {error}") from error
    except Exception as error:  # of what a file says that is not what was written, each package has its own
        raise ValueError(f"{str(path)!r} is damaged: {type(error).__name__}: {' '.join(str(error).split())}") from error


def _provenance(origin: dict[str, Any], tensors: Tensors) -> Provenance:
    """Return where a set comes from; files before format 3 say nothing of its scaling."""
    return Provenance(**origin | {"scaling": unpack_scaling(origin.get("scaling"), tensors)})


def _entry(metadata: dict[str, str]) -> dict[str, Any]:
    if _ENTRY not in metadata:
        raise UnreadableError("is a safetensors file, but of no condensed set; give one that save(path) has written")
    entry = json.loads(metadata[_ENTRY])
    if entry["format"] > FORMAT:
        raise UnreadableError(
            f"is of format {entry['format']}, written by skdc {entry['version']}; skdc {version('skdc')} reads formats "
            f"up to {FORMAT}: pip install --upgrade skdc"
        )
    return entry
