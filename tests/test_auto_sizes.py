"""The condenser that chooses itself: sizes, time, and what it says of them."""

import builtins
from time import monotonic

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.naive_bayes import GaussianNB

from skdc import AutoCondenser, GreedyKernelPoints, KMedoids, at_most

from .test_auto import Failing, X, auto, names, y


@pytest.mark.slow
def test_a_number_of_each_class_is_given_whatever_serves_better():
    uneven = np.where(np.arange(400) % 10 == 0, "few", "many")
    for estimator in (None, GaussianNB()):
        fitted = AutoCondenser(estimator, candidates="auto", time_budget=1.0, n_per_class=5, random_state=0)
        fitted.fit(X, uneven)
        assert np.unique(fitted.y_syn_, return_counts=True)[1].tolist() == [5, 5]
        assert not any("in proportion" in name for name in fitted.leaderboard_["candidate"])


def test_a_class_of_too_few_rows_is_refused_by_name():
    labels = np.where(np.arange(400) < 5, "rare", "often")
    with pytest.raises(ValueError, match=r"cannot give 5 rows of class 'rare': \d are left .*at_most\(5\)"):
        auto().fit(X, labels)
    fitted = auto(n_per_class=at_most(5)).fit(X, labels)
    assert np.unique(fitted.y_syn_, return_counts=True)[1].tolist()[0] == 5 and 3 <= (fitted.y_syn_ == "rare").sum() < 5
    everything = auto(n_per_class={"rare": 2, "often": at_most(1000)}).fit(X, labels)
    assert (everything.y_syn_ == "often").sum() > 290
    with pytest.raises(ValueError, match="a set of 401 rows cannot be chosen"):
        auto(n_per_class=None, n_samples=401).fit(X, y)


def test_frames_of_results_take_pandas_when_they_are_read_only(monkeypatch):
    found = builtins.__import__

    def without_pandas(name, *given, **named):
        if name == "pandas":
            raise ImportError(name)
        return found(name, *given, **named)

    monkeypatch.setattr("builtins.__import__", without_pandas)
    fitted = auto().fit(X, y)
    with pytest.raises(ImportError):
        fitted.leaderboard_  # noqa: B018
    monkeypatch.undo()
    assert len(fitted.leaderboard_) == 3


def test_the_reason_counts_what_was_tried():
    fitted = auto(candidates={"good": KMedoids(), "bad": Failing()}).fit(X, y)
    assert "2 of 3 candidates were tried in" in fitted.reason_
    assert "3 candidates were tried in" in auto().fit(X, y).reason_


def test_quick_candidates_come_first():
    for sizes in ({"": {"n_samples": 260}}, {"": {"n_samples": 20}}):
        for n_classes, n_rows in ((26, 20_000), (2, 500), (10, 5000)):
            found = names(sizes=sizes, n_classes=n_classes, n_rows=n_rows, categorical=0.0)
            slow = min(found.index(name) for name in ("kernel inducing points", "one set for many learners"))
            assert max(map(found.index, ("random rows", "k-means", "k-medoids", "Wasserstein coreset"))) < slow
            assert found[:2] == ["random rows", "k-means"]
    found = names(sizes={"": {"n_samples": 260}}, n_classes=26, n_rows=20_000, categorical=0.0)
    assert found.index("k-medoids") < found.index("kernel points"), "which take a hundred times as long"


def test_what_comes_out_is_the_best_of_what_was_tried():
    fitted = auto(time_budget=0.5, candidates="auto").fit(X, y)
    scores = fitted.leaderboard_["score"].dropna()
    assert fitted.leaderboard_["score"][0] == scores.max()
    assert f"{scores.max():.4g}" in fitted.reason_


def test_selections_stop_in_time():
    slow = KMedoids(n_per_class=100, n_passes=10**6)
    rows, labels = make_classification(4000, 10, n_informative=8, random_state=0)
    started = monotonic()
    with pytest.warns(UserWarning, match="random rows only"):
        auto(candidates=[GreedyKernelPoints(400, n_passes=100)], time_budget=0.2).fit(rows, labels)
    assert monotonic() - started < 20
    auto(candidates=[slow], time_budget=2.0).fit(rows, labels)
