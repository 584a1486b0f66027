"""Points that share a basis."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from skdc import Condenser
from skdc.discrepancies import MMD
from skdc.parameterizations import Points
from skdc.parameterizations.storage import LowRank
from skdc.solvers import Descent

from ...sources import row_source, seeded

SIZES = np.array([3, 0, 5])


@pytest.fixture
def source(rng):
    """Return weighted rows of three classes, the second one absent from the set."""
    y = np.repeat([0, 1, 2], [20, 4, 16])
    return row_source(rng.normal(size=(40, 2)) + 10 * y[:, None], y, weight=rng.uniform(0.5, 2, 40))


def test_a_low_rank_starts_at_the_best_approximation(source, rng):
    images = row_source(5 + rng.normal(size=(30, 4, 3)), np.arange(30) % 3, weight=rng.uniform(0.5, 2, 30))
    for data, sizes, rank in ((source, SIZES, 1), (images, np.array([3, 3, 3]), 4)):
        rows = Points().build(data, sizes, seeded())()
        live = Points(LowRank(rank), within=None).build(data, sizes, seeded())
        # A table is kept about the mean of each feature, and images about that of all pixels.
        origin = 0.0 if data is source else ((data.units.shift - data.units.shift.mean()) / data.units.scale).ravel()
        left, values, right = np.linalg.svd(rows.X.detach().flatten(1).numpy() + origin, full_matrices=False)
        expected = (left[:, :rank] * values[:rank]) @ right[:rank] - origin
        np.testing.assert_allclose(live().X.detach().flatten(1), expected, atol=1e-12)
        assert live().X.shape == rows.X.shape
        torch.testing.assert_close(live().y, rows.y, rtol=0, atol=0)


def test_a_full_rank_starts_at_the_rows(source):
    live, rows = (part.build(source, SIZES, seeded())() for part in (Points(LowRank(rank=2)), Points()))
    torch.testing.assert_close(live.X, rows.X)


def test_combinations_are_of_the_size_of_a_step(rng):
    source = row_source(5 + 100 * rng.normal(size=(50, 7)))
    live = Points(LowRank(rank=3)).build(source, np.array([20]), seeded())
    np.testing.assert_allclose(live.codec.combinations.detach().square().mean(0), 1)


def test_a_low_rank_keeps_its_rank_while_it_moves(iris):
    condenser = Condenser(MMD(), Points(LowRank(rank=2)), Descent(n_steps=5), n_per_class=3, random_state=0).fit(*iris)
    centered = condenser.X_syn_ - iris[0].mean(axis=0)
    # Arithmetic is in float32: the third singular value is rounding.
    values = np.linalg.svd(centered, compute_uv=False)
    assert values[2] < 1e-5 * values[0] < values[1]
    mean_and_range, labels = 3 * 4 * 8, 3
    assert condenser.storage_["bytes"] == 2 * (9 + 4) * 8 + mean_and_range + labels


def test_a_low_rank_comes_as_near_as_can_be_to_other_rows(source, rng):
    live = Points(LowRank(rank=1), within=None).build(source, SIZES, seeded())
    rows = replace(live(), X=torch.as_tensor(rng.normal(size=(8, 2))))
    live.load(rows)
    left, values, right = np.linalg.svd(rows.X.numpy(), full_matrices=False)
    np.testing.assert_allclose(live().X.detach(), values[0] * np.outer(left[:, 0], right[0]), atol=1e-12)


@pytest.mark.parametrize("rank, most", [(0, 2), (3, 2), (-1, 2)])
def test_ranks_that_cannot_be_are_refused(rank, most, source):
    with pytest.raises(ValueError, match=rf"LowRank\(rank={rank}\): 8 points of 2 features have a rank of 1 to {most}"):
        Points(LowRank(rank)).build(source, SIZES, seeded())


def test_no_more_basis_rows_than_points(rng):
    source = row_source(rng.normal(size=(12, 4)))
    with pytest.raises(ValueError, match=r"LowRank\(rank=4\): 3 points of 4 features have a rank of 1 to 3"):
        Points(LowRank(rank=4)).build(source, np.array([3]), seeded())
    assert Points(LowRank(rank=3)).build(source, np.array([3]), seeded())().X.shape == (3, 4)
