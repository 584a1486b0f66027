"""The file of a set: what it holds, what comes back of it, and what is said where it cannot be read."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, given, settings
from hypothesis.extra import numpy as hnp

import skdc
from skdc import CondensedSet, KMedoids
from skdc.condensed import saving
from skdc.condensed.safetensors import read_tensors
from skdc.provenance import Provenance

from .same import assert_same_array, kept

RNG = np.random.default_rng(0)
PROVENANCE = Provenance(
    condenser="KMedoids(n_per_class=2)",
    parameters={"n_per_class": 2, "parts": [1.5, None, "ä"]},
    recipe={"discrepancy": "MMD()", "privacy": None},
    seed=2**64,
    version="0.1.0",
    n_rows=150,
    n_points=3,
    n_per_class={"a": 2, "b": 1},
    rows_per_class={"a": 100.0, "b": 50.0},
    fingerprint="ab12",
    seconds=0.25,
    privacy=None,
    storage={"points": 3, "bytes": 48},
)
SMALL = CondensedSet(
    np.arange(6.0).reshape(3, 2),
    np.array(["a", "a", "b"]),
    np.array([0.5, 1, 1.5]),
    np.array([[0.75, 0.25], [1, 0], [0, 1]]),
    np.array(["a", "b"]),
    PROVENANCE,
)
ARRAYS = {
    **{name: np.array([[0, 1], [7, 100]], dtype=name) for name in ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")},
    **{name: np.array([[np.nan, -0.0], [np.inf, 0.1]], dtype=name) for name in ("f2", "f4", "f8")},
    "bool": np.array([[True, False]]),
    "big-endian": np.array([[1.5, 2]], dtype=">f4"),
    "large": np.array([[2**64 - 1, 2**63]], dtype=np.uint64),
    "columns first": np.asfortranarray(RNG.normal(size=(3, 4))),
    "a view": RNG.normal(size=(6, 4))[::-2, 1:],
    "images": RNG.integers(0, 256, (4, 3, 5, 5), dtype=np.uint8),
    "videos": RNG.normal(size=(2, 3, 1, 2, 2)).astype(np.float32),
    "no rows": np.empty((0, 3)),
    "no columns": np.empty((3, 0), np.float32),
    "words": np.array([["a", "ä\U0001f600"], ["", "words"]]),
    "big-endian words": np.array(["a", "bc"], dtype=">U2"),
    "bytes": np.array([b"a", b"b\0c"]),
    "objects": np.array([["a", None], [np.nan, 3]], dtype=object),
    "dates": np.array(["2020-01-01", "NaT"], dtype="M8[D]"),
    "one word": np.array("word"),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_come_back(name, tmp_path):
    values = ARRAYS[name]
    again = kept(tmp_path, values, values, classes=values)
    for found in (again.X, again.y, again.classes):
        assert_same_array(found, values)
        assert found.flags.writeable and found.flags.c_contiguous and found.flags.aligned


ANY = hnp.scalar_dtypes().filter(lambda dtype: dtype.kind not in "cV" and dtype.char != "g")


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hnp.arrays(ANY, hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4)))
def test_random_arrays_come_back(tmp_path, values):
    assert_same_array(kept(tmp_path, values).X, values)


@pytest.mark.parametrize("make", [sp.csr_array, sp.csr_matrix])
@pytest.mark.parametrize("dtype", [np.float32, np.uint8, bool])
def test_sparse_rows_come_back(make, dtype, tmp_path):
    rows = make(RNG.integers(0, 2, (4, 6)), dtype=dtype)
    rows.data[0] = 0  # which stays a number that is stored
    found = kept(tmp_path, rows).X
    assert type(found) is type(rows) and found.dtype == rows.dtype and found.shape == rows.shape
    for part in ("data", "indices", "indptr"):
        assert_same_array(getattr(found, part), getattr(rows, part))


def test_a_set_comes_back_whole(tmp_path):
    path = tmp_path / "small.skdc"
    SMALL.save(path)
    again = skdc.load(str(path))
    for name in ("X", "y", "sample_weight", "y_soft", "classes"):
        assert_same_array(getattr(again, name), getattr(SMALL, name))
    assert again.provenance == PROVENANCE
    bare = kept(tmp_path, SMALL.X)
    assert bare.y is bare.sample_weight is bare.y_soft is bare.classes is bare.provenance is None
    before = path.read_bytes()
    again.save(path)
    assert path.read_bytes() == before, "the same set gives the same bytes"


def test_the_file_is_one_of_safetensors(tmp_path):
    # After the description of the format, byte by byte.
    replace(SMALL, classes=np.array([1], np.uint8), y=np.array([1, 2, 3], np.int16)).save(tmp_path / "small.skdc")
    held = (tmp_path / "small.skdc").read_bytes()
    length = int.from_bytes(held[:8], "little")
    header = json.loads(held[8 : 8 + length])
    assert length % 8 == 0 and held[8:9] == b"{"
    entry = json.loads(header.pop("__metadata__")["skdc"])
    assert entry["format"] == 3 and entry["provenance"]["recipe"]["discrepancy"] == "MMD()"
    assert header["X"] == {"dtype": "F64", "shape": [3, 2], "data_offsets": header["X"]["data_offsets"]}
    begin, end = header["X"]["data_offsets"]
    assert np.frombuffer(held[8 + length :][begin:end], "<f8").tolist() == [0, 1, 2, 3, 4, 5]
    for tensor in header.values():  # a reader may map it
        assert tensor["data_offsets"][0] % (int(tensor["dtype"][1:]) // 8) == 0
    spans = sorted(tensor["data_offsets"] for tensor in header.values())
    assert spans[0][0] == 0 and spans[-1][1] == len(held) - 8 - length
    assert all(one[1] == other[0] for one, other in pairwise(spans))


def test_other_libraries_read_and_write_it(tmp_path):
    library = pytest.importorskip("safetensors.numpy")
    SMALL.save(tmp_path / "small.skdc")
    found = library.load_file(tmp_path / "small.skdc")
    np.testing.assert_array_equal(found["X"], SMALL.X)
    np.testing.assert_array_equal(found["y_soft"], SMALL.y_soft)
    library.save_file({"a": SMALL.X, "b": np.array([True])}, tmp_path / "other", {"made": "elsewhere"})
    tensors, metadata = read_tensors(tmp_path / "other")
    np.testing.assert_array_equal(tensors["a"], SMALL.X)
    assert metadata == {"made": "elsewhere"}


@pytest.mark.parametrize(
    "values, message",
    [
        (np.array([1j]), "X has dtype complex128, which cannot be kept in a file: only booleans, whole numbers"),
        (np.array([1], dtype=np.longdouble), "X has dtype (longdouble|float128), which cannot"),
        (np.zeros(2, "i4,f4"), "X has dtype .*, which cannot"),
        (
            np.array([{}, 1]),
            r"X has dtype object, which cannot be kept in a file: it holds \{\}, of type builtins.dict",
        ),
        (
            np.ma.masked_array([1, 2], [0, 1]),
            "X is a numpy MaskedArray, which cannot be kept in a file; arrays, sparse",
        ),
        ([[1, 2]], "X is a builtins list, which"),
        (sp.coo_array(np.eye(2)), r"X is a sparse matrix in the format coo, .*\.tocsr\(\) is kept"),
    ],
    ids=["complex", "long", "structured", "dict", "masked", "list", "coo"],
)
def test_what_cannot_be_kept_is_refused_before_anything_is_written(values, message, tmp_path):
    with pytest.raises(TypeError, match=message):
        CondensedSet(values, None).save(tmp_path / "set.skdc")
    assert not list(tmp_path.iterdir())


def test_a_provenance_that_json_has_not_is_refused(tmp_path):
    odd = Provenance(**{**vars(PROVENANCE), "parameters": {"rows": np.eye(2)}})
    with pytest.raises(TypeError, match=r"the provenance of the set cannot be kept in a file: .*ndarray"):
        CondensedSet(SMALL.X, SMALL.y, provenance=odd).save(tmp_path / "set.skdc")
    assert not list(tmp_path.iterdir())


@pytest.fixture
def path(tmp_path):
    SMALL.save(tmp_path / "small.skdc")
    return tmp_path / "small.skdc"


def test_paths_that_hold_no_file_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=f"there is no file {re.escape(repr(str(tmp_path / 'none')))}; give"):
        skdc.load(tmp_path / "none")
    with pytest.raises(IsADirectoryError, match=r"is a folder; give the path of a file that save\(path\) has written"):
        skdc.load(tmp_path)
    with pytest.raises(IsADirectoryError, match="is a folder; give the path of a file"):
        SMALL.save(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"where 'set.skdc' is to be written, is no folder"):
        SMALL.save(tmp_path / "none" / "set.skdc")


def run(code, *arguments):
    return subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True)


def test_it_takes_neither_torch_nor_pandas(path):
    code = (
        "import sys; sys.modules['pandas'] = sys.modules['polars'] = sys.modules['pyarrow'] = None; import skdc; "
        "condensed = skdc.load(sys.argv[1]); condensed.save(sys.argv[1]); print(condensed); condensed._repr_html_(); "
        "assert 'torch' not in sys.modules"
    )
    done = run(code, path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("CondensedSet(3 points of 2 columns")


def test_what_it_needs_is_said(tmp_path):
    pandas, polars, _ = (pytest.importorskip(package) for package in ("pandas", "polars", "pyarrow"))
    arrow = pandas.DataFrame({"a": pandas.array([1], dtype="int64[pyarrow]")})
    frames = {"pandas": pandas.DataFrame({"a": [1]}), "polars": polars.DataFrame({"a": [1]}), "pyarrow": arrow}
    for package, frame in frames.items():
        CondensedSet(frame, None).save(tmp_path / package)
    done = run(LOADER, tmp_path)
    for package, said in zip(frames, done.stdout.splitlines(), strict=True):
        assert said == f"'{tmp_path / package}' holds what needs {package}: pip install {package}"


LOADER = """
import sys, skdc
for package in ("pandas", "polars", "pyarrow"):
    sys.modules[package] = None
    try:
        skdc.load(f"{sys.argv[1]}/{package}")
    except ImportError as error:
        print(error)
    del sys.modules[package]
"""
WRITER = """
import sys, numpy as np, skdc
for number in range(1, 1000):
    skdc.CondensedSet(np.full((500, 1000), float(number)), None).save(sys.argv[1])
    print(number, flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_process_killed_while_it_saves_leaves_a_whole_file(tmp_path):
    path = tmp_path / "set.skdc"
    for delay in (0.002, 0.007):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as writer:
            said = int(writer.stdout.readline())
            time.sleep(delay)
            writer.send_signal(signal.SIGKILL)
            said = int((writer.stdout.read().split() or [said])[-1])
        number = skdc.load(path).X
        assert number.shape == (500, 1000) and number.min() == number.max() and number[0, 0] in (said, said + 1)


def test_an_error_while_it_is_written_leaves_the_old_file(path, monkeypatch):
    before = path.read_bytes()

    def half(file, tensors, metadata):
        file.write(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(saving, "write_tensors", half)
    with pytest.raises(OSError, match="no space left"):
        CondensedSet(SMALL.X, SMALL.y).save(path)
    assert path.read_bytes() == before and os.listdir(path.parent) == [path.name]


def test_the_set_of_a_fit_comes_back(tmp_path):
    X, y = RNG.normal(size=(40, 3)).astype(np.float32), np.arange(40) % 2
    condensed = KMedoids(3, random_state=0).fit(X, y).condensed_
    condensed.save(tmp_path / "set.skdc")
    again = skdc.load(tmp_path / "set.skdc")
    for name in ("X", "y", "sample_weight", "classes"):
        assert_same_array(getattr(again, name), getattr(condensed, name))
    assert again.provenance == condensed.provenance
