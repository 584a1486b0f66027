"""Suggestions say what the tables say, as the page does, and what they suggest can be fitted."""

import re
import runpy
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.ensemble import AdaBoostClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import skdc
from skdc import suggest
from skdc.learners import KernelRidgeClassifier
from skdc.suggestions import RULES

DOCS = Path(skdc.__file__).parents[1] / "docs"
rng = np.random.default_rng(0)
y = np.repeat(["no", "yes"], 60)
table = rng.normal(size=(120, 5)) + (y == "yes")[:, None]
images = rng.normal(size=(120, 12, 10)) + (y == "yes")[:, None, None]
sparse = csr_array(table * (table > 0))
many = np.broadcast_to(table[:1], (600_000, 5))
logistic = LogisticRegression()
scaled_neighbors = make_pipeline(StandardScaler(), KNeighborsClassifier())
CASES = [
    (many, np.zeros(600_000, int), {}, "KernelThinning(n_samples=10)"),
    (table, None, {}, "KernelHerding()"),
    (sparse, None, {}, "KernelHerding()"),
    (table, np.stack([y == "no", y == "yes"], axis=1).astype(int), {}, "Condenser()"),
    (sparse, y, {"n_per_class": 3}, "KMedoids(n_per_class=3)"),
    (table, y, {"learner": logistic}, "AutoCondenser(estimator=LogisticRegression(), n_samples=20, time_budget=15.0)"),
    (table, y, {"learner": logistic, "real_rows": True}, "TabularCondenser(n_samples=20)"),
    (table, y, {"learner": logistic, "seconds": 10}, "TabularCondenser(n_samples=20)"),
    (table, y, {"learner": "trees"}, "TabularCondenser(n_samples=20)"),
    (table, y, {"n_per_class": 4, "seconds": 2}, "WassersteinCoreset(n_per_class=4, snap=True)"),
    (table, table[:, 0], {}, "TabularCondenser()"),
    (images, images[:, 0, 0], {}, "KMedoids()"),
    (images, y, {"learner": KernelRidgeClassifier()}, "KernelInducingPoints()"),
    (images, y, {"learner": "kernel ridge", "real_rows": True}, "GreedyKernelPoints()"),
    (images, y, {"learner": DecisionTreeClassifier()}, "GreedyKernelPoints()"),
    (images, y, {"learner": AdaBoostClassifier()}, "GreedyKernelPoints()"),
    (images, y, {"seconds": 5}, "KMeansCondenser()"),
    (images, y, {"learner": GridSearchCV(scaled_neighbors, {}), "n_samples": 4}, "KMeansCondenser(n_samples=4)"),
    (images, y, {"learner": "neighbors", "n_per_class": {"no": 50, "yes": 30}}, "KMeansCondenser("),
    (images, y, {"learner": "5 neighbors", "n_per_class": 4}, "KMeansCondenser("),
    (images, y, {"n_per_class": 2, "learner": logistic}, "TrajectoryMatching(n_per_class=2)"),
    (images, y, {"n_per_class": 50}, "KMeansCondenser(n_per_class=50, voting='nearest')"),
    (
        images,
        y,
        {"n_samples": 0.5, "seconds": 5, "real_rows": True},
        "KMeansCondenser(n_samples=0.5, voting='nearest')",
    ),
    (images, y, {"real_rows": True}, "GreedyKernelPoints()"),
    (images, y, {}, "GeneralCondenser()"),
    (images.reshape(120, 120), y, {"learner": logistic}, "GeneralCondenser()"),
]


@pytest.mark.parametrize(("X", "targets", "wishes", "expected"), CASES, ids=lambda value: str(value)[:40])
def test_what_is_suggested(X, targets, wishes, expected):
    suggestion = suggest(X, targets, **wishes)
    found = " ".join(repr(suggestion.condenser).split())
    assert found == expected or (expected.endswith("(") and found.startswith(expected))
    assert str(suggestion).endswith(suggestion.reason) and len(suggestion.reason.splitlines()) == 1


def test_every_rule_is_reached():
    reasons = {suggest(X, targets, **wishes).reason for X, targets, wishes, _ in CASES}
    assert not [rule for rule in RULES if not any(reason.endswith(rule.reason) for reason in reasons)]


def test_targets_are_what_the_learner_takes_them_for():
    counts = np.repeat(np.arange(40), 3)
    assert suggest(table, counts).condenser.n_samples == 120, "classes"
    suggestion = suggest(table, counts, learner=HistGradientBoostingRegressor(), seconds=1)
    assert suggestion.condenser.get_params()["n_samples"] is None, "quantities"
    assert suggest(images, counts, task="regression").condenser.task == "regression"


@pytest.mark.parametrize("X, wishes", [(table, {"seconds": 1}), (sparse, {}), (images, {"seconds": 5}), (table, {})])
def test_what_is_suggested_can_be_fitted(X, wishes):
    condenser = suggest(X, y, **wishes).condenser.set_params(random_state=0)
    assert sorted(set(condenser.fit(X, y).y_syn_)) == ["no", "yes"]


def test_a_suggestion_takes_milliseconds():
    X, labels = np.broadcast_to(0.0, (5_000_000, 30)), np.broadcast_to(np.arange(1000), (5000, 1000)).ravel()
    start = perf_counter()
    suggest(X, labels, task="classification")
    assert perf_counter() - start < 0.1


def test_figures_stand_in_the_tables():
    tables = "".join(path.read_text() for path in DOCS.rglob("*.md"))
    for rule in RULES:
        for figure in re.findall(r"\d+\.\d+", rule.reason):
            assert figure in tables, rule
        assert not rule.section or f"({rule.section})=" in tables, rule


def test_the_page_and_its_picture_show_the_rules():
    made = runpy.run_path(str(DOCS / "which.py"))
    page, picture = (DOCS / "which.rst").read_text(), (DOCS / "which.svg").read_text()
    assert made["listing"]() in page, "run python docs/which.py"
    assert made["picture"]() == picture, "run python docs/which.py"
    assert all(rule.reason in page for rule in RULES)


@pytest.mark.parametrize(
    ("wishes", "error", "message"),
    [
        ({"learner": "random forest"}, ValueError, "learner='random forest' must be an estimator or one of 5 "),
        ({"learner": DecisionTreeClassifier}, TypeError, "is no estimator; give one, such as LogisticRegression()"),
        ({"n_per_class": 1, "n_samples": 2}, ValueError, "give n_per_class or n_samples, not both"),
        ({"task": "classes"}, ValueError, "task='classes' must be"),
    ],
)
def test_wrong_wishes_are_refused(wishes, error, message):
    with pytest.raises(error, match=re.escape(message)):
        suggest(table, y, **wishes)


def test_rows_without_columns_are_refused():
    with pytest.raises(ValueError, match=re.escape("X of shape (60,) has no columns")):
        suggest(np.zeros(60), y[:60])
    with pytest.raises(ValueError, match="say task='regression'"):
        suggest(np.zeros((150, 2)), np.arange(150))
