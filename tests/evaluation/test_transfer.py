"""The transfer table against learners that are trained by hand."""

import sys
from typing import ClassVar

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

import skdc
from skdc import CondensedSet, KMeansCondenser, SoftLabelRandom
from skdc.evaluation import transfer_table
from skdc.learners import NetworkClassifier
from skdc.networks import MLP

X, y = load_digits(return_X_y=True)
TRAIN, TEST = np.arange(0, 600), np.arange(600, 900)
WEIGHT = 1.0 + 9 * (y[TRAIN] == 3)
NAMES = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])


@pytest.fixture(scope="module")
def soft():
    condenser = SoftLabelRandom(teacher=LogisticRegression(C=1e-4), n_per_class=2, random_state=0)
    return condenser.fit(X[TRAIN], NAMES[y[TRAIN]], sample_weight=WEIGHT)


def standard(rows):
    return StandardScaler().fit(X[TRAIN], sample_weight=WEIGHT).transform(rows)


def test_each_variant_is_what_the_learner_does_by_hand(soft):
    learner = LogisticRegression(max_iter=1000)
    scores = transfer_table(soft, X[TEST], NAMES[y[TEST]], learners={"logistic": learner}).scores["logistic"]
    rows, test_rows = standard(soft.X_syn_), standard(X[TEST])
    truth = NAMES[y[TEST]]
    assert scores["hard labels"] == learner.fit(rows, soft.y_syn_).score(test_rows, truth)
    assert scores["weights"] == learner.fit(rows, soft.y_syn_, soft.sample_weight_).score(test_rows, truth)
    copies, labels = np.nonzero(soft.y_soft_)
    weight = soft.sample_weight_[copies] * soft.y_soft_[copies, labels]
    by_copies = learner.fit(rows[copies], soft.classes_[labels], weight).score(test_rows, truth)
    assert scores["soft labels"] == by_copies
    assert len(set(scores.values())) == 3


def test_a_set_from_a_file_has_the_same_scores(soft, tmp_path):
    soft.condensed_.save(tmp_path / "soft.skdc")
    again, given = skdc.load(tmp_path / "soft.skdc"), (X[TEST], NAMES[y[TEST]])
    learners = [KNeighborsClassifier(1), LogisticRegression(max_iter=1000)]
    scores = [transfer_table(one, *given, learners=learners).scores for one in (soft, soft.condensed_, again)]
    assert scores[0] == scores[1] == scores[2]


def test_learners_get_what_they_can_use_only(soft):
    network = NetworkClassifier(MLP(width=8), max_epochs=5, random_state=0)
    learners = {"1-NN": KNeighborsClassifier(1), "logistic": LogisticRegression(), "network": network}
    scores = transfer_table(soft, X[TEST], NAMES[y[TEST]], learners=learners).scores
    assert list(scores["1-NN"]) == ["hard labels"]
    assert list(scores["logistic"]) == list(scores["network"]) == ["hard labels", "weights", "soft labels"]
    hard = KMeansCondenser(n_per_class=2, random_state=0).fit(X[TRAIN], y[TRAIN])
    scores = transfer_table(hard, X[TEST], y[TEST], learners=learners).scores
    assert list(scores["network"]) == ["hard labels", "weights"]


class Shapes(ClassifierMixin, BaseEstimator):
    """A classifier that knows its first class, and the shapes of the rows that it saw."""

    seen: ClassVar[list] = []

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        Shapes.seen.append(X.shape)
        return self

    def predict(self, X):
        Shapes.seen.append(X.shape)
        return np.full(len(X), self.classes_[0])


def test_images_are_shown_flat_to_all_but_networks():
    images = X.reshape(-1, 8, 8)
    condenser = KMeansCondenser(n_per_class=1, random_state=0).fit(images[TRAIN], y[TRAIN])
    Shapes.seen.clear()
    table = transfer_table(condenser, images[TEST], y[TEST], learners={"shapes": Shapes()})
    assert Shapes.seen == [(10, 64), (300, 64)]
    assert table.scores["shapes"]["hard labels"] == np.mean(y[TEST] == 0)
    network = NetworkClassifier(MLP(width=8), max_epochs=2, random_state=0)
    transfer_table(condenser, images[TEST], y[TEST], learners={"network": network})


@pytest.mark.slow  # eight learners
def test_all_learners_of_the_default_do_better_than_chance():
    images = X.reshape(-1, 8, 8)
    condenser = KMeansCondenser(n_per_class=3, random_state=0).fit(images[TRAIN], y[TRAIN])
    scores = transfer_table(condenser, images[TEST], y[TEST]).scores
    assert len(scores) == 8
    assert min(found["hard labels"] for found in scores.values()) > 0.3


def test_it_prints_and_shows_every_score(soft):
    table = transfer_table(soft, X[TEST], NAMES[y[TEST]], learners={"a <b>": KNeighborsClassifier(1)})
    cell = f"{table.scores['a <b>']['hard labels']:.3f}"
    assert str(table).splitlines()[1].split() == ["a", "<b>", cell, "-", "-"]
    assert f"<td>a &lt;b&gt;</td><td>{cell}</td><td>-</td>" in table._repr_html_()


def test_what_it_cannot_tell_is_refused(soft):
    with pytest.raises(NotFittedError):
        transfer_table(KMeansCondenser(), X, y)
    with pytest.raises(ValueError, match="without classes"):
        transfer_table(KMeansCondenser(n_samples=3).fit(X[TRAIN]), X, y)
    with pytest.raises(ValueError, match="the set is without classes, which transfer_table tells apart"):
        transfer_table(CondensedSet(X[:2], NAMES[:2]), X, y)
    with pytest.raises(ValueError, match="not like"):
        transfer_table(soft, X[TEST, :9], y[TEST])
    with pytest.raises(ValueError, match="inconsistent"):
        transfer_table(soft, X[TEST], y)


def test_its_frame_has_the_scores_as_numbers(soft):
    learners = {"1-NN": KNeighborsClassifier(1), "logistic": LogisticRegression()}
    table = transfer_table(soft, X[TEST], NAMES[y[TEST]], learners=learners)
    frame = table.to_frame()
    assert list(frame.columns) == ["learner", "hard labels", "weights", "soft labels"]
    assert frame["learner"].tolist() == ["1-NN", "logistic"]
    assert frame["weights"].isna().tolist() == [True, False]
    assert frame["hard labels"].tolist() == [table.scores[name]["hard labels"] for name in learners]


def test_a_frame_says_how_to_install_pandas(soft, monkeypatch):
    table = transfer_table(soft, X[TEST], NAMES[y[TEST]], learners="neighbors")
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pip install 'skdc\[tables\]'"):
        table.to_frame()
