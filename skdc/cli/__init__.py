"""The command line: arguments, files in and out, and the commands."""

from skdc.cli.program import main

__all__ = ["main"]
