"""What is common to choices by difficulty: scores, a cut-off of the hardest rows, and held-out rows that find it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from functools import partial
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
from skdc.solvers.selection.base import Choice, Selection
from skdc.solvers.selection.cells import Cell
from skdc.sources import Holds
from skdc.sources.base import draw_seed

_CUTOFFS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)  # that are tried
_N_SPLITS = 2  # of the rows, on which each is tried
_HELD = 0.25  # share of the rows that are held out
_MOST_EPOCHS = 2  # times as many as for all rows, at most, for networks that are trained on some
_N_TREES = 50
_SURE = 2.0  # standard errors by which a cut-off has to be better than random rows

Way = Callable[[Cell, NDArray[np.float64], torch.Generator], NDArray[np.intp]]


class Pruning(Selection):
    """Leave out the hardest rows, and choose of the others; subclasses write `pick`.

    How hard a row is, networks say that are trained on all. It minimises nothing, and takes no discrepancy.

    Parameters
    ----------
    difficulty : Difficulty, default=None
        `AreaUnderMargin()`, `EL2N()`, `Forgetting()` or another one of `skdc.learners`; None takes the first.
    cutoff : float or "validated", default="validated"
        Share of the rows of each class that is left out for being hard, or less if else too few were left. "validated"
        tries 0, 0.1 ... 0.5, and random rows, twice: a network, as those of `difficulty`, and a forest are trained on
        what is chosen of three quarters of the rows, and judged on the others. The best one is taken of those that are
        better than random rows by two standard errors, and worse for neither; if none is, random rows are.
    reweight : discrepancy, default=None
        As in `Selection`.

    Notes
    -----
    With "validated" the history holds the errors on held-out rows, of random rows first, then of each cut-off that
    leaves enough rows.
    """

    minimizes = False

    difficulty: Difficulty | None = None
    cutoff: float | Literal["validated"] = "validated"

    @abstractmethod
    def pick(self, cell: Cell, scores: NDArray[np.float64], generator: torch.Generator) -> NDArray[np.intp]:
        """Return as many rows of each class of a cell as are to be chosen of it, the hardest left out, by scores.

        Parameters
        ----------
        cell : Cell
        scores : ndarray of shape (n,)
            How hard each row is.
        generator : torch.Generator
        """

    def check(self) -> None:
        """Refuse settings that make no sense."""
        if not isinstance(self.difficulty, Difficulty | None):
            raise TypeError(f"{self._named('difficulty')}: give an object of skdc.learners, such as EL2N()")
        if self.cutoff != "validated" and not (not isinstance(self.cutoff, str) and 0 <= self.cutoff < 1):
            raise ValueError(
                f"{self._named('cutoff')}: it must be 'validated', or a share of at least 0 and less than 1"
            )

    def _named(self, name: str) -> str:
        return f"{type(self).__name__}({name}={getattr(self, name)!r})"

    def splits(self, objective: Any) -> bool:
        """Tell whether rows are chosen class by class: they are scored together, by networks that see all."""
        return False

    def weighs(self) -> bool:
        """Tell whether weights are solved for."""
        return self.reweight is not None

    def choose(self, objective: Any, cell: Cell, source: Holds, generator: torch.Generator) -> Choice:
        """Score all rows, leave the hardest out and choose of the others; there must be classes."""
        self.check()
        difficulty = AreaUnderMargin() if self.difficulty is None else self.difficulty
        scores = difficulty.scores(cell.rows(), source.schema, generator).double().cpu().numpy()
        if self.cutoff != "validated":
            return Choice(self._without(float(self.cutoff), cell, scores, generator).tolist())
        trials = _Trials(difficulty, cell, scores, source, generator)
        cutoffs = [cutoff for cutoff in _CUTOFFS if trials.leaves_enough(cutoff)]
        ways: list[Way] = [_random, *(partial(self._without, cutoff) for cutoff in cutoffs)]
        if not len(trials.weight):  # each class has one row
            return Choice(_random(cell, scores, generator).tolist())
        wrong = torch.stack([trials.wrong(way) for way in ways])
        best = _surely_best(wrong, trials.weight)
        errors = wrong.mean(1) @ trials.weight / trials.weight.sum()
        return Choice(ways[best](cell, scores, generator).tolist(), None, errors.tolist())

    def _without(
        self, cutoff: float, cell: Cell, scores: NDArray[np.float64], generator: torch.Generator
    ) -> NDArray[np.intp]:
        """Return rows of each class, of those that a cut-off leaves."""
        left = easier(cell, scores, cutoff)
        return left[self.pick(cell.take(left), scores[left], generator)]


def easier(cell: Cell, scores: NDArray[np.float64], cutoff: float) -> NDArray[np.intp]:
    """Return the rows of each class without a share of its mass, which is the hardest; as many as are to be chosen.

    They come class by class, the easiest first.
    """
    weight, kept = cell.weight.double().cpu(), []
    for c, quota in enumerate(cell.quotas):
        rows = np.flatnonzero(cell.codes == c)
        rows = rows[np.argsort(scores[rows], kind="stable")]
        share = weight[rows].cumsum(0) / weight[rows].sum()
        kept.append(rows[: max(int(quota), int((share <= 1 - cutoff + 1e-9).sum()))])
    return np.concatenate(kept)


def _random(cell: Cell, scores: NDArray[np.float64], generator: torch.Generator) -> NDArray[np.intp]:
    """Return random rows of each class, however hard."""
    rows = easier(cell, scores, 0.0)
    of_class = ((rows[cell.codes[rows] == c], int(cell.quotas[c])) for c in np.flatnonzero(cell.quotas))
    return np.concatenate([cell.random(members, quota, generator) for members, quota in of_class])


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
    def wrong(self, way: Way) -> Tensor:
        """Return where learners of what is chosen in a way err on held-out rows, of shape (n_learners, n)."""
        found = []
        for held in self._splits:
            rest = np.flatnonzero(~held)
            cell = self._cell.take(rest)
            counts = np.bincount(cell.codes, minlength=len(cell.quotas))
            quotas = np.ceil(self._cell.quotas * counts / np.maximum(self._counts, 1)).astype(np.int64)
            rows = way(replace(cell, quotas=quotas), self._scores[rest], self._generator)
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
