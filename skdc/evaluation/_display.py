"""How tables of learners are shown."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from html import escape
from typing import ClassVar


class Table(ABC):
    """A table that prints as text, and shows as one in a notebook; its first columns are words.

    Subclasses say what columns there are, and write `cells`.
    """

    words: ClassVar[tuple[str, ...]] = ("learner",)
    measures: ClassVar[tuple[str, ...]]
    width: ClassVar[int] = 11

    @abstractmethod
    def cells(self) -> Iterable[tuple[str, ...]]:
        """Return the words and the values of each row."""

    def __str__(self) -> str:
        n_words, rows = len(self.words), list(self.cells())
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
        rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in self.cells())
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
