"""The witness function that is drawn is that of the discrepancy."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skdc import KMedoids, RandomSubset
from skdc.condensed import CondensedSet
from skdc.discrepancies import MMD, L2Norm, Sinkhorn, SquaredL2
from skdc.plotting import WitnessDisplay
from skdc.plotting.witness import witness_at
from skdc.spaces import NetworkGradients


def mean_kernel(at, rows, weight, bandwidth):
    """Return the mean embedding of weighted rows at some places."""
    squares = ((at[:, None] - rows) ** 2).sum(axis=2)
    return np.exp(-squares / (2 * bandwidth**2)) @ (weight / weight.sum())


def test_it_is_the_difference_of_the_mean_embeddings(rng):
    X, points, weight = rng.normal(size=(80, 2)), rng.normal(size=(4, 2)), np.array([1.0, 2.0, 3.0, 4.0])
    display = WitnessDisplay.from_condenser(CondensedSet(points, None, weight), X, discrepancy=MMD(bandwidth=1.0))
    expected = 2 * (mean_kernel(X, X, np.ones(80), 1.0) - mean_kernel(X, points, weight, 1.0))
    assert_allclose(display.witness, expected - expected.mean(), atol=1e-9)
    x, y, values = display.grid
    corner = np.array([[x[-1], y[0]]])
    there = 2 * (mean_kernel(corner, X, np.ones(80), 1.0) - mean_kernel(corner, points, weight, 1.0))
    assert_allclose(values[0, -1], there[0] - expected.mean(), atol=1e-9)


def test_what_was_left_out_is_missing(rng):
    left_out = rng.random(300) < 0.5
    X = rng.normal(size=(300, 2)) + np.where(left_out, 9, 0)[:, None]
    condenser = KMedoids(n_samples=6, random_state=0).fit(X[~left_out])
    display = WitnessDisplay.from_condenser(condenser, X)
    assert display.witness[left_out].min() > 0 > display.witness[~left_out].max()
    assert display.contours_ is not None and len(display.rows_.get_offsets()) == 300
    low, high = display.contours_.get_clim()
    assert low == pytest.approx(-high), "colours part at the mean"


def test_other_data_are_shown_by_rows(digits):
    X, y = digits
    condenser = RandomSubset(n_samples=20, random_state=0).fit(X[y < 5])
    display = WitnessDisplay.from_condenser(condenser, X, max_rows=400)
    assert display.contours_ is None
    assert_allclose(display.rows_.get_array(), display.witness)
    assert display.witness.mean() == pytest.approx(0, abs=1e-9)
    assert display.ax_.get_title() == "20 points over 400 of 1,797 real rows"


def test_sums_are_asked_in_pieces(rng, monkeypatch):
    real, points, at = rng.normal(size=(50, 2)), rng.normal(size=(5, 2)), rng.normal(size=(30, 2))
    objective = MMD() + 0.5 * Sinkhorn()
    whole = witness_at(objective, real, points, None, at, 0)
    parts = witness_at(MMD(), real, points, None, at, 0), witness_at(Sinkhorn(), real, points, None, at, 0)
    assert_allclose(whole, parts[0] + 0.5 * parts[1], atol=1e-6)
    monkeypatch.setattr("skdc.plotting.witness._PIECE", 7)
    assert_allclose(witness_at(objective, real, points, None, at, 0), whole, atol=1e-6)


def test_what_has_no_witness_is_refused(rng):
    X = rng.normal(size=(30, 2))
    condensed = CondensedSet(X[:3], None)
    with pytest.raises(ValueError, match=r"L2Norm\(\) has no witness: it does not compare clouds of rows"):
        WitnessDisplay.from_condenser(condensed, X, discrepancy=MMD() + L2Norm())
    with pytest.raises(ValueError, match="NetworkGradients trains on targets, but y is None"):
        WitnessDisplay.from_condenser(condensed, X, discrepancy=SquaredL2(space=NetworkGradients(), by=None))
    with pytest.raises(ValueError, match=r"witness of shape \(3,\) does not go with 2 rows"):
        WitnessDisplay(np.zeros((2, 2)), np.zeros(3), np.zeros((1, 2)))
