"""Frames and series of pandas come back the same from a file."""

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skdc import CondensedSet, KMeansCondenser, KMedoids

from ..condensers.test_columns import FRAMES, Y
from .same import assert_same_frame, assert_same_series, kept

DAYS = pd.Series(pd.to_datetime(["2020-01-31 00:00", None, "2021-03-28 01:30"]))
INTERVALS = pd.cut([1.0, 5.0, 9.0], [0, 3, 6, 10])
COLUMNS = {
    **{name: pd.Series([0, 1, 100], dtype=name) for name in ("int8", "uint8", "int64", "float16", "float32", "Int8")},
    "uint64": pd.Series([0, 1, 2**64 - 1], dtype="uint64"),
    "float64": pd.Series([np.nan, -0.0, np.inf]),
    "bool": pd.Series([True, False, True]),
    **{name: pd.Series([0, None, 1], dtype=name) for name in ("Int64", "UInt16", "Float32", "Float64", "boolean")},
    "large Int64": pd.Series([2**63 - 1, None, -(2**63)], dtype="Int64"),
    "NaN beside NA": pd.Series(pd.arrays.FloatingArray(np.array([np.nan, 0, 1]), np.array([False, True, False]))),
    "string of python": pd.Series(["a", None, "ä\ud800"], dtype=pd.StringDtype("python")),
    "categories": pd.Series(pd.Categorical(["b", None, "a"], categories=["z", "b", "a"])),
    "categories of objects": pd.Series(
        pd.Categorical(["b", None, "a"], categories=pd.Index(["b", "a"], dtype=object, name="of"))
    ),
    "ordered": pd.Series(pd.Categorical([3, 1, 1], categories=[3, 2, 1], ordered=True)),
    "intervals": pd.Series(INTERVALS),
    "open": pd.Series(pd.arrays.IntervalArray.from_tuples([(0, 1), (2, 5), (2, 3)], closed="neither")),
    "categories of dates": pd.Series(pd.Categorical(DAYS)),
    "dates": DAYS,
    "seconds": DAYS.astype("datetime64[s]"),
    "zone": DAYS.dt.tz_localize("Europe/Oslo"),
    "utc": DAYS.astype("datetime64[ms]").dt.tz_localize("UTC"),
    "offset": DAYS.dt.tz_localize(dt.timezone(dt.timedelta(hours=2))),
    "durations": DAYS - DAYS[0],
    "periods": DAYS.dt.to_period("M"),
    "business days": pd.Series(pd.period_range("2020-01-01", periods=3, freq="W-THU")),
    "sparse": pd.Series(pd.arrays.SparseArray([0, 3, 0], fill_value=0)),
    "sparse of NaN": pd.Series(pd.arrays.SparseArray([np.nan, 3.5, np.nan])),
    "sparse of bool": pd.Series(pd.arrays.SparseArray([True, False, True], fill_value=False)),
}
OBJECTS = {
    "words and gaps": ["a", None, np.nan, pd.NA, pd.NaT, float("inf")],
    "numbers": [True, 1, 2**70, -0.5, np.float32(0.1), np.int8(3)],
    "of numpy": [np.str_("a"), np.bool_(True), np.datetime64("2020-01-01T00", "h"), np.timedelta64("NaT"), b"\0a", 1],
    "Decimal": [Decimal("1.50"), Decimal("NaN"), Decimal("-Infinity"), Decimal("1E+3"), None, 1],
    "dates": [
        dt.date(1, 1, 1),
        dt.datetime(2020, 10, 25, 2, 30, 0, 7, ZoneInfo("Europe/Oslo"), fold=1),
        dt.datetime(2020, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=-3), "here")),
        dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
        dt.time(1, 2),
        dt.timedelta(-1, 5, 7),
    ],
    "of pandas": [
        pd.Timestamp("2020-01-01", tz="Europe/Oslo"),
        pd.Timestamp("1500-01-01").as_unit("s"),
        pd.Timedelta(5, "ms"),
        pd.Period("2020Q1"),
        pd.Interval(0, 1.5, closed="left"),
        ("a", (1, None)),
    ],
}


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_come_back(name, tmp_path):
    column = COLUMNS[name].set_axis(pd.Index([7, 7, 3], name="id"))
    again = kept(tmp_path, column.to_frame("a"), column.rename(3.5))
    assert_same_frame(again.X, column.to_frame("a"))
    assert_same_series(again.y, column.rename(3.5))
    none = kept(tmp_path, column.iloc[:0].to_frame("a"), column.iloc[:0])
    assert_same_frame(none.X, column.iloc[:0].to_frame("a"))


def arrow_columns():
    """Return columns that are of arrow, or of a pandas that came later than those which do without it."""
    pa = pytest.importorskip("pyarrow")
    gaps = {
        pa.int16(): [1, 2],
        pa.bool_(): [True, False],
        pa.string(): ["a", "ä"],
        pa.decimal128(7, 2): [Decimal("1.50"), Decimal("-2.25")],
        pa.date32(): [dt.date(2020, 1, 1), dt.date(1950, 1, 1)],
        pa.timestamp("ms", "Europe/Oslo"): [pd.Timestamp("2020-01-01", tz="Europe/Oslo")] * 2,
        pa.duration("s"): [dt.timedelta(1), dt.timedelta(2)],
        pa.time64("us"): [dt.time(1, 2, 3), dt.time(4)],
        pa.list_(pa.int8()): [[1], [2, 3]],
        pa.dictionary(pa.int8(), pa.string()): ["a", "b"],
    }
    words = [
        pd.StringDtype("pyarrow"),
        *(pd.StringDtype(storage, na_value=np.nan) for storage in ("python", "pyarrow")),
    ]
    dtypes = [
        *((pd.ArrowDtype(kind), values) for kind, values in gaps.items()),
        *((dtype, ["ä", ""]) for dtype in words),
    ]
    columns = [pd.Series([None, *values], dtype=dtype) for dtype, values in dtypes]
    return [*columns, pd.Series(pd.Categorical(columns[2]))]


def test_columns_of_arrow_come_back(tmp_path):
    columns = arrow_columns()
    for column in columns:
        assert_same_series(kept(tmp_path, np.zeros((3, 1)), column).y, column)
    frame = pd.DataFrame(dict(enumerate([*columns, *columns])))
    assert_same_frame(kept(tmp_path, frame).X, frame)


def nested_arrays(pa):
    """Return arrays of Arrow of which no other test has the type, or the values."""
    nan, large, day = float("nan"), 2**53 + 1, dt.date(1950, 1, 1)
    words = pa.array(["a", None, "unused"], pa.large_string())
    return [
        *(
            pa.array([nan, None, -0.0, 0.5], kind, from_pandas=False)
            for kind in (pa.float16(), pa.float32(), pa.float64())
        ),
        *(pa.array([large, None, -large, 0], kind) for kind in (pa.int64(), pa.duration("ns"))),
        *(pa.array([large, None, -1, -(2**63)], pa.timestamp("ns", zone)) for zone in (None, "Asia/Tokyo", "+02:00")),
        pa.array([2**64 - 1, None, 2**63, 0], pa.uint64()),
        *(pa.array([day, None, day, None], kind) for kind in (pa.date32(), pa.date64())),
        *(pa.array([5, None, 0, 7], kind) for kind in (pa.time32("s"), pa.time32("ms"), pa.time64("ns"))),
        *(pa.array(["ä\0", None, "", "a"], kind) for kind in (pa.large_string(), pa.string_view())),
        pa.DictionaryArray.from_arrays(pa.array([1, None, 0, 0], pa.uint8()), words, ordered=True),
        pa.array([large, None, 0, 0]).dictionary_encode(),
        pa.DictionaryArray.from_arrays(pa.array([1, None, 0, 0], pa.int8()), pa.array([[1], [2, None]])),
        pa.array([b"a", None, b"", b"\xff"], pa.binary()),
        pa.array([{"a": 1, "b": "x"}, None, {"a": None}, {}], pa.struct([("a", pa.int8()), ("b", pa.string())])),
        pa.array([["x"], None, [], [None]], pa.list_(pa.dictionary(pa.int8(), pa.string()))),
        pa.nulls(4),
    ]


def same_in_arrow(pa, found, expected):
    """Tell whether two columns have one type, and the same values, NaN beside missing ones too."""
    parts = (column.array.__arrow_array__() for column in (found, expected))
    one, other = (pa.concat_arrays(part.chunks or [pa.nulls(0, part.type)]) for part in parts)
    if expected.dtype != found.dtype or one.type != other.type:
        return False
    if hasattr(other, "dictionary") and not one.dictionary.equals(other.dictionary):
        return False
    return one.is_null().equals(other.is_null()) and repr(one.to_pylist()) == repr(other.to_pylist())


def test_columns_of_arrow_come_back_with_all_of_their_type(tmp_path):
    pa = pytest.importorskip("pyarrow")
    arrays = nested_arrays(pa)
    parts = [array.slice(1) for array in arrays]
    chunked = [pa.chunked_array([array, array.slice(1, 0), array.slice(2, 1)]) for array in arrays]
    chunked[-1] = pa.chunked_array([pa.array(list(words)).dictionary_encode() for words in ("ab", "cab")])
    for some in (
        arrays,
        parts,
        chunked,
        [array[:0] for array in arrays],
        [pa.chunked_array([], a.type) for a in arrays],
    ):
        frame = pd.DataFrame(dict(enumerate(map(pd.arrays.ArrowExtensionArray, some))))
        twice = pd.concat([frame, frame.iloc[:, ::-1]], axis=1)
        found = kept(tmp_path, twice).X
        for place in range(twice.shape[1]):
            assert same_in_arrow(pa, found.iloc[:, place], twice.iloc[:, place]), twice.dtypes.iloc[place]


@pytest.mark.slow
def test_wide_frames_of_arrow_have_few_tensors(tmp_path):
    pa = pytest.importorskip("pyarrow")
    wide = pd.DataFrame(np.eye(3, 2000)).astype(pd.ArrowDtype(pa.float64()))
    assert_same_frame(kept(tmp_path, wide).X, wide)
    assert (tmp_path / "set.skdc").stat().st_size < 3 * 2000 * 8 + 2000 * 10


@pytest.mark.parametrize("name", OBJECTS)
def test_objects_come_back(name, tmp_path):
    column = pd.Series(OBJECTS[name], dtype=object)
    assert_same_series(kept(tmp_path, np.zeros((6, 1)), column).y, column)


def test_a_frame_of_all_columns_comes_back(tmp_path):
    frame = pd.DataFrame(COLUMNS)
    assert_same_frame(kept(tmp_path, frame).X, frame)
    # Columns of one dtype lie together, in whatever order they stand.
    twice = pd.concat([frame, frame[::-1].set_axis(frame.index)], axis=1)
    assert_same_frame(kept(tmp_path, twice).X, twice)


def test_categories_in_another_order_are_others(tmp_path):
    frame = pd.DataFrame({name: pd.Categorical(["a", "b"], categories=list(name)) for name in ("ab", "ba")})
    assert frame["ab"].dtype == frame["ba"].dtype
    assert_same_frame(kept(tmp_path, frame).X, frame)


@pytest.mark.parametrize(
    "index",
    [
        pd.RangeIndex(5, -1, -2, name="down"),
        pd.Index(["a", "a", "b"], name=("p", 1)),
        pd.Index([0.5, np.nan, 1]),
        pd.Index([("a", 1), ("b", 2), None], dtype=object, tupleize_cols=False),
        pd.date_range("2020-01-01", periods=3, freq="MS", tz="Europe/Oslo", name="at"),
        pd.timedelta_range("1D", periods=3, freq="h"),
        pd.period_range("2020", periods=3, freq="Y"),
        pd.CategoricalIndex(["b", "a", "b"], categories=["b", "a"], ordered=True),
        pd.IntervalIndex.from_breaks([0, 1, 2, 3], closed="both"),
        pd.Index([1, 2, None], dtype="Int64"),
        pd.MultiIndex.from_tuples([("a", 1), ("b", pd.NaT), ("a", 1)], names=["p", None]),
        pd.MultiIndex.from_product([["x", "unused"], pd.date_range("2020", periods=3)])[:3],
    ],
    ids=lambda index: type(index).__name__,
)
def test_any_index_names_rows_and_columns(index, tmp_path):
    rows = pd.DataFrame(np.arange(6.0).reshape(3, 2), index=index)
    assert_same_frame(kept(tmp_path, rows).X, rows)
    assert_same_series(kept(tmp_path, rows, rows[0]).y, rows[0])
    columns = pd.DataFrame([[1, "a", True]], columns=index)
    assert_same_frame(kept(tmp_path, columns).X, columns)


@pytest.mark.parametrize("frame", FRAMES)
def test_sets_of_frames_come_back(frame, tmp_path):
    for condenser in (KMedoids(3), KMeansCondenser(3)):
        condensed = condenser.set_params(random_state=0).fit(FRAMES[frame], pd.Series(Y, name="t")).condensed_
        condensed.save(tmp_path / "set.skdc")
        again = kept(tmp_path, *condensed)
        assert_same_frame(again.X, condensed.X)
        assert_same_series(again.y, condensed.y)


def test_frames_without_rows_or_columns(tmp_path):
    for frame in (pd.DataFrame(index=[3, 4]), pd.DataFrame(columns=["a", "b"]), pd.DataFrame()):
        assert_same_frame(kept(tmp_path, frame).X, frame)


@pytest.mark.slow
def test_wide_frames_have_few_tensors(tmp_path):
    wide = pd.DataFrame(np.eye(3, 2000), columns=[f"pixel{j}" for j in range(2000)])
    sparse = wide.astype(pd.SparseDtype("float64", 0.0))
    for frame, most in ((wide, 8 * 6000), (sparse, 3 * 16 + 2000 * 8)):
        assert_same_frame(kept(tmp_path, frame).X, frame)
        names = 2000 * 30  # and places
        assert (tmp_path / "set.skdc").stat().st_size < most + names


class Other(pd.DataFrame):
    pass


@pytest.mark.parametrize(
    "frame, message",
    [
        (
            pd.DataFrame({"fine": [1], "c": [1j]}),
            "column 'c' of X has dtype complex128, which cannot be kept in a file",
        ),
        (pd.DataFrame({"o": [object()]}), "column 'o' of X has dtype object.*it holds <object object.*builtins.object"),
        (pd.DataFrame({"l": [[1, 2]]}), r"column 'l' of X has dtype object.*it holds \[1, 2\], of type builtins.list"),
        (pd.DataFrame({"a": [1]}, index=[object()]), "the index of X has dtype object, which cannot be kept"),
        (pd.DataFrame([[1]], columns=[frozenset("a")]), "the names of the columns of X has dtype object"),
        (pd.DataFrame({"a": [1]}, index=pd.Index([1], name=frozenset("a"))), "the name of the index of X cannot be"),
        (
            pd.DataFrame({"a": pd.Categorical([1j])}),
            "column 'a' of X has dtype category, which cannot be kept in a file: only booleans",
        ),
        (Other({"a": [1]}), "X is a tests Other, which cannot be kept"),
    ],
    ids=lambda part: None,
)
def test_what_cannot_be_kept_is_refused_before_anything_is_written(frame, message, tmp_path):
    with pytest.raises(TypeError, match=message):
        CondensedSet(frame, None).save(tmp_path / "set.skdc")
    assert not list(tmp_path.iterdir())


def test_time_zones_that_have_no_name_are_refused(tmp_path):
    class Here(dt.tzinfo):
        def utcoffset(self, moment):
            return dt.timedelta(hours=1)

        dst = tzname = utcoffset

    for frame in (
        pd.DataFrame({"at": pd.Series([dt.datetime(2020, 1, 1, tzinfo=Here())], dtype=object)}),
        pd.DataFrame({"at": DAYS.dt.tz_localize(Here())}),
    ):
        with pytest.raises(TypeError, match=r"column 'at' of X has dtype .*: it holds the time zone"):
            CondensedSet(frame, None).save(tmp_path / "set.skdc")


TEXT = st.text(max_size=5)
MOMENT = st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1))
GAPS = st.sampled_from([None, np.nan, pd.NA, pd.NaT])
VALUES = st.one_of(
    *(
        TEXT,
        GAPS,
        st.booleans(),
        st.integers(),
        st.floats(),
        st.decimals(allow_nan=False),
        st.dates(),
        st.binary(max_size=3),
    ),
    *(MOMENT, MOMENT.map(pd.Timestamp), st.timedeltas(), st.tuples(TEXT, st.integers())),
)
LABELS = st.one_of(TEXT, st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.tuples(TEXT, st.integers()))


@st.composite
def columns(draw, n):
    """Return a column of any dtype."""
    some = {
        "object": VALUES,
        "Int64": st.none() | st.integers(-(2**63), 2**63 - 1),
        **dict.fromkeys(("float64", "Float64"), st.floats()),
        "float16": st.floats(width=16),
        "bool": st.booleans(),
        "boolean": st.none() | st.booleans(),
        **dict.fromkeys(("string", "str", "string[python]"), st.none() | TEXT),
        "category": st.none() | TEXT,
        **dict.fromkeys(("datetime64[us]", "datetime64[us, Europe/Oslo]", "period[D]"), st.none() | MOMENT),
        "timedelta64[us]": st.timedeltas(dt.timedelta(-(10**4)), dt.timedelta(10**4)),
        "Sparse[int64]": st.sampled_from([0, 0, 5]),
    }
    dtype = draw(st.sampled_from(sorted(some)))
    values = draw(st.lists(some[dtype], min_size=n, max_size=n))
    if dtype == "period[D]":
        return pd.Series(values, dtype="datetime64[us]").dt.to_period("D")
    if dtype.endswith("Oslo]"):
        return pd.Series(values, dtype="datetime64[us]").dt.tz_localize("UTC").dt.tz_convert("Europe/Oslo")
    return pd.Series(values, dtype=dtype)


@st.composite
def frames(draw):
    n = draw(st.integers(0, 4))
    found = draw(st.lists(columns(n), max_size=5))
    names = draw(st.lists(LABELS, min_size=len(found), max_size=len(found)))
    frame = pd.DataFrame(dict(enumerate(found)), index=pd.RangeIndex(n))
    frame.columns = pd.Index(names, dtype=object, name=draw(LABELS | st.none()), tupleize_cols=False)
    rows = draw(st.lists(LABELS, min_size=n, max_size=n))
    return frame.set_axis(pd.Index(rows, dtype=draw(st.sampled_from([object, None])), tupleize_cols=False), axis=0)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frames())
def test_random_frames_come_back(tmp_path, frame):
    assert_same_frame(kept(tmp_path, frame).X, frame)
