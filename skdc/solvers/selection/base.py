"""What solvers that choose rows share: the choice, cell after cell, and the weights of what is chosen."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import clone
from torch import Tensor

from skdc.exceptions import PartsError, StoppedWarning
from skdc.parameterizations.subset import SubsetSet
from skdc.solvers.base import LiveObjective, Solution, Solver, State, solution_of, untold
from skdc.solvers.quadrature import simplex_quadrature
from skdc.solvers.selection.cells import Cell, ChoiceProgress, cell_of, cells_of, completed
from skdc.sources import Holds, Lists, Source, require
from skdc.spaces.base import SpaceWrapper
from skdc.structures import Embedding


def is_linear(leaves: list[Any]) -> bool:
    """Tell whether groups of equal mass, put together, give what a sum makes of them: their mean, by one `by`."""
    return len({leaf.by for leaf in leaves}) < 2 and all(leaf.by != "group" or leaf.reduce == "mean" for leaf in leaves)


def check_integers(owner: Any, least: dict[str, int]) -> None:
    """Refuse a parameter that is no integer, or less than it may be."""
    for name, smallest in least.items():
        value = getattr(owner, name)
        if not isinstance(value, Integral) or value < smallest:
            raise ValueError(f"{type(owner).__name__}({name}={value!r}): it must be an integer of at least {smallest}")


@dataclass(frozen=True, eq=False)
class Choice:
    """Rows that were chosen of a cell.

    Parameters
    ----------
    rows : list of int
        Their positions in the cell.
    mass : Tensor of shape (m,), default=None
        What mass of the cell each stands for; None shares out the mass of each class evenly.
    values : list of float
        What was recorded on the way.
    """

    rows: list[int]
    mass: Tensor | None = None
    values: list[float] = field(default_factory=list)


@dataclass(eq=False, kw_only=True)
class SelectionState(State[SubsetSet]):
    """Where a choice of rows has come to, cell after cell.

    Parameters
    ----------
    classes : list of int or None
        The cells: classes, or one of all rows.
    progress : ChoiceProgress
    chosen : list of ndarray
        The rows of each cell.
    mass : list of Tensor
        What they stand for, where the solver says it.
    n_drawn : int
        How many were drawn at random, since a stop was asked for.
    """

    classes: Sequence[int | None]
    progress: ChoiceProgress
    chosen: list[NDArray[np.intp]] = field(default_factory=list)
    mass: list[Tensor] = field(default_factory=list)
    n_drawn: int = 0


class Selection(Solver[SelectionState, SubsetSet], kw_only=True):
    """A solver that chooses rows; subclasses write `choose`.

    Rows are chosen class by class, or together where the objective has `by=None`; each class gets the number of rows
    that it is to have either way.

    Parameters
    ----------
    reweight : discrepancy, default=None
        A squared distance of mean embeddings, such as `MMD()`, that the weights of the chosen rows are to make least.
        None: rows of a class weigh the same, or what the solver finds that they stand for.
    """

    moves = "indices"

    reweight: Any = None

    @abstractmethod
    def choose(self, objective: Any, cell: Cell, source: Holds, generator: torch.Generator) -> Choice:
        """Return the rows chosen of a cell, `cell.quotas[c]` distinct ones of each class c.

        There may be fewer once `cell.progress` says to stop, and, of a solver that finds the size, or how classes share
        it, as few as one of each class.

        Raises
        ------
        ValueError
            If a setting makes no sense, or the objective does not suit the solver.
        """

    def weighs(self) -> bool:
        """Tell that rows may weigh what they stand for."""
        return True

    def own_objective(self) -> Any:
        """Return `reweight`."""
        return self.reweight

    def splits(self, objective: Any) -> bool:
        """Tell whether rows are chosen class by class."""
        return objective is None or _by_class(objective)

    def opened(self, source: Source) -> Lists:
        """Return the source if `choose` can look at it: unless a subclass says otherwise, all rows are to be there."""
        return require(self, source, Holds, "which rows to choose")

    def begin(
        self, objective: LiveObjective | None, synthetic: SubsetSet, source: Source, generator: torch.Generator
    ) -> SelectionState:
        """Return a choice of which no row is made."""
        self.check_reweight()
        _refuse_moving_rows(objective)
        if self.finds_counts() and synthetic.stored is not None:
            raise PartsError(
                f"{type(self).__name__} finds how many rows of a class to keep, but a storage is built for a known "
                "number; use Subset()"
            )
        source = self.opened(source)
        classes = cells_of(synthetic.sizes, self.splits(objective))
        progress = ChoiceProgress(total=int(synthetic.sizes.sum()))
        given = generator, objective, synthetic, source
        return SelectionState(*given, n_steps=len(classes), classes=classes, progress=progress)

    @torch.no_grad()
    def advance(self, state: SelectionState) -> None:
        """Choose the rows of a cell; those that are missing when a stop is asked for are drawn at random."""
        progress, source, generator = state.progress, state.source, state.generator
        progress.tell = state.tell
        cell = cell_of(source, state.synthetic.sizes, state.classes[state.step], progress)
        choice = Choice([]) if progress.stopped else self.choose(state.objective, cell, source, generator)
        rows, of_choice = np.array(choice.rows, dtype=np.intp), choice.mass
        least = np.minimum(cell.quotas, 1) if self.finds_counts() else cell.quotas
        if (np.bincount(cell.codes[rows], minlength=len(least)) < least).any():
            enough = completed(cell, rows, generator, least)
            state.n_drawn += len(enough) - len(rows)
            rows, of_choice = enough, None
        order = np.argsort(cell.codes[rows], kind="stable")
        state.chosen.append(cell.members[rows[order]])
        if of_choice is not None:
            share = of_choice.double() / of_choice.double().sum()
            state.mass.append(cell.weight.double().sum() * share[torch.as_tensor(order, device=source.device)])
        state.losses.extend(choice.values)
        state.step += 1
        # Where the size is found, the rows that are not kept are decided on, too.
        n_done = cell.size if self.finds_size() else len(rows)
        progress.leave(n_done, state.losses[-1] if state.losses else float("nan"))

    @torch.no_grad()
    def finish(self, state: SelectionState) -> Solution:
        """Return the chosen rows, and their weights; warn of those that were drawn at random."""
        if state.interrupted:  # maybe within a cell
            state.tell, state.progress.stopped, state.chosen = untold, True, state.chosen[: state.step]
            while state.step < state.n_steps:
                self.advance(state)
        synthetic, mass = state.synthetic, [] if state.n_drawn else state.mass
        indices = np.concatenate(state.chosen)
        if self.finds_counts():
            codes = state.source.schema.class_of_key[state.source.key[indices]]
            synthetic.resize(np.bincount(codes, minlength=len(synthetic.sizes)))
        if state.n_drawn and not state.interrupted:
            warnings.warn(f"{type(self).__name__} was asked to stop: {_drawn(state)}", StoppedWarning, stacklevel=2)
        synthetic.choose(indices, torch.cat(mass) if mass else None)
        if self.reweight is not None and not state.interrupted:
            try:
                synthetic.choose(synthetic.indices, self._reweighted(synthetic, state.source, state.generator))
            except KeyboardInterrupt:  # the rows are there, and weigh what they stand for
                state.interrupted = True
        history = {"loss": np.array(state.losses)} if state.losses else {}
        # Nobody looks at the numbers of rows that no objective has chosen, which may be most of the data.
        rows = synthetic() if state.objective is not None else synthetic.without_numbers()
        return solution_of(state, len(synthetic.indices), history, rows)

    def finds_counts(self) -> bool:
        """Tell whether the data say how many rows of a class are kept."""
        return self.finds_size() or self.finds_shares()

    def tells(self, state: SelectionState) -> str:
        """Tell of the set, and of how many rows were not chosen."""
        return "the set is kept" + (f", and {_drawn(state)}" if state.n_drawn else "")

    def check_reweight(self) -> None:
        """Refuse a discrepancy whose best weights cannot be solved for.

        Raises
        ------
        ValueError
            Naming it.
        """
        leaves = [] if self.reweight is None else self.reweight.leaves()
        if not all(isinstance(leaf, Embedding) for leaf in leaves):
            raise PartsError(
                f"reweight={self.reweight!r} is no squared distance of mean embeddings, whose best weights can be "
                "solved for; use MMD(), EnergyDistance() or KernelStein()"
            )
        if not is_linear(leaves):
            raise PartsError(
                f"reweight={self.reweight!r}: weights are solved for the mean over groups, and for terms with one by=; "
                "use reduce='mean', and the same by= in all terms"
            )

    def _reweighted(self, synthetic: SubsetSet, source: Holds, generator: torch.Generator) -> Tensor:
        """Return the weights of the chosen rows that make a discrepancy least, class by class or together."""
        objective = clone(self.reweight).fit(source, generator)
        rows, mass = synthetic(), torch.empty_like(synthetic.weight)
        for c in cells_of(synthetic.sizes, _by_class(objective)):
            cell = cell_of(source, synthetic.sizes, c, ChoiceProgress())
            of_cell = torch.isin(rows.key, torch.as_tensor(np.unique(cell.codes), device=source.device))
            gram, potential = torch.zeros(()), torch.zeros(())
            for leaf in objective.leaves():
                q = leaf.space_.block(rows.take(of_cell))
                places = torch.arange(len(q), device=source.device)
                gram = gram + leaf.weight * leaf.submatrix(q)(places, places)
                potential = potential + leaf.weight * _potential(leaf, cell, q.values)
            mass[of_cell] = cell.weight.sum() * simplex_quadrature(gram, potential).to(mass)
        return mass


def _potential(leaf: Any, cell: Cell, at: Tensor) -> Tensor:
    """Return the mean embedding of a cell at some rows: the mean of those of its pieces."""
    parts = [(piece.weight.sum(), leaf.potential(piece, at)) for piece in cell.pieces(leaf)]
    total = sum(mass for mass, _ in parts)
    return sum(mass / total * potential for mass, potential in parts)


def _drawn(state: SelectionState) -> str:
    return f"{state.n_drawn} of {int(state.synthetic.sizes.sum())} rows are drawn at random"


def _refuse_moving_rows(objective: Any) -> None:
    for leaf in [] if objective is None else objective.leaves():
        if isinstance(leaf.space_, SpaceWrapper):
            raise PartsError(
                f"{leaf!r} changes the real rows each time that it sees them, but rows are chosen from data that stay: "
                "use Points() and Descent()"
            )


def _by_class(objective: Any) -> bool:
    """Tell whether each class has a loss of its own, which rows of other classes do not change."""
    return all(leaf.by is not None and leaf.space_.splits != "rows" for leaf in objective.leaves())
