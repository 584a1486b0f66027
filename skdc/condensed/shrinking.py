"""Smaller sets of a set: its first points, or what a condenser makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils import _safe_indexing

from skdc.codes import Code
from skdc.condensed.coded import PARTS, is_code_of, is_code_of_labels, pack_set
from skdc.condensed.drawing import is_drawn
from skdc.condensed.packing import Tensors
from skdc.condensed.scalings import scaling_bytes
from skdc.containers import plain_labels
from skdc.provenance import Provenance

if TYPE_CHECKING:
    from skdc.condensed.set import CondensedSet


def first_points(whole: CondensedSet, n_per_class: Any) -> CondensedSet:
    """Return the first points of each class, which together have the weight that the class has in the whole set.

    Codes are kept where they take less than what they give, and that of a generator always: it is the set.

    Parameters
    ----------
    whole : CondensedSet
    n_per_class : int or {class: int}
        Of a set without classes, its first points.

    Raises
    ------
    ValueError
        For numbers below 1, more points than a class has, and unknown classes.
    """
    codes, labels = _codes(whole)
    sizes = _sizes(n_per_class, np.bincount(codes, minlength=len(labels)), labels)
    places = np.sort(np.concatenate([np.flatnonzero(codes == c)[:size] for c, size in enumerate(sizes)]))
    parts = {
        name: None if getattr(whole, name) is None else _safe_indexing(getattr(whole, name), places)
        for name in ("X", "y", "y_soft", "y_learned")
    }
    weight = _weight(whole.sample_weight, codes, places)
    coded, coded_labels = _taken(whole, places, parts["X"])
    shorter = replace(whole, **parts, sample_weight=weight, coded=coded, coded_labels=coded_labels)
    if whole.provenance is None:
        return shorter
    return replace(shorter, provenance=_provenance(whole.provenance, n_per_class, shorter, labels, sizes))


def _taken(whole: CondensedSet, places: NDArray[np.intp], X: Any) -> tuple[Code | None, Code | None]:
    """Return the codes of the rows X at some places, where they are to be kept, and of their soft labels."""
    coded = whole.coded.take(places) if is_code_of(whole.coded, whole.X) else None
    # What all points share is much for a few.
    if coded is not None and coded.nbytes >= X.nbytes and not is_drawn(coded):
        coded = None
    labels = whole.coded_labels
    return coded, labels.take(places) if is_code_of_labels(labels, whole.y_soft) else None


def condensed_again(whole: CondensedSet, condenser: Any) -> CondensedSet:
    """Return what a clone of a condenser makes of a set; rows that it chooses keep their soft labels."""
    weight = {} if whole.sample_weight is None else {"sample_weight": whole.sample_weight}
    fitted = clone(condenser).fit(whole.X, whole.y, **weight)
    smaller: CondensedSet = fitted.condensed_
    if whole.y_soft is not None and smaller.y_soft is None and hasattr(fitted, "indices_"):
        smaller = replace(smaller, y_soft=whole.y_soft[fitted.indices_], classes=whole.classes)
    return replace(smaller, provenance=_of_both(smaller.provenance, whole.provenance))


def _codes(whole: CondensedSet) -> tuple[NDArray[np.intp], list[Any]]:
    """Return the class of each point, and the classes; without classes all points are of one, which is None."""
    if whole.classes is None or whole.y is None:
        return np.zeros(whole.X.shape[0], np.intp), [None]
    classes, y = np.asarray(whole.classes), np.asarray(plain_labels(whole.y))
    return np.argmax(y[:, None] == classes, axis=1), classes.tolist()


def _sizes(n_per_class: Any, counts: NDArray[np.int64], labels: list[Any]) -> NDArray[np.int64]:
    """Return how many points each class gives; one that has none gives none."""
    of_class = n_per_class if isinstance(n_per_class, Mapping) else dict.fromkeys(labels, n_per_class)
    unknown, missing = [k for k in of_class if k not in labels], [k for k in labels if k not in of_class]
    if unknown:
        raise ValueError(f"n_per_class names {unknown[0]!r}, which is not among the classes {labels}")
    if missing:
        raise ValueError(f"n_per_class names no size for class {missing[0]!r}; give one for each of {labels}")
    for label, held in zip(labels, counts, strict=True):
        size, whose = of_class[label], "" if label is None else f" of class {label!r}"
        if isinstance(size, bool) or not isinstance(size, Integral) or size < 1:
            raise ValueError(f"{size!r} points{whose} are asked for; give a whole number of at least 1, or a condenser")
        if size > held > 0:
            raise ValueError(f"{size} points{whose} are asked for, but the set has {held}; give {held} or less for it")
    return np.where(counts > 0, [of_class[label] for label in labels], 0)


def _weight(
    weight: NDArray[np.float64] | None, codes: NDArray[np.intp], places: NDArray[np.intp]
) -> NDArray[np.float64] | None:
    """Return the weights of the points that stay, 1 on average; those of a class have the mass of all of them."""
    given = np.ones(len(codes)) if weight is None else weight
    whole, kept = np.bincount(codes, given), np.bincount(codes[places], given[places])
    scaled = given[places] * np.divide(whole, kept, out=np.zeros_like(whole), where=kept > 0)[codes[places]]
    scaled /= scaled.mean() or 1.0
    return None if weight is None and np.ptp(scaled) == 0 else scaled


def _provenance(
    whole: Provenance, n_per_class: Any, shorter: CondensedSet, labels: list[Any], sizes: NDArray[np.int64]
) -> Provenance:
    """Return where the points come from: what is said of the data is that of the whole set."""
    sized = {str(label): int(size) for label, size in zip(labels, sizes, strict=True)}
    storage = {"points": int(sizes.sum())}
    with suppress(TypeError):  # objects, which no file keeps
        of_scaling = scaling_bytes(whole.scaling)
        shared = of_scaling if shorter.coded is None else whole.storage.get("shared_bytes", 0)
        decoded = replace(shorter, coded=None, coded_labels=None)
        n_bytes, n_decoded = (of_scaling + _n_bytes(kept) for kept in (shorter, decoded))
        storage |= {"bytes": n_bytes, "shared_bytes": shared, "bytes_decoded": n_decoded}
    return replace(
        whole,
        condenser=f"the first points, {n_per_class!r} a class, of the set by {whole.condenser}",
        parameters={
            "n_per_class": sized if isinstance(n_per_class, Mapping) else int(n_per_class),
            "shrunk": whole.without_scaling(),
        },
        n_points=int(sizes.sum()),
        n_per_class=None if labels == [None] else sized,
        storage=storage,
    )


def _n_bytes(kept: CondensedSet) -> int:
    """Return what the parts of a set take in a file."""
    tensors: Tensors = {}
    pack_set({name: getattr(kept, name) for name in PARTS}, kept.coded, kept.coded_labels, tensors)
    return sum(tensor.nbytes for tensor in tensors.values())


def _of_both(smaller: Provenance | None, whole: Provenance | None) -> Provenance | None:
    """Return the provenance of a set that was made of another one; what is said of the data is of the first."""
    if smaller is None or whole is None:
        return smaller
    more = scaling_bytes(whole.scaling) - scaling_bytes(smaller.scaling)
    sizes = {name: size if name == "points" else size + more for name, size in smaller.storage.items()}
    return replace(
        smaller,
        condenser=f"{smaller.condenser}, of the set by {whole.condenser}",
        parameters={**smaller.parameters, "shrunk": whole.without_scaling()},
        n_rows=whole.n_rows,
        rows_per_class=whole.rows_per_class,
        fingerprint=whole.fingerprint,
        seconds=whole.seconds + smaller.seconds,
        privacy=whole.privacy,
        storage=sizes,
        scaling=whole.scaling,
    )
