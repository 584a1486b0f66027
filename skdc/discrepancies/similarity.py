"""Terms that look at the row to which a point is least alike, or at the point to which it is most alike."""

from __future__ import annotations

from dataclasses import KW_ONLY

import torch
from torch import Tensor

from skdc.discrepancies.aligned import directions
from skdc.discrepancies.base import Discrepancy
from skdc.discrepancies.penalties import Penalty
from skdc.exceptions import PartsError
from skdc.sets import Block, LabeledSet
from skdc.sources import Source
from skdc.spaces.base import PointwiseSpace, Space
from skdc.spaces.invertible import Identity


class GreatestDissimilarity(Discrepancy):
    r"""How unlike a point is to the row of its class that is the least like it [1]_; from 0 to 2, without unit.

    .. math:: E_y\, \max_x\, (1 - \cos(x, y))

    A point is representative where no row is far from its direction. All points may be the same for it; it is meant to
    be minimised together with `GreatestSimilarity`. Cosines depend on the origin: that of rows is the mean of the data.

    Parameters
    ----------
    space, by, reduce, weight
        As in `Discrepancy`.

    References
    ----------
    .. [1] Gu et al., "Efficient Dataset Distillation via Minimax Diffusion", 2024, the representativeness term.

    Examples
    --------
    >>> from skdc.discrepancies import GreatestDissimilarity, GreatestSimilarity
    >>> GreatestDissimilarity() + 4 * GreatestSimilarity()
    Hybrid(terms=[('greatestdissimilarity', GreatestDissimilarity()),
                  ('greatestsimilarity', GreatestSimilarity(weight=4.0))])
    """

    compares = "clouds"

    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return the weighted mean over the points of one minus the least cosine."""
        return q.mass @ (1 - directions(q.values) @ directions(p.values).T).amax(1)

    def witness(self, p: Block, q: Block, at: Tensor) -> Tensor:
        """Refuse: how much a row weighs does not matter."""
        raise ValueError("GreatestDissimilarity has no witness, since the masses of rows do not matter; use MMD()")


class GreatestSimilarity(Penalty):
    r"""Cosine of a point and the point of its class that is the most like it [1]_; from -1 to 1, without unit.

    .. math:: E_y\, \max_{y' \neq y\, \text{of its class}} \cos(y, y')

    It keeps points diverse. A point that is alone in its class, or weighs at least twice as much as another of it,
    counts as one that is there twice: 1.

    Parameters
    ----------
    space : PointwiseSpace, default=None
        Where points are compared. None: the rows themselves, less the mean of the data.
    weight : float, default=1.0
        As in `Penalty`.

    References
    ----------
    .. [1] Gu et al., "Efficient Dataset Distillation via Minimax Diffusion", 2024, the diversity term.

    Examples
    --------
    >>> from skdc.discrepancies import MMD, GreatestSimilarity
    >>> MMD() + 0.1 * GreatestSimilarity()
    Hybrid(terms=[('mmd', MMD()),
                  ('greatestsimilarity', GreatestSimilarity(weight=0.1))])
    """

    _: KW_ONLY
    space: Space | None = None

    def attach(self, source: Source) -> None:
        """Choose the space, which must map each row by itself."""
        self.check_weight()
        space = Identity() if self.space is None else self.space
        if not isinstance(space, PointwiseSpace):
            raise PartsError(
                f"GreatestSimilarity compares points with each other, but {space!r} does not show them one by one; use "
                "a pointwise space such as Identity()"
            )
        self.space_ = space

    def penalty(self, synthetic: LabeledSet, generator: torch.Generator) -> Tensor:
        """Return the weighted mean over points of the greatest cosine with another of their class."""
        found = directions(self.space_.embed(synthetic))
        weight, same_class = synthetic.weight, synthetic.key[:, None] == synthetic.key
        least = torch.where(same_class, weight, torch.inf).amin(1)
        twice = (weight >= 2 * least) | (same_class.sum(1) == 1)
        itself = torch.eye(len(weight), dtype=torch.bool, device=weight.device) & ~twice
        return synthetic.mass @ (found @ found.T).masked_fill(~same_class | itself, -torch.inf).amax(1)
