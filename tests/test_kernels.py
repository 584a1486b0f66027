"""Kernels against scikit-learn, numerical integrals and finite networks."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from scipy.spatial.distance import cdist
from sklearn.base import clone
from sklearn.metrics.pairwise import polynomial_kernel, rbf_kernel
from torch import nn

from skdc.kernels import (
    ArcCosine,
    Energy,
    Gaussian,
    InverseMultiquadric,
    Kernel,
    KernelSum,
    Laplace,
    Linear,
    NeuralTangent,
    Polynomial,
    RandomNetworkKernel,
    distance_columns,
    distances,
    median_distance,
    squared_distances,
)
from skdc.networks import MLP, ConvNet, penultimate

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


# Every kernel


POSITIVE = [
    Gaussian(),
    Gaussian([0.5, 2.0]),
    Laplace(),
    Laplace([0.5, 2.0]),
    InverseMultiquadric(),
    InverseMultiquadric([0.5, 2.0]),
    Linear(),
    Polynomial(),
    Polynomial(degree=2, constant=0.0, scale=2.0),
    ArcCosine(order=0),
    ArcCosine(order=1),
    NeuralTangent(depth=2),
    RandomNetworkKernel(MLP(width=16), n_networks=2),
]
ENERGY = [Energy(), Energy(0.5), Energy(1.7)]
EVERY = pytest.mark.parametrize("kernel", [*POSITIVE, *ENERGY], ids=repr)


@EVERY
def test_diagonal_is_the_diagonal_of_the_matrix(kernel, rng):
    x = tensor(rng.normal(size=(9, 3)))
    kernel = clone(kernel).fit(x, ones(9))
    # A little off the diagonal of some: arccos at one rounding error from 1, and its slope there.
    torch.testing.assert_close(kernel.diagonal(x), kernel(x, x).diagonal(), rtol=2e-7, atol=1e-12)


@EVERY
def test_submatrices_are_those_of_the_matrix(kernel, rng):
    x = tensor(np.c_[rng.normal(size=(9, 3)), np.full(9, 7.0)])
    kernel = clone(kernel).fit(x, ones(9))
    submatrix, matrix = kernel.among(x), kernel(x, x)
    for row in (0, 4, 8):
        torch.testing.assert_close(submatrix(slice(None), torch.tensor([row, 0])), matrix[:, [row, 0]])
        torch.testing.assert_close(submatrix(slice(2, 5), torch.tensor([row])), matrix[2:5, [row]])
    rows, others = torch.tensor([[0, 1], [4, 8]]), torch.tensor([[2, 3, 3], [0, 4, 5]])
    torch.testing.assert_close(submatrix(rows, others), matrix[rows[:, :, None], others[:, None, :]])


@EVERY
def test_kernels_are_symmetric(kernel, rng):
    x, y = tensor(rng.normal(size=(9, 3))), tensor(rng.normal(size=(4, 3)))
    kernel = clone(kernel).fit(x, ones(9))
    torch.testing.assert_close(kernel(x, y), kernel(y, x).T)


@pytest.mark.parametrize("kernel", POSITIVE, ids=repr)
def test_kernels_are_positive_definite(kernel, rng):
    x = tensor(rng.normal(size=(30, 3)))
    matrix = clone(kernel).fit(x, ones(30))(x, x)
    eigenvalues = torch.linalg.eigvalsh(matrix)
    assert eigenvalues.min() > -1e-7 * eigenvalues.max()


@pytest.mark.parametrize("kernel", ENERGY, ids=repr)
def test_energy_is_positive_definite_on_masses_that_sum_to_zero(kernel, rng):
    x = tensor(rng.normal(size=(30, 3)))
    matrix = clone(kernel).fit(x, ones(30))(x, x)
    centered = matrix - matrix.mean(0) - matrix.mean(1, keepdim=True) + matrix.mean()
    eigenvalues = torch.linalg.eigvalsh(centered)
    assert eigenvalues.min() > -1e-9 * eigenvalues.max()
    assert torch.linalg.eigvalsh(matrix).min() < -1


@EVERY
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtypes_are_kept(kernel, dtype, rng):
    x = torch.as_tensor(rng.normal(size=(5, 3)), dtype=dtype)
    kernel = clone(kernel).fit(x, torch.ones(5, dtype=dtype))
    assert (
        kernel(x, x).dtype == kernel.diagonal(x).dtype == kernel.among(x)(slice(None), torch.tensor([0])).dtype == dtype
    )


@EVERY
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_gradient_is_finite(kernel, dtype, rng):
    x = torch.as_tensor(rng.normal(size=(6, 3)), dtype=dtype)
    x[1], x[2], x[3] = x[0], -x[0], 0
    kernel = clone(kernel).fit(x, torch.ones(6, dtype=dtype))
    moving = x.clone().requires_grad_()
    (kernel(moving, moving).sum() + kernel(moving, x).sum() + kernel.diagonal(moving).sum()).backward()
    assert moving.grad.isfinite().all()


@EVERY
def test_gradients_are_those_of_the_values(kernel, rng):
    x, y = tensor(rng.normal(size=(3, 2))), tensor(rng.normal(size=(4, 2)))
    kernel = clone(kernel).fit(x, ones(3))
    assert torch.autograd.gradcheck(lambda moving: kernel(moving, y), x.clone().requires_grad_(), rtol=1e-4, atol=1e-8)


# Kernels of the distance


@pytest.mark.parametrize(
    "kernel, of_distance",
    [
        (Laplace(0.7), lambda r: np.exp(-r / 0.7)),
        (Laplace(2.0, factor=3.0), lambda r: np.exp(-r / 6)),
        (Laplace([0.5, 2.0]), lambda r: (np.exp(-2 * r) + np.exp(-r / 2)) / 2),
        (InverseMultiquadric(0.7), lambda r: (1 + (r / 0.7) ** 2) ** -0.5),
        (InverseMultiquadric([0.5, 2.0]), lambda r: ((1 + 4 * r**2) ** -0.5 + (1 + r**2 / 4) ** -0.5) / 2),
        (Energy(), lambda r: -r),
        (Energy(0.5), lambda r: -np.sqrt(r)),
        (Energy(1.7), lambda r: -(r**1.7)),
    ],
    ids=lambda part: "" if callable(part) and not isinstance(part, Kernel) else repr(part),
)
def test_radial_kernels_are_functions_of_the_distance(kernel, of_distance, rng):
    x, y = rng.normal(size=(7, 3)), rng.normal(size=(5, 3))
    found = kernel.fit(tensor(x), ones(7))(tensor(x), tensor(y))
    np.testing.assert_allclose(found, of_distance(cdist(x, y)), rtol=1e-10)


# Kernels of the inner product


def test_linear_is_the_inner_product(rng):
    x, y = rng.normal(size=(7, 3)), rng.normal(size=(5, 3))
    np.testing.assert_allclose(Linear()(tensor(x), tensor(y)), x @ y.T, rtol=1e-12)


@pytest.mark.parametrize("degree, constant, scale", [(1, 0.0, 1.0), (2, 1.0, 0.5), (3, 0.3, 2.0)])
def test_polynomial_is_that_of_scikit_learn(degree, constant, scale, rng):
    x, y = rng.normal(size=(7, 3)), rng.normal(size=(5, 3))
    found = Polynomial(degree, constant, scale).fit(tensor(x), ones(7))(tensor(x), tensor(y))
    expected = polynomial_kernel(x, y, degree=degree, gamma=1 / (3 * scale**2), coef0=constant)
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_polynomial_does_not_depend_on_the_unit(rng):
    x = tensor(rng.normal(size=(7, 3)))
    kernels = [Polynomial().fit(f * x, ones(7))(f * x, f * x) for f in (1, 1e3)]
    torch.testing.assert_close(*kernels)


@pytest.mark.parametrize("order", [0, 1])
def test_arc_cosine_is_its_integral(order, rng):
    x, y = rng.normal(size=(3, 4)), rng.normal(size=(2, 4))

    def integral(u, v):
        """Return 2 E[step(wu) step(wv) (wu)^n (wv)^n] over Gaussian w (Cho and Saul, eq. 1)."""
        product, both = rectified_products((u @ u, v @ v), u @ v)
        return 2 * (product if order else both)

    found = ArcCosine(order).fit(tensor(x), ones(3))(tensor(x), tensor(y))
    np.testing.assert_allclose(found, [[integral(u, v) for v in y] for u in x], rtol=1e-7)


def test_arc_cosine_of_a_row_of_zeros_is_zero():
    x = tensor([[0.0, 0.0], [1.0, 2.0]])
    found = ArcCosine().fit(x, ones(2))(x, x)
    np.testing.assert_allclose(found, [[0, 0], [0, 5]], atol=1e-12)


# Distances


@pytest.mark.parametrize("dtype, rtol", [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_distances_are_those_of_scipy(dtype, rtol, rng):
    x, y = rng.normal(size=(40, 5)), rng.normal(size=(30, 5))
    found = distances(torch.as_tensor(x, dtype=dtype), torch.as_tensor(y, dtype=dtype))
    assert found.dtype == dtype
    np.testing.assert_allclose(found, cdist(x, y), rtol=rtol)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_coincident_rows_have_distance_and_gradient_zero(dtype, offset, rng):
    x = torch.as_tensor(offset + rng.normal(size=(1, 17)), dtype=dtype).expand(6, 17)
    moving = x.clone().requires_grad_()
    found = distances(moving, x)
    found.sum().backward()
    assert (found == 0).all()
    assert (moving.grad == 0).all()


def test_the_gradient_of_distances_is_the_direction(rng):
    x, y = tensor(rng.normal(size=(1, 3))).requires_grad_(), tensor(rng.normal(size=(1, 3)))
    distances(x, y).sum().backward()
    torch.testing.assert_close(x.grad, (x - y).detach() / (x - y).detach().norm())


# Bad parameters


@pytest.mark.parametrize(
    "kernel, message",
    [
        (Laplace(-1.0), "must be 'median', or positive numbers"),
        (InverseMultiquadric("scott"), "bandwidth='scott' is not known"),
        (Gaussian(factor=0.0), "factor=0.0 must be positive"),
        (Laplace(factor=np.nan), "factor=nan must be positive"),
        (Energy(0.0), r"Energy\(exponent=0.0\): it must lie between 0 and 2, both excluded"),
        (Energy(2.0), r"Energy\(exponent=2.0\)"),
        (Polynomial(degree=0), "the degree must be a whole number of at least 1, the constant not negative"),
        (Polynomial(degree=1.5), r"Polynomial\(degree=1.5, constant=1.0\)"),
        (Polynomial(constant=-1.0), r"Polynomial\(degree=3, constant=-1.0\)"),
        (Polynomial(scale=0.0), "scale=0.0 must be 'rms' or a positive number"),
        (NeuralTangent(scale="std"), "scale='std' must be 'rms' or a positive number"),
        (RandomNetworkKernel(n_networks=0), "n_networks must be at least 1"),
        (RandomNetworkKernel(constant=-1.0), "constant not negative"),
        (RandomNetworkKernel(scale=0.0), "scale=0.0 must be 'rms' or a positive number"),
        (ArcCosine(order=2), r"ArcCosine\(order=2\): the order must be 0 or 1"),
    ],
    ids=repr,
)
def test_bad_parameters_are_refused(kernel, message):
    with pytest.raises(ValueError, match=message):
        kernel.fit(tensor(np.ones((2, 1))), ones(2))


@pytest.mark.parametrize(
    "kernel", [Laplace(), InverseMultiquadric([0.5, 2.0]), Polynomial(), RandomNetworkKernel()], ids=repr
)
def test_resolved_kernels_keep_their_scale(kernel, rng):
    x = tensor(rng.normal(size=(7, 3)))
    fitted = clone(kernel).fit(x, ones(7))
    resolved = fitted.resolved().fit(tensor(100 * rng.normal(size=(4, 3))), ones(4))
    torch.testing.assert_close(resolved(x, x), fitted(x, x))


# Kernel of random networks


def test_wide_random_networks_have_the_arc_cosine_kernel(rng):
    """Layers begin with weights and biases of variance 1 / (3 d)."""
    x, y = tensor(rng.normal(size=(4, 50))), tensor(rng.normal(size=(3, 50)))
    kernel = RandomNetworkKernel(MLP(width=20_000, depth=1), n_networks=2, constant=0.5, scale=2.0)
    found = kernel.fit(x, ones(4))(x, y)
    with_bias = [torch.cat([values / 2, torch.ones(len(values), 1)], 1) for values in (x, y)]
    # Rectified units keep half of the mean square, which ArcCosine leaves out.
    expected = ArcCosine()(*with_bias) / 2 / 150 + 0.5
    torch.testing.assert_close(found, expected, rtol=0.01, atol=0.0)


def test_random_networks_are_those_of_their_seed(rng):
    x = tensor(rng.normal(size=(4, 3)))
    first, again, other = (RandomNetworkKernel(random_state=seed).fit(x, ones(4))(x, x) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


def test_networks_see_the_points_once(rng):
    rows, points, seen = tensor(rng.normal(size=(5, 3))), tensor(rng.normal(size=(4, 3))), []
    kernel = (RandomNetworkKernel(n_networks=1) + Gaussian()).fit(points, ones(4))
    expected = kernel(rows, points), kernel(points, points)
    kernel.kernels[0].networks_[0].register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    with_points = kernel.against(points)
    torch.testing.assert_close((with_points(rows), with_points(points)), expected)
    assert seen == [4, 5]


def test_random_networks_keep_the_precision_that_they_were_drawn_in(rng):
    x = torch.as_tensor(rng.normal(size=(4, 3)), dtype=torch.float32)
    kernel = RandomNetworkKernel().fit(x, torch.ones(4))
    found = kernel(x.double(), x.double())
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, kernel(x, x).double(), rtol=1e-5, atol=0.0)


def test_random_networks_see_images_that_come_flattened(rng):
    x = tensor(rng.normal(size=(3, 64)))
    kernel = RandomNetworkKernel(ConvNet(width=4, depth=2, image_shape=(8, 8)), n_networks=1, constant=0.0)
    found = kernel.fit(x, ones(3))(x, x[:1])
    features = penultimate(kernel.networks_[0], x / kernel.scale_)
    torch.testing.assert_close(found, features @ features[:1].T / features.shape[1])


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


# Sums


def test_sums_are_in_units_of_the_diagonals(rng):
    x, mass = tensor(rng.normal(size=(20, 3))), tensor(rng.uniform(1, 2, size=20))
    summed = (Gaussian() + Linear() + NeuralTangent()).fit(x, mass)
    parts = [Gaussian().fit(x, mass), Linear(), NeuralTangent().fit(x, mass)]
    scales = [np.average(part.diagonal(x), weights=mass) for part in parts]
    expected = sum(part(x, x) / scale for part, scale in zip(parts, scales, strict=True))
    torch.testing.assert_close(summed(x, x), expected)
    torch.testing.assert_close(summed.diagonal(x), expected.diagonal())
    assert np.average(summed.diagonal(x), weights=mass) == pytest.approx(3)


def test_a_resolved_sum_is_the_same_function_wherever_it_is_fitted(rng):
    x, other = tensor(rng.normal(size=(20, 3))), tensor(5 * rng.normal(size=(9, 3)))
    summed = (Gaussian(factor=0.5) + Polynomial(degree=2)).fit(x, ones(20))
    again = clone(summed.resolved()).fit(other, ones(9))
    torch.testing.assert_close(again(x, other), summed(x, other))
    assert [float(p) for p in summed.parameters()] == [float(summed.kernels[0].log_bandwidth_)]


def test_sums_of_sums_are_flat():
    first, second, third = Gaussian(), Laplace(), Linear()
    for summed in (first + second + third, first + (second + third)):
        assert [id(kernel) for kernel in summed.kernels] == [id(first), id(second), id(third)]
    with pytest.raises(TypeError):
        first + 1
    with pytest.raises(ValueError, match="scale for each"):
        KernelSum([Linear(), Linear()], [1.0]).fit(tensor(np.eye(2)), ones(2))
    with pytest.raises(ValueError, match="at least one"):
        KernelSum([]).fit(tensor(np.eye(2)), ones(2))


# A set and itself


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_a_row_is_at_no_distance_from_itself(dtype, offset):
    x = offset + torch.randn(50, 37, generator=torch.Generator().manual_seed(0), dtype=dtype)
    assert not squared_distances(x, x).diagonal().any()
    assert not distances(x, x).diagonal().any()
    batch = torch.stack([x, 2 * x])
    assert not squared_distances(batch, batch).diagonal(dim1=1, dim2=2).any()
    rows = torch.tensor([3, 40, 7])
    for exponent in (1, 1.5, 2):
        assert not distance_columns(x, exponent)(rows)[rows, [0, 1, 2]].any()


def test_distances_within_a_set_keep_their_gradient():
    x = torch.randn(6, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    weight = torch.randn(6, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for within in (squared_distances, distances, lambda a, b: (squared_distances(a, b) + 1e-12).sqrt()):
        assert torch.autograd.gradcheck(lambda x: (weight * within(x, x)).sum(), x)  # noqa: B023


@pytest.mark.parametrize("kernel", [ArcCosine(order=0), ArcCosine(), NeuralTangent(), NeuralTangent(depth=3)])
def test_a_row_is_at_no_angle_from_itself(kernel):
    x = torch.randn(40, 29, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    kernel = kernel.fit(x, torch.ones(40, dtype=torch.float64))
    own = kernel(x, x).diagonal() / kernel.diagonal(x)
    torch.testing.assert_close(own, torch.ones_like(own), rtol=1e-7, atol=0)
    # An angle of rounding, some 1e-8, would differ from row to row.
    assert own.std() < 1e-10
