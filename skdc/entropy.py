"""Seeds of what is drawn, from what users give."""

from __future__ import annotations

from secrets import randbits

import numpy as np
from sklearn.utils import check_random_state


def draw_entropy(random_state: int | np.random.RandomState | None) -> int:
    """Return a seed for a fit, or for rows that are drawn."""
    if random_state is None:
        # check_random_state(None) would draw from numpy's global generator, which is not ours to move.
        return randbits(31)
    return int(check_random_state(random_state).randint(2**31 - 1))
