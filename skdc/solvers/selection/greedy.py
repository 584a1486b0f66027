"""Greedy choice of rows, one at a time, and exchanges that improve it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from skdc.exceptions import PartsError
from skdc.solvers.base import Reducer
from skdc.solvers.selection.base import Choice, Selection, check_integers, is_linear
from skdc.solvers.selection.cells import Cell
from skdc.solvers.selection.diversity import Cuts, Determinants
from skdc.solvers.selection.division import in_pieces
from skdc.solvers.selection.growth import FarthestFirst, Growth, Herding, StochasticGreedy
from skdc.solvers.selection.halving import KEPT, Halving
from skdc.solvers.selection.medoids import Medoids
from skdc.solvers.selection.ridge import MAX_ROWS, RidgeGrowth, is_ridge_loss
from skdc.solvers.selection.thinning import compressed
from skdc.sources import Holds, Lists, Source, require
from skdc.structures import Covering, Cut, Embedding, Quantization, Volume


class Greedy(Selection):
    r"""Add the row that makes the objective least, one at a time; then exchange rows while that helps.

    What is added next depends on the objective:

    * for squared distances of mean embeddings (`MMD`, `EnergyDistance`, `RandomFeatureMMD`, `KernelStein` ...), and
      sums of them, the exact best row: with t rows chosen :math:`\arg\max_x \mu(x) - \frac{1}{t+1} (\sum_{s \le t}
      k(x, x_s) + k(x, x) / 2)`. Where k(x, x) is constant this is kernel herding [1]_.
    * for `QuantizationError` the exact best row too, found by lazy evaluation: facility location, k-medoids.
    * for `GraphCut` and `LogDeterminant` the exact best row of a set of the size asked for; these are submodular.
    * for `CoveringRadius` the farthest row, of whatever group.
    * for `SquaredL2` of `KernelRidgePredictions` the row that lowers the error of kernel ridge regression most, on at
      most 4096 rows.
    * for any other objective the best of `n_trials` rows, drawn anew for each place.

    Where many rows are to be chosen of many, all but mean embeddings, `GraphCut` and `CoveringRadius` are taken to
    pieces, for a time that grows with the rows and with those chosen (times a logarithm), and memory that does not: the
    rows are cut again and again, at the median along the direction in which they differ most, and of each piece of near
    rows as many are chosen as is its part in the mass of each class. That is so for more than 256 rows of more than
    8192 (`QuantizationError`), more than 1024 of more than 8192 (`LogDeterminant`), more than 512 of more than 2048
    (kernel ridge regression) or more than 256 of more than 4096 (others), but not where groups count the same
    (`by="group"`). Rows come in turn of all pieces, so that the first of them are spread as all are.

    No row is chosen twice. Where there are more than `max_rows` rows, fewer stand for them: for mean embeddings those
    that are left when they are halved, as `Halving` does, for other objectives and sparse rows as many random ones.
    `CoveringRadius`, whose cost is linear in their number, looks at all.

    From rows that are not in memory, but can be passed over, it chooses the same for `CoveringRadius` and for mean
    embeddings, and holds some numbers of each row: a choice takes two passes. The mean embedding takes two if it is one
    of features (`RandomFeatureMMD`), and else one for each piece of the data, for a kernel compares all rows with all.
    Other objectives, `reweight`, and mean embeddings of more than `max_rows` rows ask for rows in memory.

    Parameters
    ----------
    n_passes : int, default=0
        At most so many passes over the chosen rows, in which each may be exchanged for a better one.
    n_trials : int, default=16
        Rows that are tried for a place, where nothing better is known.
    batch_size : int, default=1024
        Real rows with which a subset on trial is compared.
    max_rows : int, default=65536
        Most rows that are looked at; in pieces 32 for each that is to be chosen (16 for other objectives than the first
        two), whatever this is.
    reweight : discrepancy, default=None
        As in `Selection`.

    References
    ----------
    .. [1] Chen, Welling and Smola, "Super-Samples from Kernel Herding", 2010, eq. 8.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import MMD
    >>> from skdc.parameterizations import Subset
    >>> from skdc.solvers import Greedy
    >>> condenser = Condenser(MMD(), parameterization=Subset(), solver=Greedy(), n_per_class=3)
    """

    sparse = True

    n_passes: int = 0
    n_trials: int = 16
    batch_size: int = 1024
    max_rows: int = 65_536

    def opened(self, source: Source) -> Lists:
        """Return the source, of which the rows may be elsewhere."""
        return require(self, source, Lists if self.reweight is None else Holds, "which rows to choose")

    def reducer(self, discrepancy: Any) -> Reducer | None:
        """Return what halves pieces, where mean embeddings are compared, or covers them, for a radius of all rows."""
        leaves = discrepancy.leaves()
        if self.reweight is not None:
            return None
        if is_linear(leaves) and all(isinstance(leaf, Embedding) for leaf in leaves):
            return Reducer(Halving(n_passes=0), KEPT)
        return Reducer(Greedy()) if len(leaves) == 1 and isinstance(leaves[0], Covering) else None

    def nested(self) -> bool:
        """Tell whether no row is exchanged for another one."""
        return self.n_passes == 0

    def choose(self, objective: Any, cell: Cell, source: Holds, generator: torch.Generator) -> Choice:
        """Grow a subset row by row, then improve it; of large problems piece by piece."""
        check_integers(self, {"n_passes": 0, "n_trials": 1, "batch_size": 1, "max_rows": 1})
        kind = _kind(objective)

        def chosen(some: Cell) -> Choice:
            growth, rows = self._growth(kind, objective, some, source, generator)
            values = growth.fill()
            values += growth.passes(self.n_passes) if len(growth.chosen) == some.size else []
            return Choice(rows[growth.chosen].tolist(), growth.mass(), values)

        most = None if source.granted(Holds) is None else kind.most
        return in_pieces(cell, most, objective, chosen, generator)

    def _growth(
        self, kind: type[Growth], objective: Any, cell: Cell, source: Holds, generator: torch.Generator
    ) -> tuple[Growth, NDArray[np.intp]]:
        """Return the growth that suits an objective, and where its rows stand in the cell."""
        leaves, everything = objective.leaves(), np.arange(len(cell))
        if kind is FarthestFirst:
            return FarthestFirst(cell, leaves[0]), everything
        if source.granted(Holds) is None:
            if kind is Herding and len(cell) <= self.max_rows:
                return Herding(cell, leaves), everything
            raise PartsError(
                f"Greedy cannot choose for {objective!r} from {len(cell)} rows that are not in memory; use a "
                f"CoveringRadius, or a distance of mean embeddings and max_rows={len(cell)} or more"
            )
        if kind is Herding:
            if len(cell) > self.max_rows and not source.sparse:
                rows, some = compressed(leaves, cell, self.max_rows, generator)
            else:
                rows, some = cell.drawn(self.max_rows, generator)
            return Herding(some, leaves), rows
        if kind is RidgeGrowth:
            rows, some = cell.drawn(min(self.max_rows, MAX_ROWS), generator)
            return RidgeGrowth(some, objective), rows
        rows, some = cell.drawn(self.max_rows, generator)
        if kind in (Medoids, Cuts, Determinants):
            return kind(some, leaves[0]), rows
        return StochasticGreedy(some, objective, self.n_trials, self.batch_size, generator), rows


def _kind(objective: Any) -> type[Growth]:
    """Return how rows are chosen for an objective."""
    leaves, linear = objective.leaves(), is_linear(objective.leaves())
    if len(leaves) == 1 and isinstance(leaves[0], Covering):
        return FarthestFirst
    if linear and all(isinstance(leaf, Embedding) for leaf in leaves):
        return Herding
    if is_ridge_loss(objective):
        return RidgeGrowth
    if linear and len(leaves) == 1 and isinstance(leaves[0], Cut | Volume):
        return Cuts if isinstance(leaves[0], Cut) else Determinants
    if linear and len(leaves) == 1 and isinstance(leaves[0], Quantization):
        return Medoids
    return StochasticGreedy
