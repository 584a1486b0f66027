"""How surely the nearest point of a row is of its class."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

import torch
from torch import Tensor

from skdc.discrepancies.base import Discrepancy
from skdc.discrepancies.reduce import Reduction
from skdc.exceptions import PartsError
from skdc.kernels import squared_distances
from skdc.sets import Block
from skdc.sources import Source, require_targets


class PrototypeMargin(Discrepancy):
    r"""Cost of generalized learning vector quantization (GLVQ) [1]_: how far a row is from points of its class.

    .. math:: E \, \sigma(\text{slope} \cdot \mu), \quad
       \mu(x) = \frac{d_+(x) - d_-(x)}{d_+(x) + d_-(x)}

    with :math:`\sigma` the logistic function, and the squared distances of a row x to the nearest point of its class,
    :math:`d_+`, and to the nearest of another, :math:`d_-`. It is between 0 and 1, has no unit, and with a large slope
    is the error of one nearest neighbour.

    Parameters
    ----------
    slope : float, default=5.0
        Of the logistic function.
    space : Space, default=None
        As in `Discrepancy`; `LearnedMetric()` learns the distance with the points.
    weight : float, default=1.0
        As in `Discrepancy`.

    References
    ----------
    .. [1] Sato and Yamada, "Generalized Learning Vector Quantization", 1995, eq. 3 and 4.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import PrototypeMargin
    >>> from skdc.spaces import LearnedMetric
    >>> condenser = Condenser(PrototypeMargin(space=LearnedMetric()), n_per_class=3)
    """

    compares = "clouds"

    slope: float = 5.0
    by: Literal["class", "group"] | None = field(default=None, init=False)
    reduce: Reduction = field(default="mean", init=False)

    def attach(self, source: Source) -> None:
        """Choose the space, and remember the classes, of which there must be two."""
        require_targets(self, source)
        if source.schema.task != "classification" or source.schema.n_classes < 2:
            raise PartsError(
                f"{self!r} tells classes apart, but {source.schema.given_targets}; use QuantizationError()"
            )
        if not self.slope > 0:
            raise ValueError(f"PrototypeMargin(slope={self.slope!r}): it must be positive")
        super().attach(source)
        self.class_of_key_ = torch.as_tensor(source.schema.class_of_key, device=source.device)

    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return the weighted mean cost over p; classes without a point, or with all of them, have none."""
        squares = squared_distances(p.values, q.values)
        own = self.class_of_key_[p.key][:, None] == self.class_of_key_[q.key]
        seen = own.any(1) & ~own.all(1)
        squares, own, mass = squares[seen], own[seen], p.mass[seen]
        nearest = squares.masked_fill(~own, torch.inf).amin(1)
        other = squares.masked_fill(own, torch.inf).amin(1)
        margin = (nearest - other) / (nearest + other).clamp_min(torch.finfo(squares.dtype).tiny)
        return mass @ (self.slope * margin).sigmoid()
