"""Rows that are exchanged for a learner: the score is that of the set, and the search keeps its promises."""

import pickle
from time import monotonic

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skdc import AutoCondenser, Condenser, KMedoids, TabularCondenser
from skdc.auto import exchanges
from skdc.auto.exchanges import Exchanges, LearnerScore, with_few_trees
from skdc.auto.judges import Judge
from skdc.discrepancies import QuantizationError
from skdc.exceptions import PartsError, StoppedWarning
from skdc.fitting.deadlines import time_limit
from skdc.parameterizations import Subset
from skdc.solvers import Draw, Greedy, InterruptedWarning

X, y = make_classification(600, 6, n_informative=4, weights=[0.7], flip_y=0.1, random_state=0)
WORDS = np.where(y, "yes", "no")
FRAME = pd.DataFrame(X, columns=[*"abcdef"], index=np.arange(600) + 7)
VALUES = make_regression(600, 6, noise=20.0, random_state=0)
CHOICES = [(None, Draw()), (QuantizationError(), Greedy())]


def scored(learner, rows, targets, **given):
    judged = rows, targets, np.linspace(1, 2, len(targets))
    score = LearnerScore(Judge([learner], None, lambda shown: shown), rows, targets, judged)
    return Exchanges(CHOICES, score=score, **{"n_exchanges": 20} | given)


def condenser(solver, taught, **size):
    rows = Condenser(None, Subset(), solver)
    given = {"random_state": 0} | size
    return TabularCondenser(rows=rows, teacher=None, **given) if taught else rows.set_params(**given)


@pytest.mark.parametrize("taught", [False, True])
@pytest.mark.parametrize(
    ("learner", "rows", "targets", "size"),
    [
        (LogisticRegression(), X, WORDS, {"n_samples": 12}),
        (KNeighborsClassifier(3), FRAME, WORDS, {"n_per_class": {"no": 4, "yes": 8}}),
        (Ridge(), VALUES[0], VALUES[1], {"n_samples": 12, "task": "regression"}),
        (Ridge(), VALUES[0], np.outer(VALUES[1], [1, -2]), {"n_samples": 12, "task": "regression"}),
    ],
    ids=["classes", "a frame", "values", "two values"],
)
def test_the_score_is_that_of_the_set_that_comes_out(learner, rows, targets, size, taught):
    solver = scored(learner, rows, targets)
    fitted = condenser(solver, taught, **size).fit(rows, targets)
    expected = solver.score.judge.of(fitted.condensed_, *solver.score.judged)
    losses = fitted.history_["loss"]
    assert -losses[-1] == pytest.approx(expected)
    assert losses[-1] < losses[0] and (np.diff(losses[1:]) <= 0).all()
    assert len(set(fitted.indices_)) == 12
    assert_array_equal(np.asarray(fitted.X_syn_), np.asarray(rows)[fitted.indices_])
    if "n_per_class" in size:
        assert {label: int((fitted.y_syn_ == label).sum()) for label in ("no", "yes")} == size["n_per_class"]


def test_it_starts_with_given_rows_and_draws_those_that_are_missing():
    best = condenser(scored(GaussianNB(), X, y, n_exchanges=60), False, n_samples=8).fit(X, y)
    # Rows on which the learner does better than on others are kept, where nothing is exchanged.
    given = scored(GaussianNB(), X, y, n_exchanges=0, given=best.indices_)
    assert set(condenser(given, False, n_samples=8).fit(X, y).indices_) == set(best.indices_)
    for places in ([1, 5, 9], np.arange(600)):
        given = scored(GaussianNB(), X, y, n_exchanges=0, given=np.array(places))
        found = condenser(given, True, n_samples=8).fit(X, y)
        assert len(set(found.indices_)) == 8 and found.n_iter_ == 8


def test_a_stop_leaves_the_best_set_until_then():
    with time_limit(0), pytest.warns(StoppedWarning):
        fitted = condenser(scored(GaussianNB(), X, y), False, n_samples=8).fit(X, y)
    assert fitted.n_iter_ == 8 and len(fitted.history_["loss"]) == 1


def test_a_class_without_other_rows_keeps_its_own():
    few = np.r_[np.flatnonzero(y == 1)[:4], np.flatnonzero(y == 0)]
    fitted = condenser(scored(GaussianNB(), X[few], y[few]), False, n_per_class=4).fit(X[few], y[few])
    assert set(fitted.indices_[fitted.y_syn_ == 1]) == {0, 1, 2, 3}


class Counted:
    """A score that counts how often it is asked for."""

    def __init__(self, score):
        self.score, self.n = score, 0

    def __sklearn_clone__(self):
        return self

    def __call__(self, *given):
        self.n += 1
        return self.score(*given)


def test_few_trees_tell_which_of_some_exchanges_is_tried():
    forest = RandomForestRegressor(20, random_state=0)
    solver = scored(forest, *VALUES, n_exchanges=30)
    few = solver.score.screen()
    assert few.judge.learners[0].n_estimators == 2 and forest.n_estimators == 20
    full, quick = Counted(solver.score), Counted(few)
    fitted = condenser(solver.set_params(score=full, screen=quick), True, n_samples=12, task="regression").fit(*VALUES)
    assert (full.n, quick.n) == (2 + 30, 8 * 30)
    losses = fitted.history_["loss"]
    assert len(losses) == 32 and losses[-1] < losses[1]
    assert -losses[-1] == pytest.approx(solver.score.score.judge.of(fitted.condensed_, *solver.score.score.judged))


@pytest.mark.parametrize(
    ("learner", "params"),
    [
        (RandomForestRegressor(), {"n_estimators": 10}),
        (HistGradientBoostingRegressor(max_iter=50), {"max_iter": 10}),
        (make_pipeline(StandardScaler(), RandomForestRegressor(30)), {"randomforestregressor__n_estimators": 3}),
        (MLPRegressor(max_iter=50), None),
        (Ridge(), None),
    ],
    ids=repr,
)
def test_few_trees_of_learners_that_have_trees(learner, params):
    found = with_few_trees(learner)
    assert found is None if params is None else params.items() <= found.get_params().items()


def told(learner=None, **parameters):
    given = {"n_samples": 10, "random_state": 0, "time_budget": None} | parameters
    return AutoCondenser(GaussianNB() if learner is None else learner, **given)


@pytest.fixture
def quick(monkeypatch):
    """Few candidates, and few exchanges."""
    monkeypatch.setattr(exchanges, "_MOST_TRIED", 20)
    monkeypatch.setattr("skdc.auto.condenser.proposed", lambda *_: [("k-medoids", KMedoids(n_samples=10))] * 2)


def test_a_search_for_a_learner_ends_with_exchanges(quick, capsys):
    first, again = told(verbose=1).fit(FRAME, WORDS), told().fit(FRAME, WORDS)
    board = first.leaderboard_
    assert capsys.readouterr().err.splitlines()[-1].startswith("exchanged rows, ")
    assert list(board["candidate"]).count("exchanged rows") == 1
    assert_array_equal(first.X_syn_, again.X_syn_)
    pd.testing.assert_frame_equal(first.X_syn_, FRAME.iloc[first.indices_])
    assert first.reason_.startswith("'exchanged rows'")
    held = pickle.loads(pickle.dumps(first))
    assert_array_equal(held.X_syn_, first.X_syn_)
    assert len(pickle.dumps(first)) < 200_000, "the data are no part of it"
    with pytest.raises(PartsError, match="fit AutoCondenser"):
        first.best_condenser_.fit(FRAME, WORDS)


@pytest.mark.parametrize("given", [{"estimator": None}, {"candidates": [KMedoids()]}, {"cv": 2}], ids=str)
def test_nothing_is_exchanged_where_something_else_is_asked_for(quick, given):
    fitted = told().set_params(**given).fit(X, y)
    assert "exchanged rows" not in set(fitted.leaderboard_["candidate"])


def test_rows_of_images_are_not_exchanged(quick):
    flat = make_pipeline(FunctionTransformer(lambda images: images.reshape(len(images), -1)), GaussianNB())
    fitted = told(flat).fit(X.reshape(len(X), 1, 1, -1), y)
    assert "exchanged rows" not in set(fitted.leaderboard_["candidate"])


def test_the_set_that_there_is_stays_if_exchanges_fail(quick, monkeypatch):
    def fails(self, *given):
        raise ValueError("no exchange")

    monkeypatch.setattr(Exchanges, "begin", fails)
    fitted = told().fit(X, y)
    assert fitted.reason_.startswith("'k-medoids'") or fitted.reason_.startswith("'random rows'")
    assert "no exchange" in set(fitted.leaderboard_["error"])


def test_the_set_that_there_is_stays_on_an_interrupt(quick, monkeypatch):
    def rings(self, *given):
        raise KeyboardInterrupt

    monkeypatch.setattr(Exchanges, "begin", rings)
    with pytest.warns(InterruptedWarning, match="search was interrupted"):
        fitted = told().fit(X, y)
    assert len(fitted.X_syn_) == 10


def test_exchanges_take_the_time_that_is_left():
    started = monotonic()
    # A first trial may take more than its part while modules are loaded, and leaves time for exchanges all the same.
    fitted = told(KNeighborsClassifier(3), time_budget=3.5, n_samples=20).fit(X, y)
    assert 2.5 < monotonic() - started < 12
    assert "exchanged rows" in set(fitted.leaderboard_["candidate"])
