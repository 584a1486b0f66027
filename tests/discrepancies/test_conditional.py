"""The conditional MMD against its definition in numpy, and what it sees that the MMD of the features does not."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics.pairwise import laplacian_kernel, linear_kernel, rbf_kernel

from skdc import Condenser
from skdc.discrepancies import MMD, conditional
from skdc.discrepancies.conditional import ConditionalMMD
from skdc.kernels import Energy, Gaussian, Laplace, Linear
from skdc.parameterizations import Points
from skdc.sets import Block
from skdc.solvers import Descent
from skdc.spaces import Identity, Joint

from ..sources import block, finite_differences, row_source, seeded

few = settings(deadline=None, max_examples=10, derandomize=True)
FIXED = ConditionalMMD(Gaussian(1.3), Gaussian(0.7), regularization=0.02, space=Joint(target_weight=1.0))


def regression(rng, n=12, d=2):
    x = rng.normal(size=(n, d))
    return x, np.sin(2 * x[:, :1]) + 0.3 * rng.normal(size=(n, 1))


@pytest.fixture
def sets(rng):
    """Return two weighted sets as arrays ((x, y), p) and ((x, y), q)."""
    return (regression(rng), rng.uniform(0.5, 2, 12)), (regression(rng, 7), rng.uniform(0.5, 2, 7))


def fitted(discrepancy, pair):
    return discrepancy.fit(row_source(pair[0], pair[1], regression=True), seeded())


def joined(pair, weight=None):
    return block(np.hstack(pair), weight)


def distance(discrepancy, p, q):
    return float(discrepancy.distance(joined(*p), joined(*q), seeded()))


def by_definition(p, q, kernel, target_kernel, regularization):
    """Return the three traces with explicit inverses."""
    ((x, y), p), ((u, v), q) = p, q
    inverses = [
        np.linalg.inv(kernel(rows, rows) + regularization * np.diag(mass.sum() / mass))
        for rows, mass in ((x, p), (u, q))
    ]
    within = [
        np.trace(kernel(rows, rows) @ inverse @ target_kernel(targets, targets) @ inverse)
        for (rows, targets), inverse in zip(((x, y), (u, v)), inverses, strict=True)
    ]
    return sum(within) - 2 * np.trace(kernel(u, x) @ inverses[0] @ target_kernel(y, v) @ inverses[1])


def test_distance_is_its_definition(sets):
    discrepancy = fitted(FIXED, sets[0][0])
    expected = by_definition(
        *sets, lambda a, b: rbf_kernel(a, b, 0.5 / 1.3**2), lambda a, b: rbf_kernel(a, b, 0.5 / 0.7**2), 0.02
    )
    assert distance(discrepancy, *sets) == pytest.approx(expected, rel=1e-9)


def test_a_linear_target_kernel_compares_kernel_ridge_regressions(sets):
    discrepancy = fitted(ConditionalMMD(Gaussian(1.3), Linear(), 0.02, space=Joint(target_weight=1.0)), sets[0][0])
    expected = by_definition(*sets, lambda a, b: rbf_kernel(a, b, 0.5 / 1.3**2), linear_kernel, 0.02)
    assert distance(discrepancy, *sets) == pytest.approx(expected, rel=1e-9)
    discrepancy = fitted(ConditionalMMD(Linear(), Laplace(2.0), 0.02, space=Joint(target_weight=1.0)), sets[0][0])
    expected = by_definition(*sets, linear_kernel, lambda a, b: laplacian_kernel(a, b, 0.5), 0.02)
    assert distance(discrepancy, *sets) == pytest.approx(expected, rel=1e-6)


def test_it_is_zero_at_itself_symmetric_and_positive(sets):
    p, q = sets
    discrepancy = fitted(ConditionalMMD(), p[0])
    assert distance(discrepancy, p, p) == pytest.approx(0, abs=1e-10)
    assert distance(discrepancy, p, q) == pytest.approx(distance(discrepancy, q, p))
    assert distance(discrepancy, p, q) > 0.01


def test_it_sees_the_law_of_targets_where_marginals_agree(rng):
    x, noise = rng.normal(size=(200, 1)), 0.1 * rng.normal(size=(200, 1))
    mirrored, rise = np.vstack([x, -x]), np.vstack([x + noise, -x - noise])
    # Both sets have the same x and the same y; y rises with x in one, and falls in the other.
    rising, falling, ones = (mirrored, rise), (mirrored, -rise), np.ones(400)
    assert MMD()(mirrored, mirrored) == pytest.approx(0, abs=1e-12)
    assert MMD()(rise, -rise) == pytest.approx(0, abs=1e-12)
    discrepancy = fitted(ConditionalMMD(), rising)
    fresh = rng.normal(size=(400, 1))
    alike = fresh, fresh + 0.1 * rng.normal(size=(400, 1))
    across = distance(discrepancy, (rising, ones), (falling, ones))
    assert across > 0.5
    assert distance(discrepancy, (rising, ones), (alike, ones)) < 0.1 * across


def test_it_sees_more_than_the_mean_of_the_targets(rng):
    x = rng.uniform(-1, 1, size=(300, 1))
    sign, two = rng.choice([-1.0, 1.0], size=(300, 1)), rng.normal(size=(300, 1))
    coin, bell, ones = (x, sign), (x, two), np.ones(300)
    full = fitted(ConditionalMMD(target_kernel=Gaussian(0.5)), coin)
    assert distance(full, (coin, ones), (bell, ones)) > 0.1
    # Means alone agree but for noise.
    means = fitted(ConditionalMMD(target_kernel=Linear(), regularization=0.1), coin)
    shifted = x, sign + 1
    assert distance(means, (coin, ones), (bell, ones)) < 0.1 * distance(means, (coin, ones), (shifted, ones))


def test_gradients_in_features_targets_and_weights_are_those_of_the_value(sets):
    (pair, p), (other, q) = sets
    discrepancy = fitted(FIXED, pair)
    values = np.hstack(other)
    points = Block(
        torch.as_tensor(q).requires_grad_(), torch.zeros(7, dtype=torch.int64), torch.as_tensor(values).requires_grad_()
    )
    discrepancy.between(joined(pair, p), points, None).backward()

    def between(values, weight):
        return float(discrepancy.between(joined(pair, p), block(values, weight), None))

    expected = finite_differences(lambda moved: between(moved, q), values)
    assert (np.abs(expected) > 1e-4).all()
    np.testing.assert_allclose(points.values.grad, expected, rtol=1e-5, atol=1e-8)
    expected = finite_differences(lambda weight: between(values, weight), q)
    np.testing.assert_allclose(points.weight.grad, expected, rtol=1e-5, atol=1e-8)


@given(seed=st.integers(0, 10**6))
@few
def test_order_and_translation_do_not_matter_and_weight_is_multiplicity(seed):
    rng = np.random.default_rng(seed)
    (x, y), (u, v) = regression(rng, 8), regression(rng, 5)
    p, q = rng.integers(1, 4, 8).astype(float), rng.integers(1, 4, 5).astype(float)
    discrepancy = fitted(FIXED, (x, y))
    expected = distance(discrepancy, ((x, y), p), ((u, v), q))
    twice = [
        ((np.repeat(a, w.astype(int), axis=0), np.repeat(b, w.astype(int), axis=0)), np.ones(int(w.sum())))
        for a, b, w in ((x, y, p), (u, v, q))
    ]
    assert distance(discrepancy, *twice) == pytest.approx(expected, rel=1e-6)
    flipped = ((x[::-1], y[::-1]), p[::-1].copy()), ((u[::-1], v[::-1]), q[::-1].copy())
    assert distance(discrepancy, *flipped) == pytest.approx(expected, rel=1e-8)
    moved = ((x + 3, y - 2), p), ((u + 3, v - 2), q)
    assert distance(discrepancy, *moved) == pytest.approx(expected, rel=1e-6)


def test_without_features_it_is_the_mmd_of_the_targets(rng):
    y, v = rng.normal(size=(9, 3)), rng.normal(size=(6, 3))
    discrepancy = fitted(FIXED, (rng.normal(size=(9, 2)), y))
    none = [(np.empty((len(targets), 0)), targets) for targets in (y, v)]
    # The ridge of a constant is the mean, shrunk.
    expected = MMD(bandwidth=0.7)(y, v) / 1.02**2
    assert distance(discrepancy, (none[0], np.ones(9)), (none[1], np.ones(6))) == pytest.approx(expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("values", [np.zeros((4, 3)), np.ones((1, 3)), np.eye(3)], ids=str)
def test_values_and_gradients_of_equal_rows_are_finite(values, dtype, rng):
    pair = regression(rng)
    discrepancy = ConditionalMMD().fit(row_source(*pair, regression=True, dtype=dtype), seeded())
    p, q = joined(pair), block(values)
    points = torch.as_tensor(values).to(dtype).requires_grad_()
    q = Block(q.weight.to(dtype), q.key, points)
    found = discrepancy.distance(Block(p.weight.to(dtype), p.key, p.values.to(dtype)), q, None)
    (slope,) = torch.autograd.grad(found, points)
    assert found.dtype == dtype and found.isfinite() and slope.isfinite().all()


# A solution is wrong by the rounding error over the ridge: the first ridge is inverted in float64 for that reason.
@pytest.mark.parametrize("ridge, error", [(1e-8, 1e-5), (1e-3, float(np.finfo(np.float32).eps) / 1e-3)])
def test_single_precision_rows(ridge, error, sets):
    (pair, p), (other, q) = sets
    discrepancy = fitted(ConditionalMMD(Gaussian(3.0), Gaussian(1.0), ridge, space=Joint(target_weight=1.0)), pair)
    singles = [Block(b.weight.float(), b.key, b.values.float()) for b in (joined(pair, p), joined(other, q))]
    doubles = [Block(b.weight.double(), b.key, b.values.double()) for b in singles]
    expected = float(discrepancy.distance(*doubles, None))
    assert float(discrepancy.distance(*singles, None)) == pytest.approx(expected, rel=error)


def test_masses_of_zero_have_a_witness(sets, rng):
    (pair, p), (other, q) = sets
    discrepancy = fitted(FIXED, pair)
    at = np.hstack(regression(rng, 5))
    witness = discrepancy.witness(joined(pair, 3 * p), joined(other, q), torch.as_tensor(at)).numpy()

    def along(mass):
        rows = np.vstack([np.hstack(pair), at])
        return float(discrepancy.distance(block(rows, np.append(p / p.sum(), mass)), joined(other, q), None))

    slopes = finite_differences(along, np.zeros(5), step=1e-6)
    np.testing.assert_allclose(witness, slopes, rtol=1e-4, atol=1e-6)


def test_a_condenser_learns_points_and_targets_of_a_regression(rng):
    x, y = regression(rng, 150, 1)
    condenser = Condenser(ConditionalMMD(), solver=Descent(n_steps=60), n_samples=8, random_state=0).fit(x, y[:, 0])
    assert condenser.history_["loss"][-1] < condenser.history_["loss"][0]
    first = Condenser(ConditionalMMD(), solver=Descent(n_steps=1), n_samples=8, random_state=0).fit(x, y[:, 0])
    assert not np.allclose(first.y_syn_, condenser.y_syn_), "the targets move"


def test_labels_may_be_soft(iris):
    condenser = Condenser(
        ConditionalMMD(), Points(labels="learned"), Descent(n_steps=30), n_per_class=2, random_state=0
    ).fit(*iris)
    assert condenser.history_["loss"][-1] < condenser.history_["loss"][0]
    assert condenser.y_soft_.shape == (6, 3)
    assert condenser.discrepancy_.n_outputs_ == 3


@pytest.mark.parametrize(
    "discrepancy, message",
    [
        (ConditionalMMD(by="class"), r"by='class'\): within a class there is no label left to predict; use by=None"),
        (ConditionalMMD(space=Identity()), "which Identity does not show; use space=Joint"),
        (ConditionalMMD(regularization=0.0), r"regularization=0.0\): it must be positive"),
        (ConditionalMMD(kernel=Energy()), "a regression needs a kernel that is positive definite"),
        (ConditionalMMD(target_kernel=Energy()), "target_kernel=Energy"),
    ],
    ids=repr,
)
def test_senseless_parameters_are_refused(discrepancy, message, iris):
    with pytest.raises(ValueError, match=message):
        Condenser(discrepancy).fit(*iris)


def test_data_without_targets_are_refused(iris):
    with pytest.raises(ValueError, match=r"there are no targets.*MMD\(\)"):
        ConditionalMMD()(iris[0], iris[0])
    with pytest.raises(ValueError, match=r"there are no targets.*MMD\(\)"):
        Condenser(ConditionalMMD()).fit(iris[0])
    with pytest.raises(ValueError, match="needs at least two classes"):
        Condenser(ConditionalMMD()).fit(iris[0], np.zeros(150, int))


def test_too_many_rows_are_refused(sets, monkeypatch):
    (pair, p), _ = sets
    discrepancy = fitted(FIXED, pair)
    monkeypatch.setattr(conditional, "_MAX_ROWS", len(p) - 1)
    with pytest.raises(ValueError, match=rf"as many equations as there are rows, {len(p)}, .* MMD\(space=Joint"):
        discrepancy.distance(joined(pair, p), joined(pair, p), None)
