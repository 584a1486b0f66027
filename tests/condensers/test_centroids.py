"""Centroids, coresets of equal mass, and the rows near them."""

import re

import numpy as np
import ot
import pandas as pd
import pytest
from imblearn.under_sampling import ClusterCentroids
from numpy.testing import assert_allclose, assert_array_equal
from pandas.testing import assert_frame_equal
from scipy.spatial.distance import cdist
from sklearn.base import BaseEstimator, clone
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression

from skdc import Condenser, KMeansCondenser, KMedoids, RandomSubset, WassersteinCoreset
from skdc.discrepancies import MMD, QuantizationError
from skdc.parameterizations import Points
from skdc.solvers import Lloyd
from skdc.spaces import RandomNetwork, Standardized
from skdc.utils.estimator_checks import condenser_checks


class Given(BaseEstimator):
    """A clustering whose centres are known."""

    def __init__(self, centers, n_clusters=None):
        self.centers = centers
        self.n_clusters = n_clusters

    def fit(self, X, y=None):
        self.cluster_centers_ = self.centers
        return self

    def predict(self, X):
        raise NotImplementedError


def transport_cost(rows, points, weight):
    """Return the squared 2-Wasserstein distance of points from rows of equal mass."""
    return ot.emd2(np.full(len(rows), 1 / len(rows)), weight / weight.sum(), cdist(rows, points) ** 2)


def mean_cost(condenser, X, y, equal=False):
    """Return the mean over the classes of the squared 2-Wasserstein distance."""
    weight = np.ones(len(condenser.y_syn_)) if equal else condenser.sample_weight_
    own = [condenser.y_syn_ == c for c in condenser.classes_]
    return np.mean([transport_cost(X[y == condenser.y_syn_[i][0]], condenser.X_syn_[i], weight[i]) for i in own])


# k-means


def test_voting_takes_the_rows_that_imbalanced_learn_takes(digits):
    X, y = digits
    soft = KMeansCondenser(n_per_class=6, random_state=0).fit(X, y)
    hard = KMeansCondenser(voting="nearest", n_per_class=6, random_state=0).fit(X, y)
    for c in range(10):
        sampler = ClusterCentroids(
            sampling_strategy={c: 6}, voting="hard", estimator=Given(soft.X_syn_[soft.y_syn_ == c])
        )
        rows, labels = sampler.fit_resample(X, y)
        expected = rows[labels == c]
        assert len(np.unique(expected, axis=0)) == 6
        np.testing.assert_array_equal(hard.X_syn_[hard.y_syn_ == c], expected)


def test_nearest_rows_bear_the_masses_of_the_clusters(iris):
    X, y = iris
    soft = KMeansCondenser(n_per_class=4, random_state=0).fit(X, y)
    hard = KMeansCondenser(voting="nearest", n_per_class=4, random_state=0).fit(X, y)
    assert len(set(hard.indices_)) == 12
    np.testing.assert_array_equal(hard.X_syn_, X[hard.indices_])
    np.testing.assert_array_equal(hard.y_syn_, y[hard.indices_])
    sizes = [np.bincount(cdist(X[y == c], soft.X_syn_[soft.y_syn_ == c]).argmin(axis=1), minlength=4) for c in range(3)]
    np.testing.assert_allclose(hard.sample_weight_, np.ravel(sizes) / 12.5, rtol=1e-5)
    assert not hasattr(soft, "indices_")


def test_rows_keep_dtype_and_index():
    frame = pd.DataFrame({"a": [0, 1, 2, 30, 31, 33], "b": [1, 0, 1, 7, 8, 7]}, index=list("uvwxyz"))
    rows, _ = KMeansCondenser(voting="nearest", n_samples=2, random_state=0).fit(frame)
    assert set(rows.index) <= set("uvwxyz") and len(rows) == 2
    pd.testing.assert_frame_equal(rows, frame.loc[rows.index])


def test_clusters_are_those_of_the_space(rng):
    X = rng.normal(size=(60, 2)) * [1.0, 100.0]
    condenser = KMeansCondenser(space=Standardized(), n_samples=3, random_state=0).fit(X)
    scale = X.std(axis=0)
    again = KMeans(3, init=condenser.X_syn_ / scale, n_init=1).fit(X / scale).cluster_centers_ * scale
    np.testing.assert_allclose(condenser.X_syn_, again, rtol=1e-4, atol=1e-4)
    assert not np.allclose(condenser.X_syn_, KMeansCondenser(n_samples=3, random_state=0).fit(X).X_syn_)


def test_the_number_of_iterations_comes_first():
    assert KMeansCondenser(max_iter=7).recipe().solver.max_iter == 7
    assert KMeansCondenser(max_iter=7, voting="nearest").recipe().solver.solver.max_iter == 7


@pytest.mark.parametrize("voting", ["hard", "soft", "Nearest", None, 1])
def test_unknown_voting_is_refused(voting, iris):
    message = f"KMeansCondenser(voting={voting!r}): voting must be 'auto', 'centroid' or 'nearest'"
    with pytest.raises(ValueError, match=re.escape(message)):
        KMeansCondenser(voting=voting).fit(*iris)


# Coresets


def test_points_are_nearer_than_centroids_and_rows_of_equal_mass(digits):
    X, y = digits
    free, snapped, centroids, nearest, drawn = (
        condenser.set_params(n_per_class=10, random_state=0).fit(X, y)
        for condenser in (
            WassersteinCoreset(),
            WassersteinCoreset(snap=True),
            KMeansCondenser(),
            KMeansCondenser(voting="nearest"),
            RandomSubset(),
        )
    )
    cost = mean_cost(free, X, y)
    np.testing.assert_allclose(free.history_["loss"][-1], cost, rtol=1e-3)
    np.testing.assert_allclose(free.sample_weight_.reshape(10, 10).std(axis=1), 0, atol=1e-6)
    assert cost < 0.9 * mean_cost(centroids, X, y, equal=True)
    assert mean_cost(centroids, X, y) < cost < mean_cost(snapped, X, y)
    assert mean_cost(snapped, X, y) < mean_cost(nearest, X, y, equal=True)
    assert mean_cost(snapped, X, y) < 0.8 * mean_cost(drawn, X, y)


def test_snapping_gives_rows_of_equal_mass(iris):
    X, y = iris
    fitted = WassersteinCoreset(snap=True, n_per_class=6, random_state=0).fit(X, y)
    np.testing.assert_array_equal(fitted.X_syn_, X[fitted.indices_])
    np.testing.assert_allclose(fitted.sample_weight_, 1, rtol=1e-6)
    assert len(set(fitted.indices_)) == 18
    assert not hasattr(WassersteinCoreset(n_per_class=6, random_state=0).fit(X, y), "indices_")


def test_rows_of_a_coreset_can_be_weighed_anew(iris):
    fitted = WassersteinCoreset(snap=True, reweight=MMD(), n_per_class=6, random_state=0).fit(*iris)
    assert fitted.sample_weight_.std() > 0.01
    np.testing.assert_allclose(fitted.sample_weight_.reshape(3, 6).sum(axis=1), 6, rtol=1e-5)


@pytest.mark.parametrize(
    "condenser, message",
    [
        (WassersteinCoreset(snap=False, reweight=MMD()), "only rows are weighed anew, and the points are found for"),
        (WassersteinCoreset(snap="rows"), "WassersteinCoreset(snap='rows'): snap must be 'auto', True or False"),
        (WassersteinCoreset(space=RandomNetwork()), "RandomNetwork cannot map means back to rows"),
        (WassersteinCoreset(snap=True, space=RandomNetwork()), "RandomNetwork cannot map means back to rows"),
        (WassersteinCoreset(snap=True, warm_start=True), "warm_start=True has no effect on a choice of rows"),
    ],
    ids=lambda part: part if isinstance(part, str) else None,
)
def test_what_makes_no_sense_is_refused(condenser, message, iris):
    with pytest.raises(ValueError, match=re.escape(message)):
        for _ in range(2):  # a warm start is the second fit
            condenser.set_params(n_per_class=2).fit(*iris)


@pytest.mark.parametrize(
    "condenser, check",
    [
        pytest.param(condenser, check, id=f"{kind}-{name}")
        for kind, condenser in {
            "nearest": KMeansCondenser(voting="nearest", random_state=0),
            "free": WassersteinCoreset(random_state=0),
            "snapped": WassersteinCoreset(snap=True, random_state=0),
        }.items()
        for name, check in condenser_checks(condenser)
    ],
)
def test_published_checks_pass(condenser, check):
    check()


# Frames


def test_frames_give_rows_and_arrays_centroids(rng):
    X = rng.normal(size=(40, 3))
    frame, wide = pd.DataFrame(X).add_prefix("x"), pd.DataFrame(rng.normal(size=(40, 101)))
    default, nearest = (
        KMeansCondenser(n_samples=4, random_state=0),
        KMeansCondenser(voting="nearest", n_samples=4, random_state=0),
    )
    assert_array_equal(default.fit(frame).indices_, nearest.fit(frame).indices_)
    for data in (X, wide):
        assert not hasattr(default.fit(data), "indices_")
    assert default.voting == "auto", "what was asked for stays"
    assert not hasattr(KMeansCondenser(voting="centroid", n_samples=4).fit(frame), "indices_")


def test_averages_are_not_taken_for_rows(rng):
    gain = np.where(rng.random(600) < 0.1, rng.lognormal(8, 1, 600), 0.0).round()
    frame = pd.DataFrame({"gain": gain, "age": rng.integers(18, 80, 600), "job": rng.choice(list("abc"), 600)})
    wage = frame["age"] + gain / 100 + rng.normal(size=600)
    for condenser in (KMeansCondenser(random_state=0), WassersteinCoreset(random_state=0)):
        for y in (None, np.where(gain > 0, "rich", "poor"), wage):
            fitted = clone(condenser).set_params(n_samples=20).fit(frame, y)
            assert_frame_equal(fitted.X_syn_, frame.iloc[fitted.indices_])
        # Targets of an array go with the rows that have them.
        fitted = clone(condenser).set_params(n_samples=20).fit(frame[["gain", "age"]].to_numpy(), wage)
        assert_allclose(fitted.y_syn_, wage[fitted.indices_])


@pytest.mark.parametrize("condenser", [KMedoids(), KMeansCondenser(), WassersteinCoreset()], ids=repr)
def test_features_keep_their_spread_beside_targets(condenser, rng):
    X = rng.normal(size=(1500, 12))
    y = X @ rng.normal(size=12) / 3 + rng.normal(size=1500)
    X_syn, y_syn = condenser.set_params(n_samples=100, random_state=0).fit(X, y)
    assert X_syn.std(axis=0).mean() > 0.6, "rows near the middle of those with a like target would have less"
    assert LinearRegression().fit(X_syn, y_syn).score(X, y) > 0.25


@pytest.mark.parametrize("start", ["rows", "noise"])
def test_no_more_clusters_than_distinct_rows(start):
    rows, labels = np.repeat([[0.0], [1.0], [5.0]], [50, 30, 20], axis=0), np.repeat([0, 1], [80, 20])
    condenser = Condenser(QuantizationError(), Points(start=start), Lloyd(), n_per_class=3, random_state=0)
    fitted = condenser.fit(rows, labels)
    assert set(fitted.X_syn_[fitted.y_syn_ == 0, 0].round(6)) == {0.0, 1.0}
    assert_allclose(fitted.X_syn_[fitted.y_syn_ == 1], 5.0, atol=1e-6)
    weight = fitted.sample_weight_ / fitted.sample_weight_.sum()
    masses = [weight[np.abs(fitted.X_syn_[:, 0] - value) < 1e-5].sum() for value in (0, 1, 5)]
    assert_allclose(masses, [0.5, 0.3, 0.2], rtol=1e-5)
    frame = pd.DataFrame({"x": labels > 0})
    assert set(KMeansCondenser(3, random_state=0).fit(frame, np.arange(100) % 2).X_syn_["x"]) == {False, True}
