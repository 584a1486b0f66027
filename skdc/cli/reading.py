"""From paths and options to rows, targets and weights."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

import skdc
from skdc.cli.errors import UsageError, nearest
from skdc.cli.images import image_files, read_images
from skdc.cli.packages import pandas
from skdc.cli.paths import ending
from skdc.cli.tables import ArrowFile, CsvFile, TableFile
from skdc.condensed import CondensedSet

_TEXT, _ARROW = (".csv", ".tsv", ".txt"), (".parquet", ".feather", ".arrow")


@dataclass(frozen=True, eq=False)
class ReadRows:
    """What was read.

    Parameters
    ----------
    X : frame or array of shape (n, ...)
    y : series or array of shape (n,), or None
    sample_weight : array of shape (n,), or None
    n_rows : int
        Of the file, of which X may be a sample.
    condensed : CondensedSet or None
        Where the file holds a set.
    """

    X: Any
    y: Any
    sample_weight: Any
    n_rows: int
    condensed: CondensedSet | None = None

    @property
    def is_sample(self) -> bool:
        """Whether X has some of the rows only."""
        return len(self.X) < self.n_rows


def read_data(options: argparse.Namespace, path: str, as_text: bool = False) -> ReadRows:
    """Read rows, all or as many as `--max-rows` allows, which is said.

    Parameters
    ----------
    options : Namespace
        Those of data, and `seed`.
    path : str
    as_text : bool, default=False
        Whether cells of text stay as they are, for private rows, of which a sample is refused later.

    Raises
    ------
    UsageError
        For what cannot be read, and columns that are not there.
    """
    table = table_of(options, path, as_text)
    data = _read_other(options, path) if table is None else _read_table(options, table)
    if not len(data.X):
        raise UsageError(f"{path!r} has no rows")
    if data.is_sample and not as_text:
        print(
            f"skdc: note: {path!r} has {data.n_rows} rows, of which {len(data.X)} were drawn at random (--max-rows)",
            file=sys.stderr,
        )
    return data


def table_of(options: argparse.Namespace, path: str, as_text: bool = False) -> TableFile | None:
    """Return the table at a path; None where there is something else."""
    kind, is_folder = ending(path), Path(path).is_dir()
    if is_folder and any(Path(path).rglob("*.parquet")):
        return ArrowFile(path, options.quiet)
    if is_folder:
        return None
    if kind in _TEXT:
        return CsvFile(path, options.sep if kind != ".tsv" else options.sep or "\t", as_text, options.quiet)
    return ArrowFile(path, options.quiet) if kind in _ARROW else None


def read_set(path: str) -> CondensedSet:
    """Return the set in an .skdc file."""
    if ending(path) != ".skdc":
        raise UsageError(f"{path!r} is no condensed set: give an .skdc file, as 'skdc condense --out' writes it")
    return skdc.load(path)


def chunks_of(options: argparse.Namespace, table: TableFile) -> Iterator[tuple[Any, Any, Any]]:
    """Yield rows, targets and weights of the chunks of a table."""
    for frame in table.chunks():
        yield _split(options, table.path, frame)


def _read_table(options: argparse.Namespace, table: TableFile) -> ReadRows:
    frame = table.whole(options.max_rows)
    n_rows = 0 if frame is None else len(frame)
    if frame is None:
        frame, n_rows = table.sample(options.max_rows, _generator(options))
    is_sample = len(frame) < n_rows
    X, y, weight = _split(options, table.path, frame)
    return ReadRows(X, y, weight, n_rows if is_sample else len(X))


def _split(options: argparse.Namespace, path: str, frame: Any) -> tuple[Any, Any, Any]:
    """Return rows, targets and weights; rows without a target are left out, which is said."""
    given = [options.target, options.weights, *options.drop]
    for name in given:
        if name is not None and name not in frame.columns:
            raise UsageError(f"{path!r} has no column {name!r}{nearest(name, frame.columns)}")
    repeated = {name for name in given if name is not None and given.count(name) > 1}
    if repeated:
        raise UsageError(f"column {repeated.pop()!r} is named twice; a column is the target, a weight or dropped")
    if "sample_weight" in frame.columns and "sample_weight" not in given:
        raise UsageError(f"{path!r} has a column 'sample_weight'; say --weights sample_weight, or --drop sample_weight")
    frame = frame.drop(columns=options.drop)
    if options.target is not None:
        known = frame[options.target].notna()
        if not known.all():
            print(
                f"skdc: note: {(~known).sum()} of {len(frame)} rows have no {options.target!r}, and are left out",
                file=sys.stderr,
            )
            frame = frame[known]
    y = None if options.target is None else frame.pop(options.target)
    weight = None if options.weights is None else frame.pop(options.weights)
    if not len(frame.columns):
        raise UsageError(f"{path!r} has no columns beside the target; is --sep right?")
    return frame, y, None if weight is None else _numbers(weight, options.weights)


def _numbers(weight: Any, name: str) -> NDArray[np.float64]:
    try:
        return weight.to_numpy(dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(f"column {name!r} must hold numbers to be --weights") from error


def _read_other(options: argparse.Namespace, path: str) -> ReadRows:
    if Path(path).is_dir():
        return _read_folder(options, path)
    readers = {".npz": _read_npz, ".npy": _read_npy, ".skdc": _read_condensed}
    if ending(path) not in readers:
        known = ", ".join((*_TEXT, *_ARROW, *readers))
        raise UsageError(f"cannot read {path!r}: the ending must be {known}, or it must be a folder of images")
    return readers[ending(path)](options, path)


def _read_folder(options: argparse.Namespace, path: str) -> ReadRows:
    _refuse(options, path, ("target", "weights", "drop"))
    found = image_files(path)
    kept = _places(options, len(found))
    X = read_images([found[i][0] for i in kept], options.size)
    return ReadRows(X, np.array([found[i][1] for i in kept]), None, len(found))


def _read_npz(options: argparse.Namespace, path: str) -> ReadRows:
    with _loaded(path) as arrays:
        names = {"X": "X", "y": options.target or "y", "sample_weight": options.weights or "sample_weight"}
        asked = [
            "X",
            *(names[part] for part, given in (("y", options.target), ("sample_weight", options.weights)) if given),
        ]
        for name in asked:
            if name not in arrays:
                raise UsageError(f"{path!r} has no array {name!r}{nearest(name, arrays)}")
        X, y, weight = (_array(arrays, name, path) if name in arrays else None for name in names.values())
    return _of_arrays(options, path, X, y, weight)


def _read_npy(options: argparse.Namespace, path: str) -> ReadRows:
    _refuse(options, path, ("weights", "drop"))
    X, y = _loaded(path), None
    if options.labels is not None:
        y = _loaded(options.labels) if ending(options.labels) == ".npy" else _read_labels(options, len(X))
    elif options.target is not None:
        raise UsageError(f"{path!r} has no columns; give its targets by --labels, a .csv or .npy file")
    return _of_arrays(options, path, X, y, None)


def _read_labels(options: argparse.Namespace, n_rows: int) -> Any:
    """Return the column of labels in a file of text."""
    if ending(options.labels) not in _TEXT:
        raise UsageError(f"--labels {options.labels!r} must be a .csv or .npy file")
    frame = CsvFile(options.labels, options.sep, quiet=True).whole(sys.maxsize - 1)
    if options.target is not None:
        if options.target not in frame.columns:
            raise UsageError(
                f"{options.labels!r} has no column {options.target!r}{nearest(options.target, frame.columns)}"
            )
        return frame[options.target]
    if frame.shape[1] != 1:
        raise UsageError(f"{options.labels!r} has {frame.shape[1]} columns; name that of labels by --target")
    if len(frame) == n_rows - 1:  # a list without a name
        return pandas().read_csv(options.labels, header=None).iloc[:, 0].rename(None)
    return frame.iloc[:, 0]


def _read_condensed(options: argparse.Namespace, path: str) -> ReadRows:
    _refuse(options, path, ("target", "weights", "drop"))
    condensed = read_set(path)
    return ReadRows(condensed.X, condensed.y, condensed.sample_weight, condensed.X.shape[0], condensed)


def _refuse(options: argparse.Namespace, path: str, names: tuple[str, ...]) -> None:
    for name in names:
        if getattr(options, name):
            raise UsageError(f"--{name} names a column, but {path!r} has none; leave it out")


def _loaded(path: str) -> Any:
    try:
        return np.load(path, mmap_mode="r" if ending(path) == ".npy" else None, allow_pickle=False)
    except (ValueError, EOFError, BadZipFile) as error:
        raise UsageError(
            f"{path!r} cannot be read as arrays of numbers or words; arrays of other objects are not read, since they "
            "may hold code"
        ) from error


def _array(arrays: Any, name: str, path: str) -> Any:
    try:
        return arrays[name]
    except (ValueError, EOFError, BadZipFile) as error:
        raise UsageError(f"array {name!r} of {path!r} cannot be read; it must hold numbers or words") from error


def _of_arrays(options: argparse.Namespace, path: str, X: Any, y: Any, weight: Any) -> ReadRows:
    if X.ndim < 2:
        raise UsageError(f"X of {path!r} has shape {X.shape}; it must have a row for each sample, such as (100, 20)")
    for name, part in (("targets", y), ("weights", weight)):
        if part is not None and len(part) != len(X):
            raise UsageError(f"{path!r} has {len(X)} rows but {len(part)} {name}")
    kept = _places(options, len(X))
    parts = [part if part is None or len(kept) == len(X) else _taken(part, kept) for part in (X, y, weight)]
    return ReadRows(np.asarray(parts[0]), parts[1], parts[2], len(X))


def _taken(part: Any, places: NDArray[np.intp]) -> Any:
    return part.iloc[places] if hasattr(part, "iloc") else part[places]


def _places(options: argparse.Namespace, n: int) -> NDArray[np.intp]:
    """Return the places of all rows or, if they are too many, of some at random."""
    if n <= options.max_rows:
        return np.arange(n)
    return np.sort(_generator(options).choice(n, options.max_rows, replace=False))


def _generator(options: argparse.Namespace) -> np.random.Generator:
    return np.random.default_rng(options.seed)
