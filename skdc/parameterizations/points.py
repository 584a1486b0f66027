"""Points: synthetic rows that move, as a start, a storage and labels say."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skdc.exceptions import PartsError
from skdc.parameterizations.base import LiveSet, Parameterization, class_keys, class_weights
from skdc.parameterizations.labels import (
    CodedTargets,
    KeptTargets,
    Targets,
    check_labels,
    check_learnable,
    target_bytes,
    targets_of,
)
from skdc.parameterizations.starts import starting_set
from skdc.parameterizations.storage.base import Codec, Storage, at
from skdc.parameterizations.storage.free import or_free
from skdc.parameterizations.units import KeptUnits, kept_bytes, of_images
from skdc.parameterizations.within import span_of
from skdc.sets import LabeledSet
from skdc.sources import Schema, Source


class Points(Parameterization):
    """Points in the space of the data: rows that start somewhere, are kept in some way, and have labels of some kind.

    Parameters
    ----------
    storage : Storage, default=None
        How rows are kept, and what of them may move, such as `Edits()` or `LowRank(10)`, out of
        `skdc.parameterizations.storage`. None is `Free()`: each number moves by itself.
    start : {"rows", "spread", "noise"} or condenser, default="rows"
        Where points start: random distinct rows of their class, rows far from each other (k-means++), Gaussian
        noise with the mean and spread of the data; or the rows that the recipe of a condenser chooses, such as
        `KMedoids()`, of which no size, encoder or device is set: they are those of the fit.
    labels : {"hard", "learned", "probabilities", "teacher"}, default="hard"
        Whether targets stay those that the points start with; or are optimised too: class scores without sign or
        sum constraint, or continuous values; or class probabilities; or are what a teacher says at the points,
        wherever they are, as far as it does better on rows held out than the class shares.
    teacher : estimator, default=None
        Classifier with `predict_proba`, or regressor, which is fitted on the data, or comes fitted in scikit-learn's
        `FrozenEstimator`; it is asked each time the points have moved. None takes a network that stops early. With
        labels="probabilities" one that is given says where they start, and is asked once; with None they start near
        hard labels.
    label_bits : int, default=None
        Bits of each number of soft labels, from 1 to 16; they are rounded in each step, and gradients pass. None keeps
        float64.
    top_labels : int, default=None
        Of how many classes a point keeps soft labels: of those whose labels are largest in size [1]_. Each takes as
        many bits as tell all classes apart, beside its number; probabilities are brought back to a sum of one. None
        keeps those of all classes.
    within : "data", (low, high) or None, default="data"
        Where the numbers of the rows stay, in each step and at the end: within the range that each feature has in the
        data (that all pixels have, of images that are kept in few bits), so that whole numbers come out whole, in the
        dtype that went in; or between two ends, numbers or arrays of the shape of a row, where there is no encoder.
        None lets them go anywhere, and they come out as floats.

    References
    ----------
    .. [1] Shen and Xing, "A Fast Knowledge Distillation Framework for Visual Recognition", 2022: soft labels of few
       classes, brought back to a sum of one.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.parameterizations import Points
    >>> from skdc.parameterizations.storage import LowRank
    >>> Condenser(parameterization=Points(LowRank(3), start="noise"), n_per_class=5)
    Condenser(n_per_class=5,
              parameterization=Points(start='noise', storage=LowRank(rank=3)))
    """

    moves = "values"

    storage: Storage | None = None
    start: Any = "rows"
    labels: Literal["hard", "learned", "probabilities", "teacher"] = "hard"
    teacher: Any = None
    label_bits: int | None = None
    top_labels: int | None = None
    within: Any = "data"

    def streams(self) -> bool:
        """Tell whether a sketch is enough to build from: it keeps rows to start from, and their mean and spread."""
        return isinstance(self.start, str) and self.start in ("rows", "noise") and not self._is_taught()

    def passes(self) -> bool:
        """Tell whether it can be built in passes: all starts but rows that a condenser chooses, without a teacher."""
        return isinstance(self.start, str) and not self._is_taught()

    def _is_taught(self) -> bool:
        return self.labels == "teacher" or self.teacher is not None

    def needs_products(self) -> bool:
        """Tell whether the storage learns from them."""
        return or_free(self.storage).needs_products()

    def takes_distinct_rows(self) -> bool:
        """Tell whether each point needs a row of its own: no two that are far apart, or that stay, are the same."""
        return or_free(self.storage).takes_distinct_rows() or (isinstance(self.start, str) and self.start == "spread")

    def build(self, source: Source, sizes: NDArray[np.int64], generator: torch.Generator) -> PointsSet:
        """Return points at their start.

        Raises
        ------
        ValueError
            For unknown words; for learned labels without targets, or probabilities without classes; for a start that
            a stream cannot give; for a range that does not suit the rows; for a storage that cannot keep them; if
            nothing would move.
        """
        storage = or_free(self.storage)
        check_labels(self, ("hard", "learned", "probabilities", "teacher"))
        check_learnable(self, source)
        if storage.takes_distinct_rows() and isinstance(self.start, str) and self.start == "noise":
            raise PartsError(f"{self!r}: rows of the data stay; start must be 'rows' or 'spread'")
        X, y = starting_set(self, self.start, source, sizes, generator)
        key, weight = class_keys(source, sizes), class_weights(source, sizes)
        targets = targets_of(self, source, X, key, y, generator)
        span = span_of(self, source)
        own_ends = (
            span is not None and not isinstance(self.within, str) and any(len(np.unique(end)) > 1 for end in span)
        )
        if own_ends and storage.few_bits() and of_images(storage, source.schema):
            raise PartsError(f"{self!r}: images of few bits have one range of all pixels; give two numbers as within")
        units = KeptUnits.of(storage, source, span)
        codec = storage.build(units.kept(X), key, units.real(source), generator)
        points = PointsSet(key, weight, codec, targets, units)
        if not points.groups():
            raise PartsError(
                f"{self!r}: neither rows nor labels move, so that nothing would move; use labels='learned' or "
                "labels='probabilities', or Subset() for rows that are chosen"
            )
        return points

    def n_bytes(self, n_points: int, schema: Schema) -> int:
        """Return how many bytes points and their targets take."""
        rows = kept_bytes(or_free(self.storage), n_points, schema, within=self.within is not None)
        return rows + target_bytes(schema, n_points, self.labels != "hard", self.label_bits, self.top_labels)


class PointsSet(LiveSet):
    """Live points and their targets.

    Parameters
    ----------
    key, weight
        As in `LiveSet`.
    codec : Codec
        The rows, in the units in which they are kept.
    targets : Targets
    units : KeptUnits
    """

    codec: Codec
    targets: Targets

    def __init__(self, key: Tensor, weight: Tensor, codec: Codec, targets: Targets, units: KeptUnits) -> None:
        learned, soft = bool(targets.groups()), not isinstance(targets, KeptTargets)
        super().__init__(key, weight, learned, soft, targets.kept if isinstance(targets, CodedTargets) else None)
        self._units = units
        self.targets, self.codec = targets, codec

    def forward(self, places: Tensor | None = None) -> LabeledSet:
        """Return the set, differentiable in rows and learned targets."""
        X = self._units.working(self.codec.decode(places))
        key = at(self.key, places)
        return LabeledSet(at(self.weight, places), key, X, self.targets(X, key, places))

    def groups(self) -> list[dict[str, Any]]:
        """Return the torch parameter groups: that of the targets, where they move, and those of the rows."""
        return [*self.targets.groups(), *self.codec.groups()]

    @torch.no_grad()
    def project(self) -> None:
        """Bring the rows back to where they may be."""
        if self._units.ends is not None:
            self.codec.project(*self._units.ends)

    @torch.no_grad()
    def load(self, rows: LabeledSet) -> None:
        """Move the points (and their targets, where they move) to those of another set of the same sizes."""
        self.codec.encode(self._units.clipped(rows.X))
        self.targets.load(rows.y)

    def within(self, X: Tensor) -> Tensor:
        """Return rows in working units, cut off where those of the set would be."""
        return self._units.working(self._units.clipped(X))

    def shown(self, rows: LabeledSet, y_syn: NDArray | None, source: Any, containers: Any) -> Any:
        """Return the points as rows that were made."""
        coded = self._units.rows(self.codec, len(self.key), source.schema, containers.dtype)
        return containers.made(source, rows.X, y_syn, self._units.span, coded)
