"""Where a solve has come to, as the parts see it that change with it."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import torch


@dataclass(eq=False)
class Step:
    """A step of a solve, by which spaces and pools may follow a schedule.

    Parameters
    ----------
    generator : torch.Generator
        Of all random draws.
    step : int, default=0
        Steps done before this one.
    n_steps : int, default=1
        Steps in all.
    """

    generator: torch.Generator
    _: KW_ONLY
    step: int = 0
    n_steps: int = 1
