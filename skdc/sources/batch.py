"""What a source shows of the data in one step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from skdc.sets import Block, LabeledSet


@dataclass(frozen=True, eq=False)
class Batch:
    """What a discrepancy compares the synthetic set with in one step: rows, means, or a release.

    Parameters
    ----------
    rows : LabeledSet, default=None
        Rows of the data.
    means : list of Block, default=None
        The mean features of the groups, for each term of an objective, where a sketch stands for the rows.
    release : Asks, default=None
        A source that answers with noisy means of bounded functions of private rows.
    """

    rows: LabeledSet | None = None
    means: list[Block] | None = None
    release: Any = None

    def of_term(self, place: int) -> Batch:
        """Return what a term of an objective is shown, by its place."""
        return self if self.means is None else Batch(means=[self.means[place]])
