"""Rows that are chosen of each piece, and of those that were chosen: merge and reduce."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import clone

from skdc.fitting.input import Problem
from skdc.fitting.output import in_package_of
from skdc.fitting.partitioned.sample import joined, taken
from skdc.fitting.recipe import Recipe
from skdc.parameterizations.subset import SubsetSet
from skdc.partitions import RawRows
from skdc.sources import PartitionedSource, RowSource, draw_seed

SPARE_ROWS = 8  # so many are kept of a piece for each that is to be chosen in the end
_AT_ONCE = 1 << 17  # rows of a piece that are looked at together


@dataclass(frozen=True, eq=False)
class Chosen:
    """Rows that were chosen, each of which stands for others.

    Parameters
    ----------
    X, y, weight, key
        Their numbers, as those of a `Problem`.
    places : ndarray of shape (n,)
        Where they stand among all.
    given : (X, y)
        As the user has them.
    """

    X: NDArray
    y: NDArray[np.float64] | None
    weight: NDArray[np.float64]
    key: NDArray[np.int64]
    places: NDArray[np.intp]
    given: tuple[Any, Any]

    def take(self, rows: NDArray[np.intp], weight: NDArray[np.float64]) -> Chosen:
        """Return some of them, with other weights."""
        X, y = (taken(part, rows) for part in self.given)
        own = None if self.y is None else self.y[rows]
        return Chosen(self.X[rows], own, weight, self.key[rows], self.places[rows], (X, y))

    def joined(self, other: Chosen) -> Chosen:
        """Return both."""
        y = None if self.y is None or other.y is None else np.concatenate([self.y, other.y])
        names = "X", "weight", "key", "places"
        X, weight, key, places = (np.concatenate([getattr(self, name), getattr(other, name)]) for name in names)
        rows, targets = (joined(parts) for parts in zip(self.given, other.given, strict=True))
        return Chosen(X, y, weight, key, places, (rows, targets))


# A set S of weighted rows stands for a part of the data. Sets of two parts are put together and reduced, pair by pair
# (Bentley and Saxe, 1980; Har-Peled and Mazumdar, 2004): what each reduction loses adds up over the height of the tree,
# the logarithm of the number of pieces. Classes that are small enough are kept as they are.
@dataclass(frozen=True, eq=False)
class Reduction:
    """The choice of rows of a piece, or of two sets that were chosen; it is sent to where pieces are read.

    Parameters
    ----------
    reading : callable
        Returns the problem of a piece.
    starts : dict of int to int
        Where the first row of each piece stands.
    opened : callable
        Returns numbers as a source, in the units of the whole.
    recipe : Recipe
        What chooses rows of weighted ones.
    objective : Objective or None
        Its discrepancy, fitted in the units of the whole.
    sizes : ndarray of shape (n_classes,)
        How many rows of each class are kept.
    seed : int
    """

    reading: Callable[[RawRows], Problem | None]
    starts: Mapping[int, int]
    opened: Callable[[Any], RowSource]
    recipe: Recipe
    objective: Any
    sizes: NDArray[np.int64]
    seed: int

    @torch.no_grad()
    def __call__(self, i: int, raw: RawRows) -> Chosen | None:
        """Return what is chosen of a piece; None if it has no rows."""
        problem = self.reading(raw)
        if problem is None:
            return None
        places, given = problem.positions, problem.given
        parts = []
        for start in range(0, len(problem.X), _AT_ONCE):
            rows = slice(start, start + _AT_ONCE)
            y = None if problem.y is None else problem.y[rows]
            held = tuple(taken(part, places[rows]) for part in given)
            numbers = problem.X[rows], y, problem.weight[rows], problem.key[rows]
            parts.append(self.reduced(Chosen(*numbers, self.starts[i] + places[rows], (held[0], held[1]))))
        found = parts[0]
        for part in parts[1:]:
            found = self.merged(found, part)
        return found

    @torch.no_grad()
    def merged(self, one: Chosen | None, other: Chosen | None) -> Chosen | None:
        """Return what is chosen of two sets."""
        if one is None or other is None:
            return other if one is None else one
        return self.reduced(one.joined(other))

    def reduced(self, rows: Chosen) -> Chosen:
        """Return as many rows of each class as are kept, of those that have more; or as many as the solver finds."""
        source = self.opened(rows)
        codes = source.schema.class_of_key[rows.key]
        counts, finds_size = np.bincount(codes, minlength=len(self.sizes)), self.recipe.solver.finds_size()
        many = counts > (0 if finds_size else self.sizes)
        if not many.any():
            return rows
        of_many = np.flatnonzero(many[codes])
        part = self.opened(rows.take(of_many, rows.weight[of_many]))
        generator = torch.Generator().manual_seed(self.seed + int(rows.places[0]))
        chosen, mass = self._chosen(part, np.where(many, counts if finds_size else self.sizes, 0), generator)
        others = np.flatnonzero(~many[codes])
        kept, weight = np.concatenate([others, of_many[chosen]]), np.concatenate([rows.weight[others], mass])
        order = np.argsort(rows.places[kept], kind="stable")
        return rows.take(kept[order], weight[order] * (rows.weight.sum() / weight.sum()))

    def _chosen(
        self, source: RowSource, sizes: NDArray[np.int64], generator: torch.Generator
    ) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Return where the chosen rows stand, and what mass each stands for."""
        synthetic = self.recipe.parameterization.build(source, sizes, generator)
        self.recipe.solver.solve(self.objective, synthetic, source, generator)
        weight = synthetic.weight.double().cpu().numpy()
        return cast(SubsetSet, synthetic).indices, weight * (source.weight.sum() / weight.sum())


def merged_problem(
    problem: Problem, source: PartitionedSource, recipe: Recipe, sizes: NDArray[np.int64], generator: torch.Generator
) -> Problem:
    """Return the problem of the weighted rows that stand for all, of which those of the set are chosen.

    Parameters
    ----------
    problem : Problem
        Of rows in pieces.
    source : PartitionedSource
        The same as a source.
    recipe : Recipe
        What chooses rows of pieces.
    sizes : ndarray of shape (n_classes,)
        How many rows of each class are kept of a piece.
    generator : torch.Generator
    """
    assert problem.passing is not None
    passing = problem.passing
    objective = None if recipe.discrepancy is None else clone(recipe.discrepancy).fit(source.stand_in(), generator)
    how = recipe, objective, sizes, draw_seed(generator) >> 1
    reduction = Reduction(passing.reading, passing.places, source.opened, *how)
    found = passing.partitions.map_reduce(reduction, reduction.merged, passing.n_jobs)
    assert found is not None  # there are rows
    pairs = zip(found.given, problem.given, strict=True)
    rows, targets = (None if new is None else in_package_of(new, old) for new, old in pairs)
    told = replace(
        problem, is_sample=False, X=found.X, y=found.y, weight=found.weight, key=found.key, places=found.places
    )
    return replace(told, positions=np.arange(len(found.X)), given=(rows, targets))
