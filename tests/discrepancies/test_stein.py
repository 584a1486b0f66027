"""The kernel Stein discrepancy against automatic derivatives of its kernel, and scores against known densities."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from skdc import Condenser
from skdc.discrepancies.stein import (
    GaussianScore,
    KernelDensityScore,
    KernelStein,
    MixtureScore,
    Score,
    _stein_kernel,
)
from skdc.kernels import median_distance
from skdc.parameterizations import Subset
from skdc.sets import Block
from skdc.solvers import Descent, Greedy
from skdc.spaces import RandomNetwork

from ..sources import block, finite_differences, row_source, seeded

few = settings(deadline=None, max_examples=10, derandomize=True)
SCORES = [GaussianScore(), KernelDensityScore(), MixtureScore(n_components=2)]


def tensor(values):
    return torch.as_tensor(np.asarray(values, dtype=np.float64))


def fit(score, x, mass=None):
    mass = np.full(len(x), 1 / len(x)) if mass is None else mass
    return score.fit(tensor(x), tensor(mass), seeded())


def fitted(discrepancy, x, **data):
    return discrepancy.fit(row_source(x, **data), seeded())


def value(discrepancy, y, weight=None):
    return float(discrepancy.between(block(y[:1]), block(y, weight), None))


# Scores


def numeric_score(log_density, x):
    return finite_differences(lambda points: log_density(points).sum(), x)


def test_the_gaussian_score_is_that_of_the_weighted_mean_and_covariance(rng):
    x, mass = rng.normal(size=(30, 3)) @ rng.normal(size=(3, 3)), rng.dirichlet(np.ones(30))
    covariance = np.cov(x.T, aweights=mass, ddof=0)
    covariance = 0.7 * covariance + 0.3 * np.trace(covariance) / 3 * np.eye(3)
    at = rng.normal(size=(5, 3))
    expected = numeric_score(stats.multivariate_normal(mass @ x, covariance).logpdf, at)
    np.testing.assert_allclose(fit(GaussianScore(shrinkage=0.3), x, mass)(tensor(at)), expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("bandwidth", [0.4, "median"])
def test_the_kernel_density_score_is_that_of_the_estimate(bandwidth, rng):
    x, mass, at = rng.normal(size=(20, 2)), rng.dirichlet(np.ones(20)), 3 * rng.normal(size=(5, 2))
    score = fit(KernelDensityScore(bandwidth), 100 + x, mass)
    width = median_distance(tensor(x), tensor(mass)) / 2 if bandwidth == "median" else bandwidth
    estimate = [stats.multivariate_normal(row, width**2) for row in x]

    def log_density(points):
        return np.log(sum(m * part.pdf(points) for m, part in zip(mass, estimate, strict=True)))

    np.testing.assert_allclose(score(tensor(100 + at)), numeric_score(log_density, at), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("d", [1, 64])
def test_the_median_bandwidth_of_gaussian_rows_is_near_their_deviation(d, rng):
    score = fit(KernelDensityScore(), 3 * rng.normal(size=(1000, d)))
    # On the line the median of |x - y| is 0.95 standard deviations of a row, over the root of two 0.67.
    assert float(score.precision_[0, 0]) ** -0.5 == pytest.approx({1: 3 * 0.674, 64: 3}[d], rel=0.05)


def test_the_mixture_score_is_near_that_of_the_mixture_the_rows_come_from(rng):
    truth = [(0.3, stats.norm(-2.0, 0.5)), (0.7, stats.norm(2.0, 1.0))]
    x = np.concatenate([part.rvs(int(20_000 * share), random_state=rng) for share, part in truth])[:, None]
    at = np.array([[-3.0], [-1.0], [0.0], [2.5]])
    expected = numeric_score(lambda points: np.log(sum(share * part.pdf(points) for share, part in truth)), at)
    found = fit(MixtureScore(2, regularization=1e-6), x)(tensor(at))
    np.testing.assert_allclose(found, expected, atol=0.15)
    assert np.abs(fit(GaussianScore(1e-6), x)(tensor(at)).numpy() - expected).max() > 1


def test_a_mixture_draws_rows_by_weight(rng):
    x = np.concatenate([rng.normal(-3, 1, 500), rng.normal(3, 1, 500)])[:, None]
    mass = np.repeat([0.2, 1.8], 500) / 1000
    weights = fit(MixtureScore(2), x, mass).log_weight_.exp().sort().values
    np.testing.assert_allclose(weights, [0.1, 0.9], atol=0.04)


@pytest.mark.parametrize("score", SCORES, ids=repr)
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_scores_have_the_inverse_unit_of_the_rows(score, scale, rng):
    x, at = rng.normal(size=(40, 2)), rng.normal(size=(5, 2))
    expected = fit(score, x)(tensor(at)).numpy()
    np.testing.assert_allclose(fit(score, scale * x)(tensor(scale * at)) * scale, expected, rtol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("score", SCORES, ids=repr)
@pytest.mark.parametrize("rows", [np.zeros((6, 2)), np.full((6, 2), 1 / 3), np.ones((1, 2)), np.eye(2)], ids=str)
def test_scores_of_few_or_equal_rows_are_finite(rows, score, dtype):
    at = torch.cat([tensor(rows), tensor([[5.0, -7.0]])]).to(dtype).requires_grad_()
    found = fit(score, rows)(at)
    (slope,) = torch.autograd.grad(found.square().sum(), at)
    assert found.dtype == dtype and found.isfinite().all() and slope.isfinite().all()
    assert found[: len(rows)].abs().max() < found[-1].abs().max(), "far points are pulled back"


@pytest.mark.parametrize("score", SCORES, ids=repr)
@pytest.mark.parametrize("d", [64, 784])
def test_scores_of_more_coordinates_than_rows_are_finite(score, d, rng):
    x = rng.normal(size=(50, d)) * (np.arange(d) % 2)
    points = block(x[:5] + 0.1)
    points = Block(points.weight.float(), points.key, points.values.float().requires_grad_())
    discrepancy = KernelStein(score).fit(row_source(x, dtype=torch.float32), seeded())
    found = discrepancy.between(points, points, None)
    (slope,) = torch.autograd.grad(found, points.values)
    assert found.isfinite() and slope.isfinite().all() and slope.abs().max() > 0


# The discrepancy


def stein_kernel(x, y, x_score, y_score, c):
    """Return the Stein kernel of two points by the derivatives of the base kernel, in units of c."""
    x, y, x_score, y_score = x / c, y / c, x_score * c, y_score * c
    x, y = x.clone().requires_grad_(), y.clone().requires_grad_()
    base = (1 + (x - y).square().sum()) ** -0.5
    along_x, along_y = torch.autograd.grad(base, (x, y), create_graph=True)
    mixed = sum(torch.autograd.grad(along_x[i], y, retain_graph=True)[0][i] for i in range(len(x)))
    return (mixed + x_score @ along_y + y_score @ along_x + base * (x_score @ y_score)).item()


def straight_line(score, c, y, q):
    y, scores = tensor(y), score(tensor(y))
    pairs = [[stein_kernel(a, b, s, t, c) for b, t in zip(y, scores)] for a, s in zip(y, scores)]
    return q @ np.array(pairs) @ q


@pytest.mark.parametrize("score", SCORES, ids=repr)
def test_value_is_that_of_automatic_derivatives(score, rng):
    x, y, q = rng.normal(size=(20, 3)), 1 + rng.normal(size=(5, 3)), rng.dirichlet(np.ones(5))
    discrepancy = fitted(KernelStein(score, bandwidth=0.8), x)
    assert value(discrepancy, y, 3 * q) == pytest.approx(straight_line(discrepancy.scores_[0], 0.8, y, q), rel=1e-9)


def test_the_mean_of_the_stein_kernel_under_its_density_is_zero(rng):
    # Stein's identity: the mean over independent pairs is zero, with the score of the density they come from.
    x = rng.normal(size=(3000, 2)) * [1.0, 0.5]
    discrepancy = fitted(KernelStein(lambda points: -points / tensor([1.0, 0.25]), bandwidth=1.0), x[:100])
    points, scores = tensor(x), discrepancy.scores_[0](tensor(x))
    kernel = _stein_kernel(points[:1500], scores[:1500], points[1500:], scores[1500:]).numpy()
    # The variance of a mean over pairs is that of its two projections, and of what is left.
    error = np.sqrt(kernel.mean(0).var() / 1500 + kernel.mean(1).var() / 1500 + kernel.var() / 1500**2)
    assert abs(kernel.mean()) < 4 * error
    assert error < 0.01 * kernel.std()


def test_samples_of_the_density_are_nearer_than_others(rng):
    x = rng.normal(size=(2000, 2))
    discrepancy = fitted(KernelStein(), x)
    own = value(discrepancy, rng.normal(size=(300, 2)))
    for other in (rng.normal(size=(300, 2)) + 0.5, 0.6 * rng.normal(size=(300, 2)), 1.5 * rng.normal(size=(300, 2))):
        assert value(discrepancy, other) > 2 * own
    assert value(discrepancy, x) < own


@given(seed=st.integers(0, 10**6))
@few
def test_value_is_not_negative_and_knows_weights_but_no_order_or_origin(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(8, 2)), rng.normal(size=(5, 2))
    p, q = rng.integers(1, 4, 8), rng.integers(1, 4, 5)
    for score in (None, KernelDensityScore()):
        discrepancy = KernelStein(score)
        expected = discrepancy(x, y, sample_weight=p, sample_weight_y=q)
        assert expected > 0
        assert discrepancy(np.repeat(x, p, axis=0), np.repeat(y, q, axis=0)) == pytest.approx(expected, rel=1e-8)
        assert discrepancy(x[::-1], y[::-1], sample_weight=p[::-1], sample_weight_y=q[::-1]) == pytest.approx(expected)
        assert discrepancy(x - 9, y - 9, sample_weight=p, sample_weight_y=q) == pytest.approx(expected)
        for unit in (2, 1e-150, 1e149):
            given = {"sample_weight": p, "sample_weight_y": q}
            assert discrepancy(unit * x, unit * y, **given) == pytest.approx(expected)


@pytest.mark.parametrize("score", SCORES, ids=repr)
def test_gradients_are_those_of_the_value(score, rng):
    x, y, q = rng.normal(size=(20, 2)), 1 + rng.normal(size=(4, 2)), rng.dirichlet(np.ones(4))
    discrepancy = fitted(KernelStein(score), x)
    points = Block(tensor(q).requires_grad_(), torch.zeros(4, dtype=torch.int64), tensor(y).requires_grad_())
    discrepancy.between(block(x), points, None).backward()
    expected = finite_differences(lambda values: value(discrepancy, values, q), y)
    np.testing.assert_allclose(points.values.grad, expected, rtol=1e-6, atol=1e-8)
    expected = finite_differences(lambda weight: value(discrepancy, y, weight), q)
    np.testing.assert_allclose(points.weight.grad, expected, rtol=1e-6, atol=1e-8)


def test_witness_and_own_kernel_are_those_of_the_stein_kernel(rng):
    x, y, at, q = rng.normal(size=(9, 2)), rng.normal(size=(4, 2)), rng.normal(size=(3, 2)), rng.dirichlet(np.ones(4))
    discrepancy = fitted(KernelStein(), x)
    score, c = discrepancy.scores_[0], discrepancy.bandwidth_

    def matrix(a, b):
        a, b = tensor(a), tensor(b)
        return np.array([[stein_kernel(u, v, score(u[None])[0], score(v[None])[0], c) for v in b] for u in a])

    witness = discrepancy.witness(block(x), block(y, 2 * q), tensor(at))
    np.testing.assert_allclose(witness, -2 * matrix(at, y) @ q, rtol=1e-9)
    own = discrepancy.own_kernel(block(x), 2)
    np.testing.assert_allclose(own.diagonal, matrix(x, x).diagonal(), rtol=1e-9)
    np.testing.assert_allclose(own.columns(torch.tensor([3, 1])), matrix(x, x)[:, [3, 1]], rtol=1e-8, atol=1e-10)
    assert not own.potential.any()


def test_greedy_selection_is_stein_thinning(rng):
    x = rng.normal(size=(40, 2))
    condenser = Condenser(KernelStein(), parameterization=Subset(), solver=Greedy(), n_samples=5, random_state=0).fit(x)
    discrepancy = fitted(KernelStein(), x - x.mean(axis=0))
    chosen = []
    for _ in range(5):
        free = [i for i in range(40) if i not in chosen]
        chosen.append(min(free, key=lambda i: value(discrepancy, (x - x.mean(axis=0))[[*chosen, i]])))
    assert condenser.indices_.tolist() == chosen


def test_each_group_has_its_score(rng):
    y = np.repeat([0, 1], [30, 50])
    X = rng.normal(size=(80, 2)) + 20 * y[:, None]
    discrepancy = KernelStein().fit(row_source(X, y), seeded())
    for c in (0, 1):
        shown = discrepancy.space_.block(row_source(X, y).rows).values[y == c]
        np.testing.assert_allclose(discrepancy.scores_[c].mean_, shown.mean(0), rtol=1e-9)
    groups = np.arange(80) % 2
    assert sorted(KernelStein(by="group").fit(row_source(X, y, groups=groups), seeded()).scores_) == [0, 1, 2, 3]
    assert list(KernelStein(by=None).fit(row_source(X, y), seeded()).scores_) == [0]


@pytest.mark.parametrize("score", SCORES, ids=repr)
def test_a_condenser_moves_points_to_the_density(score, iris):
    condenser = Condenser(KernelStein(score), solver=Descent(n_steps=60), n_per_class=3, random_state=0).fit(*iris)
    assert condenser.history_["loss"][-1] < 0.25 * condenser.history_["loss"][0]


@pytest.mark.parametrize(
    "discrepancy, message",
    [
        (KernelStein(space=RandomNetwork()), "RandomNetwork shows other rows in each step"),
        (KernelStein(score=lambda x: -x), "is given one score for 3 groups; use by=None"),
        (KernelStein(score="gaussian"), r"score='gaussian'\): give a callable"),
        (KernelStein(score=lambda x: x.sum(1), by=None), r"gives shape \(150,\) for points of shape \(150, 4\)"),
        (KernelStein(bandwidth=[1.0, 2.0]), "give one number, or 'median'"),
        (KernelStein(GaussianScore(shrinkage=0.0)), r"shrinkage=0.0\): it must be above 0 and at most 1"),
        (KernelStein(KernelDensityScore(bandwidth=0.0)), "must be 'median', or positive numbers"),
        (KernelStein(MixtureScore(n_components=0)), "there must be at least one component"),
    ],
    ids=lambda part: None,
)
def test_senseless_parameters_are_refused(discrepancy, message, iris):
    with pytest.raises(ValueError, match=message):
        Condenser(discrepancy).fit(*iris)


def test_a_score_of_ones_own_can_be_fitted_to_each_group(iris):
    class Standard(Score):
        def fit(self, values, mass, generator):
            self.mean_ = mass @ values
            return self

        def __call__(self, x):
            return self.mean_ - x

    discrepancy = KernelStein(Standard()).fit(row_source(*iris), seeded())
    assert len({tuple(score.mean_.tolist()) for score in discrepancy.scores_.values()}) == 3
