"""Rows in pieces: what they hold, how they are read, and in which order results are merged."""

import pickle

import cloudpickle
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from skdc import Partitions
from skdc.partitions import PieceError, RawRows
from skdc.partitions.running import by_joblib, merged_in_turn


def rows_of(partitions):
    """Return all rows, targets and weights, put together."""
    read = list(partitions)
    return [None if parts[0] is None else np.concatenate(parts) for parts in list(zip(*read, strict=True))[:3]]


X, y, weight = np.arange(50.0).reshape(25, 2), np.arange(25) % 3, np.linspace(1, 2, 25)


@pytest.mark.parametrize("chunk, n_pieces", [(1, 25), (4, 7), (25, 1), (100, 1)])
def test_arrays_are_cut_into_pieces_that_hold_all_of_them(chunk, n_pieces):
    partitions = Partitions.from_arrays(X, y, weight, chunk=chunk)
    assert len(partitions) == n_pieces
    for held, whole in zip(rows_of(partitions), (X, y, weight), strict=True):
        assert_array_equal(held, whole)


def test_pieces_of_arrays_hold_64_mebibytes_by_default():
    lengths = [len(rows.X) for rows in Partitions.from_arrays(np.zeros((20_000, 1000)))]
    assert lengths == [8388, 8388, 3224]  # 2**26 / 8000


def test_a_memory_map_is_read_where_its_piece_is(tmp_path):
    on_disk = np.memmap(tmp_path / "rows", np.float32, "w+", offset=16, shape=(25, 2))
    on_disk[:] = X
    on_disk.flush()
    partitions = Partitions.from_arrays(on_disk, y, chunk=10)
    sent = [cloudpickle.dumps(piece) for piece in partitions.pieces]
    assert max(map(len, sent)) < 2000, "the rows are not sent"
    assert_array_equal(np.concatenate([pickle.loads(piece).read().X for piece in sent]), X)
    # A part of a memory map is not where the whole begins.
    part = Partitions.from_arrays(on_disk[5:], chunk=10)
    held = [pickle.loads(cloudpickle.dumps(piece)).read().X for piece in part.pieces]
    assert_array_equal(np.concatenate(held), X[5:])


def test_of_arrays_only_the_rows_of_a_piece_are_sent():
    large = np.zeros((100_000, 10))
    assert len(cloudpickle.dumps(Partitions.from_arrays(large, chunk=10).pieces[3])) < 3000


@pytest.mark.parametrize("rows", [X, (X,), (X, None), lambda: X, lambda: (X, None, None)])
def test_a_piece_may_be_rows_alone_or_what_returns_them(rows):
    (read,) = Partitions([rows])
    assert_array_equal(read.X, X)
    assert read.y is None and read.sample_weight is None and read.name == "piece 0"


def test_an_iterator_is_made_anew_for_each_pass():
    made = []

    def factory():
        made.append(1)
        return ((X[i : i + 10], y[i : i + 10]) for i in range(0, 25, 10))

    partitions = Partitions.from_iterable(factory)
    for _ in range(2):
        assert_array_equal(rows_of(partitions)[0], X)
    assert len(made) == 2
    assert partitions.map_reduce(lambda i, rows: [(i, len(rows.X))], list.__add__) == [(0, 10), (1, 10), (2, 5)]


def test_columns_of_parquet_are_read_and_no_others(tmp_path):
    frame = pd.DataFrame({"a": X[:, 0], "b": list("xyzzy" * 5), "left out": 0, "w": weight, "t": y})
    for i in (0, 1):
        frame[i * 12 : i * 12 + 12 + i].to_parquet(tmp_path / f"{i}.parquet", row_group_size=5)
    partitions = Partitions.from_parquet(tmp_path, "t", columns=["b", "a"], sample_weight="w")
    assert len(partitions) == sum(pq.ParquetFile(tmp_path / f"{i}.parquet").num_row_groups for i in (0, 1)) == 6
    read = list(partitions)
    held = pd.concat([rows.X for rows in read], ignore_index=True)
    pd.testing.assert_frame_equal(held, frame[["b", "a"]], check_dtype=False)
    assert_array_equal(np.concatenate([rows.y for rows in read]), y)
    assert_array_equal(np.concatenate([rows.sample_weight for rows in read]), weight)
    assert list(Partitions.from_parquet(str(tmp_path / "0.parquet")).pieces[0].read().X.columns) == list(frame.columns)


@given(st.integers(1, 40))
def test_what_is_merged_in_turn_is_merged_as_a_tree(n):
    """Neighbours are merged level by level, whatever comes first, so that Dask and threads round alike."""
    level = [(i,) for i in range(n)]
    while len(level) > 1:
        pairs = [(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = pairs + level[2 * len(pairs) :]
    leaves = ((i,) for i in range(n))
    assert merged_in_turn(leaves, lambda one, other: (one, other)) == level[0]


@pytest.mark.parametrize("n_jobs", [None, 1, 2, -1])
def test_threads_change_nothing(n_jobs):
    numbers = np.random.default_rng(0).normal(size=1001)
    tasks = [lambda value=value: value for value in numbers]
    assert by_joblib(tasks, np.add, n_jobs) == by_joblib(tasks, np.add, None)


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: Partitions([]), ValueError, "no pieces"),
        (lambda: Partitions("file"), TypeError, "list of"),
        (lambda: Partitions(X for _ in range(2)), TypeError, "from_iterable"),
        (lambda: Partitions([X], max_rows=0), ValueError, "max_rows=0"),
        (lambda: Partitions.from_arrays(X, y, chunk=2.5), ValueError, "chunk=2.5"),
        (lambda: Partitions.from_arrays(X, y[:3]), ValueError, "25 rows, y has 3"),
        (lambda: Partitions.from_arrays(X[:0]), ValueError, "no rows"),
        (lambda: Partitions.from_iterable(iter([X])), TypeError, "read once only"),
        (lambda: Partitions.from_parquet("/nowhere/at all"), OSError, "nowhere"),
        (lambda: list(Partitions(["X"])), PieceError, "piece 0 holds str"),
        (lambda: list(Partitions([(X, y, weight, 1)])), PieceError, "piece 0 holds tuple"),
        (lambda: list(Partitions([X, lambda: 1 / 0])), PieceError, "piece 1 cannot be read: ZeroDivisionError"),
        (lambda: list(Partitions.from_iterable(lambda: iter([]))), PieceError, "gives no piece"),
        (lambda: list(Partitions.from_iterable(lambda: (1 / i for i in (1, 0)))), PieceError, "piece 1 cannot"),
        (lambda: len(Partitions.from_iterable(lambda: [X])), TypeError, "at its end only"),
        (lambda: list(Partitions([(X, y)]).with_target("t")), PieceError, "give one of the two"),
        (lambda: list(Partitions([X]).with_target("t")), PieceError, "no frame"),
        (lambda: list(Partitions([pd.DataFrame(X)]).with_target("t")), PieceError, "no column 't'"),
    ],
)
def test_what_is_wrong_is_said(call, error, words):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize("setting", [{"target": "t"}, {"columns": ["a", "z"]}, {"sample_weight": "w"}])
def test_a_column_that_is_not_there_is_named(setting, tmp_path):
    pd.DataFrame({"a": [1], "b": [2]}).to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(ValueError, match=f"{next(iter(setting))}='[tzw]' is no column"):
        Partitions.from_parquet(tmp_path, **setting)
    with pytest.raises(ValueError, match="names 'a', which is the target"):
        Partitions.from_parquet(tmp_path, "a", columns=["a"])


def test_a_target_may_be_a_column_of_frames():
    frame = pd.DataFrame(X, columns=["a", "t"])
    for read in Partitions([frame]).with_target("t"):
        assert isinstance(read, RawRows) and list(read.X.columns) == ["a"]
        assert_array_equal(read.y, frame["t"])
