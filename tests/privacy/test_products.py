"""Second moments of private rows in the release of a sketch, and linear generators that learn from them."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.linalg import subspace_angles
from sklearn.datasets import load_digits, load_iris
from sklearn.decomposition import PCA

from skdc import Condenser
from skdc.discrepancies import RandomFeatureMMD
from skdc.exceptions import PartsError
from skdc.generators import LinearGenerator
from skdc.parameterizations import Points
from skdc.parameterizations.storage import Frequencies, Latents
from skdc.privacy import GaussianMechanism, PrivacyLedger, PrivateSketch, PrivateSource
from skdc.privacy.noise import Noise
from skdc.privacy.products import nearest_covariance, without_noise
from skdc.privacy.sums import BoundedProducts
from skdc.solvers import Descent
from skdc.sources import Sums
from skdc.spaces import Encoded

from ..sources import CPU, row_source, seeded

pytest.importorskip("dp_accounting")
X, y = load_iris(return_X_y=True)
X, y = np.tile(X, (10, 1)), np.tile(y, 10)


def mechanism(epsilon=1e4, **others):
    return GaussianMechanism(**{"epsilon": epsilon, "feature_range": (0, 8), "random_state": 0} | others)


def sketch_of(rows, key, n_keys=3, shape=(4,), bounds=(), widths=(), features=(), **others):
    filled = PrivateSketch(mechanism(**others), n_keys, int(np.prod(shape)), bounds, widths, shape)
    filled.update(rows, np.empty(0), np.ones(len(rows)), key, features)
    return filled


def released(filled, noise_multiplier=1e-6):
    """Return a sketch of which the release has so much noise."""
    filled.statistics = filled.noisy(noise_multiplier, Noise(0))
    return filled


def source_of(rows, key, *given):
    """Return a source of rows from 0 to 8 whose release has next to no noise."""
    return PrivateSource(released(sketch_of(rows, key, *given)), row_source(rows, key).schema, CPU)


def covariance_of(rows, radius):
    """Return the covariance of rows from the middle, in which products are of rows rounded to whole 16384ths."""
    rounded = np.trunc(rows / radius * 2**14 * (1 - 2**-40)) * radius / 2**14
    return rounded.T @ rounded / len(rows) - np.outer(rows.mean(0), rows.mean(0))


def private(storage, privacy=None, **others):
    discrepancy = RandomFeatureMMD(bandwidth=1.5, n_features=100)
    given = {"n_per_class": 3, "random_state": 0} | others
    return Condenser(discrepancy, Points(storage, start="noise"), Descent(n_steps=10), privacy or mechanism(), **given)


# What is released


def test_products_and_sums_are_worth_one_release(monkeypatch):
    scales = []

    class Counting(Noise):
        def gaussian(self, scale, shape):
            scales.append((scale, len(shape)))
            return super().gaussian(scale, shape)

    filled = sketch_of(X, y, bounds=[1.0], widths=[2], features=[np.full((len(X), 2), 0.5)])
    filled.noisy(2.0, Counting(0))
    # Sums of keys, of norm 1 in 2**24; then for each key, of norm 1 in 2**28, what is beside the diagonal and what is
    # on it: packed with the root of two, it has norm 1 with the noise of the diagonal.
    (sums, _), *products = scales
    assert len(products) == 6
    assert_allclose([scale for scale, n in products if n == 2], products[1][0] / 2**0.5)
    assert_allclose((2.0**24 / sums) ** 2 + (2.0**28 / products[1][0]) ** 2, 1 / 2.0**2)


@pytest.mark.parametrize("row", [[8.0] * 4, [0, 8, 0, 8], [4, 4, 4, 7.9]])
def test_a_row_more_changes_the_products_of_its_class_by_no_more_than_noise_hides(row):
    fewer, more = sketch_of(X, y)._products, sketch_of(np.r_[X, [row]], np.r_[y, 1])._products
    changes = [
        np.linalg.norm(after.released(0.0, Noise(0)) - before.released(0.0, Noise(0)))
        for before, after in zip(fewer._sums, more._sums, strict=True)
    ]
    assert changes[0] == changes[2] == 0 < changes[1] <= 1


def test_without_noise_the_moments_are_those_of_the_classes():
    source = source_of(X, y)
    for c in (0, 1, 2, None):
        rows, found = X if c is None else X[y == c], source.class_moments(c)
        assert_allclose(found.mass, len(rows), rtol=1e-3)
        assert_allclose(found.mean, rows.mean(0), atol=1e-3)
        if c is not None:
            assert_allclose(found.covariance, covariance_of(rows - 4, 8), atol=1e-4)
        assert_allclose(found.covariance, np.cov(rows.T, bias=True), atol=5e-3)


def test_of_images_low_frequencies_are_released():
    images, codes = load_digits(return_X_y=True)
    images = np.kron(images.reshape(-1, 8, 8), np.ones((4, 4))) / 2.1  # of 32 by 32, from 0 to 8
    source = source_of(images, codes, 10, (32, 32))
    found, basis = source.class_moments(3), source.statistics.covariances.directions()
    assert basis.shape == (144, 1024)
    low = images[codes == 3].reshape(-1, 1024) @ basis.T
    expected = nearest_covariance(covariance_of(low - basis.sum(1) * 4, 4 * 32), 1e4)
    assert_allclose(basis @ found.covariance.numpy() @ basis.T, expected, atol=0.05)
    assert np.linalg.matrix_rank(found.covariance.numpy(), tol=1e-6) <= 144


def test_products_that_are_not_asked_for_are_not_there():
    plain = PrivateSketch(mechanism(), 3, 4)
    source = PrivateSource(plain, row_source(X, y).schema, CPU)
    assert source.granted(Sums) is None and plain.statistics.covariances is None
    with pytest.raises(PartsError, match="LinearGenerator cannot learn the means and products of rows from private"):
        Condenser(
            RandomFeatureMMD(bandwidth=1.0, space=Encoded(LinearGenerator(2))),
            Points(start="noise"),
            privacy=mechanism(),
        ).fit(X, y)


def test_products_that_are_too_large_are_refused():
    with pytest.raises(PartsError, match=r"5,000 columns .* 2.0 GB for 10 .*LinearGenerator.*ClassGaussians"):
        PrivateSketch(mechanism(), 10, 5000, product_shape=(5000,))
    PrivateSketch(mechanism(), 10, 5000, product_shape=(50, 100))


def test_chunks_that_are_interrupted_count_nowhere(monkeypatch):
    streamed = private(Latents(LinearGenerator(2))).partial_fit(X[:50], y[:50], classes=[0, 1, 2])
    before, merged, n_calls = deepcopy(vars(streamed._stream.sketch)), BoundedProducts.merged, []

    def interrupted(self, other):
        n_calls.append(1)
        if len(n_calls) == 2:
            raise KeyboardInterrupt
        return merged(self, other)

    monkeypatch.setattr(BoundedProducts, "merged", interrupted)
    with pytest.raises(KeyboardInterrupt):
        streamed.partial_fit(X[50:], y[50:])
    after = vars(streamed._stream.sketch)
    assert_array_equal(after["_sums"]._sums, before["_sums"]._sums)
    for one, other in zip(after["_products"]._sums, before["_products"]._sums, strict=True):
        assert_array_equal(one._sums, other._sums)


# What is made of it


def test_the_nearest_covariance_is_the_nearest(rng):
    noisy = rng.normal(size=(6, 6))
    noisy = noisy + noisy.T + np.eye(6)
    found = nearest_covariance(noisy, 100.0)
    values = np.linalg.eigvalsh(found)
    assert values.min() > -1e-9 and (values < 1e-9).any()
    assert_allclose(found.trace(), noisy.trace())
    for _ in range(50):  # of a projection on a convex set, whatever else is in the set lies behind it
        other = rng.normal(size=(6, 6))
        other = other @ other.T
        other *= noisy.trace() / other.trace()
        assert ((noisy - found) * (other - found)).sum() <= 1e-9


@pytest.mark.parametrize("scale, expected", [(1e6, 100.0), (-1.0, 0.01)])
def test_traces_are_those_that_rows_can_have(scale, expected):
    assert_allclose(nearest_covariance(scale * np.diag([3.0, 1.0]), 100.0).trace(), expected)


def test_noise_is_taken_off_and_differences_of_classes_are_kept(rng):
    width, n = 8, 20
    sizes = np.diag(np.linspace(3, 0.1, width))
    shapes = [sizes * rng.uniform(0.5, 1.5, (width, 1)) for _ in range(n)]
    true = np.stack([(shape + shape.T) / 2 for shape in shapes])
    noise = np.tril(rng.normal(size=true.shape), -1) / 2**0.5
    noisy = true + 0.4 * (noise + noise.transpose(0, 2, 1) + rng.normal(size=(n, 1, width)) * np.eye(width))
    found = without_noise(noisy, np.full(n, 0.4**2), np.ones(n), 1e3)
    pooled = np.broadcast_to(noisy.mean(0), true.shape)
    errors = [np.square(some - true).sum() for some in (found, noisy, pooled)]
    assert errors[0] < 0.5 * errors[1] and errors[0] < errors[2]


@pytest.mark.parametrize("n, most", [(1, 1.0), (2, 1.5), (4, 1.5)])
def test_noise_that_the_mean_has_lost_does_not_come_back(n, most, rng):
    width, mass = 149, np.ones(n)
    true, sigma = np.diag(0.9 ** np.arange(width) / 10), 0.05 * mass.sum() / mass
    noise = np.tril(rng.normal(size=(len(mass), width, width)), -1) / 2**0.5
    noise += noise.transpose(0, 2, 1) + rng.normal(size=(len(mass), 1, width)) * np.eye(width)
    noisy = true + sigma[:, None, None] * noise
    pooled = nearest_covariance(np.average(noisy, 0, mass), 10.0)
    errors = [np.linalg.norm(some - true) for some in (*without_noise(noisy, sigma**2, mass, 10.0), pooled)]
    assert max(errors) <= most * errors[-1] + 1e-9


@pytest.mark.parametrize("noise_multiplier", [0.0, 1e4])
def test_whatever_the_noise_there_are_covariances(noise_multiplier):
    filled = released(sketch_of(X[:30], y[:30]), noise_multiplier)
    for covariance in filled.statistics.covariances.values:
        values = np.linalg.eigvalsh(covariance)
        assert np.isfinite(values).all() and values.min() > -1e-9 and 0 < values.sum() <= 64.001


def test_points_start_as_rows_are_spread():
    source = source_of(X, y)
    rows, _ = source.noisy_rows(np.array([0, 4000, 4000]), seeded())
    assert_allclose(np.cov(rows[:4000].numpy().T), np.cov(X[y == 1].T), atol=0.03)
    assert_allclose(rows[4000:].mean(0), X[y == 2].mean(0), atol=0.05)


def test_directions_are_those_of_principal_components(rng):
    rows = 4 + 0.5 * (rng.normal(size=(3000, 4)) * [2, 1, 0.2, 0.2]) @ np.linalg.qr(rng.normal(size=(4, 4)))[0]
    rows, key = rows.clip(0, 8), np.arange(3000) % 3
    live = LinearGenerator(2).fit(source_of(rows, key), seeded())
    for c in range(3):
        expected = PCA(2).fit(rows[key == c]).components_
        assert subspace_angles(live.directions[c].numpy(), expected.T).max() < 0.05


# Condensers


def test_a_linear_prior_is_learned_from_the_release_of_the_sketch():
    privacy = mechanism(100.0, ledger=PrivacyLedger())
    fitted = private(Latents(LinearGenerator(2)), privacy).fit(X, y)
    assert_allclose(privacy.ledger.spent(), 100.0, rtol=5e-3)
    assert fitted.privacy_["n_releases"] == 1 and "products" in fitted.privacy_["released"]
    for c in range(3):
        rows = fitted.X_syn_[fitted.y_syn_ == c]
        assert np.linalg.matrix_rank(rows - rows.mean(axis=0), tol=1e-3) == 2
        assert_allclose(rows.mean(axis=0), X[y == c].mean(axis=0), atol=0.8)


@pytest.mark.parametrize("storage", [Latents(LinearGenerator(2)), Latents(LinearGenerator(2, by="all"))], ids=repr)
def test_chunks_make_the_set_of_all_rows(storage):
    fitted, streamed = private(storage).fit(X, y), private(storage)
    for part in np.array_split(np.random.default_rng(0).permutation(len(X)), 4):
        streamed.partial_fit(X[part], y[part], classes=[0, 1, 2])
    assert_allclose(streamed.X_syn_, fitted.X_syn_, atol=1e-6)


@pytest.mark.parametrize("unit", [1e-99, 1e60, 1e99])
def test_units_change_nothing(unit):
    def condensed(unit):
        privacy, storage = mechanism(5.0, feature_range=(-8 * unit, 8 * unit)), Latents(LinearGenerator(3))
        discrepancy = RandomFeatureMMD(bandwidth=8 * unit, n_features=20)
        parts = discrepancy, Points(storage, start="noise"), Descent(n_steps=1)
        return Condenser(*parts, n_per_class=3, privacy=privacy, random_state=0).fit(X * unit, y).X_syn_ / unit

    assert_allclose(condensed(unit), condensed(1.0), atol=1e-6)


def test_frequencies_are_chosen_by_the_release():
    images, codes = load_digits(return_X_y=True)
    privacy = mechanism(feature_range=(0, 16))
    fitted = private(Frequencies(12), privacy).fit(images.reshape(-1, 8, 8), codes)
    assert_array_equal(fitted.X_syn_.shape, (30, 8, 8))
    assert torch.isfinite(torch.as_tensor(fitted.X_syn_)).all()
