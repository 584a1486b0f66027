"""Data that spaces are tried on."""

import numpy as np
import pytest

from ..sources import row_source, synthetic


@pytest.fixture
def source(rng):
    y = np.repeat([0, 1, 2], [12, 9, 6])
    return row_source(3 + 2 * rng.normal(size=(27, 4)) + y[:, None], y, weight=rng.uniform(0.5, 2, 27))


@pytest.fixture
def points(source, rng):
    codes = np.array([0, 0, 1, 2, 2])
    return synthetic(source, 3 + rng.normal(size=(5, 4)), codes, rng.uniform(0.5, 2, 5))


@pytest.fixture
def regression(rng):
    X = rng.normal(size=(25, 4)) * [1, 2, 3, 4]
    y = 100 + 7 * np.column_stack([X[:, 0], rng.normal(size=25)])
    return row_source(X, y, regression=True, weight=rng.uniform(0.5, 2, 25))
