"""Few rows with the mean features of all: moments, and what is learned from them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge

from skdc import Condenser
from skdc.discrepancies import MMD, MeanDistance, Moments, RandomFeatureMMD
from skdc.exceptions import PartsError
from skdc.parameterizations import Subset
from skdc.solvers import Recombination
from skdc.solvers.selection.recombination import recombined


def condenser(discrepancy, **settings):
    return Condenser(discrepancy, Subset(), Recombination(), encoder=None, random_state=0, **settings)


def moments(X, weight):
    """Return mean and second moments."""
    weight = weight / weight.sum()
    return np.concatenate([weight @ X, ((X * weight[:, None]).T @ X).ravel()])


@pytest.mark.parametrize(("n", "d"), [(3, 5), (12, 5), (13, 5), (1001, 5), (5003, 40)])
def test_sums_stay_with_no_more_rows_than_features_and_one(rng, n, d):
    features, weight = (rng.normal(size=(n, d)) + 3) * 10.0 ** rng.integers(-6, 6, d), rng.uniform(0.1, 5, n)
    found = recombined(features, weight)
    assert (found >= 0).all()
    assert (found > 0).sum() == min(n, d + 1)
    assert found.sum() == pytest.approx(weight.sum(), rel=1e-12)
    spread = features.std(axis=0)
    assert_allclose(found @ features / spread, weight @ features / spread, rtol=1e-10, atol=1e-10 * weight.sum())


def test_features_that_depend_on_others_need_no_rows(rng):
    columns = rng.normal(size=(500, 3))
    features = np.column_stack([columns, columns @ rng.normal(size=(3, 4)), np.ones(500)])
    found = recombined(features, np.ones(500))
    assert (found > 0).sum() <= 4
    assert_allclose(found @ features, features.sum(axis=0), atol=1e-8)
    assert (recombined(np.ones((50, 2)), np.ones(50)) > 0).sum() == 1


def test_moments_of_each_class_are_those_of_all_its_rows(rng):
    y = rng.choice(["a", "b", "c"], 1001, p=[0.6, 0.3, 0.1])
    X, weight = rng.normal(size=(1001, 4)) + 5 * (y == "a")[:, None], rng.uniform(0.1, 5, 1001)
    fitted = condenser(Moments(covariance=True)).fit(X, y, sample_weight=weight)
    X_syn, y_syn = fitted
    assert len(y_syn) <= 3 * 15  # 4 + 10 features
    for label in "abc":
        few, own = fitted.sample_weight_[y_syn == label], weight[y == label]
        assert_allclose(moments(X_syn[y_syn == label], few), moments(X[y == label], own), rtol=1e-10, atol=1e-10)
        assert few.sum() / fitted.sample_weight_.sum() == pytest.approx(own.sum() / weight.sum(), rel=1e-6)
    assert_array_equal(X_syn, X[fitted.indices_])


def test_of_rows_together_each_class_keeps_its_mass(rng):
    X, y = rng.normal(size=(1001, 3)), rng.integers(101, size=1001)
    fitted = condenser(MeanDistance(by=None), task="classification").fit(X, y)
    assert len(fitted.y_syn_) <= 3 + 101
    for label in range(101):
        share = fitted.sample_weight_[fitted.y_syn_ == label].sum() / fitted.sample_weight_.sum()
        assert share == pytest.approx(np.mean(y == label), rel=1e-9)
    assert_allclose(moments(fitted.X_syn_, fitted.sample_weight_)[:3], X.mean(axis=0), atol=1e-12)


def test_what_is_learned_from_moments_is_learned_from_few_rows(rng):
    X = rng.normal(size=(3000, 6)) * [1, 10, 0.1, 1, 1, 1] + 100
    y = X @ rng.normal(size=6) + rng.normal(size=3000)
    fitted = condenser(Moments(covariance=True)).fit(X, y)
    few = Ridge(3000.0 / 3000 * len(fitted.y_syn_)).fit(*fitted, sample_weight=fitted.sample_weight_)
    assert_allclose(few.coef_, Ridge(3000.0).fit(X, y).coef_, rtol=1e-7)
    labels = (y > np.median(y)).astype(int)
    fitted = condenser(Moments(covariance=True)).fit(X, labels)
    assert len(fitted.y_syn_) <= 2 * 28
    # Discriminant analysis takes no weights; these are the moments that it learns from.
    for label in (0, 1):
        few, weight = fitted.X_syn_[fitted.y_syn_ == label], fitted.sample_weight_[fitted.y_syn_ == label]
        learned = LinearDiscriminantAnalysis(solver="lsqr", store_covariance=True).fit(X, labels)
        assert_allclose(np.average(few, axis=0, weights=weight), learned.means_[label], rtol=1e-10)


def test_terms_are_kept_together(rng):
    X = rng.normal(size=(4000, 20)).astype(np.float32)
    fitted = condenser(Moments(order=3) + RandomFeatureMMD(bandwidth=1.0, n_features=50)).fit(X)
    assert 61 < len(fitted.X_syn_) <= 161  # three powers of 20 columns, sines and cosines, and one
    rows, weight = X.astype(float), fitted.sample_weight_ / fitted.sample_weight_.sum()
    for power in (1, 2, 3):
        assert_allclose(weight @ rows[fitted.indices_] ** power, (rows**power).mean(axis=0), atol=1e-10)


@pytest.mark.parametrize(
    ("discrepancy", "words"),
    [(MMD(), "MeanDistance"), (MeanDistance() + MMD(), "MeanDistance")],
)
def test_kernels_without_finite_features_are_refused(rng, discrepancy, words):
    with pytest.raises(PartsError, match=words):
        condenser(discrepancy).fit(rng.normal(size=(30, 2)))


def test_a_number_of_rows_has_no_effect_and_sparse_rows_are_refused(rng):
    with pytest.raises(ValueError, match="n_per_class=3 would have no effect"):
        condenser(MeanDistance(), n_per_class=3).fit(rng.normal(size=(30, 2)), np.arange(30) % 2)
    with pytest.raises(TypeError, match="Sparse"):
        condenser(MeanDistance()).fit(csr_array(np.eye(30)))


def test_the_same_seed_gives_the_same_rows(rng):
    X = rng.normal(size=(1001, 5))
    one, other = (condenser(Moments()).fit(X) for _ in range(2))
    assert_array_equal(one.indices_, other.indices_)
    assert_array_equal(one.sample_weight_, other.sample_weight_)
