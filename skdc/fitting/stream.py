"""A sketch in the making, with the discrepancy whose features it sums."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from skdc.devices import has_device
from skdc.discrepancies.objective import Objective
from skdc.privacy import PrivateSketch, PrivateSource
from skdc.sources import Holds, PartitionedSource, RowSource, Schema, Sketch, SketchSource, Source, draw_seed


@dataclass(eq=False)
class Stream:
    """Everything that a solve from a sketch needs.

    Parameters
    ----------
    objective : Objective
        Fitted before the first row is seen.
    sketch : Sketch or PrivateSketch
    schema : Schema
    device : torch.device
    seed : int
        Of the solve.
    grows : bool, default=False
        Whether there may be classes that are not known yet.
    """

    objective: Objective
    sketch: Sketch | PrivateSketch
    schema: Schema
    device: torch.device
    seed: int
    grows: bool = False

    @classmethod
    def begin(
        cls, objective: Objective, source: Source, sample_size: int, seed: int, has_products: bool = False
    ) -> Stream:
        """Fit the objective to what is known and make an empty sketch.

        Parameters
        ----------
        objective : Objective
            A clone, to be fitted.
        source : Source
            All rows, or an empty sketch where none is known yet, or may be.
        sample_size : int
            Rows kept for each group to start from.
        seed : int
        has_products : bool, default=False
            Whether the products of rows are kept, too.
        """
        generator = torch.Generator().manual_seed(seed)
        n_keys, hashes = len(source.schema.class_of_key), draw_seed(generator)
        sketch: Sketch | PrivateSketch = Sketch(n_keys, sample_size, hashes, has_products)
        objective.fit(source, torch.Generator().manual_seed(draw_seed(generator)))
        if isinstance(source, PrivateSource):
            bounds, shape = [leaf.bound() for leaf in objective.leaves()], source.schema.input_shape
            sketch = source.sketch.of_terms(bounds, _widths(objective, source), shape if has_products else None)
        grows = isinstance(sketch, Sketch) and source.schema.classes is not None
        return cls(objective, sketch, source.schema, source.device, draw_seed(generator), grows)

    def widened(self, classes: NDArray) -> Stream:
        """Return a copy that knows more classes, of which nothing has been seen; refuse terms that see labels."""
        assert isinstance(self.sketch, Sketch) and self.schema.classes is not None  # as `grows` tells
        n, places = len(classes), np.searchsorted(classes, self.schema.classes)
        schema = replace(self.schema, classes=classes, n_outputs=n, class_of_key=np.arange(n))
        wider = replace(self, objective=deepcopy(self.objective), sketch=self.sketch.widened(places, n), schema=schema)
        source = SketchSource(Sketch(n, 0, 0), schema, self.device)
        leaf: Any
        other: Any
        for leaf, other in zip(self.objective.leaves(), wider.objective.leaves(), strict=True):
            space = other.space_
            other.attach(source)
            other.space_ = space  # as it was fitted
            if _width(leaf, self.source()) != _width(other, source):
                raise ValueError(
                    f"{leaf!r} compares labels too, and was made for those of the first chunk; give classes= all "
                    "labels on the first call"
                )
        return wider

    def merged(self, other: Stream) -> Stream:
        """Return one that has seen the rows of both, which are of the same kind; classes of both, where more may come.

        Raises
        ------
        ValueError
            If rows or targets are not alike, or one knows all its classes, and they are not those of the other.
        """
        one, two = self, other
        mine, theirs = one.schema.classes, two.schema.classes
        if mine is not None and theirs is not None and not np.array_equal(mine, theirs):
            if not (one.grows and two.grows and mine.dtype.kind == theirs.dtype.kind):
                raise ValueError(
                    f"one has the classes {mine.tolist()}, the other {theirs.tolist()}; give both classes= all labels"
                )
            both = np.union1d(mine, theirs)
            one, two = (stream.widened(both) for stream in (one, two))
        if one.schema.describe() != two.schema.describe():
            raise ValueError(f"one has seen {one.schema.describe()}, the other {two.schema.describe()}")
        assert isinstance(one.sketch, Sketch) and isinstance(two.sketch, Sketch)  # no private ones
        sketch = one.sketch.empty_like()
        for seen in (one.sketch, two.sketch):
            sketch.merge(seen)
        float_dtype = np.result_type(one.schema.float_dtype, two.schema.float_dtype)
        return replace(one, sketch=sketch, schema=replace(one.schema, float_dtype=float_dtype))

    def update(self, source: RowSource | PartitionedSource) -> None:
        """Add rows, piece by piece; all of them, or none where it is interrupted."""
        if isinstance(self.sketch, PrivateSketch) and isinstance(source, RowSource):
            source.X = self.sketch.mechanism.within(source.X)
        self.sketch.merge(source.map_reduce(self._sketched, _merged, sum(_widths(self.objective, source))))

    @torch.no_grad()
    def _sketched(self, piece: Holds) -> Sketch | PrivateSketch:
        sketch = self.sketch.empty_like()
        features = [leaf.lift(piece.rows).values.cpu().numpy() for leaf in self.objective.leaves()]
        sketch.update(piece.X, piece.targets(), piece.weight, piece.key, features)
        return sketch

    def learned(self) -> tuple[Objective, int]:
        """Return a copy of the objective, which a solve may change, and the seed of the solve."""
        return deepcopy(self.objective), self.seed

    def source(self) -> Source:
        """Return the sketch as a source."""
        if isinstance(self.sketch, PrivateSketch):
            return PrivateSource(self.sketch, self.schema, self.device)
        return SketchSource(self.sketch, self.schema, self.device)

    def __getstate__(self) -> dict[str, Any]:
        # A pickle is of arrays, and needs no device.
        objective = deepcopy(self.objective)
        for part in _parts(objective, {}):
            for name, value in vars(part).items():
                if isinstance(value, torch.Tensor):
                    setattr(part, name, _Stored(value.detach().cpu().numpy()))
        return {**vars(self), "objective": objective, "device": str(self.device)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.device = torch.device(self.device if has_device(self.device) else "cpu")
        for part in _parts(self.objective, {}):
            for name, value in vars(part).items():
                if isinstance(value, _Stored):
                    setattr(part, name, torch.as_tensor(value.values, device=self.device))


@dataclass
class _Stored:
    """The numbers of a tensor."""

    values: NDArray


def _parts(part: Any, met: dict[int, Any]) -> list[Any]:
    """Return a parameter object and all that it holds, each once."""
    if isinstance(part, list | tuple):
        return [found for value in part for found in _parts(value, met)]
    if not isinstance(part, BaseEstimator) or id(part) in met:
        return []
    met[id(part)] = part
    return [part, *(found for value in list(vars(part).values()) for found in _parts(value, met))]


def _merged(one: Any, other: Any) -> Any:
    both = one.empty_like()  # tasks that are done again must find what they found before
    both.merge(one)
    both.merge(other)
    return both


def _width(leaf: Any, source: Source) -> int:
    """Return how many numbers the space of a term shows of a row."""
    return int(leaf.space_.block(source.no_rows()).values.shape[1])


@torch.no_grad()
def _widths(objective: Objective, source: Source) -> list[int]:
    """Return the number of features of each term."""
    return [leaf.lift(source.no_rows()).values.shape[1] for leaf in objective.leaves()]
