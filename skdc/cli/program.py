"""From a command line to a command, and from what goes wrong to a line and an exit code."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import skdc
from skdc.cli.arguments import parsed
from skdc.cli.errors import UsageError, in_options
from skdc.cli.paths import check_input, check_output

_BUG, _WRONG, _INTERRUPTED = 1, 2, 130
_ENDINGS = {
    "condense": (".csv", ".parquet", ".feather", ".npz", ".skdc", ""),
    "compare": (".csv", ".parquet", ".feather"),
    "report": (".html",),
    "show": (".png",),
    "schema": (".json",),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, default=None
        The command and its arguments; None takes those of the process.

    Returns
    -------
    int
        The exit code: 0; 2 if the command is wrong, as one line on standard error says; 1 for a bug of skdc; 130 if it
        was interrupted.
    """
    try:
        options = parsed(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)
    try:
        _check_paths(options)
        with _told_warnings():
            import_module(f"skdc.cli.commands.{options.command}").run(options)
            sys.stdout.flush()
    except KeyboardInterrupt as stop:
        return _said(str(stop) or "interrupted; nothing was written", _INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has seen enough
        return 0
    except Exception as error:
        if options.debug:
            traceback.print_exc()
        return _said(*_explained(error))
    return 0


def _check_paths(options: argparse.Namespace) -> None:
    given = vars(options)
    for name in ("data", "set", "test", "labels", "schema"):
        path = given.get(name)
        if isinstance(path, str):
            check_input(path)
    if given.get("out") is not None:
        check_output(options.out, options.force, _ENDINGS[options.command])
    if isinstance(given.get("report"), str):
        check_output(options.report, options.force, _ENDINGS["report"])


@contextmanager
def _told_warnings() -> Iterator[None]:
    """Say warnings to the user in a line each, and nothing of those that are for programmers."""

    def tell(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if issubclass(category, UserWarning):
            print(f"skdc: note: {in_options(str(message))}", file=sys.stderr, flush=True)

    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.showwarning = tell
        yield


def _explained(error: Exception) -> tuple[str, int]:
    """Return what to say of an error, and the exit code."""
    if isinstance(error, UsageError):
        return str(error), _WRONG
    if isinstance(error, ImportError) and not str(error.name).startswith("skdc"):
        said = str(error)
        return said if "pip install" in said else f"{said}; install it: pip install {error.name}", _WRONG
    if isinstance(error, MemoryError):
        return "the memory is full; lower --max-rows, or take a method that needs less", _WRONG
    if isinstance(error, OSError):
        where = "" if error.filename is None else f"{error.filename!r}: "
        return f"{where}{error.strerror or error}", _WRONG
    if isinstance(error, ValueError) or (isinstance(error, TypeError) and _is_meant(error)):
        return in_options(str(error)), _WRONG
    what = " ".join(f"{type(error).__name__}: {error}".split())
    return f"this is a bug of skdc ({what}); please report it with what --debug shows", _BUG


def _is_meant(error: Exception) -> bool:
    """Tell whether skdc has raised an error itself, with words for the user; it has not thought of others."""
    *_, last = traceback.extract_tb(error.__traceback__)
    return Path(last.filename).is_relative_to(Path(skdc.__file__).parent) and (last.line or "").startswith("raise ")


def _said(message: str, code: int) -> int:
    print(f"skdc: {message}", file=sys.stderr, flush=True)
    return code
