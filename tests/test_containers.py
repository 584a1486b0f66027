"""What containers are taken, which are refused with what to do, and one encoder of frames for all that takes rows."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler

from skdc import CondensedEstimator, KMeansCondenser, KMedoids, RandomSubset, TabularCondenser
from skdc.containers import Encoded, as_array, as_numbers, has_units
from skdc.discrepancies import MMD, EnergyDistance
from skdc.evaluation import (
    canary_scores,
    membership_inference,
    robustness_table,
    transfer_table,
    two_sample_test,
)
from skdc.preprocessing import TabularEncoder
from skdc.robustness import cluster_groups, label_agreement, trimmed_weights

N = 60
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 3))
Y = np.arange(N) % 2
MIXED = pd.DataFrame(
    {
        "age": RNG.integers(20, 80, N),
        "city": np.where(Y > 0, "Oslo", "Rome"),
        "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(RNG.integers(0, 300, N), unit="D"),
        "income": np.where(RNG.random(N) < 0.2, np.nan, RNG.lognormal(size=N)),
    }
)
CODES = TabularEncoder().fit_transform(MIXED)


class Lazy(SimpleNamespace):
    """Something that is not in memory."""

    def __dask_graph__(self):
        return {}

    def compute(self):
        return X


class Frame:
    """A frame of another package."""

    def __init__(self, frame):
        self._frame = frame

    def to_pandas(self):
        return self._frame


class LaterFrame:
    """A frame of a package that reads it later."""

    def collect(self):
        return X


HIDDEN = np.ma.masked_array(X, mask=X > 2)
DATES = np.datetime64("2020-01-01") + np.arange(3 * N).reshape(N, 3)
PAIRS = np.array([(1, 2.0)] * N, dtype=[("a", int), ("b", float)])


@pytest.mark.parametrize(
    "values, words",
    [
        (Lazy(), ["Lazy", ".compute()"]),
        (LaterFrame(), ["LaterFrame", ".collect()"]),
        (HIDDEN, ["masked array", str(int((X > 2).sum())), ".filled(0)"]),
        (PAIRS, ["structured array", "pandas.DataFrame("]),
        (DATES, ["array of dates, datetime64[D]; "]),
        (DATES - DATES[0], ["array of durations, timedelta64[D]; "]),
    ],
)
@pytest.mark.parametrize("condenser", [RandomSubset(), KMeansCondenser(), KMeansCondenser(encoder=StandardScaler())])
def test_what_is_refused_says_what_to_do(condenser, values, words):
    for arguments, name in (((values, Y), "X"), ((X, values), "y")):
        with pytest.raises(TypeError) as caught:
            condenser.fit(*arguments)
        assert str(caught.value).startswith(f"{name} is a") and all(word in str(caught.value) for word in words)
    with pytest.raises(TypeError, match="sample_weight is a"):
        condenser.fit(X, Y, sample_weight=values)
    fitted = clone(condenser).fit(X, Y)
    with pytest.raises(TypeError, match="X is a"):
        fitted.transform(values)


@pytest.mark.parametrize("helper", [as_numbers, cluster_groups, trimmed_weights, lambda rows: MMD()(rows, rows)])
def test_helpers_refuse_the_same(helper):
    with pytest.raises(TypeError, match=r"X is a .*Lazy, which is not in memory; pass X.compute\(\)"):
        helper(Lazy())


@pytest.mark.parametrize(
    "rows",
    [
        [["a", 1.0], ["b", 2.0]] * 30,
        np.array([["a", "b"]] * N),
        np.array([["a", 1.0]] * N, dtype=object),
    ],
)
def test_arrays_of_words_are_refused(rows):
    with pytest.raises(ValueError, match=r"to float: 'a'.*strings; pass a frame.*pandas.DataFrame\(X\)"):
        KMeansCondenser().fit(rows, Y)


def test_a_name_that_occurs_twice_is_refused():
    for frame in (pd.DataFrame(X, columns=["a", "b", "a"]), MIXED.set_axis(["a", "b", "c", "a"], axis=1)):
        for encoder in ("auto", None, StandardScaler()):
            with pytest.raises(ValueError, match="the column name 'a' occurs twice in X"):
                KMeansCondenser(encoder=encoder).fit(frame, Y)


def test_a_masked_array_that_hides_nothing_is_an_array():
    X_syn, _ = KMeansCondenser(n_per_class=2, random_state=0).fit(np.ma.masked_array(X), np.ma.masked_array(Y))
    assert_array_equal(X_syn, KMeansCondenser(n_per_class=2, random_state=0).fit(X, Y).X_syn_)
    assert type(X_syn) is np.ndarray


def test_frames_of_other_packages_are_taken():
    X_syn, y_syn = KMedoids(n_per_class=3).fit(Frame(MIXED), Frame(pd.Series(Y, name="t")))
    expected, _ = KMedoids(n_per_class=3).fit(MIXED, Y)
    pd.testing.assert_frame_equal(X_syn, expected)
    assert y_syn.name == "t"
    encoder = TabularEncoder().fit(Frame(MIXED))
    assert_array_equal(encoder.transform(Frame(MIXED)), CODES)


def test_frames_of_polars_come_back():
    polars = pytest.importorskip("polars")
    pytest.importorskip("pyarrow")
    frame = polars.from_pandas(MIXED).with_columns(polars.col("age").cast(polars.Int8))
    for condenser in (KMedoids(n_per_class=3), KMeansCondenser(n_per_class=3, random_state=0)):
        X_syn, y_syn = condenser.fit(frame, polars.Series("t", Y))
        assert X_syn.schema == frame.schema and len(X_syn) == 6
        assert isinstance(y_syn, polars.Series) and y_syn.name == "t" and y_syn.to_list() == [0, 0, 0, 1, 1, 1]
        assert set(X_syn["city"]) <= {"Oslo", "Rome"}
        assert condenser.transform(frame) is frame
    with pytest.raises(TypeError, match=r"LazyFrame, which is not in memory; pass X.collect\(\)"):
        KMedoids().fit(frame.lazy(), Y)


# Labels


@pytest.mark.parametrize("condenser", [RandomSubset(), KMeansCondenser(), TabularCondenser(teacher=GaussianNB())])
@pytest.mark.parametrize(
    "labels, dtype",
    [(Y, np.int64), (Y > 0, np.bool_), ([bool(label) for label in Y], np.bool_), (Y / 1.0, np.float64)],
)
def test_labels_that_come_as_objects(condenser, labels, dtype):
    labels = np.array(list(labels), dtype=object)
    condenser = clone(condenser).set_params(n_per_class=2, random_state=0).fit(X, labels)
    _, y_syn = condenser
    assert y_syn.dtype == condenser.classes_.dtype == dtype
    assert set(y_syn.tolist()) == set(labels)
    LogisticRegression().fit(*condenser)
    series = pd.Series(labels, name="t")
    _, y_syn = clone(condenser).fit(X, series)
    assert (y_syn.dtype == object or dtype is np.float64) and y_syn.name == "t" and set(y_syn) == set(labels)
    assert CondensedEstimator(condenser, LogisticRegression()).fit(X, labels).score(X, labels.astype(dtype)) > 0.3


def test_quantities_that_come_as_objects():
    condenser = KMeansCondenser(n_samples=4, random_state=0)
    _, y_syn = clone(condenser).fit(X, X[:, 0].astype(object))
    assert_array_equal(y_syn, clone(condenser).fit(X, X[:, 0]).y_syn_)


@pytest.mark.parametrize("labels", [DATES[:, 0], pd.Series(DATES[:, 0]), DATES[:, 0] - DATES[0, 0]])
def test_dates_are_no_labels(labels):
    with pytest.raises(TypeError, match=r"y is an array of .*; y.astype\('int64'\) makes numbers of them"):
        RandomSubset().fit(X, labels)
    words = labels.astype(str)
    assert set(RandomSubset(n_per_class=1).fit(X, words).y_syn_) == set(words)


def test_objects_of_several_kinds_are_no_labels():
    for labels in (np.array([0, "a"] * 30, dtype=object), np.array([0, True] * 30, dtype=object)):
        with pytest.raises(ValueError, match=r"mixes labels of types|Unknown label type"):
            RandomSubset().fit(X, labels)


# One encoder


def test_numbers_stay_and_other_frames_are_encoded_by_one_encoder():
    assert as_numbers(X) is X
    numbers = pd.DataFrame(X)
    assert as_numbers(numbers) is numbers
    assert_array_equal(as_numbers(MIXED), CODES)
    encoded = Encoded(MIXED)
    assert_array_equal(encoded(MIXED[::2]), CODES[::2])
    assert_array_equal(encoded(MIXED.to_numpy()), CODES)
    weight = RNG.integers(0, 3, N)
    assert_allclose(
        Encoded(MIXED, weight)(MIXED), Encoded(MIXED.iloc[np.repeat(np.arange(N), weight)])(MIXED), atol=1e-12
    )
    assert as_array(torch.ones(2, dtype=torch.bfloat16)).dtype == np.float32


@pytest.mark.parametrize("discrepancy", [MMD(), EnergyDistance()])
def test_discrepancies_of_frames(discrepancy):
    expected = discrepancy(CODES, CODES[:20])
    assert discrepancy(MIXED, MIXED[:20]) == pytest.approx(expected)
    assert discrepancy(MIXED, MIXED[:20].to_numpy()) == pytest.approx(expected)
    result = two_sample_test(discrepancy, MIXED, MIXED[:20], n_permutations=9)
    assert result.value == pytest.approx(expected)


def test_weights_and_groups_of_frames():
    words = np.where(Y > 0, "yes", "no")
    for labels in (Y, words, pd.Series(words)):
        assert_array_equal(
            label_agreement(MIXED, labels, random_state=0), label_agreement(CODES, labels, random_state=0)
        )
        assert_array_equal(
            trimmed_weights(MIXED, labels, random_state=0), trimmed_weights(CODES, labels, random_state=0)
        )
        assert_array_equal(cluster_groups(MIXED, labels, random_state=0), cluster_groups(CODES, labels, random_state=0))


def test_tables_of_frames():
    condenser = KMedoids(n_per_class=6).fit(MIXED, Y)
    learners = {"logistic": LogisticRegression()}
    assert transfer_table(condenser, MIXED, Y, learners=learners).scores["logistic"]["hard labels"] > 0.9
    found = robustness_table(condenser, MIXED, Y, attacks={}, learners=learners).scores["logistic"]
    assert all(0 <= value <= 1 for measures in found.values() for value in measures.values())
    for table in (transfer_table, robustness_table):
        with pytest.raises(TypeError, match=r"X_test is a .*; pass X_test.compute\(\)"):
            table(condenser, Lazy(), Y, learners=learners)


@pytest.mark.parametrize(
    "rows, has",
    [
        (np.zeros((3, 100)), True),
        (np.eye(101), False),
        (np.eye(101) * np.r_[30.0, np.ones(100)], True),
        (np.eye(101) * np.r_[np.nan, np.ones(100)], False),
        (np.eye(101, dtype=np.int8) * np.int8(-100), False),
        (np.zeros((3, 2, 2)), False),
        (np.array([["a"]]), False),
    ],
)
def test_many_columns_of_one_range_share_a_unit(rows, has):
    assert has_units(rows) == has


def test_a_wide_frame_with_a_column_in_large_units_is_scaled():
    wide, labels = np.random.default_rng(0).normal(size=(60, 101)), np.arange(60) % 2
    units = (np.r_[unit, np.ones(100)] for unit in (1e3, 1e9))
    first, second = (KMedoids(2).fit(pd.DataFrame(wide * unit), labels).indices_ for unit in units)
    assert_array_equal(first, second)


def test_audits_of_frames():
    chooses = KMedoids(n_per_class=6)
    found = membership_inference(chooses, MIXED, Y, n_fits=6)
    assert found.closest.auc > 0.65, "chosen rows are in the set"
    canary = MIXED.iloc[:1].assign(age=60)
    inside, outside = canary_scores(chooses, MIXED, Y, canary, 0, n_fits=2)
    assert inside.mean() > outside.mean(), "it is a medoid"
