"""Rows of which no two are near-duplicates: all of them, or some that another solver chooses."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from skdc.exceptions import PartsError, StoppedWarning
from skdc.solvers.base import Reducer
from skdc.solvers.selection.base import Choice, Selection
from skdc.solvers.selection.cells import Cell, sums
from skdc.solvers.selection.duplicates import Distinction, distinguished
from skdc.sources import Holds


class Distinct(Selection):
    """Keep rows of which no two are near-duplicates: of rows whose cosine is above a bound, all but one are left out.

    Rows of a class are compared with those of their class. Those of a class of more than 4096 are cut into about
    sqrt(n) / 2 clusters by k-means of some, which are gone through one after the other: a row is kept unless it is a
    near-duplicate of one that was kept before, in its cluster or of those that lie near the border to it. So each row
    that is left out has a near-duplicate that is kept, which stands for its mass. A row without any number but zero is
    a duplicate of such rows alone.

    The data say how many rows are left, so that no size is asked for, unless another solver is to choose among them.
    Held are the kept rows of a cluster and those at its border, besides some numbers of each row; sparse rows stay so.

    Parameters
    ----------
    max_similarity : float, default=0.95
        The largest cosine of two rows that are kept, about the origin of the user; from 0, and less than 1.
    keep : {"farthest", "nearest"}, default="farthest"
        Which row of some near-duplicates is kept: that farthest from the centre of its cluster, or the nearest.
    overlap : float, default=0.1
        Which rows are compared across the border of two clusters: those that are nearer to it than this part of the
        distance of near-duplicates. 0: none; 1: all that can be near-duplicates, so that no two rows that are kept are;
        that takes longer. Up to 4096 rows of a class there are no borders.
    solver : Selection, default=None
        Chooses as many of the rows that are left as are asked for, such as `Greedy()` or `Draw()`. Where fewer are
        left, those that are least like any that is kept come back, with a warning. None keeps all that are left.
    reweight : discrepancy, default=None
        As in `Selection`.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.parameterizations import Subset
    >>> from skdc.solvers import Distinct
    >>> X = [[1.0, 0.0], [1.0, 0.01], [0.0, 1.0]]
    >>> Condenser(None, Subset(), Distinct()).fit(X).sample_weight_
    array([1.33333333, 0.66666667])
    """

    max_similarity: float = 0.95
    keep: Literal["farthest", "nearest"] = "farthest"
    overlap: float = 0.1
    solver: Selection | None = None

    @property
    def minimizes(self) -> bool:  # type: ignore[override]  # the other solver tells
        """Whether it looks at a discrepancy."""
        return self.solver is not None and self.solver.minimizes

    @property
    def sparse(self) -> bool:  # type: ignore[override]  # the other solver tells
        """Whether it can choose from sparse rows."""
        return self.solver is None or self.solver.sparse

    def finds_size(self) -> bool:
        """Tell whether all rows that are left are kept."""
        return self.solver is None

    def reducer(self, discrepancy: Any) -> Reducer | None:
        """Return what leaves out the near-duplicates of a piece, and of pieces that are put together."""
        return Reducer(Distinct(self.max_similarity, self.keep, self.overlap)) if self.reweight is None else None

    def choose(self, objective: Any, cell: Cell, source: Holds, generator: torch.Generator) -> Choice:
        """Leave near-duplicates out, and let the other solver choose."""
        self._check()
        found = self._distinguished(cell, source, generator)
        kept, mass = self._enough(found, cell)
        if self.solver is None:
            return Choice(kept.tolist(), mass)
        choice = self.solver.choose(objective, replace(cell.take(kept), weight=mass), source, generator)
        return replace(choice, rows=kept[choice.rows].tolist())

    def _check(self) -> None:
        if not 0 <= self.max_similarity < 1:
            raise ValueError(
                f"Distinct(max_similarity={self.max_similarity!r}): a cosine from 0, and less than 1, such as 0.95"
            )
        if self.keep not in ("farthest", "nearest"):
            raise ValueError(f"Distinct(keep={self.keep!r}): keep must be 'farthest' or 'nearest'")
        if not 0 <= self.overlap <= 1:
            raise ValueError(f"Distinct(overlap={self.overlap!r}): it must be between 0 and 1")
        if self.solver is None:
            return
        if not isinstance(self.solver, Selection) or self.solver.finds_counts():
            raise PartsError(
                f"Distinct(solver={self.solver!r}): it must choose as many rows as are asked for, as Greedy() does"
            )
        if self.solver.reweight is not None:
            raise PartsError(f"Distinct(solver={self.solver!r}): give reweight= to Distinct itself")

    def _distinguished(self, cell: Cell, source: Holds, generator: torch.Generator) -> Distinction:
        """Return what is kept of each class of a cell."""
        keeper, similarity = np.arange(len(cell)), np.ones(len(cell))
        for c in np.flatnonzero(cell.quotas):
            own = np.flatnonzero(cell.codes == c)
            found = distinguished(
                source,
                cell.members[own],
                (self.max_similarity, self.keep == "farthest", self.overlap),
                generator,
                cell.progress,
            )
            keeper[own] = np.where(found.keeper < 0, -1, own[found.keeper])
            similarity[own] = found.similarity
        missing = int((keeper < 0).sum())
        if missing:
            text = f"Distinct was asked to stop: {missing} of {len(cell)} rows are not looked at, and left out"
            warnings.warn(text, StoppedWarning, stacklevel=2)
        return Distinction(keeper, similarity)

    def _enough(self, found: Distinction, cell: Cell) -> tuple[NDArray[np.intp], torch.Tensor]:
        """Return the rows that are kept, with what mass each stands for: no fewer than another solver is to choose."""
        keeper = found.keeper.copy()
        own = keeper == np.arange(len(keeper))
        wanted = cell.quotas if self.solver is not None else np.zeros_like(cell.quotas)
        short = wanted - np.bincount(cell.codes[own], minlength=len(wanted))
        for c in np.flatnonzero(short > 0):
            left = np.flatnonzero((cell.codes == c) & ~own & (keeper >= 0))
            back = left[np.argsort(found.similarity[left], kind="stable")[: short[c]]]
            keeper[back] = back
        if (short > 0).any() and not cell.progress.stopped:
            some = int(np.argmax(short))
            labels = cell.source.schema.labels.tolist()
            of = f" of class {labels[some]!r}" if labels else ""
            warnings.warn(
                f"{wanted[some]} rows{of} are asked for, and {wanted[some] - short[some]} are no near-duplicates: "
                "others come back; ask for fewer, or raise max_similarity",
                stacklevel=2,
            )
        looked = torch.as_tensor(np.flatnonzero(keeper >= 0), device=cell.weight.device)
        at = torch.as_tensor(keeper[keeper >= 0], device=cell.weight.device)
        kept = np.flatnonzero(keeper == np.arange(len(keeper)))
        mass = sums(cell.weight[looked], at, len(keeper))[torch.as_tensor(kept, device=cell.weight.device)]
        return kept, mass
