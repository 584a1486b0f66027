"""Real rows of which some numbers are changed."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from skdc.parameterizations.points import Points


class EditedRows(Points):
    """Real rows of which only those numbers change that have to change by much.

    A solver moves numbers as it moves free points, but what is seen of a move is nothing until it is as large as the
    threshold; gradients pass as if all were seen, as in networks with few weights [1]_. Trees ask for no more than
    which of two numbers is larger: of free points, which all differ a little in all features by class, they learn
    differences that the data do not have. In rows with edits most numbers stay those of the data.

    Parameters
    ----------
    threshold : float, default=1.0
        The least edit, in units of the spread of the data (the root of the mean feature variance).
    labels, start, teacher, within
        As in `Points`.

    References
    ----------
    .. [1] Bengio, Leonard and Courville, "Estimating or Propagating Gradients Through Stochastic Neurons for
       Conditional Computation", 2013: the straight-through estimator.

    Examples
    --------
    >>> from skdc import Condenser, KMedoids
    >>> from skdc.parameterizations import EditedRows
    >>> Condenser(parameterization=EditedRows(start=KMedoids()), n_per_class=10)
    Condenser(n_per_class=10, parameterization=EditedRows(start=KMedoids()))
    """

    def __init__(
        self,
        threshold: float = 1.0,
        labels: Literal["hard", "learned", "probabilities", "teacher"] = "hard",
        start: Any = "rows",
        teacher: Any = None,
        within: Any = "data",
    ) -> None:
        super().__init__(labels, start, teacher, within)
        self.threshold = threshold

    def rows(self, X: Tensor) -> nn.Module:
        """Return the rows with their edits, of which there are none at the start.

        Raises
        ------
        ValueError
            If the threshold is negative.
        """
        if not self.threshold >= 0:
            raise ValueError(f"EditedRows(threshold={self.threshold!r}): the threshold must not be negative")
        return RowsWithEdits(X, self.threshold)


class RowsWithEdits(nn.Module):
    """Rows, and how far each of their numbers would move.

    Parameters
    ----------
    X : Tensor of shape (m, *input_shape)
    threshold : float
        Moves that are no larger do not show.
    """

    start: Tensor

    def __init__(self, X: Tensor, threshold: float) -> None:
        super().__init__()
        self.threshold = threshold
        self.register_buffer("start", X.clone(), persistent=False)
        self.values = nn.Parameter(torch.zeros_like(X))

    def forward(self) -> Tensor:
        """Return the rows."""
        seen = self.values.detach() * (self.values.abs() > self.threshold)
        # The difference is zero; its gradient is that of the moves.
        return self.start + seen + (self.values - self.values.detach())

    def load(self, X: Tensor) -> None:
        """Begin again, from other rows."""
        self.start.copy_(X)
        self.values.zero_()

    def project(self, low: Tensor, high: Tensor) -> None:
        """Cut the moves off where the rows would leave two ends."""
        self.values.clamp_(low - self.start, high - self.start)
