"""Choice of rows by halving the data again and again, and exchanges that improve it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from skdc.exceptions import PartsError
from skdc.solvers.base import Reducer
from skdc.solvers.selection.base import Choice, Selection, check_integers, is_linear
from skdc.solvers.selection.cells import Cell, completed
from skdc.solvers.selection.growth import Herding
from skdc.solvers.selection.thinning import compressed, thinned
from skdc.sources import Holds
from skdc.structures import Embedding

_SPARE_ROWS = 4  # at least so many are left for each row that is chosen
KEPT = 16_384  # rows of a piece that are halved in no time, and leave exchanges as good a choice as all rows do
_MAX_ROWS = 65_536  # whose kernel with each other is computed


class Halving(Selection):
    r"""Halve the data until few rows are left, each half with the mean embedding of the whole; then exchange some.

    Of each pair of rows one is kept: the one that brings those kept nearest to those left. It works for squared
    distances of mean embeddings (`MMD`, `EnergyDistance`, `RandomFeatureMMD`, `KernelStein` ...) and sums of them. The
    time is near linear in the number of rows, and no kernel matrix of all rows is held:

    1. more than `max_rows` rows (or than four for each that is chosen) are halved to no more than that by Compress
       [1]_, that is in bins that double in size;
    2. these are halved to the number that is wanted;
    3. each chosen row may be exchanged for the one that is best in its place, as in the last step of kernel thinning
       [2]_. More than 65 536 rows are not compared for that.

    Parameters
    ----------
    oversampling : int, default=3
        g: the first bins hold :math:`4^{g+1}` rows. Each unit more makes halving four times slower and the set better,
        though the less so the more rows are exchanged.
    delta : float, default=None
        Kernel thinning [2]_ keeps the better row of a pair with a probability that makes the error sub-Gaussian, but
        for a probability of `delta`; its authors take 0.5. None: the better row is kept for certain, which was measured
        to leave a half to a tenth of the squared distance before the exchanges.
    n_passes : int, default=2
        Most passes of exchanges over the chosen rows. The paper makes one.
    max_rows : int, default=32768
        Rows that are left after the first step, at most. Fewer take less time, and the set is farther from the data.
    reweight : discrepancy, default=None
        As in `Selection`.

    References
    ----------
    .. [1] Shetty, Dwivedi and Mackey, "Distribution Compression in Near-Linear Time", 2022.
    .. [2] Dwivedi and Mackey, "Kernel Thinning", 2024; "Generalized Kernel Thinning", 2022.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import EnergyDistance
    >>> from skdc.parameterizations import Subset
    >>> from skdc.solvers import Halving
    >>> condenser = Condenser(EnergyDistance(), parameterization=Subset(), solver=Halving(), n_per_class=3)
    """

    oversampling: int = 3
    delta: float | None = None
    n_passes: int = 2
    max_rows: int = 32_768

    def reducer(self, discrepancy: Any) -> Reducer | None:
        """Return the same without exchanges: mean embeddings of pieces add up, and halves of halves are halves."""
        halving = Halving(self.oversampling, self.delta, 0, self.max_rows)
        return Reducer(halving, KEPT) if self.reweight is None else None

    def choose(self, objective: Any, cell: Cell, source: Holds, generator: torch.Generator) -> Choice:
        """Halve the rows of a cell, and exchange some; the objective must be a squared distance of mean embeddings."""
        self._check(objective)
        leaves, settings = objective.leaves(), (self.oversampling, self.delta)
        rows, some = np.arange(len(cell)), cell
        limit = min(_MAX_ROWS, max(self.max_rows, _SPARE_ROWS * cell.size))
        if len(rows) > limit > cell.size:
            rows, some = compressed(leaves, cell, limit, generator, *settings)
        chosen = completed(some, thinned(leaves, some, cell.quotas, *settings, generator), generator)
        if self.n_passes == 0 or len(rows) > _MAX_ROWS:
            return Choice(rows[chosen].tolist())
        herding = Herding(some, leaves)
        herding.start(chosen.tolist())
        values = herding.passes(self.n_passes)
        return Choice(rows[herding.chosen].tolist(), values=values)

    def _check(self, objective: Any) -> None:
        check_integers(self, {"oversampling": 0, "n_passes": 0, "max_rows": 1})
        if not (self.delta is None or 0 < self.delta < 1):
            raise ValueError(f"{self!r}: delta must be None or between 0 and 1")
        leaves = objective.leaves()
        others = [leaf for leaf in leaves if not isinstance(leaf, Embedding)]
        if others:
            raise PartsError(
                f"Halving() balances mean embeddings, but {type(others[0]).__name__} is no squared distance of such; "
                "use Greedy(), or MMD(), EnergyDistance(), RandomFeatureMMD() or KernelStein()"
            )
        if len({leaf.by for leaf in leaves}) > 1:
            raise PartsError(f"Halving() takes terms with one by=, not {[leaf.by for leaf in leaves]}; use Greedy()")
        if not is_linear(leaves):
            raise PartsError("Halving() balances the mean over groups, not another reduce=; use Greedy()")
