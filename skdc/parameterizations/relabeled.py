"""Real rows that stay, with targets that move."""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor, nn

from skdc.exceptions import PartsError
from skdc.parameterizations.points import Points


class RelabeledRows(Points):
    """Real rows that stay as they are, of which the targets are learned [1]_.

    Parameters
    ----------
    start : {"rows", "spread"} or condenser, default="rows"
        Which rows: as in `Points`.
    labels : {"learned", "probabilities"}, default="learned"
        What the targets may become: as in `Points`.

    References
    ----------
    .. [1] Bohdal, Yang and Hospedales, "Flexible Dataset Distillation: Learn Labels Instead of Images", 2020.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import SquaredL2
    >>> from skdc.parameterizations import RelabeledRows
    >>> from skdc.spaces import KernelRidgePredictions
    >>> condenser = Condenser(SquaredL2(space=KernelRidgePredictions(), by=None), RelabeledRows(), n_per_class=5)
    """

    teacher = None
    within = "data"
    known_labels = ("learned", "probabilities")

    def __init__(self, start: Any = "rows", labels: Literal["learned", "probabilities"] = "learned") -> None:
        self.start = start
        self.labels = labels

    def takes_distinct_rows(self) -> bool:
        """Tell that each point is a row of the data."""
        return True

    def rows(self, X: Tensor) -> nn.Module:
        """Return the rows.

        Raises
        ------
        ValueError
            If they are to start at noise.
        """
        if self.start == "noise":
            raise PartsError("RelabeledRows(start='noise'): rows of the data stay; start must be 'rows' or 'spread'")
        return KeptRows(X)


class KeptRows(nn.Module):
    """Rows that do not move."""

    values: Tensor

    def __init__(self, X: Tensor) -> None:
        super().__init__()
        self.register_buffer("values", X)

    def forward(self) -> Tensor:
        """Return the rows."""
        return self.values

    def load(self, X: Tensor) -> None:
        """Take other rows."""
        self.values.copy_(X)

    def project(self, low: Tensor, high: Tensor) -> None:
        """Do nothing: rows of the data are where they may be."""
