"""Files are read by numpy and json alone: values, where they are missing, words and categories."""

import datetime as dt
import json
import subprocess
import sys
from decimal import Decimal

import numpy as np
import pytest

from skdc import CondensedSet

LARGE = 2**53 + 1


class ByNumpy:
    """What a file says, in the way that the guide shows."""

    def __init__(self, path):
        held = path.read_bytes()
        self.start = 8 + int.from_bytes(held[:8], "little")
        self.held, self.header = held, json.loads(held[8 : self.start])
        self.parts = json.loads(self.header["__metadata__"]["skdc"])["parts"]

    def array(self, description):
        """Return an array, of words as objects."""
        entry = self.header[description["tensor"]]
        begin, end = (self.start + offset for offset in entry["data_offsets"])
        if description["kind"] == "objects":
            return np.array(json.loads(self.held[begin:end]), dtype=object).reshape(description["shape"])
        return np.frombuffer(self.held[begin:end], description["dtype"]).reshape(entry["shape"])

    def columns(self, block):
        """Return the columns of a block as lists, None where they are missing."""
        if block["kind"] == "arrow":
            block = block["values"]
        if block["kind"] == "categories":
            return [self._categories(column) for column in block.get("columns", [block])]
        values = self.array(block["values"])
        held = block.get("missing")
        missing = self.array(held) if isinstance(held, dict) else np.zeros(values.shape, bool)
        assert not (missing & (values != np.zeros((), values.dtype))).any(), "missing ones hold zero"
        return np.where(missing, None, values.astype(object) if values.dtype.kind not in "mM" else values).tolist()

    def _categories(self, column):
        ((*categories,),) = self.columns(column["categories"])
        return [None if code < 0 else categories[code] for code in self.array(column["codes"]).ravel()]

    def frame(self, part):
        """Return the columns of a frame, by place; of those that are streams there is nothing."""
        found = {}
        for block in self.parts[part]["blocks"]:
            values = block["values"]
            if "stream" not in (values["kind"], values.get("values", {}).get("kind")):
                found.update(zip(block["places"], self.columns(values), strict=True))
        return found


def same(found, expected):
    """Tell whether lists have the same values, of the same types, NaN and the sign of zero too."""
    return [(type(value), str(value)) for value in found] == [(type(value), str(value)) for value in expected]


def test_frames_of_pandas(tmp_path):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(
        {
            "number": pd.array([1, None, LARGE], dtype="Int64"),
            "category": pd.Categorical(["v", None, "u"]),
            "word": np.array(["ä", "b", ""], dtype=object),
        }
    )
    CondensedSet(frame, frame["number"]).save(tmp_path / "set")
    held = ByNumpy(tmp_path / "set")
    assert held.frame("X") == {0: [1, None, LARGE], 1: ["v", None, "u"], 2: ["ä", "b", ""]}
    assert held.columns(held.parts["y"]["values"]) == [[1, None, LARGE]]


DAY, MOMENT, SPAN = dt.date(1950, 1, 1), dt.datetime(2020, 3, 28, 1, 0, 0, 123_000), dt.timedelta(-1, 5)
NUMBERS = {
    **{f"int{8 * size}": [1, None, -(2 ** (8 * size - 1))] for size in (1, 2, 4, 8)},
    **{f"uint{8 * size}": [1, None, 2 ** (8 * size) - 1] for size in (1, 2, 4, 8)},
    "beyond floats": [LARGE, None, -LARGE],
    **{f"float{8 * size}": [float("nan"), None, -0.0] for size in (2, 4, 8)},
    "bool": [True, None, False],
}
WORDS = ["ä\0", None, ""]


def arrow_columns(pa):
    """Return types of Arrow with values, and what numpy makes of these."""
    midnight, minute = dt.datetime(1950, 1, 1), dt.timedelta(0, 60)
    named = {"beyond floats": "int64", "float64": "double", "float16": "halffloat"}
    return [
        *((pa.type_for_alias(named.get(name, name)), values, values) for name, values in NUMBERS.items()),
        (pa.date32(), [DAY, None, DAY], [DAY, None, DAY]),
        (pa.date64(), [DAY, None, DAY], [midnight, None, midnight]),
        *((pa.timestamp("ms", zone), [MOMENT, None, MOMENT], [MOMENT, None, MOMENT]) for zone in (None, "UTC")),
        (pa.timestamp("ns", "Europe/Oslo"), [LARGE, None, 0], [LARGE, None, 0]),  # which Python's datetime has not
        (pa.duration("us"), [SPAN, None, SPAN], [SPAN, None, SPAN]),
        (pa.time32("s"), [dt.time(0, 1), None, dt.time(0)], [minute, None, dt.timedelta(0)]),
        *((dtype, WORDS, WORDS) for dtype in (pa.string(), pa.large_string(), pa.dictionary(pa.uint8(), pa.string()))),
        (pa.dictionary(pa.int8(), pa.int64()), [LARGE, None, 2], [LARGE, None, 2]),
    ]


def test_columns_of_arrow(tmp_path):
    pd, pa = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    columns = arrow_columns(pa)
    arrays = [pa.array(values, dtype, from_pandas=False) for dtype, values, _ in columns]
    frame = pd.DataFrame({place: pd.arrays.ArrowExtensionArray(array) for place, array in enumerate(arrays)})
    CondensedSet(frame.assign(list=pd.array([[1], None, []], pd.ArrowDtype(pa.list_(pa.int8())))), None).save(
        tmp_path / "set"
    )
    found = ByNumpy(tmp_path / "set").frame("X")
    assert sorted(found) == list(range(len(columns))), "a list is a stream"
    for place, (dtype, _, expected) in enumerate(columns):
        assert same(found[place], expected), (dtype, found[place], expected)


def test_frames_of_polars(tmp_path):
    pl = pytest.importorskip("polars")
    names = {"bool": "Boolean", "beyond floats": "Int64", **{f"uint{bits}": f"UInt{bits}" for bits in (8, 16, 32, 64)}}
    columns = {
        name: pl.Series(values, dtype=getattr(pl, names.get(name, name.capitalize())))
        for name, values in NUMBERS.items()
    }
    expected = dict(NUMBERS)
    others = {
        "date": (pl.Date, [DAY, None, DAY]),
        "moment": (pl.Datetime("ms"), [MOMENT, None, MOMENT]),
        "time": (pl.Time, [dt.time(0, 0, 1), None, dt.time(0)]),
        "span": (pl.Duration("us"), [SPAN, None, SPAN]),
        "words": (pl.String, WORDS),
        "enum": (pl.Enum(["z", *WORDS[::-2]]), WORDS),
        "categories": (pl.Categorical, WORDS),
    }
    for name, (dtype, values) in others.items():
        columns[name], expected[name] = pl.Series(values, dtype=dtype), values
    expected["time"] = [10**9, None, 0]  # of nanoseconds
    columns["zone"] = pl.Series([MOMENT, None, MOMENT]).dt.replace_time_zone("UTC").dt.convert_time_zone("Asia/Tokyo")
    expected["zone"] = [MOMENT, None, MOMENT]
    columns["list"] = pl.Series([[1], None, []])
    CondensedSet(pl.DataFrame(columns), pl.Series("t", ["a", "b", "a"])).save(tmp_path / "set")
    held = ByNumpy(tmp_path / "set")
    assert held.parts["X"]["columns"] == list(columns) and held.parts["y"]["columns"] == ["t"]
    found = held.frame("X")
    assert sorted(found) == list(range(len(columns) - 1)), "a list is a stream"
    for place, name in enumerate(expected):
        assert same(found[place], expected[name]), (name, found[place], expected[name])
    assert held.frame("y") == {0: ["a", "b", "a"]}


def test_other_libraries_read_them(tmp_path):
    library, pl = pytest.importorskip("safetensors.numpy"), pytest.importorskip("polars")
    CondensedSet(pl.DataFrame({"a": [1, None, 3], "b": [4, 5, 6]}), None).save(tmp_path / "set")
    found = library.load_file(tmp_path / "set")
    np.testing.assert_array_equal(found["X.0"], [[1, 0, 3], [4, 5, 6]])
    np.testing.assert_array_equal(found["X.0.missing"], [[False, True, False], [False] * 3])


KEEPER = """
import sys
sys.modules[sys.argv[2]] = None
import datetime; import {package} as package, skdc
from decimal import Decimal
{frame}
skdc.CondensedSet(frame, None).save(sys.argv[1])
assert skdc.load(sys.argv[1]).X.equals(frame)
"""
VALUES = {
    "word": WORDS,
    "category": WORDS,
    "moment": [MOMENT, None, MOMENT],
    "decimal": [Decimal("1.5"), None, Decimal("2.5")],
    "real": [0.5, None, 1.5],
    "list": [[1], None, []],
}
FRAMES = {
    "polars": f"frame = package.DataFrame({VALUES!r}).cast({{'category': package.Categorical}})",
    "pandas": f"""
import pyarrow
columns = [pyarrow.array(values) for values in {VALUES!r}.values()]
columns.append(columns[0].dictionary_encode())
frame = package.DataFrame({{place: package.arrays.ArrowExtensionArray(column) for place, column in enumerate(columns)}})
""",
}


@pytest.mark.parametrize("package, without", [("polars", "pyarrow"), ("pandas", "polars")])
def test_neither_package_needs_the_other(package, without, tmp_path):
    for needed in (package, "polars" if package == "polars" else "pyarrow"):
        pytest.importorskip(needed)
    code = KEEPER.format(package=package, frame=FRAMES[package])
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "set", without], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
