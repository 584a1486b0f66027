"""Nothing but releases and what is declared shows in a private set."""

import re
from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from joblib import Memory
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler

from skdc import AutoCondenser, CondensedEstimator, Condenser, RandomSubset, make_condensing_pipeline
from skdc.discrepancies import RandomFeatureMMD, SquaredL2
from skdc.learners import Experts
from skdc.parameterizations import Points
from skdc.privacy import ClassGaussians, GaussianMechanism, feature_range_template
from skdc.privacy.declared import declared_column
from skdc.privacy.sketch import PrivateSketch
from skdc.solvers import Descent
from skdc.spaces import TrainingTrajectories

pytest.importorskip("dp_accounting")

N = 60
TABLE = {
    "age": (np.arange(N) % 50 + 20).astype(np.int8),
    "wage": np.arange(N) / 10,
    "job": [*"abc"] * 20,
    "rank": pd.Categorical(["low", "high"] * 30, categories=["low", "high"], ordered=True),
    "smoker": [False, True, True] * 20,
    "seen": pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(N), "D"),
    "kids": np.arange(N) % 3,
}
KNOWN = {
    "age": (0, 120),
    "wage": (0.0, 10.0),
    "job": ["a", "b", "c"],
    "rank": ["low", "high"],
    "smoker": [False, True],
    "seen": (pd.Timestamp("2020-01-01"), pd.Timestamp("2021-01-01")),
    "kids": (0, 9, None),
}
TARGET = pd.Series(np.tile(["no", "yes"], 30), name="good")


def with_row(**values):
    """Return the table and its targets with one row more."""
    row = {name: column[0] for name, column in TABLE.items()} | values
    frame = pd.DataFrame(TABLE)
    more = {}
    for name in frame:
        column, dtype = frame[name], None if name in values else frame[name].dtype
        if name == "rank":  # categories stay categories, with one level more
            dtype = pd.CategoricalDtype(list(dict.fromkeys([*column.cat.categories, row[name]])), ordered=True)
        more[name] = pd.Series([*column.astype(object), row[name]], dtype=dtype)
    return pd.DataFrame(more), pd.concat([TARGET, TARGET[:1]], ignore_index=True)


def sums(**others):
    privacy = GaussianMechanism(epsilon=1.0, random_state=0, **({"feature_range": KNOWN} | others))
    parts = RandomFeatureMMD(bandwidth=0.5, n_features=20), Points(start="noise"), Descent(n_steps=2)
    return Condenser(*parts, privacy, n_per_class=3, random_state=0)


def draws(**others):
    privacy = ClassGaussians(n_rows=100, random_state=0, **({"feature_range": KNOWN} | others))
    parts = RandomFeatureMMD(n_features=20), Points(), Descent(n_steps=2)
    return Condenser(*parts, privacy, n_per_class=3, random_state=0)


def schema(values):
    """Return all that a container shows besides numbers."""
    if isinstance(values, pd.Series):
        return values.dtype, values.name, values.index.name
    levels = {name: list(dtype.categories) for name, dtype in values.dtypes.items() if hasattr(dtype, "categories")}
    return (
        values.dtypes.to_dict(),
        levels,
        values.index.name,
        values.columns.name,
        values.isna().any().drop("kids").any(),
    )


NEIGHBORS = {
    "a level": {"job": "HIV"},
    "a longer word": {"job": "a" * 50},
    "a number among words": {"job": 5},
    "an ordered level": {"rank": "highest"},
    "a missing number": {"age": None},
    "a missing word": {"job": None},
    "a missing date": {"seen": pd.NaT},
    "a missing boolean": {"smoker": None},
    "a missing value that is declared": {"kids": None},
    "a larger integer": {"age": 2**40},
    "an integer beyond integers": {"kids": 2**80},
    "infinity": {"wage": np.inf},
    "a fraction": {"age": 30.5},
    "a word among numbers": {"age": "thirty"},
    "a far date": {"seen": pd.Timestamp("1800-05-05 12:34:56.789")},
}


@pytest.mark.filterwarnings("ignore:.*rows lie outside of feature_range:UserWarning")
@pytest.mark.parametrize("values", NEIGHBORS.values(), ids=NEIGHBORS)
@pytest.mark.parametrize("make", [sums, draws])
def test_one_row_more_does_not_change_what_a_set_may_hold(make, values):
    one, other = make().fit(pd.DataFrame(TABLE), TARGET), make().fit(*with_row(**values))
    assert [schema(part) for part in one] == [schema(part) for part in other]
    assert one.privacy_["public"] == other.privacy_["public"]
    if make is draws:
        assert [schema(part) for part in one.drawn_] == [schema(part) for part in other.drawn_]
        X = other.drawn_[0]
        assert set(X["job"]) <= {"a", "b", "c"} and set(X["kids"].dropna()) <= set(range(10))
        assert X["seen"].dt.normalize().equals(X["seen"]), "dates come back by the day"


def test_sets_are_of_the_declared_dtypes():
    X_syn, y_syn = draws().fit(pd.DataFrame(TABLE), TARGET)
    assert [dtype.kind for dtype in X_syn.dtypes] == ["i", "f", "O", "O", "b", "M", "f"]
    assert X_syn["age"].dtype == np.int64 and list(X_syn["rank"].cat.categories) == ["low", "high"]
    assert X_syn["rank"].cat.ordered and y_syn.name == "good"


def test_dates_come_back_by_the_day_or_the_second():
    day, later = pd.Timestamp("2020-01-01"), pd.Timestamp("2020-01-01 01:00:00")
    for known, step in (((day, pd.Timestamp("2021-01-01")), "D"), ((day, later), "s")):
        frame = pd.DataFrame({"seen": day + pd.to_timedelta(np.arange(N), step)})
        drawn = draws(epsilon=1e4, feature_range={"seen": known}).fit(frame, TARGET).drawn_[0]["seen"]
        assert drawn.dt.floor(step).equals(drawn) and drawn.nunique() > 10


def test_an_index_and_its_name_stay_behind():
    frame = pd.DataFrame(TABLE, index=pd.Index(range(100, 100 + N), name="patient"))
    for fitted in (sums().fit(frame, TARGET.to_numpy()), draws().fit(frame, TARGET.set_axis(frame.index))):
        assert all(part.index.name is None and part.index[0] == 0 for part in fitted if hasattr(part, "index"))


def test_what_is_declared_is_listed():
    public = "\n".join(sums().fit(pd.DataFrame(TABLE), TARGET).privacy_["public"])
    for words in (
        "the labels ['no', 'yes'], which y showed",
        "column 'age': whole numbers from 0 to 120 as int64, none of them missing",
        "column 'wage': numbers from 0.0 to 10.0 as float64, none of them missing",
        "column 'job': the levels ['a', 'b', 'c']",
        "column 'kids': whole numbers from 0 to 9 as float64, some of them missing",
        "column 'seen': times from 2020-01-01 00:00:00 to 2021-01-01",
        "the names and the order of their columns",
    ):
        assert words in public, words


def test_rows_outside_are_counted_once():
    frame = pd.DataFrame(TABLE)
    frame.loc[[1, 2], "job"] = ["HIV", "x"]
    frame.loc[2, "wage"] = 1e6
    with pytest.warns(UserWarning, match="2 of 60 rows lie outside of feature_range") as caught:
        sums().fit(frame, TARGET)
    assert len(caught) == 1


# Labels


@pytest.mark.parametrize("kind", ["array", "series", "categories"])
@pytest.mark.parametrize("make", [sums, draws])
def test_labels_are_those_declared(make, kind):
    frame, y = with_row(age=30)
    y = y.where(np.arange(N + 1) < N, "HIV")
    y = {"array": y.to_numpy(), "series": y, "categories": y.astype("category")}[kind]
    with pytest.warns(UserWarning, match="1 of 61 rows have labels that are not among the classes"):
        fitted = make(classes=["no", "yes", "maybe"]).fit(frame, y)
    alone = make(classes=["no", "yes", "maybe"]).fit(frame[:N], y[:N])
    assert fitted.classes_.tolist() == ["maybe", "no", "yes"] and fitted.X_syn_.equals(alone.X_syn_)
    assert sorted(set(tuple(fitted)[1])) == ["maybe", "no", "yes"]
    if kind == "categories":
        assert list(tuple(fitted)[1].cat.categories) == ["maybe", "no", "yes"]
    assert "the labels ['maybe', 'no', 'yes'], as declared" in fitted.privacy_["public"]


def test_streams_have_the_declared_labels():
    rows, y = np.random.default_rng(0).uniform(size=(40, 3)), np.arange(40) % 2
    streamed = sums(feature_range=(0.0, 1.0), classes=[0, 1])
    with pytest.warns(UserWarning, match="1 of 10 rows have labels"):
        streamed.partial_fit(rows[:10], np.where(np.arange(10) == 3, 7, y[:10]))
    streamed.partial_fit(rows[10:], y[10:])
    kept = np.arange(40) != 3
    whole = sums(feature_range=(0.0, 1.0)).fit(rows[kept], y[kept])
    np.testing.assert_array_equal(streamed.X_syn_, whole.X_syn_)
    assert streamed.classes_.tolist() == [0, 1]


# Numbers


def test_squares_of_small_floats_do_not_overflow():
    rows = np.full((30, 4), 300.0)
    kept = [
        PrivateSketch(GaussianMechanism(feature_range=(0, 600), random_state=0, epsilon=1e3), 1, 4) for _ in range(2)
    ]
    for sketch, dtype in zip(kept, (np.float16, np.float64), strict=True):
        sketch.update(rows.astype(dtype), np.ones((30, 1)), np.ones(30), np.zeros(30, np.int64), [])
    np.testing.assert_array_equal(kept[0]._sums._sums, kept[1]._sums._sums)
    y = np.arange(30) % 2
    one, other = (sums(feature_range=(0, 600)).fit(rows.astype(d), y) for d in (np.float16, np.float64))
    np.testing.assert_allclose(one.X_syn_.astype(float), other.X_syn_, rtol=1e-3)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.float16, np.float32])
@pytest.mark.parametrize("make", [sums, draws])
def test_ranges_may_be_wider_than_the_integers_of_a_column(make, dtype):
    rows = np.random.default_rng(0).integers(0, 100, (40, 3)).astype(dtype)
    y = np.arange(40) % 2
    assert np.isfinite(make(feature_range=(-1000, 50_000)).fit(rows, y).X_syn_).all()
    frame = pd.DataFrame(rows, columns=[*"abc"])
    known = dict.fromkeys("abc", (0, 100_000_000_000))
    X_syn, _ = make(feature_range=known).fit(frame, y)
    assert np.isfinite(X_syn.to_numpy()).all() and set(X_syn.dtypes) == {np.dtype(np.int64)}
    if np.dtype(dtype).kind == "f":
        with pytest.raises(ValueError, match=f"beyond {np.dtype(dtype)}"):
            make(feature_range=(-1e60, 1e60)).fit(rows, y)


@pytest.mark.parametrize(
    "known",
    [(-1e200, 1e200), (0, 1e-200), (0, 10**400), ([0, 0, 0], [1, 1e200, 1]), {"a": (0.0, 1e200)}, {"a": (0, 2**70)}],
)
@pytest.mark.parametrize("make", [sums, draws])
def test_absurd_ranges_are_refused(make, known):
    rows = np.zeros((20, 3))
    X = pd.DataFrame(rows[:, :1], columns=["a"]) if isinstance(known, dict) else rows
    with pytest.raises(ValueError, match="feature_range"):
        make(feature_range=known).fit(X, np.arange(20) % 2)


# The template


def test_the_template_is_filled_in_by_what_is_public():
    dtypes = {"a": np.int8, "b": "int64", "c": float, "d": "datetime64[ns]", "e": bool, "f": object, "g": ["x", "y"]}
    dtypes["h"] = pd.CategoricalDtype(["f", "m"])
    text = feature_range_template(dtypes)
    found = dict[str, object]()
    exec(text, found)
    assert found["feature_range"] == {
        "a": (-128, 127),
        "b": (None, None),
        "c": (None, None),
        "d": (None, None),
        "e": [False, True],
        "f": [None],
        "g": ["x", "y"],
        "h": ["f", "m"],
    }
    assert text.count("\n") == 9 and "are all public?" in text.splitlines()[8]
    with pytest.raises(ValueError, match=re.escape("feature_range['b']=(None, None)")):
        sums(feature_range=found["feature_range"]).fit(pd.DataFrame({name: [1, 2] for name in dtypes}), [0, 1])


def test_the_template_sees_no_rows():
    with pytest.raises(TypeError, match=r"pass frame\.dtypes"):
        feature_range_template(pd.DataFrame(TABLE))
    assert "HIV" not in feature_range_template(pd.DataFrame({"a": ["HIV"]}).dtypes)


# Cells that hold anything


DATES = pd.Timestamp("2020-01-01"), pd.Timestamp("2021-01-01")
DECLARED = {
    "whole": ((0, 9, None), 3),
    "number": ((0.0, 9.0), 3.5),
    "date": (DATES, pd.Timestamp("2020-02-01")),
    "word": (DATES, "2020-02-01"),
    "zone": (tuple(day.tz_localize("UTC") for day in DATES), pd.Timestamp("2020-02-01", tz="UTC")),
    "time": ((pd.Timedelta(0), pd.Timedelta(days=9)), pd.Timedelta(days=1)),
    "level": (["a", "b"], "b"),
    "maybe": ([1, 2, None], 2),
}
ODD = [[1], {"a": 1}, ([1],), np.array([1, 2]), np.array(5), pd.Series([1, 2]), slice(1), int, object(), b"x", "x", ""]
ODD += ["01/02/2020", "2020-13-45", *(day.tz_localize("Asia/Tokyo") for day in DATES), *DATES, datetime(9999, 1, 1)]
ODD += [
    date(2020, 5, 1),
    pd.Timedelta(1),
    True,
    None,
    pd.NA,
    pd.NaT,
    1j,
    Decimal("sNaN"),
    10**30,
    10**400,
    float("inf"),
]


@pytest.mark.parametrize("name", DECLARED)
def test_a_cell_of_anything_changes_no_other(name):
    known, good = DECLARED[name]
    column = declared_column(name, known)
    alone = column.read(pd.Series([good], dtype=object))[0].iloc[0]
    assert alone == pd.Timestamp(good) if name == "word" else alone == good
    for odd in ODD:
        cells = np.empty(3, dtype=object)
        for place, value in enumerate([odd, good, good]):
            cells[place] = value
        for order in ([0, 1, 2], [1, 0, 2]):
            read, outside = column.read(pd.Series(cells[order], dtype=object))
            kept = np.array(order) != 0
            assert list(read[kept]) == [alone] * 2 and not outside[kept].any(), odd
            assert list(column.read(pd.Series([cells[0]], dtype=object))[1]) == list(outside[~kept]), odd


def test_a_fit_takes_cells_of_anything():
    frame = pd.DataFrame({"level": ["a", "b"] * 30, "number": np.linspace(0, 9, 60)}).astype(object)
    known = {"level": ["a", "b"], "number": (0.0, 9.0)}
    for row, odd in enumerate([[1], {"a"}, np.array([1, 2])]):
        frame.iat[row, 0] = frame.iat[row, 1] = odd
    with pytest.warns(UserWarning, match="3 of 60 rows lie outside"):
        X_syn, _ = draws(feature_range=known).fit(frame, np.arange(60) % 2)
    assert set(X_syn["level"]) <= {"a", "b"}


# Caches


@pytest.mark.parametrize(
    "steps",
    [
        lambda: (StandardScaler(), sums(feature_range=(0, 1))),
        lambda: (StandardScaler(), RandomSubset(), sums(feature_range=(0, 1))),
        lambda: (StandardScaler(), CondensedEstimator(draws(feature_range=(0, 1)), GaussianNB())),
        lambda: (StandardScaler(), AutoCondenser(candidates=[RandomSubset(), draws(feature_range=(0, 1))])),
    ],
)
def test_a_pipeline_with_a_memory_takes_no_private_condenser(steps, tmp_path):
    rows, y = np.random.default_rng(0).uniform(size=(40, 3)), np.arange(40) % 2
    for memory in (str(tmp_path), Memory(str(tmp_path), verbose=0)):
        with pytest.raises(ValueError, match="private rows"):
            make_condensing_pipeline(*steps(), memory=memory).fit(rows, y)
    assert not list(tmp_path.rglob("*.pkl"))


def test_experts_of_private_fits_are_not_kept(tmp_path):
    rows, y = np.random.default_rng(0).uniform(size=(40, 3)), np.arange(40) % 2
    space = TrainingTrajectories(Experts(n_experts=1, memory=str(tmp_path)))
    condenser = draws(feature_range=(0, 1)).set_params(discrepancy=SquaredL2(space=space, by=None))
    with pytest.raises(ValueError, match="files that others may read"):
        condenser.fit(rows, y)
    assert not list(tmp_path.rglob("*.pkl"))
