"""Values and gradients of discrepancies against their definitions in numpy, scipy and POT."""

import numpy as np
import ot
import pytest
import torch
from scipy import special
from sklearn.cluster import KMeans
from sklearn.metrics.pairwise import cosine_similarity, rbf_kernel

from skdc.discrepancies import (
    MMD,
    Cosine,
    MeanDistance,
    QuantizationError,
    RandomFeatureMMD,
    Sinkhorn,
    SlicedWasserstein,
    SquaredL2,
)
from skdc.discrepancies import embeddings as embeddings_module
from skdc.discrepancies import mmd as mmd_module
from skdc.sets import Block

from ..sources import block, finite_differences, row_source, seeded, squares


@pytest.fixture
def clouds(rng):
    """Return two weighted clouds as arrays (x, p, y, q), the masses normalised."""
    x, y = rng.normal(size=(12, 3)), 1 + rng.normal(size=(7, 3))
    p, q = rng.uniform(0.5, 2, 12), rng.uniform(0.5, 2, 7)
    return x, p / p.sum(), y, q / q.sum()


def fitted(discrepancy, x):
    """Return the discrepancy fitted on rows, in their units."""
    return discrepancy.fit(row_source(x), seeded())


def value(discrepancy, x, p, y, q, generator=None):
    # Weights that are no masses: the discrepancy has to normalise them.
    return float(discrepancy.between(block(x, 5 * p), block(y, 3 * q), generator))


def mmd(x, p, y, q, kernel):
    return p @ kernel(x, x) @ p - 2 * p @ kernel(x, y) @ q + q @ kernel(y, y) @ q


# Kernel discrepancies


@pytest.mark.parametrize("bandwidth", [0.7, [0.5, 1.0, 3.0]])
def test_mmd_is_its_definition_less_a_constant(bandwidth, clouds):
    x, p, *_ = clouds

    def kernel(a, b):
        return np.mean([rbf_kernel(a, b, gamma=0.5 / s**2) for s in np.atleast_1d(bandwidth)], axis=0)

    constant = p @ kernel(x, x) @ p
    found = value(fitted(MMD(bandwidth=bandwidth), x), *clouds)
    assert found + constant == pytest.approx(mmd(*clouds, kernel), rel=1e-10)


def test_mmd_takes_the_median_distance_for_a_bandwidth(clouds):
    x = clouds[0]
    # 144 pairs, a row with itself among them; the lower median is the 72nd.
    median = np.sqrt(np.sort(squares(x, x).ravel())[71])
    np.testing.assert_allclose(fitted(MMD(), x).kernel_.bandwidth_, median, rtol=1e-8)


def test_mean_distance_is_the_mmd_of_the_linear_kernel(clouds):
    found = value(fitted(MeanDistance(), clouds[0]), *clouds)
    assert found == pytest.approx(mmd(*clouds, lambda a, b: a @ b.T), rel=1e-10)


def random_feature_value(n_features, clouds, seed=0, bandwidth=1.5):
    x, p, y, q = clouds
    discrepancy = RandomFeatureMMD(bandwidth=bandwidth, n_features=n_features).fit(row_source(x), seeded(seed))
    lifted = [Block(b.weight, b.key, discrepancy.features(b.values)) for b in (block(x, p), block(y, q))]
    return discrepancy, float(discrepancy.between(*lifted, None))


def test_random_features_converge_to_the_mmd(clouds):
    exact = mmd(*clouds, lambda a, b: rbf_kernel(a, b, gamma=0.5 / 1.5**2))
    # Each frequency gives an independent draw of |phi_p - phi_q|^2 in [0, 4], of which the mean is the value.
    x, p, y, q = clouds
    frequencies = np.random.default_rng(1).normal(size=(3, 10**5)) / 1.5
    draws = np.abs(p @ np.exp(1j * x @ frequencies) - q @ np.exp(1j * y @ frequencies)) ** 2
    deviation = draws.std()
    errors = {}
    for n_features in (100, 10_000):
        found = np.array([random_feature_value(n_features, clouds, seed)[1] for seed in range(10)])
        errors[n_features] = np.sqrt(np.mean((found - exact) ** 2))
        assert abs(found.mean() - exact) < 4 * deviation / np.sqrt(10 * n_features)
    assert errors[10_000] < errors[100] / 3


def test_random_features_have_norm_one(clouds):
    discrepancy, _ = random_feature_value(50, clouds)
    features = discrepancy.features(torch.as_tensor(clouds[0]))
    assert features.shape == (12, 100)
    np.testing.assert_allclose(features.square().sum(1), 1)


def test_several_bandwidths_share_the_random_features(clouds):
    bandwidths = [0.5, 2.0]
    exact = mmd(*clouds, lambda a, b: np.mean([rbf_kernel(a, b, gamma=0.5 / s**2) for s in bandwidths], axis=0))
    found = [random_feature_value(20_000, clouds, seed, bandwidths)[1] for seed in range(5)]
    # The mean of 10^5 draws in [0, 4]: Hoeffding's bound at one in a million.
    assert abs(np.mean(found) - exact) < 4 * np.sqrt(np.log(2e6) / 2e5)


# Witness and potential


@pytest.mark.parametrize("discrepancy", [MMD(bandwidth=1.3), MMD(bandwidth=[0.5, 2.0])], ids=repr)
def test_witness_is_the_first_variation(discrepancy, clouds, rng):
    x, p, y, q = clouds
    at, discrepancy = rng.normal(size=(9, 3)), fitted(discrepancy, x)
    witness = discrepancy.witness(block(x, p), block(y, q), torch.as_tensor(at)).numpy()

    def kernel(a, b):
        return np.mean([rbf_kernel(a, b, gamma=0.5 / s**2) for s in discrepancy.kernel_.bandwidth_], axis=0)

    np.testing.assert_allclose(witness, 2 * (kernel(at, x) @ p - kernel(at, y) @ q), rtol=1e-10, atol=1e-12)
    # Mass that is moved to a point makes the value fall at the rate of the witness there, up to a constant.
    mass = torch.zeros(9, dtype=torch.float64, requires_grad=True)
    moved = block(np.vstack([y, at]), torch.cat([torch.as_tensor(q), mass]))
    (slope,) = torch.autograd.grad(discrepancy.between(block(x, p), moved, seeded()), mass)
    np.testing.assert_allclose(witness - witness.mean(), slope.mean() - slope, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("discrepancy", [MMD(bandwidth=1.0), MeanDistance(), RandomFeatureMMD(1.0, 30)], ids=repr)
@pytest.mark.parametrize("kept", [0, 1000], ids=["computed anew", "kept"])
def test_potentials_are_kernel_products(discrepancy, kept, clouds, rng, monkeypatch):
    for module in (embeddings_module, mmd_module):
        monkeypatch.setattr(module, "TILE", 5)
    monkeypatch.setattr(mmd_module, "KEPT_ENTRIES", kept)
    x, p, *_ = clouds
    at, discrepancy = torch.as_tensor(rng.normal(size=(8, 3))), fitted(discrepancy, x)
    points = block(x, 4 * p)
    full, own = discrepancy.kernel_matrix(points.values, points.values).numpy(), discrepancy.own_kernel(points, 1000)
    np.testing.assert_allclose(own.potential, full @ p, rtol=1e-10)
    np.testing.assert_allclose(own.diagonal, full.diagonal(), rtol=1e-10)
    np.testing.assert_allclose(own.columns(torch.tensor([7, 2])), full[:, [7, 2]], rtol=1e-9, atol=1e-12)
    across = discrepancy.kernel_matrix(at, points.values).numpy()
    np.testing.assert_allclose(discrepancy.potential(points, at), across @ p, rtol=1e-10)


# Transport


def entropic_cost(cost, p, q, epsilon):
    """Return min <P, C> + epsilon KL(P | p q), by scaling in the log domain until nothing changes."""
    f, g, before = np.zeros(len(p)), np.zeros(len(q)), np.inf
    while np.abs(g - before).max() > 1e-9:
        before = g
        f = -epsilon * special.logsumexp((g - cost) / epsilon + np.log(q), axis=1)
        g = -epsilon * special.logsumexp((f[:, None] - cost) / epsilon + np.log(p)[:, None], axis=0)
    return p @ f + q @ g


def sinkhorn_divergence(x, p, y, q, epsilon):
    across, within_x, within_y = (
        entropic_cost(squares(a, b), v, w, epsilon) for a, b, v, w in ((x, y, p, q), (x, x, p, p), (y, y, q, q))
    )
    return across - within_x / 2 - within_y / 2


def test_sinkhorn_is_the_divergence_less_a_constant(clouds):
    x, p, *_ = clouds
    epsilon = squares(x, x).mean()
    discrepancy = fitted(Sinkhorn(blur=1.0, max_iter=1000), x)
    assert discrepancy.epsilon_ == pytest.approx(epsilon)
    constant = entropic_cost(squares(x, x), p, p, epsilon) / 2
    found = value(discrepancy, *clouds)
    assert found - constant == pytest.approx(sinkhorn_divergence(*clouds, epsilon), rel=1e-5)


def test_sinkhorn_regularizes_by_the_weighted_mean_squared_distance(rng):
    x, weight = rng.normal(size=(10, 2)), rng.uniform(0.5, 2, 10)
    discrepancy = Sinkhorn(blur=0.3).fit(row_source(x, weight=weight), seeded())
    mass = weight / weight.sum()
    assert discrepancy.epsilon_ == pytest.approx(0.3 * mass @ squares(x, x) @ mass)


def test_sinkhorn_of_little_blur_is_the_transport_cost(clouds):
    x, p, y, q = clouds
    sinkhorn = fitted(Sinkhorn(blur=0.02, max_iter=1000), x)
    # The terms of equal clouds vanish with the blur: |OT_eps(p, p)| is at most eps times the entropy of p.
    bound = sinkhorn.epsilon_ * (np.log(12) + np.log(7) / 2)
    assert abs(value(sinkhorn, *clouds) - ot.emd2(p, q, squares(x, y))) < bound
    assert bound < 0.05 * ot.emd2(p, q, squares(x, y))


def test_sinkhorn_gradient_is_that_of_its_value(clouds):
    x, p, y, q = clouds
    discrepancy = fitted(Sinkhorn(blur=1.0, max_iter=1000), x)
    moving = torch.as_tensor(y).requires_grad_()
    weights = torch.as_tensor(q)
    discrepancy.between(block(x, p), Block(weights, torch.zeros(7, dtype=torch.int64), moving), None).backward()
    expected = finite_differences(lambda values: sinkhorn_divergence(x, p, values, q, discrepancy.epsilon_), y)
    np.testing.assert_allclose(moving.grad, expected, rtol=1e-4, atol=1e-6)


def squared_wasserstein(x, p, y, q):
    """Return the squared 2-Wasserstein distance on the line, by quantile functions."""
    x_order, y_order = np.argsort(x), np.argsort(y)
    x_levels, y_levels = np.cumsum(p[x_order]), np.cumsum(q[y_order])
    levels = np.unique(np.concatenate([[0.0], x_levels[:-1], y_levels[:-1], [1.0]]))
    middle = (levels[1:] + levels[:-1]) / 2
    x_quantile = x[x_order][np.searchsorted(x_levels[:-1], middle)]
    y_quantile = y[y_order][np.searchsorted(y_levels[:-1], middle)]
    return np.diff(levels) @ (x_quantile - y_quantile) ** 2


def test_sliced_wasserstein_on_the_line_is_exact(clouds):
    x, p, y, q = clouds
    expected = squared_wasserstein(x[:, 0], p, y[:, 0], q)
    assert expected == pytest.approx(ot.emd2_1d(x[:, 0], y[:, 0], p, q))
    found = value(fitted(SlicedWasserstein(n_projections=3), x[:, :1]), x[:, :1], p, y[:, :1], q, seeded())
    assert found == pytest.approx(expected)


def test_sliced_wasserstein_is_the_mean_over_directions_of_the_sphere(clouds):
    x, p, y, q = clouds
    discrepancy = fitted(SlicedWasserstein(n_projections=4000), x)
    angles = np.random.default_rng(1).normal(size=(1000, 3))
    angles /= np.linalg.norm(angles, axis=1, keepdims=True)
    draws = np.array([squared_wasserstein(x @ a, p, y @ a, q) for a in angles])
    found = value(discrepancy, *clouds, seeded())
    # Four standard errors of the two means.
    assert abs(found - draws.mean()) < 4 * draws.std() * np.sqrt(1 / 4000 + 1 / 1000)


def test_sliced_wasserstein_draws_fresh_directions(clouds):
    discrepancy, generator = fitted(SlicedWasserstein(), clouds[0]), seeded()
    first, second = (value(discrepancy, *clouds, generator) for _ in range(2))
    assert first != second
    assert first == value(discrepancy, *clouds, seeded())


def test_quantization_error_is_the_inertia_of_k_means(rng):
    x, weight = rng.normal(size=(60, 2)), rng.uniform(0.5, 2, 60)
    kmeans = KMeans(5, n_init=1, random_state=0).fit(x, sample_weight=weight)
    found = value(fitted(QuantizationError(), x), x, weight / weight.sum(), kmeans.cluster_centers_, np.ones(5) / 5)
    assert found == pytest.approx(kmeans.inertia_ / weight.sum())


# Aligned blocks


def test_squared_l2_is_the_weighted_mean_over_rows(clouds):
    x, p, *_ = clouds
    y = x[::-1].copy()
    assert value(SquaredL2(), x, p, y, p) == pytest.approx(p @ ((x - y) ** 2).sum(axis=1))


def test_cosine_is_summed_over_rows(clouds):
    x = clouds[0]
    y, ones = x[::-1].copy(), np.ones(12) / 12
    assert value(Cosine(), x, ones, y, ones) == pytest.approx((1 - cosine_similarity(x, y).diagonal()).sum())


@pytest.mark.parametrize("scale", [1e-6, 1e-4, 1.0, 1e6])
def test_cosine_does_not_depend_on_the_length_of_rows(scale, rng):
    x, y = rng.normal(size=(2, 4, 5))
    expected = (1 - cosine_similarity(x, y).diagonal()).sum()
    short = [block(scale * values) for values in (x, y)]
    short = [Block(b.weight.float(), b.key, b.values.float()) for b in short]
    assert float(Cosine().between(*short, None)) == pytest.approx(expected, rel=1e-5)


def test_cosine_of_a_row_of_zeros_is_that_of_orthogonal_rows():
    zeros = torch.zeros(2, 3, dtype=torch.float64, requires_grad=True)
    rows = block([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]])
    distance = Cosine().between(rows, Block(rows.weight, rows.key, zeros), None)
    distance.backward()
    assert distance.item() == 2.0
    assert zeros.grad.isfinite().all()


# What all have in common


@pytest.mark.parametrize(
    "discrepancy",
    [MMD(), MeanDistance(), QuantizationError(), Sinkhorn(max_iter=1000), SlicedWasserstein()],
    ids=repr,
)
def test_weight_is_multiplicity(discrepancy, rng):
    x, y = rng.normal(size=(8, 2)), rng.normal(size=(5, 2))
    p, q = rng.integers(1, 4, 8), rng.integers(1, 4, 5)
    repeated = np.repeat(x, p, axis=0), np.ones(p.sum()), np.repeat(y, q, axis=0), np.ones(q.sum())
    discrepancy = fitted(discrepancy, x)
    weighted = value(discrepancy, x, p.astype(float), y, q.astype(float), seeded())
    assert weighted == pytest.approx(value(discrepancy, *repeated, seeded()), rel=1e-6)
