"""Piecewise-linear codes: their values, the way back, and bad input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal

from skdc.preprocessing import PiecewiseLinearEncoder

X = np.array([[0.0, 7.0], [1.0, 7.0], [2.0, 7.0], [10.0, 7.0], [40.0, 7.0]])


def test_codes():
    encoder = PiecewiseLinearEncoder(n_bins=4).fit(X)
    assert_array_equal(encoder.edges_[0], [0, 1, 2, 10, 40])
    assert_array_equal(encoder.edges_[1], [7, 8])
    codes = encoder.transform([[6.0, 7.0], [-1.0, 7.0], [70.0, 9.0]])
    expected = [[1, 1, 0.5, 0, 0], [-1, 0, 0, 0, 0], [1, 1, 1, 2, 2]]
    assert_allclose(codes, expected)
    assert encoder.get_feature_names_out().tolist() == ["x0_bin0", "x0_bin1", "x0_bin2", "x0_bin3", "x1_bin0"]
    assert encoder.get_feature_names_out(["a", "b"])[-1] == "b_bin0"


numbers = st.floats(-100, 100, width=32)


@settings(deadline=None, max_examples=60)
@given(arrays(float, (7, 2), elements=numbers), arrays(float, (4, 2), elements=numbers), st.integers(1, 9))
def test_rows_round_trip(X, new, n_bins):
    encoder = PiecewiseLinearEncoder(n_bins).fit(X)
    for rows in (X, new):
        scale = max(np.diff(edges).max() / np.diff(edges).min() for edges in encoder.edges_)
        assert_allclose(encoder.inverse_transform(encoder.transform(rows)), rows, atol=1e-10 * scale)


def test_distances_are_those_of_ranks():
    skewed = np.exp(np.linspace(0, 10, 101))[:, None]
    codes = PiecewiseLinearEncoder(n_bins=10).fit_transform(skewed)
    apart = np.abs(codes[1:] - codes[:-1]).sum(axis=1)
    assert apart.max() < 3 * apart.min(), "neighbours are as far apart at both ends, though 20,000 times in the data"


@pytest.mark.parametrize("n_bins", [0, 2.0, True, "4"])
def test_number_of_bins(n_bins):
    with pytest.raises(ValueError, match=r"n_bins=.*whole number"):
        PiecewiseLinearEncoder(n_bins).fit(X)


def test_codes_of_another_table():
    with pytest.raises(ValueError, match="3 columns, but there are 5 bins"):
        PiecewiseLinearEncoder(n_bins=4).fit(X).inverse_transform(np.zeros((1, 3)))
