"""Frames of mixed columns go in as they are, and rows of the same kind come out."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from pandas.testing import assert_frame_equal
from sklearn.base import clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from torch import nn

from skdc import (
    CondensedEstimator,
    Condenser,
    KernelInducingPoints,
    KMeansCondenser,
    KMedoids,
    RandomSubset,
    SoftLabelRandom,
    TabularCondenser,
    make_condensing_pipeline,
)
from skdc.discrepancies import MMD, RandomFeatureMMD, TeacherLoss
from skdc.preprocessing import TabularEncoder

from .quick import every_condenser

RNG = np.random.default_rng(0)
MIXED = pd.DataFrame(
    {
        "age": RNG.normal(40, 9, size=40).round(1),
        "count": RNG.integers(0, 9, size=40),
        "income": np.where(RNG.random(40) < 0.2, np.nan, RNG.lognormal(size=40)),
        "city": pd.Categorical(RNG.choice(["Bonn", "Oslo"], size=40), categories=["Rome", "Oslo", "Bonn"]),
        "word": RNG.choice(["u", "v", "w"], size=40),
        "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(RNG.integers(0, 300, 40), unit="D"),
    },
    index=pd.Index([f"row{i}" for i in range(40)], name="id"),
)
Y = pd.Series(np.where(np.arange(40) % 2, "yes", "no"), index=MIXED.index, name="bought")


@every_condenser
def test_mixed_frames_just_work(condenser):
    before = MIXED.copy(deep=True)
    condenser = clone(condenser).set_params(n_per_class=3).fit(MIXED, Y)
    X_syn, y_syn = condenser
    assert_array_equal(X_syn.dtypes, MIXED.dtypes)
    assert list(X_syn.columns) == list(MIXED.columns) and len(X_syn) == 6
    assert y_syn.name == "bought" and y_syn.index.equals(X_syn.index) and set(y_syn) <= {"yes", "no"}
    assert condenser.y_soft_ is not None or y_syn.tolist() == ["no"] * 3 + ["yes"] * 3
    assert set(X_syn["word"]) <= {"u", "v", "w"} and set(X_syn["city"]) <= {"Oslo", "Bonn"}
    assert X_syn["count"].between(0, 8).all() and X_syn["age"].between(MIXED["age"].min(), MIXED["age"].max()).all()
    assert (X_syn["since"] == X_syn["since"].dt.normalize()).all()
    assert not X_syn.drop(columns="income").isna().any(axis=None)
    if hasattr(condenser, "indices_"):
        assert_frame_equal(X_syn, MIXED.iloc[condenser.indices_])
    assert condenser.encoder == "auto" and isinstance(condenser.encoder_, TabularEncoder)
    assert condenser.transform(MIXED) is MIXED
    assert_frame_equal(MIXED, before)


def test_frames_of_numbers_are_encoded():
    numbers = MIXED[["age", "count"]]
    condenser = RandomSubset(random_state=0).fit(numbers, Y)
    assert isinstance(condenser.encoder_, TabularEncoder)
    assert condenser.transform(numbers) is numbers
    assert not hasattr(condenser.fit(numbers.to_numpy(), Y), "encoder_"), "what the last fit found is forgotten"
    assert not hasattr(RandomSubset(encoder=None, random_state=0).fit(numbers, Y), "encoder_")


@pytest.mark.parametrize("unit", [1e6, 1e-150, 1e138, 1e150])
def test_units_of_columns_of_numbers_do_not_count(unit):
    numbers = MIXED[["age", "count"]].assign(age=RNG.normal(size=len(MIXED)))
    in_grams = numbers.assign(age=unit * numbers["age"], count=1e-3 * numbers["count"])
    condenser = KMedoids(n_per_class=3)
    assert_array_equal(clone(condenser).fit(numbers, Y).indices_, clone(condenser).fit(in_grams, Y).indices_)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_wide_frames_of_one_type_keep_one_scale(dtype):
    pixels = (RNG.random((40, 120)) * np.linspace(10, 200, 120)).astype(dtype)
    pixels[:, 3] = 7 * (pixels[:, 3] > 5)  # a column whose values are far apart
    frame = pd.DataFrame(pixels).add_prefix("p")
    for condenser in (KMedoids(n_per_class=3), KMeansCondenser(n_per_class=3, voting="centroid", random_state=0)):
        of_frame, of_array = (clone(condenser).fit(X, Y).X_syn_ for X in (frame, pixels.astype(float)))
        assert_array_equal(of_frame.dtypes, frame.dtypes)
        assert of_frame["p3"].isin([0, 7]).all(), "no step lies between"
        others = np.arange(120) != 3
        assert_allclose(of_frame.loc[:, others], of_array[:, others], atol=0.501 if dtype == np.uint8 else 1e-3)
    mixed_types = frame.astype({"p0": np.float64})
    codes = KMedoids(n_per_class=3).fit(mixed_types, Y).encoder_.transform(mixed_types)
    assert_allclose(codes[:, 1].std(), codes[:, 100].std(), rtol=0.3)


def test_one_pass_over_numbers_sees_them_as_chunks_do():
    numbers = MIXED[["age", "count"]]
    condenser = Condenser(RandomFeatureMMD(bandwidth=5.0, n_features=50), n_per_class=2, random_state=0)
    at_once = clone(condenser).fit(numbers, Y)
    in_chunks = clone(condenser).partial_fit(numbers[:30], Y[:30]).partial_fit(numbers[30:], Y[30:])
    assert_allclose(at_once.X_syn_, in_chunks.X_syn_, rtol=1e-6)


@pytest.mark.parametrize("frame", [MIXED[["age", "count"]], MIXED], ids=["numbers", "mixed"])
def test_frozen_teachers_see_rows_as_they_are(frame):
    label = np.where(frame["age"] + frame["count"] > 44, "old", "young")
    trained = make_pipeline(make_column_transformer((StandardScaler(), ["age", "count"])), GaussianNB()).fit(
        frame, label
    )
    condenser = SoftLabelRandom(teacher=FrozenEstimator(trained), n_samples=8, random_state=0).fit(frame, label)
    assert_allclose(condenser.y_soft_, trained.predict_proba(frame.iloc[condenser.indices_]), atol=1e-3)


def test_trained_modules_do_not_see_frames():
    numbers = MIXED[["age", "count"]]
    condenser = Condenser(MMD() + TeacherLoss(teacher=nn.Linear(2, 2)), n_per_class=2)
    with pytest.raises(ValueError, match="use encoder=None, or pass an array"):
        condenser.fit(numbers, Y)


def test_same_set_as_by_hand():
    centroids = KMeansCondenser(voting="centroid", n_per_class=3, random_state=0)
    for condenser in (KMedoids(n_per_class=3, random_state=0), centroids):
        automatic = clone(condenser).fit(MIXED, Y).X_syn_
        encoder = TabularEncoder().fit(MIXED)
        codes = clone(condenser).fit(encoder.transform(MIXED), Y)
        if hasattr(codes, "indices_"):
            assert_frame_equal(automatic, MIXED.iloc[codes.indices_])
        else:
            assert_frame_equal(automatic, encoder.inverse_transform(codes.X_syn_), atol=1e-4)


def test_weights_reach_the_encoder():
    weight = RNG.integers(1, 4, 40)
    condenser = KMedoids(n_per_class=3, random_state=0)
    weighted = clone(condenser).fit(MIXED, Y, sample_weight=weight)
    rows = np.repeat(np.arange(40), weight)
    repeated = clone(condenser).fit(MIXED.iloc[rows], Y.iloc[rows])
    assert_allclose(weighted.encoder_.transform(MIXED), repeated.encoder_.transform(MIXED), atol=1e-9)


def test_estimators_take_the_frames():
    model = make_pipeline(
        make_column_transformer(
            (StandardScaler(), make_column_selector(dtype_include="number")),
            (OneHotEncoder(handle_unknown="ignore"), ["city", "word"]),
        ),
        SVC(),
    )
    frame, label = MIXED.drop(columns="income"), np.where(MIXED["word"] == "u", "u", "other")
    condenser = KMedoids(n_samples=20, random_state=0)
    assert CondensedEstimator(condenser, model).fit(frame, label).score(frame, label) > 0.8
    assert make_condensing_pipeline(condenser, model).fit(frame, label).score(frame, label) > 0.8
    learner = KernelInducingPoints(n_steps=20, n_per_class=3, random_state=0).fit(frame, label).learner_
    assert learner.score(frame, label) > 0.8


def test_regression_without_targets_and_a_continuous_one():
    X_syn, y_syn = KMedoids(n_samples=5, random_state=0).fit(MIXED)
    assert y_syn is None and len(X_syn) == 5
    price = pd.Series(1000 + 50 * MIXED["count"].to_numpy(), index=MIXED.index, name="price", dtype=float)
    X_syn, y_syn = Condenser(n_samples=5, task="regression", random_state=0).fit(MIXED, price)
    assert y_syn.name == "price" and y_syn.between(900, 1500).all() and (X_syn.dtypes == MIXED.dtypes).all()


def test_default_of_frames_with_continuous_targets():
    frame = pd.concat([MIXED.assign(age=MIXED["age"] + shift) for shift in range(5)], ignore_index=True)
    price = pd.DataFrame({"low": frame["count"] * 10.0, "high": frame["count"] * 20.0 + frame["age"]})
    for target in (price["high"], price):
        condenser = Condenser(n_samples=8, random_state=0).fit(frame, target)
        X_syn, y_syn = condenser
        assert_frame_equal(X_syn, frame.iloc[condenser.indices_])
        assert y_syn.shape == (8, *target.shape[1:])
        assert np.all(y_syn >= target.min(axis=0)) and np.all(y_syn <= target.max(axis=0))
        assert not np.allclose(y_syn, target.iloc[condenser.indices_]), "targets are those that a teacher predicts"


def test_any_choice_of_rows_is_labelled():
    frame = pd.concat([MIXED.assign(age=MIXED["age"] + shift) for shift in range(5)], ignore_index=True)
    label = np.where(frame["age"] + 3 * RNG.normal(size=200) > 42, "old", "young")
    for rows in (KMedoids(), RandomSubset()):
        teacher = make_pipeline(FunctionTransformer(lambda rows: rows[["age"]]), LogisticRegression()).fit(frame, label)
        told, given = teacher.predict_proba(frame), {"n_samples": 8, "random_state": 0}
        fitted = TabularCondenser(rows=rows, teacher=FrozenEstimator(teacher), **given).fit(frame, label)
        assert_allclose(fitted.y_soft_, told[fitted.indices_], atol=1e-6)
        assert_array_equal(fitted.y_syn_, label[fitted.indices_])
        assert_array_equal(fitted.y_syn_, teacher.classes_[told[fitted.indices_].argmax(1)])
        wrong = teacher.classes_[told.argmax(1)] != label
        assert wrong.sum() >= 15, "rows that the teacher does not agree with are there"
    with pytest.raises(ValueError, match=r"rows=KMeansCondenser\(\) must be a condenser that chooses rows"):
        TabularCondenser(rows=KMeansCondenser()).fit(frame, label)


def test_what_the_encoder_refuses_is_refused_by_fit():
    condenser = RandomSubset(n_per_class=2)
    for frame, words in [
        (MIXED.assign(age=[[1]] * 40), ["'age'", "[1]"]),
        (MIXED.set_axis(["a", "a", *MIXED.columns[2:]], axis=1), ["'a'"]),
        (MIXED.assign(age=np.inf), ["'age'", "infinity"]),
    ]:
        with pytest.raises(ValueError) as caught:
            condenser.fit(frame, Y)
        assert all(word in str(caught.value) for word in words)
        assert not hasattr(condenser, "X_syn_")


def test_class_with_one_row():
    label = Y.copy()
    label.iloc[0] = "rare"
    X_syn, y_syn = KMedoids(random_state=0).fit(MIXED, label)
    assert y_syn.value_counts().to_dict() == {"no": 10, "yes": 10, "rare": 1}
    assert X_syn.loc[y_syn == "rare"].index.tolist() == ["row0"]
    with pytest.raises(ValueError, match=r"3 rows of class 'rare' out of 1"):
        KMedoids(n_per_class=3).fit(MIXED, label)


def test_streams_take_numbers_only():
    condenser = Condenser(RandomFeatureMMD(bandwidth=1.0), n_per_class=2)
    with pytest.raises(ValueError, match=r"'word'|'city'"):
        condenser.partial_fit(MIXED, Y)


def test_nullable_targets():
    numbers = MIXED[["age", "count"]]
    for dtype in ("Int64", "boolean", "string"):
        target = pd.Series(np.arange(40) % 2, index=MIXED.index, name="t").astype("Int64").astype(dtype)
        _, y_syn = RandomSubset(n_per_class=2, random_state=0).fit(numbers, target)
        assert y_syn.dtype == target.dtype and len(y_syn) == 4
    several = pd.DataFrame({"p": numbers["count"], "q": numbers["count"] + 1}).astype("Int64")
    _, y_syn = RandomSubset(n_samples=4, task="regression", random_state=0).fit(numbers, several)
    assert y_syn.shape == (4, 2)
    with pytest.raises(ValueError, match=r"missing|NaN|NA"):
        RandomSubset().fit(numbers, several["p"].mask(several["p"] == 3))


def test_durations_are_no_numbers():
    frame = MIXED[["age"]].assign(waited=MIXED["since"] - MIXED["since"].min())
    X_syn, _ = KMeansCondenser(n_per_class=2, random_state=0).fit(frame, Y)
    assert (X_syn.dtypes == frame.dtypes).all()


def test_rows_to_predict_for_may_lack_values():
    numbers = MIXED[["age", "count"]]
    condenser = RandomSubset(random_state=0).fit(numbers, Y)
    gaps = numbers.assign(age=np.nan)
    assert condenser.transform(gaps) is gaps


def test_a_rare_class_in_a_large_table():
    frame = pd.DataFrame({"a": RNG.normal(size=10_500), "b": RNG.normal(size=10_500)})
    label = np.where(frame["a"] > 0, 1, 0)
    label[3] = 2
    condenser = TabularCondenser(rows=RandomSubset(), n_samples=9, random_state=0).fit(frame, label)
    assert condenser.y_soft_.shape == (9, 3)


def test_teachers_are_seeded_all_through():
    teacher = make_pipeline(StandardScaler(), RandomForestClassifier(5))
    condenser = TabularCondenser(rows=RandomSubset(), teacher=teacher, n_samples=9, random_state=0)
    label = np.where(MIXED["age"] + 9 * RNG.normal(size=40) > 40, "old", "young")
    assert_array_equal(clone(condenser).fit(MIXED, label).y_soft_, clone(condenser).fit(MIXED, label).y_soft_)
