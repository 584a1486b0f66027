"""A set as a frame, and in the files of frames."""

import builtins
import os
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from pandas.testing import assert_frame_equal

from skdc import CondensedSet

from .test_saving import SMALL

ROWS = pd.DataFrame({"size": [1, 2, 3], "kind": pd.Categorical(list("xyx"))}, index=pd.Index([7, 7, 3], name="id"))
WEIGHT = np.array([0.5, 1, 1.5])


def test_arrays_have_numbered_columns():
    frame = SMALL.to_frame()
    assert list(frame) == ["x0", "x1", "target", "sample_weight", "P(a)", "P(b)"]
    np.testing.assert_array_equal(frame[["x0", "x1"]], SMALL.X)
    assert frame["target"].tolist() == ["a", "a", "b"]
    np.testing.assert_array_equal(frame["sample_weight"], SMALL.sample_weight)
    np.testing.assert_array_equal(frame[["P(a)", "P(b)"]], SMALL.y_soft)
    assert list(CondensedSet(SMALL.X, None).to_frame()) == ["x0", "x1"]


def test_images_are_flat_and_keep_their_dtype():
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 2, 2)
    frame = CondensedSet(images, np.array([0, 1])).to_frame()
    assert list(frame) == [f"x{j}" for j in range(12)] + ["target"]
    np.testing.assert_array_equal(frame.iloc[:, :-1], images.reshape(2, -1))
    assert frame["x0"].dtype == np.uint8 and frame["target"].dtype == np.int64


def test_frames_keep_columns_dtypes_and_index():
    y = pd.Series([1, 0, 1], dtype="Int8", name="ill")  # with another index
    frame = CondensedSet(ROWS, y, WEIGHT).to_frame()
    assert list(frame) == ["size", "kind", "ill", "sample_weight"]
    assert_frame_equal(frame[["size", "kind"]], ROWS)
    assert frame["ill"].dtype == "Int8" and frame["ill"].tolist() == [1, 0, 1]
    frame["size"] = 0
    assert ROWS["size"].tolist() == [1, 2, 3], "it is a copy"


def test_several_targets_have_several_columns():
    pair = pd.DataFrame({"price": [1.0, 2, 3], "cost": [3.0, 2, 1]})
    assert list(CondensedSet(ROWS, pair).to_frame()) == ["size", "kind", "price", "cost"]
    assert list(CondensedSet(ROWS, pair).to_frame("t")) == ["size", "kind", "t0", "t1"]
    frame = CondensedSet(ROWS, pair.to_numpy()).to_frame()
    assert list(frame) == ["size", "kind", "target0", "target1"] and frame["target1"].tolist() == [3, 2, 1]


def test_names_of_several_levels_and_of_other_types():
    levels = ROWS.set_axis(pd.MultiIndex.from_tuples([("a", "x"), ("b", "y")], names=["p", "q"]), axis=1)
    frame = CondensedSet(levels, np.array([0, 1, 0])).to_frame()
    assert list(frame) == [("a", "x"), ("b", "y"), ("target", "")] and frame.columns.names == ["p", "q"]
    frame = CondensedSet(ROWS.set_axis([1, 2], axis=1), pd.Series([0, 1, 0], name=3)).to_frame()
    assert list(frame) == [1, 2, 3]


@pytest.mark.parametrize("make", [sp.csr_array, sp.csr_matrix])
def test_sparse_rows_stay_sparse(make):
    frame = CondensedSet(make(np.eye(3)), np.array([0, 1, 2])).to_frame()
    assert list(frame) == ["x0", "x1", "x2", "target"] and isinstance(frame["x1"].dtype, pd.SparseDtype)
    np.testing.assert_array_equal(frame.iloc[:, :3].to_numpy(), np.eye(3))


def test_frames_of_polars_stay_of_polars(tmp_path):
    pl = pytest.importorskip("polars")
    rows = pl.DataFrame({"size": [1, 2, 3], "kind": pl.Series(list("xyx"), dtype=pl.Enum(["y", "x"]))})
    for y in (
        pl.Series("", list("aab"), dtype=pl.Enum(["b", "a"])),
        np.array(list("aab")),
        np.array(list("aab"), dtype=object),
        pd.Series(pd.Categorical(list("aab"))),
    ):
        frame = replace(SMALL, X=rows, y=y).to_frame()
        assert frame.columns == ["size", "kind", "target", "sample_weight", "P(a)", "P(b)"]
        assert frame.select("size", "kind").equals(rows) and frame["target"].to_list() == ["a", "a", "b"]
        assert frame["target"].dtype == (y.dtype if isinstance(y, pl.Series) else pl.String)
        np.testing.assert_array_equal(frame["P(b)"], SMALL.y_soft[:, 1])
    pair = CondensedSet(rows, pl.DataFrame({"a": [1, 2, 3], "b": [4, 5, 6]})).to_frame()
    assert pair.columns == ["size", "kind", "a", "b"]
    weighted = CondensedSet(rows, None, WEIGHT)
    weighted.to_parquet(tmp_path / "set.parquet")
    assert pl.read_parquet(tmp_path / "set.parquet").equals(weighted.to_frame())
    CondensedSet(pl.DataFrame({"a": ["ä", None]}), np.array([1, 2])).to_csv(tmp_path / "set.csv")
    assert (tmp_path / "set.csv").read_bytes() == "a,target\nä,1\n,2\n".encode()


def test_names_that_collide_are_refused():
    with pytest.raises(
        ValueError, match="two columns would be named 'size'; give the targets another name, such as targ"
    ):
        CondensedSet(ROWS, pd.Series([0, 1, 0], name="size")).to_frame()
    frame = CondensedSet(ROWS, pd.Series([0, 1, 0], name="size")).to_frame(target="label")
    assert list(frame) == ["size", "kind", "label"]
    with pytest.raises(ValueError, match=r"named 'sample_weight'; .*rename the column of X: dataclasses.replace"):
        CondensedSet(ROWS.rename(columns={"kind": "sample_weight"}), None, WEIGHT).to_frame()
    with pytest.raises(ValueError, match=r"named 'P\(a\)'"):
        SMALL.to_frame("P(a)")
    with pytest.raises(ValueError, match="two columns would be named 'x1'"):
        SMALL.to_frame("x1")
    with pytest.raises(ValueError, match="target='t' names no targets: the set has none"):
        CondensedSet(ROWS, None).to_frame("t")


def without(monkeypatch, package):
    found = builtins.__import__

    def hidden(name, *others):
        if name.partition(".")[0] == package:
            raise ImportError(f"No module named {name!r}")
        return found(name, *others)

    monkeypatch.setattr(builtins, "__import__", hidden)


def test_what_is_not_installed_is_named(monkeypatch, tmp_path):
    with monkeypatch.context() as patch:
        without(patch, "pandas")
        with pytest.raises(ImportError, match=r"a set is shown as a frame by pandas: pip install 'skdc\[tables\]'"):
            SMALL.to_frame()
    without(monkeypatch, "pyarrow")
    with pytest.raises(
        ImportError, match="Parquet is written by pyarrow: pip install pyarrow; save and to_csv do without"
    ):
        SMALL.to_parquet(tmp_path / "set.parquet")
    assert not list(tmp_path.iterdir())
    SMALL.to_csv(tmp_path / "set.csv")


def test_parquet_holds_the_frame(tmp_path):
    pytest.importorskip("pyarrow")
    y = pd.Series([1, 0, 1], dtype="Int8", name="ill")
    condensed = CondensedSet(ROWS, y, WEIGHT)
    condensed.to_parquet(tmp_path / "set.parquet")
    assert_frame_equal(pd.read_parquet(tmp_path / "set.parquet"), condensed.to_frame())
    CondensedSet(ROWS.set_axis([1, 2], axis=1), y).to_parquet(tmp_path / "set.parquet", target="t")
    assert list(pd.read_parquet(tmp_path / "set.parquet")) == ["1", "2", "t"]
    CondensedSet(sp.csr_array(np.eye(3)), y).to_parquet(tmp_path / "set.parquet")
    np.testing.assert_array_equal(pd.read_parquet(tmp_path / "set.parquet").iloc[:, :3], np.eye(3))
    assert os.listdir(tmp_path) == ["set.parquet"]


def test_what_parquet_cannot_hold_leaves_the_old_file(tmp_path):
    pytest.importorskip("pyarrow")
    (tmp_path / "set.parquet").write_bytes(b"old")
    for column in ([1, "a"], [{1}, Decimal(1)], [1j, 2j]):
        odd = pd.DataFrame({"a": pd.Series(column, dtype=object)})
        with pytest.raises(TypeError, match=r"columns that Parquet cannot hold .*; save\(path\) keeps them"):
            CondensedSet(odd, None).to_parquet(tmp_path / "set.parquet")
    assert (tmp_path / "set.parquet").read_bytes() == b"old"


def test_csv_holds_the_values(tmp_path):
    SMALL.to_csv(tmp_path / "set.csv", target="t")
    assert (tmp_path / "set.csv").read_bytes().splitlines()[:2] == [
        b"x0,x1,t,sample_weight,P(a),P(b)",
        b"0.0,1.0,a,0.5,0.75,0.25",
    ]
    CondensedSet(ROWS, None).to_csv(tmp_path / "set.csv")
    assert (tmp_path / "set.csv").read_text() == "size,kind\n1,x\n2,y\n3,x\n"
