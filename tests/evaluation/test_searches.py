"""The agreement of searches, of candidates whose scores are known."""

import numpy as np
import pytest
from scipy.stats import kendalltau
from sklearn.datasets import load_iris
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, RandomizedSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skdc import KMedoids, RandomSubset
from skdc.evaluation import search_agreement
from tests.evaluation.learners import Table

IRIS = load_iris(return_X_y=True)
MEDOIDS = KMedoids(n_per_class=5)


def agreement(monkeypatch, many, few):
    monkeypatch.setattr(Table, "many", dict(enumerate(many)))
    monkeypatch.setattr(Table, "few", dict(enumerate(few)))
    search = GridSearchCV(Table(), {"choice": list(range(len(many)))}, cv=3)
    return search_agreement(MEDOIDS, search, *IRIS)


def test_orders_that_agree_and_orders_that_do_not(monkeypatch):
    same = agreement(monkeypatch, [0.1, 0.2, 0.3, 0.9], [0.2, 0.3, 0.4, 0.5])
    assert same.tau == pytest.approx(1) and same.loss == 0
    assert same.chosen_on_set == same.chosen_on_all == {"choice": 3}
    reverse = agreement(monkeypatch, [0.1, 0.2, 0.3, 0.9], [0.5, 0.4, 0.3, 0.2])
    assert reverse.tau == pytest.approx(-1) and reverse.loss == pytest.approx(0.8)
    assert reverse.chosen_on_set == {"choice": 0}
    assert (reverse.rows_all, reverse.rows_set) == (105, 15)


def test_ties_are_told(monkeypatch):
    few = [0.2, 0.7, 0.1, 0.7, 0.7]
    found = agreement(monkeypatch, [0.1, 0.8, 0.3, 0.9, 0.2], few)
    assert (found.tied_on_all, found.tied_on_set) == (1, 3)
    assert found.chosen_on_set == {"choice": 1} and found.loss == pytest.approx(0.1)
    assert found.greatest_loss == pytest.approx(0.7)
    assert found.tau == pytest.approx(kendalltau([0.1, 0.8, 0.3, 0.9, 0.2], few, variant="b").statistic)
    assert "loses 0.100, or 0.700 by another of 3 that are tied" in str(found)
    equal = agreement(monkeypatch, [0.1, 0.8], [0.5, 0.5])
    assert np.isnan(equal.tau) and equal.greatest_loss == pytest.approx(0.7)


def test_candidates_that_cannot_be_trained_on_the_set_are_not_chosen(monkeypatch):
    found = agreement(monkeypatch, [0.9, 0.5, 0.4], [None, 0.5, 0.4])
    assert np.isnan(found.scores_set[0]) and found.chosen_on_set == {"choice": 1}
    assert found.loss == pytest.approx(0.4) and found.tau == pytest.approx(1)
    frame = found.to_frame()
    assert list(frame.columns) == ["candidate", "all rows", "set"] and frame["set"].isna().tolist() == [
        True,
        False,
        False,
    ]
    assert "choice=0        0.900            -" in str(found)
    with pytest.raises(ValueError, match="no candidate can be trained on the set: too few rows"):
        agreement(monkeypatch, [0.9, 0.5], [None, None])


def test_scores_on_the_set_are_those_of_rows_held_out():
    seen = {}

    class Watched(RandomSubset):
        def fit(self, X, y=None, **given):
            seen["train"] = X.copy()
            return super().fit(X, y, **given)

    search = GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [1, 3]}, cv=3)
    numbered = np.c_[IRIS[0], np.arange(150)]
    found = search_agreement(Watched(5), search, numbered[:, [4]] * 1.0, IRIS[1], random_state=3)
    held_out = np.setdiff1d(np.arange(150), seen["train"])
    assert len(held_out) == 45 == 150 - len(seen["train"])
    condenser = RandomSubset(5, random_state=3).fit(seen["train"], IRIS[1][seen["train"][:, 0].astype(int)])
    scores = [
        KNeighborsClassifier(k).fit(*condenser).score(held_out[:, None].astype(float), IRIS[1][held_out])
        for k in (1, 3)
    ]
    assert found.scores_set == pytest.approx(scores)
    fitted = search.fit(seen["train"], IRIS[1][seen["train"][:, 0].astype(int)])
    assert found.scores_all == pytest.approx(fitted.cv_results_["mean_test_score"])


def test_random_searches_and_pipelines():
    pipe = make_pipeline(StandardScaler(), SVC())
    search = RandomizedSearchCV(pipe, {"svc__C": [0.1, 1, 10, 100]}, n_iter=3, cv=3)
    found = search_agreement(MEDOIDS, search, *IRIS, X_test=IRIS[0], y_test=IRIS[1], random_state=1)
    again = search_agreement(MEDOIDS, search, *IRIS, X_test=IRIS[0], y_test=IRIS[1], random_state=1)
    assert found.candidates == again.candidates and len(found.candidates) == 3 and found.rows_all == 150


def test_what_makes_no_sense_is_refused():
    grid = {"C": [1, 2]}
    with pytest.raises(TypeError, match="must be a GridSearchCV or a RandomizedSearchCV"):
        search_agreement(MEDOIDS, HalvingGridSearchCV(SVC(), grid), *IRIS)
    with pytest.raises(TypeError, match="must be a condenser"):
        search_agreement(SVC(), GridSearchCV(SVC(), grid), *IRIS)
    with pytest.raises(ValueError, match="search has several scores"):
        search_agreement(MEDOIDS, GridSearchCV(SVC(), grid, scoring=["accuracy", "f1_macro"], refit=False), *IRIS)
