"""Which codes of a table belong together."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple


class CodeGroup(NamedTuple):
    """Codes, side by side, that say one thing of a column.

    Parameters
    ----------
    kind : {"number", "bounded", "category"}
        A number; one from -1 to 1; or indicators, of which one is 1 and the others are 0. A single indicator is 0 or 1.
    size : int
        How many codes it has.
    """

    kind: Literal["number", "bounded", "category"]
    size: int = 1


def groups_of(encoder: Any) -> list[CodeGroup]:
    """Return what the codes of a fitted encoder are, in their order; nothing where it does not say.

    Parameters
    ----------
    encoder : transformer or None
        One that has `code_groups()`, as `skdc.preprocessing.TabularEncoder`, says it.
    """
    said = getattr(encoder, "code_groups", None)
    return [] if said is None else said()
