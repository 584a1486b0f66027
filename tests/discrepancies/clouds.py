"""What the tests of transport and of quantiles ask of two clouds."""

import numpy as np
import pytest

from ..sources import block, row_source, seeded


def fitted(discrepancy, x):
    return discrepancy.fit(row_source(x), seeded())


def value(discrepancy, x, p, y, q, seed=0):
    # Weights that are no masses: the discrepancy has to normalise them.
    return float(discrepancy.between(block(x, 5 * p), block(y, 3 * q), seeded(seed)))


def assert_weight_is_multiplicity(discrepancy, rng):
    x, y = rng.normal(size=(8, 2)), rng.normal(size=(5, 2))
    p, q = rng.integers(1, 4, 8), rng.integers(1, 4, 5)
    discrepancy = fitted(discrepancy, x)
    repeated = value(discrepancy, np.repeat(x, p, axis=0), np.ones(p.sum()), np.repeat(y, q, axis=0), np.ones(q.sum()))
    assert value(discrepancy, x, p.astype(float), y, q.astype(float)) == pytest.approx(repeated, rel=1e-8)
