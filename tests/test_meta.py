"""Estimators around a condenser."""

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin, clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import check_regressors_train, parametrize_with_checks

from skdc import (
    AsSampler,
    CondensedEstimator,
    Condenser,
    KernelHerding,
    KernelInducingPoints,
    KMeansCondenser,
    RandomSubset,
)
from skdc.discrepancies import MMD, RandomFeatureMMD
from skdc.learners import KernelRidgeClassifier, NetworkClassifier
from skdc.solvers import Descent


class Recorder(ClassifierMixin, BaseEstimator):
    """Remembers what it was fitted on."""

    def fit(self, X, y, sample_weight=None):
        self.X_, self.y_, self.sample_weight_ = X, y, sample_weight
        self.classes_ = np.unique(y)
        return self


class Deaf(ClassifierMixin, BaseEstimator):
    """Remembers what it was fitted on, and takes no weights."""

    def fit(self, X, y):
        self.X_, self.y_ = X, y
        return self


class Soft(Recorder):
    """Takes probabilities."""

    accepts_soft_labels = True

    def __init__(self, classes=None):
        self.classes = classes


@pytest.fixture
def frame():
    return load_iris(return_X_y=True, as_frame=True)


def weighted():
    """Return a condenser whose weights differ."""
    return KMeansCondenser(n_per_class=5, random_state=0)


def soft():
    """Return a condenser of probabilities."""
    return KernelInducingPoints(n_steps=30, n_per_class=4, random_state=0)


# What the learner gets


def test_the_learner_gets_the_weighted_set(iris):
    model = CondensedEstimator(weighted(), Recorder()).fit(*iris)
    condenser = weighted().fit(*iris)
    assert_array_equal(model.estimator_.X_, condenser.X_syn_)
    assert_array_equal(model.estimator_.y_, condenser.y_syn_)
    assert_array_equal(model.estimator_.sample_weight_, condenser.sample_weight_)
    assert_array_equal(model.condenser_.X_syn_, condenser.X_syn_)


def test_a_learner_without_weights_gets_the_set(iris):
    model = CondensedEstimator(weighted(), Deaf()).fit(*iris)
    assert_array_equal(model.estimator_.X_, weighted().fit(*iris).X_syn_)


def test_predictions_are_those_of_the_learner(iris):
    X, y = iris
    model = CondensedEstimator(weighted(), LogisticRegression()).fit(X, y)
    condenser = weighted().fit(X, y)
    expected = LogisticRegression().fit(*condenser, sample_weight=condenser.sample_weight_)
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        assert_array_equal(getattr(model, method)(X), getattr(expected, method)(X))
    assert model.score(X, y) == expected.score(X, y)
    assert model.score(X, y, sample_weight=y == 0) == expected.score(X, y, sample_weight=y == 0)
    assert_array_equal(model.classes_, [0, 1, 2])


def test_soft_labels_become_weighted_copies(iris):
    X, y = iris
    model = CondensedEstimator(soft(), Recorder()).fit(X[20:], y[20:])
    condenser = model.condenser_
    assert np.ptp(condenser.sample_weight_) > 0
    learner, total = model.estimator_, np.zeros((12, 3))
    for row, label, weight in zip(learner.X_, learner.y_, learner.sample_weight_):
        position = np.flatnonzero((condenser.X_syn_ == row).all(axis=1))[0]
        total[position, label] += weight
    assert_allclose(total, condenser.y_soft_ * condenser.sample_weight_[:, None])
    assert (learner.sample_weight_ > 0).all()
    assert len(learner.y_) > 12


def test_soft_labels_go_as_they_are_to_who_takes_them(iris):
    names = np.array(["setosa", "versicolor", "virginica"])
    model = CondensedEstimator(soft(), Soft()).fit(iris[0], names[iris[1]])
    assert_array_equal(model.estimator_.y_, model.condenser_.y_soft_)
    assert_array_equal(model.estimator_.classes, names)
    assert_array_equal(model.estimator_.sample_weight_, model.condenser_.sample_weight_)
    assert model.estimator.classes is None


def test_soft_labels_become_hard_for_who_takes_neither(iris):
    model = CondensedEstimator(soft(), Deaf()).fit(*iris)
    assert_array_equal(model.estimator_.y_, model.condenser_.y_syn_)


@pytest.mark.parametrize("learner", [KernelRidgeClassifier(), NetworkClassifier(max_epochs=100, random_state=0)])
def test_our_learners_take_soft_labels(iris, learner):
    X, y = iris
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    model = CondensedEstimator(KernelInducingPoints(n_steps=30, random_state=0), learner).fit(X, names)
    expected = clone(learner).set_params(classes=np.unique(names))
    condenser = model.condenser_
    expected.fit(condenser.X_syn_, condenser.y_soft_, sample_weight=condenser.sample_weight_)
    method = "decision_function" if hasattr(learner, "decision_function") else "predict_proba"
    assert_array_equal(getattr(model, method)(X), getattr(expected, method)(X))
    assert model.score(X, names) > 0.9


def test_frames_stay_frames(frame):
    X, y = frame
    model = CondensedEstimator(weighted(), Recorder()).fit(X, y)
    assert list(model.estimator_.X_.columns) == list(X.columns)
    assert isinstance(model.estimator_.y_, pd.Series)
    assert_array_equal(model.feature_names_in_, X.columns)
    copies = CondensedEstimator(soft(), Recorder()).fit(X, y).estimator_.X_
    assert list(copies.columns) == list(X.columns)
    model.fit(X.to_numpy(), y)
    assert not hasattr(model, "feature_names_in_")


def test_weights_and_groups_reach_the_condenser(iris):
    weight, groups = np.arange(1.0, 151.0), np.arange(150) % 2
    condenser = Condenser(MMD(by="group"), n_per_class=3, solver=Descent(n_steps=3), random_state=0)
    model = CondensedEstimator(condenser, SVC()).fit(*iris, sample_weight=weight, sensitive_features=groups)
    expected = clone(condenser).fit(*iris, sample_weight=weight, sensitive_features=groups)
    assert_array_equal(model.condenser_.X_syn_, expected.X_syn_)


# What kind of estimator it is


def test_it_is_what_its_estimator_is():
    assert is_classifier(CondensedEstimator(Condenser(), SVC()))
    assert is_regressor(CondensedEstimator(Condenser(), Ridge()))
    assert get_tags(CondensedEstimator(Condenser(), PCA())).transformer_tags is not None
    assert not get_tags(CondensedEstimator(Condenser(), SVC())).input_tags.sparse


def test_it_has_the_methods_of_its_estimator():
    assert hasattr(CondensedEstimator(Condenser(), LogisticRegression()), "predict_proba")
    assert not hasattr(CondensedEstimator(Condenser(), Ridge()), "predict_proba")
    assert hasattr(CondensedEstimator(Condenser(), PCA()), "transform")
    assert not hasattr(CondensedEstimator(Condenser(), SVC()), "transform")
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        with pytest.raises(NotFittedError):
            getattr(CondensedEstimator(Condenser(), LogisticRegression()), method)([[0.0]])


def test_the_estimator_says_what_y_is(iris):
    X, numbers = iris[0], np.arange(150)
    condenser = RandomSubset(n_samples=20, random_state=0)
    with pytest.raises(ValueError, match="150 distinct numbers"):
        clone(condenser).fit(X, numbers)
    model = CondensedEstimator(condenser, Ridge()).fit(X, numbers)
    assert model.condenser_.y_syn_.dtype.kind == "f"
    assert not hasattr(model, "classes_")
    assert condenser.task == "auto"
    labels = CondensedEstimator(RandomSubset(n_per_class=1), Recorder()).fit(X, numbers)
    assert_array_equal(labels.classes_, numbers)


def test_a_task_that_is_said_stays(iris):
    model = CondensedEstimator(RandomSubset(n_per_class=2, task="classification"), Ridge()).fit(*iris)
    assert model.condenser_.task == "classification"


def test_without_targets(iris):
    X, _ = iris
    model = CondensedEstimator(RandomSubset(n_samples=30, random_state=0), KMeans(3, random_state=0)).fit(X)
    assert_array_equal(model.predict(X), KMeans(3, random_state=0).fit(model.condenser_.X_syn_).predict(X))
    scores = CondensedEstimator(RandomSubset(n_samples=30, random_state=0), PCA(2)).fit(X)
    assert_array_equal(scores.transform(X), PCA(2).fit(scores.condenser_.X_syn_).transform(X))
    for learner, task in ((SVC(), "classification"), (Ridge(), "regression")):
        with pytest.raises(ValueError, match=f"{task} requires y to be passed"):
            CondensedEstimator(RandomSubset(), learner).fit(X)


# Among others


def test_at_the_end_of_a_plain_pipeline_in_a_search(iris):
    X, y = iris
    pipe = make_pipeline(StandardScaler(), CondensedEstimator(RandomSubset(random_state=0), SVC()))
    grid = {"condensedestimator__condenser__n_per_class": [1, 10], "condensedestimator__estimator__C": [0.1, 10.0]}
    search = GridSearchCV(pipe, grid, cv=3, error_score="raise").fit(X, y)
    assert search.best_params_["condensedestimator__condenser__n_per_class"] == 10
    assert search.best_estimator_[-1].condenser_.X_syn_.shape == (30, 4)
    assert search.score(X, y) > 0.9


@pytest.mark.parametrize(
    "wrapper", [CalibratedClassifierCV(cv=2), BaggingClassifier(random_state=0)], ids=lambda part: type(part).__name__
)
def test_it_goes_into_meta_estimators(iris, wrapper):
    model = CondensedEstimator(KernelHerding(n_per_class=10, random_state=0), LogisticRegression(max_iter=1000))
    assert clone(wrapper).set_params(estimator=model).fit(*iris).score(*iris) > 0.9


def test_regression_in_cross_validation(iris):
    X, y = iris[0][:, :3], iris[0][:, 3]
    condenser = Condenser(n_samples=20, solver=Descent(n_steps=20), random_state=0)
    model = CondensedEstimator(condenser, Ridge())
    assert cross_val_score(model, X, y, cv=3, error_score="raise").shape == (3,)
    assert model.fit(X, y).score(X, y) > 0.8


def test_it_survives_joblib_and_clone(iris, tmp_path):
    X, y = iris
    model = CondensedEstimator(weighted(), SVC()).fit(X, y)
    joblib.dump(model, tmp_path / "model")
    assert_array_equal(joblib.load(tmp_path / "model").decision_function(X), model.decision_function(X))
    assert not hasattr(clone(model), "estimator_")


def test_metadata_is_requested_of_it(iris):
    weight = np.arange(1.0, 151.0)
    with sklearn.config_context(enable_metadata_routing=True):
        model = CondensedEstimator(weighted(), LogisticRegression()).set_fit_request(sample_weight=True)
        scores = cross_validate(
            make_pipeline(StandardScaler().set_fit_request(sample_weight=False), model),
            *iris,
            params={"sample_weight": weight},
            cv=2,
            scoring=make_scorer(accuracy_score).set_score_request(sample_weight=False),
            return_estimator=True,
            return_indices=True,
            error_score="raise",
        )
    train = scores["indices"]["train"][0]
    scaled = StandardScaler().fit_transform(iris[0][train])
    expected = weighted().fit(scaled, iris[1][train], sample_weight=weight[train])
    assert_array_equal(scores["estimator"][0][-1].condenser_.X_syn_, expected.X_syn_)


# imbalanced-learn


def test_sampler_gives_the_pair(frame):
    X, y = frame
    sampler = AsSampler(weighted())
    X_syn, y_syn = sampler.fit_resample(X, y)
    X_expected, y_expected = weighted().fit(X, y)
    pd.testing.assert_frame_equal(X_syn, X_expected)
    pd.testing.assert_series_equal(y_syn, y_expected)
    assert_array_equal(sampler.feature_names_in_, X.columns)
    assert sampler.n_features_in_ == 4
    sampler.fit(X.to_numpy(), y)
    assert not hasattr(sampler, "feature_names_in_")
    assert not hasattr(sampler, "transform") and not hasattr(sampler, "fit_transform")


def test_sampler_in_the_pipeline_of_imbalanced_learn(iris):
    X, y = iris
    pipe = make_imblearn_pipeline(StandardScaler(), AsSampler(weighted()), LogisticRegression()).fit(X, y)
    scaled = StandardScaler().fit_transform(X)
    expected = LogisticRegression().fit(*weighted().fit(scaled, y))
    assert_array_equal(pipe.predict_proba(X), expected.predict_proba(scaled))


def test_sampler_in_a_search(iris):
    pipe = make_imblearn_pipeline(StandardScaler(), AsSampler(RandomSubset(random_state=0)), LogisticRegression())
    search = GridSearchCV(pipe, {"assampler__condenser__n_per_class": [1, 20]}, cv=3, error_score="raise").fit(*iris)
    assert search.best_params_ == {"assampler__condenser__n_per_class": 20}
    assert search.best_estimator_["assampler"].condenser_.X_syn_.shape == (60, 4)


def test_sampler_is_refused_by_a_plain_pipeline(iris):
    with pytest.raises(TypeError, match="AsSampler"):
        make_pipeline(AsSampler(weighted()), SVC()).fit(*iris)


# Published checks

# It is computed in float64, so that weights and repeated rows agree as closely as scikit-learn asks for.
SKETCHED = RandomFeatureMMD(bandwidth=1.0, n_features=50)

EXPECTED = {
    "check_regressors_train": "nine rows, as many as the fewest of these checks, do not tell what 200 do; see below",
}


@parametrize_with_checks(
    [
        CondensedEstimator(KernelHerding(n_per_class=1), LogisticRegression()),
        CondensedEstimator(Condenser(SKETCHED, n_samples=9, solver=Descent(n_steps=5), random_state=0), Ridge()),
        AsSampler(RandomSubset(random_state=0)),
    ],
    expected_failed_checks=lambda estimator: EXPECTED,
)
def test_sklearn(estimator, check):
    check(estimator)


@pytest.mark.parametrize("settings", [{}, {"readonly_memmap": True}, {"X_dtype": np.float32}], ids=list)
def test_a_regressor_learns_from_most_of_the_rows(settings):
    condenser = Condenser(SKETCHED, n_samples=0.9, solver=Descent(n_steps=5), random_state=0)
    check_regressors_train("CondensedEstimator", CondensedEstimator(condenser, Ridge()), **settings)
