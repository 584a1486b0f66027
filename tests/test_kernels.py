"""Kernels against scikit-learn, numerical integrals and finite networks."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from sklearn.metrics.pairwise import rbf_kernel
from torch import nn

from skdc.kernels import Gaussian, NeuralTangent, median_distance, squared_distances

from .sources import seeded, squares

N_NETWORKS = 100  # of which the tangent kernels are averaged


def tensor(values):
    return torch.as_tensor(np.asarray(values, dtype=np.float64))


def ones(n):
    return torch.ones(n, dtype=torch.float64)


# Gaussian


@pytest.mark.parametrize("bandwidth", [0.3, 2.0])
def test_gaussian_is_the_rbf_kernel(bandwidth, rng):
    x, y = rng.normal(size=(7, 3)), rng.normal(size=(5, 3))
    kernel = Gaussian(bandwidth=bandwidth).fit(tensor(x), ones(7))
    np.testing.assert_allclose(
        kernel(tensor(x), tensor(y)), rbf_kernel(x, y, gamma=0.5 / bandwidth**2), rtol=1e-10, atol=1e-14
    )


def test_several_bandwidths_are_averaged(rng):
    x, bandwidths = rng.normal(size=(7, 3)), [0.5, 1.0, 4.0]
    kernel = Gaussian(bandwidth=bandwidths).fit(tensor(x), ones(7))
    expected = np.mean([rbf_kernel(x, gamma=0.5 / b**2) for b in bandwidths], axis=0)
    np.testing.assert_allclose(kernel(tensor(x), tensor(x)), expected, rtol=1e-10)
    np.testing.assert_allclose(kernel.bandwidth_, bandwidths)


def test_factor_multiplies_the_bandwidth(rng):
    x = rng.normal(size=(7, 3))
    median = Gaussian().fit(tensor(x), ones(7)).bandwidth_
    np.testing.assert_allclose(Gaussian(factor=0.5).fit(tensor(x), ones(7)).bandwidth_, 0.5 * median)


@pytest.mark.parametrize("kernel", [Gaussian(), Gaussian(factor=2.0), NeuralTangent(depth=2)])
def test_a_resolved_kernel_needs_no_data(kernel, rng):
    x = tensor(rng.normal(size=(7, 3)))
    kernel = kernel.fit(x, ones(7))
    other_data = tensor(100 * rng.normal(size=(4, 3)))
    resolved = kernel.resolved().fit(other_data, ones(4))
    torch.testing.assert_close(resolved(x, x), kernel(x, x))


@pytest.mark.parametrize("bandwidth", [0.0, -1.0, np.nan, np.inf, [], [1.0, 0.0]])
def test_bad_bandwidths_are_refused(bandwidth):
    with pytest.raises(ValueError, match="must be 'median', or positive numbers in the units of the rows"):
        Gaussian(bandwidth=bandwidth).fit(tensor(np.zeros((2, 1))), ones(2))


def test_unknown_words_are_refused():
    with pytest.raises(ValueError, match="bandwidth='scott' is not known; use 'median'"):
        Gaussian(bandwidth="scott").fit(tensor(np.zeros((2, 1))), ones(2))


# Median distance


def test_median_distance_is_the_median_of_all_pairs(rng):
    x = rng.normal(size=(21, 3))
    # 441 pairs, a row with itself among them: the 221st.
    assert np.isclose(median_distance(tensor(x), ones(21)), np.sqrt(np.sort(squares(x, x).ravel())[220]))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("normalised", [False, True])
def test_weight_counts_as_repetition_in_the_median(seed, normalised):
    rng = np.random.default_rng(seed)
    x, weight = rng.normal(size=(6, 2)), rng.integers(1, 4, 6)
    repeated = np.repeat(x, weight, axis=0)
    masses = tensor(weight), ones(len(repeated))
    if normalised:
        masses = tuple(mass / mass.sum() for mass in masses)
    weighted, counted = median_distance(tensor(x), masses[0]), median_distance(tensor(repeated), masses[1])
    assert weighted == pytest.approx(counted, rel=1e-9)


def test_median_of_mostly_equal_rows_is_their_root_mean_square(rng):
    x = np.concatenate([np.tile(10 * rng.normal(size=64), (30, 1)), 10 * rng.normal(size=(5, 64))])
    expected = np.sqrt(squares(x, x).mean())
    assert median_distance(tensor(x), ones(35)) == pytest.approx(expected)


@pytest.mark.parametrize("d", [1, 17, 64])
def test_median_of_equal_rows_is_one(d, rng):
    x = np.tile(10 * rng.normal(size=d), (9, 1))
    assert median_distance(tensor(x), ones(9)) == 1.0


# Squared distances and gradients


def test_squared_distances_are_never_negative(rng):
    x = torch.as_tensor(1e3 + 1e-3 * rng.normal(size=(50, 4)), dtype=torch.float32)
    assert (squared_distances(x, x) >= 0).all()


@pytest.mark.parametrize("kernel", [Gaussian(bandwidth=1.0), NeuralTangent(scale=1.0), NeuralTangent(3, scale=1.0)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_are_finite_at_coincident_rows(kernel, dtype, rng):
    x = torch.as_tensor(rng.normal(size=(5, 3)), dtype=dtype)
    x[1], x[2] = x[0], -x[0]
    kernel = kernel.fit(x, torch.ones(5, dtype=dtype))
    moving = x.clone().requires_grad_()
    (kernel(moving, moving).sum() + kernel(moving, x).sum()).backward()
    assert moving.grad.isfinite().all()


@pytest.mark.parametrize("bias_std", [0.0, 0.1])
def test_neural_tangent_gradients_are_finite_at_the_origin(bias_std, rng):
    kernel = NeuralTangent(bias_std=bias_std, scale=1.0).fit(tensor(np.ones((1, 3))), ones(1))
    moving = torch.zeros(2, 3, dtype=torch.float64, requires_grad=True)
    (kernel(moving, moving).sum() + kernel(moving, tensor(rng.normal(size=(4, 3)))).sum()).backward()
    assert moving.grad.isfinite().all()


# Neural tangent kernel


def rectified_products(variances, covariance):
    """Return E[relu(u) relu(v)] and P(u > 0, v > 0) of a Gaussian pair, by integrals over u."""
    su, sv = np.sqrt(variances)
    slope, spread = covariance / su**2, np.sqrt(sv**2 - covariance**2 / su**2)

    def relu_of_v(u):
        z = slope * u / spread
        return slope * u * stats.norm.cdf(z) + spread * stats.norm.pdf(z)

    product = integrate.quad(lambda u: u * relu_of_v(u) * stats.norm.pdf(u, scale=su), 0, 12 * su)[0]
    both = integrate.quad(lambda u: stats.norm.cdf(slope * u / spread) * stats.norm.pdf(u, scale=su), 0, 12 * su)[0]
    return product, both


def neural_tangent(x, y, depth, weight_std, bias_std):
    """Return the kernel of two rows by the recursion of Jacot et al., with integrals for expectations."""
    w, b = weight_std**2, bias_std**2
    xx, xy, yy = (w * (u @ v) / len(x) + b for u, v in ((x, x), (x, y), (y, y)))
    tangent = xy
    for _ in range(depth):
        product, both = rectified_products((xx, yy), xy)
        tangent = tangent * w * both
        xx, xy, yy = w * xx / 2 + b, w * product + b, w * yy / 2 + b
        tangent += xy
    return tangent


@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("weight_std, bias_std", [(2**0.5, 0.1), (1.0, 0.7), (1.3, 0.0)])
def test_neural_tangent_is_the_recursion(depth, weight_std, bias_std, rng):
    x, y = rng.normal(size=(3, 4)), rng.normal(size=(2, 4))
    kernel = NeuralTangent(depth, weight_std, bias_std, scale=2.0).fit(tensor(x), ones(3))
    expected = [[neural_tangent(u / 2, v / 2, depth, weight_std, bias_std) for v in y] for u in x]
    np.testing.assert_allclose(kernel(tensor(x), tensor(y)), expected, rtol=1e-7)


def test_neural_tangent_diagonal_is_exact(rng):
    # Rows at no angle: E[relu(u)^2] = u^2 / 2 and P(u > 0) = 1 / 2.
    x = rng.normal(size=(3, 4))
    kernel = NeuralTangent(depth=1, weight_std=2**0.5, bias_std=0.1, scale=1.0).fit(tensor(x), ones(3))
    first = 2 * (x**2).mean(axis=1) + 0.01
    np.testing.assert_allclose(kernel(tensor(x), tensor(x)).diagonal(), first + first + 0.01, rtol=1e-6)


def test_neural_tangent_scale_is_the_root_mean_square(rng):
    x, weight = rng.normal(size=(5, 4)), rng.integers(1, 4, 5)
    kernel = NeuralTangent().fit(tensor(x), tensor(weight))
    assert kernel.scale_ == pytest.approx(np.sqrt((np.repeat(x, weight, axis=0) ** 2).mean()))
    assert NeuralTangent().fit(tensor(np.zeros((2, 3))), ones(2)).scale_ == 1.0


def finite_kernel(x, width, depth, weight_std, bias_std, generator):
    """Return J J^T of a random network in the tangent parametrization."""
    sizes = [x.shape[1], *[width] * depth, 1]
    weights = [torch.randn(a, b, generator=generator, requires_grad=True) for a, b in pairwise(sizes)]
    biases = [torch.randn(b, generator=generator, requires_grad=True) for b in sizes[1:]]
    hidden = x
    for i, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        hidden = weight_std / weight.shape[0] ** 0.5 * hidden @ weight + bias_std * bias
        hidden = nn.functional.relu(hidden) if i < depth else hidden
    rows = [torch.autograd.grad(out, [*weights, *biases], retain_graph=True) for out in hidden[:, 0]]
    jacobian = torch.stack([torch.cat([g.flatten() for g in row]) for row in rows])
    return (jacobian @ jacobian.T).numpy()


@pytest.mark.parametrize("depth, width", [(1, 4000), (2, 600)])
def test_neural_tangent_is_the_limit_of_finite_networks(depth, width, rng):
    x = torch.as_tensor(rng.normal(size=(3, 5)), dtype=torch.float32)
    kernel = NeuralTangent(depth, 1.2, 0.4, scale=1.0).fit(x, torch.ones(3))
    generator = seeded()
    draws = np.stack([finite_kernel(x, width, depth, 1.2, 0.4, generator) for _ in range(N_NETWORKS)])
    error = draws.std(axis=0, ddof=1) / N_NETWORKS**0.5
    limit = kernel(x, x).numpy()
    # Four standard errors of the mean; the mean itself is off by O(1 / width).
    assert (np.abs(draws.mean(axis=0) - limit) < 4 * error + limit.max() / width).all()
    assert (4 * error < 0.05 * limit.max()).all()
