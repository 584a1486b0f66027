"""Greedy choice of rows, one at a time."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch

from skdc.data import Block
from skdc.parameterizations.base import LiveSet
from skdc.solvers.base import Objective, Progress, Solution, Solver, declared_attributes, detached
from skdc.source import Source


@runtime_checkable
class Embedding(Protocol):
    """What Greedy asks of a discrepancy: to be the distance between mean embeddings of some kernel."""

    def own_kernel(self, p: Block) -> Any: ...  # noqa: D102


class Greedy(Solver):
    r"""Add to each group the row at which the witness function is largest, one at a time.

    With t rows chosen the next one is :math:`\arg\max_x \mu(x) - \frac{1}{t+1} (\sum_{s \le t} k(x, x_s) +
    k(x, x) / 2)`, the row that makes the MMD of the t + 1 rows least; where k(x, x) is constant this is kernel
    herding [1]_. No row is chosen twice.

    References
    ----------
    .. [1] Chen, Welling and Smola, "Super-Samples from Kernel Herding", 2010, eq. 8.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import MMD
    >>> from skdc.parameterizations import Subset
    >>> from skdc.solvers import Greedy
    >>> condenser = Condenser(MMD(), parameterization=Subset(), solver=Greedy(), n_per_class=3)
    """

    moves = "indices"

    def solve(
        self,
        objective: Objective | None,
        synthetic: LiveSet,
        source: Source,
        generator: torch.Generator,
        progress: Progress,
    ) -> Solution:
        """Choose rows.

        Raises
        ------
        ValueError
            If the objective is no squared distance of mean embeddings, or is not split by class.
        """
        for leaf in objective.leaves():
            if not isinstance(leaf, Embedding):
                raise ValueError(
                    f"Greedy follows a mean embedding, which {type(leaf).__name__} does not have; use MMD(), "
                    "RandomFeatureMMD() or MeanDistance()"
                )
            if leaf.by != "class":
                raise ValueError(f"Greedy chooses class by class; use {type(leaf).__name__}(by='class')")
        chosen: list[int] = []
        with torch.no_grad():
            for c, size in enumerate(synthetic.sizes):
                if not size:
                    continue
                members = source.class_members(c)
                rows = source.take(members)
                terms = [(leaf.weight, leaf.own_kernel(leaf.space_.block(rows))) for leaf in objective.leaves()]
                chosen.extend(members[_herd(terms, int(size))])
                progress(len(chosen), int(synthetic.sizes.sum()), float("nan"))
        synthetic.indices = np.array(chosen, dtype=np.intp)
        attributes = declared_attributes(objective, synthetic, source)
        return Solution(detached(synthetic()), len(chosen), attributes=attributes)


def _herd(terms: list[tuple[float, Any]], size: int) -> list[int]:
    """Return the positions of `size` rows, in the order of choice, from the weighted kernels of the rows."""
    target = sum(weight * kernel.potential for weight, kernel in terms)
    repelled = sum(weight * kernel.diagonal for weight, kernel in terms) / 2
    free = torch.zeros_like(target)
    chosen: list[int] = []
    for t in range(size):
        best = int((target - repelled / (t + 1) + free).argmax())
        chosen.append(best)
        free[best] = -torch.inf
        for weight, kernel in terms:
            repelled = repelled + weight * kernel.column(best)
    return chosen
