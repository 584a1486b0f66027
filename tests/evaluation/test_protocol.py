"""Learners by name, and how they see rows."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array, issparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import skdc
from skdc import KMedoids, RandomSubset
from skdc.evaluation import condensation_report, fairness_table, transfer_table
from skdc.evaluation.folds import Data, Fold, Split
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


def test_sparse_rows_stay_sparse_for_learners_that_take_them():
    X = csr_array(np.diag(np.arange(1.0, 6)))
    scaled = RowScaling.of_rows(X)(X)
    assert as_seen(LogisticRegression(), scaled).nnz == 5
    assert isinstance(as_seen(learners_by_name("boosting", "classification", (5,))["boosting"], scaled), np.ndarray)


def test_rows_that_are_not_like_the_data_are_refused():
    frame = pd.DataFrame({"age": [1.0, 2.0, 3.0, 4.0], "city": ["Oslo", "Rome", "Oslo", "Rome"]})
    scaling = RowScaling.of_rows(frame)
    with pytest.raises(ValueError, match="columns of X_test"):
        scaling(frame[["city", "age"]], "X_test")
    with pytest.raises(ValueError, match="column 'age' holds numbers in the data, and other things here"):
        scaling(frame.assign(age=frame["city"]))
    with pytest.raises(ValueError, match=r"could not convert string to float: 'a'. X_test is an array that holds str"):
        RowScaling.of_rows(np.ones((4, 1)))(np.array([["a"]]), "X_test")
    with pytest.raises(
        ValueError, match=r"rows of X_test of shape \(2,\) are not like those that learners are trained on, \(3,\)"
    ):
        RowScaling.of_rows(np.ones((4, 3)))(np.ones((4, 2)), "X_test")


class Seen(ClassifierMixin, BaseEstimator):
    """A classifier that keeps the rows that it is shown."""

    rows: ClassVar = []

    def fit(self, X, y, sample_weight=None):
        Seen.rows.append(X)
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        Seen.rows.append(X)
        return np.full(X.shape[0], self.classes_[0])


WORDS = RNG.choice([*"abc"], 120)
ROWS = {
    "columns": RNG.normal(3, [1e-150, 1, 1e150], size=(120, 3)),
    "images": RNG.integers(0, 255, (120, 1, 5, 5)).astype(np.uint8),
    "pixels": RNG.normal(3, 1, size=(120, 121)).astype(np.float32),
    "frame": pd.DataFrame({"x": RNG.standard_cauchy(120), "word": WORDS, "gaps": np.where(WORDS == "a", np.nan, 2.0)}),
    "sparse": csr_array(RNG.poisson(0.2, (120, 7)).astype(np.float64)),
}


@pytest.mark.parametrize("X", ROWS.values(), ids=ROWS)
def test_comparisons_reports_and_tables_show_a_learner_the_same_numbers(X, tmp_path):
    y, train, test = np.arange(120) % 2, slice(0, 80), slice(80, 120)
    part = X.iloc if hasattr(X, "iloc") else X
    data, tested = (part[train], y[train]), (part[test], y[test])
    condenser = RandomSubset(n_per_class=10, random_state=0)
    condenser.fit(*data).condensed_.save(tmp_path / "set.skdc")
    given = {"learners": {"seen": Seen()}}
    Seen.rows.clear()
    fold = Fold(Data.of(*data, *tested, "auto"), Split(0, 0, np.arange(80), None), given["learners"], (), None)
    fold.scores(condenser.condensed_)
    transfer_table(condenser, *tested, **given)
    transfer_table(skdc.load(tmp_path / "set.skdc"), *tested, **given)
    fairness_table(condenser, *tested, sensitive_features=np.arange(40) // 2 % 2, **given)
    condensation_report(condenser, *data, *tested, **given)
    shown = [rows.toarray() if issparse(rows) else rows for rows in Seen.rows]
    sets, new = ([rows for rows in shown if len(rows) == n] for n in (20, 40))
    assert len(sets) >= 7 and len(new) >= 7
    for rows in sets[1:6]:
        np.testing.assert_allclose(rows, sets[0], rtol=1e-6, atol=1e-9)
    for rows in new[1:]:
        np.testing.assert_allclose(rows, new[0], rtol=1e-6, atol=1e-9)


def test_without_a_scaling_the_weighted_points_stand_for_the_data():
    X, y = RNG.normal(3, [1, 100], size=(50, 2)), np.arange(50) % 2
    condensed = KMedoids(n_per_class=5, random_state=0).fit(X, y).condensed_
    for other in (replace(condensed, provenance=None), replace(condensed, X=condensed.X @ np.ones((2, 3)))):
        expected = StandardScaler().fit(other.X, sample_weight=condensed.sample_weight)
        rows = RNG.normal(size=(4, other.X.shape[1]))
        np.testing.assert_allclose(RowScaling.of_set(other)(rows), expected.transform(rows))


def test_arrays_with_gaps_are_seen_as_the_set_says_that_was_made_of_them():
    X = np.where(RNG.random((50, 2)) < 0.2, np.nan, RNG.normal(3, [1, 100], size=(50, 2)))
    condensed = KMedoids(5, encoder=SimpleImputer(), random_state=0).fit(X, np.arange(50) % 2).condensed_
    found, expected = RowScaling.of_rows(X), RowScaling.of_set(condensed)
    assert found.scaling == expected.scaling
    np.testing.assert_array_equal(found(X), expected(X))
    assert found(X).shape == (50, 4)


def test_columns_that_are_shown_as_images_have_one_scale():
    X, y = RNG.normal(3, RNG.random(16), size=(50, 16)), np.arange(50) % 2
    condensed = RandomSubset(n_per_class=5, random_state=0).fit(X, y).condensed_
    images = X.reshape(-1, 4, 4)
    found = RowScaling.of_set(replace(condensed, X=condensed.X.reshape(-1, 4, 4)))
    np.testing.assert_allclose(found(images), RowScaling.of_rows(images)(images))


def test_scores_take_weights_where_they_can():
    X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1])
    learner = LogisticRegression().fit(X, y)
    wrong = np.array([1, 0, 1, 1])
    assert score_of(learner, X, wrong, None, np.array([3.0, 1, 1, 1])) == 0.5
    assert score_of(learner, X, wrong, "balanced_accuracy") == pytest.approx(5 / 6)
