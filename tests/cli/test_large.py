"""Files with more rows than are to be in memory: a sample that is said, or chunks."""

from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest

from skdc.cli import tables
from skdc.cli.tables import ArrowFile, CsvFile

NEEDS_ARROW = pytest.mark.skipif(find_spec("pyarrow") is None, reason="Parquet takes pyarrow, an optional package")
STREAM = "--method condenser --set 'discrepancy=RandomFeatureMMD(bandwidth=1.0)' --set solver=Descent(n_steps=20)"


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(tables, "_CHUNK", 70)


@pytest.fixture
def numbers(folder):
    X = np.random.default_rng(0).normal(size=(400, 3))
    found = pd.DataFrame(X, columns=[*"abc"]).assign(y=np.where(np.arange(400) < 350, "early", "late"))
    found.to_csv("numbers.csv", index=False)
    if find_spec("pyarrow"):
        found.to_parquet("numbers.parquet")
    return found


@pytest.mark.parametrize("kind", [CsvFile, pytest.param(ArrowFile, marks=NEEDS_ARROW)])
def test_a_sample_is_uniform_in_order_and_numbered(numbers, kind):
    table = kind("numbers.csv" if kind is CsvFile else "numbers.parquet", quiet=True)
    assert table.whole(399) is None and len(table.whole(400)) == 400
    counts = np.zeros(400)
    for seed in range(200):
        frame, total = table.sample(40, np.random.default_rng(seed))
        assert total == 400 and len(frame) == 40 and frame.index.is_monotonic_increasing and frame.index.is_unique
        counts[frame.index] += 1
    pd.testing.assert_frame_equal(frame, numbers.loc[frame.index], check_exact=False)
    # Each row is drawn 20 times on average, with a deviation of 4.2: of 400 rows none is six of these away.
    assert np.abs(counts - 20).max() < 26 and abs(counts[:70].mean() - 20) < 2 and abs(counts[350:].mean() - 20) < 2.5


def test_types_of_a_sample_are_those_of_its_rows(folder):
    # In chunks of 70, the first would be whole numbers, without zeros before them, and the last words.
    pd.DataFrame({"a": [*(f"{i:03}" for i in range(300)), *"xyz" * 20], "b": range(360)}).to_csv(
        "mixed.csv", index=False
    )
    frame, _ = CsvFile("mixed.csv", quiet=True).sample(300, np.random.default_rng(0))
    assert frame["a"].map(type).eq(str).all() and "007" in set(frame["a"]) and frame["b"].dtype == np.int64


def test_a_sample_is_said(skdc, numbers):
    code, out, error = skdc(
        "condense numbers.csv --target y --method kmedoids --per-class 2 --max-rows 50 --out out.csv --quiet"
    )
    assert code == 0 and "rows in   400, of which 50 were taken" in out
    assert error == "skdc: note: 'numbers.csv' has 400 rows, of which 50 were drawn at random (--max-rows)\n"


@pytest.mark.parametrize("kind", ["csv", pytest.param("parquet", marks=NEEDS_ARROW)])
def test_chunks_give_the_set_of_all_rows_at_once(skdc, numbers, kind):
    command = f"condense numbers.{kind} --target y --per-class 2 {STREAM} --quiet"
    code, out, error = skdc(f"{command} --max-rows 50 --out chunks.csv")
    assert (code, error) == (0, "") and "rows in   400\n" in out and "2 of each of 2 classes" in out
    assert skdc(f"{command} --max-rows 400 --out whole.csv")[0] == 0
    chunks, whole = pd.read_csv("chunks.csv"), pd.read_csv("whole.csv")
    pd.testing.assert_frame_equal(chunks, whole, rtol=1e-6)


def test_chunks_with_gaps_are_refused_with_a_way_out(skdc, numbers):
    numbers.assign(b=numbers["b"].where(numbers.index != 300)).to_csv("gaps.csv", index=False)
    code, _, error = skdc(f"condense gaps.csv --target y --per-class 2 {STREAM} --max-rows 50 --out out.csv --quiet")
    assert code == 2 and error.count("\n") == 1
    assert (
        "X contains NaN in 1 of " in error and "in column 'b'; fill them in, or leave the rows out (in chunks" in error
    )
    assert "a larger --max-rows reads all rows at once)" in error


def test_chunks_without_targets(done, numbers):
    out = done(f"condense numbers.csv --drop y --rows 5 {STREAM} --max-rows 50 --out out.csv --quiet")
    assert "rows out  5\n" in out and pd.read_csv("out.csv").columns.tolist() == ["a", "b", "c", "sample_weight"]
