"""Choice of the hardest or the easiest rows."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch

from skdc.learners.difficulty import EL2N, Difficulty
from skdc.solvers.selection.base import Choice, Selection
from skdc.solvers.selection.cells import Cell
from skdc.sources import Holds


class Rank(Selection):
    """Take the hardest rows of each class, or the easiest, by a score of networks that are trained on all rows.

    It minimises nothing, and takes no discrepancy. Of rows that are equally hard the first are taken.

    Parameters
    ----------
    difficulty : Difficulty, default=None
        `EL2N()`, `GraNd()`, `Margin()` or `Forgetting()` of `skdc.learners`; None takes the first.
    keep : {"hardest", "easiest"}, default="hardest"
        Which rows to take.
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
    keep: Literal["hardest", "easiest"] = "hardest"

    def splits(self, objective: Any) -> bool:
        """Tell whether rows are chosen class by class: they are scored together, by networks that see all."""
        return False

    def choose(self, objective: Any, cell: Cell, source: Holds, generator: torch.Generator) -> Choice:
        """Score all rows, and take the first of each class; there must be classes."""
        difficulty = EL2N() if self.difficulty is None else self.difficulty
        if not isinstance(difficulty, Difficulty):
            raise TypeError(f"Rank(difficulty={difficulty!r}): give an object of skdc.learners, such as EL2N()")
        if self.keep not in ("hardest", "easiest"):
            raise ValueError(f"Rank(keep={self.keep!r}): keep must be 'hardest' or 'easiest'")
        scores = difficulty.scores(cell.rows(), source.schema, generator).cpu().numpy()
        order = np.argsort(-scores if self.keep == "hardest" else scores, kind="stable")
        by_class = [order[cell.codes[order] == c][:quota] for c, quota in enumerate(cell.quotas)]
        return Choice(np.concatenate(by_class).tolist())
