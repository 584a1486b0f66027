"""A subset: rows of the data themselves, chosen and not moved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from skdc.exceptions import PartsError
from skdc.learners.teachers import out_of_fold_teacher
from skdc.parameterizations.base import LiveSet, Parameterization, class_keys, class_weights
from skdc.parameterizations.labels import check_labels, target_bytes
from skdc.parameterizations.storage.base import Codec, Storage, at
from skdc.parameterizations.storage.free import or_free
from skdc.parameterizations.within import cut, in_units
from skdc.sets import LabeledSet
from skdc.sources import Holds, Schema, Source, require


class Subset(Parameterization):
    """Real rows; the fitted condenser shows which as `indices_`.

    Parameters
    ----------
    storage : Storage, default=None
        How the rows are kept once they are chosen, such as `LowRank(10)`, out of `skdc.parameterizations.storage`: what
        comes out is what that gives back, within the range of the data. None, `Free()` and `Fixed()` keep them as they
        are.
    labels : {"hard", "teacher"}, default="hard"
        Whether rows keep their targets, or get those that a teacher says [1]_: out of fold, which is to say that it was
        fitted without the rows that it labels; and as far as it is reliable, by how much better than the class shares
        (or the mean) it tells such rows, in all and of each class. Hard labels stay those of the rows.
    teacher : estimator, default=None
        As in `Points`; one that comes fitted labels as it is.

    References
    ----------
    .. [1] Qin, Deng and Alvarez-Melis, "A Label is Worth a Thousand Images in Dataset Distillation", 2024.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.parameterizations import Subset
    >>> Condenser(parameterization=Subset(), n_per_class=5)
    Condenser(n_per_class=5, parameterization=Subset())

    Rows that share a basis of three, in the bytes of ten that do not:

    >>> from sklearn.datasets import load_digits
    >>> from skdc.parameterizations.storage import LowRank
    >>> from skdc.solvers import Draw
    >>> X, _ = load_digits(return_X_y=True)
    >>> random = Condenser(None, Subset(LowRank(3)), Draw(), n_bytes=10 * X[0].nbytes, random_state=0).fit(X)
    >>> random.X_syn_.shape, random.storage_["shared_bytes"]
    ((112, 64), 1536)
    """

    moves = "indices"

    storage: Storage | None = None
    labels: Literal["hard", "teacher"] = "hard"
    teacher: Any = None

    def takes_sparse(self) -> bool:
        """Tell whether sparse rows can be chosen: a teacher is shown dense ones, and storages keep such."""
        return self.labels != "teacher" and self.leaves_rows()

    def build(self, source: Source, sizes: NDArray[np.int64], generator: torch.Generator) -> SubsetSet:
        """Return a subset of which no row is chosen yet.

        Raises
        ------
        ValueError
            For an unknown word, and for a stream; for a storage that cannot keep the rows.
        """
        rows = require(self, source, Holds, "which rows to choose")
        check_labels(self, ("hard", "teacher"))
        stored = self._stored(rows, sizes, generator)
        teacher = out_of_fold_teacher(self, self.teacher, source, generator) if self.labels == "teacher" else None
        return SubsetSet(rows, class_keys(source, sizes), class_weights(source, sizes), sizes, teacher, stored)

    def leaves_rows(self) -> bool:
        """Tell whether the rows stay as they are."""
        return or_free(self.storage).keeps() == "rows"

    def _stored(self, source: Holds, sizes: NDArray[np.int64], generator: torch.Generator) -> StoredRows | None:
        """Return the rows as they will be kept; for now some are, so that what a storage refuses is told early."""
        if self.leaves_rows():
            return None
        storage = or_free(self.storage)
        for part in (storage, *storage.get_params().values()):
            if isinstance(part, Storage) and part.keeps() == "changes":
                raise PartsError(
                    f"{self!r}: rows that are chosen do not move, so that {part!r} would have no effect; leave it out, "
                    "or use Points()"
                )
        some = np.concatenate([source.class_members(c)[:size] for c, size in enumerate(sizes)])
        # Of a copy, so that the rows chosen are those that would be without a storage.
        draws = torch.Generator().set_state(generator.get_state())
        X, key = source.take(some).X / source.spread, class_keys(source, sizes)
        return StoredRows(storage.build(X, key, source, draws), source)

    def n_bytes(self, n_points: int, schema: Schema) -> int:
        """Return how many bytes rows and their targets take."""
        rows = n_points * schema.row_bytes
        if not self.leaves_rows():
            storage = or_free(self.storage)
            rows = storage.n_bytes(n_points, schema.input_shape, schema.float_dtype.itemsize)
            rows += storage.decoder_bytes(schema)
        return rows + n_points * target_bytes(schema, self.labels != "hard")


class StoredRows(nn.Module):
    """Rows as a storage keeps them, within the range of the data.

    Parameters
    ----------
    codec : Codec
        The rows, in units of the spread of the data.
    source : Source
        The data.
    """

    def __init__(self, codec: Codec, source: Source) -> None:
        super().__init__()
        self.codec = codec.requires_grad_(False)
        self.span = source.feature_range()
        self._unit, self._ends = source.spread, in_units(self.span, source, source.spread)

    def forward(self, places: Tensor | None = None) -> Tensor:
        """Return the rows at some positions, or all, in working units."""
        return cut(self.codec.decode(places), self._ends) * self._unit

    @torch.no_grad()
    def encode(self, X: Tensor) -> None:
        """Keep other rows, in working units."""
        self.codec.encode(X / self._unit)


class SubsetSet(LiveSet):
    """A live subset.

    Parameters
    ----------
    source : Holds
    key, weight
        As in `LiveSet`.
    sizes : ndarray of shape (n_classes,)
        How many rows of each class are to be chosen.
    teacher : callable, default=None
        Gives the targets of the rows at some positions, in place of their own.
    stored : StoredRows, default=None
        How rows are kept; None keeps them as they are.
    """

    def __init__(
        self,
        source: Holds,
        key: Tensor,
        weight: Tensor,
        sizes: NDArray[np.int64],
        teacher: Callable[[NDArray[np.intp]], Tensor] | None = None,
        stored: StoredRows | None = None,
    ) -> None:
        super().__init__(key, weight, soft=teacher is not None)
        self.sizes = sizes
        self._teacher = teacher
        self._taught: Tensor | None = None
        self.indices = np.empty(0, dtype=np.intp)
        self._source, self.stored = source, stored

    def choose(self, indices: NDArray[np.intp], weight: Tensor | None) -> None:
        """Take rows, class after class, and the masses that they stand for; None: those of a class weigh the same."""
        if self.stored is not None and indices is not self.indices:
            self.stored.encode(self._source.take(indices).X)
        self.indices, self._taught = indices, None
        if weight is not None:
            self.weight.copy_(weight / weight.mean())

    def forward(self, places: Tensor | None = None) -> LabeledSet:
        """Return the chosen rows."""
        rows = self._source.take(self.indices if places is None else self.indices[places.cpu().numpy()])
        y = rows.y
        if self._teacher is not None:
            if self._taught is None:
                self._taught = self._teacher(self.indices)
            y = at(self._taught, places)
        X = rows.X if self.stored is None else self.stored(places)
        return LabeledSet(at(self.weight, places), at(self.key, places), X, y)

    def shown(self, rows: LabeledSet, y_syn: NDArray | None, source: Any, containers: Any) -> Any:
        """Return the rows of the data that were chosen, as they are kept."""
        relabeled = self.soft and source.schema.task == "regression"
        if self.stored is not None:
            return containers.stored(source, rows.X, self.stored.span, self.indices, y_syn, relabeled)
        return containers.chosen(source, self.indices, y_syn, relabeled)
