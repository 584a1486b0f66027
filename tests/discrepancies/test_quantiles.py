"""Discrepancies between distribution functions and quantiles against SciPy, NumPy and closed forms."""

import numpy as np
import pytest
import torch
from scipy import stats

from skdc.discrepancies import EnergyDistance
from skdc.discrepancies.quantiles import CramerVonMises, QuantileMatching, cumulative_mass, quantiles, random_directions
from skdc.sets import Block

from ..sources import block, finite_differences, seeded
from .clouds import assert_weight_is_multiplicity, fitted, value

ALL = [CramerVonMises(), CramerVonMises(20), QuantileMatching(), QuantileMatching(20)]


# Distribution functions


def test_cramer_distance_is_half_the_energy_distance_of_scipy(clouds):
    x, p, y, q = clouds
    expected = np.mean([stats.energy_distance(x[:, j], y[:, j], p, q) ** 2 / 2 for j in range(3)])
    assert value(fitted(CramerVonMises(), x), *clouds) == pytest.approx(expected)


def test_cramer_distance_is_half_the_energy_distance_of_all_pairs(clouds):
    x, y = clouds[0][:, :1], clouds[2][:, :1]
    assert CramerVonMises()(x, y) == pytest.approx(EnergyDistance()(x, y) / 2)


def test_cramer_distance_along_projections_is_that_of_scipy(clouds):
    x, p, y, q = clouds
    directions = random_directions(torch.as_tensor(x), 20, seeded()).numpy()
    lines = zip((x @ directions).T, (y @ directions).T, strict=True)
    expected = np.mean([stats.energy_distance(left, right, p, q) ** 2 / 2 for left, right in lines])
    assert value(fitted(CramerVonMises(20), x), *clouds) == pytest.approx(expected)


def test_cramer_distance_of_points_is_their_distance():
    assert CramerVonMises()([[0.0, 1.0]], [[3.0, -4.0]]) == pytest.approx((3 + 5) / 2)


def test_cramer_distance_goes_on_moving_a_point_between_its_neighbours():
    rows = np.array([[0.0], [1.0], [2.0], [3.0]])
    near, far = (value(fitted(CramerVonMises(), rows), rows, np.ones(4), [[v]], np.ones(1)) for v in (2.6, 2.9))
    assert near < far


def test_cramer_witness_is_the_first_variation(clouds, rng):
    x, p, y, q = clouds
    at, discrepancy = rng.normal(size=(6, 3)), fitted(CramerVonMises(), x)
    witness = discrepancy.witness(block(x, p), block(y, q), torch.as_tensor(at)).numpy()
    step, before = 1e-7, value(discrepancy, *clouds)

    def slope(point):
        mass = np.append((1 - step) * p, step)
        return (value(discrepancy, np.vstack([x, point]), mass, y, q) - before) / step

    slopes = np.array([slope(point) for point in at])
    np.testing.assert_allclose(witness - witness[0], slopes - slopes[0], rtol=1e-4, atol=1e-5)


# Quantiles


def numpy_matching(x, y):
    """Return the definition for points of equal mass and different values, with whole numbers for levels."""
    n, m = len(x), len(y)
    doubled = n * (2 * np.arange(1, m + 1) - 1)
    # The rows at the level and right behind it: two where the level is that of a step.
    last, behind = -(-doubled // (2 * m)) - 1, doubled // (2 * m)
    ordered = np.sort(x, axis=0)
    return np.mean((np.sort(y, axis=0) - (ordered[last] + ordered[behind]) / 2) ** 2)


def test_quantiles_are_those_of_numpy(rng):
    x = rng.normal(size=(8, 3))
    ordered, order = torch.as_tensor(x).sort(dim=0)
    levels = np.array([0.0, 0.1, 0.125, 0.3, 0.5, 0.75, 0.9, 1.0])
    expected = np.quantile(x, levels, axis=0, method="averaged_inverted_cdf")
    found = quantiles(ordered, cumulative_mass(block(x), order), torch.as_tensor(levels)[:, None].repeat(1, 3))
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize(("n", "m"), [(12, 5), (12, 3), (100, 10), (3, 8), (1, 4), (7, 1)])
def test_quantile_matching_is_its_definition(n, m, rng):
    x, y = rng.normal(size=(n, 3)), rng.normal(size=(m, 3))
    assert value(fitted(QuantileMatching(), x), x, np.ones(n), y, np.ones(m)) == pytest.approx(numpy_matching(x, y))


def test_quantile_matching_along_projections_is_its_definition(rng):
    x, y = rng.normal(size=(40, 3)), rng.normal(size=(6, 3))
    directions = random_directions(torch.as_tensor(x), 20, seeded()).numpy()
    found = value(fitted(QuantileMatching(20), x), x, np.ones(40), y, np.ones(6))
    assert found == pytest.approx(numpy_matching(x @ directions, y @ directions))


def test_quantile_matching_is_zero_at_the_quantiles(rng):
    x = rng.normal(size=(50, 2))
    points = np.quantile(x, [0.1, 0.3, 0.5, 0.7, 0.9], axis=0, method="averaged_inverted_cdf")
    discrepancy = fitted(QuantileMatching(), x)
    assert value(discrepancy, x, np.ones(50), points, np.ones(5)) == pytest.approx(0, abs=1e-20)
    assert value(discrepancy, x, np.ones(50), points + 0.1, np.ones(5)) == pytest.approx(0.01)


def test_levels_on_a_step_take_the_middle():
    ordered = torch.arange(4.0).double()[:, None]
    steps = cumulative_mass(block(ordered, np.array([0.1, 0.2, 0.3, 0.4])), torch.arange(4)[:, None])
    levels = torch.tensor([[0.05], [0.1], [0.1 + 1e-6], [0.1 + 0.2], [1.0]], dtype=torch.float64)
    np.testing.assert_array_equal(quantiles(ordered, steps, levels)[:, 0], [0.0, 0.5, 1.0, 1.5, 3.0])


def test_points_of_equal_value_are_one(rng):
    x = rng.normal(size=(50, 1))
    found = value(fitted(QuantileMatching(), x), x, np.ones(50), [[0.0], [0.0], [9.0], [0.0]], np.ones(4))
    low, high = np.quantile(x, [0.375, 0.875], method="averaged_inverted_cdf")
    assert found == pytest.approx(0.75 * low**2 + 0.25 * (9 - high) ** 2)


# What both have in common


@pytest.mark.parametrize("discrepancy", ALL, ids=repr)
def test_weight_is_multiplicity(discrepancy, rng):
    assert_weight_is_multiplicity(discrepancy, rng)


@pytest.mark.parametrize("discrepancy", ALL, ids=repr)
def test_row_order_does_not_matter(discrepancy, clouds):
    x, p, y, q = clouds
    discrepancy = fitted(discrepancy, x)
    turned = value(discrepancy, x[::-1].copy(), p[::-1].copy(), y[::-1].copy(), q[::-1].copy())
    assert value(discrepancy, *clouds) == pytest.approx(turned, rel=1e-10)


@pytest.mark.parametrize("discrepancy", ALL, ids=repr)
def test_gradients_are_those_of_the_value(discrepancy, clouds):
    x, p, y, q = clouds
    discrepancy = fitted(discrepancy, x)
    values, weight = torch.as_tensor(y).requires_grad_(), torch.as_tensor(q).requires_grad_()
    discrepancy.between(block(x, p), Block(weight, torch.zeros(7, dtype=torch.int64), values), seeded()).backward()
    expected = finite_differences(lambda points: value(discrepancy, x, p, points, q), y)
    np.testing.assert_allclose(values.grad, expected, rtol=1e-4, atol=1e-6)
    assert values.grad.abs().max() > 1e-2
    expected = finite_differences(lambda weights: value(discrepancy, x, p, y, weights), q)
    np.testing.assert_allclose(weight.grad, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("discrepancy", ALL, ids=repr)
def test_values_and_gradients_are_finite_where_points_coincide(discrepancy, dtype, clouds):
    x = clouds[0]
    discrepancy = fitted(discrepancy, x)
    for rows in (x[:5], x[[0, 0, 1, 1, 2]], x[[3] * 5], x[:1], np.zeros((5, 3))):
        for real in (x, rows):
            values, p = torch.as_tensor(rows, dtype=dtype).requires_grad_(), torch.as_tensor(real, dtype=dtype)
            points = Block(torch.ones(len(rows), dtype=dtype), torch.zeros(len(rows), dtype=torch.int64), values)
            real_block = Block(torch.ones(len(p), dtype=dtype), torch.zeros(len(p), dtype=torch.int64), p)
            found = discrepancy.between(real_block, points, seeded())
            found.backward()
            assert found.dtype == dtype
            assert found.isfinite() and values.grad.isfinite().all()


# What makes no sense


@pytest.mark.parametrize("kind", [CramerVonMises, QuantileMatching])
def test_no_projections_are_refused(kind):
    with pytest.raises(ValueError, match=rf"{kind.__name__}\(n_projections=0\) needs at least one direction"):
        kind(n_projections=0)([[0.0]], [[1.0]])


def test_quantiles_have_no_witness(clouds):
    x, p, y, q = clouds
    with pytest.raises(ValueError, match=r"QuantileMatching has no witness.*use CramerVonMises or SlicedWasserstein"):
        fitted(QuantileMatching(), x).witness(block(x, p), block(y, q), torch.as_tensor(x))
