"""Teachers are reliable where they are better than who knows the class shares only, and no class is lost to them."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from skdc import (
    CondensedEstimator,
    Condenser,
    GreedyKernelPoints,
    KMedoids,
    RandomSubset,
    SoftLabelRandom,
    TabularCondenser,
)
from skdc.discrepancies import MMD
from skdc.learners.reliability import reliable_classes, reliable_outputs
from skdc.parameterizations import Points
from skdc.solvers import Descent


def blobs(sizes, gap, seed=0):
    """Return rows of classes that lie so far apart, and their labels."""
    y = np.repeat(np.arange(len(sizes)), sizes)
    return np.random.default_rng(seed).normal(size=(len(y), 3)) + gap * y[:, None], y


# Held-out rows


def test_shares_alone_are_not_believed():
    codes, shares = np.repeat([0, 1], [90, 10]), np.array([0.9, 0.1])
    assert not reliable_classes(shares[codes], codes, np.ones(100), shares).any()
    assert reliable_classes(np.full(100, 0.95), codes, np.ones(100), shares).all()


def test_a_teacher_that_is_weak_for_a_rare_class_is_not_believed_there():
    codes, shares = np.repeat([0, 1, 2], [45, 45, 10]), np.array([0.45, 0.45, 0.1])
    predicted = np.where(codes == 2, 0.02, 0.9)
    assert reliable_classes(predicted, codes, np.ones(100), shares).tolist() == [True, True, False]


def test_one_who_says_the_same_of_all_rows_is_not_believed_for_it():
    codes, shares = np.repeat([0, 1], 50), np.array([0.5, 0.5])
    assert not reliable_classes(np.where(codes == 0, 0.99, 0.01), codes, np.ones(100), shares).any()


def test_a_probability_of_zero_is_not_the_end():
    codes, shares = np.repeat([0, 1], 50), np.array([0.5, 0.5])
    predicted = np.ones(100)
    predicted[::10] = 0.0
    assert reliable_classes(predicted, codes, np.ones(100), shares).all()


def test_a_row_of_weight_two_is_the_row_twice():
    rng = np.random.default_rng(0)
    codes, weight = rng.integers(3, size=40), rng.integers(1, 4, 40)
    shares = np.bincount(codes, weight) / weight.sum()
    twice = np.repeat(np.arange(40), weight)
    for spread in np.linspace(0.1, 3, 20):
        predicted = np.clip(shares[codes] * rng.lognormal(0.3, spread, 40), 0, 1)
        one = reliable_classes(predicted, codes, weight.astype(float), shares)
        assert_array_equal(one, reliable_classes(predicted[twice], codes[twice], np.ones(len(twice)), shares))


def test_values_are_believed_one_by_one():
    values = np.random.default_rng(0).normal(size=(50, 3))
    predicted = values + [[0.1, 0.0, 5.0]]
    predicted[:, 1] = 0.0
    assert reliable_outputs(predicted, values, np.ones(50), np.zeros(3)).tolist() == [True, False, False]


# Condensers

TAUGHT = [
    Condenser(),
    TabularCondenser(rows=RandomSubset()),
    TabularCondenser(rows=KMedoids(), teacher=DummyClassifier()),
    TabularCondenser(rows=GreedyKernelPoints(), teacher=DummyClassifier(strategy="most_frequent")),
    TabularCondenser(rows=RandomSubset(), teacher=KNeighborsClassifier(3)),
    SoftLabelRandom(teacher=GaussianNB()),
    Condenser(MMD(), Points(labels="teacher", teacher=LogisticRegression()), Descent(n_steps=3)),
    Condenser(MMD(), Points(labels="teacher", teacher=DummyClassifier()), Descent(n_steps=3)),
]


@pytest.mark.parametrize("condenser", TAUGHT, ids=repr)
@pytest.mark.parametrize(
    "sizes, gap", [([20, 20], 6.0), ([20, 20], 0.0), ([300, 5], 3.0), ([60, 30, 4, 3], 0.5)], ids=str
)
def test_every_class_has_its_rows(condenser, sizes, gap):
    X, y = blobs(sizes, gap)
    for rows, labels in [(pd.DataFrame(X), pd.Series(y, name="kind")), (X, y)]:
        if isinstance(rows, np.ndarray) and condenser.get_params().get("parameterization") == "auto":
            continue  # arrays have another default
        _, y_syn = fitted = condenser.set_params(n_per_class=3, random_state=0).fit(rows, labels)
        assert np.bincount(y_syn).tolist() == [3] * len(sizes)
        assert_array_equal(fitted.y_syn_, y_syn)
        # Shown to a learner as weighted copies, each class is there too.
        soft = pd.DataFrame(fitted.y_soft_).groupby(np.asarray(y_syn)).mean().to_numpy()
        assert (soft.diagonal() > 0.5 * np.array(sizes) / sum(sizes)).all()
        if hasattr(fitted, "indices_"):
            assert_array_equal(np.asarray(y_syn), y[fitted.indices_])


def test_the_default_learns_from_few_rows():
    X, y = blobs([20, 20], 6.0)
    model = CondensedEstimator(Condenser(n_per_class=3, random_state=0), LogisticRegression())
    assert model.fit(pd.DataFrame(X), y).score(pd.DataFrame(X), y) == 1.0


def test_a_class_of_one_row_and_words_for_labels():
    X, y = blobs([30, 30, 1], 3.0)
    labels = pd.Series(np.array(["no", "yes", "rare"])[y], dtype="category")
    _, y_syn = fitted = Condenser(n_per_class={"no": 4, "yes": 4, "rare": 1}, random_state=0).fit(
        pd.DataFrame(X), labels
    )
    assert y_syn.value_counts().to_dict() == {"no": 4, "yes": 4, "rare": 1} and y_syn.dtype == labels.dtype
    assert fitted.y_soft_[fitted.y_syn_ == "rare"].tolist() == [[0.0, 1.0, 0.0]]


def test_hard_labels_are_those_of_the_rows_where_the_teacher_is_believed():
    X, y = blobs([200, 200], 1.0)
    fitted = SoftLabelRandom(teacher=LogisticRegression(), n_per_class=50, random_state=0).fit(X, y)
    assert_array_equal(fitted.y_syn_, y[fitted.indices_])
    assert (fitted.y_soft_.argmax(1) != fitted.y_syn_).any(), "probabilities are the teacher's"


def test_a_frozen_teacher_that_knows_nothing_is_not_believed():
    X, y = blobs([40, 40], 3.0)
    useless, good = (FrozenEstimator(model.fit(X, y)) for model in (DummyClassifier(), LogisticRegression()))
    soft = [SoftLabelRandom(teacher=one, n_per_class=4, random_state=0).fit(X, y).y_soft_ for one in (useless, good)]
    assert_array_equal(soft[0], np.repeat(np.eye(2), 4, axis=0))
    assert not np.array_equal(soft[1], soft[0])


def test_values_of_a_teacher_that_knows_nothing_are_not_taken():
    X, _ = blobs([60], 0.0)
    y = X @ [1.0, 2.0, 0.0] + 5
    for teacher, own in ((DummyRegressor(), True), (LinearRegression(), False)):
        noisy = y + np.random.default_rng(1).normal(size=60)
        fitted = TabularCondenser(rows=KMedoids(), teacher=teacher, n_samples=6, random_state=0).fit(X, noisy)
        assert np.allclose(fitted.y_syn_, noisy[fitted.indices_]) == own
