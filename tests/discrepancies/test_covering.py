"""The covering radius and the quantization error by their definitions."""

import numpy as np
import pytest
import torch

from skdc.discrepancies import CoveringRadius, QuantizationError
from skdc.kernels import distance_columns
from skdc.sources import relative

from ..sources import block, row_source, seeded, squares


@pytest.fixture
def clouds(rng):
    return rng.normal(size=(40, 3)), rng.normal(size=(6, 3)), rng.uniform(0.5, 2, 40)


def test_radius_covers_all_rows(clouds):
    x, y, weight = clouds
    expected = np.sqrt(squares(x, y)).min(1).max()
    assert CoveringRadius()(x, y, sample_weight=weight) == pytest.approx(expected)
    assert CoveringRadius(weight=2.0)(x, y) == pytest.approx(2 * expected)


@pytest.mark.parametrize("outliers", [0.0, 0.05, 0.3, 0.9])
def test_radius_leaves_out_no_more_mass_than_it_may(outliers, clouds):
    x, y, weight = clouds
    near = np.sqrt(squares(x, y)).min(1)
    radius = CoveringRadius(outliers)(x, y, sample_weight=weight)
    mass = weight / weight.sum()
    assert mass[near > radius + 1e-9].sum() <= outliers
    # Any smaller radius would leave out more.
    assert mass[near > radius - 1e-6].sum() > outliers


def test_equal_shares_are_equal_whatever_the_rounding():
    x = np.arange(10.0)[:, None]
    for count in range(1, 10):
        assert CoveringRadius(count / 10)(x, x[:1]) == pytest.approx(9 - count)


def test_gradient_pulls_the_nearest_point_to_the_farthest_row():
    x, y = block([[0.0], [10.0]]), torch.tensor([[1.0], [7.0]], dtype=torch.float64, requires_grad=True)
    discrepancy = CoveringRadius().fit(row_source(x.values.numpy()), seeded())
    value = discrepancy.between(x, type(x)(torch.ones(2), torch.zeros(2, dtype=torch.int64), y), seeded())
    (gradient,) = torch.autograd.grad(value, y)
    assert value == 3 and gradient.tolist() == [[0.0], [-1.0]]


@pytest.mark.parametrize("outliers", [-0.1, 1.0, np.nan])
def test_outliers_are_a_share(outliers, clouds):
    with pytest.raises(ValueError, match=r"CoveringRadius\(outliers=.*the share must be"):
        CoveringRadius(outliers)(*clouds[:2])


@pytest.mark.parametrize("exponent", [0.5, 1, 2, 3])
def test_mean_cost_of_the_nearest_point(exponent, clouds):
    x, y, weight = clouds
    expected = np.average(np.sqrt(squares(x, y)).min(1) ** exponent, weights=weight)
    assert QuantizationError(exponent)(x, y, sample_weight=weight) == pytest.approx(expected)


@pytest.mark.parametrize("exponent", [0, -1, np.nan])
def test_exponents_are_positive(exponent, clouds):
    with pytest.raises(ValueError, match="the exponent must be positive"):
        QuantizationError(exponent)(*clouds[:2])


@pytest.mark.parametrize("exponent", [0.5, 1, 2])
def test_columns_are_those_of_the_costs(exponent, clouds):
    x = torch.tensor(clouds[0])
    costs = QuantizationError(exponent).costs(x, x)
    rows = torch.tensor([3, 0, 7])
    torch.testing.assert_close(QuantizationError(exponent).columns(x)(rows), costs[:, rows])


def test_coincident_rows_have_no_distance(rng):
    x = torch.tensor(rng.normal(size=(20, 50)) + 100, dtype=torch.float32)
    x = torch.cat([x, x])
    columns = distance_columns(relative(x), 1)(torch.arange(20))
    assert columns[:20].diagonal().max() == columns[20:].diagonal().max() == 0
