"""Rows of all degrees of difficulty but the hardest."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from torch import Tensor

from skdc.learners.difficulty import AreaUnderMargin, Difficulty
from skdc.networks import training_epochs
from skdc.sets import LabeledSet
from skdc.solvers.selection.base import Choice, Selection, check_integers
from skdc.solvers.selection.cells import Cell
from skdc.sources import Holds
from skdc.sources.base import draw_seed

_CUTOFFS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)  # that are tried
_N_SPLITS = 2  # of the rows, on which each is tried
_HELD = 0.25  # share of the rows that are held out
_MOST_EPOCHS = 2  # times as many as for all rows, at most, for networks that are trained on some
_RANDOM = (0.0, 1)  # rows are random if no row is left out and all are one stratum
_N_TREES = 50
_SURE = 2.0  # standard errors by which a cut-off has to be better than random rows


class Strata(Selection):
    """Coverage-centric selection (CCS) [1]_: leave out the hardest rows, and take of each degree of difficulty as many.

    The hardest share of each class is left out. The scores of the others are cut into strata of equal width, from
    which rows are drawn at random: of each as many, but that of strata with fewer rows all are taken and the rest is
    shared out among the larger ones. It minimises nothing, and takes no discrepancy.

    Parameters
    ----------
    difficulty : Difficulty, default=None
        `AreaUnderMargin()`, `EL2N()`, `Forgetting()` or another one of `skdc.learners`; None takes the first.
    cutoff : float or "validated", default="validated"
        Share of the rows of each class that is left out for being hard, or less if else too few were left. "validated"
        tries 0, 0.1 ... 0.5, and random rows, twice: a network, as those of `difficulty`, and a forest are trained on
        what is chosen of three quarters of the rows, and judged on the others. The best one is taken of those that are
        better than random rows by two standard errors, and worse for neither; if none is, random rows are.
    n_strata : int, default=50
    reweight : discrepancy, default=None
        As in `Selection`.

    Notes
    -----
    With "validated" the history holds the errors on held-out rows, of random rows first, then of each cut-off that
    leaves enough rows.

    References
    ----------
    .. [1] Zheng, Liu, Lai and Prakash, "Coverage-centric Coreset Selection for High Pruning Rates", 2023, algorithm 1;
       the cut-off is chosen there on the test data or by hand.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.parameterizations import Subset
    >>> from skdc.solvers import Strata
    >>> condenser = Condenser(parameterization=Subset(), solver=Strata(cutoff=0.2), n_samples=0.5)
    """

    minimizes = False

    difficulty: Difficulty | None = None
    cutoff: float | Literal["validated"] = "validated"
    n_strata: int = 50

    def splits(self, objective: Any) -> bool:
        """Tell whether rows are chosen class by class: they are scored together, by networks that see all."""
        return False

    def weighs(self) -> bool:
        """Tell whether weights are solved for."""
        return self.reweight is not None

    def choose(self, objective: Any, cell: Cell, source: Holds, generator: torch.Generator) -> Choice:
        """Score all rows, and draw some of each stratum of each class; there must be classes."""
        check_integers(self, {"n_strata": 1})
        difficulty = AreaUnderMargin() if self.difficulty is None else self.difficulty
        if not isinstance(difficulty, Difficulty):
            raise TypeError(f"Strata(difficulty={difficulty!r}): give an object of skdc.learners, such as EL2N()")
        if self.cutoff != "validated" and not (not isinstance(self.cutoff, str) and 0 <= self.cutoff < 1):
            raise ValueError(
                f"Strata(cutoff={self.cutoff!r}): it must be 'validated', or a share of at least 0 and less than 1"
            )
        scores = difficulty.scores(cell.rows(), source.schema, generator).double().cpu().numpy()
        if self.cutoff != "validated":
            return Choice(_drawn(cell, scores, float(self.cutoff), self.n_strata, generator).tolist())
        trials = _Trials(difficulty, cell, scores, source, generator)
        ways = [_RANDOM, *((cutoff, self.n_strata) for cutoff in _CUTOFFS if trials.leaves_enough(cutoff))]
        if not len(trials.weight):  # each class has one row
            return Choice(_drawn(cell, scores, *_RANDOM, generator).tolist())
        wrong = torch.stack([trials.wrong(*way) for way in ways])
        best = _surely_best(wrong, trials.weight)
        errors = wrong.mean(1) @ trials.weight / trials.weight.sum()
        return Choice(_drawn(cell, scores, *ways[best], generator).tolist(), None, errors.tolist())


def _surely_best(wrong: Tensor, weight: Tensor) -> int:
    """Return which way errs least among those surely better than the first and worse for no learner; else the first.

    Parameters
    ----------
    wrong : Tensor of shape (n_ways, n_learners, n)
        Where each learner errs.
    weight : Tensor of shape (n,)
    """
    mass = weight / weight.sum()
    difference = wrong[0] - wrong
    of_learners, of_rows = difference @ mass, difference.mean(1)
    gain = of_rows @ mass
    error = ((of_rows - gain[:, None]).square() @ mass.square()).sqrt()
    better = (gain > _SURE * error) & (of_learners >= 0).all(1)
    return int(gain.masked_fill(~better, 0.0).argmax()) if better.any() else 0


class _Trials:
    """Learners that are trained on rows that are chosen in some way, and judged on held-out ones."""

    def __init__(
        self, difficulty: Difficulty, cell: Cell, scores: NDArray[np.float64], source: Holds, generator: torch.Generator
    ) -> None:
        self._difficulty, self._cell, self._scores, self._generator = difficulty, cell, scores, generator
        self._schema = source.schema
        self._counts = np.bincount(cell.codes, minlength=len(cell.quotas))
        self._splits = [_held_out(cell.codes, generator) for _ in range(_N_SPLITS)]
        self.weight = torch.cat([cell.weight.double().cpu()[torch.as_tensor(held)] for held in self._splits])

    def leaves_enough(self, cutoff: float) -> bool:
        """Tell whether a cut-off leaves as many rows of each class as are to be chosen."""
        return bool((np.floor((1 - cutoff) * self._counts + 1e-9) >= self._cell.quotas).all())

    @torch.no_grad()
    def wrong(self, cutoff: float, n_strata: int) -> Tensor:
        """Return where learners of what is chosen by a cut-off err on held-out rows, of shape (n_learners, n)."""
        found = []
        for held in self._splits:
            rest = np.flatnonzero(~held)
            cell = self._cell.take(rest)
            counts = np.bincount(cell.codes, minlength=len(cell.quotas))
            quotas = np.ceil(self._cell.quotas * counts / np.maximum(self._counts, 1)).astype(np.int64)
            rows = _drawn(cell, self._scores[rest], cutoff, n_strata, self._generator, quotas)
            chosen, judged = (part.rows() for part in (cell.take(rows), self._cell.take(np.flatnonzero(held))))
            codes = [self._by_network(chosen, judged.X), self._by_forest(chosen, judged.X)]
            found.append(torch.stack(codes) != judged.y.argmax(1).cpu())
        return torch.cat(found, 1).double()

    def _by_network(self, chosen: LabeledSet, X: Tensor) -> Tensor:
        """Return the classes that a network predicts that is trained on chosen rows."""
        # As many steps as for all rows, or nearly: few rows in few steps would teach next to nothing.
        passes = min(_MOST_EPOCHS, -(-len(self._cell) // len(chosen)))
        how = clone(self._difficulty).set_params(n_epochs=max(1, self._difficulty.n_epochs) * passes)
        *_, network = training_epochs(how, chosen, self._schema, self._generator)
        return torch.cat([network(piece).argmax(1) for piece in X.split(1024)]).cpu()

    def _by_forest(self, chosen: LabeledSet, X: Tensor) -> Tensor:
        """Return the classes that a forest predicts that is trained on chosen rows."""
        forest = RandomForestClassifier(_N_TREES, random_state=draw_seed(self._generator))
        rows, codes, weight = (part.cpu().numpy() for part in (chosen.X.flatten(1), chosen.y.argmax(1), chosen.weight))
        forest.fit(rows, codes, sample_weight=weight)
        return torch.as_tensor(forest.predict(X.flatten(1).cpu().numpy()))


def _held_out(codes: NDArray[np.int64], generator: torch.Generator) -> NDArray[np.bool_]:
    """Return a mask of a random quarter of the rows of each class; of a single row none."""
    held = np.zeros(len(codes), dtype=bool)
    for c in np.unique(codes):
        rows = np.flatnonzero(codes == c)
        n_held = min(len(rows) - 1, max(1, round(_HELD * len(rows))))
        held[rows[torch.randperm(len(rows), generator=generator)[:n_held].numpy()]] = True
    return held


def _drawn(
    cell: Cell,
    scores: NDArray[np.float64],
    cutoff: float,
    n_strata: int,
    generator: torch.Generator,
    quotas: NDArray[np.int64] | None = None,
) -> NDArray[np.intp]:
    """Return rows of each class: of each stratum of those that are not left out as many as may be."""
    weight = cell.weight.double().cpu()
    chosen = []
    for c, quota in enumerate(cell.quotas if quotas is None else quotas):
        rows = np.flatnonzero(cell.codes == c)
        rows = rows[np.argsort(scores[rows], kind="stable")]
        share = weight[rows].cumsum(0) / weight[rows].sum()
        n_kept = max(int(quota), int((share <= 1 - cutoff + 1e-9).sum()))
        rows = rows[:n_kept]
        of_row = strata_of(scores[rows], n_strata)
        for stratum, size in enumerate(budgets(np.bincount(of_row, minlength=n_strata), int(quota))):
            if size:
                members = rows[of_row == stratum]
                places = weight[members].multinomial(int(size), replacement=False, generator=generator)
                chosen.append(members[places.numpy()])
    return np.concatenate(chosen)


def strata_of(scores: NDArray[np.float64], n_strata: int) -> NDArray[np.int64]:
    """Return the stratum of each score, of so many of equal width from the least to the largest."""
    if not len(scores) or scores.min() == scores.max():
        return np.zeros(len(scores), dtype=np.int64)
    place = (scores - scores.min()) / (scores.max() - scores.min())
    return np.minimum((place * n_strata).astype(np.int64), n_strata - 1)


def budgets(counts: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Return how many rows to take of each stratum: from the smallest on, an even share of what is left to take.

    Parameters
    ----------
    counts : ndarray of shape (n_strata,)
        The rows of each stratum; together at least `size`.
    size : int
    """
    taken = np.zeros_like(counts)
    order = [stratum for stratum in np.argsort(counts, kind="stable") if counts[stratum]]
    for i, stratum in enumerate(order):
        taken[stratum] = min(counts[stratum], (size - taken.sum()) // (len(order) - i))
    return taken
