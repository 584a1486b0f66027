"""What solvers that choose rows share: cells, quotas and the weights of what is chosen."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from numbers import Integral
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import clone
from torch import Tensor

from skdc.data import Block, LabeledSet
from skdc.exceptions import PartsError, StoppedWarning
from skdc.parameterizations.base import LiveSet
from skdc.seeds import in_turn
from skdc.solvers.base import Objective, Progress, Solution, Solver, solution_of
from skdc.solvers.quadrature import simplex_quadrature
from skdc.sources import Holds, Source


@runtime_checkable
class Embedding(Protocol):
    """What a solver asks of a discrepancy that is a distance between mean embeddings."""

    def own_kernel(self, p: Block, n_columns: int) -> Any: ...  # noqa: D102

    def potential(self, p: Block, at: Tensor) -> Tensor: ...  # noqa: D102

    def submatrix(self, p: Block) -> Callable[[Tensor, Tensor], Tensor]: ...  # noqa: D102


@runtime_checkable
class Quantization(Protocol):
    """What a solver asks of a discrepancy that is the mean cost of the nearest point."""

    exponent: float

    # Of rows that are `relative`.
    def columns(self, x: Tensor) -> Callable[[Tensor], Tensor]: ...  # noqa: D102


def is_linear(leaves: list[Any]) -> bool:
    """Tell whether groups of equal mass, put together, give what a sum makes of them: their mean, by one `by`."""
    return len({leaf.by for leaf in leaves}) < 2 and all(leaf.by != "group" or leaf.reduce == "mean" for leaf in leaves)


def check_integers(owner: Any, least: dict[str, int]) -> None:
    """Refuse a parameter that is no integer, or less than it may be.

    Raises
    ------
    ValueError
        Naming it.
    """
    for name, smallest in least.items():
        value = getattr(owner, name)
        if not isinstance(value, Integral) or value < smallest:
            raise ValueError(f"{type(owner).__name__}({name}={value!r}): it must be an integer of at least {smallest}")


class Watch:
    """Tell of rows as they are chosen, and remember whether a stop was asked for.

    Parameters
    ----------
    progress : Progress
    total : int
        How many rows are to be chosen in all.
    """

    def __init__(self, progress: Progress = lambda step, n_steps, loss: False, total: int = 0) -> None:
        self._progress, self._total, self._done, self.stopped = progress, total, 0, False

    def __call__(self, n_chosen: int, value: float = float("nan")) -> bool:
        """Tell how many rows of a cell are chosen; return whether to stop with those."""
        if not self.stopped:
            # The last step is told when the cell is left.
            self.stopped = self._progress(min(self._done + n_chosen, self._total - 1), self._total, value)
        return self.stopped

    def leave(self, n_chosen: int, value: float) -> None:
        """Tell that all rows of a cell are chosen."""
        self._done += n_chosen
        if not self.stopped:
            self.stopped = self._progress(self._done, self._total, value)


def sums(values: Tensor, places: Tensor, size: int) -> Tensor:
    """Return the sum of the values at each of `size` places."""
    return values.new_zeros(size).index_add_(0, places, values)


@dataclass(frozen=True, eq=False)
class Cell:
    """Rows of which some are to be chosen: a class, or all.

    Parameters
    ----------
    rows : LabeledSet
    codes : ndarray of shape (n,)
        The class of each row.
    quotas : ndarray of shape (n_classes,)
        How many rows of each class are to be chosen.
    members : ndarray of shape (n,)
        Where each row stands in the source.
    watch : Watch
        Is told how many rows are chosen, and says when to stop.
    """

    rows: LabeledSet
    codes: NDArray[np.int64]
    quotas: NDArray[np.int64]
    members: NDArray[np.intp]
    watch: Watch = field(default_factory=Watch)

    @property
    def size(self) -> int:
        """How many rows are to be chosen in all."""
        return int(self.quotas.sum())

    def shares(self) -> Tensor:
        """Return the mass of each class over the rows to be chosen of it, of shape (n_classes,)."""
        weight = self.rows.weight
        codes, quotas = (torch.as_tensor(values, device=weight.device) for values in (self.codes, self.quotas))
        return sums(weight, codes, len(quotas)) / quotas.clamp_min(1)

    def take(self, rows: NDArray[np.intp]) -> Cell:
        """Return a cell of some of the rows, with the same quotas."""
        chosen = self.rows.take(torch.as_tensor(rows, device=self.rows.weight.device))
        return replace(self, rows=chosen, codes=self.codes[rows], members=self.members[rows])

    def drawn(self, size: int, generator: torch.Generator) -> tuple[NDArray[np.intp], Cell]:
        """Return the positions of random rows and a cell of them; of all, if there are no more than `size`.

        They are drawn in proportion to weight: a heavy row may stand for several of the `size`. Of each class, and of
        each group of one, there are at least as many as are to be chosen of the class. Together the rows of a group
        weigh what all of it do.
        """
        if len(self.codes) <= size:
            return np.arange(len(self.codes)), self
        n, key, weight = len(self.codes), self.rows.key, self.rows.weight
        dealt = in_turn(weight.cpu(), generator).numpy()
        # Rows that are not dealt come last: they only fill a quota, and stand for next to nothing.
        order = np.concatenate([dealt, np.setdiff1d(np.arange(n), dealt)])
        new, owed, ordered = np.zeros(len(order), bool), np.zeros(len(order), bool), key.cpu().numpy()[order]
        new[np.unique(order, return_index=True)[1]] = True
        for places in (np.flatnonzero(ordered == k) for k in np.unique(ordered)):
            owed[places] = new[places].cumsum() <= max(1, self.quotas[self.codes[order[places[0]]]])
        owed[np.flatnonzero(~owed[:n])[: max(0, size - owed.sum())]] = True
        rows, copies = np.unique(order[owed]), np.bincount(dealt[owed[:n]], minlength=n)
        some, n_keys = self.take(rows), int(key.max()) + 1
        stand_for = torch.as_tensor(copies[rows]).to(weight).clamp_min(torch.finfo(weight.dtype).eps)
        growth = sums(weight, key, n_keys) / sums(stand_for, some.rows.key, n_keys)
        return rows, replace(some, rows=replace(some.rows, weight=stand_for * growth[some.rows.key]))

    def block(self, leaf: Any) -> Block:
        """Return the rows as a discrepancy sees them, each group as heavy as the others where it compares groups."""
        block = leaf.space_.block(self.rows)
        if leaf.by != "group":
            return block
        group = leaf.group_of_key_[block.key]
        return Block(block.weight / sums(block.weight, group, leaf.n_groups)[group], block.key, block.values)


class SummedKernel:
    """The kernel of the rows of a cell with each other, summed over the terms of an objective.

    Parameters
    ----------
    terms : list of (float, OwnKernel)
        Weights and kernels.

    Attributes
    ----------
    potential, diagonal : Tensor of shape (n,), float64
        As in `OwnKernel`.
    """

    def __init__(self, terms: list[tuple[float, Any]]) -> None:
        self._terms = [(weight, kernel.columns) for weight, kernel in terms]
        self.potential = sum(weight * kernel.potential for weight, kernel in terms).double()
        self.diagonal = sum(weight * kernel.diagonal for weight, kernel in terms).double()

    def columns(self, rows: list[int]) -> Tensor:
        """Return the kernel of some rows with all, of shape (len(rows), n)."""
        at = torch.tensor(rows, device=self.potential.device)
        return sum(weight * columns(at) for weight, columns in self._terms).T.contiguous()


class Quota:
    """Which rows of a cell may still be chosen.

    Parameters
    ----------
    cell : Cell

    Attributes
    ----------
    codes : Tensor of shape (n,)
        The class of each row.
    fresh : Tensor of shape (n,)
        Whether a row is not chosen.
    """

    def __init__(self, cell: Cell) -> None:
        self.codes = torch.as_tensor(cell.codes, device=cell.rows.weight.device)
        self.fresh = torch.ones(len(self.codes), dtype=torch.bool, device=self.codes.device)
        self._left = torch.as_tensor(cell.quotas.copy(), device=self.codes.device)

    def allowed(self) -> Tensor:
        """Return a mask of the rows that are not taken and whose class is not full, of shape (n,)."""
        return self.fresh & (self._left > 0)[self.codes]

    def take(self, row: int) -> None:
        """Note that a row is chosen."""
        self.fresh[row] = False
        self._left[self.codes[row]] -= 1

    def release(self, row: int) -> None:
        """Note that a row is no longer chosen."""
        self.fresh[row] = True
        self._left[self.codes[row]] += 1


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


class Selection(Solver):
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

    def __init__(self, reweight: Any = None) -> None:
        self.reweight = reweight

    @abstractmethod
    def choose(self, objective: Any, cell: Cell, source: Holds, generator: torch.Generator) -> Choice:
        """Return the rows chosen of a cell, `cell.quotas[c]` distinct ones of each class c.

        There may be fewer once `cell.watch` says to stop.
        """

    def splits(self, objective: Any) -> bool:
        """Tell whether rows are chosen class by class."""
        return objective is None or _by_class(objective)

    def solve(
        self,
        objective: Objective | None,
        synthetic: LiveSet,
        source: Source,
        generator: torch.Generator,
        progress: Progress,
    ) -> Solution:
        """Choose rows; those that are missing when a stop is asked for are drawn at random, with a warning.

        Raises
        ------
        ValueError
            If the objective is not one that the solver can follow.
        """
        self.check_reweight()
        _refuse_moving_rows(objective)
        chosen: list[NDArray[np.intp]] = []
        mass: list[Tensor] = []
        values: list[float] = []
        total = int(synthetic.sizes.sum())
        watch, n_drawn = Watch(progress, total), 0
        with torch.no_grad():
            for cell in _cells(source, synthetic.sizes, self.splits(objective), watch):
                choice = Choice([]) if watch.stopped else self.choose(objective, cell, source, generator)
                rows, of_choice = np.array(choice.rows, dtype=np.intp), choice.mass
                if len(rows) < cell.size:
                    n_drawn += cell.size - len(rows)
                    rows, of_choice = completed(cell, rows, generator), None
                order = np.argsort(cell.codes[rows], kind="stable")
                chosen.append(cell.members[rows[order]])
                if of_choice is not None:
                    share = of_choice.double() / of_choice.double().sum()
                    mass.append(cell.rows.weight.double().sum() * share[torch.as_tensor(order, device=source.device)])
                values.extend(choice.values)
                watch.leave(len(rows), values[-1] if values else float("nan"))
            if n_drawn:
                mass = []
                message = f"{type(self).__name__} was asked to stop: {n_drawn} of {total} rows are drawn at random"
                warnings.warn(message, StoppedWarning, stacklevel=2)
            synthetic.choose(np.concatenate(chosen), torch.cat(mass) if mass else None)
            if self.reweight is not None:
                synthetic.choose(synthetic.indices, self._reweighted(synthetic, source, generator))
        history = {"loss": np.array(values)} if values else {}
        return solution_of(objective, synthetic, source, len(synthetic.indices), history)

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

    def _reweighted(self, synthetic: LiveSet, source: Holds, generator: torch.Generator) -> Tensor:
        """Return the weights of the chosen rows that make a discrepancy least, class by class or together."""
        objective = clone(self.reweight).fit(source, generator)
        rows, mass = synthetic(), torch.empty_like(synthetic.weight)
        for cell in _cells(source, synthetic.sizes, _by_class(objective), Watch()):
            of_cell = torch.isin(rows.key, torch.as_tensor(np.unique(cell.codes), device=source.device))
            gram, potential = 0.0, 0.0
            for leaf in objective.leaves():
                p, q = cell.block(leaf), leaf.space_.block(rows.take(of_cell))
                places = torch.arange(len(q), device=source.device)
                gram = gram + leaf.weight * leaf.submatrix(q)(places, places)
                potential = potential + leaf.weight * leaf.potential(p, q.values)
            mass[of_cell] = cell.rows.weight.sum() * simplex_quadrature(gram, potential).to(mass)
        return mass


def _refuse_moving_rows(objective: Any) -> None:
    for leaf in [] if objective is None else objective.leaves():
        if leaf.space_.moves_rows:
            raise PartsError(
                f"{leaf!r} changes the real rows each time that it sees them, but rows are chosen from data that stay: "
                "use Points() and Descent()"
            )


def _by_class(objective: Any) -> bool:
    """Tell whether each class has a loss of its own, which rows of other classes do not change."""
    return all(leaf.by is not None and leaf.space_.splits != "rows" for leaf in objective.leaves())


def completed(cell: Cell, rows: NDArray[np.intp], generator: torch.Generator) -> NDArray[np.intp]:
    """Return distinct rows of a cell, and random others of the classes of which there are too few."""
    rows = np.unique(rows)
    missing = cell.quotas - np.bincount(cell.codes[rows], minlength=len(cell.quotas))
    for c in np.flatnonzero(missing > 0):
        others = np.setdiff1d(np.flatnonzero(cell.codes == c), rows)
        rows = np.append(rows, others[torch.randperm(len(others), generator=generator)[: missing[c]].numpy()])
    return rows


def _cells(source: Holds, sizes: NDArray[np.int64], splits: bool, watch: Watch) -> Iterator[Cell]:
    codes = source.schema.class_of_key[source.key]
    if not splits:
        yield Cell(source.rows, codes, sizes, np.arange(len(source)), watch)
        return
    for c in np.flatnonzero(sizes):
        members = np.flatnonzero(codes == c)
        quotas = np.where(np.arange(len(sizes)) == c, sizes, 0)
        yield Cell(source.take(members), codes[members], quotas, members, watch)
