"""Estimators that see private rows as they are: what they learn, and what they keep in files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils import get_tags


def learns(part: Any) -> bool:
    """Tell whether an estimator, or one that it is made of, learns from the rows that it is fitted to."""
    if part is None or isinstance(part, str | FrozenEstimator):
        return False
    inner = list(parts_of(part))
    if inner:
        return any(learns(one) for _, one in inner)
    return not hasattr(part, "__sklearn_tags__") or get_tags(part).requires_fit


def parts_of(part: Any) -> Iterator[tuple[str, Any]]:
    """Yield the names and the estimators of which a pipeline, a union or a transformer of columns is made."""
    if isinstance(part, Pipeline):
        yield from part.steps
    elif isinstance(part, FeatureUnion):
        yield from part.transformer_list
    elif isinstance(part, ColumnTransformer):
        yield from ((name, one) for name, one, *_ in part.transformers)
        yield "remainder", part.remainder


def refuse_learning(where: str, part: Any) -> None:
    """Refuse an estimator that would learn from private rows.

    Parameters
    ----------
    where : str
        How it is given, such as "encoder=".
    part : estimator
    """
    if learns(part):
        raise ValueError(
            f"{where}{part!r} would learn from the rows, and what it learns would be released without noise; "
            "fit it to public rows and give it as sklearn.frozen.FrozenEstimator(...)"
        )


def refuse_caches(where: str, settings: Mapping[str, Any]) -> None:
    """Refuse settings by which private rows, or what is made of them, would be kept in files.

    Parameters
    ----------
    where : str
        Of what they are.
    settings : {str: object}
    """
    for name, value in settings.items():
        # A memory without a place keeps nothing.
        if name.split("__")[-1] == "memory" and getattr(value, "location", value) is not None:
            raise ValueError(
                f"{where}{name}={value!r} would write private rows, or what is learned from them, to files that others "
                "may read, in the clear; leave it out where rows are private"
            )
