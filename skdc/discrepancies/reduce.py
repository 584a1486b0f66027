"""How the discrepancies of the groups become one number."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from skdc.fields import Fields


class CVaR(Fields):
    """Conditional value at risk: the mean over the worst share of the groups [1]_.

    Parameters
    ----------
    alpha : float, default=0.5
        The share `1 - alpha` of the groups that are worst counts: 0 is their mean, towards 1 the worst of them.

    References
    ----------
    .. [1] Rockafellar and Uryasev, "Optimization of Conditional Value-at-Risk", 2000, eq. 3.

    Examples
    --------
    >>> import torch
    >>> from skdc.discrepancies import CVaR
    >>> CVaR(alpha=0.5)(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    tensor(3.5000)
    """

    alpha: float = 0.5

    def __call__(self, values: Tensor) -> Tensor:
        """Return the mean of the largest values; a group may count in part."""
        worst = values.sort(descending=True).values
        share = (1 - self.alpha) * len(values)
        counts = (share - torch.arange(len(values), dtype=values.dtype, device=values.device)).clamp(0, 1)
        return counts @ worst / counts.sum()


Reduction = Literal["mean", "worst"] | CVaR


def check_reduction(owner: str, reduce: Reduction) -> None:
    """Refuse what is no reduction."""
    if isinstance(reduce, CVaR):
        if not 0 <= reduce.alpha < 1:
            raise ValueError(f"CVaR(alpha={reduce.alpha!r}): alpha must be at least 0 and less than 1")
    elif reduce not in ("mean", "worst"):
        raise ValueError(f"{owner}(reduce={reduce!r}): reduce must be 'mean', 'worst' or CVaR()")


def reduced(values: Tensor, reduce: Reduction) -> Tensor:
    """Return the values of the groups as one number."""
    if isinstance(reduce, CVaR):
        return reduce(values)
    return values.mean() if reduce == "mean" else values.max()
