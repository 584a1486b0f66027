"""Two sets as one."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse, vstack

from skdc.codes import Code, PlainNumbers, Stacked
from skdc.condensed.coded import is_code_of
from skdc.condensed.drawing import is_drawn
from skdc.containers import plain_labels
from skdc.provenance import Provenance
from skdc.scaling import Scaling

if TYPE_CHECKING:
    from skdc.condensed.set import CondensedSet


def joined(first: CondensedSet, other: CondensedSet) -> CondensedSet:
    """Return the points of two sets, one behind the other, each with the mass of the rows that it stands for."""
    _refuse_unlike(first, other)
    classes = None
    if first.classes is not None and other.classes is not None:
        classes = np.union1d(first.classes, other.classes)
    origin = _provenance(first.provenance, other.provenance)  # what is refused is refused before rows are copied
    return replace(
        first,
        X=_behind(first.X, other.X),
        y=None if first.y is None else _behind(first.y, other.y),
        sample_weight=_weight(first, other),
        classes=classes,
        y_soft=_soft(first, other, classes),
        y_learned=None,
        coded=_stacked(first, other),
        coded_labels=None,
        provenance=origin,
    )


def _refuse_unlike(first: CondensedSet, other: CondensedSet) -> None:
    if type(first.X) is not type(other.X) or first.X.shape[1:] != other.X.shape[1:]:
        raise ValueError(
            f"rows of {_kind(first.X)} and rows of {_kind(other.X)} make no one set; condense rows of one kind"
        )
    names, others = (list(getattr(part.X, "columns", [])) for part in (first, other))
    if names != others:
        raise ValueError(f"the sets have other columns: {names} and {others}; give both the same, in one order")
    if (first.y is None, first.classes is None) != (other.y is None, other.classes is None):
        raise ValueError("one set has classes, and the other has none; join sets of one task")


def _kind(X: Any) -> str:
    return f"{type(X).__name__} of shape {tuple(X.shape[1:])}"


def _behind(first: Any, other: Any) -> Any:
    """Return rows behind others, in their container; the index of frames of pandas is kept."""
    if issparse(first):
        return type(first)(vstack([first, other]))
    if hasattr(first, "iloc"):
        import pandas as pd

        return pd.concat([first, other])
    if isinstance(first, np.ndarray):
        return np.concatenate([first, other])
    import polars as pl

    return pl.concat([first, other])


def _stacked(first: CondensedSet, other: CondensedSet) -> Code | None:
    """Return the codes of both sets, one behind the other, where one has such; rows without are kept as they are."""
    codes = [_code_of_rows(part) for part in (first, other)]
    if codes == [None, None] or first.X.dtype != other.X.dtype:
        return None
    return Stacked(codes[0] or PlainNumbers(first.X), codes[1] or PlainNumbers(other.X), len(first.X))


def _code_of_rows(part: CondensedSet) -> Code | None:
    """Return the code of the rows of a set; None of a generator that takes more, since it draws none any longer."""
    coded = part.coded if is_code_of(part.coded, part.X) else None
    return None if is_drawn(coded) and coded.nbytes >= part.X.nbytes else coded


def _weight(first: CondensedSet, other: CondensedSet) -> NDArray[np.float64] | None:
    """Return the weights, 1 on average: those of a set sum to the rows of its data, or to its points if unknown."""
    parts = [first, other]
    sizes = [part.X.shape[0] for part in parts]
    rows = [None if part.provenance is None else part.provenance.n_rows for part in parts]
    masses = rows if None not in rows else sizes
    weights = [
        np.ones(n) if part.sample_weight is None else part.sample_weight for part, n in zip(parts, sizes, strict=True)
    ]
    weight = np.concatenate([mass * own / own.sum() for mass, own in zip(masses, weights, strict=True)])
    weight /= weight.mean()
    unweighted = first.sample_weight is None and other.sample_weight is None
    return None if unweighted and np.allclose(weight, 1, rtol=1e-12) else weight


def _soft(first: CondensedSet, other: CondensedSet, classes: NDArray | None) -> NDArray[np.float64] | None:
    """Return probabilities of all classes, if a set has some: those of the other one are its labels."""
    if classes is None or (first.y_soft is None and other.y_soft is None):
        return None
    found = []
    for part in (first, other):
        if part.y_soft is None:
            found.append((np.asarray(plain_labels(part.y))[:, None] == classes).astype(np.float64))
        else:
            soft = np.zeros((len(part.y_soft), len(classes)))
            soft[:, np.searchsorted(classes, np.asarray(part.classes))] = part.y_soft
            found.append(soft)
    return np.concatenate(found)


def _provenance(first: Provenance | None, other: Provenance | None) -> Provenance | None:
    """Return where both come from."""
    if first is None or other is None:
        return None
    if first.privacy is not None and other.privacy is not None:
        raise ValueError(
            "both sets are private, and what they give away together depends on the rows that their data share; keep "
            "them apart, or condense all rows from one release"
        )
    n_rows = None if first.n_rows is None or other.n_rows is None else first.n_rows + other.n_rows
    return replace(
        first,
        condenser=f"{first.condenser}, joined with {other.condenser}",
        parameters={"joined": [first.without_scaling(), other.without_scaling()]},
        recipe={},
        seed=None,
        n_points=first.n_points + other.n_points,
        n_rows=n_rows,
        n_per_class=_summed(first.n_per_class, other.n_per_class),
        rows_per_class=_summed(first.rows_per_class, other.rows_per_class),
        fingerprint=None,
        seconds=first.seconds + other.seconds,
        privacy=None,
        storage={},
        scaling=_scaling(first, other),
    )


def _scaling(first: Provenance, other: Provenance) -> Scaling | None:
    """Return how learners see the data of both; None where that is not known of one."""
    if first.scaling is None or other.scaling is None or first.n_rows is None or other.n_rows is None:
        return None
    return first.scaling.merged(other.scaling, first.n_rows, other.n_rows)


def _summed(first: dict[str, int] | None, other: dict[str, int] | None) -> dict[str, int] | None:
    return None if first is None or other is None else dict(Counter(first) + Counter(other))
