"""Frames and series of polars come back the same from a file, and need no pandas for it."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pytest

from skdc import CondensedSet, KMeansCondenser, KMedoids

from .same import kept

pl = pytest.importorskip("polars")
GAP = None
FRAME = pl.DataFrame(
    {
        **{
            f"{kind}": pl.Series([0, 1, GAP], dtype=kind)
            for kind in (pl.Int8, pl.UInt8, pl.Int64, pl.UInt64, pl.Int128)
        },
        "f32": pl.Series([0.5, float("nan"), GAP], dtype=pl.Float32),
        "f64": [-0.0, float("inf"), GAP],
        "bool": [True, GAP, False],
        "words": ["ä", "", GAP],
        "enum": pl.Series(["b", GAP, "a"], dtype=pl.Enum(["z", "b", "a"])),
        "categories": pl.Series(["b", GAP, "a"], dtype=pl.Categorical),
        "decimal": pl.Series([Decimal("1.50"), GAP, Decimal("-2.25")], dtype=pl.Decimal(10, 2)),
        "date": [dt.date(2020, 1, 1), GAP, dt.date(1950, 1, 1)],
        "zone": pl.Series(
            [dt.datetime(2020, 1, 1), GAP, dt.datetime(1950, 1, 1)], dtype=pl.Datetime("ms", "Europe/Oslo")
        ),
        "plain": pl.Series([dt.datetime(2020, 1, 1), GAP, dt.datetime(1950, 1, 1)], dtype=pl.Datetime("ns")),
        "duration": pl.Series([1, GAP, -2], dtype=pl.Duration("us")),
        "time": [dt.time(1, 2, 3, 4), GAP, dt.time(5)],
        "bytes": [b"a", GAP, b"\0"],
        "list": [[1], [], GAP],
        "nothing": pl.Series([GAP] * 3, dtype=pl.Null),
        "beyond floats": [2**53 + 1, GAP, -(2**53) - 1],
        "NaN beside gaps": [float("nan"), GAP, -0.0],
        "nanoseconds": pl.Series([2**53 + 1, GAP, -1]).cast(pl.Datetime("ns", "Asia/Tokyo")),
        "other enum": pl.Series(["b", GAP, "a"], dtype=pl.Enum(["a", "b", "z"])),
        "no categories": pl.Series([GAP, GAP, GAP], dtype=pl.Enum([])),
        "more categories": pl.Series(["a", GAP, "c"], dtype=pl.Categorical),
        "structs": [{"a": 1, "b": "x"}, GAP, {"a": GAP, "b": GAP}],
        "categories in lists": pl.Series([["u"], GAP, []], dtype=pl.List(pl.Categorical)),
    }
)


def assert_same(found, expected):
    assert type(found) is type(expected)
    dtypes = [
        frame.schema if isinstance(frame, pl.DataFrame) else (frame.name, frame.dtype) for frame in (found, expected)
    ]
    assert dtypes[0] == dtypes[1]
    assert found.equals(expected, null_equal=True)
    if isinstance(expected, pl.DataFrame):
        assert found.shape == expected.shape and repr(found.rows()) == repr(expected.rows())  # the sign of zero too
    if isinstance(found.dtype if isinstance(found, pl.Series) else None, pl.Enum):
        assert found.dtype.categories.to_list() == expected.dtype.categories.to_list()


@pytest.mark.parametrize("name", FRAME.columns)
def test_columns_come_back(name, tmp_path):
    again = kept(tmp_path, FRAME.select(name), FRAME[name])
    assert_same(again.X, FRAME.select(name))
    assert_same(again.y, FRAME[name])
    assert_same(kept(tmp_path, FRAME[:0], FRAME[name][:0]).X, FRAME[:0])


def test_a_frame_comes_back(tmp_path):
    again = kept(tmp_path, FRAME, pl.Series("", [1, 2, 3]))
    assert_same(again.X, FRAME)
    assert_same(again.y, pl.Series("", [1, 2, 3]))


def test_parts_of_frames_are_all_that_is_kept(tmp_path):
    long = pl.DataFrame({"a": np.arange(100_000), "word": ["word"] * 100_000})
    assert_same(kept(tmp_path, long[5:8]).X, long[5:8])
    assert (tmp_path / "set.skdc").stat().st_size < 3000


def test_frames_in_pieces_come_back(tmp_path):
    pieces = pl.concat([FRAME, FRAME[1:], FRAME[:0], FRAME[2:]], rechunk=False)
    assert pieces.n_chunks() > 1
    assert_same(kept(tmp_path, pieces).X, pieces)


@pytest.mark.parametrize("dtype", [pl.Datetime("us", "UTC"), pl.Duration("ns")])
def test_the_first_and_last_moments_come_back(dtype, tmp_path):
    ticks = pl.Series([2**63 - 1, GAP, -(2**63)])
    assert kept(tmp_path, ticks.cast(dtype).to_frame("a")).X["a"].to_physical().to_list() == ticks.to_list()


def test_frames_without_rows_or_columns(tmp_path):
    for frame in (pl.DataFrame(), pl.DataFrame(height=3), pl.DataFrame({"": []}), pl.DataFrame({"a": [], "b": []})):
        assert_same(kept(tmp_path, frame).X, frame)


def test_categories_of_a_name_come_back(tmp_path):
    letters, others = pl.Categories("letters", "ours", pl.UInt8), pl.Categories("others")
    frame = pl.DataFrame(
        {name: pl.Series(["b", GAP, "a"], dtype=pl.Categorical(of)) for name, of in (("a", letters), ("b", others))}
    )
    assert_same(kept(tmp_path, frame).X, frame)


def test_no_words_of_other_frames_are_kept(tmp_path):
    others = pl.Series(["secret", "b"], dtype=pl.Categorical)
    kept(tmp_path, pl.DataFrame({"a": pl.Series(["b", "a"], dtype=pl.Categorical)}))
    held = (tmp_path / "set.skdc").read_bytes()
    assert others.len() == 2 and b"secret" not in held and b'["b","a"]' in held


def test_wide_frames_have_few_tensors(tmp_path):
    wide = pl.DataFrame(np.eye(3, 2000))
    assert_same(kept(tmp_path, wide).X, wide)
    assert (tmp_path / "set.skdc").stat().st_size < 3 * 2000 * 8 + 2000 * 24  # names and places


def test_sets_of_frames_come_back(tmp_path):
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {"a": rng.normal(size=40), "n": rng.integers(0, 9, 40), "word": rng.choice(["u", "v"], 40)},
        schema_overrides={"n": pl.Int16, "word": pl.Enum(["v", "u", "w"])},
    )
    y = pl.Series("t", np.arange(40) % 2, dtype=pl.Int8)
    for condenser in (KMedoids(3, random_state=0), KMeansCondenser(3, random_state=0)):
        condensed = condenser.fit(frame, y).condensed_
        again = kept(tmp_path, *condensed)
        assert_same(again.X, condensed.X)
        assert_same(again.y, condensed.y)


def test_what_cannot_be_kept_is_refused(tmp_path):
    frame = pl.DataFrame({"a": [1], "o": pl.Series([object()], dtype=pl.Object)})
    with pytest.raises(TypeError, match="column 'o' of X has dtype Object, which cannot be kept in a file: it holds"):
        CondensedSet(frame, None).save(tmp_path / "set.skdc")
    with pytest.raises(TypeError, match="X is a polars LazyFrame, which cannot be kept in a file; collect it first"):
        CondensedSet(frame.lazy(), None).save(tmp_path / "set.skdc")
    assert not list(tmp_path.iterdir())
