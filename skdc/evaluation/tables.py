"""How tables of learners are shown."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from html import escape
from typing import Any, ClassVar


def data_frame(lines: Iterable[Any], columns: Iterable[str]) -> Any:
    """Return lines as a pandas frame.

    Raises
    ------
    ImportError
        Without pandas.
    """
    try:
        import pandas as pd  # only here, and skdc itself does not need it
    except ImportError as error:
        raise ImportError("frames are those of pandas: pip install 'skdc[tables]'") from error
    return pd.DataFrame(list(lines), columns=list(columns))


class Table(ABC):
    """A table that prints as text, and shows as one in a notebook; its first columns are words.

    Subclasses say what columns there are, and write `lines`.
    """

    words: ClassVar[tuple[str, ...]] = ("learner",)
    measures: ClassVar[tuple[str, ...]]
    width: ClassVar[int] = 11

    @abstractmethod
    def lines(self) -> Iterable[tuple[Any, ...]]:
        """Return the words and the numbers of each line; None where there is no number."""

    def to_frame(self) -> Any:
        """Return the table as a pandas frame, a line each."""
        return data_frame(self.lines(), (*self.words, *self.measures))

    def _cells(self) -> list[tuple[str, ...]]:
        n_words = len(self.words)
        return [
            (*line[:n_words], *("-" if value is None else f"{value:.3f}" for value in line[n_words:]))
            for line in self.lines()
        ]

    def __str__(self) -> str:
        n_words, rows = len(self.words), self._cells()
        widths = [max(len(row[i]) for row in rows) for i in range(n_words)]
        lines = [" " * (sum(widths) + 2 * (n_words - 1)) + self._aligned(self.measures)]
        for row in rows:
            words = "  ".join(f"{word:{width}}" for word, width in zip(row[:n_words], widths, strict=True))
            lines.append(words + self._aligned(row[n_words:]))
        return "\n".join(lines)

    def _aligned(self, values: tuple[str, ...]) -> str:
        return "".join(f"  {value:>{self.width}}" for value in values)

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in (*self.words, *self.measures))
        rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in self._cells())
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
