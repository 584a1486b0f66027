"""Each wrong command is answered by one line that says what is wrong and what to do, with exit code 2."""

import json
import re
import sys
import warnings
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

OUT = "--out out.csv --quiet"
KMEDOIDS = f"condense data.csv --target income --method kmedoids {OUT}"
SCHEMA = {
    "classes": ["high", "low"],
    "columns": {
        "age": {"range": [0, 120]},
        "wage": {"range": [0.0, 500.0], "missing": True},
        "home": {"levels": ["free", "own", "rent"]},
        "since": {"dates": ["2020-01-01", "2022-12-31"]},
        "smoker": {"levels": [False, True]},
    },
}
WRONG = [
    ("condens", "argument COMMAND: invalid choice: 'condens' (choose from 'condense',"),
    (
        f"{KMEDOIDS} --per-clas 5",
        "condense has no argument '--per-clas'; nearest: '--per-class'; see 'skdc condense --help'",
    ),
    (f"{KMEDOIDS} 5", "condense has no argument '5'; see"),
    ("condense data.csv", "the following arguments are required: --out; see 'skdc condense --help'"),
    (f"{KMEDOIDS} --per-class 0", "argument --per-class: '0' must be a whole number, at least 1"),
    (f"{KMEDOIDS} --per-class 3 --rows 5", "argument --rows: not allowed with argument --per-class"),
    (f"{KMEDOIDS} --rows 1.5", "argument --rows: '1.5' must be a whole number, or a share such as 0.01 or 1%"),
    (f"{KMEDOIDS} --seed -1", "argument --seed: "),
    (f"{KMEDOIDS} --max-seconds nan", "argument --max-seconds: 'nan' must be a number above 0"),
    (f"{KMEDOIDS} --size 28", "argument --size: '28' must be height and width in pixels, such as 28x28"),
    (f"{KMEDOIDS} --set n_passes", "argument --set: 'n_passes' must be a name and a value, such as n_steps=50"),
    (f"condense dta.csv --target income {OUT}", "there is no file 'dta.csv'; nearest: 'data.csv'"),
    (f"condense no/data.csv --target income {OUT}", "there is no folder 'no', and so no 'no/data.csv'"),
    (f"condense script.py {OUT}", "cannot read 'script.py': the ending must be .csv, "),
    (
        f"condense nothing {OUT}",
        "there are no images in the folders of 'nothing'; each class needs a folder, such as nothing/cat/1.png",
    ),
    (
        f"condense torn.csv {OUT}",
        "'torn.csv' cannot be read as a table of text: Expected 2 fields in line 3, saw 3; is --sep right?",
    ),
    (f"condense empty.csv {OUT}", "'empty.csv' cannot be read as a table of text: No columns to parse from file"),
    (f"condense head.csv --method kmedoids {OUT}", "'head.csv' has no rows"),
    (f"condense latin.csv {OUT}", "'latin.csv' is not in UTF-8 (byte 9); convert it, such as by: iconv -f latin1"),
    (
        f"condense torn.npz {OUT}",
        "'torn.npz' cannot be read as arrays of numbers or words; arrays of other objects are not read",
    ),
    (f"condense objects.npz {OUT}", "array 'X' of 'objects.npz' cannot be read; it must hold numbers or words"),
    (f"condense torn.skdc {OUT}", "'torn.skdc' is no file of a set"),
    (f"condense photos {OUT}", "'photos/cat/1.png' cannot be read as an image; mend it or take it away"),
    (f"condense images.npz --target label {OUT}", "'images.npz' has no array 'label'; there are: 'X', 'y'"),
    (
        f"condense rows.npy --target y {OUT}",
        "'rows.npy' has no columns; give its targets by --labels, a .csv or .npy file",
    ),
    (f"condense rows.npy --labels data.csv {OUT}", "'data.csv' has 6 columns; name that of labels by --target"),
    (f"condense rows.npy --labels data.csv --target age {OUT}", "'rows.npy' has 20 rows but 120 targets"),
    (f"condense data.csv --target incom {OUT}", "'data.csv' has no column 'incom'; nearest: 'income'"),
    (f"condense data.csv --target label {OUT}", "'data.csv' has no column 'label'; there are: 'age', 'wage', 'home', "),
    (f"{KMEDOIDS} --drop income", "column 'income' is named twice; a column is the target, a weight or dropped"),
    (f"{KMEDOIDS} --weights home", "column 'home' must hold numbers to be --weights"),
    (f"condense data.csv --target since --method kmedoids {OUT}", "y is an array of dates, datetime64"),
    (f"{KMEDOIDS} --sep ;", "'data.csv' has no column 'income'; there are: 'age,wage,home,since,smoker,income'"),
    (f"{KMEDOIDS} --sep ;;", "--sep ';;' must be one sign, or 'tab'"),
    (f"condense weighted.csv --method kmedoids --rows 2 {OUT}", "say --weights sample_weight, or --drop sample_weight"),
    (
        "condense data.csv --out out.xlsx",
        "cannot write 'out.xlsx': the ending must be .csv, .parquet, .feather, .npz, .skdc or, for ",
    ),
    ("condense data.csv --out data.csv", "'data.csv' is there already; give --force to overwrite it, or another path"),
    ("condense data.csv --out no/out.csv", "there is no folder 'no' to write 'out.csv' in; make it first"),
    ("condense data.csv --out images.npz/out.csv", "there is no folder 'images.npz' to write 'out.csv' in"),
    (f"condense data.csv {OUT} --report data.csv", "cannot write 'data.csv': the ending must be .html"),
    (
        "condense data.csv --target income --method kmedoids --out images",
        "only images are written as a folder; give --out 'images' an ending",
    ),
    (
        "condense data.csv --target income --method kmedoids --out out.npz",
        "an .npz file holds arrays of numbers, but columns are words or dates",
    ),
    (
        f"condense data.csv --target income --method kmedoid {OUT}",
        "there is no method 'kmedoid'; nearest: 'k-medoids'; 'skdc methods' lists all",
    ),
    (
        f"condense data.csv --rows 5 {OUT}",
        "method 'auto' judges sets by what learners predict, and needs --target; without one name a --method",
    ),
    (
        f"condense data.csv --target income --bytes '4 kB' {OUT}",
        "method 'auto' takes no --bytes; give --per-class or --rows, or name",
    ),
    (
        f"condense data.csv --method kmedoids --per-class 5 {OUT}",
        "--per-class needs --target, the column of classes; without one give --rows",
    ),
    (f"{KMEDOIDS} --per-class 500", "lower --per-class or --rows; --per-class 500 --at-most takes all that there are"),
    (f"{KMEDOIDS} --at-most", "--at-most goes with --per-class N; give both, or leave it out"),
    (f"{KMEDOIDS} --rows 1", "--rows 1 cannot give each of 2 classes a row; use --rows 2 or more"),
    (
        f"{KMEDOIDS} --bytes '4 q'",
        "--bytes '4 q' must be a whole number of bytes, at least 1, or words such as '784 B'",
    ),
    (
        f"{KMEDOIDS} --bytes 4B",
        "--bytes '4B' is too small for a point of each of 2 classes, kept as Subset() says; give at least --bytes 83",
    ),
    (f"{KMEDOIDS} --regression", "--regression needs numeric y; use --classification for labels"),
    (f"{KMEDOIDS} --checkpoint no/state", "--checkpoint 'no/state' lies in 'no', which is no folder"),
    (f"{KMEDOIDS} --set n_pases=3", "method 'kmedoids' has no parameter 'n_pases'; nearest: 'n_passes'"),
    (f"{KMEDOIDS} --set n_passes=many", "n_passes='many'): it must be an integer of at least 0"),
    (f"{KMEDOIDS} --set encoder=foo", "encoder='foo' must be 'auto', None or a transformer"),
    (f"{KMEDOIDS} --set 'space=Embeded()'", "--set: skdc has no part 'Embeded'"),
    (f"{KMEDOIDS} --set 'space=Laplace(factr=1)'", "--set: Laplace() got an unexpected keyword argument 'factr'"),
    (
        f"{KMEDOIDS} --set 'space=MMD() - MMD()'",
        "may hold numbers, words in quotes, lists and parts such as Laplace(), and no other code",
    ),
    (f"{KMEDOIDS} --set 'space=MMD() + 3'", "--set: 'MMD() + 3' cannot be computed: "),
    (
        f"{KMEDOIDS} --schema schema.json",
        "--schema is of private sets; give --privacy EPSILON with it, or leave it out",
    ),
    (
        f"condense data.csv --target income --privacy 1 {OUT}",
        "--privacy needs --schema: what a row may hold must be known without looking",
    ),
    (
        f"{KMEDOIDS} --privacy 1 --schema schema.json",
        "method 'kmedoids' takes no --privacy; leave --method out, or take one",
    ),
    ("compare data.csv --methods kmedoids", "the following arguments are required: --target"),
    (
        "compare data.csv --target income --methods kmedoids --per-class 2 --learners tree --quiet",
        "learner 'tree' is not known for these data",
    ),
    (
        "compare data.csv --target income --methods kmedoids --per-class 2 --rows 9",
        "--rows goes without --per-class and --bytes",
    ),
    ("compare data.csv --target income --methods kmedoids --weights age", "compare takes no --weights"),
    ("show data.csv", "'data.csv' is no condensed set: give an .skdc file, as 'skdc condense --out' writes it"),
    ("show none.skdc", "there is no file 'none.skdc'"),
    (
        "schema data.csv --out schema.json",
        "'schema.json' is there already; give --force to overwrite it, or another path",
    ),
]
SCHEMAS = [
    ({"draft": "to be edited", **SCHEMA}, 'is a draft: check each line of it, then delete the line "draft"'),
    ({"classes": ["high", "low"]}, 'must be an object with "columns" or, for arrays and images, with "range"'),
    ({**SCHEMA, "labels": []}, "has 'labels', which is not known; there are: 'columns', 'range', 'classes'"),
    ({**SCHEMA, "classes": "high"}, '"classes" must be a list of labels'),
    ({**SCHEMA, "columns": ["age"]}, '"columns" must be an object, such as {"age": {"range": [0, 120]}}'),
    (
        {**SCHEMA, "columns": {"age": {"rage": [0, 1]}}},
        'column \'age\' must have one of "range", "dates", "durations" and "levels"',
    ),
    (
        {**SCHEMA, "columns": {"age": {"range": [0]}}},
        "column 'age' must be the least and the greatest, such as [0, 120]",
    ),
    (
        {**SCHEMA, "columns": {"age": {"levels": [1]}}},
        "column 'age' must have a list of two levels or more, or be left out by --drop",
    ),
    (
        {**SCHEMA, "columns": {"age": {"range": [0, 1], "missing": "no"}}},
        "\"missing\" of column 'age' must be true or false",
    ),
    ({**SCHEMA, "columns": {"age": {"dates": ["yesterday", "never"]}}}, "the dates of column 'age' cannot be read"),
    (
        {**SCHEMA, "columns": SCHEMA["columns"] | {"age": {"range": [120, 0]}}},
        "'age' of the schema: (120, 0) must be (low, high) with low below high",
    ),
    (
        {"columns": {name: said for name, said in SCHEMA["columns"].items() if name != "age"}},
        "column 'age' is missing in the schema",
    ),
]


@pytest.fixture
def bad_files(folder):
    for name in ("script.py", "empty.csv"):
        Path(name).touch()
    for name in ("torn.parquet", "torn.npz", "torn.skdc"):
        Path(name).write_text("hello")
    Path("nothing").mkdir()
    Path("torn.csv").write_text("a,b\n1,2\n3,4,5\n")
    Path("head.csv").write_text("a,b\n")
    Path("latin.csv").write_bytes("a,b\n1,café\n".encode("latin1"))
    Path("weighted.csv").write_text("a,sample_weight\n1,2\n3,4\n5,6\n")
    Path("schema.json").write_text(json.dumps(SCHEMA))
    (folder / "photos" / "cat").mkdir(parents=True)
    (folder / "photos" / "cat" / "1.png").write_text("no image")
    np.save("rows.npy", np.zeros((20, 3)))
    np.savez("objects.npz", X=np.array([[object()]]))


def assert_one_line(found, expected):
    code, out, error = found
    assert code == 2 and out == "", (code, out, error)
    assert re.fullmatch(r"skdc: [^\n]+\n", error), error
    assert expected in error


@pytest.mark.parametrize(("command", "expected"), WRONG, ids=range(len(WRONG)))
def test_wrong_commands(skdc, bad_files, command, expected):
    assert_one_line(skdc(command), expected)
    assert not Path("out.csv").exists()


@pytest.mark.parametrize(("schema", "expected"), SCHEMAS, ids=range(len(SCHEMAS)))
def test_wrong_schemas(skdc, bad_files, schema, expected):
    Path("schema.json").write_text(json.dumps(schema))
    assert_one_line(skdc(f"condense data.csv --target income --privacy 1 --schema schema.json {OUT}"), expected)


def test_a_torn_parquet_file(skdc, bad_files):
    pytest.importorskip("pyarrow")
    assert_one_line(skdc(f"condense torn.parquet {OUT}"), "'torn.parquet' cannot be read as parquet: ")


def test_a_schema_that_is_no_json(skdc, bad_files):
    Path("schema.json").write_text("{")
    assert_one_line(
        skdc(f"condense data.csv --target income --privacy 1 --schema schema.json {OUT}"), "'schema.json' is no JSON: "
    )


@pytest.mark.parametrize(
    ("package", "command", "expected"),
    [
        ("pyarrow", "condense data.csv --out out.parquet", "by the package pyarrow: pip install pyarrow"),
        ("pandas", f"condense data.csv {OUT}", "by the package pandas: pip install 'skdc[tables]'"),
        ("PIL", f"condense photos {OUT}", "by the package PIL: pip install 'skdc[images]'"),
        (
            "dp_accounting",
            f"condense data.csv --target income --privacy 1 --schema schema.json {OUT}",
            "pip install 'skdc[private]'",
        ),
    ],
)
def test_a_package_that_is_missing(skdc, bad_files, monkeypatch, package, command, expected):
    for name in [name for name in sys.modules if name.startswith(f"{package}.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    assert_one_line(skdc(command), expected)


def test_a_bug_is_a_line_and_a_traceback_when_asked_for(skdc, monkeypatch):
    command = import_module("skdc.cli.commands.methods")

    def run(options):
        raise RuntimeError("nobody has\nthought of it")

    monkeypatch.setattr(command, "run", lambda options: len(options))
    code, _, error = skdc("methods")
    assert code == 1 and "skdc: this is a bug of skdc (TypeError: object of type 'Namespace' has no len())" in error
    monkeypatch.setattr(command, "run", run)
    code, out, error = skdc("methods")
    assert (code, out) == (1, "")
    assert error == (
        "skdc: this is a bug of skdc (RuntimeError: nobody has thought of it); please report it with what --debug "
        "shows\n"
    )
    code, _, error = skdc("methods --debug")
    assert code == 1 and error.startswith("Traceback (most recent call last):") and error.count("\nskdc: ") == 1


def test_warnings_for_users_are_notes_and_others_are_not_shown(skdc, monkeypatch):
    command = import_module("skdc.cli.commands.methods")

    def run(options):
        warnings.warn("lower n_per_class,\nor not", UserWarning, stacklevel=1)
        warnings.warn("for programmers", DeprecationWarning, stacklevel=1)

    monkeypatch.setattr(command, "run", run)
    assert skdc("methods") == (0, "", "skdc: note: lower --per-class, or not\n")
