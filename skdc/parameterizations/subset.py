"""A subset: rows of the data themselves, chosen and not moved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skdc.learners.teachers import out_of_fold_teacher
from skdc.parameterizations.base import LiveSet, Parameterization, class_keys, class_weights
from skdc.parameterizations.labels import check_labels
from skdc.parameterizations.storage.base import at
from skdc.sets import LabeledSet
from skdc.sources import Holds, Source, require


class Subset(Parameterization):
    """Real rows; the fitted condenser shows which as `indices_`.

    Parameters
    ----------
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
    """

    moves = "indices"

    labels: Literal["hard", "teacher"] = "hard"
    teacher: Any = None

    def takes_sparse(self) -> bool:
        """Tell whether sparse rows can be chosen: a teacher is shown dense ones."""
        return self.labels != "teacher"

    def build(self, source: Source, sizes: NDArray[np.int64], generator: torch.Generator) -> SubsetSet:
        """Return a subset of which no row is chosen yet.

        Raises
        ------
        ValueError
            For an unknown word, and for a stream.
        """
        rows = require(self, source, Holds, "which rows to choose")
        check_labels(self, ("hard", "teacher"))
        teacher = out_of_fold_teacher(self, self.teacher, source, generator) if self.labels == "teacher" else None
        return SubsetSet(rows, class_keys(source, sizes), class_weights(source, sizes), sizes, teacher)


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
    """

    def __init__(
        self,
        source: Holds,
        key: Tensor,
        weight: Tensor,
        sizes: NDArray[np.int64],
        teacher: Callable[[NDArray[np.intp]], Tensor] | None = None,
    ) -> None:
        super().__init__(key, weight, soft=teacher is not None)
        self.sizes = sizes
        self._teacher = teacher
        self._taught: Tensor | None = None
        self.indices = np.empty(0, dtype=np.intp)
        self._source = source

    def choose(self, indices: NDArray[np.intp], weight: Tensor | None) -> None:
        """Take rows, class after class, and the masses that they stand for; None: those of a class weigh the same."""
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
        return LabeledSet(at(self.weight, places), at(self.key, places), rows.X, y)

    def stored_numbers(self) -> int:
        """Count the rows, and one label a row or, from a teacher, all its targets."""
        schema = self._source.schema
        per_target = schema.n_outputs if self.soft else min(schema.n_outputs, 1)
        return len(self.key) * (int(np.prod(schema.input_shape)) + per_target)

    def shown(self, rows: LabeledSet, y_syn: NDArray | None, source: Any, containers: Any) -> Any:
        """Return the rows of the data that were chosen."""
        relabeled = self.soft and source.schema.task == "regression"
        return containers.chosen(source, self.indices, y_syn, relabeled)
