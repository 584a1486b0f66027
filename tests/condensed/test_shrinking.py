"""The first points of each class of a set."""

import json
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import skdc
from skdc import CondensedSet, Condenser, KernelHerding
from skdc.parameterizations import Points
from skdc.parameterizations.storage import Quantized

Y = np.array(list("aaabbbbc"))
WHOLE = CondensedSet(np.arange(16.0).reshape(8, 2), Y, classes=np.array(list("abcd")))


def test_a_number_takes_the_first_points_of_each_class():
    assert_array_equal(WHOLE.shrink({"a": 2, "b": 3, "c": 1, "d": 5}).X[:, 0], [0, 2, 6, 8, 10, 14])
    assert_array_equal(WHOLE.shrink(1).y, list("abc"))


def test_all_that_belongs_to_a_point_goes_with_it():
    soft, learned = np.random.default_rng(0).dirichlet(np.ones(4), 8), np.arange(32.0).reshape(8, 4)
    short = replace(WHOLE, y_soft=soft, y_learned=learned).shrink(1)
    assert_array_equal(short.y_soft, soft[[0, 3, 7]])
    assert_array_equal(short.y_learned, learned[[0, 3, 7]])
    assert_array_equal(short.classes, WHOLE.classes)


def test_points_may_stand_in_any_order():
    mixed = CondensedSet(np.arange(4.0)[:, None], np.array([1, 0, 1, 0]), classes=np.array([0, 1]))
    assert_array_equal(mixed.shrink(1).X[:, 0], [0, 1])


def test_classes_keep_their_mass_and_points_their_proportions():
    short = replace(WHOLE, sample_weight=np.array([1, 3, 4, 2, 2, 2, 2, 1.0])).shrink({"a": 2, "b": 1, "c": 1, "d": 1})
    assert_allclose(short.sample_weight / short.sample_weight.sum(), np.array([2, 6, 8, 1]) / 17)
    assert short.sample_weight.mean() == pytest.approx(1)


def test_weights_are_left_out_where_they_say_nothing():
    assert CondensedSet(np.eye(4), np.array([0, 0, 1, 1]), classes=np.array([0, 1])).shrink(1).sample_weight is None
    assert_allclose(WHOLE.shrink(1).sample_weight, np.array([3, 4, 1]) * 3 / 8)


def test_a_class_whose_first_points_weigh_nothing_has_no_weight():
    weight = np.array([0.0, 1, 1, 1, 1, 1, 1, 1])
    assert_allclose(replace(WHOLE, sample_weight=weight).shrink(1).sample_weight, np.array([0, 4, 1]) * 3 / 5)


@pytest.mark.parametrize("y", [None, np.linspace(0, 1, 4)])
def test_without_classes_the_first_points_are_taken(y):
    short = CondensedSet(np.arange(4.0)[:, None], y).shrink(3)
    assert_array_equal(short.X[:, 0], [0, 1, 2])
    assert short.y is None if y is None else short.y is not y and len(short.y) == 3


def test_frames_stay_frames():
    X = pd.DataFrame({"n": np.arange(8), "word": pd.Categorical(list("xyxyxyxy"))}, index=np.arange(8) * 10)
    short = replace(WHOLE, X=X, y=pd.Series(Y, index=X.index, name="kind")).shrink(1)
    pd.testing.assert_frame_equal(short.X, X.iloc[[0, 3, 7]])
    assert short.y.name == "kind" and short.y.tolist() == list("abc")


@pytest.mark.parametrize(
    ("to", "message"),
    [
        (0, r"0 points of class 'a' are asked for; give a whole number of at least 1, or a condenser"),
        (1.5, "1.5 points of class 'a'"),
        (True, "True points"),
        (None, "None points"),
        (4, r"4 points of class 'a' are asked for, but the set has 3; give 3 or less"),
        ({"a": 1, "b": 5, "c": 1, "d": 1}, "5 points of class 'b' are asked for, but the set has 4"),
        ({"a": 1}, "names no size for class 'b'"),
        ({"a": 1, "z": 1}, "names 'z', which is not among the classes"),
    ],
)
def test_other_sizes_are_refused(to, message):
    with pytest.raises(ValueError, match=message):
        WHOLE.shrink(to)


def test_the_provenance_says_both(rng):
    X, y = rng.normal(size=(40, 3)), np.repeat([0, 1], 20)
    whole = KernelHerding(n_per_class=5, n_passes=0, random_state=3).fit(X, y).condensed_
    told, first = whole.shrink(2).provenance, whole.provenance
    assert told.condenser == f"the first points, 2 a class, of the set by {first.condenser}"
    assert told.parameters == {"n_per_class": 2, "shrunk": asdict(replace(first, scaling=None))}
    assert (told.n_points, told.n_per_class, told.n_rows) == (4, {"0": 2, "1": 2}, 40)
    assert told.fingerprint == first.fingerprint and told.seconds == first.seconds
    assert json.loads(json.dumps(asdict(told))) == asdict(told)


def test_the_bytes_are_those_of_the_file(rng, tmp_path):
    X, y = rng.normal(size=(4000, 30)).astype(np.float32), np.repeat([0, 1], 2000)
    short = KernelHerding(n_per_class=1000, n_passes=0).fit(X, y).condensed_.shrink(900)
    short.save(tmp_path / "short")
    size, kept = (tmp_path / "short").stat().st_size, short.provenance.storage
    assert kept["bytes"] == kept["bytes_decoded"] and kept["points"] == 1800 and kept["shared_bytes"] == 0
    assert kept["bytes"] <= size < kept["bytes"] + 6000
    again = skdc.load(tmp_path / "short")
    assert_array_equal(again.X, short.X)
    assert again.provenance.condenser == short.provenance.condenser


def test_codes_are_kept(rng, tmp_path):
    X, y = rng.normal(size=(40, 3)), np.repeat([0, 1], 20)
    condenser = Condenser(parameterization=Points(Quantized(4)), n_per_class=8, random_state=0).fit(X, y)
    whole = condenser.condensed_
    short = whole.shrink(7)
    assert short.coded is not None
    assert_array_equal(short.X, whole.X[[*range(7), *range(8, 15)]])
    short.save(tmp_path / "short")
    assert_array_equal(skdc.load(tmp_path / "short").X, short.X)


def test_codes_of_other_rows_are_left(rng):
    X, y = rng.normal(size=(40, 3)), np.repeat([0, 1], 20)
    whole = Condenser(parameterization=Points(Quantized(4)), n_per_class=8, random_state=0).fit(X, y).condensed_
    other = replace(whole, X=whole.X[::-1].copy())
    assert other.shrink(7).coded is None
