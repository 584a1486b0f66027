"""Doors: what a solve sees of the data that were read: rows, a stream, a release, or rows drawn from one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import clone

from skdc.condensed.scalings import scaling_bytes
from skdc.fitting.counts import check_sizes, sizes_of
from skdc.fitting.encoding import declared_encoder
from skdc.fitting.extremes import warn_of_far_rows
from skdc.fitting.input import Problem
from skdc.fitting.origin import Origin, bytes_beside
from skdc.fitting.partitioned.merging import SPARE_ROWS, merged_problem
from skdc.fitting.progress import tell_stage
from skdc.fitting.recipe import Recipe
from skdc.fitting.releases import drawn_rows, private_stream, public_containers, read_as_told
from skdc.fitting.shown import Containers
from skdc.fitting.stream import Stream
from skdc.privacy import PrivateRows
from skdc.privacy.source import of_classes
from skdc.solvers.noisy_descent import PrivateDescent
from skdc.sources import PartitionedSource, RowSource, Schema, Sketch, Source, TaughtSource, draw_seed, listed


@dataclass(frozen=True, eq=False)
class Door:
    """An open door to the data of a fit.

    Parameters
    ----------
    source : Source
    sizes : ndarray of shape (n_classes,)
        How many synthetic rows each class gets.
    learn : callable
        Returns the objective, fitted to what the door shows, and the seed of the solve.
    recipe : Recipe
        What is solved.
    containers : Containers
        As what the set comes out.
    stream : Stream, default=None
        What `partial_fit` goes on from.
    attributes : dict of str to object
        What is told of the data that others stand for.
    origin : Origin
        What is told of where the set comes from; nothing of private data.
    """

    source: Source
    sizes: NDArray[np.int64]
    learn: Callable[[], tuple[Any, int]]
    recipe: Recipe
    containers: Containers
    stream: Stream | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    origin: Origin = field(default_factory=Origin)


def opened(condenser: Any, problem: Problem, recipe: Recipe, device: torch.device, seed: int) -> Door:
    """Open the door that a recipe asks for: to the rows, a sketch, a release, or to rows drawn from one.

    Parameters
    ----------
    condenser : condenser
        It knows the sizes, and is named in messages.
    problem : Problem
    recipe : Recipe
        Checked, for data of this kind.
    device : torch.device
    seed : int
    """
    if recipe.privacy is not None:
        return (_drawn if recipe.draws() else _released)(condenser, problem, recipe, device, seed)
    return _open(condenser, problem, recipe, device, seed)


def _open(condenser: Any, problem: Problem, recipe: Recipe, device: torch.device, seed: int) -> Door:
    """Open the door to rows of which all may be seen."""
    if condenser.n_bytes is not None and issparse(problem.X):
        raise ValueError(
            f"n_bytes={condenser.n_bytes!r}: what a sparse row takes depends on which one is chosen; give n_per_class "
            "or n_samples"
        )
    n_beside = 0 if condenser.n_bytes is None else bytes_beside(problem)
    sizes = _sizes(condenser, recipe, problem.schema, *problem.per_class(), n_beside)
    reducer = None if problem.passing is None else recipe.reducer()
    if reducer is not None:
        reducing, draws = recipe._replace(solver=reducer.solver), torch.Generator().manual_seed(seed)
        kept = np.maximum(SPARE_ROWS * sizes, np.where(sizes > 0, reducer.fewest, 0))
        problem = merged_problem(problem, _passed(problem, device), reducing, kept, draws)
        if recipe.solver.finds_size():
            sizes = np.bincount(problem.codes, minlength=len(sizes))
    if problem.is_sample and not recipe.streams():
        held = np.bincount(problem.codes, minlength=len(sizes))
        if recipe.solver.finds_size():
            sizes = held
        _refuse_small_sample(condenser, problem, sizes, held)
    return (_sketched if recipe.streams() else _rows)(condenser, problem, recipe, sizes, device, seed)


def _refuse_small_sample(condenser: Any, problem: Problem, sizes: NDArray[np.int64], held: NDArray[np.int64]) -> None:
    """Refuse a set of more rows than the sample of rows in pieces has."""
    short = np.flatnonzero(sizes > held)
    if len(short):
        labels = problem.schema.labels.tolist()
        of = f" of class {labels[short[0]]!r}" if labels else ""
        raise ValueError(
            f"{type(condenser).__name__} looks at a sample, which has {held[short[0]]} rows{of}, and {sizes[short[0]]} "
            "are asked for; raise max_rows of Partitions, or ask for fewer"
        )


def reopened(condenser: Any, stream: Stream, recipe: Recipe, containers: Containers) -> Door:
    """Return the door to the rows that a stream has seen so far."""
    source = stream.source()
    origin = Origin.of_sketch(stream.sketch) if isinstance(stream.sketch, Sketch) else Origin()
    n_beside = scaling_bytes(origin.scaling)
    sizes = _sizes(condenser, recipe, source.schema, stream.sketch.counts, stream.sketch.mass, n_beside)
    return Door(source, sizes, stream.learned, recipe, containers, stream, origin=origin)


def _sizes(
    condenser: Any,
    recipe: Recipe,
    schema: Schema,
    counts: NDArray[np.int64],
    mass: NDArray[np.float64],
    n_beside: int = 0,
) -> NDArray[np.int64]:
    """Return how many synthetic rows each class gets, by its rows and its weight; both are noisy in a release."""
    sizes = sizes_of(condenser, recipe, schema, counts, mass, n_beside)
    if recipe.privacy is None:
        check_sizes(condenser, recipe.parameterization, sizes, counts, schema.classes)
    return sizes


def _rows(
    condenser: Any, problem: Problem, recipe: Recipe, sizes: NDArray[np.int64], device: torch.device, seed: int
) -> Door:
    rows, generator = _source(problem, recipe, device), torch.Generator().manual_seed(seed)
    warn_of_far_rows(condenser, rows.moments.far, problem)
    seen, origin = recipe.parameterization.seen(rows, sizes, generator), Origin.of(problem, rows.moments)
    # The list of rows is made once, here: all parts see the same source, which a checkpoint leaves out of the state.
    source = listed(seen) if recipe.parameterization.moves == "indices" else seen

    def learn() -> tuple[Any, int]:
        tell_stage(condenser, "looks at the data")
        objective: Any = None if recipe.discrepancy is None else clone(recipe.discrepancy).fit(source, generator)
        return objective, draw_seed(generator)

    if problem.is_sample and isinstance(rows, RowSource):
        origin = replace(origin, n_seen=len(problem.X))
    return Door(source, sizes, learn, recipe, _containers(problem, seen), origin=origin)


def _sketched(
    condenser: Any, problem: Problem, recipe: Recipe, sizes: NDArray[np.int64], device: torch.device, seed: int
) -> Door:
    source = problem.source_as_given(device) if problem.passing is None else _passed(problem, device, as_given=True)
    warn_of_far_rows(condenser, source.moments.far, problem)
    has_products = recipe.parameterization.needs_products()
    stream = Stream.begin(clone(recipe.discrepancy), source, int(sizes.max()), seed, has_products)
    stream.update(source)
    goes_on = (
        problem.passing is None
        and (problem.encoder is None or declared_encoder(condenser.encoder) is not None)
        and len(problem.schema.class_of_key) == problem.schema.n_classes
    )
    shown = recipe, _containers(problem), stream if goes_on else None
    return Door(stream.source(), sizes, stream.learned, *shown, origin=Origin.of(problem, source.moments))


def _source(problem: Problem, recipe: Recipe, device: torch.device) -> Any:
    """Return the rows, or what passes over them where they are in pieces and that is enough."""
    return problem.source(device) if problem.passing is None or not recipe.passes() else _passed(problem, device)


def _passed(problem: Problem, device: torch.device, as_given: bool = False) -> PartitionedSource:
    assert problem.passing is not None
    return PartitionedSource(problem.passing, problem, problem.schema, device, as_given)


def _containers(problem: Problem, source: Source | None = None) -> Containers:
    places = source.places if isinstance(source, TaughtSource) else slice(None)
    return Containers(*problem.given, problem.encoder, problem.positions[places], places=problem.places)


def _released(condenser: Any, problem: Problem, recipe: Recipe, device: torch.device, seed: int) -> Door:
    source, learn = _release(problem, recipe, device, seed)
    mass = source.class_mass()
    sizes = _sizes(condenser, recipe, source.schema, np.rint(mass).astype(int), mass)
    public = public_containers(*problem.given, problem.schema)
    return Door(source, sizes, learn, recipe, Containers(*public, problem.encoder, private=True))


def _drawn(condenser: Any, problem: Problem, recipe: Recipe, device: torch.device, seed: int) -> Door:
    """Open the door to rows that are drawn from a release, and read as if they were those of the fit."""
    mechanism: Any = recipe.privacy
    schema = problem.schema
    rows, codes, release = mechanism.draw(mechanism.within(problem.X), problem.codes, schema.n_classes, seed)
    drawn = drawn_rows(mechanism, problem, rows, codes)
    released = (
        f"once, {of_classes(schema)}, the products of their columns, and, of many columns, the number and the sum "
        "of the rows in each of some clusters, from which rows were drawn"
    )
    attributes = {"privacy_": mechanism.statement(release, schema, released), "drawn_": drawn}
    told = read_as_told(condenser, (*drawn, None, None), recipe._replace(privacy=None))
    door = _open(condenser, *told, device, seed)
    recipe = door.recipe._replace(privacy=mechanism)
    return replace(door, recipe=recipe, stream=None, attributes=attributes, origin=Origin())


def _release(
    problem: Problem, recipe: Recipe, device: torch.device, seed: int
) -> tuple[Source, Callable[[], tuple[Any, int]]]:
    """Return a source of private rows, and what fits the objective, which sees what is known alone."""
    mechanism: Any = recipe.privacy
    objective: Any = clone(recipe.discrepancy)
    rows = problem.source_as_given(device)
    if recipe.streams():
        has_products = recipe.parameterization.needs_products()
        stream = private_stream(objective, rows.schema, mechanism, device, seed, has_products)
        stream.update(rows)
        return stream.source(), stream.learned
    rows.X = mechanism.within(rows.X)
    source, generator = PrivateRows(rows, mechanism, recipe.n_releases()), torch.Generator().manual_seed(seed)
    objective.fit(source, generator)
    if isinstance(recipe.solver, PrivateDescent) and objective.parameters():
        raise ValueError(
            f"{recipe.discrepancy!r} learns parameters beside the set, for which {recipe.solver!r} releases no "
            "gradient; keep them as they are (kernel_rate=0)"
        )
    return source, lambda: (objective, draw_seed(generator))
