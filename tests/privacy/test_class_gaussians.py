from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, load_iris
from sklearn.svm import SVC
from threadpoolctl import threadpool_info, threadpool_limits

from skdc import Condenser, GeneralCondenser, RandomSubset
from skdc.discrepancies import MMD, RandomFeatureMMD
from skdc.generators import LinearGenerator
from skdc.parameterizations import Points, Subset
from skdc.parameterizations.storage import Latents
from skdc.privacy import ClassGaussians, GaussianMechanism, PrivacyLedger, clusters, moments
from skdc.privacy.clusters import cluster_sums
from skdc.privacy.frequencies import LowFrequencies
from skdc.privacy.moments import released_gaussians
from skdc.privacy.noise import Noise
from skdc.solvers import Descent, Greedy

pytest.importorskip("dp_accounting")
X, y = load_iris(return_X_y=True)
X, y = np.tile(X, (10, 1)), np.tile(y, 10)


def drawing(epsilon=1000.0, **others):
    return ClassGaussians(**{"epsilon": epsilon, "feature_range": (0, 8), "n_rows": 3000, "random_state": 0} | others)


def gaussians(rows, codes, n_directions, noise_multiplier=1e-4):
    return released_gaussians(rows, codes, 3, 8.0, n_directions, noise_multiplier, Noise(0), 0)


def test_without_noise_the_moments_are_those_of_the_classes():
    found = gaussians(X - 4, y, 4)
    assert_allclose(found.mass, [500, 500, 500], rtol=1e-3)
    assert_allclose(found.means, [X[y == c].mean(0) - 4 for c in range(3)], atol=1e-3)
    assert_allclose(found.covariances, [_cut_covariance(X[y == c]) for c in range(3)], atol=0.01)


def _cut_covariance(rows):
    """Return the covariance of rows that are cut off at 1.25 times the mean distance within all classes."""
    within = np.mean([((X[y == c] - X[y == c].mean(0)) ** 2).sum(axis=1).mean() for c in range(3)])
    rows = rows - rows.mean(0)
    rows = rows * np.minimum(1, 1.25 * within**0.5 / np.linalg.norm(rows, axis=1))[:, None]
    return rows.T @ rows / len(rows)


def test_directions_are_those_in_which_rows_differ_most(rng):
    rows = rng.normal(size=(3000, 6)) * [0.1, 1.0, 0.1, 0.5, 0.1, 0.1]
    found = gaussians(rows, np.arange(3000) % 3, 2)
    assert_allclose(np.abs(found.directions[[1, 3], [0, 1]]), 1, atol=0.05)
    drawn, codes = found.sample(3000, rng)
    assert_allclose(drawn.std(axis=0), [0, 1, 0, 0.5, 0, 0], atol=0.05)
    assert_array_equal(np.bincount(codes), [1000, 1000, 1000])


@pytest.mark.parametrize("n_directions", [2, 4])
def test_one_row_changes_what_is_released_by_what_noise_hides(n_directions, monkeypatch):
    # With all precisions added up, noise of the whole budget: one over sigma squared.
    scales = []

    class Counting(Noise):
        def gaussian(self, scale, shape):
            scales.append(scale)
            return super().gaussian(scale, shape)

    released_gaussians(X - 4, y, 3, 8.0, n_directions, 2.0, Counting(0), 0)
    # Of products, between two sums; off the diagonal the noise is less by the root of two.
    first, *products, last = scales
    sums = [first]
    if n_directions < 4:  # of clusters, too
        sums.append(last)
    else:
        products.append(last)
    found = [1 / (scale / 2.0**24) ** 2 for scale in sums]
    found += {round(1 / (scale / 2.0**28) ** 2, 9) for scale in products[1::2]}
    assert_allclose(sum(found), 1 / 2.0**2, rtol=1e-6)


@settings(deadline=None, max_examples=30, derandomize=True)
@given(
    rows=st.lists(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=2), min_size=1, max_size=20),
    row=st.lists(st.floats(-1e100, 1e100), min_size=2, max_size=2),
    radius=st.floats(1e-3, 1e3),
)
def test_a_row_more_changes_the_sums_of_clusters_by_no_more_than_noise_hides(rows, row, radius):
    centers = np.array([[0.0, 0.0], [1.0, 0.0], [-3.0, 500.0]])
    fewer, more = np.array(rows), np.array([*rows, row])
    before, after = (cluster_sums([part], [centers], radius).released(0.0, Noise(0)) for part in (fewer, more))
    changed = np.abs(after - before).sum(axis=1) > 0
    assert np.linalg.norm(after - before) <= 1 and changed.sum() <= 1


def test_noise_of_a_row_that_is_missing_is_that_of_the_whole_budget():
    # The privacy loss of Gaussian releases adds up as (change / noise)^2: over all stages that of one of the budget.
    release = drawing(1.0).release()
    dp = pytest.importorskip("dp_accounting")
    assert release.noise_multiplier == dp.get_sigma_gaussian(1.0, 1e-5)
    assert_allclose(np.sum(moments._SHARES), 1)


def test_clusters_hold_what_gaussians_do_not():
    # Two narrow groups, of which the Gaussian between is where no row is.
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(20000, 4)) * 0.1 + np.where(rng.random(20000) < 0.3, 3.0, -1.0)[:, None] * [1, 0, 0, 0]
    codes = np.zeros(20000, np.int64)
    found = released_gaussians(rows, codes, 1, 5.0, 3, 0.5, Noise(0), 0)
    drawn = found.sample(20000, rng)[0][:, 0]
    plain = replace(found, clusters=None).sample(20000, rng)[0][:, 0]
    beside = [np.mean(np.minimum(np.abs(values + 1), np.abs(values - 3)) > 0.5) for values in (drawn, plain)]
    assert beside[0] < 0.1 < 0.4 < beside[1]
    assert_allclose([np.mean(drawn > 1), drawn.mean()], [0.3, 0.2], atol=0.02)


def test_clusters_are_found_on_one_thread_of_those_of_the_user(monkeypatch):
    seen = []

    class Noting(KMeans):
        def fit(self, rows):
            seen.extend(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp")
            return super().fit(rows)

    monkeypatch.setattr(clusters, "KMeans", Noting)
    with threadpool_limits(2, "openmp"):
        before = threadpool_info()
        found, again = (gaussians(X - 4, y, 3) for _ in range(2))
        assert threadpool_info() == before
    assert set(seen) == {1}
    for one, other in zip(found.clusters, again.clusters, strict=True):
        assert_array_equal(one.centers, other.centers)
        assert_array_equal(one.shifts, other.shifts)


def test_noise_moves_no_row_further_than_means_can_be_apart():
    found = released_gaussians(X - 4, y, 3, 8.0, 3, 1e4, Noise(0), 0)
    assert [len(clusters.shares) for clusters in found.clusters] == [1, 1, 1]
    drawn, codes = found.sample(300, np.random.default_rng(0))
    assert np.isfinite(drawn).all() and set(codes) == {0, 1, 2}


def test_a_linear_prior_is_fitted_to_the_release_alone():
    privacy = drawing(100.0, ledger=PrivacyLedger())
    points = Points(Latents(LinearGenerator(2)))
    private = Condenser(MMD(), points, Descent(n_steps=10), privacy, n_per_class=3, random_state=0).fit(X, y)
    same = Condenser(MMD(), points, Descent(n_steps=10), n_per_class=3, random_state=0).fit(*private.drawn_)
    assert_array_equal(private.X_syn_, same.X_syn_)
    assert_allclose(privacy.ledger.spent(), 100.0, rtol=5e-3)
    assert "products" in private.privacy_["released"] and private.privacy_["n_releases"] == 1
    for c in range(3):  # rows of a class lie in the plane of its two directions
        rows = private.X_syn_[private.y_syn_ == c]
        assert np.linalg.matrix_rank(rows - rows.mean(axis=0), tol=1e-3) == 2
    with pytest.raises(ValueError, match="feature_range=None"):
        Condenser(MMD(), points, privacy=ClassGaussians()).fit(X, y)


def test_more_noise_draws_other_rows():
    spread = []
    for epsilon in (1000.0, 1.0, 0.05):
        rows = [drawing(epsilon, random_state=s).draw(X, y, 3, 0)[0].mean(axis=0) for s in range(4)]
        spread.append(np.mean((np.array(rows) - X.mean(axis=0)) ** 2))
    assert 4 * spread[0] < spread[1] < spread[2] / 4


def test_low_frequencies_are_an_orthonormal_basis(rng):
    images = rng.normal(size=(5, 3, 32, 30))
    basis = LowFrequencies((3, 32, 30))
    kept = basis.transform(images)
    assert kept.shape == (5, 3 * 7 * 7)
    smooth = basis.inverse_transform(kept)
    assert_allclose(basis.transform(smooth), kept, atol=1e-12)
    assert_allclose(np.linalg.norm(smooth), np.linalg.norm(kept))
    assert_allclose(smooth.mean(axis=(2, 3)), images.mean(axis=(2, 3)))
    table = rng.normal(size=(5, 30))
    assert_array_equal(LowFrequencies((30,)).inverse_transform(LowFrequencies((30,)).transform(table)), table)


# Condensers


def few(privacy=None):
    """Return a condenser that draws rows and takes some of them."""
    recipe = RandomSubset().recipe()
    parts = {"parameterization": recipe.parameterization, "solver": recipe.solver}
    return Condenser(privacy=privacy or drawing(), n_per_class=2, random_state=0, **parts)


@pytest.mark.slow
@pytest.mark.parametrize(
    "parts",
    [
        {"discrepancy": MMD(), "solver": Descent(n_steps=20)},
        {"parameterization": Subset(), "discrepancy": MMD(), "solver": Greedy()},
        {"parameterization": Points(labels="teacher"), "discrepancy": MMD(), "solver": Descent(n_steps=5)},
    ],
)
def test_any_recipe_condenses_drawn_rows_as_if_they_were_the_data(parts):
    private = Condenser(privacy=drawing(), n_per_class=3, random_state=0, **parts).fit(X, y)
    same = Condenser(n_per_class=3, random_state=0, **parts).fit(*private.drawn_)
    assert_array_equal(private.X_syn_, same.X_syn_)
    assert not hasattr(same, "privacy_") and "drawn" in private.privacy_["released"]
    if hasattr(private, "indices_"):
        assert_array_equal(private.X_syn_, private.drawn_[0][private.indices_])
    assert not len({row.tobytes() for row in X} & {row.tobytes() for row in private.X_syn_})


@pytest.mark.slow
def test_the_default_is_that_of_data_and_learners_learn_from_it():
    digits, labels = load_digits(return_X_y=True)
    privacy = ClassGaussians(epsilon=10.0, feature_range=(0, 16), random_state=0, n_rows=1000)
    private = Condenser(privacy=privacy, n_per_class=2, random_state=0).fit(digits, labels)
    assert_array_equal(private.X_syn_, GeneralCondenser(n_per_class=2, random_state=0).fit(*private.drawn_).X_syn_)
    assert SVC().fit(*private).score(digits, labels) > 0.8


def test_frames_come_back_as_they_are():
    frame = pd.DataFrame(
        {"length": X[:, 0], "kind": pd.Categorical.from_codes(y, ["a", "b", "c"]), "n": (X[:, 1] * 10).round()}
    )
    frame = frame.astype({"n": int})
    known = {"length": (0.0, 8.0), "kind": ["a", "b", "c"], "n": (0, 80)}
    labels = pd.Series(np.where(y == 2, "yes", "no"), name="good")
    fitted = Condenser(privacy=drawing(feature_range=known), n_per_class=3, random_state=0).fit(frame, labels)
    X_syn, y_syn = fitted
    assert (X_syn.dtypes == frame.dtypes).all() and (y_syn.name, len(X_syn)) == ("good", 6)
    assert (X_syn["kind"][y_syn.to_numpy() == "yes"] == "c").all()
    assert fitted.drawn_[0].dtypes.equals(frame.dtypes)


def test_rows_at_the_end_of_the_range_keep_their_mean_and_columns_of_frames_stay_within():
    rows, privacy = np.random.default_rng(0).exponential(size=(2000, 2)).clip(0, 8), drawing(epsilon=100.0)
    few_rows = {"n_samples": 3, "random_state": 0}
    drawn = Condenser(MMD(), solver=Descent(n_steps=2), privacy=privacy, **few_rows).fit(rows).drawn_[0]
    # Cut off at 0 the mean would be .08 higher.
    assert_allclose(drawn.mean(axis=0), rows.mean(axis=0), atol=0.05)
    assert drawn.min() < -0.5
    frame = pd.DataFrame(rows, columns=["a", "b"])
    known = privacy.set_params(feature_range={"a": (0.0, 8.0), "b": (0.0, 8.0)})
    drawn = Condenser(MMD(), solver=Descent(n_steps=2), privacy=known, **few_rows).fit(frame).drawn_[0]
    assert drawn.to_numpy().min() == 0


def test_drawn_rows_have_the_released_class_shares():
    kept = (y != 0) | (np.arange(len(y)) % 5 == 0)
    drawn = few().fit(X[kept], y[kept]).drawn_[1]
    assert_allclose(np.bincount(drawn) / len(drawn), np.bincount(y[kept]) / kept.sum(), atol=0.01)


def test_rare_classes_are_drawn_too():
    kept = (y != 0) | (np.arange(len(y)) % 50 == 0)
    drawn = few(drawing(n_rows=900)).fit(X[kept], y[kept]).drawn_[1]
    assert np.bincount(drawn)[0] == 100
    assert np.bincount(few(drawing(n_rows=6)).fit(X[kept], y[kept]).drawn_[1])[0] == 2


def test_no_targets_are_one_class():
    fitted = Condenser(MMD(), privacy=drawing(), n_samples=5, solver=Descent(n_steps=10), random_state=0).fit(X)
    assert fitted.X_syn_.shape == (5, 4) and fitted.y_syn_ is None and fitted.drawn_[1] is None


def test_a_fit_is_entered_in_the_ledger():
    ledger = PrivacyLedger()
    few(drawing(2.0, ledger=ledger)).fit(X, y)
    assert_allclose(ledger.spent(), 2.0, rtol=5e-3)


def test_refusals():
    quick = few()
    with pytest.raises(ValueError, match=r"ClassGaussians\(n_rows=0\)"):
        Condenser(privacy=drawing(n_rows=0)).fit(X, y)
    with pytest.raises(ValueError, match=r"ClassGaussians\(n_directions=0\)"):
        Condenser(privacy=drawing(n_directions=0)).fit(X, y)
    with pytest.raises(ValueError, match=r"ClassGaussians\(epsilon=0\)"):
        Condenser(privacy=drawing(0)).fit(X, y)
    with pytest.raises(ValueError, match="sample_weight"):
        quick.fit(X, y, sample_weight=np.linspace(1, 2, len(X)))
    with pytest.raises(ValueError, match="sensitive_features"):
        quick.fit(X, y, sensitive_features=y)
    with pytest.raises(ValueError, match="y holds quantities"):
        quick.fit(X, y + 0.5)
    with pytest.warns(UserWarning, match="1 of 1500 rows lie outside of feature_range"):
        quick.fit(np.r_[X[:-1], [[9.0, 0, 0, 0]]], y)
    streaming = Condenser(RandomFeatureMMD(bandwidth=1.0), privacy=drawing(), n_per_class=2)
    assert not hasattr(streaming, "partial_fit")
    assert hasattr(streaming.set_params(privacy=GaussianMechanism(feature_range=(0, 8))), "partial_fit")
