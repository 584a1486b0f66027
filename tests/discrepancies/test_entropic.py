"""Entropic transport against geomloss, POT, a plain reference in numpy, and what is known in closed form."""

import math

import numpy as np
import ot
import pytest
import torch
from geomloss import SamplesLoss
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from skdc.discrepancies.transport import entropic
from skdc.discrepancies.transport.entropic import Sinkhorn, UnbalancedSinkhorn
from skdc.sets import Block
from skdc.utils.estimator_checks import check_discrepancy

from ..sources import block, row_source, seeded, squares

BOTH = [Sinkhorn(), UnbalancedSinkhorn()]


@pytest.fixture
def clouds(rng):
    """Return two weighted clouds as arrays (x, p, y, q), the masses normalised."""
    x, y = rng.normal(size=(12, 3)), 1 + rng.normal(size=(7, 3))
    p, q = rng.uniform(0.5, 2, 12), rng.uniform(0.5, 2, 7)
    return x, p / p.sum(), y, q / q.sum()


def fitted(discrepancy, x):
    return discrepancy.fit(row_source(x), seeded())


def value(discrepancy, x, p, y, q):
    # Weights that are no masses: the discrepancy has to normalise them.
    return float(discrepancy.distance(block(x, 5 * p), block(y, 3 * q), None))


def gradients(discrepancy, x, p, y, q):
    """Return the gradients in the points and in their weights."""
    points, weights = torch.as_tensor(y).requires_grad_(), torch.as_tensor(q).requires_grad_()
    moving = Block(weights, torch.zeros(len(y), dtype=torch.int64), points)
    return torch.autograd.grad(discrepancy.between(block(x, p), moving, None), [points, weights])


def cost(x, p, y, q, epsilon, strength):
    """Return the entropic cost of transport by Sinkhorn's damped iterations, as many as it takes."""
    costs, damping = squares(x, y), 1 / (1 + epsilon / strength)
    kernel, u, v, before = np.exp(-costs / epsilon), np.ones(len(p)), np.ones(len(q)), np.inf
    while np.abs(v / before - 1).max() > 1e-13:
        before = v
        # Both at once, and averaged: alternating steps hardly end for two equal clouds.
        u, v = np.sqrt(u * (kernel @ (q * v)) ** -damping), np.sqrt(v * (kernel.T @ (p * u)) ** -damping)
    plan, potentials = p[:, None] * u[:, None] * kernel * v * q, [epsilon * np.log(u), epsilon * np.log(v)]
    if strength < math.inf:
        potentials = [-strength * np.expm1(-potential / strength) for potential in potentials]
    return potentials[0] @ p + potentials[1] @ q - epsilon * (plan.sum() - 1)


def divergence(x, p, y, q, epsilon, strength=math.inf):
    pairs = [(x, p, y, q, 1.0), (x, p, x, p, -0.5), (y, q, y, q, -0.5)]
    return sum(factor * cost(*pair, epsilon, strength) for *pair, factor in pairs)


def normalised(masses):
    return masses / masses.sum()


def check_gradients(discrepancy, clouds, *scale):
    """Compare with differences of the definition along random directions."""
    x, p, y, q = clouds
    rng, step = np.random.default_rng(0), 1e-5
    in_points, in_weights = gradients(discrepancy, *clouds)
    for _ in range(3):
        way, tilt = step * rng.normal(size=y.shape), step * rng.normal(size=q.shape)
        rise = divergence(x, p, y + way, q, *scale) - divergence(x, p, y - way, q, *scale)
        assert 2 * float((in_points * torch.as_tensor(way)).sum()) == pytest.approx(rise, rel=1e-5, abs=1e-12)
        rise = divergence(x, p, y, normalised(q + tilt), *scale) - divergence(x, p, y, normalised(q - tilt), *scale)
        assert 2 * float(in_weights @ torch.as_tensor(tilt)) == pytest.approx(rise, rel=1e-5, abs=1e-12)


# Other implementations


@pytest.mark.parametrize("blur", [0.03, 0.3, 3.0])
def test_the_value_and_its_gradients_are_those_of_the_definition(blur, clouds):
    x = clouds[0]
    sinkhorn = fitted(Sinkhorn(blur), x)
    epsilon = blur * squares(x, x).mean()
    assert sinkhorn.epsilon_ == pytest.approx(epsilon)
    assert value(sinkhorn, *clouds) == pytest.approx(divergence(*clouds, epsilon), rel=1e-8)
    check_gradients(sinkhorn, clouds, epsilon)


@pytest.mark.parametrize(
    "blur, reach",
    [(0.03, 0.2), (0.03, 1.0), pytest.param(0.03, 5.0, marks=pytest.mark.slow), (1.0, 0.2), (1.0, 1.0), (1.0, 5.0)],
)
def test_the_unbalanced_value_and_its_gradients_are_those_of_the_definition(blur, reach, clouds):
    x = clouds[0]
    sinkhorn = fitted(UnbalancedSinkhorn(blur, reach), x)
    scale = blur * squares(x, x).mean(), reach**2 * squares(x, x).mean()
    assert (sinkhorn.epsilon_, sinkhorn.strength_) == pytest.approx(scale)
    assert value(sinkhorn, *clouds) == pytest.approx(divergence(*clouds, *scale), rel=1e-8)
    check_gradients(sinkhorn, clouds, *scale)


def geomloss(discrepancy, x, p, y, q, reach=None):
    """Return geomloss's value and gradient in our unit: its cost is half of the square, and so is its value."""
    points = torch.as_tensor(y).requires_grad_()
    # Slow annealing: its iterations end with it, converged or not.
    blur = (discrepancy.epsilon_ / 2) ** 0.5
    loss = SamplesLoss("sinkhorn", p=2, blur=blur, reach=reach, scaling=0.9995, backend="tensorized")
    found = 2 * loss(torch.as_tensor(p), torch.as_tensor(x), torch.as_tensor(q), points)
    return float(found.detach()), torch.autograd.grad(found, points)[0]


@pytest.mark.parametrize("blur", [1.0, 10.0])
def test_geomloss_agrees(blur, clouds):
    sinkhorn = fitted(Sinkhorn(blur), clouds[0])
    expected, gradient = geomloss(sinkhorn, *clouds)
    assert value(sinkhorn, *clouds) == pytest.approx(expected, rel=1e-4)
    np.testing.assert_allclose(gradients(sinkhorn, *clouds)[0], gradient, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("reach", [0.3, 2.0])
def test_the_reach_is_that_of_geomloss(reach, clouds):
    sinkhorn = fitted(UnbalancedSinkhorn(0.1, reach), clouds[0])
    expected, _ = geomloss(sinkhorn, *clouds, reach=(sinkhorn.strength_ / 2) ** 0.5)
    assert value(sinkhorn, *clouds) == pytest.approx(expected, rel=1e-4)


def test_pot_agrees(rng):
    x, y = rng.normal(size=(2, 9, 2))
    mass = np.full(9, 1 / 9)
    sinkhorn = fitted(Sinkhorn(0.3), x)
    plans = [
        ot.sinkhorn(mass, mass, squares(a, b), sinkhorn.epsilon_, numItermax=10**5, stopThr=1e-12)
        for a, b in [(x, y), (x, x), (y, y)]
    ]
    # POT's sinkhorn2 is the linear part of the cost; the entropy, relative to the product of the masses, comes to it.
    costs = [
        (plan * squares(a, b)).sum() + sinkhorn.epsilon_ * (plan * np.log(plan * 81)).sum()
        for plan, (a, b) in zip(plans, [(x, y), (x, x), (y, y)], strict=True)
    ]
    assert value(sinkhorn, x, mass, y, mass) == pytest.approx(costs[0] - costs[1] / 2 - costs[2] / 2, rel=1e-8)


def test_little_blur_gives_the_wasserstein_distance(clouds):
    x, p, y, q = clouds
    exact = ot.emd2(p, q, squares(x, y))
    errors = [abs(value(fitted(Sinkhorn(blur), x), *clouds) / exact - 1) for blur in (1e-2, 1e-4, 1e-6)]
    assert errors[0] < 1e-2
    assert errors[1] < 2e-4
    assert errors[2] < 2e-6


def test_much_blur_gives_the_distance_of_the_means(clouds):
    x, p, y, q = clouds
    assert value(fitted(Sinkhorn(1e5), x), *clouds) == pytest.approx(((p @ x - q @ y) ** 2).sum(), rel=1e-4)


def test_a_long_reach_holds_the_marginals(clouds):
    x = clouds[0]
    assert value(fitted(UnbalancedSinkhorn(reach=1e4), x), *clouds) == pytest.approx(
        value(fitted(Sinkhorn(), x), *clouds), rel=1e-6
    )


def test_what_is_out_of_reach_is_paid_and_not_moved():
    here, there = np.zeros((4, 2)), np.full((3, 2), 1e4)
    sinkhorn = UnbalancedSinkhorn(0.01).fit(row_source(np.eye(2)), seeded())
    points, _ = gradients(sinkhorn, here, np.ones(4) / 4, there, np.ones(3) / 3)
    found = value(sinkhorn, here, np.ones(4) / 4, there, np.ones(3) / 3)
    # All mass is made here, and all is destroyed there; the entropy of an empty plan is epsilon.
    own = cost(here, np.ones(4) / 4, here, np.ones(4) / 4, sinkhorn.epsilon_, sinkhorn.strength_)
    assert found == pytest.approx(2 * sinkhorn.strength_ + sinkhorn.epsilon_ - own, rel=1e-8)
    assert not points.any()


# What is known


@settings(max_examples=30, deadline=None)
@given(
    shift=st.lists(st.floats(-5, 5), min_size=2, max_size=2),
    blur=st.sampled_from([1e-3, 0.1, 10.0]),
    seed=st.integers(0, 1000),
)
def test_a_translation_costs_its_square(shift, blur, seed):
    x = np.random.default_rng(seed).normal(size=(8, 2))
    mass, shift = np.full(8, 1 / 8), np.array(shift)
    sinkhorn = fitted(Sinkhorn(blur), x)
    square = (shift**2).sum()
    assert value(sinkhorn, x, mass, x + shift, mass) == pytest.approx(square, rel=1e-7, abs=1e-9)
    np.testing.assert_allclose(gradients(sinkhorn, x, mass, x + shift, mass)[0].sum(0), 2 * shift, atol=1e-6)


@pytest.mark.parametrize("blur", [1e-6, 0.1, 100.0])
def test_two_diracs_are_their_squared_distance_apart(blur):
    sinkhorn = fitted(Sinkhorn(blur), np.eye(3))
    x, y, one = np.array([[1.0, 2.0, 3.0]]), np.array([[0.0, 5.0, 3.0]]), np.ones(1)
    assert value(sinkhorn, x, one, y, one) == pytest.approx(10.0, rel=1e-12)
    np.testing.assert_allclose(gradients(sinkhorn, x, one, y, one)[0], 2 * (y - x), rtol=1e-12)


@pytest.mark.parametrize("discrepancy", BOTH, ids=repr)
@settings(max_examples=25, deadline=None)
@given(n=st.integers(1, 9), m=st.integers(1, 9), seed=st.integers(0, 1000))
def test_it_is_zero_at_itself_positive_elsewhere_and_symmetric(discrepancy, n, m, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, 2)), 1 + rng.normal(size=(m, 2))
    p, q = rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(m))
    discrepancy = fitted(discrepancy, np.vstack([x, y]))
    # The marginals are right to a tenth of the root of the rounding error, 1.5e-9.
    assert abs(value(discrepancy, x, p, x, p)) < 1e-8 * discrepancy.epsilon_
    found = value(discrepancy, x, p, y, q)
    assert found > 0
    assert value(discrepancy, y, q, x, p) == pytest.approx(found, rel=1e-9)


@pytest.mark.parametrize("discrepancy", BOTH, ids=repr)
def test_weight_is_multiplicity(discrepancy, rng):
    x, y = rng.normal(size=(8, 2)), rng.normal(size=(5, 2))
    p, q = rng.integers(1, 4, 8), rng.integers(1, 4, 5)
    discrepancy = fitted(discrepancy, x)
    repeated = value(discrepancy, np.repeat(x, p, axis=0), np.ones(p.sum()), np.repeat(y, q, axis=0), np.ones(q.sum()))
    assert value(discrepancy, x, p.astype(float), y, q.astype(float)) == pytest.approx(repeated, rel=1e-9)


@pytest.mark.parametrize("discrepancy", BOTH, ids=repr)
def test_the_witness_is_the_slope_as_mass_comes_in(discrepancy, clouds, rng):
    x, p, y, q = clouds
    at = rng.normal(size=(3, 3))
    # Blurred: else the mass that comes in soon counts among its own neighbours.
    discrepancy = fitted(clone(discrepancy).set_params(blur=1.0), x)
    witness = discrepancy.witness(block(x, p), block(y, q), torch.as_tensor(at)).numpy()

    def slope(row, step=1e-4):
        # One-sided, of second order: there is no negative mass.
        steps = [0.0, step, 2 * step]
        values = [value(discrepancy, np.vstack([x, row]), np.append((1 - t) * p, t), y, q) for t in steps]
        return (4 * values[1] - values[2] - 3 * values[0]) / (2 * step)

    slopes = np.array([slope(row) for row in at])
    np.testing.assert_allclose(witness - witness[0], slopes - slopes[0], rtol=1e-4, atol=1e-5)


def test_the_witness_far_off_is_the_difference_of_the_potentials():
    # Two rows, a point between them and one far away: the potentials by hand, from the definition of the best.
    x, y, far = np.array([[0.0], [2.0]]), np.array([[1.0]]), np.array([[40.0]])
    sinkhorn = fitted(Sinkhorn(0.5), x)
    epsilon, half = sinkhorn.epsilon_, np.ones(2) / 2
    assert epsilon == 1.0
    own = -0.5 * epsilon * np.log((1 + np.exp(-4 / epsilon)) / 2)
    reached = (far - x.T)[0] ** 2
    own_far = reached.min() - epsilon * np.log(half @ np.exp((own + reached.min() - reached) / epsilon))
    # To a single point the cost is what has to be paid, up to a constant.
    expected = ((far - y) ** 2).item() - own_far - (1.0 - own)
    witness = sinkhorn.witness(block(x), block(y), torch.as_tensor(np.vstack([x[:1], far])))
    assert float(witness[1] - witness[0]) == pytest.approx(expected, rel=1e-10)


# Numbers


@pytest.mark.parametrize("discrepancy", BOTH, ids=repr)
@pytest.mark.parametrize("blur", [1e-12, 1e-6, 1e-2, 1e6])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_value_and_gradient_are_finite(discrepancy, blur, dtype, rng):
    x, far = rng.normal(size=(20, 3)), np.full((2, 3), 1e4)
    discrepancy = fitted(clone(discrepancy).set_params(blur=blur), x)
    light = np.array([1.0, 1e-12, 1.0, 0.0])
    cases = [(x, None), (x[:1], None), (np.zeros((4, 3)), None), (far, None), (x[:4], light)]
    cases += [(np.vstack([x[:2], far]), np.array([1.0, 1.0, 0.0, 0.0]))]
    for i, j in np.ndindex(len(cases), len(cases)):
        p, q = ((torch.as_tensor(v).to(dtype), w) for v, w in (cases[i], cases[j]))
        masses = [torch.ones(len(v), dtype=dtype) if w is None else torch.as_tensor(w).to(dtype) for v, w in (p, q)]
        blocks = [
            Block(w.requires_grad_(), torch.zeros(len(w), dtype=torch.int64), v[0].clone().requires_grad_())
            for w, v in zip(masses, (p, q), strict=True)
        ]
        found = discrepancy.distance(*blocks, None)
        slopes = torch.autograd.grad(found, [blocks[1].values, blocks[0].weight, blocks[1].weight])
        assert found.isfinite(), (i, j)
        assert all(slope.isfinite().all() for slope in slopes), (i, j)


@pytest.mark.parametrize("discrepancy", BOTH, ids=repr)
def test_single_precision_agrees_with_double(discrepancy, rng):
    x, y = rng.normal(size=(200, 20)), 0.3 + rng.normal(size=(20, 20))
    discrepancy = fitted(discrepancy, x)
    found = {}
    for dtype in (torch.float32, torch.float64):
        rows = Block(torch.ones(200, dtype=dtype), torch.zeros(200, dtype=torch.int64), torch.as_tensor(x).to(dtype))
        points = torch.as_tensor(y).to(dtype).requires_grad_()
        moving = Block(torch.ones(20, dtype=dtype), torch.zeros(20, dtype=torch.int64), points)
        distance = discrepancy.distance(rows, moving, None)
        assert distance.dtype == dtype
        found[dtype] = distance.item(), torch.autograd.grad(distance, points)[0].double()
    assert found[torch.float32][0] == pytest.approx(found[torch.float64][0], rel=1e-5)
    single, double = found[torch.float32][1], found[torch.float64][1]
    assert (single - double).norm() < 1e-3 * double.norm()


@pytest.mark.parametrize("blur", [1e-4, 1e-2, 1.0])
def test_a_hundred_steps_are_more_than_enough(blur, rng):
    x, y = rng.uniform(size=(150, 2)), 0.5 + 0.3 * rng.uniform(size=(30, 2))
    mass = np.full(150, 1 / 150), np.full(30, 1 / 30)
    few, many = (value(fitted(Sinkhorn(blur, max_iter), x), x, mass[0], y, mass[1]) for max_iter in (100, 10_000))
    assert few == pytest.approx(many, rel=1e-10)


def test_blocks_too_large_are_refused(monkeypatch, clouds):
    x, p, y, q = clouds
    monkeypatch.setattr(entropic, "_ENTRIES", 80)
    with pytest.raises(ValueError, match=r"12 times 7 .*SlicedWasserstein, MMD or RandomFeatureMMD"):
        value(fitted(Sinkhorn(), x), x, p, y, q)


@pytest.mark.parametrize(
    ("discrepancy", "message"),
    [
        (Sinkhorn(blur=0.0), r"Sinkhorn\(blur=0.0\)"),
        (Sinkhorn(blur=math.inf), r"Sinkhorn\(blur=inf\)"),
        (Sinkhorn(max_iter=0), r"max_iter=0"),
        (UnbalancedSinkhorn(blur=-1.0), r"UnbalancedSinkhorn\(blur=-1.0\)"),
        (UnbalancedSinkhorn(reach=math.inf), r"reach=inf.*Sinkhorn\(\)"),
    ],
)
def test_senseless_parameters_are_refused(discrepancy, message, clouds):
    with pytest.raises(ValueError, match=message):
        fitted(discrepancy, clouds[0])


@pytest.mark.parametrize("discrepancy", BOTH, ids=repr)
def test_it_passes_the_published_checks(discrepancy):
    check_discrepancy(discrepancy)
