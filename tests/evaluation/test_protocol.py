"""Learners by name, and how they see rows."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import SVC

from skdc import RandomSubset
from skdc.evaluation.panels import QUICK, learners_by_name, named
from skdc.evaluation.protocol import RowScaling, as_seen, score_of
from skdc.learners import NetworkClassifier

RNG = np.random.default_rng(0)


def test_names_stand_for_learners_of_the_task():
    found = learners_by_name(["linear", "trees", GaussianNB()], "classification", (4,), seed=7)
    assert list(found) == ["linear", "forest", "boosting", "GaussianNB"]
    assert isinstance(found["linear"], LogisticRegression) and found["forest"].random_state == 7
    assert isinstance(learners_by_name("linear", "regression", (4,))["linear"], Ridge)
    assert list(learners_by_name(None, "classification", (4,), default=QUICK)) == list(QUICK)
    more = learners_by_name(["naive bayes", "5 neighbors"], "classification", (4,))
    assert isinstance(more["naive bayes"], GaussianNB) and more["5 neighbors"].n_neighbors == 5
    assert not {*more} & {*learners_by_name(None, "classification", (4,))}
    assert isinstance(learners_by_name("convnet", "classification", (8, 8))["convnet"], NetworkClassifier)
    assert "convnet" not in learners_by_name(None, "classification", (4,))


def test_learners_without_a_seed_get_one_and_stay_as_they_are():
    forest, seeded = RandomForestClassifier(), RandomForestClassifier(random_state=1)
    found = learners_by_name({"a": forest, "b": seeded}, "classification", (4,), seed=5)
    assert (found["a"].random_state, found["b"].random_state, forest.random_state) == (5, 1, None)


def test_unknown_names_are_refused_with_those_that_are_known():
    with pytest.raises(
        ValueError,
        match=r"learner 'tree' is not known for these data; .* 'naive bayes', 'neighbors', '5 neighbors'",
    ):
        learners_by_name("tree", "classification", (4,))
    with pytest.raises(ValueError, match="'convnet' is not known for these data"):
        learners_by_name("convnet", "regression", (8, 8))
    with pytest.raises(ValueError, match="learner 'svm' does not suit these targets"):
        learners_by_name("svm", "multilabel", (4,))
    with pytest.raises(TypeError, match="which is no estimator; give one, such as SVC"):
        learners_by_name([SVC], "classification", (4,))
    with pytest.raises(ValueError, match="no learner is given"):
        learners_by_name([], "classification", (4,))


def test_parts_of_one_class_are_called_as_they_print():
    assert list(named([(None, SVC(C=2)), (None, SVC()), (None, Ridge())])) == ["SVC(C=2)", "SVC()", "Ridge"]
    with pytest.raises(ValueError, match="given twice; give a dict"):
        named([(None, SVC()), (None, SVC())])


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_learners_for_several_targets_take_them():
    y = RNG.normal(size=(40, 2))
    for learner in learners_by_name(None, "regression", (3,), n_outputs=2).values():
        assert learner.fit(RNG.normal(size=(40, 3)), y).predict(np.zeros((5, 3))).shape == (5, 2)
    labels = (y > 0).astype(int)
    chosen = learners_by_name(None, "multilabel", (3,), n_outputs=2)
    assert {"neighbors", "forest"} <= set(chosen)
    for learner in chosen.values():
        assert learner.fit(RNG.normal(size=(40, 3)), labels).predict(np.zeros((5, 3))).shape == (5, 2)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_regressors_do_not_depend_on_the_unit_of_the_targets_and_take_weights():
    X, y = RNG.normal(size=(60, 2)), RNG.normal(size=60)
    for name in ("svm", "mlp"):
        (learner,) = learners_by_name(name, "regression", (2,)).values()
        scores = [learner.fit(X, y * unit).score(X, y * unit) for unit in (1, 1024)]  # a power of 2 rounds alike
        assert scores[0] == pytest.approx(scores[1])
        weighted = learner.fit(X, y, sample_weight=np.r_[np.full(30, 10.0), np.full(30, 0.1)]).predict(X)
        assert not np.allclose(weighted, learner.fit(X, y).predict(X))


def test_columns_are_scaled_by_training_rows_and_images_by_one_number():
    X, rows = RNG.normal(3, [1, 100], size=(50, 2)), RNG.normal(size=(7, 2))
    assert np.allclose(RowScaling.of_rows(X)(rows), (rows - X.mean(axis=0)) / X.std(axis=0))
    images = RNG.normal(3, 2, size=(50, 4, 4))
    assert np.allclose(RowScaling.of_rows(images)(images[:3]), (images[:3] - images.mean()) / images.std())
    weighted = RowScaling.of_rows(X, np.arange(50.0))
    assert np.allclose(np.average(weighted(X), axis=0, weights=np.arange(50.0)), 0)


def test_sparse_rows_stay_sparse_for_learners_that_take_them():
    X = csr_array(np.diag(np.arange(1.0, 6)))
    scaled = RowScaling.of_rows(X)(X)
    assert as_seen(LogisticRegression(), scaled).nnz == 5
    assert isinstance(as_seen(learners_by_name("boosting", "classification", (5,))["boosting"], scaled), np.ndarray)


def test_frames_are_encoded_by_training_rows():
    frame = pd.DataFrame({"age": [1.0, 2.0, 3.0, 4.0], "city": ["Oslo", "Rome", "Oslo", "Rome"]})
    scaling = RowScaling.of_rows(frame)
    assert scaling(frame).mean(axis=0) == pytest.approx(0)
    with pytest.raises(ValueError, match="columns of X_test"):
        scaling(frame[["city", "age"]], "X_test")
    with pytest.raises(
        ValueError, match=r"rows of X_test of shape \(2,\) are not like those that learners are trained on, \(3,\)"
    ):
        RowScaling.of_rows(np.ones((4, 3)))(np.ones((4, 2)), "X_test")


def test_scores_take_weights_where_they_can():
    X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1])
    learner = LogisticRegression().fit(X, y)
    wrong = np.array([1, 0, 1, 1])
    assert score_of(learner, X, wrong, None, np.array([3.0, 1, 1, 1])) == 0.5
    assert score_of(learner, X, wrong, "balanced_accuracy") == pytest.approx(5 / 6)


def test_the_scale_of_a_set_is_one_number_of_its_rows():
    X, y = RNG.normal(3, [1, 100], size=(50, 2)), np.arange(50) % 2
    condenser = RandomSubset(n_per_class=5, random_state=0).fit(X, y)
    rows = condenser.X_syn_
    assert np.allclose(RowScaling.of_set(condenser)(X), (X - rows.mean()) / rows.std())
