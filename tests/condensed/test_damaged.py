"""What is said of files that are no whole file of a set that this version reads."""

import json

import numpy as np
import pytest
import scipy.sparse as sp

import skdc
from skdc import Condenser, RandomSubset
from skdc.condensed import saving
from skdc.parameterizations import Subset
from skdc.parameterizations.storage import Frequencies, Quantized
from skdc.solvers import Draw

from .same import kept
from .test_saving import SMALL


@pytest.fixture
def path(tmp_path):
    SMALL.save(tmp_path / "small.skdc")
    return tmp_path / "small.skdc"


def rewritten(path, change):
    """Change what the header of a file says of the set."""
    held = path.read_bytes()
    length = int.from_bytes(held[:8], "little")
    header = json.loads(held[8 : 8 + length])
    entry = json.loads(header["__metadata__"]["skdc"])
    change(header, entry)
    if header["__metadata__"]:
        header["__metadata__"]["skdc"] = json.dumps(entry)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + held[8 + length :])


def test_a_newer_format_is_refused_by_name(path):
    rewritten(
        path, lambda header, entry: entry.update(format=saving.FORMAT + 1, version="9.1", parts="of another kind")
    )
    with pytest.raises(
        ValueError,
        match=r"small.skdc' is of format 4, written by skdc 9.1; skdc .* reads formats up to 3: pip install -",
    ):
        skdc.load(path)


def test_an_older_format_says_nothing_of_the_scaling(path):
    rewritten(path, lambda header, entry: (entry.update(format=2), entry["provenance"].pop("scaling")))
    assert skdc.load(path).provenance.scaling is None


def test_a_file_of_other_tensors_is_refused(path):
    rewritten(path, lambda header, entry: header["__metadata__"].clear())
    with pytest.raises(ValueError, match=r"small.skdc' is a safetensors file, but of no condensed set; give one that"):
        skdc.load(path)


@pytest.mark.parametrize(
    "held",
    [b"", b"a,b\n1,2\n", b"\x80\x05" + bytes(60), b"PAR1" + bytes(50), bytes(8), b"\x08" + bytes(7) + b"{]      "],
)
def test_another_file_is_refused(held, path):
    path.write_bytes(held)
    with pytest.raises(ValueError, match=r"small.skdc' is no file of a set"):
        skdc.load(path)


def test_a_torn_file_is_refused_wherever_it_is_torn(path):
    held = path.read_bytes()
    for end in (*range(0, 200, 7), len(held) // 2, len(held) - 1):
        path.write_bytes(held[:end])
        with pytest.raises(ValueError, match=r"small.skdc' (is torn: it has \d+ bytes, of|is no file of a set)"):
            skdc.load(path)
    path.write_bytes(held + b"\0")
    with pytest.raises(ValueError, match=f"is damaged: it has {len(held) + 1} bytes, of {len(held)}"):
        skdc.load(path)


def _harmful(header, entry):
    entry["parts"]["X"] = {"kind": "objects", "shape": [1], "tensor": "X"}


@pytest.mark.parametrize(
    "change",
    [
        lambda header, entry: header["X"].update(shape=[3, 3]),
        lambda header, entry: header["X"].update(shape=[-3, -2]),
        lambda header, entry: header["X"]["data_offsets"].reverse(),
        lambda header, entry: header["X"].update(data_offsets=header["y_soft"]["data_offsets"]),
        lambda header, entry: header["X"].update(dtype="F8_E4M3"),
        lambda header, entry: header.pop("y_soft"),
        lambda header, entry: entry["parts"].pop("classes"),
        lambda header, entry: entry["parts"]["X"].update(tensor="Z"),
        lambda header, entry: entry["parts"]["X"].update(kind="pickle"),
        lambda header, entry: entry["parts"]["X"].update(dtype="O"),
        lambda header, entry: entry["parts"]["X"].update(dtype="(3,2)f8"),
        lambda header, entry: entry["parts"].update(X=entry["parts"]["y"]),
        lambda header, entry: entry.pop("parts"),
        lambda header, entry: entry["parts"].update(Z=None),
        lambda header, entry: entry["provenance"].update(more=1),
        lambda header, entry: entry.update(format="1"),
        _harmful,
    ],
)
def test_a_damaged_file_is_refused_in_one_sentence(change, path):
    rewritten(path, change)
    with pytest.raises(ValueError, match=r"small.skdc' is (damaged|no file of a set|torn)") as raised:
        skdc.load(path)
    assert "\n" not in str(raised.value)


SCALINGS = [
    {"mean": [1.0], "deviation": []},
    {"mean": [], "deviation": []},
    {"mean": [1.0, "2"], "deviation": [1.0, 1.0]},
    {"mean": [1.0, None], "deviation": [1.0, 1.0]},
    {"mean": [1.0, None], "deviation": [1.0, None]},
    {"mean": 1.0, "deviation": 1.0},
    {"levels": [["Oslo"], []]},
    {"levels": [[None]] * 3},
    {"levels": {"a": 1}},
    {"levels": None},
    {"kind": "tensors"},
    {"more": 1},
]


@pytest.mark.parametrize("change", SCALINGS, ids=range(len(SCALINGS)))
def test_a_damaged_scaling_is_refused_in_one_sentence(change, tmp_path, rng):
    path = tmp_path / "small.skdc"
    RandomSubset(n_samples=3, random_state=0).fit(rng.normal(size=(9, 2))).condensed_.save(path)
    assert len(skdc.load(path).provenance.scaling.mean) == 2
    rewritten(path, lambda header, entry: entry["provenance"]["scaling"].update(change))
    with pytest.raises(ValueError, match=r"small.skdc' is damaged: [^\n]*$"):
        skdc.load(path)


def spoiled(path, found, instead):
    """Change some numbers of an array in a file."""
    held = path.read_bytes()
    assert held.count(found.tobytes()) == 1
    path.write_bytes(held.replace(found.tobytes(), instead.astype(found.dtype).tobytes()))


@pytest.mark.parametrize(
    "found, instead",
    [
        (np.array([2, 1, 0]), np.array([2, 1, 3])),
        (np.array([2, 1, 0]), np.array([2, -1, 0])),
        (np.array([0, 1, 2, 3]), np.array([0, 2, 1, 3])),
        (np.array([0, 1, 2, 3]), np.array([0, 1, 2, -(2**30)])),  # of which scipy says nothing
        (np.array([0, 1, 2, 3]), np.array([1, 1, 2, 3])),
    ],
)
def test_places_outside_of_sparse_rows_are_refused(found, instead, tmp_path):
    kept(tmp_path, sp.csr_array(np.eye(3)[::-1]))
    spoiled(tmp_path / "set.skdc", found.astype(np.int32), instead)
    with pytest.raises(ValueError, match=r"is damaged: ValueError: its sparse rows are none of shape \(3, 3\)"):
        skdc.load(tmp_path / "set.skdc")


@pytest.mark.parametrize("dtype", ["<U2", ">U2"])
def test_words_that_are_none_are_refused(dtype, tmp_path):
    words = np.array(["ab", "cd"], dtype=dtype)
    kept(tmp_path, words)
    spoiled(tmp_path / "set.skdc", words.astype("<U2").view("<u4"), np.array([97, 98, 99, 0x110000]))
    with pytest.raises(ValueError, match="is damaged: ValueError: its words are none"):
        skdc.load(tmp_path / "set.skdc")


def test_streams_of_arrow_that_are_damaged_are_refused(tmp_path):
    pandas, pyarrow = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    held = pandas.Series([b"a", b"bcde", b"f"], dtype=pandas.ArrowDtype(pyarrow.binary()))
    kept(tmp_path, held.to_frame("a"))
    spoiled(tmp_path / "set.skdc", np.array([0, 1, 5, 6], np.int32), np.array([0, 1, 2**30, 6]))
    with pytest.raises(ValueError, match="is damaged: ArrowInvalid"):
        skdc.load(tmp_path / "set.skdc")


def test_streams_of_polars_that_are_damaged_are_refused(tmp_path):
    polars = pytest.importorskip("polars")
    kept(tmp_path, polars.DataFrame({"a": polars.Series([1, 2], dtype=polars.Decimal(7, 2))}))
    # Polars panics at a precision that is none.
    spoiled(tmp_path / "set.skdc", np.array([7, 2], np.int32), np.array([700, 2]))
    with pytest.raises(ValueError, match=r"is damaged: ValueError: .*precision"):
        skdc.load(tmp_path / "set.skdc")


def typed_frame(package):
    """Return a frame of numbers, words and categories."""
    library, values = pytest.importorskip(package), {"number": [1, None, 3], "word": ["a", None, "b"]}
    if package == "polars":
        return library.DataFrame(values).with_columns(
            category=library.Series(["u", None, "v"], dtype=library.Categorical)
        )
    pandas, arrays = pytest.importorskip("pandas"), {name: library.array(column) for name, column in values.items()}
    arrays["category"] = library.array(["u", None, "v"]).dictionary_encode()
    return pandas.DataFrame({name: pandas.arrays.ArrowExtensionArray(array) for name, array in arrays.items()})


@pytest.mark.parametrize("package", ["polars", "pyarrow"])
@pytest.mark.parametrize(
    "change",
    [
        lambda number, word, category: number.update(kind="words"),
        lambda number, word, category: number.update(kind="stream", tensor="X.0"),
        lambda number, word, category: number.update(values=number["missing"]),
        lambda number, word, category: number.update(missing=number["values"]),
        lambda number, word, category: number.update(missing={"kind": "array", "dtype": "|b1", "tensor": "y"}),
        lambda number, word, category: number.pop("missing"),
        lambda number, word, category: word.update(kind="values", missing=None),
        lambda number, word, category: word.update(values=number["values"]),
        lambda number, word, category: word["values"].update(shape=[1, 4]),
        lambda number, word, category: word["values"].update(shape=[3, 1]),
        lambda number, word, category: word.update(values={"kind": "objects", "shape": [1, 3], "tensor": "classes"}),
        lambda number, word, category: category.update(kind="words", values=word["values"]),
        lambda number, word, category: category.update(columns=[]),
        lambda number, word, category: category["columns"][0].update(categories=number),
        lambda number, word, category: category["columns"][0].update(codes=number["missing"]),
        lambda number, word, category: category["columns"][0]["codes"].update(tensor="sample_weight", dtype="<i8"),
    ],
)
def test_columns_of_arrow_that_are_damaged_are_refused(package, change, tmp_path):
    weights, words = np.array([0, -2, 1]), np.array(["a", None, 1], dtype=object)
    kept(tmp_path, typed_frame(package), np.array([True, False, True]), sample_weight=weights, classes=words)

    def changed(header, entry):
        blocks = [block["values"] for block in entry["parts"]["X"]["blocks"]]
        change(*(block["values"] if block["kind"] == "arrow" else block for block in blocks))

    rewritten(tmp_path / "set.skdc", changed)
    with pytest.raises(ValueError, match=r"set\.skdc' is damaged"):
        skdc.load(tmp_path / "set.skdc")


@pytest.mark.parametrize("tensor", ["y", "X.1", "X.2.0"])
@pytest.mark.parametrize("package", ["polars", "pyarrow"])
def test_types_of_arrow_that_are_damaged_are_refused(package, tensor, tmp_path):
    kept(tmp_path, typed_frame(package), np.array([True, False, True]))

    def changed(header, entry):
        frame = entry["parts"]["X"]
        (frame["dtypes"] if package == "polars" else frame["blocks"][0]["values"]["type"]).update(tensor=tensor)

    rewritten(tmp_path / "set.skdc", changed)
    with pytest.raises(ValueError, match=r"set\.skdc' is damaged"):
        skdc.load(tmp_path / "set.skdc")


CODED = [
    lambda entry: entry["code"]["fields"]["coefficients"]["fields"]["n_bits"].update(value=3),
    lambda entry: entry["code"]["fields"]["coefficients"]["fields"]["n_bits"].update(value=0),
    lambda entry: entry["code"]["fields"]["coefficients"]["fields"]["shape"].update(value=[10, 8]),
    lambda entry: entry["code"]["fields"]["coefficients"]["fields"].pop("low"),
    lambda entry: entry["code"]["fields"]["image_shape"].update(value=[1, 5, 4]),
    lambda entry: entry["code"]["fields"]["row_shape"].update(value=[7, 7]),
    lambda entry: entry["code"].update(code="Subprocess"),
    lambda entry: entry["code"]["fields"].pop("masks"),
    lambda entry: entry["code"]["fields"].update(more={"kind": "value", "value": 1}),
    lambda entry: entry["dtype"].update(value="O"),
]


@pytest.mark.parametrize("change", CODED, ids=range(len(CODED)))
def test_damaged_codes_are_refused_in_one_sentence(change, tmp_path, rng):
    path = tmp_path / "small.skdc"
    storage = Quantized(4, Frequencies(9))
    images = rng.integers(0, 256, (40, 6, 6)).astype(np.uint8)
    Condenser(None, Subset(storage), Draw(), n_samples=8, random_state=0).fit(images).condensed_.save(path)
    assert skdc.load(path).X.dtype == np.uint8
    rewritten(path, lambda header, entry: change(entry["parts"]["X"]["fields"]))
    with pytest.raises(ValueError, match=r"small.skdc' is damaged") as raised:
        skdc.load(path)
    assert "\n" not in str(raised.value)
