"""What a private fit does otherwise: it fits to what is known, and solves from releases."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import _safe_indexing

from skdc.containers import as_array
from skdc.exceptions import PartsError
from skdc.fitting.checkpoints import fingerprint_of, refuse_checkpoint
from skdc.fitting.encoding import refuse_unknown_word
from skdc.fitting.extremes import refuse_extreme_numbers
from skdc.fitting.input import Problem, encoder_of_stream, read
from skdc.fitting.output import like_rows, like_targets
from skdc.fitting.partitioned import KeptPasses, read_partitions
from skdc.fitting.recipe import Recipe, checked, refuse_idle_groups
from skdc.fitting.stream import Stream
from skdc.partitions import Partitions, partitions_of
from skdc.privacy import GaussianMechanism, PrivateSketch, PrivateSource
from skdc.sources import Schema


def read_as_told(condenser: Any, given: tuple[Any, Any, Any, Any], recipe: Recipe) -> tuple[Problem, Recipe]:
    """Validate the data of a fit, and return them with the nouns for data of their kind.

    What would be learned of a table and its labels is declared, if rows are private. Where others are drawn in their
    place, the encoder of the condenser, and what depends on the data, are for those.
    """
    partitions = partitions_of(*given)
    if partitions is not None:
        return _told_in_pieces(condenser, partitions, recipe)
    encoder, classes, mechanism = condenser._encoder_for(*given[:2]), None, recipe.privacy
    refuse_unknown_word(encoder)
    if mechanism is not None:
        refuse_checkpoint(condenser)
        given = declared_rows(mechanism, *given)
        encoder, classes = mechanism.encoder(None if recipe.draws() else encoder, given[0]), mechanism.classes
    encoder = encoder_of_stream(encoder, given[0]) if recipe.streams() else encoder
    how = {"encoder": encoder, "classes": classes, "sparse": recipe.takes_sparse()}
    problem = read(condenser, *given, task=condenser.task, **how)
    if mechanism is not None:
        refuse_unbounded(problem, given[3] is not None)
    else:
        refuse_extreme_numbers(problem)
    if not recipe.draws():
        recipe = checked(condenser.recipe_for(recipe, problem.schema))._replace(privacy=mechanism)
        refuse_idle_groups(recipe, given[3] is not None)
    return problem, recipe


def _told_in_pieces(condenser: Any, partitions: Partitions, recipe: Recipe) -> tuple[Problem, Recipe]:
    """Do the same for rows in pieces, of which a sample is held."""
    if recipe.privacy is not None:
        raise PartsError(
            f"{recipe.privacy!r} takes no rows in pieces: what a sample of them shows is not accounted for; use "
            "partial_fit, piece by piece"
        )

    if condenser.checkpoint is not None:
        told = fingerprint_of(condenser, (repr(partitions), partitions.names(), partitions.max_rows))
        partitions = KeptPasses(partitions, condenser.checkpoint, told)

    def encoder_for(X: Any, y: Any) -> Any:
        encoder = condenser._encoder_for(X, y)
        refuse_unknown_word(encoder)
        return encoder_of_stream(encoder, X) if recipe.streams() else encoder

    problem = read_partitions(condenser, partitions, encoder_for)
    assert problem.places is not None  # as of all rows in pieces
    refuse_extreme_numbers(replace(problem, positions=problem.places))
    recipe = checked(condenser.recipe_for(recipe, problem.schema))
    refuse_idle_groups(recipe, has_groups=False)
    return problem, recipe


def drawn_rows(mechanism: GaussianMechanism, problem: Problem, rows: NDArray, codes: NDArray) -> tuple[Any, Any]:
    """Return encoded rows and class codes as data like those of a fit, of which what is declared alone is known."""
    schema, (X, y) = problem.schema, public_containers(*problem.given, problem.schema)
    limits = np.finfo(schema.float_dtype)
    rows = rows.clip(limits.min, limits.max).astype(schema.float_dtype)
    if problem.encoder is not None:  # columns hold what was declared, and nothing else
        rows = problem.encoder.inverse_transform(rows.clip(*mechanism.ends))
    labels = None if schema.classes is None else like_targets(schema.classes[codes], y, None)
    return like_rows(rows, X, None), labels


def declared_rows(
    mechanism: GaussianMechanism, X: Any, y: Any, sample_weight: Any = None, sensitive_features: Any = None
) -> tuple[Any, Any, Any, Any]:
    """Return the data of a fit without the rows whose labels are not declared.

    Warns
    -----
    UserWarning
        With their number.
    """
    given = as_array(X), as_array(y), sample_weight, sensitive_features
    if mechanism.classes is None or y is None or (np.ndim(given[1]) > 1 and np.shape(given[1])[1] > 1):
        return given
    known = np.isin(np.asarray(given[1]).reshape(-1), np.asarray(mechanism.classes))
    if known.all():
        return given
    warnings.warn(
        f"{(~known).sum()} of {len(known)} rows have labels that are not among the classes of {mechanism!r} and were "
        "left out; this number is for you alone, it is not private",
        UserWarning,
        stacklevel=2,
    )
    kept = np.flatnonzero(known)
    X, y, sample_weight, sensitive_features = (
        None if values is None else _safe_indexing(values, kept) for values in given
    )
    return X, y, sample_weight, sensitive_features


def public_containers(X: Any, y: Any, schema: Schema) -> tuple[Any, Any]:
    """Return empty containers like those of the data, with what is public of them: columns, a name, the labels."""
    if hasattr(X, "iloc"):
        X = type(X)(np.empty((0, X.shape[1])), columns=list(X.columns))
    else:
        X = np.empty((0, *np.shape(X)[1:]), schema.float_dtype)
    if hasattr(y, "iloc") and schema.classes is not None and y.ndim == 1:
        labels, dtype = schema.classes.tolist(), None
        if hasattr(y.dtype, "categories"):
            dtype = type(y.dtype)(labels, ordered=y.dtype.ordered)
        y = type(y)(labels, name=y.name, dtype=dtype).iloc[:0]
    elif hasattr(y, "iloc") and y.ndim == 2:
        y = type(y)(columns=list(y.columns))
    return X, y


def private_stream(
    objective: Any, schema: Schema, mechanism: GaussianMechanism, device: torch.device, seed: int, has_products: bool
) -> Stream:
    """Return an empty stream, the objective of which has seen what is known alone."""
    sketch = PrivateSketch(mechanism, len(schema.class_of_key), math.prod(schema.input_shape))
    return Stream.begin(objective, PrivateSource(sketch, schema, device), 0, seed, has_products)


def refuse_unbounded(problem: Problem, has_groups: bool) -> None:
    """Refuse data of which one row can change more than is known: by weight, group or a target that is no class."""
    if (problem.weight != 1).any():
        raise ValueError(
            "sample_weight gives rows other weights than 1, and what one row can change is not known; leave it out"
        )
    if has_groups:
        raise ValueError("sensitive_features show which groups there are, which is private; leave them out")
    if problem.schema.multilabel:
        raise ValueError(f"{problem.schema.given_targets}, which private sets cannot have; give one label a row")
    if problem.schema.task == "regression":
        raise ValueError(
            "y holds quantities, of which the range is not known without looking; make classes of them (bins with "
            "public edges), or leave y out"
        )
