"""Packages that a format needs, and skdc itself does without."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from skdc.cli.errors import UsageError


def needed(package: str, what: str, install: str) -> ModuleType:
    """Return a package.

    Parameters
    ----------
    package : str
        Its name, or that of a module in it.
    what : str
        That needs it.
    install : str
        What pip is to install.

    Raises
    ------
    UsageError
        If it is not there.
    """
    try:
        return import_module(package)
    except ImportError as error:
        raise UsageError(f"{what} by the package {package.partition('.')[0]}: pip install {install}") from error


def pandas() -> ModuleType:
    """Return pandas, which reads and shows tables."""
    return needed("pandas", "tables are read and shown", "'skdc[tables]'")


def pyarrow(module: str) -> ModuleType:
    """Return a module of pyarrow, which reads and writes .parquet and .feather."""
    return needed(f"pyarrow.{module}", ".parquet, .feather and .arrow are read and written", "pyarrow")
