"""Sets that grow: fits that start from a set of another fit, and classes that come later."""

import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.preprocessing import StandardScaler

import skdc
from skdc import CondensedSet, Condenser, KernelInducingPoints, KMedoids, RandomSubset
from skdc.discrepancies import MMD, MeanDistance, RandomFeatureMMD
from skdc.parameterizations import Points
from skdc.privacy import GaussianMechanism
from skdc.solvers import Descent
from skdc.spaces import Joint

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(60, 3)), np.repeat(["a", "b", "c"], 20)
OLD = KMedoids(n_per_class=3, random_state=0).fit(X[Y < "c"], Y[Y < "c"]).condensed_


def still(warm_start, **parameters):
    """Return a condenser that hardly moves, so that it ends where it starts."""
    solver, points = Descent(step_size=1e-7, n_steps=1), Points(within=None)
    return Condenser(MMD(), points, solver, warm_start=warm_start, random_state=0, **parameters)


def test_a_fit_starts_from_a_set():
    found, cold = (still(start, n_per_class=3).fit(X, Y) for start in (OLD, False))
    assert_allclose(found.X_syn_[:6], OLD.X, atol=1e-5)
    assert_allclose(found.X_syn_[6:], cold.X_syn_[6:], atol=1e-5)
    assert_array_equal(found.y_syn_, list("aaabbbccc"))


def test_a_loaded_set_is_one_in_another_order_too(tmp_path):
    turned = replace(OLD, X=OLD.X[::-1], y=OLD.y[::-1])
    turned.save(tmp_path / "old")
    found = still(skdc.load(tmp_path / "old"), n_per_class=3).fit(X, Y)
    assert_allclose(found.X_syn_[:6], OLD.X[[2, 1, 0, 5, 4, 3]], atol=1e-5)


@pytest.mark.parametrize("n", [2, 5])
def test_sets_of_other_sizes_give_their_first_points(n):
    found, cold = (still(start, n_per_class=n).fit(X, Y).X_syn_.reshape(3, n, 3) for start in (OLD, False))
    size = min(n, 3)
    assert_allclose(found[:2, :size], OLD.X.reshape(2, 3, 3)[:, :size], atol=1e-5)
    assert_allclose(found[:2, size:], cold[:2, size:], atol=1e-5)


def test_the_set_is_the_start_of_each_fit_and_of_a_stream():
    condenser = still(OLD, n_per_class=3).set_params(discrepancy=RandomFeatureMMD(bandwidth=1.0))
    for _ in range(2):
        assert_allclose(condenser.fit(X + 0.1, Y).X_syn_[:6], OLD.X, atol=1e-5)
    stream = still(OLD, n_per_class=3).set_params(discrepancy=RandomFeatureMMD(bandwidth=1.0))
    assert_allclose(stream.partial_fit(X, Y).X_syn_[:6], OLD.X, atol=1e-5)


def test_encoded_rows_are_encoded():
    found = still(OLD, n_per_class=3, encoder=StandardScaler()).fit(10 * X + 5, Y)
    assert_allclose(found.X_syn_[:6], OLD.X, atol=1e-3)
    frame = pd.DataFrame(X, columns=list("uvw"))
    of_frame = Condenser(MMD(), Points(within=None), Descent(n_steps=2), n_per_class=3, random_state=0).fit(frame, Y)
    again = still(of_frame.condensed_, n_per_class=3).fit(frame, Y)
    assert_allclose(again.X_syn_, of_frame.X_syn_, atol=1e-4)


def test_learned_targets_go_with_their_classes():
    few = dict(n_per_class=2, random_state=0)
    old = KernelInducingPoints(n_steps=20, **few).fit(X[Y > "a"], Y[Y > "a"]).condensed_
    still = KernelInducingPoints(step_size=1e-7, n_steps=1, warm_start=old, **few).fit(X, Y)
    assert_allclose(still.y_learned_[2:, 1:], old.y_learned, atol=1e-5)
    assert_allclose(still.y_learned_[2:, 0], 0, atol=1e-5)
    assert_allclose(still.X_syn_[2:], old.X, atol=1e-4)


def test_continuous_targets_are_started_from():
    old = still(False, n_samples=5).fit(X, 1e3 * X[:, 0])
    found = still(old.condensed_, n_samples=7).fit(X, 1e3 * X[:, 0] + 500)
    assert_allclose(found.y_syn_[:5], old.y_syn_, rtol=1e-4)
    assert_allclose(found.X_syn_[:5], old.X_syn_, atol=1e-5)


@pytest.mark.parametrize(
    ("start", "error", "message"),
    [
        ("old.skdc", TypeError, "warm_start='old.skdc' must be True, False or a set"),
        (None, TypeError, "warm_start=None must be"),
        (CondensedSet(np.eye(4)[:1], np.array(["a"]), classes=np.array(["a"])), ValueError, r"\(4,\).*\(3,\)"),
        (CondensedSet(np.eye(3)[:1], np.array(["z"]), classes=np.array(["z"])), ValueError, r"classes \['z'\], and"),
        (CondensedSet(np.eye(3), None), ValueError, "other targets than those of the data"),
        (CondensedSet(np.eye(3), np.ones(3)), ValueError, "other targets than those of the data"),
    ],
)
def test_other_starts_are_refused(start, error, message):
    condenser = still(start, n_per_class=3)
    with pytest.raises(error, match=message):
        condenser.fit(X, Y)
    assert not hasattr(condenser, "X_syn_")


def test_a_choice_of_rows_starts_from_none():
    with pytest.raises(ValueError, match="warm_start= has no effect on a choice of rows"):
        RandomSubset(warm_start=OLD, n_per_class=2).fit(X, Y)


def test_a_private_fit_starts_from_no_rows():
    mechanism = GaussianMechanism(feature_range=(-3, 3), classes=["a", "b", "c"])
    condenser = Condenser(RandomFeatureMMD(bandwidth=1.0), privacy=mechanism, warm_start=OLD, n_per_class=3)
    with pytest.raises(ValueError, match="not private, and would give away rows"):
        condenser.fit(X, Y)


# Classes that come with a later chunk


def streaming(start="noise", **parameters):
    """Return a condenser that takes chunks."""
    discrepancy = RandomFeatureMMD(bandwidth=2.0, n_features=20) + MeanDistance(by=None)
    few = {"n_per_class": 3, "random_state": 0} | parameters
    return Condenser(discrepancy, Points(start=start), Descent(n_steps=20), **few)


@pytest.mark.parametrize("order", ["abc", "cab", "bca"])
def test_the_set_is_that_of_classes_that_were_known(order):
    late, known = streaming(), streaming()
    for label in order:
        late.partial_fit(X[label == Y], Y[label == Y])
        known.partial_fit(X[label == Y], Y[label == Y], classes=["a", "b", "c"])
    assert_array_equal(late.classes_, ["a", "b", "c"])
    assert_array_equal(late.y_syn_, known.y_syn_)
    assert_allclose(late.X_syn_, known.X_syn_, atol=1e-9)
    assert_allclose(late.sample_weight_, known.sample_weight_)


def test_points_start_from_rows_of_their_class():
    late = streaming("rows").partial_fit(X[Y > "a"], Y[Y > "a"]).partial_fit(X, Y)
    late.set_params(solver=Descent(step_size=1e-9, n_steps=1))
    for row, label in zip(late.X_syn_, late.y_syn_, strict=True):
        assert np.abs(X[label == Y] - row).max(axis=1).min() < 1e-6
    assert len(np.unique(late.X_syn_.round(6), axis=0)) == 9


def test_rows_of_old_classes_go_on_coming():
    late, whole = streaming(), streaming()
    for some in (Y < "b", Y > "a", Y < "c"):
        late.partial_fit(X[some], Y[some])
        whole.partial_fit(X[some], Y[some], classes=["a", "b", "c"])
    assert_allclose(late.X_syn_, whole.X_syn_, atol=1e-9)


@pytest.mark.parametrize("between", [False, True], ids=["at once", "after other chunks"])
def test_a_warm_start_keeps_the_points_of_old_classes(between):
    condenser = streaming("rows", warm_start=True).partial_fit(X[Y < "c"], Y[Y < "c"])
    old = condenser.X_syn_
    condenser.set_params(solver=Descent(step_size=1e-7, n_steps=1))
    if between:
        condenser.partial_fit(X[Y == "a"], Y[Y == "a"])
    condenser.partial_fit(X, Y)
    assert_allclose(condenser.X_syn_[:6], old, atol=1e-5)
    assert_array_equal(condenser.y_syn_, list("aaabbbccc"))


def test_classes_come_after_a_fit():
    condenser = streaming().fit(X[Y < "c"], Y[Y < "c"]).partial_fit(X[Y == "c"], Y[Y == "c"])
    assert_allclose(condenser.X_syn_, streaming().fit(X, Y).X_syn_, atol=1e-6)


def test_a_stream_that_has_grown_is_pickled():
    condenser = pickle.loads(pickle.dumps(streaming().partial_fit(X[Y < "b"], Y[Y < "b"])))
    condenser = pickle.loads(pickle.dumps(condenser.partial_fit(X[Y > "a"], Y[Y > "a"])))
    assert_allclose(condenser.X_syn_, streaming().fit(X, Y).X_syn_, atol=1e-6)


@pytest.mark.parametrize(
    ("first", "then", "message"),
    [
        ({"classes": ["a", "b"]}, Y, "'c', which is not among the classes"),
        ({}, np.arange(60) % 3, "0, which is not among the classes"),
    ],
)
def test_other_labels_are_refused(first, then, message):
    condenser = streaming().partial_fit(X[Y < "c"], Y[Y < "c"], **first)
    before = condenser.X_syn_
    with pytest.raises(ValueError, match=message):
        condenser.partial_fit(X, then)
    assert condenser.X_syn_ is before


def test_a_chunk_that_is_refused_brings_no_class():
    condenser = streaming().partial_fit(X[Y < "c"], Y[Y < "c"])
    before = condenser.X_syn_
    with pytest.raises(ValueError, match="NaN"):
        condenser.partial_fit(np.full((2, 3), np.nan), ["c", "c"])
    assert condenser.X_syn_ is before and len(condenser.classes_) == 2
    condenser.partial_fit(X, Y)
    assert len(condenser.X_syn_) == 9


def test_terms_that_see_labels_are_refused():
    condenser = streaming().set_params(discrepancy=RandomFeatureMMD(bandwidth=1.0, space=Joint(1.0), by=None))
    condenser.partial_fit(X[Y < "c"], Y[Y < "c"])
    with pytest.raises(ValueError, match="compares labels too, and was made for those of the first chunk"):
        condenser.partial_fit(X, Y)
