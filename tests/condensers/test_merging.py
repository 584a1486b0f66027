"""Condensers that were fed apart and are merged: what comes out is what one that was fed all rows gives."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skdc import Condenser
from skdc.discrepancies import MMD, RandomFeatureMMD
from skdc.privacy import GaussianMechanism
from skdc.solvers import Descent

RNG = np.random.default_rng(0)
Y = RNG.permutation(np.repeat([0, 1, 2], [500, 400, 101]))
X = RNG.normal(size=(1001, 3)) + 3 * np.eye(3)[Y]
WEIGHT = RNG.uniform(0.1, 3, 1001)
PARTS = np.split(np.arange(1001), [1, 300, 700])


def fed(rows, classes=(0, 1, 2), weight=WEIGHT, **settings):
    """Return a condenser that has seen some rows."""
    given = {"n_per_class": 3, "random_state": 0, "solver": Descent(n_steps=20)} | settings
    condenser = Condenser(RandomFeatureMMD(bandwidth=2.0, n_features=64), **given)
    return condenser.partial_fit(X[rows], Y[rows], classes=classes, sample_weight=weight[rows])


def fed_all():
    condenser = fed(PARTS[0])
    for rows in PARTS[1:]:
        condenser.partial_fit(X[rows], Y[rows], sample_weight=WEIGHT[rows])
    return condenser


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 1, 0, 2]])
def test_what_is_fed_apart_gives_what_is_fed_together(order):
    parts = [pickle.loads(pickle.dumps(fed(PARTS[i]))) for i in order]
    merged = parts[0].merge(parts[1]).merge(parts[2].merge(parts[3]))
    whole = fed_all()
    assert_allclose(merged.X_syn_, whole.X_syn_, rtol=1e-6, atol=1e-9)
    assert_allclose(merged.sample_weight_, whole.sample_weight_, rtol=1e-12)
    assert merged.condensed_.provenance.n_rows == 1001


def test_classes_that_one_has_not_seen_are_known_afterwards():
    few, more = (np.flatnonzero(np.isin(Y, some)) for some in ([0, 2], [1, 2]))
    merged = fed(few, classes=None).merge(fed(more, classes=None))
    assert_array_equal(merged.classes_, [0, 1, 2])
    assert_array_equal(np.unique(merged.y_syn_), [0, 1, 2])
    merged.partial_fit(X[:5], Y[:5])  # and it can be fed more


def test_the_other_stays_as_it_is_and_a_set_that_was_read_is_made_anew():
    one, other = fed(PARTS[1]), fed(PARTS[2])
    before, of_other = one.X_syn_, other.X_syn_
    one.merge(other)
    assert not np.array_equal(one.X_syn_, before)
    assert_array_equal(other.X_syn_, of_other)
    assert other.condensed_.provenance.n_rows == len(PARTS[2])


def test_dtypes_that_hold_what_both_had():
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    halves = [
        Condenser(
            RandomFeatureMMD(bandwidth=2.0), n_per_class=2, random_state=0, solver=Descent(n_steps=2)
        ).partial_fit(part, Y[part.index], classes=[0, 1, 2])
        for part in (frame[:500].astype({"a": int}), frame[500:])
    ]
    assert list(halves[0].merge(halves[1]).condensed_.X.dtypes) == [np.float64] * 3


@pytest.mark.parametrize(
    "other, words",
    [
        (
            lambda: Condenser(RandomFeatureMMD(bandwidth=2.0, n_features=64), n_per_class=3, random_state=0),
            "has fed rows",
        ),
        (lambda: "a condenser", "has fed rows"),
        (lambda: fed(PARTS[1], random_state=1), "same parameters"),
        (lambda: fed(PARTS[1], n_per_class=4), "same parameters"),
        (lambda: fed(PARTS[1], classes=(0, 1, 2, 3)), "give both classes="),
        (lambda: fed(PARTS[1]).set_params(privacy=GaussianMechanism(feature_range=(0, 1))), "private"),
    ],
)
def test_what_does_not_go_together_is_refused(other, words):
    one = fed(PARTS[2])
    before = one.X_syn_
    with pytest.raises(ValueError, match=words):
        one.merge(other())
    assert one.X_syn_ is before


def test_what_cannot_stream_cannot_be_merged():
    assert not hasattr(Condenser(MMD()), "merge")
