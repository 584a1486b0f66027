"""Pipelines with a condenser among their steps."""

import inspect

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import DBSCAN, KMeans
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import estimator_html_repr
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdc import Condenser, CondensingPipeline, KMeansCondenser, KMedoids, RandomSubset, make_condensing_pipeline
from skdc.discrepancies import MMD, Sinkhorn, SlicedWasserstein
from skdc.solvers import Descent


class Recorder(ClassifierMixin, BaseEstimator):
    """Remembers what it was fitted on."""

    def fit(self, X, y, sample_weight=None, groups=None, flag=None):
        self.X_, self.y_, self.sample_weight_, self.groups_, self.flag_ = X, y, sample_weight, groups, flag
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


FITS = []


class CountingSubset(RandomSubset):
    """Counts its fits."""

    def fit(self, X, y=None, *, sample_weight=None, sensitive_features=None):
        FITS.append(len(X))
        return super().fit(X, y, sample_weight=sample_weight, sensitive_features=sensitive_features)


@pytest.fixture
def fits():
    FITS.clear()
    return FITS


@pytest.fixture
def weight(iris):
    return np.random.default_rng(0).integers(1, 4, len(iris[1])).astype(float)


@pytest.fixture
def frame():
    return load_iris(return_X_y=True, as_frame=True)


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def subset(n_per_class=5):
    return RandomSubset(n_per_class=n_per_class, random_state=0)


def quick(discrepancy=None):
    return Condenser(discrepancy, n_per_class=3, solver=Descent(n_steps=3), random_state=0)


# What is fitted on what


def test_make_condensing_pipeline_names_steps_after_their_classes():
    pipe = make_condensing_pipeline(StandardScaler(), Condenser(), LogisticRegression(), memory="cache", verbose=True)
    assert isinstance(pipe, CondensingPipeline)
    assert [name for name, _ in pipe.steps] == ["standardscaler", "condenser", "logisticregression"]
    assert (pipe.memory, pipe.verbose) == ("cache", True)


def test_it_is_scaling_then_condensing_then_learning(iris):
    X, y = iris
    pipe = make_condensing_pipeline(StandardScaler(), subset(), LogisticRegression()).fit(X, y)
    scaler = StandardScaler().fit(X)
    model = LogisticRegression().fit(*subset().fit(scaler.transform(X), y))
    assert_array_equal(pipe[-1].coef_, model.coef_)
    assert_array_equal(pipe.predict_proba(X), model.predict_proba(scaler.transform(X)))
    assert_array_equal(pipe.predict(X), model.predict(scaler.transform(X)))
    assert_array_equal(pipe.decision_function(X), model.decision_function(scaler.transform(X)))
    assert pipe.score(X, y) == model.score(scaler.transform(X), y)
    assert_array_equal(pipe.classes_, [0, 1, 2])
    assert pipe.n_features_in_ == 4


def test_transformers_after_the_condenser_learn_from_the_condensed_set(iris):
    pipe = make_condensing_pipeline(subset(), StandardScaler(), PCA(2), Recorder()).fit(*iris)
    X_syn, y_syn = pipe[0]
    assert_array_equal(pipe[1].mean_, X_syn.mean(axis=0))
    assert pipe[-1].X_.shape == (15, 2)
    assert_array_equal(pipe[-1].y_, y_syn)


def test_without_a_condenser_it_is_a_pipeline(iris):
    X, y = iris
    pipe = make_condensing_pipeline(StandardScaler(), subset(), LogisticRegression())
    pipe.set_params(randomsubset="passthrough").fit(X, y)
    plain = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    assert_array_equal(pipe[-1].coef_, plain[-1].coef_)
    scale = make_condensing_pipeline(StandardScaler(), "passthrough")
    assert_array_equal(scale.fit_transform(X, y), StandardScaler().fit_transform(X))
    assert_array_equal(
        make_condensing_pipeline(KMeans(2, random_state=0)).fit_predict(X), KMeans(2, random_state=0).fit_predict(X)
    )


def test_a_second_condenser_gets_the_set_and_the_weights_of_the_first(iris):
    X, y = iris
    first, second = KMeansCondenser(n_per_class=20, random_state=0), KMeansCondenser(n_per_class=2, random_state=0)
    pipe = CondensingPipeline([("first", first), ("second", second), ("model", Recorder())]).fit(X, y)
    X_1, y_1 = clone(first).fit(X, y)
    X_2, _ = clone(second).fit(X_1, y_1, sample_weight=first.sample_weight_)
    assert_array_equal(pipe["model"].X_, X_2)
    assert not np.allclose(X_2, clone(second).fit(X_1, y_1).X_syn_)


@pytest.mark.parametrize("tail", [[], ["passthrough"]])
def test_fit_transform_that_ends_with_a_condenser_gives_the_pair(iris, tail):
    X, y = iris
    pipe = make_condensing_pipeline(StandardScaler(), subset(), *tail)
    X_syn, y_syn = pipe.fit_transform(X, y)
    expected = subset().fit(StandardScaler().fit_transform(X), y)
    assert_array_equal(X_syn, expected.X_syn_)
    assert_array_equal(y_syn, expected.y_syn_)
    assert_array_equal(pipe.transform(X), StandardScaler().fit_transform(X))
    assert not hasattr(pipe, "predict")


def test_fit_transform_gives_what_a_next_step_would_be_fitted_on(iris):
    X, y = iris
    pipe = make_condensing_pipeline(subset(), PCA(2))
    X_out, y_out = pipe.fit_transform(X, y)
    X_syn, y_syn = subset().fit(X, y)
    np.testing.assert_allclose(X_out, PCA(2).fit_transform(X_syn), atol=1e-12)
    assert_array_equal(y_out, y_syn)
    assert pipe.transform(X).shape == (150, 2)


def test_a_pipeline_that_condenses_is_no_step_of_a_plain_one(iris):
    inner = make_condensing_pipeline(subset(), PCA(2))
    with pytest.raises(TypeError, match="CondensingPipeline"):
        make_pipeline(inner, LogisticRegression()).fit(*iris)


def test_fit_predict_labels_all_rows(iris):
    X, _ = iris
    condenser = RandomSubset(n_samples=20, random_state=0)
    pipe = make_condensing_pipeline(condenser, KMeans(3, random_state=0))
    labels = pipe.fit_predict(X)
    assert_array_equal(labels, KMeans(3, random_state=0).fit(condenser.X_syn_).predict(X))
    blind = make_condensing_pipeline(condenser, DBSCAN())
    assert not hasattr(blind, "fit_predict")
    with pytest.raises(AttributeError, match="fit_predict") as error:
        blind.fit_predict(X)
    assert "DBSCAN has no predict" in str(error.value.__cause__)


def test_frames_pass_through(frame):
    X, y = frame
    pipe = make_condensing_pipeline(StandardScaler(), subset(), Recorder()).set_output(transform="pandas").fit(X, y)
    assert list(pipe[-1].X_.columns) == list(X.columns)
    assert isinstance(pipe[-1].y_, pd.Series) and pipe[-1].y_.name == "target"
    assert list(pipe[:-1].get_feature_names_out()) == list(X.columns)
    assert isinstance(pipe[:-1].transform(X), pd.DataFrame)
    assert_array_equal(pipe.feature_names_in_, X.columns)


def test_slices_and_pictures(iris):
    X, y = iris
    pipe = make_condensing_pipeline(StandardScaler(), subset(), LogisticRegression()).fit(X, y)
    assert isinstance(pipe[:2], CondensingPipeline)
    assert_array_equal(pipe[:2].transform(X), pipe[0].transform(X))
    assert "RandomSubset" in estimator_html_repr(pipe)


def test_bad_steps_are_refused_before_anything_is_condensed(iris, fits):
    pipe = make_condensing_pipeline(CountingSubset(), LogisticRegression(), SVC())
    with pytest.raises(TypeError, match="transformers"):
        pipe.fit(*iris)
    with pytest.raises(ValueError):
        CondensingPipeline([]).fit(*iris)
    assert not fits


def test_the_list_of_steps_of_the_user_stays(iris, tmp_path):
    steps = [("scaler", StandardScaler()), ("condenser", subset()), ("pca", PCA(2)), ("model", SVC())]
    before = list(steps)
    pipe = CondensingPipeline(steps, memory=str(tmp_path)).fit(*iris)
    assert all(step is same for step, same in zip(steps, before))
    assert pipe["pca"].n_components_ == 2


def test_verbose_tells_of_each_step(iris, capsys):
    make_condensing_pipeline(StandardScaler(), subset(), SVC(), verbose=True).fit(*iris)
    out = capsys.readouterr().out
    assert [name in out for name in ("standardscaler", "randomsubset", "svc")] == [True] * 3


# Searches, copies and processes


def test_grid_search_over_discrepancies(iris):
    pipe = make_condensing_pipeline(StandardScaler(), quick(), LogisticRegression())
    grid = [
        {"condenser__discrepancy": [MMD(), SlicedWasserstein(), Sinkhorn()]},
        {"condenser__discrepancy": [MMD()], "condenser__discrepancy__bandwidth": [0.5, 2.0]},
        {"condenser__discrepancy": [MMD() + Sinkhorn()], "condenser__discrepancy__mmd__weight": [0.1, 10.0]},
    ]
    search = GridSearchCV(pipe, grid, cv=2, error_score="raise").fit(*iris)
    assert len(search.cv_results_["params"]) == 7
    assert search.best_estimator_["condenser"].n_iter_ == 3
    scaled = StandardScaler().fit_transform(iris[0])
    sets = [
        clone(pipe).set_params(**params)["condenser"].fit(scaled, iris[1]).X_syn_
        for params in search.cv_results_["params"]
    ]
    pairs = [(a, b) for a in range(7) for b in range(a)]
    assert not any(np.array_equal(sets[a], sets[b]) for a, b in pairs)


@pytest.mark.slow
def test_cross_validation_in_two_processes_is_that_in_one(iris):
    pipe = make_condensing_pipeline(StandardScaler(), quick(), SVC())
    one, two = (cross_validate(pipe, *iris, cv=2, n_jobs=n, error_score="raise")["test_score"] for n in (1, 2))
    assert_array_equal(one, two)


def test_it_survives_joblib_and_clone(iris, tmp_path):
    X, y = iris
    pipe = make_condensing_pipeline(StandardScaler(), quick(), SVC()).fit(X, y)
    joblib.dump(pipe, tmp_path / "pipe")
    assert_array_equal(joblib.load(tmp_path / "pipe").decision_function(X), pipe.decision_function(X))
    assert_array_equal(clone(pipe).fit(X, y).decision_function(X), pipe.decision_function(X))
    assert not hasattr(clone(pipe)[1], "X_syn_")


@pytest.mark.parametrize("wrapper", [lambda pipe: CalibratedClassifierCV(pipe, cv=2), BaggingClassifier])
def test_it_goes_into_meta_estimators(iris, wrapper):
    X, y = iris
    assert wrapper(make_condensing_pipeline(StandardScaler(), subset(10), SVC())).fit(X, y).score(X, y) > 0.8


# Memory


@pytest.mark.parametrize("make_memory", [str, lambda path: joblib.Memory(path, verbose=0)])
def test_memory_condenses_each_fold_once(iris, tmp_path, fits, make_memory):
    X, y = iris
    grid = {"svc__C": [0.1, 1.0, 10.0, 100.0]}
    condenser = CountingSubset(n_per_class=5, random_state=0)
    plain = GridSearchCV(make_condensing_pipeline(StandardScaler(), condenser, SVC()), grid, cv=3).fit(X, y)
    assert len(fits) == 13
    fits.clear()
    memory = make_memory(tmp_path)
    pipe = make_condensing_pipeline(StandardScaler(), condenser, SVC(), memory=memory)
    cached = GridSearchCV(pipe, grid, cv=3).fit(X, y)
    assert len(fits) == 4
    assert_array_equal(cached.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"])
    assert_array_equal(cached.decision_function(X), plain.decision_function(X))


def test_memory_knows_what_changes_the_result(iris, weight, tmp_path, fits):
    X, y = iris
    condenser = CountingSubset(n_per_class=5, random_state=0)
    pipe = make_condensing_pipeline(StandardScaler(), condenser, SVC(), memory=str(tmp_path))
    pipe.fit(X, y)
    pipe.fit(X, y)
    assert len(fits) == 1
    for change in (
        lambda: pipe.fit(X, y, countingsubset__sample_weight=weight),
        lambda: pipe.fit(X, y[::-1]),
        lambda: pipe.set_params(countingsubset__n_per_class=6).fit(X, y),
        lambda: pipe.set_params(standardscaler__with_std=False).fit(X, y),
    ):
        fits.clear()
        change()
        assert len(fits) == 1


def test_memory_leaves_the_steps_of_the_user_alone(iris, tmp_path):
    scaler, condenser = StandardScaler(), subset()
    pipe = make_condensing_pipeline(scaler, condenser, SVC(), memory=str(tmp_path)).fit(*iris)
    assert not hasattr(scaler, "mean_") and not hasattr(condenser, "X_syn_")
    assert pipe[1].X_syn_.shape == (15, 4)


def test_memory_warns_of_frozen_randomness(iris, tmp_path):
    pipe = make_condensing_pipeline(RandomSubset(), SVC(), memory=str(tmp_path))
    with pytest.warns(UserWarning, match="randomsubset__random_state"):
        pipe.fit(*iris)
    make_condensing_pipeline(RandomSubset(), SVC(), memory=joblib.Memory(None)).fit(*iris)


# Metadata


def test_weights_go_to_the_steps_up_to_the_condenser(iris, weight):
    X, y = iris
    pipe = make_condensing_pipeline(StandardScaler(), subset(), Recorder())
    pipe.fit(X, y, standardscaler__sample_weight=weight, randomsubset__sample_weight=weight)
    scaled = StandardScaler().fit(X, sample_weight=weight).transform(X)
    expected = subset().fit(scaled, y, sample_weight=weight)
    assert_array_equal(pipe[-1].X_, expected.X_syn_)
    assert_array_equal(pipe[1].sample_weight_, expected.sample_weight_)
    assert pipe[-1].sample_weight_ is None


def test_after_the_condenser_weights_are_its_own(iris, weight):
    pipe = make_condensing_pipeline(subset(), StandardScaler(), Recorder())
    pipe.fit(*iris, randomsubset__sample_weight=weight, recorder__sample_weight=weight, recorder__flag="on")
    assert_array_equal(pipe[-1].sample_weight_, pipe[0].sample_weight_)
    assert np.ptp(pipe[0].sample_weight_) > 0
    assert pipe[-1].flag_ == "on"


def test_weights_that_the_condenser_never_saw_are_refused(iris, weight, fits):
    pipe = make_condensing_pipeline(CountingSubset(), Recorder())
    with pytest.raises(ValueError, match="pass countingsubset__sample_weight too"):
        pipe.fit(*iris, recorder__sample_weight=weight)
    two = CondensingPipeline([("first", CountingSubset()), ("second", subset(2)), ("model", Recorder())])
    with pytest.raises(ValueError, match="not given to it"):
        two.fit(*iris, second__sample_weight=weight, model__sample_weight=weight)
    with pytest.raises(ValueError, match="not given to it"):
        two.fit(*iris, model__sample_weight=weight)
    assert not fits
    pipe.fit(*iris, recorder__sample_weight=None)
    assert pipe[-1].sample_weight_ is None


@pytest.mark.parametrize("container", [np.asarray, list, pd.Series])
def test_other_metadata_of_the_rows_is_refused_after_the_condenser(iris, container, fits):
    groups = container(np.arange(150) % 2)
    pipe = make_condensing_pipeline(CountingSubset(), Recorder())
    with pytest.raises(ValueError, match="recorder__groups has 150 rows"):
        pipe.fit(*iris, recorder__groups=groups)
    assert not fits


def test_unknown_metadata_is_refused_as_by_pipeline(iris, weight, fits):
    pipe = make_condensing_pipeline(CountingSubset(), Recorder())
    with pytest.raises(ValueError, match="does not accept the sample_weight parameter"):
        pipe.fit(*iris, sample_weight=weight)
    with pytest.raises(KeyError, match="nobody"):
        pipe.fit(*iris, nobody__sample_weight=weight)
    assert not fits


@pytest.mark.usefixtures("routing")
def test_routed_weights(iris, weight):
    condenser = subset().set_fit_request(sample_weight=True)
    scaler = StandardScaler().set_fit_request(sample_weight=False)
    pipe = make_condensing_pipeline(scaler, condenser, Recorder().set_fit_request(sample_weight=True))
    pipe.fit(*iris, sample_weight=weight)
    expected = subset().fit(StandardScaler().fit_transform(iris[0]), iris[1], sample_weight=weight)
    assert_array_equal(pipe[-1].X_, expected.X_syn_)
    assert_array_equal(pipe[-1].sample_weight_, expected.sample_weight_)
    pipe.set_params(recorder=Recorder().set_fit_request(sample_weight=False)).fit(*iris, sample_weight=weight)
    assert pipe[-1].sample_weight_ is None


@pytest.mark.usefixtures("routing")
def test_routed_weights_may_have_other_names(iris, weight):
    condenser = subset().set_fit_request(sample_weight="mass")
    pipe = make_condensing_pipeline(condenser, Recorder().set_fit_request(sample_weight="mass"))
    pipe.fit(*iris, mass=weight)
    assert_array_equal(pipe[-1].sample_weight_, subset().fit(*iris, sample_weight=weight).sample_weight_)


@pytest.mark.usefixtures("routing")
def test_a_request_of_weights_is_met_even_if_none_are_passed(iris):
    condenser = KMeansCondenser(n_per_class=5, random_state=0)
    pipe = make_condensing_pipeline(condenser, Recorder().set_fit_request(sample_weight=True)).fit(*iris)
    assert_array_equal(pipe[-1].sample_weight_, condenser.sample_weight_)
    assert np.ptp(condenser.sample_weight_) > 0


@pytest.mark.usefixtures("routing")
def test_routed_metadata_is_refused_where_it_means_nothing(iris, weight, fits):
    asks = Recorder().set_fit_request(sample_weight=True)
    deaf = CountingSubset().set_fit_request(sample_weight=False)
    with pytest.raises(ValueError, match="not given to it"):
        make_condensing_pipeline(deaf, asks).fit(*iris, sample_weight=weight)
    with pytest.raises(UnsetMetadataPassedError, match="CountingSubset"):
        make_condensing_pipeline(CountingSubset(), asks).fit(*iris, sample_weight=weight)
    grouped = Recorder().set_fit_request(groups=True)
    with pytest.raises(ValueError, match="groups has 150 rows"):
        make_condensing_pipeline(CountingSubset(), grouped).fit(*iris, groups=np.arange(150))
    assert not fits


def test_sensitive_features_reach_the_condenser(iris):
    groups = np.arange(150) % 2
    condenser = quick(MMD(by="group"))
    pipe = make_condensing_pipeline(condenser, Recorder()).fit(*iris, condenser__sensitive_features=groups)
    expected = clone(condenser).fit(*iris, sensitive_features=groups).X_syn_
    assert_array_equal(pipe[-1].X_, expected)
    with sklearn.config_context(enable_metadata_routing=True):
        routed = make_condensing_pipeline(clone(condenser).set_fit_request(sensitive_features=True), Recorder())
        assert_array_equal(routed.fit(*iris, sensitive_features=groups)[-1].X_, expected)


@pytest.mark.usefixtures("routing")
def test_routing_through_cross_validation(iris, weight):
    condenser = subset().set_fit_request(sample_weight=True, sensitive_features=False)
    pipe = make_condensing_pipeline(condenser, LogisticRegression().set_fit_request(sample_weight=True))
    # The default score of a Pipeline takes no part in routing before scikit-learn 1.8.
    scores = cross_validate(
        pipe,
        *iris,
        params={"sample_weight": weight},
        cv=2,
        scoring=make_scorer(accuracy_score).set_score_request(sample_weight=False),
        return_estimator=True,
        return_indices=True,
        error_score="raise",
    )
    train = scores["indices"]["train"][0]
    expected = subset().fit(iris[0][train], iris[1][train], sample_weight=weight[train])
    assert_array_equal(scores["estimator"][0][0].sample_weight_, expected.sample_weight_)


# Callbacks (scikit-learn 1.9)


class Witness:
    """A callback that counts what it is told."""

    def __init__(self):
        self.set_up = self.torn_down = 0
        self.begun, self.ended = [], []

    def setup(self, estimator, context):
        self.set_up += 1

    def teardown(self, estimator, context):
        self.torn_down += 1

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None):
        self.begun.append((context.task_name, None if X is None else len(X)))

    def on_fit_task_end(self, estimator, context):
        self.ended.append(context.task_name)


class Traveller(Witness):
    """A callback that is handed on to inner estimators."""

    max_propagation_depth = None


def callbacks():
    return pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")


def test_callbacks_hear_of_each_stage(iris):
    callbacks()
    witness = Witness()
    pipe = make_condensing_pipeline(StandardScaler(), subset(), LogisticRegression()).set_callbacks(witness)
    pipe.fit(*iris)
    first, last = "fit-standardscaler-randomsubset", "fit-logisticregression"
    assert witness.begun == [("fit", 150), (first, 150), (last, 15)]
    assert witness.ended == [first, last, "fit"]
    assert (witness.set_up, witness.torn_down) == (1, 1)


def test_callbacks_are_torn_down_after_a_failure(iris):
    callbacks()
    witness = Witness()
    pipe = make_condensing_pipeline(subset(1000), SVC()).set_callbacks(witness)
    with pytest.raises(ValueError, match="1000"):
        pipe.fit(*iris)
    assert (witness.set_up, witness.torn_down) == (1, 1)


@pytest.mark.filterwarnings("ignore:The estimator .* does not support callbacks:UserWarning")
def test_callbacks_travel_to_the_steps_and_do_not_spoil_the_cache(iris, tmp_path, fits):
    callbacks()
    condenser = CountingSubset(random_state=0)
    pipe = make_condensing_pipeline(StandardScaler(), condenser, LogisticRegression(), memory=str(tmp_path))
    pipe.fit(*iris)
    for _ in range(2):
        traveller = Traveller()
        pipe.set_callbacks(traveller).fit(*iris)
        assert (traveller.set_up, traveller.torn_down) == (1, 1)
        assert not any(hasattr(step, "_parent_callback_ctx") for step in pipe)
    assert len(fits) == 1
    search = GridSearchCV(clone(pipe).set_callbacks(), {"logisticregression__C": [1.0, 2.0]}, cv=2)
    traveller = Traveller()
    search.set_callbacks(traveller).fit(*iris)
    assert (traveller.set_up, traveller.torn_down) == (1, 1)
    assert traveller.begun.count(("fit", 30)) >= 5


# In scikit-learn's own compositions

NAMES_BOTH = r"CondensingPipeline.*CondensedEstimator"


@pytest.mark.parametrize(
    "model",
    [SVC(), DummyClassifier(), RandomForestClassifier(), KNeighborsClassifier(), DecisionTreeClassifier()],
    ids=lambda model: type(model).__name__,
)
@pytest.mark.parametrize("output", ["default", "pandas"])
@pytest.mark.parametrize("between", [[], ["passthrough"], [StandardScaler()]])
def test_a_plain_pipeline_refuses_a_condenser(frame, model, output, between):
    pipe = make_pipeline(StandardScaler(), subset(), *between, clone(model)).set_output(transform=output)
    with pytest.raises(TypeError, match=NAMES_BOTH):
        pipe.fit(*frame)
    assert not hasattr(pipe[-1], "classes_")


def test_a_plain_pipeline_refuses_a_pair_that_a_function_lets_pass(iris):
    pipe = make_pipeline(subset(), FunctionTransformer(), SVC())
    with pytest.raises((TypeError, ValueError)):
        pipe.fit(*iris)
    assert not hasattr(pipe[-1], "classes_")


def test_a_plain_pipeline_with_a_memory_refuses_a_condenser(iris, tmp_path):
    pipe = make_pipeline(StandardScaler(), subset(), SVC(), memory=str(tmp_path))
    for _ in range(2):
        with pytest.raises(TypeError, match=NAMES_BOTH):
            pipe.fit(*iris)


@pytest.mark.parametrize("output", ["default", "pandas"])
@pytest.mark.parametrize("others", [[], [("scaler", StandardScaler())]])
def test_a_union_refuses_a_condenser(frame, output, others):
    union = FeatureUnion([("condenser", subset()), *others]).set_output(transform=output)
    with pytest.raises(TypeError, match=NAMES_BOTH):
        union.fit_transform(*frame)


@pytest.mark.parametrize("output", ["default", "pandas"])
@pytest.mark.parametrize("others", [[], [("scaler", StandardScaler(), ["petal width (cm)"])]])
def test_a_column_transformer_refuses_a_condenser(frame, output, others):
    columns = ColumnTransformer([("condenser", subset(), ["sepal width (cm)"]), *others]).set_output(transform=output)
    with pytest.raises(TypeError, match=NAMES_BOTH):
        columns.fit_transform(*frame)
    with pytest.raises(TypeError, match=NAMES_BOTH):
        make_pipeline(columns, SVC()).fit(*frame)


def test_a_plain_pipeline_may_end_with_a_condenser(iris):
    pipe = make_pipeline(StandardScaler(), subset()).fit(*iris)
    X_syn, _ = pipe[-1]
    assert X_syn.shape == (15, 4)


# Published checks

CHANGES_STEPS = "fitted steps take the places of the given ones, as in scikit-learn's Pipeline"
CHANGES_ROWS = "fit_transform gives the condensed set, which has other rows than X, by design"


def expected_failures(pipe):
    names = ["check_estimators_overwrite_params", "check_dont_overwrite_parameters"]
    rows = ["check_transformer_general", "check_transformer_data_not_an_array", "check_pipeline_consistency"]
    return dict.fromkeys(names, CHANGES_STEPS) | (
        dict.fromkeys(rows, CHANGES_ROWS) if hasattr(pipe, "transform") else {}
    )


@parametrize_with_checks(
    [
        make_condensing_pipeline(StandardScaler(), RandomSubset(random_state=0), LogisticRegression()),
        make_condensing_pipeline(StandardScaler(), RandomSubset(random_state=0), PCA(1)),
    ],
    expected_failed_checks=expected_failures,
)
def test_sklearn(estimator, check):
    check(estimator)


def test_methods_have_the_signatures_of_pipeline():
    for method in ("fit", "fit_transform", "fit_predict"):
        mine, plain = (inspect.signature(getattr(cls, method)) for cls in (CondensingPipeline, Pipeline))
        assert list(mine.parameters) == list(plain.parameters)


# What the last step is for


@pytest.mark.parametrize("memory", [False, True])
def test_the_last_step_tells_the_task(tmp_path, memory):
    rng = np.random.default_rng(0)
    X, counts = rng.normal(size=(300, 2)), np.minimum(np.arange(300) // 29, 9)
    pipe = make_condensing_pipeline(KMedoids(random_state=0), Ridge(), memory=str(tmp_path) if memory else None)
    for targets in (counts, np.arange(300)):
        _, y_syn = pipe.fit(X, targets)["kmedoids"]
        assert len(y_syn) == 100 and not hasattr(pipe["kmedoids"], "classes_")
        assert pipe["kmedoids"].task == "auto", "it is still the user's"
    pipe.set_params(ridge=LogisticRegression()).fit(X, np.repeat(np.arange(150), 2))
    assert len(pipe["kmedoids"].classes_) == 150
    scaled = make_condensing_pipeline(KMedoids(random_state=0), StandardScaler()).fit(X, counts)
    assert scaled["kmedoids"].classes_.tolist() == list(range(10))
    pipe.set_params(kmedoids__task="classification", ridge=Ridge()).fit(X, counts)
    assert pipe["kmedoids"].classes_.tolist() == list(range(10)), "what the user says holds"
    with pytest.raises(ValueError, match="distinct numbers"):
        scaled.fit(X, np.arange(300))
    assert scaled["kmedoids"].task == "auto"


def test_labels_that_come_as_objects_are_scored(iris):
    X, y = iris
    pipe = make_condensing_pipeline(subset(), LogisticRegression()).fit(X, y.astype(object))
    assert pipe.score(X, y.astype(object)) == pipe.score(X, y)
