"""The field's scores, of learners whose accuracies are known, and by hand."""

from math import e, exp
from typing import ClassVar

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from skdc import KMeansCondenser, SoftLabelRandom
from skdc.augmentation import SiameseAugmentation
from skdc.evaluation import (
    augmentation_robust_score,
    hard_label_recovery,
    improvement_over_random,
    label_robust_score,
)
from skdc.learners import NetworkClassifier
from skdc.networks import MLP
from tests.evaluation.learners import CountsRows

X, Y = load_digits(return_X_y=True)
DATA = X[:500], Y[:500], X[500:800], Y[500:800]


@pytest.fixture(scope="module")
def means():
    return KMeansCondenser(n_per_class=3, random_state=0).fit(*DATA[:2])


@pytest.fixture(scope="module")
def soft():
    return SoftLabelRandom(2, teacher=LogisticRegression(max_iter=300), random_state=7).fit(*DATA[:2])


def test_known_accuracies_give_known_scores(means):
    assert hard_label_recovery(means, *DATA, learner=CountsRows(500)) == pytest.approx(1 - 30 / 500)
    assert improvement_over_random(means, *DATA, learner=CountsRows(500)) == pytest.approx(0)


def test_recovery_is_of_hard_labels_alone_and_scaled_by_all_rows(soft):
    mean, deviation = DATA[0].mean(axis=0), DATA[0].std(axis=0)
    deviation[deviation == 0] = 1
    rows, syn, tested = ((values - mean) / deviation for values in (DATA[0], soft.X_syn_, DATA[2]))
    accuracies = [
        LogisticRegression(max_iter=1000).fit(shown, labels).score(tested, DATA[3])
        for shown, labels in ((rows, DATA[1]), (syn, soft.y_syn_))
    ]
    assert hard_label_recovery(soft, *DATA) == pytest.approx(accuracies[0] - accuracies[1])


class Kinds(CountsRows):
    """A classifier that takes probabilities, and remembers what it was given."""

    accepts_soft_labels = True
    seen: ClassVar[list] = []

    def __init__(self, full=100, augmentation=None, classes=None):
        super().__init__(full, augmentation)
        self.classes = classes

    def fit(self, X, y):
        Kinds.seen.append(np.array(y))
        self.classes_, self.n_ = np.arange(10), len(X)
        return self


def test_random_rows_get_labels_of_the_kind_of_the_set(soft, means):
    Kinds.seen.clear()
    improvement_over_random(soft, *DATA, learner=Kinds(), n_draws=2)
    assert [y.shape for y in Kinds.seen] == [(20, 10)] * 3
    # The draw of the seed of the set itself, labelled by the same teacher, is the set.
    Kinds.seen.clear()
    improvement_over_random(soft, *DATA, learner=Kinds(), n_draws=1, random_state=7)
    assert np.allclose(Kinds.seen[0], Kinds.seen[1])
    Kinds.seen.clear()
    improvement_over_random(means, *DATA, learner=Kinds(), n_draws=2)
    assert [y.shape for y in Kinds.seen] == [(30,)] * 3


def test_the_label_robust_score_is_that_of_the_paper():
    assert label_robust_score(-1, 1) == pytest.approx(1) and label_robust_score(1, -1) == pytest.approx(0)
    assert label_robust_score(0.2, 0.1, weight=0.8) == pytest.approx((exp(0.04) - 1 / e) / (e - 1 / e))
    with pytest.raises(ValueError, match="weight=2 must lie between 0 and 1"):
        label_robust_score(0, 0, weight=2)


def test_the_augmentation_robust_score_is_that_of_improvements_with_and_without(means):
    images = DATA[0].reshape(-1, 8, 8), DATA[1], DATA[2].reshape(-1, 8, 8), DATA[3]
    condenser = KMeansCondenser(n_per_class=3, random_state=0).fit(*images[:2])
    changes, given = SiameseAugmentation(), {"n_draws": 1, "random_state": 1}
    network = NetworkClassifier(MLP(width=16), max_epochs=20, random_state=0)
    score = augmentation_robust_score(condenser, *images, augmentation=changes, learner=network, weight=0.7, **given)
    with_it = NetworkClassifier(MLP(width=16), max_epochs=20, random_state=0, augmentation=changes)
    improvements = [improvement_over_random(condenser, *images, learner=each, **given) for each in (with_it, network)]
    assert improvements[0] != improvements[1]
    value = 0.7 * improvements[0] + 0.3 * improvements[1]
    assert score == pytest.approx((exp(value) - 1 / e) / (e - 1 / e))
    with pytest.raises(ValueError, match="does not augment"):
        augmentation_robust_score(condenser, *images, augmentation=changes, learner="linear")


def test_sets_without_classes_are_refused():
    with pytest.raises(ValueError, match="fitted without classes"):
        hard_label_recovery(KMeansCondenser(n_samples=3).fit(X[:50]), *DATA)
