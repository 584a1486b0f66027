"""Choice of the hardest rows, the easiest, or those between."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from skdc.learners.difficulty import EL2N, Difficulty
from skdc.solvers.selection.base import Choice, Selection
from skdc.solvers.selection.cells import Cell
from skdc.sources import Holds


class Rank(Selection):
    """Take the hardest rows of each class, or others, by a score of networks that are trained on all rows.

    It minimises nothing, and takes no discrepancy. Of rows that are equally hard the first are taken.

    Parameters
    ----------
    difficulty : Difficulty, default=None
        `EL2N()`, `GraNd()`, `Margin()` or `Forgetting()` of `skdc.learners`; None takes the first.
    keep : {"hardest", "easiest", "middle"}, default="hardest"
        Which rows to take; "middle": those nearest to the median of their class, in the order of the scores.
    reweight : discrepancy, default=None
        As in `Selection`.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.parameterizations import Subset
    >>> from skdc.solvers import Rank
    >>> condenser = Condenser(parameterization=Subset(), solver=Rank(keep="easiest"), n_per_class=3)
    """

    minimizes = False

    difficulty: Difficulty | None = None
    keep: Literal["hardest", "easiest", "middle"] = "hardest"

    def splits(self, objective: Any) -> bool:
        """Tell whether rows are chosen class by class: they are scored together, by networks that see all."""
        return False

    def choose(self, objective: Any, cell: Cell, source: Holds, generator: torch.Generator) -> Choice:
        """Score all rows, and take the first of each class; there must be classes."""
        difficulty = EL2N() if self.difficulty is None else self.difficulty
        if not isinstance(difficulty, Difficulty):
            raise TypeError(f"Rank(difficulty={difficulty!r}): give an object of skdc.learners, such as EL2N()")
        if self.keep not in ("hardest", "easiest", "middle"):
            raise ValueError(f"Rank(keep={self.keep!r}): keep must be 'hardest', 'easiest' or 'middle'")
        scores = difficulty.scores(cell.rows(), source.schema, generator).cpu().numpy()
        order = np.argsort(-scores if self.keep == "hardest" else scores, kind="stable")
        by_class = [self._first(order[cell.codes[order] == c], int(quota)) for c, quota in enumerate(cell.quotas)]
        return Choice(np.concatenate(by_class).tolist())

    def _first(self, ordered: NDArray[np.intp], quota: int) -> NDArray[np.intp]:
        """Return the rows of a class to take, of all in the order of their scores: the first, or the middle ones."""
        if self.keep == "middle":
            away = np.abs(np.arange(len(ordered)) - (len(ordered) - 1) / 2)
            ordered = ordered[np.argsort(away, kind="stable")]
        return ordered[:quota]
