"""Where points start: rows of the data, drawn, far apart or chosen by a condenser, or noise."""

from __future__ import annotations

from inspect import isclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils import check_random_state
from torch import Tensor

from skdc.exceptions import PartsError
from skdc.kernels import distances_of_norms
from skdc.parameterizations.subset import Subset
from skdc.sources import Holds, Source, draw_seed, require


def starting_set(
    part: object, start: Any, source: Source, sizes: NDArray[np.int64], generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return (X, y) in working units where points start, class after class.

    Parameters
    ----------
    part : Parameterization
        Whose points they are, for messages.
    start : {"rows", "spread", "noise"} or condenser
        As in `Points`.
    source : Source
    sizes : ndarray of shape (n_classes,)
    generator : torch.Generator
    """
    if not isinstance(start, str):
        rows = require(part, source, Holds, "which rows to choose")
        return _chosen_rows(part, start, rows, sizes, generator)
    if start == "rows":
        return source.starting_rows(sizes, generator)
    if start == "spread":
        rows = require(part, source, Holds, "far-apart rows")
        return _spread_rows(rows, sizes, generator)
    if start == "noise":
        return source.noisy_rows(sizes, generator)
    raise ValueError(f"{type(part).__name__}(start={start!r}): start must be 'rows', 'spread', 'noise' or a condenser")


def _chosen_rows(
    part: object, condenser: Any, source: Holds, sizes: NDArray[np.int64], generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return (X, y) of the rows that the recipe of a condenser chooses, as many of each class as asked for.

    Where a class has fewer, they are repeated in turn.
    """
    if isclass(condenser) or not hasattr(condenser, "chooser"):
        raise TypeError(f"{part!r}: start must be 'rows', 'spread', 'noise' or a condenser, such as KMedoids()")
    place = f"{part!r}: start"
    recipe, members = condenser.chooser(place, source.schema.task), [source.class_members(c) for c in range(len(sizes))]
    if recipe.solver.own_objective() is not None:
        raise PartsError(f"{place}: weights of the rows that points start from would have no effect; use reweight=None")
    seed = draw_seed(generator)
    if condenser.random_state is not None:
        seed = int(check_random_state(condenser.random_state).randint(2**31 - 1))
    draws = torch.Generator().manual_seed(seed)
    there = np.minimum(sizes, [len(rows) for rows in members])
    objective = None if recipe.discrepancy is None else clone(recipe.discrepancy).fit(source, draws)
    subset = Subset().build(source, there, draws)
    draws = torch.Generator().manual_seed(draw_seed(draws))  # as in a fit of the condenser itself
    recipe.solver.solve(objective, subset, source, draws)
    chosen = np.split(subset.indices, np.cumsum(there)[:-1])
    start = source.take(np.concatenate([np.resize(rows, n) for rows, n in zip(chosen, sizes, strict=True)]))
    return start.X, start.y


def _spread_rows(source: Holds, sizes: NDArray[np.int64], generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return k-means++ seeds of each class and their targets."""
    chosen = []
    for c, size in enumerate(sizes):
        if size:
            members = source.class_members(c)
            values, weight = source.encode(source.X[members]).flatten(1), source.tensor(source.weight[members])
            chosen.append(members[_far_apart(values, weight, int(size), generator)])
    start = source.take(np.concatenate(chosen))
    return start.X, start.y


def _far_apart(values: Tensor, weight: Tensor, size: int, generator: torch.Generator) -> list[int]:
    """Return the positions of k-means++ seeds, each the best of a few trials (Arthur and Vassilvitskii, 2007).

    scikit-learn's `kmeans_plusplus` casts float32 rows to float64 for every distance; these rows are centred, and
    need no such care.
    """
    n_trials = 2 + int(np.log(size))
    norms = values.square().sum(1)
    nearest = torch.full_like(norms, torch.inf)
    odds, chosen = weight.double(), []
    for step in range(size):
        cumulative = odds.cumsum(0)
        draws = torch.rand(n_trials if step else 1, generator=generator, dtype=torch.float64).to(values.device)
        trials = torch.searchsorted(cumulative, draws * cumulative[-1], right=True).clamp_max_(len(values) - 1)
        squares = distances_of_norms(values, values[trials], norms, norms[trials])
        squares = torch.minimum(squares, nearest[:, None])
        best = int((weight @ squares).argmin())
        chosen.append(int(trials[best]))
        nearest = squares[:, best]
        odds = (weight * nearest).double()
    return chosen
