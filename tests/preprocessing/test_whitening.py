"""Whitening against its algebra, the way back, streams, weights and images as encoder of condensers."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdc import Condenser, KernelInducingPoints, KMeansCondenser, RandomSubset
from skdc.discrepancies import MMD
from skdc.preprocessing import ZCAWhitening
from skdc.solvers import Descent


def rows(shape, n=1001, seed=0):
    rng = np.random.default_rng(seed)
    d = int(np.prod(shape))
    return (rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + 3 * rng.normal(size=d)).reshape(n, *shape)


def covariance(codes, weight=None):
    return np.cov(codes.reshape(len(codes), -1).T, bias=True, aweights=weight)


@pytest.mark.parametrize("shape", [(6,), (4, 5), (3, 4, 4), (4, 4, 1)])
def test_covariance_is_the_identity_and_rows_come_back(shape):
    X = rows(shape)
    encoder = ZCAWhitening(regularization=0).fit(X)
    codes = encoder.transform(X)
    assert codes.shape == X.shape
    assert_allclose(covariance(codes), np.eye(np.prod(shape)), atol=1e-8)
    assert_allclose(codes.mean(axis=0), 0, atol=1e-9)
    other = rows(shape, 5, seed=1)
    assert_allclose(encoder.inverse_transform(encoder.transform(other)), other, rtol=1e-8, atol=1e-8)
    assert_allclose(encoder.transform(encoder.inverse_transform(other)), other, rtol=1e-8, atol=1e-8)


def test_of_all_whitenings_it_changes_rows_least():
    X = rows((5,)) / 3
    away = np.square(ZCAWhitening(regularization=0).fit_transform(X) - (X - X.mean(axis=0))).sum()
    principal = PCA(whiten=True).fit(X)
    others = principal.transform(X) * np.sqrt(1001 / 1000)  # divided by n, as here
    assert away < np.square(others - (X - X.mean(axis=0))).sum()
    # By a rotation of those: the codes of both have the same products.
    codes = ZCAWhitening(regularization=0).fit_transform(X)
    assert_allclose(codes[:20] @ codes[:20].T, others[:20] @ others[:20].T, atol=1e-8)


def test_regularization_is_in_units_of_the_mean_variance():
    X = rows((4,))
    found = ZCAWhitening(regularization=0.5).fit(X)
    matrix = np.cov(X.T, bias=True)
    values, vectors = np.linalg.eigh(matrix + 0.5 * np.trace(matrix) / 4 * np.eye(4))
    assert_allclose(found.transform(X), (X - X.mean(axis=0)) @ (vectors / np.sqrt(values)) @ vectors.T, atol=1e-9)
    for unit in (1e-150, 1e-20, 1e20, 1e150):
        assert_allclose(ZCAWhitening(0.5).fit_transform(unit * X), found.transform(X), rtol=1e-7, atol=1e-9)


def test_a_row_of_weight_two_is_the_row_twice():
    X, weight = rows((3, 3), 1001), np.random.default_rng(1).integers(0, 4, 1001)
    weighted = ZCAWhitening().fit(X, None, weight)
    repeated = ZCAWhitening().fit(np.repeat(X, weight, axis=0))
    assert_allclose(weighted.transform(X), repeated.transform(X), atol=1e-9)
    assert not np.allclose(weighted.transform(X), ZCAWhitening().fit_transform(X), atol=1e-3)


def test_pieces_are_as_the_whole():
    X, weight = rows((2, 3, 3)), np.random.default_rng(1).uniform(0.1, 3, 1001)
    X[:300] += 100  # means of pieces lie far apart
    whole, streamed = ZCAWhitening().fit(X, None, weight), ZCAWhitening()
    for cut in (slice(0, 1), slice(1, 300), slice(300, 1001)):
        streamed.partial_fit(X[cut], None, weight[cut])
    assert streamed.n_samples_seen_ == whole.n_samples_seen_ == 1001
    assert_allclose(streamed.mean_, whole.mean_, rtol=1e-12)
    assert_allclose(streamed.covariance_, whole.covariance_, rtol=1e-9, atol=1e-9)
    assert_allclose(streamed.transform(X), whole.transform(X), atol=1e-8)
    assert_allclose(streamed.fit(X[:50]).transform(X), ZCAWhitening().fit(X[:50]).transform(X), atol=1e-12)


def test_dtypes_stay_small():
    X = rows((4, 4))
    pixels = np.clip(128 + 20 * X, 0, 255).astype(np.uint8)
    assert ZCAWhitening().fit_transform(pixels).dtype == np.float32
    assert ZCAWhitening().fit_transform(X.astype(np.float32)).dtype == np.float32
    assert ZCAWhitening().fit_transform(X).dtype == np.float64
    encoder = ZCAWhitening().fit(pixels)
    assert_array_equal(np.round(encoder.inverse_transform(encoder.transform(pixels))), pixels)


def test_what_does_not_vary():
    X = rows((5,))
    X[:, 2], X[:, 4] = 7.0, X[:, 0] - X[:, 1]
    encoder = ZCAWhitening(regularization=0).fit(X)
    codes = encoder.transform(X)
    assert np.abs(codes).max() < 10
    assert_allclose(np.linalg.eigvalsh(covariance(codes)), [0, 0, 1, 1, 1], atol=1e-8)
    assert_allclose(encoder.inverse_transform(codes), X, atol=1e-8)
    assert np.abs(encoder.transform(X + 1)).max() < 10  # new rows that do are not magnified
    assert_array_equal(ZCAWhitening().fit_transform(np.ones((3, 2, 2))), np.zeros((3, 2, 2)))


def test_bad_calls():
    X = rows((3, 3), 20)
    with pytest.raises(ValueError, match=r"regularization=-0.1 must not be negative"):
        ZCAWhitening(-0.1).fit(X)
    with pytest.raises(ValueError, match=r"rows of X have shape \(3, 2\), but rows of shape \(3, 3\) were fitted"):
        ZCAWhitening().fit(X).transform(X[:, :, :2])
    with pytest.raises(ValueError, match="were fitted"):
        ZCAWhitening().partial_fit(X).partial_fit(X[:, :, :2])
    with pytest.raises(ValueError, match=r"have 30000 numbers, whose covariances take 7 GiB"):
        ZCAWhitening().fit(np.zeros((2, 100, 100, 3), np.uint8))
    with pytest.raises(ValueError, match="at least one non-zero"):
        ZCAWhitening().fit(X, None, np.zeros(20))


@parametrize_with_checks([ZCAWhitening()])
def test_sklearn(estimator, check):
    check(estimator)


# As an encoder

PIXELS = np.clip(128 + 15 * rows((4, 4, 3), 120), 0, 255).astype(np.uint8)
LABELS = np.arange(120) % 3


@pytest.mark.parametrize("condenser", [Condenser(MMD(), solver=Descent(n_steps=5)), KMeansCondenser()], ids=repr)
def test_images_come_out_as_they_went_in(condenser):
    condenser.set_params(encoder=ZCAWhitening(), n_per_class=2, random_state=0)
    X_syn, _ = condenser.fit(PIXELS, LABELS)
    assert X_syn.shape == (6, 4, 4, 3) and X_syn.dtype == np.uint8
    assert (X_syn >= PIXELS.min(axis=0)).all() and (X_syn <= PIXELS.max(axis=0)).all()
    assert condenser.encoder_.transform(X_syn).shape == X_syn.shape
    plain = condenser.set_params(encoder=None).fit(PIXELS, LABELS).X_syn_
    assert (plain != X_syn).any()


def test_rows_that_are_chosen_stay():
    X_syn, _ = fitted = RandomSubset(encoder=ZCAWhitening(), n_per_class=2, random_state=0).fit(PIXELS, LABELS)
    assert_array_equal(X_syn, PIXELS[fitted.indices_])


def test_the_learner_takes_images():
    kip = KernelInducingPoints(encoder=ZCAWhitening(), n_steps=20, n_per_class=3, random_state=0).fit(PIXELS, LABELS)
    assert kip.learner_.predict(PIXELS).shape == (120,)
    assert_array_equal(kip.transform(PIXELS), PIXELS)


def test_encoders_of_tables_are_refused_for_images():
    with pytest.raises(ValueError, match=r"Expected 2D array for encoder=StandardScaler.*ZCAWhitening"):
        KMeansCondenser(encoder=StandardScaler()).fit(PIXELS, LABELS)
