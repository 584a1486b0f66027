"""The fairness table against shares that are counted by hand."""

import sys
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

import skdc
from skdc import KMeansCondenser, RandomSubset, SoftLabelRandom
from skdc.evaluation import fairness_table

LABELS = np.array(["no", "yes"])


def draw(n, seed):
    """Return rows, classes that differ by group, and two sensitive features."""
    rng = np.random.default_rng(seed)
    sex, origin = rng.choice(["f", "m"], n), rng.choice(["here", "there"], n)
    y = (rng.random(n) < np.where(sex == "m", 0.6, 0.3)).astype(int)
    X = np.stack([rng.normal(size=n) + 1.5 * y, rng.normal(size=n) + (sex == "m")], axis=1)
    return X, LABELS[y], np.stack([sex, origin], axis=1)


X, y, _ = draw(400, 0)
X_test, y_test, GROUPS = draw(500, 1)
LEARNERS = {"logistic": LogisticRegression()}


@pytest.fixture(scope="module")
def condenser():
    return SoftLabelRandom(teacher=LogisticRegression(), n_per_class=10, random_state=0).fit(X, y)


def by_hand(truth, predicted, groups, labels=("yes",)):
    """Return the differences of odds and of parity, by their definitions."""
    odds, parity = [], []
    for label in labels:
        chosen = predicted == label
        parity.append(np.ptp([chosen[groups == g].mean() for g in np.unique(groups)]))
        for of_class in (truth == label, truth != label):
            odds.append(np.ptp([chosen[of_class & (groups == g)].mean() for g in np.unique(groups)]))
    return max(odds), max(parity)


@pytest.mark.parametrize(
    "sensitive, groups",
    [
        (GROUPS[:, 0], GROUPS[:, 0]),
        (pd.Series(GROUPS[:, 0], index=np.arange(500)[::-1]), GROUPS[:, 0]),
        (pd.DataFrame(GROUPS, columns=["sex", "origin"]), np.char.add(*GROUPS.T)),
    ],
    ids=["one", "series", "two"],
)
def test_the_measures_are_those_counted_by_hand(condenser, sensitive, groups):
    table = fairness_table(condenser, X_test, y_test, sensitive_features=sensitive, learners=LEARNERS)
    mean, deviation = X.mean(axis=0), X.std(axis=0)
    rows, tested = (condenser.X_syn_ - mean) / deviation, (X_test - mean) / deviation
    predicted = replace(condenser.condensed_, X=rows).train(LogisticRegression()).predict(tested)
    found = table.scores["logistic"]
    odds, parity = by_hand(y_test, predicted, groups)
    assert parity > 0.05 and odds > 0.05
    assert found["equalized odds"] == pytest.approx(odds)
    assert found["demographic parity"] == pytest.approx(parity)
    assert found["accuracy"] == np.mean(predicted == y_test)
    assert found["balanced accuracy"] == pytest.approx(
        np.mean([np.mean(predicted[y_test == label] == label) for label in LABELS])
    )


class Copies(ClassifierMixin, BaseEstimator):
    """A classifier that says what it is told to."""

    says: ClassVar = None

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return Copies.says


def test_of_several_classes_that_with_the_largest_difference_counts(monkeypatch):
    rng = np.random.default_rng(0)
    truth, sex, predicted = (rng.choice(words, 300) for words in (["a", "b", "c"], ["f", "m"], ["a", "b", "c"]))
    predicted[sex == "m"] = np.where(predicted[sex == "m"] == "c", "b", predicted[sex == "m"])
    monkeypatch.setattr(Copies, "says", predicted)
    rows = rng.normal(size=(300, 2))
    condenser = RandomSubset(n_per_class=2, random_state=0).fit(rows, truth)
    table = fairness_table(condenser, rows, truth, sensitive_features=sex, learners={"copies": Copies()})
    odds, parity = by_hand(truth, predicted, sex, ["a", "b", "c"])
    assert table.scores["copies"]["equalized odds"] == pytest.approx(odds)
    assert table.scores["copies"]["demographic parity"] == pytest.approx(parity)
    assert odds > by_hand(truth, predicted, sex, ["a"])[0]


def test_learners_see_encoded_rows_of_a_frame(tmp_path):
    def frame(rows):
        return pd.DataFrame({"x": rows[:, 0], "word": np.where(rows[:, 1] > 0, "high", "low")})

    condenser = RandomSubset(n_per_class=20, random_state=0).fit(frame(X), y)
    given = {"sensitive_features": GROUPS[:, 0], "learners": LEARNERS}
    table = fairness_table(condenser, frame(X_test), y_test, **given)
    assert table.scores["logistic"]["accuracy"] > 0.7
    condenser.condensed_.save(tmp_path / "set.skdc")
    again = fairness_table(skdc.load(tmp_path / "set.skdc"), frame(X_test), y_test, **given)
    assert again.scores == table.scores


def test_it_prints_and_shows_every_measure_and_the_mean(condenser):
    learners = {"a <b>": KNeighborsClassifier(1), "logistic": LogisticRegression()}
    table = fairness_table(condenser, X_test, y_test, sensitive_features=GROUPS[:, 0], learners=learners)
    cells = [f"{value:.3f}" for value in table.scores["a <b>"].values()]
    lines = str(table).splitlines()
    assert lines[1].split() == ["a", "<b>", *cells]
    means = [f"{np.mean([scores[name] for scores in table.scores.values()]):.3f}" for name in table.mean()]
    assert lines[3].split() == ["mean", *means]
    assert f"<td>a &lt;b&gt;</td><td>{cells[0]}</td>" in table._repr_html_()
    frame = table.to_frame().set_index("learner")
    assert frame.loc["mean"].to_dict() == table.mean() and frame.loc["logistic"].to_dict() == table.scores["logistic"]


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"sensitive_features": np.full(500, "x")}, r"one group only \('x'\)"),
        ({"sensitive_features": GROUPS[:-1, 0]}, r"shape \(499,\) must hold one group"),
        ({"sensitive_features": np.where(np.arange(500) == 3, np.nan, 1.0)}, "missing values"),
        (
            {"sensitive_features": np.where((y_test == "no") & (GROUPS[:, 0] == "f"), "m", GROUPS[:, 0])},
            "'f' has no test row of class 'no', so that how often it is recognised there is not known",
        ),
        ({"X_test": X_test[:, :1]}, "not like"),
        ({"y_test": y_test[:-1]}, "inconsistent"),
    ],
)
def test_what_it_cannot_tell_is_refused(changed, message, condenser):
    given = {"X_test": X_test, "y_test": y_test, "sensitive_features": GROUPS[:, 0]} | changed
    with pytest.raises(ValueError, match=message):
        fairness_table(condenser, **given, learners=LEARNERS)


def test_sets_without_classes_are_refused():
    with pytest.raises(ValueError, match="without classes"):
        fairness_table(KMeansCondenser(n_samples=3).fit(X), X_test, y_test, sensitive_features=GROUPS[:, 0])


def test_it_says_how_to_install_fairlearn(condenser, monkeypatch):
    monkeypatch.setitem(sys.modules, "fairlearn.metrics", None)
    with pytest.raises(ImportError, match=r"pip install 'skdc\[fair\]'"):
        fairness_table(condenser, X_test, y_test, sensitive_features=GROUPS[:, 0])
