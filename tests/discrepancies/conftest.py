"""Clouds on which transport along lines and between points is tried."""

import pytest


@pytest.fixture
def clouds(rng):
    """Return two weighted clouds as arrays (x, p, y, q), the masses normalised."""
    x, y = rng.normal(size=(12, 3)), 1 + rng.normal(size=(7, 3))
    p, q = rng.uniform(0.5, 2, 12), rng.uniform(0.5, 2, 7)
    return x, p / p.sum(), y, q / q.sum()
