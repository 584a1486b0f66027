"""Rows that are worth much and far from each other, by greedy independent sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from skdc.exceptions import PartsError
from skdc.kernels import KEPT_ENTRIES, Gaussian
from skdc.learners.difficulty import Difficulty
from skdc.solvers.selection.base import Choice, Selection, check_integers
from skdc.solvers.selection.cells import Cell, Quota
from skdc.sources import Holds, relative
from skdc.structures import LeastDistance

_DENSITY_ROWS = 1024  # of which the density is taken
_AHEAD = 8  # columns that are computed together


# For a set S of exactly k rows of a class, with utilities u >= 0 of the sum u(S) and the least distance d(S), let
#     f(S) = u(S) / U + lambda d(S) / D                                                                             (1)
# U is the utility of the k best rows, D the least distance of farthest-first traversal, which is at least half of the
# largest possible one [Ravi et al. 1994]. For a threshold t the rows are taken in the order of utility, but for those
# nearer than t to one that is taken. If t <= d(S*) / 2, a row that is taken excludes one of the best set S* at most:
# k rows are found, of at least the utility of S* [GIST, lemma 3.2]. Among the thresholds D, D (1 - eps),
# D (1 - eps)^2 ... one is between (1 - eps) d(S*) / 2 and d(S*) / 2, so that
#     f(S) >= u(S*) / U + (1 - eps) / 2 lambda d(S*) / D >= (1 - eps) / 2 f(S*)                                     (2)
# unless d(S*) / 2 is less than eps D / 2, where the k best rows lose no more than lambda eps <= eps f(S*).
class IndependentSets(Selection):
    r"""Greedy independent set thresholding (GIST) [1]_: rows that are worth much, and of which no two are near.

    It makes the utility of the rows, and `Dispersion.weight` times their least distance, large: the utility in units of
    the best rows', the distance in units of that of rows that are chosen as the farthest. For each of some thresholds
    the rows are taken in the order of utility, but for those that are nearer to one that is taken; the best set is
    kept. Class by class it has at least (1 - epsilon) / 2 of the best possible value of so many rows, and all of the
    utility of the best set. The paper lets sets be smaller than asked for, and reaches 2/3 with them.

    Parameters
    ----------
    utility : Difficulty, default=None
        What a row is worth: how hard it is, `Margin()` as in the paper; less the score of the easiest row. None: how
        many others are near it, the kernel density with a Gaussian kernel of the median bandwidth, of 1024 random rows
        where there are more.
    epsilon : float, default=0.1
        Thresholds are so much of each other apart; between 0 and 1.
    max_rows : int, default=65536
        Where a class (or all rows, with `by=None`) has more rows, as many are drawn at random and chosen from.
    reweight : discrepancy, default=None
        As in `Selection`.

    References
    ----------
    .. [1] Fahrbach et al., "GIST: Greedy Independent Set Thresholding for Max-Min Diversification with Submodular
       Utility", 2025, algorithms 1 and 2, for linear utilities.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import Dispersion
    >>> from skdc.parameterizations import Subset
    >>> from skdc.solvers import IndependentSets
    >>> condenser = Condenser(Dispersion(), parameterization=Subset(), solver=IndependentSets(), n_per_class=3)
    """

    @property
    def sparse(self) -> bool:  # type: ignore[override]  # networks look at rows as they are
        """Whether it chooses from rows that are sparse."""
        return self.utility is None

    utility: Difficulty | None = None
    epsilon: float = 0.1
    max_rows: int = 65_536

    def splits(self, objective: Any) -> bool:
        """Tell whether rows are chosen class by class: not where networks that see all score them."""
        return self.utility is None and super().splits(objective)

    def choose(self, objective: Any, cell: Cell, source: Holds, generator: torch.Generator) -> Choice:
        """Choose the rows of each class, or of all together; the objective must be a `Dispersion`."""
        check_integers(self, {"max_rows": 1})
        if not 0 < self.epsilon < 1:
            raise ValueError(f"IndependentSets(epsilon={self.epsilon!r}): it must be between 0 and 1")
        if self.utility is not None and not isinstance(self.utility, Difficulty):
            raise TypeError(
                f"IndependentSets(utility={self.utility!r}): give an object of skdc.learners, such as Margin()"
            )
        leaves: list[Any] = objective.leaves()
        leaf: Any = leaves[0]
        if len(leaves) > 1 or not isinstance(leaf, LeastDistance):
            raise PartsError(f"IndependentSets knows the objective Dispersion() alone, but got {objective!r}")
        scores = None
        if self.utility is not None:
            scores = self.utility.scores(cell.rows(), source.schema, generator).cpu()
        by_class = super().splits(objective)
        classes = np.flatnonzero(cell.quotas) if by_class else [None]
        rows: list[int] = []
        for c in classes:
            members = np.arange(len(cell)) if c is None else np.flatnonzero(cell.codes == c)
            quotas = cell.quotas if c is None else np.where(np.arange(len(cell.quotas)) == c, cell.quotas, 0)
            drawn, some = replace(cell.take(members), quotas=quotas, c=cell.c).drawn(self.max_rows, generator)
            places = members[drawn]
            worth = _density(leaf, some, generator) if scores is None else scores[torch.as_tensor(places)]
            rows += places[self._best(leaf, some, worth, len(rows))].tolist()
        return Choice(rows)

    def _best(self, leaf: Any, cell: Cell, worth: Tensor, n_before: int) -> list[int]:
        """Return the best set of all thresholds."""
        worth = worth.to(cell.weight.device).double()
        least = 0.0 if self.utility is None else float(worth.min())
        utility = worth - least if bool((worth > least).any()) else torch.ones_like(worth)
        sets = _Sets(leaf, cell, utility)
        best = sets.spaced(0.0)
        if cell.size == 1:
            return best.rows
        farthest = sets.farthest()
        unit = farthest.distance or 1.0

        def value(found: _Found) -> float:
            return found.utility / best_utility + leaf.weight * found.distance / unit  # (1)

        best_utility, last = best.utility, best
        best = max(best, farthest, key=value)
        thresholds = list(_thresholds(farthest.distance, self.epsilon))
        for i, threshold in enumerate(thresholds):
            if cell.progress(n_before + i * cell.size // len(thresholds), -value(best)):
                break
            if threshold <= last.distance:
                continue  # no row of the last set would be passed over: it is found again
            last = sets.spaced(threshold)
            if len(last.rows) == cell.size:
                best = max(best, last, key=value)
        return best.rows


def _thresholds(unit: float, epsilon: float) -> Iterator[float]:
    """Yield the thresholds, from the least one to the largest that any set may have."""
    if unit > 0:
        n_below = int(np.ceil(np.log(epsilon / 2) / np.log1p(-epsilon)))
        n_above = int(np.ceil(np.log(0.5) / np.log1p(-epsilon)))
        yield from (unit * (1 - epsilon) ** power for power in range(n_below, -n_above - 1, -1))


def _density(leaf: Any, cell: Cell, generator: torch.Generator) -> Tensor:
    """Return how many rows are near each row: the kernel density."""
    values = cell.block(leaf).values
    rows, some = cell.drawn(_DENSITY_ROWS, generator)
    at = torch.as_tensor(rows, device=some.weight.device)
    similarity = Gaussian().fit(values[at], some.weight).among(values)
    starts = range(0, len(cell), _DENSITY_ROWS)
    return torch.cat([similarity(slice(start, start + _DENSITY_ROWS), at) @ some.mass for start in starts])


class _Found(NamedTuple):
    """A set, what it is worth, and the least distance of two of its rows."""

    rows: list[int]
    utility: float
    distance: float


class _Sets:
    """Sets of rows that keep a distance."""

    def __init__(self, leaf: Any, cell: Cell, utility: Tensor) -> None:
        block = cell.block(leaf)
        self._columns, self._kept = leaf.columns(relative(block.values)), dict[int, Tensor]()
        self._cell, self._utility = cell, utility
        self._scores = utility.to(block.mass)
        self._is_mixed = int((cell.quotas > 0).sum()) > 1

    def spaced(self, threshold: float) -> _Found:
        """Take the rows in the order of utility, but for those nearer than a threshold to one that is taken."""
        return self._taken(self._scores, lambda scores, column: scores.masked_fill(column < threshold, -torch.inf))

    def farthest(self) -> _Found:
        """Take the row worth most, and then the farthest ones."""
        scores = torch.full_like(self._scores, torch.finfo(self._scores.dtype).max)
        scores[self._scores.argmax()] = torch.inf
        return self._taken(scores, torch.minimum)

    def _taken(self, scores: Tensor, after: Callable[[Tensor, Tensor], Tensor]) -> _Found:
        """Take the row of the best score again and again, of those that may be chosen, until there is none."""
        quota, rows = Quota(self._cell), list[int]()
        while len(rows) < self._cell.size:
            allowed = scores.masked_fill(~quota.allowed(), -torch.inf) if self._is_mixed else scores
            row = int(allowed.argmax())
            if allowed[row] == -torch.inf:
                break
            rows.append(row)
            scores = after(scores, self._column(row, scores))
            scores[row] = -torch.inf
            if self._is_mixed:
                quota.take(row)
        return _Found(rows, float(self._utility[rows].sum()), self._least_distance(rows))

    def _column(self, row: int, scores: Tensor) -> Tensor:
        """Return the distances of all rows to one; they are kept with those of the next rows, for other thresholds."""
        if row not in self._kept:
            if len(self._kept) * len(scores) > KEPT_ENTRIES // 4:
                self._kept.clear()
            next_ones = scores.topk(min(_AHEAD, len(scores))).indices.tolist()
            rows = [row, *(other for other in next_ones if other != row and other not in self._kept)]
            columns = self._columns(torch.tensor(rows, device=scores.device)).T.contiguous()
            self._kept |= dict(zip(rows, columns, strict=True))
        return self._kept[row]

    def _least_distance(self, rows: list[int]) -> float:
        """Return the least distance of two of some rows, 0 of one."""
        places = torch.tensor(rows, device=self._scores.device)
        least = [self._column(row, self._scores)[places[:i]].min() for i, row in enumerate(rows) if i]
        return float(torch.stack(least).min()) if least else 0.0
