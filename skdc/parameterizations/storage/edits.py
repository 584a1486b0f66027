"""Real rows of which some numbers are changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from skdc.parameterizations.storage.base import Codec, Kept, Storage, at
from skdc.parameterizations.storage.free import or_free
from skdc.parameterizations.storage.real import RealRows


class Edits(Storage):
    """Rows of which only those numbers change that have to change by much.

    A solver moves numbers as it moves free ones, but what is seen of a move is nothing until it is as large as the
    threshold; gradients pass as if all were seen, as in networks with few weights [1]_. Trees ask for no more than
    which of two numbers is larger: of free points, which all differ a little in all features by class, they learn
    differences that the data do not have. In rows with edits most numbers stay those of the data.

    Parameters
    ----------
    threshold : float, default=1.0
        The least edit, not negative, in units of the spread of the data (the root of the mean feature variance).
    inner : Storage, default=None
        How moves are kept, which are nothing at the start; None is `Free()`.

    References
    ----------
    .. [1] Bengio, Leonard and Courville, "Estimating or Propagating Gradients Through Stochastic Neurons for
       Conditional Computation", 2013: the straight-through estimator.

    Examples
    --------
    >>> from skdc import Condenser, KMedoids
    >>> from skdc.parameterizations import Points
    >>> from skdc.parameterizations.storage import Edits
    >>> Condenser(parameterization=Points(Edits(0.5), start=KMedoids()), n_per_class=10)
    Condenser(n_per_class=10,
              parameterization=Points(start=KMedoids(),
                                      storage=Edits(threshold=0.5)))
    """

    threshold: float = 1.0
    inner: Storage | None = None

    def keeps(self) -> Literal["codes", "rows", "changes"]:
        """Tell that it is what changes."""
        return "changes"

    def build(self, X: Tensor, key: Tensor | None, real: RealRows, generator: torch.Generator) -> RowsWithEdits:
        """Return the rows with their edits, of which there are none at the start."""
        if not self.threshold >= 0:
            raise ValueError(f"Edits(threshold={self.threshold!r}): the threshold must not be negative")
        moves = or_free(self.inner).build(torch.zeros_like(X), key, replace(real, alike=False), generator)
        return RowsWithEdits(X, moves, self.threshold)

    def numbers(self, n_rows: int, row_shape: tuple[int, ...]) -> list[Kept]:
        """Return the numbers of the rows, which are kept as they come out."""
        return [Kept((n_rows, *row_shape), by_feature=len(row_shape) == 1)]


class RowsWithEdits(Codec):
    """Rows, and how far each of their numbers would move.

    Parameters
    ----------
    X : Tensor of shape (m, *input_shape)
    moves : Codec
        Of the shape of X, zero at the start.
    threshold : float
        Moves that are no larger do not show.
    """

    start: Tensor

    def __init__(self, X: Tensor, moves: Codec, threshold: float) -> None:
        super().__init__()
        self.threshold, self.moves = threshold, moves
        self.register_buffer("start", X.clone())

    def decode(self, places: Tensor | None = None) -> Tensor:
        """Return the rows."""
        moves = self.moves.decode(places)
        seen = moves.detach() * (moves.abs() > self.threshold)
        # The difference is zero; its gradient is that of the moves.
        return at(self.start, places) + seen + (moves - moves.detach())

    def encode(self, X: Tensor) -> None:
        """Begin again, from other rows."""
        self.start.copy_(X)
        self.moves.encode(torch.zeros_like(X))

    def project(self, low: Tensor, high: Tensor) -> None:
        """Cut the moves off where the rows would leave two ends."""
        self.moves.project(low - self.start, high - self.start)
