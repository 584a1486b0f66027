"""The condenser that chooses itself: what it promises, what it shows learners, and what it says."""

import itertools
import pickle
from time import monotonic

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from pandas.testing import assert_frame_equal
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_digits, make_classification, make_regression
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import make_scorer, recall_score
from sklearn.model_selection import KFold, train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdc import (
    AutoCondenser,
    CondensedEstimator,
    Condenser,
    GreedyKernelPoints,
    KCenter,
    KMeansCondenser,
    KMedoids,
    RandomSubset,
    TabularCondenser,
    at_most,
    make_condensing_pipeline,
)
from skdc.auto.candidates import Traits, proposed
from skdc.auto.judges import panel
from skdc.auto.trials import Result, Study
from skdc.discrepancies import MMD
from skdc.evaluation.panels import learners_by_name
from skdc.fitting.checkpoints import Checkpoint
from skdc.fitting.input import read
from skdc.solvers import Descent, Greedy, InterruptedWarning

X, y = make_classification(400, 6, n_informative=4, weights=[0.7], random_state=0)
TRAIN, TEST = map(np.sort, train_test_split(np.arange(400), random_state=0))
QUICK = {"k-means": KMeansCondenser(), "k-medoids": KMedoids()}
FRAME = pd.DataFrame(X, columns=[*"abcdef"]).assign(word=np.where(X[:, 0] > 0, "up", "down"))


def auto(estimator=None, **parameters):
    given = {"candidates": QUICK, "n_per_class": 5, "random_state": 0} | parameters
    return AutoCondenser(GaussianNB() if estimator is None else estimator, **given)


def test_the_set_of_the_best_score_comes_out():
    fitted = auto(cv=[(TRAIN, TEST)]).fit(X, y)
    X_syn, y_syn = fitted
    board = fitted.leaderboard_
    assert sorted(board["candidate"]) == ["k-means", "k-medoids", "random rows"]
    assert board["score"].is_monotonic_decreasing and (board["rows"] == 300).all() and (board["error"] == "").all()
    for name, condenser in [("random rows", RandomSubset()), *QUICK.items()]:
        seeded = clone(condenser).set_params(n_per_class=5, random_state=fitted.best_condenser_.random_state)
        if board["candidate"][0] == name:
            assert_array_equal(seeded.fit(X[TRAIN], y[TRAIN]).X_syn_, X_syn)
    assert_array_equal(X_syn, fitted.X_syn_)
    assert_array_equal(y_syn, fitted.y_syn_)
    # The score is that of the learner on this very set, on the rows held out.
    learner = GaussianNB().fit(X_syn, y_syn, sample_weight=fitted.sample_weight_)
    assert learner.score(X[TEST], y[TEST]) == pytest.approx(board["score"][0])
    words = (repr(board["candidate"][0]), "300 rows", f"{board['score'][0]:.4g}", "3 candidates")
    assert all(word in fitted.reason_ for word in words), fitted.reason_


@pytest.mark.parametrize("learner", [KNeighborsClassifier(3), LogisticRegression()], ids=repr)
def test_never_worse_than_random_rows_on_the_rows_held_out(learner):
    for seed in range(5):
        fitted = auto(learner, random_state=seed).fit(X, y)
        board = fitted.leaderboard_.set_index("candidate")["score"]
        assert board.max() >= board["random rows"] and board.iloc[0] == board.max()


@pytest.mark.slow
def test_never_significantly_worse_than_random_rows_on_new_rows():
    # Mean over ten draws of the data of the difference to random rows, of the same learner.
    differences = []
    for seed in range(10):
        rows, new, labels, asked = train_test_split(X, y, test_size=0.4, random_state=seed, stratify=y)
        candidates = [GreedyKernelPoints(), KMedoids(), KMeansCondenser(), TabularCondenser()]
        fitted = auto(candidates=candidates, n_per_class=8, random_state=seed).fit(rows, labels)
        random = RandomSubset(n_per_class=8, random_state=seed).fit(rows, labels)
        chosen, drawn = (c.condensed_.train(GaussianNB()).score(new, asked) for c in (fitted, random))
        differences.append(chosen - drawn)
    error = np.std(differences, ddof=1) / np.sqrt(10)
    assert np.mean(differences) > 2 * error, "better, that is"


def test_indices_are_those_of_the_rows_passed():
    weight = np.where(np.arange(400) % 3, 1.0, 0.0)
    fitted = auto(candidates=[KMedoids(), KCenter()]).fit(X, y, sample_weight=weight)
    assert_array_equal(fitted.X_syn_, X[fitted.indices_])
    assert (weight[fitted.indices_] > 0).all()
    fitted.set_params(estimator=None).fit(FRAME, pd.Series(y, index=FRAME.index, name="label"))
    X_syn, y_syn = fitted
    assert_frame_equal(X_syn, FRAME.iloc[fitted.indices_])
    assert_array_equal(y_syn, y[fitted.indices_])


def test_the_same_seed_gives_the_same_set():
    candidates = [*QUICK.values(), TabularCondenser(n_samples=10)]
    first, again, other = (auto(candidates=candidates, random_state=s).fit(X, y) for s in (0, 0, 1))
    assert_array_equal(first.X_syn_, again.X_syn_)
    assert_array_equal(first.leaderboard_["score"], again.leaderboard_["score"])
    assert not np.array_equal(first.leaderboard_["score"], other.leaderboard_["score"])


def test_splits_count_the_rows_passed():
    weight = np.where(np.isin(np.arange(400), TEST[::2]), 0.0, 1.0)
    fitted = auto(cv=[(TRAIN, TEST)], candidates=[KMedoids()]).fit(X, y, sample_weight=weight)
    learner = GaussianNB().fit(*fitted, sample_weight=fitted.sample_weight_)
    assert fitted.leaderboard_["score"][0] == pytest.approx(learner.score(X[TEST[1::2]], y[TEST[1::2]]))
    assert np.isin(fitted.indices_, TRAIN).all(), "both candidates choose rows"


def test_scoring_decides():
    rare = make_scorer(recall_score, pos_label=1)
    by_recall, by_accuracy = (auto(scoring=s, cv=[(TRAIN, TEST)]).fit(X, y) for s in (rare, None))
    learner = GaussianNB().fit(*by_recall, sample_weight=by_recall.sample_weight_)
    assert recall_score(y[TEST], learner.predict(X[TEST])) == pytest.approx(by_recall.leaderboard_["score"][0])
    assert not np.allclose(by_recall.leaderboard_["score"], by_accuracy.leaderboard_["score"])


def test_weights_count_in_the_score():
    weight = np.where(y == 1, 9.0, 1.0)
    fitted = auto(cv=[(TRAIN, TEST)]).fit(X, y, sample_weight=weight)
    learner = GaussianNB().fit(*fitted, sample_weight=fitted.sample_weight_)
    expected = learner.score(X[TEST], y[TEST], sample_weight=weight[TEST])
    assert fitted.leaderboard_["score"][0] == pytest.approx(expected)


def test_several_splits_count_by_their_mean():
    fitted = auto(cv=KFold(4)).fit(X, y)
    board = fitted.leaderboard_
    means = board.groupby("candidate")["score"].mean()
    assert (board.groupby("candidate").size() == 4).all()
    best = board[board["candidate"] == means.idxmax()]
    assert f"{means.max():.4g}" in fitted.reason_
    assert repr(means.idxmax()) in fitted.reason_
    # The set is that of the split whose score is most like the mean.
    off = (best["score"] - means.max()).abs()
    learner = GaussianNB().fit(*fitted, sample_weight=fitted.sample_weight_)
    scores = [learner.score(X[test], y[test]) for _, test in KFold(4).split(X)]
    assert any(np.isclose(score, typical) for score in scores for typical in best["score"][off < off.min() + 1e-9])


def test_halving_goes_on_with_the_third_on_three_times_the_rows(monkeypatch):
    monkeypatch.setattr("skdc.auto.condenser._FEWEST_ROWS", 30)
    candidates = [RandomSubset(random_state=s) for s in range(8)]
    board = auto(LogisticRegression(), candidates=candidates, time_budget=None).fit(X, y).leaderboard_
    assert board.groupby("rows").size().to_dict() == {33: 9, 99: 3, 297: 1}
    first, second, third = (board[board["rows"] == n].set_index("candidate")["score"] for n in (33, 99, 297))
    assert first[second.index].min() >= first.drop(second.index).max(), "the best third goes on"
    assert second[third.index].min() >= second.drop(third.index).max()


def test_few_rows_hold_all_classes(monkeypatch):
    monkeypatch.setattr("skdc.auto.condenser._FEWEST_ROWS", 30)
    labels = np.where(np.arange(400) < 3, "rare", np.where(y == 1, "one", "zero"))
    fitted = auto(KNeighborsClassifier(1), candidates=[KMedoids(1)] * 8, n_per_class=at_most(5)).fit(X, labels)
    assert (fitted.leaderboard_["error"] == "").all() and fitted.classes_.tolist() == ["one", "rare", "zero"]


# What is held out leaves fewer rows to choose from


@pytest.mark.slow
def test_sets_may_be_large():
    rows, labels = make_classification(6000, 5, random_state=0)
    fitted = auto(KNeighborsClassifier(1), n_per_class=None, n_samples=1600).fit(rows, labels)
    assert (fitted.leaderboard_["error"] == "").all() and len(fitted.X_syn_) == 1600
    few = np.r_[np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)[:24]]
    with pytest.raises(ValueError, match="cannot give 20 rows of class 1: 18 are left when others are held out"):
        auto(n_per_class=20).fit(rows[few], labels[few])
    fitted = auto(n_per_class={0: 20, 1: at_most(20)}).fit(rows[few], labels[few])
    assert np.bincount(fitted.y_syn_).tolist() == [20, 18], "six of 24 rows are held out"
    with pytest.raises(ValueError, match="a set of 390 rows cannot be chosen from the 300 that are left"):
        auto(n_per_class=None, n_samples=390).fit(X, y)


def test_default_sizes_of_little_data():
    rows, target = make_regression(100, 4, random_state=0, noise=5.0)
    fitted = auto(Ridge(), n_per_class=None).fit(rows, target)
    assert len(fitted.X_syn_) == 75 and (fitted.leaderboard_["error"] == "").all()
    labels = np.repeat([0, 1, 2], 12)
    assert (auto(n_per_class=None).fit(rows[:36], labels).leaderboard_["error"] == "").all()


@pytest.mark.parametrize("n_per_class", [1, 2])
def test_small_sets_for_several_learners(n_per_class):
    fitted = AutoCondenser(candidates=[KMedoids()], n_per_class=n_per_class, random_state=0).fit(X, y)
    assert (fitted.leaderboard_["error"] == "").all()


def test_candidates_of_the_user_get_what_they_leave_open():
    counts = np.round(30 + 9 * X[:, 0])
    board = auto(Ridge(), candidates=[KMedoids()], n_per_class=None, n_samples=0.05).fit(X, counts)
    assert (board.leaderboard_["error"] == "").all() and len(board.X_syn_) == 20 and board.y_syn_.dtype == np.float64


def test_values_may_be_missing_in_some_rows_only():
    frame = FRAME[["a", "b"]].copy()
    frame.loc[7, "a"] = np.nan
    for seed in range(4):
        fitted = AutoCondenser(candidates=[KMedoids()], n_per_class=3, random_state=seed).fit(frame, y)
        assert fitted.transform(frame) is frame
        assert fitted.get_feature_names_out().tolist() == list(frame.columns)


def test_no_other_generator_is_touched():
    before = np.random.mtrand._rand.get_state(legacy=False)["state"]["key"].copy()
    forest = RandomForestClassifier(5)
    first, again = (auto(forest, time_budget=None).fit(X, y).leaderboard_["score"] for _ in range(2))
    assert_array_equal(first, again)
    assert_array_equal(np.random.mtrand._rand.get_state(legacy=False)["state"]["key"], before)
    assert forest.random_state is None


def test_scorers_that_take_no_weights():
    def balanced(estimator, X, y):
        return recall_score(y, estimator.predict(X), average="macro")

    weight = np.where(y == 1, 9.0, 1.0)
    fitted = auto(scoring=balanced, cv=[(TRAIN, TEST)]).fit(X, y, sample_weight=weight)
    learner = GaussianNB().fit(*fitted, sample_weight=fitted.sample_weight_)
    assert fitted.leaderboard_["score"][0] == pytest.approx(balanced(learner, X[TEST], y[TEST]))


def test_encoders_may_give_sparse_codes():
    words = FRAME[["word"]].assign(other=np.where(X[:, 1] > 0, "p", "q"))
    fitted = AutoCondenser(candidates=[KMedoids()], encoder=OneHotEncoder(), n_per_class=5, random_state=0).fit(
        words, y
    )
    assert (fitted.leaderboard_["error"] == "").all()


class Failing(RandomSubset):
    """A condenser that cannot."""

    def recipe(self):
        raise ValueError("it was not to be")


def test_candidates_that_fail_are_told_of():
    with pytest.warns(UserWarning, match=r"random rows only, of 3 candidates: .*it was not to be"):
        fitted = auto(candidates={"bad": Failing(), "too many": KMedoids(n_per_class=350)}).fit(X, y)
    assert "1 of 3 candidates were tried" in fitted.reason_
    errors = fitted.leaderboard_.set_index("candidate")["error"]
    assert errors["bad"] == "it was not to be" and "350" in errors["too many"] and errors["random rows"] == ""
    assert type(fitted.best_condenser_) is RandomSubset


class Unteachable(ClassifierMixin, BaseEstimator):
    """A classifier that cannot learn."""

    def fit(self, X, y):
        raise ValueError("nothing is learned from this")


def test_no_set_that_can_be_judged():
    condenser = auto(Unteachable())
    with pytest.raises(ValueError, match="random rows give no set that can be judged: nothing is learned from this"):
        condenser.fit(X, y)
    with pytest.raises(NotFittedError):
        iter(condenser)


def test_what_is_slow_is_left_out(monkeypatch):
    seconds = itertools.count()  # a clock that each look at it sets forward by one
    for module in ("auto.condenser", "auto.trials", "fitting.deadlines"):
        monkeypatch.setattr(f"skdc.{module}.monotonic", lambda: float(next(seconds)))
    fitted = auto(candidates=[KMedoids(random_state=s) for s in range(8)], time_budget=120.0).fit(X, y)
    errors = fitted.leaderboard_["error"]
    assert (errors == "out of time").any() and (errors == "").any()
    assert errors[fitted.leaderboard_["candidate"] == "random rows"].tolist() == [""]


def test_descents_stop_in_time():
    seen = []

    class Noting(Condenser):
        def fit(self, X, y, sample_weight=None, sensitive_features=None):
            super().fit(X, y, sample_weight=sample_weight, sensitive_features=sensitive_features)
            seen.append(self.n_iter_)
            return self

    fitted = auto(candidates=[Noting(MMD(), solver=Descent(n_steps=10**6))], time_budget=0.5).fit(X, y)
    assert 0 < seen[0] < 10**6 and fitted.leaderboard_["error"].tolist() == ["", ""]


@pytest.mark.parametrize(
    "before, expected",
    [({}, 0.0), ({100: 2.0}, 2 * 3**1.5), ({100: 1.0, 200: 4.0}, 4 * 1.5**2), ({100: 3.0, 200: 3.0}, 3.0)],
    ids=["unknown", "in between", "as they grew", "constant"],
)
def test_expected_seconds(before, expected):
    results = [Result(1, n, 0.5, seconds) for n, seconds in before.items()]
    results += [Result(2, 100, 0.5, 50.0), Result(1, 250, error="out of memory")]
    study = Study((), TRAIN, TRAIN, [KMedoids()] * 3, None, 60.0, [(TRAIN, TEST)], 30, 0.0, 0, results=results)
    assert study._expected(1, 300) == pytest.approx(expected)


def test_what_others_took_is_expected_of_the_unknown():
    results = [Result(0, 300, 0.5, 1.0), Result(2, 300, 0.6, 5.0), Result(3, 300, error="out of time")]
    study = Study(
        (), TRAIN, TRAIN, [KMedoids()] * 5, None, 12.0, [(TRAIN, TEST)], 30, monotonic() - 10.0, 0, results=results
    )
    assert study._expected(4, 300) == pytest.approx(3.0)
    with pytest.raises(TimeoutError):
        study.seconds_for(4, 300)
    assert study.seconds_for(0, 300) > 0, "random rows have time always"


VALUES = 50 + X[:, :2] @ [[9.0, 1.0], [2.0, 5.0]] + np.random.default_rng(0).normal(size=(400, 2))
TARGETS = {"classes": y, "values": VALUES[:, 0], "two values": VALUES, "labels": (VALUES > 50).astype(int)}


@pytest.mark.parametrize(
    ("target", "task", "names"),
    [
        ("classes", "classification", ["linear", "naive bayes", "5 neighbors", "forest", "boosting"]),
        ("values", "regression", ["linear", "5 neighbors", "forest", "boosting"]),
        ("two values", "regression", ["linear", "5 neighbors", "forest"]),
        ("labels", "multilabel", ["5 neighbors", "forest"]),
    ],
)
def test_several_learners_are_those_of_the_tables(target, task, names):
    rows = X.reshape(400, 3, 2, 1)  # learners see them flat
    problem = read(AutoCondenser(), rows, TARGETS[target], task="auto", encoder=None)
    judge, known = panel(problem, None, seed=3, size=4), learners_by_name(names, task, (6,), seed=3)
    known["5 neighbors"].set_params(n_neighbors=4)  # of four points
    assert [*map(repr, judge.learners)] == [*map(repr, known.values())]


@pytest.mark.parametrize("target", TARGETS)
def test_a_set_for_several_learners(target):
    targets = TARGETS[target]
    fitted = AutoCondenser(candidates=[KMedoids()], n_samples=30, random_state=0).fit(FRAME, targets)
    X_syn, y_syn = fitted
    assert (X_syn.dtypes == FRAME.dtypes).all() and y_syn.shape == (30, *targets.shape[1:])
    assert fitted.leaderboard_["score"][0] > 0.4


def test_regressors_and_pipelines_of_the_user():
    rows, target = make_regression(300, 4, random_state=0, noise=5.0)
    fitted = auto(Ridge(), n_per_class=None, n_samples=20).fit(rows, np.round(target))
    assert fitted.y_syn_.dtype == np.float64 and fitted.leaderboard_["score"][0] > 0.8
    model = CondensedEstimator(auto(), GaussianNB()).fit(X, y)
    assert model.score(X, y) > 0.6
    assert auto().fit(X, y).transform(X[:3]).shape == (3, 6)


def test_pipelines_take_it_for_a_condenser():
    pipe = make_condensing_pipeline(StandardScaler(), auto(), GaussianNB()).fit(X, y)
    assert len(pipe[1].X_syn_) == 10 and pipe.score(X, y) > 0.6
    assert pipe[-1].class_count_.sum() == pytest.approx(10)
    with pytest.raises(TypeError, match=r"CondensingPipeline.*CondensedEstimator"):
        make_pipeline(auto(), GaussianNB()).fit(X, y)


def test_fitted_ones_can_be_stored_and_parameters_stay():
    candidates, learner = [KMedoids()], GaussianNB()
    condenser = AutoCondenser(learner, candidates=candidates, n_per_class=5, random_state=0)
    before = repr(condenser)
    fitted = condenser.fit(X, y)
    assert repr(condenser) == before and not hasattr(learner, "classes_") and candidates[0].n_per_class is None
    stored = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(stored.X_syn_, fitted.X_syn_)
    assert clone(fitted).get_params().keys() == condenser.get_params().keys()


# What is tried


def traits(**others):
    given = dict(n_rows=5000, n_features=20, n_classes=2, imbalance=1.0, categorical=0.5, image=False)
    return Traits(**given | others)


def names(task="classification", sizes=None, seconds=60.0, **others):
    sizes = {"in proportion": {"n_samples": 20}, "in equal shares": {"n_per_class": 10}} if sizes is None else sizes
    return [name for name, _ in proposed(traits(**others), task, sizes, seconds)]


def test_random_rows_come_first():
    for others in ({}, {"image": True}, {"imbalance": 9.0}, {"n_rows": 10**6}, {"categorical": 0.0}):
        assert names(**others)[0] == "random rows, in proportion"
    assert names("regression", {"": {"n_samples": 20}}, n_classes=0)[0] == "random rows"


def test_traits_order_the_candidates():
    means = "Wasserstein coreset, in proportion"
    assert names(categorical=0.0).index(means) < names(categorical=0.5).index(means)
    medoids = "k-medoids, labels of a teacher, in proportion"
    assert names(n_rows=10**5).index(medoids) > names(n_rows=5000).index(medoids)
    assert not any("teacher" in name for name in names(image=True)) and any("teacher" in name for name in names())
    assert not any("teacher" in name for name in names(seconds=5.0, n_classes=26)), "a hundred trees a class take long"
    three = "rows for three kernels, labels of a teacher"
    tried = [three in names("regression", {"": {"n_samples": n}}, seconds=15.0, n_classes=0) for n in (20, 200)]
    assert tried == [True, False], "one trial of 200 rows takes longer than all may"
    sizes = {"in proportion": {"n_samples": 200}}
    points = [dict(proposed(traits(), "classification", sizes, s))["kernel points"].n_passes for s in (15.0, 60.0)]
    assert points == [0, 1], "rows are exchanged where there is time for it"
    assert any("equal" in name for name in names(imbalance=5.0)) and not any("equal" in name for name in names())


def test_traits_of_data():
    seen = []

    def noting(found, task, sizes, seconds):
        seen.append(found)
        return [("random rows", RandomSubset(n_samples=20))]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skdc.auto.condenser.proposed", noting)
        digits, digit = load_digits(return_X_y=True)
        AutoCondenser(random_state=0).fit(FRAME, y)
        AutoCondenser(random_state=0).fit(digits[:200].reshape(-1, 8, 8), digit[:200] % 2)
    assert (seen[0].n_rows, seen[0].n_features, seen[0].n_classes) == (400, 7, 2)
    assert seen[0].categorical == pytest.approx(1 / 7) and not seen[0].image and seen[0].imbalance > 2
    assert seen[1].image and seen[1].n_features == 64 and seen[1].categorical == 0


# Bad input


@pytest.mark.parametrize(
    "condenser, data, error, words",
    [
        (auto(), (X, None), ValueError, ["y is None", "KernelHerding()"]),
        (auto(time_budget=0), (X, y), ValueError, ["time_budget=0", "positive"]),
        (auto(candidates="all"), (X, y), ValueError, ["candidates='all'", "'auto'"]),
        (auto(candidates=[MMD()]), (X, y), TypeError, ["condensers", "MMD()"]),
        (auto(n_samples=9), (X, y), ValueError, ["n_per_class=5", "n_samples=9"]),
        (auto(), (X[:3], y[:3]), ValueError, ["quarter", "3"]),
        (auto(), (np.where(X > 3, np.inf, X), y), ValueError, ["X contains"]),
        (auto(task="ranking"), (X, y), ValueError, ["task='ranking'"]),
        (auto(time_budget="a"), (X, y), ValueError, ["time_budget='a'"]),
        (auto(cv=[(TRAIN, [])]), (X, y), ValueError, ["without rows"]),
    ],
    ids=["no y", "no time", "word", "no condenser", "two sizes", "few rows", "infinity", "task", "time", "cv"],
)
def test_bad_input(condenser, data, error, words):
    with pytest.raises(error) as caught:
        condenser.fit(*data)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert not hasattr(condenser, "best_condenser_")


def test_a_refused_fit_keeps_the_last_set():
    condenser = auto().fit(X, y)
    before = dict(vars(condenser))
    with pytest.raises(ValueError, match="y is None"):
        condenser.fit(X)
    assert vars(condenser) == before


# scikit-learn's checks

OTHER_ROWS = "a condenser changes the number of rows; CondensingPipeline passes such a pair on"
PLAIN = AutoCondenser(GaussianNB(), candidates=[KMeansCondenser()], n_samples=5, random_state=0)


@parametrize_with_checks(
    [PLAIN],
    expected_failed_checks=lambda condenser: {
        "check_transformer_general": OTHER_ROWS,
        "check_transformer_data_not_an_array": OTHER_ROWS,
        "check_pipeline_consistency": OTHER_ROWS,
    },
)
def test_sklearn_checks(estimator, check):
    check(estimator)


# Searches that are killed


class Killed(BaseException):
    """The process is gone."""


def killed_after(n_trials, monkeypatch):
    keep, done = Study.keep, []

    def kept(self):
        keep(self)
        done.append(self)
        if len(done) == n_trials:
            raise Killed

    monkeypatch.setattr(Study, "keep", kept)


SEARCH = {"cv": 3, "time_budget": None, "candidates": QUICK | {"fails": KMedoids(n_per_class={0: 5})}}


@pytest.mark.parametrize("n_trials", [1, 5, 8])
@pytest.mark.parametrize("seed", [0, None])
def test_a_search_that_is_killed_goes_on_as_if_nothing_had_been(n_trials, seed, tmp_path, monkeypatch):
    path = tmp_path / "search.checkpoint"
    search = auto(checkpoint=path, **SEARCH).set_params(random_state=seed)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        killed_after(n_trials, patch)
        search.fit(X, y)
    assert path.exists()
    fits, fit = [], KMedoids.fit
    monkeypatch.setattr(
        KMedoids, "fit", lambda self, *given, **others: fits.append(self) or fit(self, *given, **others)
    )
    search.fit(X, y)
    whole, n_whole = search, len(fits)
    assert not list(tmp_path.iterdir()), "the search has come to its end"
    if seed == 0:
        whole = auto(**SEARCH).fit(X, y)
        assert len(fits) - n_whole >= n_whole
        assert_array_equal(search.X_syn_, whole.X_syn_)
    columns = ["candidate", "rows", "score", "error"]
    assert_frame_equal(search.leaderboard_[columns], whole.leaderboard_[columns])
    assert "fails" in set(search.leaderboard_["candidate"])
    assert search.best_condenser_.checkpoint is None


def test_a_trial_that_is_killed_goes_on(tmp_path, monkeypatch):
    path, moving = tmp_path / "search.checkpoint", {"points": Condenser(MMD(), solver=Descent(n_steps=6))}
    expected = auto(candidates=moving, time_budget=None).fit(X, y)
    search = auto(candidates=moving, time_budget=None, checkpoint=path)

    def offer(self, state):
        self.save(state)
        if state.step == 3:  # of the points; rows that are drawn take a step for each class
            raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Checkpoint, "offer", offer)
        search.fit(X, y)
    assert {file.name for file in tmp_path.iterdir()} == {path.name, path.name + ".trial"}
    steps, advance = [], Descent.advance
    monkeypatch.setattr(Descent, "advance", lambda self, state: steps.append(state.step) or advance(self, state))
    assert_array_equal(search.fit(X, y).X_syn_, expected.X_syn_)
    assert steps[0] == 3
    assert not list(tmp_path.iterdir())


def test_a_search_of_other_data_is_not_taken(tmp_path, monkeypatch):
    path = tmp_path / "search.checkpoint"
    search = auto(checkpoint=path, time_budget=None)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        killed_after(1, patch)
        search.fit(X, y)
    with pytest.warns(UserWarning, match="is of other data, other parameters or another version: the fit begins anew"):
        found = search.fit(X + 1e-9, y)
    assert_array_equal(found.X_syn_, auto(time_budget=None).fit(X + 1e-9, y).X_syn_)


def test_a_search_that_is_interrupted_goes_on(tmp_path, monkeypatch):
    path = tmp_path / "search.checkpoint"
    search = auto(checkpoint=path, time_budget=None)
    with monkeypatch.context() as patch:
        patch.setattr(KMedoids, "fit", rings)
        with pytest.warns(InterruptedWarning, match="search was interrupted"):
            search.fit(X, y)
    assert path.exists()
    columns = ["candidate", "rows", "score", "error"]
    assert_frame_equal(search.fit(X, y).leaderboard_[columns], auto(time_budget=None).fit(X, y).leaderboard_[columns])


def rings(self, *given, **others):
    raise KeyboardInterrupt


def test_an_interrupt_in_a_choice_of_rows_ends_the_search(monkeypatch):
    advance = Greedy.advance

    def ringing(self, state):
        if state.step == 1 and not state.interrupted:
            raise KeyboardInterrupt
        advance(self, state)

    monkeypatch.setattr(Greedy, "advance", ringing)
    candidates = {"k-medoids": KMedoids(), "k-means": KMeansCondenser()}
    with pytest.warns(InterruptedWarning, match="the search was interrupted") as told:
        found = auto(candidates=candidates, time_budget=None).fit(X, y)
    assert "k-means" not in set(found.leaderboard_["candidate"])
    assert not [warning for warning in told if "random rows only" in str(warning.message)]


def test_a_trial_that_is_interrupted_is_tried_again(tmp_path, monkeypatch):
    path, moving = tmp_path / "search.checkpoint", {"points": Condenser(MMD(), solver=Descent(n_steps=6))}
    expected = auto(candidates=moving, time_budget=None).fit(X, y)
    search = auto(candidates=moving, time_budget=None, checkpoint=path)

    def offer(self, state):
        self.save(state)
        if state.step == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.warns(InterruptedWarning):
        patch.setattr(Checkpoint, "offer", offer)
        search.fit(X, y)
    columns = ["candidate", "rows", "score", "error"]
    assert_frame_equal(search.fit(X, y).leaderboard_[columns], expected.leaderboard_[columns])
    assert_array_equal(search.X_syn_, expected.X_syn_)
    assert not list(tmp_path.iterdir())
