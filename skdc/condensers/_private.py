"""What a private fit does otherwise: it fits to what is known, and solves from releases."""

from __future__ import annotations

import math
from typing import Any

import torch

from skdc.condensers._input import Problem, read
from skdc.condensers._output import like_rows, like_targets
from skdc.condensers._runtime import draw_entropy
from skdc.condensers._stream import Stream
from skdc.condensers.recipe import Recipe
from skdc.data import Schema
from skdc.privacy import (
    GaussianMechanism,
    PrivateRows,
    PrivateSketch,
    PrivateSource,
)
from skdc.privacy.source import of_classes
from skdc.solvers.private import PrivateDescent
from skdc.source import RowSource, Source, draw_seed


def drawn_data(
    condenser: Any, mechanism: Any, X: Any, y: Any, sample_weight: Any, sensitive_features: Any
) -> tuple[tuple[Any, Any, None, None], dict[str, Any]]:
    """Return what stands for the data of a fit, like them: rows drawn from a release; and fitted attributes.

    Raises
    ------
    ValueError
        For bad input, and for data of which one row can change more than is known.
    """
    encoder = mechanism.encoder(None, X)
    problem = read(condenser, X, y, sample_weight, sensitive_features, task=condenser.task, encoder=encoder)
    refuse_unbounded(problem, sensitive_features is not None)
    schema, seed = problem.schema, draw_entropy(condenser.random_state)
    rows, codes, release = mechanism.draw(mechanism.within(problem.X), problem.codes, schema.n_classes, seed)
    rows = rows.astype(schema.float_dtype)
    if encoder is not None:  # columns hold what was declared, and nothing else
        rows = problem.encoder.inverse_transform(rows.clip(*mechanism.ends))
    drawn = like_rows(rows, X, None), None
    if schema.classes is not None:
        drawn = drawn[0], like_targets(schema.classes[codes], y, None)
    released = f"once, {of_classes(schema)}, and the products of their columns, from which rows were drawn"
    return (*drawn, None, None), {"privacy_": mechanism.statement(release, schema, released), "drawn_": drawn}


def private_source(objective: Any, rows: RowSource, recipe: Recipe, seed: int) -> tuple[Source, int]:
    """Return the door to the rows of a fit, the objective of which has seen what is known alone, and a seed to solve.

    Raises
    ------
    ValueError
        If something must be learned from the rows.
    """
    mechanism: Any = recipe.privacy
    if not recipe.streams():
        rows.X = mechanism.within(rows.X)
        source = PrivateRows(rows, mechanism, recipe.n_releases())
        generator = torch.Generator().manual_seed(seed)
        objective.fit(source, generator)
        if isinstance(recipe.solver, PrivateDescent) and objective.parameters():
            raise ValueError(
                f"{recipe.discrepancy!r} learns parameters beside the set, for which {recipe.solver!r} releases no "
                "gradient; keep them as they are (kernel_rate=0)"
            )
        return source, draw_seed(generator)
    stream = private_stream(objective, rows.schema, mechanism, rows.device, seed)
    stream.update(rows)
    return stream.source(), stream.seed


def private_stream(
    objective: Any, schema: Schema, mechanism: GaussianMechanism, device: torch.device, seed: int
) -> Stream:
    """Return an empty stream, the objective of which has seen what is known alone.

    Raises
    ------
    ValueError
        If something must be learned from the rows.
    """
    sketch = PrivateSketch(mechanism, len(schema.class_of_key), math.prod(schema.input_shape))
    return Stream.begin(objective, PrivateSource(sketch, schema, device), 0, seed)


def refuse_unbounded(problem: Problem, has_groups: bool) -> None:
    """Refuse data of which one row can change more than is known.

    Raises
    ------
    ValueError
        For weights, sensitive features, and targets that are no classes.
    """
    if (problem.weight != 1).any():
        raise ValueError(
            "sample_weight gives rows other weights than 1, and what one row can change is not known; leave it out"
        )
    if has_groups:
        raise ValueError("sensitive_features show which groups there are, which is private; leave them out")
    if problem.schema.task == "regression":
        raise ValueError(
            "y holds quantities, of which the range is not known without looking; make classes of them (bins with "
            "public edges), or leave y out"
        )
