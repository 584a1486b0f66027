"""What a section of a report holds: figures for programs, sentences and tables for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

SHOWN = 25  # lines of a table, beyond which the file of figures has the rest


class Lines(NamedTuple):
    """A table: what it shows, the names of its columns, and its cells as they are shown."""

    title: str
    columns: tuple[str, ...]
    cells: Sequence[tuple[str, ...]]


@dataclass(frozen=True)
class Section:
    """A section of a report.

    Parameters
    ----------
    name : str
        By which its figures are found.
    title : str
    figures : dict
        Numbers, words, lists of words and None, in dictionaries by names, at any depth.
    sentences : list of str
        What they say.
    alarms : list of str
        What a reader must know before believing the rest.
    tables : list of Lines
    """

    name: str
    title: str
    figures: dict[str, Any]
    sentences: list[str]
    alarms: list[str] = field(default_factory=list)
    tables: list[Lines] = field(default_factory=list)

    def flat(self) -> Iterator[tuple[str, str, Any]]:
        """Yield each figure: of what, its name, and its value."""
        yield from _flat(self.figures, ())


def _flat(figures: dict[str, Any], above: tuple[str, ...]) -> Iterator[tuple[str, str, Any]]:
    for name, value in figures.items():
        if isinstance(value, dict):
            yield from _flat(value, (*above, name))
        else:
            yield " / ".join(above), name, value


def count(n: int, one: str, many: str = "") -> str:
    """Return a number of things in words."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def number(value: float | None) -> str:
    """Return a number as it is shown in a table."""
    return "–" if value is None else f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def share(value: float | None) -> str:
    """Return a share in percent."""
    if value is None:
        return "–"
    percent = 100 * value
    return f"{percent:.2g}%" if 0 < percent < 1 else f"{percent:.0f}%" if percent in (0, 100) else f"{percent:.1f}%"


def listed(words: Sequence[str], most: int = 5) -> str:
    """Return some words of a list, and how many more there are."""
    more = len(words) - most
    return ", ".join(words[:most]) + (f" and {more} more" if more > 0 else "")


def plain(value: float) -> float | None:
    """Return a number that JSON has; None in place of one that it has not."""
    value = float(value)
    return value if abs(value) < float("inf") else None
