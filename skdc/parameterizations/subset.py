"""A subset: rows of the data themselves, chosen and not moved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from skdc.exceptions import PartsError
from skdc.learners.crossfit import taught_source
from skdc.learners.teachers import out_of_fold_teacher
from skdc.parameterizations.base import LiveSet, Parameterization, class_keys, class_weights
from skdc.parameterizations.labels import KeptLabels, check_labels, target_bytes
from skdc.parameterizations.storage.base import Codec, Storage, at
from skdc.parameterizations.storage.free import or_free
from skdc.parameterizations.units import KeptUnits, kept_bytes
from skdc.sets import LabeledSet
from skdc.sources import Holds, Lists, Passes, Schema, Source, require


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
    taught : {"chosen", "all"}, default="chosen"
        Which rows it labels: those that are chosen, when they are; or all, before. Then the discrepancy sees what the
        teacher says, and of classes those rows alone are chosen from to which it gives their own class most: they are
        typical of it, and few of them are wrongly labelled. Solvers may judge sets by rows that are held out then.
    label_bits : int, default=None
        Bits of each number of soft labels, from 1 to 16; None keeps float64.
    top_labels : int, default=None
        As in `Points`.

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
    ((85, 64), 3072)
    """

    moves = "indices"

    storage: Storage | None = None
    labels: Literal["hard", "teacher"] = "hard"
    teacher: Any = None
    taught: Literal["chosen", "all"] = "chosen"
    label_bits: int | None = None
    top_labels: int | None = None

    def passes(self) -> bool:
        """Tell whether rows can be chosen from a sample of those that are passed over: where no teacher labels them."""
        return self.labels != "teacher" and self.leaves_rows()

    def takes_sparse(self) -> bool:
        """Tell whether sparse rows can be chosen: a teacher is shown dense ones, and storages keep such."""
        return self.labels != "teacher" and self.leaves_rows()

    def seen(self, source: Passes, sizes: NDArray[np.int64], generator: torch.Generator) -> Passes:
        """Return the rows as the teacher tells them, where it is to tell all."""
        if self.taught not in ("chosen", "all"):
            raise ValueError(f"Subset(taught={self.taught!r}): it must be 'chosen' or 'all'")
        if self.taught == "chosen":
            return source
        if self.labels != "teacher":
            raise PartsError(f"{self!r}: taught='all' has no effect without a teacher; use labels='teacher'")
        return taught_source(self, self.teacher, source, sizes, generator)

    def build(self, source: Source, sizes: NDArray[np.int64], generator: torch.Generator) -> SubsetSet:
        """Return a subset of which no row is chosen yet.

        Raises
        ------
        ValueError
            For an unknown word, and for a stream; for a storage that cannot keep the rows.
        """
        rows = source.stand_in() or require(self, source, Lists, "which rows to choose")
        check_labels(self, ("hard", "teacher"))
        stored = self._stored(rows, sizes, generator)
        kept = KeptLabels.of(self, source.schema)
        soft, teacher = self.labels == "teacher", None
        if soft and self.taught == "chosen":
            teacher = out_of_fold_teacher(self, self.teacher, source, generator)
        shares = class_keys(source, sizes), class_weights(source, sizes)
        return SubsetSet(rows, *shares, sizes, soft, teacher, stored, kept)

    def leaves_rows(self) -> bool:
        """Tell whether the rows stay as they are."""
        return or_free(self.storage).keeps() == "rows"

    def _stored(self, source: Lists, sizes: NDArray[np.int64], generator: torch.Generator) -> StoredRows | None:
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
        units = KeptUnits.of(storage, source, source.feature_range())
        X, key = units.kept(source.take(some).X), class_keys(source, sizes)
        return StoredRows(storage.build(X, key, units.real(source), draws), units)

    def n_bytes(self, n_points: int, schema: Schema) -> int:
        """Return how many bytes rows and their targets take."""
        rows = kept_bytes(or_free(self.storage), n_points, schema, within=True)
        return rows + target_bytes(schema, n_points, self.labels != "hard", self.label_bits, self.top_labels)


class StoredRows(nn.Module):
    """Rows as a storage keeps them, within the range of the data.

    Parameters
    ----------
    codec : Codec
        The rows, in the units in which they are kept.
    units : KeptUnits
    """

    def __init__(self, codec: Codec, units: KeptUnits) -> None:
        super().__init__()
        self.codec, self.units = codec.requires_grad_(False), units

    def forward(self, places: Tensor | None = None) -> Tensor:
        """Return the rows at some positions, or all, in working units."""
        return self.units.working(self.codec.decode(places))

    @torch.no_grad()
    def encode(self, X: Tensor) -> None:
        """Keep other rows, in working units."""
        self.codec.encode(self.units.clipped(X))


class SubsetSet(LiveSet):
    """A live subset.

    Parameters
    ----------
    source : Lists
    key, weight
        As in `LiveSet`.
    sizes : ndarray of shape (n_classes,)
        How many rows of each class are to be chosen.
    soft : bool, default=False
        As in `LiveSet`.
    teacher : callable, default=None
        Gives the targets of the rows at some positions, in place of those of the source.
    stored : StoredRows, default=None
        How rows are kept; None keeps them as they are.
    kept_labels : KeptLabels, default=None
        As in `LiveSet`.
    """

    def __init__(
        self,
        source: Lists,
        key: Tensor,
        weight: Tensor,
        sizes: NDArray[np.int64],
        soft: bool = False,
        teacher: Callable[[NDArray[np.intp]], Tensor] | None = None,
        stored: StoredRows | None = None,
        kept_labels: KeptLabels | None = None,
    ) -> None:
        super().__init__(key, weight, soft=soft, kept_labels=kept_labels)
        self.sizes = sizes
        self._teacher = teacher
        self._taught: Tensor | None = None  # soft labels of all
        self.indices = np.empty(0, dtype=np.intp)
        self._source, self.stored = source, stored

    def choose(self, indices: NDArray[np.intp], weight: Tensor | None, soft: bool | None = None) -> None:
        """Take rows, class after class.

        Parameters
        ----------
        indices : ndarray of shape (m,)
        weight : Tensor of shape (m,) or None
            The masses that they stand for; None: those of a class weigh the same.
        soft : bool, default=None
            Whether to label them by more than their class, where that can be; None leaves it as it is.
        """
        self.soft = self.soft if soft is None else soft
        if self.stored is not None and indices is not self.indices:
            self.stored.encode(self._source.take(indices).X)
        self.indices, self._taught = indices, None
        if weight is not None:
            self.weight.copy_(weight / weight.mean())

    def resize(self, sizes: NDArray[np.int64]) -> None:
        """Hold so many rows of each class, those of a class of the same weight."""
        self.sizes = sizes
        self.key, self.weight = class_keys(self._source, sizes), class_weights(self._source, sizes)

    def forward(self, places: Tensor | None = None) -> LabeledSet:
        """Return the chosen rows."""
        rows = self._source.take(self.indices if places is None else self.indices[places.cpu().numpy()])
        y = at(self._soft_labels(), places) if self.soft else self._own(rows.y, places)
        X = rows.X if self.stored is None else self.stored(places)
        return LabeledSet(at(self.weight, places), at(self.key, places), X, y)

    def without_numbers(self) -> LabeledSet:
        """Return the chosen rows for those who look at weights and targets alone: X has no columns, where it can."""
        holds = self._source.granted(Holds)
        if self.stored is not None or holds is None:
            return self()
        y = self._soft_labels() if self.soft else self._own(holds.encode_targets(holds.targets(self.indices)), None)
        return LabeledSet(self.weight, self.key, y.new_empty(len(y), 0), y)

    def _soft_labels(self) -> Tensor:
        if self._taught is None:
            taught = self._source.take(self.indices).y if self._teacher is None else self._teacher(self.indices)
            self._taught = taught if self.kept_labels is None else self.kept_labels.seen(taught)
        return self._taught

    def _own(self, y: Tensor, places: Tensor | None) -> Tensor:
        """Return the targets of rows; of classes those that the keys tell, whatever the source says."""
        if self._source.schema.task != "classification":
            return y
        return torch.nn.functional.one_hot(at(self.key, places), y.shape[1]).to(y)

    def shown(self, rows: LabeledSet, y_syn: NDArray | None, source: Any, containers: Any) -> Any:
        """Return the rows of the data that were chosen, as they are kept."""
        relabeled = self.soft and source.schema.task == "regression"
        if self.stored is not None:
            units = self.stored.units
            coded = units.rows(self.stored.codec, len(self.indices), source.schema, containers.dtype)
            return containers.stored(source, rows.X, units.span, self.indices, y_syn, relabeled, coded)
        return containers.chosen(source, self.indices, y_syn, relabeled)
