"""Condensed sets, and how learners are shown them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from skdc import AutoCondenser, Condenser, KMeansCondenser, KMedoids, RandomSubset
from skdc.condensed import CondensedSet
from skdc.discrepancies import RandomFeatureMMD
from skdc.learners import KernelRidgeClassifier

SOFT = np.array([[0.75, 0.25, 0.0], [0.0, 1.0, 0.0], [0.25, 0.25, 0.5]])
ROWS = np.arange(6.0).reshape(3, 2)
CLASSES = np.array(["a", "b", "c"])


def shared(y="abc", weight=(1.0, 2.0, 3.0)):
    return CondensedSet(ROWS, np.array(list(y)), np.array(weight), SOFT, CLASSES)


def test_soft_labels_are_weighted_copies_for_who_takes_weights():
    X, y, fit_params = shared().for_learner(LogisticRegression())
    assert_array_equal(X, ROWS[[0, 0, 1, 2, 2, 2]])
    assert_array_equal(y, list("abbabc"))
    assert_allclose(fit_params.pop("sample_weight"), [0.75, 0.25, 2, 0.75, 0.75, 1.5])
    assert not fit_params
    _, _, unweighted = replace(shared(), sample_weight=None).for_learner(LogisticRegression())
    assert_allclose(unweighted["sample_weight"], [0.75, 0.25, 1, 0.25, 0.25, 0.5])


def test_soft_labels_are_probabilities_for_who_takes_them():
    learner = KernelRidgeClassifier()
    X, y, fit_params = shared().for_learner(learner)
    assert X is ROWS and y is SOFT
    assert_array_equal(fit_params["sample_weight"], [1, 2, 3])
    assert learner.classes is None  # it is only asked what it takes
    assert_array_equal(shared().train(clone(learner)).classes_, CLASSES)


def test_soft_labels_are_labels_for_who_takes_neither():
    X, y, fit_params = shared().for_learner(KNeighborsClassifier(1))
    assert X is ROWS and not fit_params
    assert_array_equal(y, list("abc"))


def test_a_class_without_a_share_is_not_lost():
    without = replace(shared(), y_soft=np.c_[SOFT[:, :2] + SOFT[:, 2:] / 2, np.zeros(3)])
    for learner in (LogisticRegression(), KernelRidgeClassifier()):
        _, y, fit_params = without.for_learner(learner)
        assert_array_equal(y, list("abc"))
        assert_array_equal(fit_params["sample_weight"], [1, 2, 3])


def test_frames_are_copied_as_frames():
    frame = pd.DataFrame({"size": [1, 2, 3], "shape": list("xyz")}, index=[7, 8, 9])
    X, _, _ = replace(shared(), X=frame).for_learner(LogisticRegression())
    pd.testing.assert_frame_equal(X, frame.iloc[[0, 0, 1, 2, 2, 2]])


def test_what_is_shown_is_not_what_is_kept():
    condensed = shared()
    X, y, fit_params = condensed.for_learner(LogisticRegression())
    X[:], y[:], fit_params["sample_weight"][:] = 0, "z", 0
    assert_array_equal(condensed.X, np.arange(6.0).reshape(3, 2))
    assert_array_equal(condensed.y, list("abc"))
    assert_array_equal(condensed.sample_weight, [1, 2, 3])


@pytest.mark.parametrize("condenser", [KMeansCondenser(n_per_class=2), KMedoids(n_per_class=2)], ids=["made", "chosen"])
def test_a_fitted_condenser_has_its_set(condenser):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(30, 2)), columns=["a", "b"])
    y = pd.Series(np.repeat(["no", "yes"], 15), name="answer")
    weight = rng.uniform(0, 2, 30) * (np.arange(30) > 3)
    fitted = clone(condenser).set_params(random_state=0).fit(frame, y, sample_weight=weight)
    condensed = fitted.condensed_
    for one, other in zip(fitted, condensed, strict=True):
        assert one is other
    assert condensed.y.name == "answer" and list(condensed.X) == ["a", "b"]
    assert condensed.sample_weight is fitted.sample_weight_ and condensed.y_soft is None
    assert_array_equal(condensed.classes, ["no", "yes"])
    if "indices_" in vars(fitted):  # of what was passed, where the first rows have no weight
        assert fitted.indices_.min() > 3
        pd.testing.assert_frame_equal(condensed.X, frame.iloc[fitted.indices_])
        assert condensed.y.tolist() == y.iloc[fitted.indices_].tolist()


def test_the_set_of_a_stream_is_solved_for_when_it_is_read():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 2)), np.arange(60) % 2
    condenser = Condenser(RandomFeatureMMD(bandwidth=1.0), encoder=None, n_per_class=2, random_state=0)
    condenser.partial_fit(X[:30], y[:30])
    first = condenser.condensed_
    condenser.partial_fit(X[30:], y[30:])
    assert not np.array_equal(first.X, condenser.condensed_.X)
    assert_array_equal(condenser.condensed_.X, condenser.X_syn_)


def test_auto_has_the_set_of_the_best():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(80, 2)), np.arange(80) % 2
    auto = AutoCondenser(KNeighborsClassifier(1), candidates=[RandomSubset()], n_per_class=3, random_state=0)
    auto.fit(X, y)
    assert next(iter(auto)) is auto.condensed_.X is auto.best_condenser_.condensed_.X
    assert_array_equal(auto.condensed_.X, X[auto.indices_])


def test_before_fit_there_is_no_set():
    assert not hasattr(KMedoids(), "condensed_")
    with pytest.raises(NotFittedError):
        tuple(KMedoids())
