"""Transport along lines against POT and closed forms."""

import numpy as np
import ot
import pytest
import torch

from skdc.discrepancies.quantiles import random_directions
from skdc.discrepancies.transport.sliced import MaxSlicedWasserstein, SlicedWasserstein
from skdc.sets import Block

from ..sources import block, finite_differences, seeded
from .clouds import assert_weight_is_multiplicity, fitted, value

ALL = [SlicedWasserstein(n_projections=20), MaxSlicedWasserstein()]


# Values


def test_sliced_wasserstein_is_that_of_pot_along_the_same_directions(clouds):
    x, p, y, q = clouds
    directions = random_directions(torch.as_tensor(x), 20, seeded()).numpy()
    expected = ot.sliced_wasserstein_distance(x, y, p, q, projections=directions)
    assert value(fitted(SlicedWasserstein(n_projections=20), x), *clouds) == pytest.approx(expected**2)


def test_max_sliced_wasserstein_without_ascent_is_that_of_pot(clouds):
    x, p, y, q = clouds
    directions = random_directions(torch.as_tensor(x), 20, seeded()).numpy()
    expected = ot.max_sliced_wasserstein_distance(x, y, p, q, projections=directions) ** 2
    found = value(fitted(MaxSlicedWasserstein(n_projections=20, n_ascent_steps=0), x), *clouds)
    # Of a grid of three digits.
    assert found == pytest.approx(expected, rel=1e-2)


def test_ascent_finds_what_many_directions_find(clouds):
    x, p, y, q = clouds
    many = ot.max_sliced_wasserstein_distance(x, y, p, q, n_projections=100_000, seed=0) ** 2
    climbed = [value(fitted(MaxSlicedWasserstein(), x), *clouds, seed) for seed in range(5)]
    assert min(climbed) > 0.98 * many
    assert max(climbed) < 1.01 * many
    started = [value(fitted(MaxSlicedWasserstein(n_ascent_steps=0), x), *clouds, seed) for seed in range(5)]
    assert min(started) < 0.95 * many


def test_max_sliced_wasserstein_to_a_point_is_the_largest_eigenvalue(rng):
    # To one point all is carried, whatever the direction: the value is a quadratic form.
    x, p = rng.normal(size=(30, 8)) * np.linspace(1, 3, 8), np.ones(30) / 30
    point = rng.normal(size=(1, 8))
    second = (p[:, None] * (x - point)).T @ (x - point)
    values, vectors = np.linalg.eigh(second)
    discrepancy = fitted(MaxSlicedWasserstein(n_ascent_steps=60), x)
    assert value(discrepancy, x, p, point, np.ones(1)) == pytest.approx(values[-1], rel=1e-4)
    moving = torch.as_tensor(point).requires_grad_()
    points = Block(torch.ones(1).double(), torch.zeros(1, dtype=torch.int64), moving)
    discrepancy.between(block(x, p), points, seeded()).backward()
    top = vectors[:, -1]
    expected = -2 * ((p @ x - point[0]) @ top) * top
    np.testing.assert_allclose(moving.grad[0], expected, atol=2e-2 * np.abs(expected).max())


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_the_ascent_has_no_unit(scale, clouds):
    x, p, y, q = clouds
    discrepancy = fitted(MaxSlicedWasserstein(), x)
    assert value(discrepancy, scale * x, p, scale * y, q) == pytest.approx(scale**2 * value(discrepancy, *clouds))


def test_a_translation_is_seen_along_its_direction(clouds):
    x, p, *_ = clouds
    moved = x + [1.0, 2.0, 3.0]
    assert value(fitted(MaxSlicedWasserstein(n_ascent_steps=10), x), x, p, moved, p) == pytest.approx(14.0, rel=1e-4)
    # The mean squared cosine of a random direction in three dimensions is a third.
    found = value(fitted(SlicedWasserstein(n_projections=20_000), x), x, p, moved, p)
    assert found == pytest.approx(14.0 / 3, rel=0.03)


@pytest.mark.parametrize("discrepancy", ALL, ids=repr)
def test_weight_is_multiplicity(discrepancy, rng):
    assert_weight_is_multiplicity(discrepancy, rng)


@pytest.mark.parametrize("discrepancy", ALL, ids=repr)
def test_float32_is_close_to_float64(discrepancy, clouds):
    x, p, y, q = clouds
    # One dimension, since a generator draws other directions in float32.
    discrepancy = fitted(discrepancy, x[:, :1])
    single = [Block(b.weight.float(), b.key, b.values.float()) for b in (block(x[:, :1], p), block(y[:, :1], q))]
    found = discrepancy.between(*single, seeded())
    assert found.dtype == torch.float32
    assert float(found) == pytest.approx(value(discrepancy, x[:, :1], p, y[:, :1], q), rel=1e-5)


# Gradients


@pytest.mark.parametrize("discrepancy", ALL, ids=repr)
def test_gradients_are_those_of_the_value(discrepancy, clouds):
    x, p, y, q = clouds
    discrepancy = fitted(discrepancy, x)
    values, weight = torch.as_tensor(y).requires_grad_(), torch.as_tensor(q).requires_grad_()
    discrepancy.between(block(x, p), Block(weight, torch.zeros(7, dtype=torch.int64), values), seeded()).backward()
    expected = finite_differences(lambda points: value(discrepancy, x, p, points, q), y)
    np.testing.assert_allclose(values.grad, expected, rtol=1e-4, atol=1e-6)
    expected = finite_differences(lambda weights: value(discrepancy, x, p, y, weights), q)
    np.testing.assert_allclose(weight.grad, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("discrepancy", ALL, ids=repr)
def test_gradients_are_finite_where_points_coincide(discrepancy, dtype, clouds):
    x = clouds[0]
    discrepancy = fitted(discrepancy, x)
    for rows in (x[:5], x[[0, 0, 1, 1, 2]], x[[3] * 5], x[:1], np.zeros((5, 3))):
        for real in (x, rows):
            values, p = torch.as_tensor(rows, dtype=dtype).requires_grad_(), torch.as_tensor(real, dtype=dtype)
            points = Block(torch.ones(len(rows), dtype=dtype), torch.zeros(len(rows), dtype=torch.int64), values)
            real_block = Block(torch.ones(len(p), dtype=dtype), torch.zeros(len(p), dtype=torch.int64), p)
            found = discrepancy.between(real_block, points, seeded())
            found.backward()
            assert found.isfinite() and values.grad.isfinite().all()


def test_the_ascent_leaves_the_points_as_they_are(clouds):
    x, p, y, q = clouds
    discrepancy, rows, points = fitted(MaxSlicedWasserstein(), x), block(x, p), block(y, q)
    before = rows.values.clone(), points.values.clone()
    with torch.no_grad():
        discrepancy.between(rows, points, seeded())
    assert torch.equal(rows.values, before[0]) and torch.equal(points.values, before[1])
    assert rows.values.grad is None and points.values.grad is None


# Witness


@pytest.mark.parametrize("discrepancy", [SlicedWasserstein(n_projections=20), MaxSlicedWasserstein()], ids=repr)
def test_witness_is_the_first_variation(discrepancy, clouds, rng):
    x, p, y, q = clouds
    at, discrepancy = rng.normal(size=(6, 3)), fitted(discrepancy, x)
    witness = discrepancy.witness(block(x, p), block(y, q), torch.as_tensor(at)).numpy()
    step, before = 1e-7, value(discrepancy, *clouds)

    def slope(point):
        mass = np.append((1 - step) * p, step)
        return (value(discrepancy, np.vstack([x, point]), mass, y, q) - before) / step

    slopes = np.array([slope(point) for point in at])
    np.testing.assert_allclose(witness - witness[0], slopes - slopes[0], rtol=1e-3, atol=1e-4)


def test_witness_on_the_line_is_the_dual_potential(clouds):
    x, p, y, q = (values[:, :1] if values.ndim == 2 else values for values in clouds)
    witness = fitted(SlicedWasserstein(), x).witness(block(x, p), block(y, q), torch.as_tensor(x)).numpy()
    _, log = ot.emd(p, q, ot.dist(x, y), log=True)
    np.testing.assert_allclose(witness - witness[0], log["u"] - log["u"][0], atol=1e-10)


def test_witness_of_one_point_is_the_squared_distance_along_lines(rng):
    x, at = rng.normal(size=(5, 2)), rng.normal(size=(4, 2))
    discrepancy = fitted(SlicedWasserstein(n_projections=30), x)
    witness = discrepancy.witness(block(x), block(np.zeros((1, 2))), torch.as_tensor(at))
    directions = random_directions(torch.as_tensor(x), 30, seeded()).numpy()
    np.testing.assert_allclose(witness, ((at @ directions) ** 2).mean(axis=1))


# What makes no sense


@pytest.mark.parametrize(
    ("discrepancy", "message"),
    [
        (SlicedWasserstein(n_projections=0), r"SlicedWasserstein\(n_projections=0\) needs at least one direction"),
        (
            MaxSlicedWasserstein(n_projections=0),
            r"MaxSlicedWasserstein\(n_projections=0\) needs at least one direction",
        ),
        (MaxSlicedWasserstein(n_ascent_steps=-1), r"n_ascent_steps=-1\) must not be negative"),
    ],
    ids=repr,
)
def test_senseless_numbers_are_refused(discrepancy, message):
    with pytest.raises(ValueError, match=message):
        discrepancy([[0.0]], [[1.0]])
