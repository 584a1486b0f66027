"""The data as a teacher tells them that was fitted on other rows."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from skdc.learners.crossfit import cross_fitted, taught_source
from skdc.parameterizations import Subset

from .sources import row_source, seeded

PART = Subset(labels="teacher", taught="all")


def taught(estimator, source, sizes, seed=0):
    return taught_source(PART, estimator, source, np.asarray(sizes), seeded(seed))


@pytest.fixture
def noisy(rng):
    """Two classes along a line, of which a tenth of the labels is wrong."""
    X = rng.normal(size=(1001, 2))
    true = (X[:, 0] > 0).astype(int)
    wrong = rng.random(1001) < 0.1
    return X, true, np.where(wrong, 1 - true, true)


def test_no_row_is_told_by_a_teacher_that_has_seen_it(noisy):
    X, _, y = noisy
    forest = RandomForestClassifier(20, random_state=0)
    told = cross_fitted(forest, row_source(X, y), seeded())
    agrees = (told.argmax(1) == y).mean()
    assert 0.75 < agrees < 0.92 < forest.fit(X, y).score(X, y)


def test_equal_rows_are_in_one_fold(rng):
    # Labels at random: a teacher that has seen the copy of a row knows its label, and another one does not.
    X, y = rng.normal(size=(300, 2)), rng.integers(0, 2, 300)
    told = cross_fitted(
        KNeighborsRegressor(1), row_source(np.tile(X, (2, 1)), np.tile(y, 2) + 0.0, regression=True), seeded()
    )
    by_class = cross_fitted(KNeighborsClassifier(1), row_source(np.tile(X, (2, 1)), np.tile(y, 2)), seeded())
    own = np.tile(np.eye(2)[y], (2, 1))
    np.testing.assert_array_equal(by_class, own)  # no better than chance: rows keep their labels
    np.testing.assert_array_equal(told[:, 0], np.tile(y, 2))


def test_rows_that_are_wrongly_labelled_are_not_chosen_from(noisy):
    X, true, y = noisy
    source = taught(LogisticRegression(), row_source(X, y), [10, 10])
    kept = y[source.places]
    assert (kept == true[source.places]).mean() > 0.98
    assert (true != y).mean() > 0.08
    np.testing.assert_array_equal(source.targets().argmax(1), kept)
    assert ((source.targets() > 0) & (source.targets() < 1)).all(), "probabilities"


def test_held_out_rows_are_others_and_keep_their_labels(noisy):
    X, _, y = noisy
    given = row_source(X, y)
    source = taught(LogisticRegression(), given, [10, 10])
    held = source.unseen(2000, seeded())
    assert len(held) == pytest.approx(250, abs=2)
    chosen_from = {tuple(row) for row in X[source.places]}
    assert not chosen_from & {tuple(row) for row in given.decode(held.X).round(12)}
    assert set(held.y.numpy().ravel()) == {0.0, 1.0}


def test_classes_weigh_what_they_do_in_the_data(noisy):
    X, _, y = noisy
    weight = np.where(y == 1, 3.0, 0.5) * np.random.default_rng(1).uniform(0.5, 1.5, len(y))
    given = row_source(X, y, weight=weight)
    source = taught(LogisticRegression(), given, [5, 5])
    for part in (source, source._held_out):
        mass = part.class_mass()
        np.testing.assert_allclose(mass / mass.sum(), given.class_mass() / given.class_mass().sum(), rtol=1e-6)
    ratio = source.weight / given.weight[source.places]
    for c in (0, 1):
        assert np.ptp(ratio[y[source.places] == c]) < 1e-9, "within a class, weights keep their ratios"


def test_of_each_class_there_are_rows_enough(rng):
    # A class that the teacher never names, of fewer rows than three for each to be chosen.
    X, y = rng.normal(size=(1001, 2)), np.r_[np.zeros(995, int), np.full(6, 1)]
    source = taught(LogisticRegression(), row_source(X, y), [20, 4])
    assert (y[source.places] == 1).sum() == 6
    alone = taught(LogisticRegression(), row_source(X, np.r_[np.zeros(1000, int), 1]), [20, 1])
    assert 1000 in alone.places


def test_many_rows_are_told_in_part(rng, monkeypatch):
    monkeypatch.setattr("skdc.learners.crossfit._MOST_ROWS", 200)
    X, y = rng.normal(size=(2000, 2)), np.arange(2000) % 4
    X[:, 0] += 5 * y
    source = taught(GaussianNB(), row_source(X, y), [5, 5, 5, 5])
    assert 150 < len(source) <= 200
    more = taught(GaussianNB(), row_source(X, y), [30, 30, 30, 30])
    assert 600 < len(more) <= 960
    assert len(np.intersect1d(source.places, more.places)) > 100, "by content: fewer are a part of more"
