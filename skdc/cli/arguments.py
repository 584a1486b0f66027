"""The arguments of the command line; nothing here takes time to load."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from skdc import __version__
from skdc.cli.errors import nearest

_DATA_FORMATS = (
    "data are files that end in .csv, .tsv (also .gz), .parquet, .feather, .arrow, .npz (arrays X and y), .npy (with "
    "--labels) or .skdc, a folder of .parquet files, or a folder of images with a folder for each class"
)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and end with code 2."""
        self.exit(2, f"skdc: {message}; see '{self.prog} --help'\n")


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    main = _Parser(
        prog="skdc",
        description="Turn a big training set into a small one.",
        epilog=_DATA_FORMATS,
        allow_abbrev=False,
    )
    main.add_argument("--version", action="version", version=f"skdc {__version__}")
    commands = main.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, add, summary in _COMMANDS:
        command = commands.add_parser(
            name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.", allow_abbrev=False
        )
        add(command)
        command.add_argument(
            "--debug", action="store_true", help="show the traceback of any error, for a report of a bug"
        )
    return main


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options of a command line.

    Raises
    ------
    SystemExit
        After help or version, with code 0; with code 2 if something is wrong, once it was said.
    """
    main = parser()
    options, unknown = main.parse_known_args(arguments)
    if unknown:
        known = commands_of(main)[options.command]._option_string_actions
        word = next((word for word in unknown if word.startswith("-")), unknown[0]).partition("=")[0]
        hint = nearest(word, known) if word.startswith("-") else ""
        hint = hint if hint.startswith("; nearest") else ""
        main.exit(2, f"skdc: {options.command} has no argument {word!r}{hint}; see 'skdc {options.command} --help'\n")
    if getattr(options, "at_most", False) and not options.per_class:
        main.exit(2, "skdc: --at-most goes with --per-class N; give both, or leave it out\n")
    return options


def commands_of(main: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the parser of each command, by its name."""
    (found,) = (action for action in main._actions if isinstance(action, argparse._SubParsersAction))
    return dict(found.choices)


def _condense(command: argparse.ArgumentParser) -> None:
    command.epilog = _DATA_FORMATS
    _add_data(command, needs_target=False)
    command.add_argument(
        "--out",
        required=True,
        metavar="PATH",
        help="where the set goes: .csv, .parquet, .feather, .npz, .skdc (keeps all of it), or a new folder for images",
    )
    command.add_argument("--force", action="store_true", help="overwrite what is at --out and --report")
    command.add_argument("--method", default="auto", help="'skdc methods' lists them (default: auto, which tries some)")
    command.add_argument(
        "--set",
        action="append",
        type=_setting,
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of the method, such as --set n_steps=50 or --set 'kernel=Laplace()'; may be repeated",
    )
    size = command.add_mutually_exclusive_group()
    size.add_argument("--per-class", type=_count, metavar="N", help="rows of each class (default: 10)")
    size.add_argument("--rows", type=_rows, metavar="N", help="rows in all, or a share such as 0.01")
    size.add_argument("--bytes", metavar="SIZE", help="what the set may take in memory, such as '64 kB'")
    _add_at_most(command)
    _add_max_seconds(command)
    command.add_argument("--checkpoint", metavar="PATH", help="keep the state there; the same command goes on from it")
    command.add_argument("--privacy", type=_positive, metavar="EPSILON", help="a differentially private set")
    command.add_argument("--delta", type=_positive, default=1e-5, help="of --privacy (default: 1e-5)")
    command.add_argument("--schema", metavar="PATH", help="of --privacy: what a row may hold; see 'skdc schema'")
    command.add_argument("--report", metavar="PATH", help="also write a report on the set, an .html page")
    command.add_argument("--test", metavar="DATA", help="test rows for the scores in --report")
    _add_run(command)


def _compare(command: argparse.ArgumentParser) -> None:
    command.epilog = _DATA_FORMATS
    _add_data(command, needs_target=True)
    command.add_argument("--methods", nargs="+", required=True, metavar="METHOD", help="'skdc methods' lists them")
    command.add_argument("--per-class", type=_count, nargs="+", default=[], metavar="N", help="rows of each class")
    command.add_argument("--rows", type=_rows, nargs="+", default=[], metavar="N", help="rows in all, or shares")
    command.add_argument("--bytes", nargs="+", default=[], metavar="SIZE", help="such as '64 kB'")
    _add_at_most(command)
    command.add_argument(
        "--learners", nargs="+", metavar="NAME", help="what is trained on the sets, such as: linear trees boosting"
    )
    command.add_argument("--repeats", type=_count, default=3, metavar="N", help="seeds, and splits (default: 3)")
    command.add_argument("--test", metavar="DATA", help="test rows, in place of splits of the data")
    _add_max_seconds(command)
    command.add_argument("--out", metavar="PATH", help="where the whole table goes: .csv, .parquet or .feather")
    command.add_argument("--force", action="store_true", help="overwrite what is at --out")
    _add_run(command)


def _report(command: argparse.ArgumentParser) -> None:
    command.epilog = _DATA_FORMATS
    command.add_argument("set", metavar="SET", help="a condensed set, an .skdc file")
    _add_data(command, needs_target=False)
    command.add_argument("--test", metavar="DATA", help="test rows; without them there are no scores")
    command.add_argument("--out", required=True, metavar="PATH", help="where the page goes, an .html file")
    command.add_argument("--force", action="store_true", help="overwrite what is at --out")
    _add_run(command)


def _methods(command: argparse.ArgumentParser) -> None:
    pass


def _show(command: argparse.ArgumentParser) -> None:
    command.add_argument("set", metavar="SET", help="a condensed set, an .skdc file")
    command.add_argument("--out", metavar="PATH", help="write a picture of its images there, a .png file")
    command.add_argument("--force", action="store_true", help="overwrite what is at --out")


def _schema(command: argparse.ArgumentParser) -> None:
    command.epilog = _DATA_FORMATS
    _add_data(command, needs_target=False)
    command.add_argument("--out", required=True, metavar="PATH", help="where the schema goes, a .json file")
    command.add_argument("--force", action="store_true", help="overwrite what is at --out")
    _add_run(command)


_COMMANDS = (
    ("condense", _condense, "condense data into a small set"),
    ("compare", _compare, "compare methods by what learners score that are trained on their sets"),
    ("report", _report, "write a report on a set beside the data that it was made from"),
    ("methods", _methods, "list the methods, one line each"),
    ("show", _show, "show what a set is, and its first rows"),
    ("schema", _schema, "draft a schema for --privacy from data, for you to edit"),
)


def _add_data(command: argparse.ArgumentParser, needs_target: bool) -> None:
    command.add_argument("data", metavar="DATA", help="a file or a folder")
    command.add_argument(
        "--target",
        required=needs_target,
        metavar="NAME",
        help="the column that is to be predicted; of .npz the array (default: y)",
    )
    command.add_argument("--drop", nargs="+", default=[], metavar="NAME", help="columns to leave out, such as an id")
    command.add_argument("--weights", metavar="NAME", help="the column that says how often a row counts")
    command.add_argument("--sep", metavar="SIGN", help="what separates columns of .csv (default: guessed)")
    command.add_argument("--labels", metavar="PATH", help="labels of the rows of .npy: a .csv or .npy file")
    command.add_argument("--size", type=_size, metavar="HxW", help="bring images to this height and width")
    command.add_argument(
        "--max-rows",
        type=_count,
        default=1_000_000,
        metavar="N",
        help="of more rows, so many are drawn at random, unless the method takes them in chunks (default: 1000000)",
    )
    task = command.add_mutually_exclusive_group()
    task.add_argument("--regression", action="store_true", help="the target holds quantities")
    task.add_argument("--classification", action="store_true", help="the target holds labels")


def _add_at_most(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--at-most", action="store_true", help="with --per-class: all rows of a class that has fewer than that"
    )


def _add_max_seconds(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--max-seconds",
        type=_positive,
        metavar="S",
        help="seconds for the trials of auto (default: 60); others stop at the step after, with the set that they have",
    )


def _add_run(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--seed",
        type=_seed,
        default=0,
        metavar="N",
        help="the same seed gives the same set, but of auto, which goes by time (default: 0)",
    )
    command.add_argument("--quiet", action="store_true", help="show no progress")


def _count(word: str) -> int:
    if not re.fullmatch(r"\d+", word) or not int(word):
        raise argparse.ArgumentTypeError(f"{word!r} must be a whole number, at least 1")
    return int(word)


def _seed(word: str) -> int:
    if not re.fullmatch(r"\d+", word) or int(word) >= 2**32:
        raise argparse.ArgumentTypeError(f"{word!r} must be a whole number from 0 to {2**32 - 1}")
    return int(word)


def _positive(word: str) -> float:
    number = _number(word)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{word!r} must be a number above 0")
    return number


def _rows(word: str) -> int | float:
    if re.fullmatch(r"\d+", word) and int(word):
        return int(word)
    number = _number(word[:-1]) / 100 if word.endswith("%") else _number(word)
    if not 0 < number < 1:
        raise argparse.ArgumentTypeError(f"{word!r} must be a whole number, or a share such as 0.01 or 1%")
    return number


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return float("nan")


def _size(word: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+)x(\d+)", word)
    if not found or not int(found[1]) or not int(found[2]):
        raise argparse.ArgumentTypeError(f"{word!r} must be height and width in pixels, such as 28x28")
    return int(found[1]), int(found[2])


def _setting(word: str) -> tuple[str, Any]:
    name, equals, value = word.partition("=")
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"{word!r} must be a name and a value, such as n_steps=50")
    return name, value
