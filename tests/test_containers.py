"""What containers are taken, which are refused with what to do, and one encoder of frames for all that takes rows."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.exceptions import DataConversionWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler

from skdc import AutoCondenser, CondensedEstimator, Condenser, KMeansCondenser, KMedoids, RandomSubset, TabularCondenser
from skdc.containers import EncodedRows, as_array, as_numbers, has_units
from skdc.discrepancies import MMD, EnergyDistance, RandomFeatureMMD
from skdc.evaluation import (
    canary_scores,
    fairness_table,
    membership_inference,
    robustness_table,
    transfer_table,
    two_sample_test,
)
from skdc.preprocessing import TabularEncoder
from skdc.solvers import Descent
from skdc.weighting import cluster_groups, label_agreement, trimmed_weights

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
        (Lazy(), ["in memory"]),
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


def test_frames_of_other_packages_are_tried():
    auto = AutoCondenser(GaussianNB(), candidates=[KMedoids()], n_per_class=3, random_state=0, encoder=None)
    X_syn, y_syn = auto.fit(Frame(pd.DataFrame(X, columns=["a", "b", "c"])), Frame(pd.Series(Y, name="t")))
    assert X_syn.columns.tolist() == ["a", "b", "c"] and y_syn.name == "t" and len(X_syn) == 6
    with pytest.raises(TypeError, match=r"y is a .*Lazy"):
        auto.fit(X, Lazy())


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


@pytest.mark.parametrize(
    "condenser", [RandomSubset(), KMeansCondenser(), TabularCondenser(rows=KMedoids(), teacher=GaussianNB())]
)
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
    assert y_syn.dtype == dtype and y_syn.name == "t" and set(y_syn) == set(labels)
    assert CondensedEstimator(condenser, LogisticRegression()).fit(X, labels).score(X, labels) > 0.3


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


def test_arrays_stay_and_frames_are_encoded_by_one_encoder():
    assert as_numbers(X) is X
    numbers = pd.DataFrame(X)
    assert_array_equal(as_numbers(numbers), TabularEncoder().fit_transform(numbers))
    pixels = pd.DataFrame(RNG.normal(size=(9, 120)))
    assert_array_equal(as_numbers(pixels), pixels)
    assert_array_equal(as_numbers(MIXED), CODES)
    encoded = EncodedRows(MIXED)
    assert_array_equal(encoded(MIXED[::2]), CODES[::2])
    assert_array_equal(encoded(MIXED.to_numpy()), CODES)
    weight = RNG.integers(0, 3, N)
    assert_allclose(
        EncodedRows(MIXED, weight)(MIXED), EncodedRows(MIXED.iloc[np.repeat(np.arange(N), weight)])(MIXED), atol=1e-12
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


HELPERS = {
    "MMD": lambda frame: MMD()(frame, frame[:20]),
    "two_sample_test": lambda frame: two_sample_test(MMD(), frame, frame[:20], Y, Y[:20], n_permutations=9).value,
    "cluster_groups": lambda frame: cluster_groups(frame, Y, random_state=0),
    "trimmed_weights": lambda frame: trimmed_weights(frame, Y, random_state=0),
    "label_agreement": lambda frame: label_agreement(frame, Y, random_state=0),
    "membership_inference": lambda frame: membership_inference(RandomSubset(5), frame, Y, n_fits=6).closest,
    "canary_scores": lambda frame: canary_scores(RandomSubset(5), frame, Y, frame[:1], 0, n_fits=2),
}


@pytest.mark.parametrize("name", HELPERS)
def test_frames_of_numbers_are_seen_column_by_column(name):
    numbers = pd.DataFrame(X, columns=["a", "b", "c"])
    assert_allclose(HELPERS[name](numbers * [1.0, 1e6, 1e-6]), HELPERS[name](numbers), rtol=1e-6)


def test_columns_are_compared_by_name():
    numbers = pd.DataFrame(X, columns=["a", "b", "c"])
    for frame in (numbers, MIXED):
        names = list(frame)
        for other in (frame[names[::-1]], frame.rename(columns={names[0]: "z"}), frame[names[1:]]):
            with pytest.raises(
                ValueError, match=r"the columns of Y, \[.*\], are not those of X, \['a.*in the same order"
            ):
                MMD()(frame, other)
            with pytest.raises(ValueError, match=r"the columns of X_syn"):
                two_sample_test(MMD(), frame, other)
    for pair in ((numbers, numbers.assign(a="word")), (numbers.assign(a="word"), numbers)):
        with pytest.raises(ValueError, match=r"column 'a' is not like that of fit"):
            MMD()(*pair)
    with pytest.raises(ValueError, match=r"'Rome'|'Oslo'"):
        MMD()(MIXED.to_numpy()[:, :2], MIXED.iloc[:, :2])


def test_missing_values_on_either_side():
    numbers = pd.DataFrame(X, columns=["a", "b", "c"])
    gaps = numbers.mask(numbers > 1)
    assert all(np.isfinite(MMD()(*pair)) for pair in ((numbers, gaps), (gaps, numbers)))


# The labels that condensers take


OBJECTS = Y.astype(object)


@pytest.mark.parametrize(
    "labels",
    [OBJECTS, (Y > 0).astype(object), pd.Series(OBJECTS), pd.Series(Y > 0, dtype=object), pd.Series(Y, dtype="Int64")],
)
def test_helpers_take_the_labels_that_condensers_take(labels):
    plain = np.array(list(labels))
    condenser, learners = KMedoids(n_per_class=5), {"logistic": LogisticRegression()}
    _, y_syn = condenser.fit(X, labels)
    LogisticRegression().fit(*condenser)
    assert condenser.classes_.dtype == plain.dtype and (hasattr(labels.dtype, "na_value") or y_syn.dtype == plain.dtype)
    groups = np.arange(N) // 2 % 2
    for table, given in ((transfer_table, {}), (fairness_table, {"sensitive_features": groups})):
        found = [table(condenser, X, y, learners=learners, **given).scores for y in (labels, plain)]
        assert found[0] == found[1]
    model = CondensedEstimator(condenser, LogisticRegression())
    assert model.fit(X, labels).score(X, labels) == model.score(X, plain)
    assert len(cross_val_score(model, X, labels, cv=2, error_score="raise")) == 2
    for helper in (label_agreement, cluster_groups, trimmed_weights):
        assert_array_equal(helper(X, labels, random_state=0), helper(X, plain, random_state=0))
    assert two_sample_test(MMD(), X, X[:20], labels, labels[:20], n_permutations=9).value > 0


@pytest.mark.parametrize("helper", [label_agreement, cluster_groups, trimmed_weights])
def test_quantities_are_no_labels(helper):
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        helper(X, X[:, 0])
    with pytest.raises(ValueError, match="y holds another number in each row; it must hold labels"):
        helper(X, np.arange(N))
    with pytest.raises(ValueError, match=r"y of shape \(60, 2\) must hold one label a row"):
        helper(X, np.c_[Y, 1 - Y])
    with pytest.raises(ValueError, match="X has 60 rows, y has 20: there must be as many"):
        helper(X, Y[:20])
    with pytest.raises(ValueError, match=r"'a'.* X is an array that holds strings; pass a frame"):
        helper(np.array([["a", 1.0]] * N, dtype=object), Y)


def test_a_column_of_labels():
    column = Y[:, None]
    with pytest.warns(DataConversionWarning):
        assert_array_equal(label_agreement(X, column, random_state=0), label_agreement(X, Y, random_state=0))
    with pytest.warns(DataConversionWarning):
        found = canary_scores(RandomSubset(5), X, column, X[0] + 9, 0, n_fits=2)
    assert_allclose(found, canary_scores(RandomSubset(5), X, Y, X[0] + 9, 0, n_fits=2))
    with pytest.warns(DataConversionWarning):
        membership_inference(RandomSubset(5), X, column, n_fits=6)


def test_a_sparse_matrix_of_labels_is_refused():
    for take in (KMeansCondenser(2).fit, trimmed_weights):
        with pytest.raises(TypeError, match=r"y is a sparse matrix; pass y.toarray\(\)"):
            take(X, csr_array(np.c_[Y, 1 - Y]))


def test_frames_of_sparse_columns():
    dense = pd.DataFrame(np.where(X > 0, X, 0))
    zeros, gaps = dense.astype(pd.SparseDtype(float, 0.0)), dense.astype(pd.SparseDtype(float, np.nan))
    assert len(KMedoids(n_per_class=2).fit(zeros, Y).indices_) == 4
    for condenser, frame in ((KMedoids(2), gaps), (KMeansCondenser(2), zeros), (KMeansCondenser(2), gaps)):
        with pytest.raises(TypeError, match=r"Use '.sparse.to_dense\(\)' to convert it"):
            condenser.fit(frame, Y)
    for helper in (trimmed_weights, lambda frame: MMD()(frame, frame)):
        with pytest.raises(
            TypeError, match=r"X has sparse columns that are filled with nan, not 0. Use '.sparse.to_den"
        ):
            helper(gaps)


class Odd(Frame):
    """A frame that cannot be converted."""

    def to_pandas(self):
        raise NotImplementedError("Int128")


def test_a_frame_that_cannot_be_converted():
    with pytest.raises(TypeError, match=r"X is a .* Odd that cannot be made one of pandas \(Int128\); cast or drop"):
        KMeansCondenser(2).fit(Odd(MIXED), Y)


@pytest.mark.parametrize("constant", [7, 0.5, "a", None, np.nan, True])
def test_a_frame_of_constants_gives_a_set_of_them(constant):
    frame = pd.DataFrame({"x": [constant] * N, "y": [constant] * N})
    for condenser in (
        RandomSubset(2),
        KMeansCondenser(2),
        KMedoids(2),
        TabularCondenser(2, teacher=LogisticRegression()),
    ):
        X_syn, _ = clone(condenser).set_params(random_state=0).fit(frame, Y)
        pd.testing.assert_frame_equal(X_syn.reset_index(drop=True), frame[:4])


def test_a_canary_of_a_frame_stays_far_from_others():
    frame = pd.DataFrame({"a": np.arange(N), "b": np.arange(N) / 7})
    inside, outside = canary_scores(RandomSubset(N // 2), frame, Y, frame[-1:] * 10, Y[-1], n_fits=2)
    assert outside.max() < -0.1, "it is not where the last row is, which the set holds"
    assert inside.max() > outside.max()


def test_streams_of_polars_come_back_in_dtypes_that_hold_all_chunks():
    polars = pytest.importorskip("polars")
    pytest.importorskip("pyarrow")
    whole = polars.DataFrame(
        {"a": X[:, 0], "kids": np.arange(len(X))}, schema={"a": polars.Float32, "kids": polars.Int8}
    )
    halves = whole.with_columns(polars.col("kids") + 0.5)
    labels = polars.Series("t", Y, dtype=polars.Int16)
    condenser = Condenser(RandomFeatureMMD(bandwidth=1.0, n_features=20), solver=Descent(n_steps=2), n_per_class=2)
    condenser.set_params(encoder=None, random_state=0)
    X_syn, y_syn = condenser.partial_fit(whole, labels).partial_fit(whole, labels)
    assert X_syn.schema == whole.schema and y_syn.dtype == polars.Int16 and y_syn.to_list() == [0, 0, 1, 1]
    X_syn, y_syn = condenser.partial_fit(halves, labels)
    assert X_syn.schema == halves.schema and isinstance(y_syn, polars.Series) and y_syn.name == "t"
